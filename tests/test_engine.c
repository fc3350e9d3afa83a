/* Opening an engine: what a stored plan, or a database that is missing, broken
 * or only readable, does to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "tuner/build/engine.h"

struct fixture {
    char folder[64];
    char path[128];
};

static int setup(void **state)
{
    static struct fixture f;
    strcpy(f.folder, "/tmp/yt-engine-XXXXXX");
    if (!mkdtemp(f.folder))
        return 1;
    snprintf(f.path, sizeof f.path, "%s/results.db", f.folder);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command) != 0;
}

/* The built-in network on 64x64 pixels: small, and its code is soon made. */
static struct yt_engine_options options(const struct fixture *f)
{
    return (struct yt_engine_options){
        .isa = "sse4.2", .h = 64, .w = 64, .threads = 1, .db = f->path};
}

static struct yt_engine *open_engine(const struct yt_engine_options *options)
{
    struct yt_engine *engine = NULL;
    if (yt_engine_open(options, &engine) != YT_OK)
        fail_msg("%s", yt_error());
    return engine;
}

static void store_plan(const struct yt_engine *engine, const char *text)
{
    const struct yt_db_plan plan = {
        .key = yt_engine_plan_key(engine, YT_DB_TUNED),
        .text = text,
    };
    int64_t id;
    if (yt_db_plan_put(engine->db, &plan, &id) != YT_OK)
        fail_msg("%s", yt_error());
}

/* ------------------------------------------------------------------ plans */

static void a_stored_plan_is_used(void **state)
{
    const struct yt_engine_options o = options(*state);
    struct yt_engine *engine = open_engine(&o);
    assert_int_equal(engine->tuned, 0);
    assert_string_equal(engine->plan_note, "");
    char *text = yt_plan_text_write(engine->network, NULL);
    store_plan(engine, text);
    yt_engine_close(engine);

    engine = open_engine(&o);
    assert_int_equal(engine->tuned, 1);
    assert_true(engine->plan_id > 0);
    assert_string_equal(engine->plan_note, "");
    yt_engine_close(engine);
    free(text);
}

/* The plan's text with @p from made @p to, both of one length. */
static char *changed(const char *text, const char *from, const char *to)
{
    char *copy = strdup(text);
    char *at = copy ? strstr(copy, from) : NULL;
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    return copy;
}

/* A quantisation of the built-in network under which every tensor is seen. */
static struct yt_quantisation *quantisation(enum yt_dtype dtype)
{
    struct yt_quantisation *q = NULL;
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_engine_graph(NULL, &graph), YT_OK);
    assert_int_equal(yt_quantisation_create(graph, &q), YT_OK);
    yt_quantisation_set_all(q, graph, dtype);
    for (int32_t i = 0; i < q->node_count; i++) {
        q->ranges[i].lo = q->ranges[i].seen_lo = -1;
        q->ranges[i].hi = q->ranges[i].seen_hi = 6;
    }
    yt_graph_destroy(graph);
    return q;
}

/* One model, three networks: each finds its own plan. */
static void plans_of_precisions_are_kept_apart(void **state)
{
    struct yt_quantisation *const q[] = {NULL, quantisation(YT_DTYPE_U8S8),
                                         quantisation(YT_DTYPE_S16)};
    static const char *const names[] = {"f32", "int8-", "int16-"};
    struct yt_engine_options o = options(*state);
    o.unbuilt = 1;
    for (int i = 0; i < 3; i++) {
        o.quantisation = q[i];
        struct yt_engine *engine = open_engine(&o);
        assert_int_equal(engine->tuned, 0);
        assert_string_equal(engine->plan_note, "");
        assert_memory_equal(engine->precision, names[i], strlen(names[i]));
        char *text = yt_plan_text_write(engine->network, NULL);
        store_plan(engine, text);
        yt_engine_close(engine);
        free(text);
    }
    int64_t plans[3];
    for (int i = 0; i < 3; i++) {
        o.quantisation = q[i];
        struct yt_engine *engine = open_engine(&o);
        assert_int_equal(engine->tuned, 1);
        plans[i] = engine->plan_id;
        yt_engine_close(engine);
        assert_true(i == 0 || plans[i] > plans[i - 1]);
    }
    /* The f32 plan is there, so it is the one to run; then the newest. */
    o.quantisation = NULL;
    o.preferred = "";
    struct yt_engine *engine = open_engine(&o);
    assert_int_equal(engine->plan_id, plans[0]);
    yt_engine_close(engine);
    for (int i = 0; i < 3; i++)
        yt_quantisation_destroy(q[i]);
}

