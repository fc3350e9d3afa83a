/* NMS against the definition in O(n^2), and by its properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "runtime/nms.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BOXES_MAX = 3000, CLASSES_MAX = 80 };

static struct {
    float x0[BOXES_MAX], y0[BOXES_MAX], x1[BOXES_MAX], y1[BOXES_MAX];
    float score[BOXES_MAX];
    int32_t class_id[BOXES_MAX];
} boxes;

static const struct yt_candidates all = {
    boxes.x0, boxes.y0, boxes.x1, boxes.y1, boxes.score, boxes.class_id,
};

static uint32_t seed;

/* A value in [0, 1). */
static float noise(void)
{
    return yt_random_unit(&seed);
}

/* Boxes around a few centres, as detections are; scores in score_steps levels
 * so that many are equal, 0 for all different. */
static void make_boxes(int32_t count, int32_t classes, int32_t score_steps)
{
    for (int32_t i = 0; i < count; i++) {
        const float x = (float)(seed % 13) * 50 + noise() * 40;
        const float y = (float)(seed % 7) * 90 + noise() * 40;
        const float w = 20 + noise() * 60;
        const float h = 20 + noise() * 60;
        boxes.x0[i] = x - w / 2;
        boxes.x1[i] = x + w / 2;
        boxes.y0[i] = y - h / 2;
        boxes.y1[i] = y + h / 2;
        const float score = noise();
        boxes.score[i] =
            score_steps == 0
                ? score
                : (float)((int32_t)(score * (float)score_steps) + 1) /
                      (float)score_steps;
        boxes.class_id[i] = (int32_t)(noise() * (float)classes);
    }
}

static double overlap(int32_t a, int32_t b)
{
    const double w = (boxes.x1[a] < boxes.x1[b] ? boxes.x1[a] : boxes.x1[b]) -
                     (boxes.x0[a] > boxes.x0[b] ? boxes.x0[a] : boxes.x0[b]);
    const double h = (boxes.y1[a] < boxes.y1[b] ? boxes.y1[a] : boxes.y1[b]) -
                     (boxes.y0[a] > boxes.y0[b] ? boxes.y0[a] : boxes.y0[b]);
    const double inter = w > 0 && h > 0 ? w * h : 0;
    const double areas = ((double)boxes.x1[a] - boxes.x0[a]) *
                             ((double)boxes.y1[a] - boxes.y0[a]) +
                         ((double)boxes.x1[b] - boxes.x0[b]) *
                             ((double)boxes.y1[b] - boxes.y0[b]);
    return inter / (areas - inter);
}

/* The definition: repeatedly take the best box left, the first of equals, and
 * strike out what it overlaps. */
static int32_t naive(int32_t count, const struct yt_nms_options *options,
                     int32_t *kept)
{
    static char gone[BOXES_MAX];
    memset(gone, 0, sizeof gone);
    int32_t kept_count = 0;
    while (kept_count < options->max_det) {
        int32_t best = -1;
        for (int32_t i = 0; i < count; i++)
            if (!gone[i] && (best < 0 || boxes.score[i] > boxes.score[best]))
                best = i;
        if (best < 0)
            break;
        kept[kept_count++] = best;
        gone[best] = 1;
        for (int32_t i = 0; i < count; i++)
            if ((options->class_agnostic ||
                 boxes.class_id[i] == boxes.class_id[best]) &&
                overlap(i, best) > (double)options->iou)
                gone[i] = 1;
    }
    return kept_count;
}

static int32_t run(const struct yt_candidates *candidates, int32_t count,
                   int32_t classes, const struct yt_nms_options *options,
                   int32_t *kept)
{
    struct yt_step step = {.kernel = yt_nms_c};
    const int64_t bytes = yt_nms_scratch_bytes(count, classes);
    void *scratch = aligned_alloc(YT_ALIGN, (size_t)bytes + YT_ALIGN);
    assert_non_null(scratch);
    memset(scratch, 0xa5, (size_t)bytes);
    const int32_t kept_count =
        yt_nms_run(candidates, count, classes, options, &step, scratch, kept);
    free(scratch);
    return kept_count;
}

static const struct {
    int32_t count, classes, score_steps;
    struct yt_nms_options options;
} cases[] = {
    {1, 1, 0, {0.45f, 300, 0}},      {2, 1, 0, {0.45f, 300, 0}},
    {17, 1, 0, {0.45f, 300, 0}},     {48, 3, 0, {0.45f, 300, 0}},
    {49, 3, 0, {0.45f, 300, 0}},     {1000, 80, 0, {0.45f, 300, 0}},
    {1000, 80, 0, {0.45f, 300, 1}},  {1000, 1, 0, {0.6f, 1000, 0}},
    {1000, 2, 7, {0.3f, 1000, 0}},   {1000, 2, 1, {0.5f, 1000, 0}},
    {3000, 5, 100, {0.7f, 3000, 0}}, {3000, 5, 0, {0.1f, 3000, 0}},
    {500, 3, 0, {0.45f, 7, 0}},      {500, 3, 0, {0.45f, 1, 1}},
    {200, 1, 0, {1, 200, 0}},
};

