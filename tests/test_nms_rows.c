/* Every way of NMS on every instruction set keeps exactly what the kernel in C
 * keeps, which test_nms compares with the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "codegen/algo.h"
#include "codegen/codegen.h"
#include "runtime/nms.h"
#include "tests/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t seed;

static uint32_t random_bits(void)
{
    return yt_random_lcg(&seed) >> 8;
}

/* In [low, high). */
static float random_float(float low, float high)
{
    return low + (high - low) * yt_random_unit(&seed);
}

enum kind {
    CLUSTERS, /* as detections are */
    GRID,     /* small whole numbers: edges touch, boxes repeat */
    ALIKE,    /* all the same box */
    APART,    /* none overlaps another */
    KINDS
};

/* Some boxes of a grid are empty or inside out. */
static void make_box(enum kind kind, int32_t i, float box[4])
{
    switch (kind) {
    case CLUSTERS:
        box[0] = (float)(random_bits() % 5) * 90 + random_float(0, 20);
        box[1] = (float)(random_bits() % 5) * 90 + random_float(0, 20);
        box[2] = box[0] + random_float(30, 90);
        box[3] = box[1] + random_float(30, 90);
        break;
    case GRID:
        box[0] = (float)(random_bits() % 12);
        box[1] = (float)(random_bits() % 12);
        box[2] = box[0] + (float)(random_bits() % 7) - 1;
        box[3] = box[1] + (float)(random_bits() % 7) - 1;
        break;
    case APART:
        box[0] = box[1] = 10 * (float)i;
        box[2] = box[3] = 10 * (float)i + 5;
        break;
    case ALIKE:
    case KINDS:
        box[0] = box[1] = 1;
        box[2] = box[3] = 4;
        break;
    }
}

/* Candidates that end where unreadable pages begin. */
struct boxes {
    struct guarded memory[6];
    struct yt_candidates all;
    int32_t count;
};

static void open_boxes(struct boxes *b, enum kind kind, int32_t count,
                       int32_t classes, int32_t score_steps)
{
    float *column[5];
    for (int i = 0; i < 6; i++)
        guarded_open(&b->memory[i], 4 * (size_t)count, 4);
    for (int i = 0; i < 5; i++)
        column[i] = (float *)b->memory[i].data;
    int32_t *class_id = (int32_t *)b->memory[5].data;
    for (int32_t i = 0; i < count; i++) {
        float box[4];
        make_box(kind, i, box);
        for (int k = 0; k < 4; k++)
            column[k][i] = box[k];
        column[4][i] = (float)(1 + random_bits() % (uint32_t)score_steps) /
                       (float)score_steps;
        class_id[i] = (int32_t)(random_bits() % (uint32_t)classes);
    }
    b->all = (struct yt_candidates){column[0], column[1], column[2],
                                    column[3], column[4], class_id};
    b->count = count;
}

static void close_boxes(struct boxes *b)
{
    for (int i = 0; i < 6; i++)
        guarded_close(&b->memory[i]);
}

static int32_t run(const struct boxes *b, int32_t classes,
                   const struct yt_nms_options *options, yt_kernel_fn kernel,
                   struct guarded *kept)
{
    const struct yt_step step = {.kernel = kernel};
    struct guarded scratch;
    guarded_open(&scratch, (size_t)yt_nms_scratch_bytes(b->count, classes),
                 YT_ALIGN);
    guarded_open(kept, 4 * (size_t)options->max_det, 4);
    const int32_t count = yt_nms_run(&b->all, b->count, classes, options, &step,
                                     scratch.data, (int32_t *)kept->data);
    guarded_close(&scratch);
    return count;
}

static const struct {
    int32_t count, classes, score_steps;
    struct yt_nms_options options;
} cases[] = {
    {1, 1, 9, {0.45f, 300, 0, 0}},
    {2, 80, 9, {0.45f, 300, 0, 0}},
    {15, 1, 1000, {0.45f, 300, 0, 0}},
    {16, 1, 1000, {0.45f, 300, 1, 0}},
    {17, 2, 1000, {0.45f, 300, 0, 0}},
    {33, 3, 2, {0.3f, 300, 0, 0}},
    {500, 1, 1000, {0.6f, 500, 0, 0}},
    {500, 7, 1, {0.5f, 500, 0, 0}},
    {500, 80, 1000, {0.45f, 500, 1, 0}},
    {500, 80, 20, {1, 500, 0, 0}},
    {2500, 80, 100000, {0.45f, 300, 0, 0}},
    {2500, 3, 100000, {0.1f, 2500, 0, 0}},
    {2500, 3, 100000, {0.7f, 7, 0, 0}},
    {2500, 3, 100000, {0.7f, 1, 1, 0}},
    {2500, 3, 100000, {0.7f, 2500, 0, 1100}},
    {2500, 300, 10, {0.7f, 2500, 0, 37}},
};

static void compare(yt_kernel_fn kernel, const char *name, const char *isa)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int kind = 0; kind < KINDS; kind++) {
            struct boxes b;
            struct guarded want, got;
            seed = (uint32_t)(i * KINDS) + (uint32_t)kind;
            open_boxes(&b, (enum kind)kind, cases[i].count, cases[i].classes,
                       cases[i].score_steps);
            const int32_t classes = cases[i].classes;
            const int32_t n =
                run(&b, classes, &cases[i].options, yt_nms_c, &want);
            const int32_t m = run(&b, classes, &cases[i].options, kernel, &got);
            if (m != n || memcmp(got.data, want.data, 4 * (size_t)n) != 0)
                fail_msg("%s on %s, case %zu, boxes %d: %d kept, not %d", name,
                         isa, i, kind, m, n);
            guarded_close(&want);
            guarded_close(&got);
            close_boxes(&b);
        }
}

static void compile_and_compare(const struct yt_isa *isa, struct yt_jit *jit,
                                const struct yt_schedule *s)
{
    const struct yt_problem p = {.op = YT_OP_NMS, .u.nms = {80, 1000}};
    char name[YT_SCHEDULE_NAME_MAX];
    struct yt_object object;
    yt_kernel_fn kernel = NULL;
    yt_schedule_name(s, name);
    assert_int_equal(yt_codegen_compile(&p, s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    compare(kernel, name, isa->name);
}

static int compare_rows(const struct yt_isa *isa, struct yt_jit *jit)
{
    const struct yt_problem p = {.op = YT_OP_NMS, .u.nms = {80, 1000}};
    int compared = 0;
    for (int id = 0; id < YT_ALGO_COUNT; id++) {
        const struct yt_algo *row = yt_algo_get((enum yt_algo_id)id);
        struct yt_schedule s;
        int32_t steps[YT_VALUES_MAX];
        if (row->op != YT_OP_NMS ||
            !yt_algo_first((enum yt_algo_id)id, &p, isa, &s))
            continue;
        const int32_t count = yt_algo_values(row, &p, isa, YT_KNOB_KU, steps);
        for (int32_t i = 0; i < count; i++) {
            s.ku = steps[i];
            if (!yt_schedule_applies(&p, &s, isa))
                continue;
            compile_and_compare(isa, jit, &s);
            compared++;
        }
    }
    return compared;
}

static void keeps_what_the_c_kernel_keeps(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        struct yt_jit *jit = NULL;
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        assert_int_equal(yt_jit_create(&jit), YT_OK);
        assert_true(compare_rows(isa, jit) >= 6);
        yt_jit_destroy(jit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_the_c_kernel_keeps),
    };
    return cmocka_run_group_tests_name("nms_rows", tests, NULL, NULL);
}
