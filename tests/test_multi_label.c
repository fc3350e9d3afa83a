/* Candidates and suppression of YOLOv5's val.py: against the product's decode
 * where both say the same, and against torchvision's loops written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "eval/multi_label.h"
#include "runtime/nms.h"

#define CLASSES 5
#define ANCHORS 2
#define CELLS_H 6
#define CELLS_W 7

static uint32_t seed;

static float uniform(float low, float high)
{
    return low +
           (high - low) * (float)(yt_random_lcg(&seed) >> 8) / (float)(1 << 24);
}

/* ----------------------------------------------------------------- decode */

struct scene {
    struct yt_plan plan;
    float *arena;
};

/* Two levels with heads of noise. */
static struct scene make_scene(const char *isa)
{
    struct scene s = {0};
    s.plan.isa = yt_isa_find(isa);
    assert_non_null(s.plan.isa);
    s.plan.nc = CLASSES;
    s.plan.level_count = 2;
    const int32_t lanes = s.plan.isa->lanes;
    const int32_t channels = ANCHORS * (5 + CLASSES);
    const int64_t values =
        (int64_t)(channels + lanes - 1) / lanes * lanes * CELLS_H * CELLS_W;
    for (int32_t i = 0; i < 2; i++)
        s.plan.levels[i] = (struct yt_level){
            .head = i * values * (int64_t)sizeof(float),
            .h = CELLS_H,
            .w = CELLS_W,
            .stride = 8 << i,
            .na = ANCHORS,
            .anchors = {{10, 13}, {16, 30}},
        };
    s.arena = malloc(2 * (size_t)values * sizeof(float));
    assert_non_null(s.arena);
    for (int64_t i = 0; i < 2 * values; i++)
        s.arena[i] = uniform(-6, 4);
    return s;
}

static double sigmoid(float x)
{
    return 1 / (1 + exp(-(double)x));
}

static float value(const struct scene *s, int32_t level, int32_t c, int32_t y,
                   int32_t x)
{
    const int32_t lanes = s->plan.isa->lanes;
    const float *head =
        s->arena + s->plan.levels[level].head / (int64_t)sizeof(float);
    return head[((c / lanes * CELLS_H + y) * CELLS_W + x) * lanes + c % lanes];
}

/* Whether the candidate at @p next is this class of this cell. */
static void check_class(const struct scene *s,
                        const struct yt_candidate_list *list, int32_t *next,
                        const int32_t at[4], int32_t c, float conf)
{
    const struct yt_level *l = &s->plan.levels[at[0]];
    const int32_t base = at[1] * (5 + CLASSES);
    const int32_t y = at[2], x = at[3];
    const double score = sigmoid(value(s, at[0], base + 4, y, x)) *
                         sigmoid(value(s, at[0], base + 5 + c, y, x));
    if (fabs(score - (double)conf) < 1e-6)
        fail_msg("a score at the threshold: choose another seed");
    if (score < (double)conf)
        return;
    assert_true(*next < list->count);
    const int32_t i = (*next)++;
    assert_int_equal(list->at.class_id[i], c);
    assert_true(fabs((double)list->at.score[i] - score) < 1e-6);
    const double cx =
        (2 * sigmoid(value(s, at[0], base, y, x)) - 0.5 + x) * l->stride;
    const double h = 4 * pow(sigmoid(value(s, at[0], base + 3, y, x)), 2) *
                     (double)l->anchors[at[1]][1];
    assert_true(fabs(((double)list->at.x0[i] + (double)list->at.x1[i]) / 2 -
                     cx) < 1e-4);
    assert_true(fabs((double)list->at.y1[i] - (double)list->at.y0[i] - h) <
                1e-4);
}

static void decodes_every_class(void **state)
{
    (void)state;
    static const char *const isas[] = {"scalar", "sse4.2", "avx512"};
    for (size_t k = 0; k < sizeof isas / sizeof isas[0]; k++) {
        seed = 5;
        struct scene s = make_scene(isas[k]);
        struct yt_candidate_list list = {0};
        const float conf = 0.05f;
        assert_int_equal(yt_multi_label_decode(&s.plan, s.arena, conf, &list),
                         YT_OK);
        int32_t next = 0;
        for (int32_t level = 0; level < 2; level++)
            for (int32_t a = 0; a < ANCHORS; a++)
                for (int32_t y = 0; y < CELLS_H; y++)
                    for (int32_t x = 0; x < CELLS_W; x++)
                        for (int32_t c = 0; c < CLASSES; c++)
                            check_class(&s, &list, &next,
                                        (int32_t[]){level, a, y, x}, c, conf);
        assert_int_equal(next, list.count);
        assert_true(list.count > 50);
        yt_candidate_list_deinit(&list);
        free(s.arena);
    }
}