static void equals_the_definition(void **state)
{
    (void)state;
    static int32_t got[BOXES_MAX], want[BOXES_MAX];
    for (size_t i = 0; i < COUNT(cases); i++) {
        seed = 1000 + (uint32_t)i;
        make_boxes(cases[i].count, cases[i].classes, cases[i].score_steps);
        const int32_t want_count =
            naive(cases[i].count, &cases[i].options, want);
        const int32_t got_count =
            run(&all, cases[i].count, cases[i].classes, &cases[i].options, got);
        if (got_count != want_count ||
            memcmp(got, want, (size_t)got_count * sizeof *got) != 0)
            fail_msg("case %zu: %d kept, definition keeps %d", i, got_count,
                     want_count);
    }
}

/* kept boxes, as candidates of their own. */
static void gather(const int32_t *kept, int32_t count)
{
    static float copy[BOXES_MAX];
    float *const arrays[] = {boxes.x0, boxes.y0, boxes.x1, boxes.y1,
                             boxes.score};
    for (size_t a = 0; a < COUNT(arrays); a++) {
        for (int32_t i = 0; i < count; i++)
            copy[i] = arrays[a][kept[i]];
        memcpy(arrays[a], copy, (size_t)count * sizeof *copy);
    }
    static int32_t classes[BOXES_MAX];
    for (int32_t i = 0; i < count; i++)
        classes[i] = boxes.class_id[kept[i]];
    memcpy(boxes.class_id, classes, (size_t)count * sizeof *classes);
}

static void sorted_disjoint_idempotent(void **state)
{
    (void)state;
    static int32_t kept[BOXES_MAX], again[BOXES_MAX];
    const struct yt_nms_options options = {0.45f, BOXES_MAX, 0};
    seed = 7;
    make_boxes(BOXES_MAX, 4, 0);
    const int32_t count = run(&all, BOXES_MAX, 4, &options, kept);
    assert_in_range(count, 2, BOXES_MAX - 1);
    gather(kept, count);
    for (int32_t i = 0; i < count; i++)
        for (int32_t j = 0; j < i; j++) {
            assert_true(boxes.score[j] >= boxes.score[i]);
            if (boxes.class_id[i] == boxes.class_id[j])
                assert_true(overlap(i, j) <= 0.45f + 1e-6);
        }
    assert_int_equal(run(&all, count, 4, &options, again), count);
    for (int32_t i = 0; i < count; i++)
        assert_int_equal(again[i], i);
}

static void max_det_takes_the_best(void **state)
{
    (void)state;
    static int32_t whole[BOXES_MAX], part[BOXES_MAX];
    struct yt_nms_options options = {0.45f, BOXES_MAX, 0};
    seed = 11;
    make_boxes(1000, 20, 0);
    const int32_t count = run(&all, 1000, 20, &options, whole);
    for (int32_t max = 1; max <= count + 1; max += 9) {
        options.max_det = max;
        const int32_t got = run(&all, 1000, 20, &options, part);
        assert_int_equal(got, max < count ? max : count);
        assert_memory_equal(part, whole, (size_t)got * sizeof *part);
    }
}

static void equal_scores_keep_their_order(void **state)
{
    (void)state;
    static int32_t kept[BOXES_MAX];
    const struct yt_nms_options options = {0.45f, BOXES_MAX, 0};
    static const int32_t counts[] = {5, 48, 49, 2000}; /* both sorts */
    for (size_t n = 0; n < COUNT(counts); n++) {
        for (int32_t i = 0; i < counts[n]; i++) {
            boxes.x0[i] = (float)i * 10;
            boxes.x1[i] = (float)i * 10 + 5;
            boxes.y0[i] = 0;
            boxes.y1[i] = 5;
            boxes.score[i] = 0.5f;
            boxes.class_id[i] = 0;
        }
        assert_int_equal(run(&all, counts[n], 1, &options, kept), counts[n]);
        for (int32_t i = 0; i < counts[n]; i++)
            assert_int_equal(kept[i], i);
        /* The same box many times: the first one stays. */
        for (int32_t i = 0; i < counts[n]; i++) {
            boxes.x0[i] = 0;
            boxes.x1[i] = 5;
        }
        assert_int_equal(run(&all, counts[n], 1, &options, kept), 1);
        assert_int_equal(kept[0], 0);
    }
}