static void a_quantised_plan_brings_its_quantisation(void **state)
{
    struct yt_quantisation *q = quantisation(YT_DTYPE_U8S8);
    struct yt_engine_options o = options(*state);
    o.unbuilt = 1;
    o.quantisation = q;
    struct yt_engine *engine = open_engine(&o);
    char *text = yt_plan_text_write(engine->network, NULL), *broken;
    char precision[YT_PRECISION_MAX];
    strcpy(precision, engine->precision);
    store_plan(engine, text);

    o.quantisation = NULL;
    struct yt_engine *plain = open_engine(&o);
    assert_string_equal(plain->precision, "f32");
    assert_null(plain->network->quantisation);
    yt_engine_close(plain);
    o.preferred = "int16-";
    plain = open_engine(&o);
    assert_string_equal(plain->precision, "f32");
    yt_engine_close(plain);
    o.preferred = "";
    struct yt_engine *found = open_engine(&o);
    assert_string_equal(found->precision, precision);
    assert_int_equal(found->tuned, 1);
    char *again = yt_plan_text_write(found->network, NULL);
    assert_string_equal(text, again);
    yt_engine_close(found);
    free(again);

    broken = changed(text, "quant end", "quant ens");
    store_plan(engine, broken);
    found = open_engine(&o); /* runs all the same */
    assert_string_equal(found->precision, "f32");
    assert_int_equal(found->tuned, 0);
    assert_non_null(strstr(found->plan_note, "quant"));
    assert_non_null(strstr(found->plan_note, o.db));
    yt_engine_close(found);
    yt_engine_close(engine);
    yt_quantisation_destroy(q);
    free(broken);
    free(text);
}

/* Commands that only read neither make a database nor change one. */
static void reading_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct yt_engine_options o = options(f);
    o.read_only = 1;
    struct yt_engine *engine = open_engine(&o);
    assert_null(engine->db);
    assert_int_equal(engine->tuned, 0);
    yt_engine_close(engine);
    assert_int_not_equal(access(f->path, F_OK), 0);

    o.read_only = 0;
    engine = open_engine(&o);
    char *text = yt_plan_text_write(engine->network, NULL);
    store_plan(engine, text);
    const struct yt_db_here here = engine->here;
    const int64_t model = engine->model_id;
    yt_engine_close(engine);
    free(text);

    o.read_only = 1;
    assert_int_equal(chmod(f->path, 0444), 0);
    engine = open_engine(&o);
    assert_int_equal(engine->tuned, 1);
    assert_true(yt_db_is_read_only(engine->db));
    assert_int_equal(engine->here.host, here.host);
    assert_int_equal(engine->here.toolchain, here.toolchain);
    assert_int_equal(engine->model_id, model);
    yt_engine_close(engine);

    /* Another size is as unknown as another model. */
    o.h = o.w = 96;
    engine = open_engine(&o);
    assert_int_equal(engine->tuned, 0);
    yt_engine_close(engine);
}

static void a_plan_that_cannot_be_read_is_none(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"yolotune-plan", "another-plan!", "line 1"},
        {"threads 1", "threads 0", "0 threads"},
        {"step model.0", "stop model.0", "line 6"},
        {"direct-m", "derect-m", "line 6: 'derect-m"},
        {"isa sse4.2", "isa sse4.3", "sse4.3"},
    };
    const struct yt_engine_options o = options(*state);
    struct yt_engine *engine = open_engine(&o);
    char *text = yt_plan_text_write(engine->network, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *broken = changed(text, cases[i].from, cases[i].to);
        store_plan(engine, broken);
        free(broken);
        assert_int_equal(yt_engine_load_plan(engine), YT_STALE);
        assert_int_equal(engine->tuned, 0);
        if (!strstr(engine->plan_note, cases[i].says) ||
            !strstr(engine->plan_note, o.db))
            fail_msg("'%s' does not say '%s'", engine->plan_note,
                     cases[i].says);
    }
    yt_engine_close(engine);
    engine = open_engine(&o); /* runs all the same */
    assert_int_equal(engine->tuned, 0);
    assert_non_null(engine->model);
    assert_non_null(strstr(engine->plan_note, "sse4.3"));
    store_plan(engine, text);
    assert_int_equal(yt_engine_load_plan(engine), YT_OK);
    assert_string_equal(engine->plan_note, "");
    yt_engine_close(engine);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stored_plan_is_used),
        TEST(plans_of_precisions_are_kept_apart),
        TEST(a_quantised_plan_brings_its_quantisation),
        TEST(reading_writes_nothing),
        TEST(a_plan_that_cannot_be_read_is_none),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