/* What the product finds is among it, to the last bit. */
static void holds_the_products_candidates(void **state)
{
    (void)state;
    enum { CELLS = ANCHORS * CELLS_H * CELLS_W };
    float values[5][CELLS];
    int32_t class_id[CELLS], counts[ANCHORS * CELLS_H];
    seed = 6;
    struct scene s = make_scene("avx2");
    s.plan.level_count = 1;
    struct yt_decode_args args = {
        .head = s.arena,
        .lanes = s.plan.isa->lanes,
        .na = ANCHORS,
        .nc = CLASSES,
        .h = CELLS_H,
        .w = CELLS_W,
        .stride = 8,
        .min_logit = yt_decode_min_logit(0.05f),
        .conf = 0.05f,
        .out = {values[0], values[1], values[2], values[3], values[4],
                class_id},
        .counts = counts,
    };
    memcpy(args.anchors, s.plan.levels[0].anchors, sizeof args.anchors);
    yt_decode_c(&args, 0, ANCHORS * CELLS_H);
    const int64_t count = yt_decode_compact(&args, &args.out, 0);
    struct yt_candidate_list list = {0};
    assert_int_equal(yt_multi_label_decode(&s.plan, s.arena, 0.05f, &list),
                     YT_OK);
    assert_true(count > 10 && count < list.count);
    int32_t j = 0;
    for (int64_t i = 0; i < count; i++, j++) {
        while (j < list.count && (list.at.x0[j] != values[0][i] ||
                                  list.at.y1[j] != values[3][i] ||
                                  list.at.class_id[j] != class_id[i]))
            j++;
        assert_true(j < list.count);
        assert_true(list.at.score[j] == values[4][i]);
    }
    yt_candidate_list_deinit(&list);
    free(s.arena);
}

/* ------------------------------------------------------------ suppression */

static void fill(struct yt_candidate_list *list, int32_t count, int32_t classes,
                 float extent)
{
    float *arrays[5];
    int32_t *class_id = malloc((size_t)count * sizeof *class_id);
    for (int i = 0; i < 5; i++)
        arrays[i] = malloc((size_t)count * sizeof(float));
    for (int32_t i = 0; i < count; i++) {
        arrays[0][i] = uniform(0, extent);
        arrays[1][i] = uniform(0, extent);
        arrays[2][i] = arrays[0][i] + uniform(1, extent / 3);
        arrays[3][i] = arrays[1][i] + uniform(1, extent / 3);
        /* Few distinct scores, so that many are equal. */
        arrays[4][i] = floorf(uniform(1, 200)) / 256;
        class_id[i] = (int32_t)uniform(0, (float)classes);
    }
    const struct yt_candidates at = {arrays[0], arrays[1], arrays[2],
                                     arrays[3], arrays[4], class_id};
    assert_int_equal(yt_candidate_list_add(list, &at, count), YT_OK);
    for (int i = 0; i < 5; i++)
        free(arrays[i]);
    free(class_id);
}

/* torchvision's nms() on boxes moved apart: every box in turn removes all that
 * follow and overlap it. The list is in order already. */
static int32_t torchvision(const struct yt_candidate_list *list,
                           const struct yt_ultralytics_nms *options,
                           int32_t *kept)
{
    const double iou = options->iou;
    const int32_t max_det = options->max_det;
    const int32_t agnostic = options->class_agnostic;
    const int32_t most = options->candidates ? options->candidates : 30000;
    const int32_t n = list->count < most ? list->count : most;
    char *gone = calloc((size_t)n, 1);
    float(*b)[4] = malloc((size_t)n * sizeof *b);
    assert_true(gone != NULL && b != NULL);
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) {
        const float c = agnostic ? 0 : (float)list->at.class_id[i] * 7680.0f;
        b[i][0] = list->at.x0[i] + c;
        b[i][1] = list->at.y0[i] + c;
        b[i][2] = list->at.x1[i] + c;
        b[i][3] = list->at.y1[i] + c;
    }
    for (int32_t i = 0; i < n && count < max_det; i++) {
        if (gone[i])
            continue;
        kept[count++] = i;
        const float own = (b[i][2] - b[i][0]) * (b[i][3] - b[i][1]);
        for (int32_t j = i + 1; j < n; j++) {
            const float w =
                fmaxf(0, fminf(b[i][2], b[j][2]) - fmaxf(b[i][0], b[j][0]));
            const float h =
                fmaxf(0, fminf(b[i][3], b[j][3]) - fmaxf(b[i][1], b[j][1]));
            const float inter = w * h;
            const float area = (b[j][2] - b[j][0]) * (b[j][3] - b[j][1]);
            gone[j] |= (double)(inter / (own + area - inter)) > iou;
        }
    }
    free(gone);
    free(b);
    return count;
}

