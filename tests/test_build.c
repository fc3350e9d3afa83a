/* A whole network, compiled: heads equal the graph's reference, plans round
 * trip as text, and every schedule gives the same boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "model/reference.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "tuner/build/engine.h"

#define SIZE 64

static struct yt_graph *graph(void)
{
    static struct yt_graph *built;
    if (!built)
        assert_int_equal(yt_graph_builtin("n", 1, &built), YT_OK);
    return built;
}

static struct yt_build *build(const struct yt_isa *isa)
{
    const struct yt_build_options options = {
        .isa = isa, .h = SIZE, .w = 2 * SIZE, .threads = 2};
    struct yt_build *n;
    assert_int_equal(yt_build_create(graph(), &options, &n), YT_OK);
    assert_int_equal(yt_build_make(n, 2), YT_OK);
    return n;
}

static void fill(float *planes, float *interleaved)
{
    uint32_t x = 9;
    for (int i = 0; i < SIZE * 2 * SIZE; i++)
        for (int c = 0; c < 3; c++) {
            const float v = (float)(yt_random_lcg(&x) >> 24);
            interleaved[3 * i + c] = v;
            planes[c * SIZE * 2 * SIZE + i] = v / 255.0f;
        }
}

/* Head channels in the plan's blocked tensors against plain ones. */
static double worst_difference(const struct yt_plan *plan, const char *arena,
                               float *const *want)
{
    double worst = 0, largest = 0;
    const int32_t lanes = plan->isa->lanes;
    for (int32_t l = 0; l < plan->level_count; l++) {
        const struct yt_level *level = &plan->levels[l];
        const float *head = (const float *)(const void *)(arena + level->head);
        const int32_t cells = level->h * level->w;
        for (int32_t c = 0; c < level->na * (5 + plan->nc); c++)
            for (int32_t i = 0; i < cells; i++) {
                const double w = (double)want[l][c * cells + i];
                const double g =
                    (double)head[(c / lanes * cells + i) * lanes + c % lanes];
                if (fabs(w) > largest)
                    largest = fabs(w);
                if (!(fabs(w - g) <= worst))
                    worst = fabs(w - g);
            }
    }
    return worst / largest;
}

static void heads_equal_the_reference(void **state)
{
    (void)state;
    const size_t pixels = (size_t)SIZE * 2 * SIZE;
    float *planes = malloc(3 * pixels * sizeof(float));
    float *image = malloc(3 * pixels * sizeof(float));
    float *heads[YT_LEVELS_MAX] = {NULL};
    fill(planes, image);
    for (int i = 0; i < 3; i++)
        heads[i] = malloc(pixels / 64 / (1u << (2 * i)) * 255 * sizeof(float));
    assert_int_equal(
        yt_graph_run_reference(graph(), SIZE, 2 * SIZE, planes, heads), YT_OK);
    for (int id = 0; id < YT_ISA_COUNT; id++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        struct yt_build *n = build(isa);
        struct yt_model *model;
        struct yt_model_info info;
        assert_int_equal(yt_build_open(n, 0, &model), YT_OK);
        yt_model_describe(model, &info);
        char *arena = yt_memory_alloc(info.workspace_bytes);
        memset(arena, 0xff, info.workspace_bytes);
        memcpy(arena + n->net->input, image, 3 * pixels * sizeof(float));
        yt_model_run_steps(model, -INFINITY, arena, 0, n->plan.step_count);
        const double worst = worst_difference(&n->plan, arena, heads);
        if (!(worst < 1e-4))
            fail_msg("%s: heads differ by %g of the largest", isa->name, worst);
        yt_memory_free(arena, info.workspace_bytes);
        yt_model_close(model);
        yt_build_destroy(n);
    }
    for (int i = 0; i < 3; i++)
        free(heads[i]);
    free(planes);
    free(image);
}

static void plans_round_trip(void **state)
{
    (void)state;
    struct yt_build *n = build(yt_isa_get(YT_ISA_SCALAR));
    struct yt_schedule other = n->schedules[3];
    other.ku = 2;
    assert_int_equal(yt_build_set(n, 3, &other), YT_OK);
    char *text = yt_plan_text_write(n, NULL);
    assert_non_null(text);
    struct yt_build *m = build(yt_isa_get(YT_ISA_SCALAR));
    assert_int_equal(yt_plan_text_read(m, text), YT_OK);
    char *again = yt_plan_text_write(m, NULL);
    assert_string_equal(text, again);
    free(again);

    /* Damage anywhere is an error, and nothing is set. */
    const size_t length = strlen(text);
    for (size_t cut = 0; cut + 1 < length; cut += 37) {
        char *part = strndup(text, cut);
        assert_int_not_equal(yt_plan_text_read(m, part), YT_OK);
        free(part);
    }
    again = yt_plan_text_write(m, NULL);
    assert_string_equal(text, again);
    free(again);
    free(text);
    yt_build_destroy(n);
    yt_build_destroy(m);
}

static void plans_for_others_are_refused(void **state)
{
    (void)state;
    struct yt_build *n = build(yt_isa_get(YT_ISA_SCALAR));
    char *text = yt_plan_text_write(n, NULL);
    char *at = strstr(text, "isa scalar");
    memcpy(at, "isa sse4.2", 10);
    assert_int_equal(yt_plan_text_read(n, text), YT_STALE);
    memcpy(at, "isa scalar", 10);
    at = strstr(text, "input 64");
    memcpy(at, "input 32", 8);
    assert_int_equal(yt_plan_text_read(n, text), YT_STALE);
    free(text);
    yt_build_destroy(n);
}

static void schedules_that_do_not_apply_are_refused(void **state)
{
    (void)state;
    struct yt_build *n = build(yt_isa_get(YT_ISA_SCALAR));
    struct yt_schedule bad = n->schedules[0];
    bad.nr = 7;
    assert_int_equal(yt_build_set(n, 0, &bad), YT_BAD_ARGUMENT);
    yt_build_destroy(n);
}

static int release(void **state)
{
    (void)state;
    yt_graph_destroy(graph());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_equal_the_reference),
        cmocka_unit_test(plans_round_trip),
        cmocka_unit_test(plans_for_others_are_refused),
        cmocka_unit_test(schedules_that_do_not_apply_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
