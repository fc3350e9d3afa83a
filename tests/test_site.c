/* A site: what it does to the database, and what builds on it share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "database_folder.h"
#include "ground.h"
#include "runtime/model.h"
#include "runtime/memory.h"

static enum yt_status open_site(const char *isa, const char *db,
                                enum yt_site_access access,
                                struct yt_site **site_out)
{
    const struct yt_site_options options = {
        .isa = isa, .db = db, .access = access};
    return yt_site_open(&options, site_out);
}

static void a_site_opens_the_database_as_it_is_told(void **state)
{
    struct database_folder *f = *state;
    struct yt_site *site = NULL;
    assert_int_equal(open_site(NULL, f->path, YT_SITE_ALONE, &site), YT_OK);
    assert_null(site->db);
    assert_true(site->host.threads >= 1);
    assert_non_null(site->isa);
    assert_ptr_equal(yt_kernels_isa(site->kernels), site->isa);
    yt_site_close(site);

    assert_int_equal(open_site(NULL, f->path, YT_SITE_READS, &site), YT_OK);
    assert_null(site->db);
    yt_site_close(site);
    assert_int_not_equal(access(f->path, F_OK), 0);

    assert_int_equal(open_site(NULL, f->path, YT_SITE_TRIES, &site), YT_OK);
    assert_false(yt_db_is_read_only(site->db));
    const struct yt_db_here here = site->here;
    assert_true(here.host > 0);
    yt_site_close(site);

    assert_int_equal(open_site(NULL, f->path, YT_SITE_READS, &site), YT_OK);
    assert_true(yt_db_is_read_only(site->db));
    assert_int_equal(site->here.host, here.host);
    yt_site_close(site);
    yt_site_close(NULL);
}

/* Nobody makes folders in /proc. */
static void trying_to_write_may_fail(void **state)
{
    (void)state;
    static const char path[] = "/proc/yolotune-nowhere/results.db";
    struct yt_site *site = NULL;
    assert_int_equal(open_site(NULL, path, YT_SITE_WRITES, &site), YT_IO);
    assert_null(site);
    if (open_site(NULL, path, YT_SITE_TRIES, &site) != YT_OK)
        fail_msg("%s", yt_error());
    assert_null(site->db);
    yt_site_close(site);
}

static void unknown_instruction_sets_are_refused(void **state)
{
    struct database_folder *f = *state;
    struct yt_site *site = NULL;
    assert_int_equal(open_site("z80", f->path, YT_SITE_WRITES, &site),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "z80"));
    assert_null(site);
    assert_int_not_equal(access(f->path, F_OK), 0);
}

/* ------------------------------------------------- graphs that are changed */

#define SIDE 64

/* The head tensors of an engine on a fixed picture, as they lie in memory. */
static void *run_heads(const struct yt_engine *engine, size_t *bytes_out)
{
    const struct yt_plan *plan = &engine->build->plan;
    const struct yt_level *level = &plan->levels[0];
    struct yt_model_info info;
    yt_model_describe(engine->model, &info);
    char *arena = yt_memory_alloc(info.workspace_bytes);
    assert_non_null(arena);
    memset(arena, 0, info.workspace_bytes);
    float *pixels = (float *)(void *)(arena + engine->build->net->input);
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        pixels[i] = (float)((unsigned)i * 2654435761u >> 24);
    yt_model_run_steps(engine->model, -1000, arena, 0, plan->step_count);
    const int32_t lanes = plan->isa->lanes;
    const int32_t blocks = (level->na * (5 + plan->nc) + lanes - 1) / lanes;
    *bytes_out = (size_t)blocks * (size_t)lanes * (size_t)level->h *
                 (size_t)level->w * sizeof(float);
    void *heads = malloc(*bytes_out);
    assert_non_null(heads);
    memcpy(heads, arena + level->head, *bytes_out);
    yt_memory_free(arena, info.workspace_bytes);
    return heads;
}

static struct yt_node *conv_of(struct yt_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        if (strcmp(graph->nodes[i].name, name) == 0)
            return &graph->nodes[i];
    fail_msg("no node %s", name);
    return NULL;
}

/* One channel of the first layer gives nothing any more. */
static struct yt_graph *without_channel(const struct yt_graph *graph,
                                        int32_t channel)
{
    struct yt_graph *copy = NULL;
    assert_int_equal(yt_graph_copy(graph, &copy), YT_OK);
    struct yt_node *node = conv_of(copy, "model.0");
    const size_t filter = 3 * (size_t)node->r * (size_t)node->r;
    memset(node->weights + (size_t)channel * filter, 0,
           filter * sizeof *node->weights);
    node->bias[channel] = 0;
    return copy;
}

/* The graph, two changed copies, and one that is changed back. */
#define GRAPHS 4

static void changed_graphs_share_kernels_and_nothing_else(void **state)
{
    struct database_folder *f = *state;
    const struct yt_site_options site = {.isa = "sse4.2", .db = f->path};
    const struct yt_engine_options small = {.h = SIDE, .w = SIDE, .threads = 1};
    struct ground g = engine_open(&site, NULL, &small);
    struct yt_graph *graphs[GRAPHS] = {g.graph, without_channel(g.graph, 0),
                                       without_channel(g.graph, 1), NULL};
    assert_int_equal(yt_graph_copy(g.graph, &graphs[3]), YT_OK);
    struct yt_engine *engines[GRAPHS] = {g.engine};
    void *heads[GRAPHS];
    size_t bytes[GRAPHS];
    const int32_t kernels = yt_kernels_count(g.site->kernels);
    assert_true(kernels > 0);
    for (int i = 1; i < GRAPHS; i++)
        assert_int_equal(yt_engine_open(g.site, graphs[i], &small, &engines[i]),
                         YT_OK);
    assert_int_equal(yt_kernels_count(g.site->kernels), kernels);
    for (int i = 0; i < GRAPHS; i++)
        heads[i] = run_heads(engines[i], &bytes[i]);
    for (int i = 0; i < GRAPHS; i++)
        for (int k = 0; k < i; k++) {
            const int same = i == 3 && k == 0;
            assert_int_equal(bytes[i], bytes[k]);
            assert_int_equal(memcmp(heads[i], heads[k], bytes[i]) == 0, same);
            assert_int_equal(engines[i]->model_id == engines[k]->model_id,
                             same);
            for (int32_t s = 0; s < engines[i]->build->plan.step_count; s++)
                assert_true(engines[i]->build->plan.steps[s].kernel ==
                            engines[k]->build->plan.steps[s].kernel);
        }
    for (int i = 0; i < GRAPHS; i++)
        free(heads[i]);
    for (int i = 1; i < GRAPHS; i++) {
        yt_engine_close(engines[i]);
        yt_graph_destroy(graphs[i]);
    }
    ground_close(&g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_site_opens_the_database_as_it_is_told),
        TEST(trying_to_write_may_fail),
        TEST(unknown_instruction_sets_are_refused),
        TEST(changed_graphs_share_kernels_and_nothing_else),
    };
    return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