static void compare(int32_t count, int32_t classes, float extent,
                    const struct yt_ultralytics_nms *options)
{
    struct yt_candidate_list list = {0};
    fill(&list, count, classes, extent);
    int32_t *kept = malloc((size_t)count * sizeof *kept);
    int32_t *expected = malloc((size_t)count * sizeof *expected);
    int32_t kept_count = -1;
    assert_int_equal(yt_ultralytics_nms_run(&list, options, kept, &kept_count),
                     YT_OK);
    for (int32_t i = 1; i < count; i++)
        assert_true(list.at.score[i - 1] >= list.at.score[i]);
    const int32_t want = torchvision(&list, options, expected);
    assert_int_equal(kept_count, want);
    assert_memory_equal(kept, expected, (size_t)want * sizeof *kept);
    free(kept);
    free(expected);
    yt_candidate_list_deinit(&list);
}

static void suppresses_as_torchvision(void **state)
{
    (void)state;
    seed = 11;
    for (int32_t round = 0; round < 20; round++) {
        struct yt_ultralytics_nms o = {.iou = 0.3 + 0.02 * round,
                                       .max_det = 300};
        compare(400, 1 + round % 7, 640, &o);
        compare(1 + round, 80, 640, &o);
        o.class_agnostic = 1;
        compare(300, 5, 640, &o);
        o.class_agnostic = 0;
        o.max_det = 5;
        compare(300, 5, 640, &o);
        o.max_det = 300;
        o.candidates = 1 + 13 * round;
        compare(200, 2, 640, &o);
    }
    /* So large that planes overlap: classes suppress each other, as there. */
    const struct yt_ultralytics_nms o = {.iou = 0.2, .max_det = 300};
    compare(400, 3, 60000, &o);
}

static void keeps_the_order_of_equals(void **state)
{
    (void)state;
    float x0[] = {0, 100, 200, 300}, y0[] = {0, 0, 0, 0};
    float x1[] = {50, 150, 250, 350}, y1[] = {50, 50, 50, 50};
    float score[] = {0.5f, 0.75f, 0.5f, 0.75f};
    int32_t class_id[] = {0, 1, 2, 3};
    const struct yt_candidates at = {x0, y0, x1, y1, score, class_id};
    struct yt_candidate_list list = {0};
    assert_int_equal(yt_candidate_list_add(&list, &at, 4), YT_OK);
    int32_t kept[4], count = 0;
    const struct yt_ultralytics_nms o = {.iou = 0.5, .max_det = 3};
    assert_int_equal(yt_ultralytics_nms_run(&list, &o, kept, &count), YT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(list.at.class_id[kept[0]], 1);
    assert_int_equal(list.at.class_id[kept[1]], 3);
    assert_int_equal(list.at.class_id[kept[2]], 0);
    list.count = 0;
    assert_int_equal(yt_candidate_list_add(&list, &at, 0), YT_OK);
    assert_int_equal(yt_ultralytics_nms_run(&list, &o, kept, &count), YT_OK);
    assert_int_equal(count, 0);
    yt_candidate_list_deinit(&list);
}

/* Only the 30,000 best are looked at. */
static void limits_candidates(void **state)
{
    (void)state;
    enum { COUNT = 30500 };
    struct yt_candidate_list list = {0};
    seed = 12;
    fill(&list, COUNT, 80, 640);
    int32_t *kept = malloc(COUNT * sizeof *kept);
    int32_t count = 0;
    /* At 1 nothing is suppressed, so that the number shows the limit. */
    const struct yt_ultralytics_nms o = {.iou = 1, .max_det = COUNT};
    assert_int_equal(yt_ultralytics_nms_run(&list, &o, kept, &count), YT_OK);
    assert_int_equal(count, YT_ULTRALYTICS_CANDIDATES);
    for (int32_t i = 0; i < count; i++)
        assert_int_equal(kept[i], i);
    free(kept);
    yt_candidate_list_deinit(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_class),
        cmocka_unit_test(holds_the_products_candidates),
        cmocka_unit_test(suppresses_as_torchvision),
        cmocka_unit_test(keeps_the_order_of_equals),
        cmocka_unit_test(limits_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
