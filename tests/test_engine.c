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
#include "database_folder.h"
#include "ground.h"
#include "tuner/build/engine.h"

/* The built-in network on 64x64 pixels: small, and its code is soon made. */
static const struct yt_engine_options small = {.h = 64, .w = 64, .threads = 1};

static struct yt_site_options site_of(const struct database_folder *f)
{
    return (struct yt_site_options){.isa = "sse4.2", .db = f->path};
}

static struct ground open_engine(const struct database_folder *f,
                                 const struct yt_engine_options *options)
{
    const struct yt_site_options site = site_of(f);
    return engine_open(&site, NULL, options);
}

static void store_plan(const struct yt_engine *engine, const char *text)
{
    const struct yt_db_plan plan = {
        .key = yt_engine_plan_key(engine, YT_DB_TUNED),
        .text = text,
    };
    int64_t id;
    if (yt_db_plan_put(engine->site->db, &plan, &id) != YT_OK)
        fail_msg("%s", yt_error());
}

/* ------------------------------------------------------------------ plans */

static void a_stored_plan_is_used(void **state)
{
    const struct yt_engine_options o = small;
    struct ground g = open_engine(*state, &o);
    assert_int_equal(g.engine->tuned, 0);
    assert_string_equal(g.engine->plan_note, "");
    char *text = yt_plan_text_write(g.engine->build, NULL);
    store_plan(g.engine, text);
    ground_close(&g);

    g = open_engine(*state, &o);
    assert_int_equal(g.engine->tuned, 1);
    assert_true(g.engine->plan_id > 0);
    assert_string_equal(g.engine->plan_note, "");
    ground_close(&g);
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
    assert_int_equal(yt_graph_read(NULL, &graph), YT_OK);
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
    struct yt_engine_options o = small;
    o.unbuilt = 1;
    for (int i = 0; i < 3; i++) {
        o.quantisation = q[i];
        struct ground ground = open_engine(*state, &o);
        assert_int_equal(ground.engine->tuned, 0);
        assert_string_equal(ground.engine->plan_note, "");
        assert_memory_equal(ground.engine->precision, names[i],
                            strlen(names[i]));
        char *text = yt_plan_text_write(ground.engine->build, NULL);
        store_plan(ground.engine, text);
        ground_close(&ground);
        free(text);
    }
    int64_t plans[3];
    for (int i = 0; i < 3; i++) {
        o.quantisation = q[i];
        struct ground ground = open_engine(*state, &o);
        assert_int_equal(ground.engine->tuned, 1);
        plans[i] = ground.engine->plan_id;
        ground_close(&ground);
        assert_true(i == 0 || plans[i] > plans[i - 1]);
    }
    /* The f32 plan is there, so it is the one to run; then the newest. */
    o.quantisation = NULL;
    o.preferred = "";
    struct ground ground = open_engine(*state, &o);
    assert_int_equal(ground.engine->plan_id, plans[0]);
    ground_close(&ground);
    for (int i = 0; i < 3; i++)
        yt_quantisation_destroy(q[i]);
}

static void a_quantised_plan_brings_its_quantisation(void **state)
{
    struct yt_quantisation *q = quantisation(YT_DTYPE_U8S8);
    struct yt_engine_options o = small;
    o.unbuilt = 1;
    o.quantisation = q;
    struct ground ground = open_engine(*state, &o);
    char *text = yt_plan_text_write(ground.engine->build, NULL), *broken;
    char precision[YT_PRECISION_MAX];
    strcpy(precision, ground.engine->precision);
    store_plan(ground.engine, text);

    o.quantisation = NULL;
    struct ground plain = open_engine(*state, &o);
    assert_string_equal(plain.engine->precision, "f32");
    assert_null(plain.engine->build->quantisation);
    ground_close(&plain);
    o.preferred = "int16-";
    plain = open_engine(*state, &o);
    assert_string_equal(plain.engine->precision, "f32");
    ground_close(&plain);
    o.preferred = "";
    struct ground found = open_engine(*state, &o);
    assert_string_equal(found.engine->precision, precision);
    assert_int_equal(found.engine->tuned, 1);
    char *again = yt_plan_text_write(found.engine->build, NULL);
    assert_string_equal(text, again);
    ground_close(&found);
    free(again);

    broken = changed(text, "quant end", "quant ens");
    store_plan(ground.engine, broken);
    found = open_engine(*state, &o); /* runs all the same */
    assert_string_equal(found.engine->precision, "f32");
    assert_int_equal(found.engine->tuned, 0);
    assert_non_null(strstr(found.engine->plan_note, "quant"));
    assert_non_null(strstr(found.engine->plan_note, site_of(*state).db));
    ground_close(&found);
    ground_close(&ground);
    yt_quantisation_destroy(q);
    free(broken);
    free(text);
}

/* Commands that only read neither make a database nor change one. */
static void reading_writes_nothing(void **state)
{
    struct database_folder *f = *state;
    struct yt_engine_options o = small;
    struct yt_site_options reads = site_of(f);
    reads.access = YT_SITE_READS;
    struct ground g = engine_open(&reads, NULL, &o);
    assert_null(g.site->db);
    assert_int_equal(g.engine->tuned, 0);
    ground_close(&g);
    assert_int_not_equal(access(f->path, F_OK), 0);

    g = open_engine(f, &o);
    char *text = yt_plan_text_write(g.engine->build, NULL);
    store_plan(g.engine, text);
    const struct yt_db_here here = g.site->here;
    const int64_t model = g.engine->model_id;
    ground_close(&g);
    free(text);

    assert_int_equal(chmod(f->path, 0444), 0);
    g = engine_open(&reads, NULL, &o);
    assert_int_equal(g.engine->tuned, 1);
    assert_true(yt_db_is_read_only(g.site->db));
    assert_int_equal(g.site->here.host, here.host);
    assert_int_equal(g.site->here.toolchain, here.toolchain);
    assert_int_equal(g.engine->model_id, model);
    ground_close(&g);

    /* Another size is as unknown as another model. */
    o.h = o.w = 96;
    g = engine_open(&reads, NULL, &o);
    assert_int_equal(g.engine->tuned, 0);
    ground_close(&g);
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
    const struct yt_engine_options o = small;
    struct ground ground = open_engine(*state, &o);
    char *text = yt_plan_text_write(ground.engine->build, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *broken = changed(text, cases[i].from, cases[i].to);
        store_plan(ground.engine, broken);
        free(broken);
        assert_int_equal(yt_engine_load_plan(ground.engine), YT_STALE);
        assert_int_equal(ground.engine->tuned, 0);
        if (!strstr(ground.engine->plan_note, cases[i].says) ||
            !strstr(ground.engine->plan_note, site_of(*state).db))
            fail_msg("'%s' does not say '%s'", ground.engine->plan_note,
                     cases[i].says);
    }
    ground_close(&ground);
    ground = open_engine(*state, &o); /* runs all the same */
    assert_int_equal(ground.engine->tuned, 0);
    assert_non_null(ground.engine->model);
    assert_non_null(strstr(ground.engine->plan_note, "sse4.3"));
    store_plan(ground.engine, text);
    assert_int_equal(yt_engine_load_plan(ground.engine), YT_OK);
    assert_string_equal(ground.engine->plan_note, "");
    ground_close(&ground);
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