static void boxes_without_area_suppress_nothing(void **state)
{
    (void)state;
    int32_t kept[4];
    const struct yt_nms_options options = {0.45f, 10, 0};
    for (int32_t i = 0; i < 4; i++) {
        boxes.x0[i] = boxes.x1[i] = 3;
        boxes.y0[i] = 0;
        boxes.y1[i] = 9;
        boxes.score[i] = 0.9f - 0.1f * (float)i;
        boxes.class_id[i] = 0;
    }
    assert_int_equal(run(&all, 4, 1, &options, kept), 4);
    assert_int_equal(run(&all, 0, 1, &options, kept), 0);
}

static void classes_do_not_meet(void **state)
{
    (void)state;
    int32_t kept[CLASSES_MAX];
    struct yt_nms_options options = {0.45f, CLASSES_MAX, 0};
    for (int32_t i = 0; i < CLASSES_MAX; i++) {
        boxes.x0[i] = boxes.y0[i] = 0;
        boxes.x1[i] = boxes.y1[i] = 7;
        boxes.score[i] = 0.1f + 0.01f * (float)i;
        boxes.class_id[i] = i;
    }
    assert_int_equal(run(&all, CLASSES_MAX, CLASSES_MAX, &options, kept),
                     CLASSES_MAX);
    for (int32_t i = 0; i < CLASSES_MAX; i++)
        assert_int_equal(kept[i], CLASSES_MAX - 1 - i);
    options.class_agnostic = 1;
    assert_int_equal(run(&all, CLASSES_MAX, CLASSES_MAX, &options, kept), 1);
    assert_int_equal(kept[0], CLASSES_MAX - 1);
}

/* A cap is a threshold between the last score that enters and the next. */
static void only_the_best_candidates_enter(void **state)
{
    (void)state;
    static int32_t kept[BOXES_MAX], want[BOXES_MAX];
    static const int32_t caps[] = {1, 7, 48, 500, BOXES_MAX, INT32_MAX};
    seed = 3;
    make_boxes(BOXES_MAX, 5, 0);
    const struct yt_nms_options every = {
        .iou = 1, .max_det = BOXES_MAX, .class_agnostic = 0};
    static int32_t order[BOXES_MAX];
    assert_int_equal(run(&all, BOXES_MAX, 5, &every, order), BOXES_MAX);
    for (size_t i = 0; i < COUNT(caps); i++) {
        struct yt_nms_options options = {.iou = 0.45f, .max_det = BOXES_MAX};
        const int32_t n = run(&all, BOXES_MAX, 5, &options, want);
        options.candidates = caps[i];
        const int32_t count = run(&all, BOXES_MAX, 5, &options, kept);
        assert_memory_equal(kept, want, (size_t)count * sizeof *kept);
        if (caps[i] >= BOXES_MAX) {
            assert_int_equal(count, n);
            continue;
        }
        const float next = boxes.score[order[caps[i]]];
        assert_true(boxes.score[kept[count - 1]] > next);
        assert_true(boxes.score[want[count]] <= next);
    }
}

/* All scores within a digit of each other, and spread over all digits. */
static void any_scores_sort(void **state)
{
    (void)state;
    static int32_t kept[BOXES_MAX];
    const struct yt_nms_options options = {1, BOXES_MAX, 0};
    static const float spans[][2] = {
        {0.5f, 1e-6f}, {1e-30f, 1e-30f}, {0, 1}, {0.999f, 0.001f}};
    for (size_t s = 0; s < COUNT(spans); s++) {
        seed = (uint32_t)s;
        make_boxes(BOXES_MAX, 3, 0);
        for (int32_t i = 0; i < BOXES_MAX; i++)
            boxes.score[i] = spans[s][0] + spans[s][1] * boxes.score[i];
        assert_int_equal(run(&all, BOXES_MAX, 3, &options, kept), BOXES_MAX);
        for (int32_t i = 1; i < BOXES_MAX; i++) {
            const float a = boxes.score[kept[i - 1]];
            const float b = boxes.score[kept[i]];
            assert_true(a > b || (a == b && kept[i - 1] < kept[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_definition),
        cmocka_unit_test(sorted_disjoint_idempotent),
        cmocka_unit_test(max_det_takes_the_best),
        cmocka_unit_test(equal_scores_keep_their_order),
        cmocka_unit_test(boxes_without_area_suppress_nothing),
        cmocka_unit_test(classes_do_not_meet),
        cmocka_unit_test(only_the_best_candidates_enter),
        cmocka_unit_test(any_scores_sort),
    };
    return cmocka_run_group_tests_name("nms", tests, NULL, NULL);
}
