/* Decoding against YOLOv5's and YOLOv8's formulas in double with libm, cell by
 * cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "runtime/decode.h"
#include "runtime/sigmoid.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Distance in units of the last place of the exact value. */
static double ulps(float got, double want)
{
    int exponent;
    frexp(want, &exponent);
    return fabs(got - want) / ldexp(1, exponent - 24);
}

static void exp_is_within_its_bound(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = 0; i < 475000; i++) {
        const float x = YT_EXPF_MIN + (float)i * 0.00036968f;
        assert_true(x <= YT_EXPF_MAX);
        worst = fmax(worst, ulps(yt_expf(x), exp((double)x)));
    }
    /* Around zero, where the steps above are coarse. */
    for (int i = -30000; i < 0; i++) {
        const float x = (float)exp(i * 0.0007);
        worst = fmax(worst, ulps(yt_expf(x), exp((double)x)));
        worst = fmax(worst, ulps(yt_expf(-x), exp(-(double)x)));
    }
    print_message("exp: %.3f ulp\n", worst);
    assert_true(worst <= 1.5);
    assert_true(yt_expf(0) == 1);
    assert_true(yt_expf(INFINITY) == yt_expf(YT_EXPF_MAX));
    assert_true(yt_expf(-INFINITY) == yt_expf(YT_EXPF_MIN));
    assert_true(yt_expf(NAN) == yt_expf(YT_EXPF_MIN));
}

static void sigmoid_is_within_its_bound(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = 0; i < 460000; i++) {
        const float x = -87 + (float)i * 0.00041f;
        worst = fmax(worst, ulps(yt_sigmoidf(x), 1 / (1 + exp(-(double)x))));
    }
    print_message("sigmoid: %.3f ulp\n", worst);
    assert_true(worst <= 3);
    assert_true(yt_sigmoidf(0) == 0.5f);
    assert_true(yt_sigmoidf(-INFINITY) >= 0 && yt_sigmoidf(-INFINITY) < 1e-37f);
    assert_true(yt_sigmoidf(INFINITY) == 1);
}

static void threshold_loses_nothing(void **state)
{
    (void)state;
    static const float confs[] = {1e-30f, 1e-6f,  0.001f,  0.25f,
                                  0.5f,   0.999f, 0.9999f, 0.9999999f};
    for (size_t i = 0; i < COUNT(confs); i++) {
        const float conf = confs[i];
        const float min = yt_decode_min_logit(conf);
        const double exact = log((double)conf / (1 - (double)conf));
        assert_true(min < exact);
        assert_true(yt_sigmoidf(min) < conf || conf > 0.999f);
        assert_true(1 / (1 + exp(-(double)min)) > conf * (1 - 2e-5));
        for (int n = 0; n < 1000; n++)
            assert_false(yt_sigmoidf(min - (float)n * 1e-5f) > conf);
    }
}

struct decode_case {
    int32_t lanes, na, nc, h, w, stride;
    float conf;
    int32_t bins;
};

static const struct decode_case cases[] = {
    {16, 3, 80, 7, 5, 8, 0.25f},
    {8, 3, 80, 4, 9, 16, 0.001f},
    {4, 3, 1, 6, 6, 32, 0.5f},
    {16, 1, 1, 1, 1, 64, 0.1f},
    {8, 4, 20, 3, 3, 8, 0.6f},
    {16, 3, 7, 20, 20, 32, 0.9f},
    /* Without anchors. */
    {16, 1, 80, 7, 5, 8, 0.9f, 16},
    {8, 1, 3, 9, 4, 32, 0.25f, 16},
    {4, 1, 1, 6, 6, 16, 0.5f, 32},
    {16, 1, 21, 3, 3, 8, 0.99f, 64},
};

static const float anchors[][2] = {{10, 13}, {16, 30}, {33, 23}, {116.5f, 90}};

static uint32_t seed;

/* A logit, mostly in -6..6. */
static float noise(void)
{
    return (float)(int32_t)yt_random_lcg(&seed) / 2147483648.0f * 6;
}

struct level {
    struct yt_decode_args args;
    float *head;
    int64_t cells; /* na * h * w */
    struct yt_candidates all;
    int32_t *counts;
};

static void *get(int64_t count)
{
    void *memory = malloc((size_t)count * 4);
    assert_non_null(memory);
    return memory;
}

static void open_level(const struct decode_case *test, struct level *level)
{
    const int32_t channels =
        (int32_t)yt_head_channels(test->na, test->nc, test->bins);
    const int32_t blocks = (channels + test->lanes - 1) / test->lanes;
    const int64_t elems = (int64_t)blocks * test->lanes * test->h * test->w;
    level->cells = (int64_t)test->na * test->h * test->w;
    level->head = get(elems);
    level->all = (struct yt_candidates){
        .x0 = get(level->cells),
        .y0 = get(level->cells),
        .x1 = get(level->cells),
        .y1 = get(level->cells),
        .score = get(level->cells),
        .class_id = get(level->cells),
    };
    level->counts = get((int64_t)test->na * test->h);
    for (int64_t i = 0; i < elems; i++)
        level->head[i] = noise();
    level->args = (struct yt_decode_args){
        .head = level->head,
        .lanes = test->lanes,
        .na = test->na,
        .nc = test->nc,
        .bins = test->bins,
        .h = test->h,
        .w = test->w,
        .stride = test->stride,
        .min_logit = yt_decode_min_logit(test->conf),
        .conf = test->conf,
        .out = level->all,
        .counts = level->counts,
    };
    memcpy(level->args.anchors, anchors, sizeof anchors);
}

static void close_level(struct level *level)
{
    free(level->head);
    free(level->all.x0);
    free(level->all.y0);
    free(level->all.x1);
    free(level->all.y1);
    free(level->all.score);
    free(level->all.class_id);
    free(level->counts);
}

static float *channel_at(const struct level *level, int32_t c, int32_t y,
                         int32_t x)
{
    const struct yt_decode_args *v = &level->args;
    return &level->head[(((int64_t)(c / v->lanes) * v->h + y) * v->w + x) *
                            v->lanes +
                        c % v->lanes];
}

static float *logit_at(const struct level *level, int32_t a, int32_t j,
                       int32_t y, int32_t x)
{
    return channel_at(level, a * (5 + level->args.nc) + j, y, x);
}

static double s(float x)
{
    return 1 / (1 + exp(-(double)x));
}

struct expected {
    double x0, y0, x1, y1, score;
    int32_t class_id;
};

/* The mean of the softmax of a side's logits, in cells. */
static double mean_of_side(const struct level *level, int32_t side, int32_t y,
                           int32_t x)
{
    const int32_t bins = level->args.bins;
    double sum = 0, weighted = 0;
    for (int32_t j = 0; j < bins; j++) {
        const double e = exp((double)*channel_at(level, side * bins + j, y, x));
        sum += e;
        weighted += j * e;
    }
    return weighted / sum;
}

static struct expected expect_bins(const struct level *level, int32_t y,
                                   int32_t x)
{
    const struct yt_decode_args *v = &level->args;
    const int32_t first = 4 * v->bins;
    int32_t best = 0;
    for (int32_t j = 1; j < v->nc; j++)
        if (*channel_at(level, first + j, y, x) >
            *channel_at(level, first + best, y, x))
            best = j;
    return (struct expected){
        (x + 0.5 - mean_of_side(level, 0, y, x)) * v->stride,
        (y + 0.5 - mean_of_side(level, 1, y, x)) * v->stride,
        (x + 0.5 + mean_of_side(level, 2, y, x)) * v->stride,
        (y + 0.5 + mean_of_side(level, 3, y, x)) * v->stride,
        s(*channel_at(level, first + best, y, x)),
        best,
    };
}

static struct expected expect(const struct level *level, int32_t a, int32_t y,
                              int32_t x)
{
    const struct yt_decode_args *v = &level->args;
    int32_t best = 0;
    if (v->bins)
        return expect_bins(level, y, x);
    for (int32_t j = 1; j < v->nc; j++)
        if (*logit_at(level, a, 5 + j, y, x) >
            *logit_at(level, a, 5 + best, y, x))
            best = j;
    const double cx =
        (2 * s(*logit_at(level, a, 0, y, x)) - 0.5 + x) * v->stride;
    const double cy =
        (2 * s(*logit_at(level, a, 1, y, x)) - 0.5 + y) * v->stride;
    const double w =
        pow(2 * s(*logit_at(level, a, 2, y, x)), 2) * (double)v->anchors[a][0];
    const double h =
        pow(2 * s(*logit_at(level, a, 3, y, x)), 2) * (double)v->anchors[a][1];
    return (struct expected){
        cx - w / 2,
        cy - h / 2,
        cx + w / 2,
        cy + h / 2,
        s(*logit_at(level, a, 4, y, x)) *
            s(*logit_at(level, a, 5 + best, y, x)),
        best,
    };
}

/* Candidates must be exactly the cells over the threshold, in flattened
 * [a][y][x] order; cells within rounding of the threshold may go either way. */
static void check_level(const struct level *level, int64_t count)
{
    const struct yt_decode_args *v = &level->args;
    const struct yt_candidates *got = &level->all;
    int64_t at = 0;
    for (int32_t a = 0; a < v->na; a++)
        for (int32_t y = 0; y < v->h; y++)
            for (int32_t x = 0; x < v->w; x++) {
                const struct expected want = expect(level, a, y, x);
                if (fabs(want.score - v->conf) < 1e-6) {
                    if (at < count && fabs(got->score[at] - want.score) < 1e-6)
                        at++;
                    continue;
                }
                if (want.score < v->conf)
                    continue;
                assert_true(at < count);
                assert_int_equal(got->class_id[at], want.class_id);
                assert_float_equal(got->score[at], want.score, 1e-6);
                assert_float_equal(got->x0[at], want.x0, 1e-3);
                assert_float_equal(got->y0[at], want.y0, 1e-3);
                assert_float_equal(got->x1[at], want.x1, 1e-3);
                assert_float_equal(got->y1[at], want.y1, 1e-3);
                at++;
            }
    assert_int_equal(at, count);
}

static void decodes_by_the_formulas(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct level level;
        seed = (uint32_t)i + 1;
        open_level(&cases[i], &level);
        const int64_t tasks = (int64_t)cases[i].na * cases[i].h;
        /* Backwards, in uneven shares: the order of tasks must not matter. */
        for (int64_t end = tasks; end > 0;) {
            const int64_t begin = end > 3 ? end - 3 : 0;
            yt_decode_c(&level.args, begin, end);
            end = begin;
        }
        const int64_t count = yt_decode_compact(&level.args, &level.all, 0);
        check_level(&level, count);
        close_level(&level);
    }
}

static void every_cell_may_pass(void **state)
{
    (void)state;
    const struct decode_case test = {16, 3, 2, 5, 7, 8, 0.25f};
    struct level level;
    open_level(&test, &level);
    for (int64_t i = 0; i < 2 * 16 * 5 * 7; i++)
        level.head[i] = 9;
    yt_decode_c(&level.args, 0, 15);
    assert_int_equal(yt_decode_compact(&level.args, &level.all, 0),
                     level.cells);
    check_level(&level, level.cells);
    close_level(&level);
}

static void nans_do_not_pass(void **state)
{
    (void)state;
    const struct decode_case test = {8, 3, 4, 2, 2, 8, 0.25f};
    struct level level;
    open_level(&test, &level);
    for (int64_t i = 0; i < 4 * 8 * 2 * 2; i++)
        level.head[i] = NAN;
    yt_decode_c(&level.args, 0, 6);
    assert_int_equal(yt_decode_compact(&level.args, &level.all, 0), 0);

    /* A sure object of no class scores nothing either. */
    for (int32_t a = 0; a < 3; a++)
        *logit_at(&level, a, 4, 1, 1) = 20;
    yt_decode_c(&level.args, 0, 6);
    assert_int_equal(yt_decode_compact(&level.args, &level.all, 0), 0);
    close_level(&level);
}

/* Without anchors: all of a side's weight in one bin, however far the others'
 * logits are, and a side of which nothing is known. */
static void sides_of_one_bin(void **state)
{
    (void)state;
    const struct decode_case test = {8, 1, 2, 1, 3, 8, 0.25f, 16};
    struct level level;
    open_level(&test, &level);
    for (int32_t c = 0; c < 66; c++)
        for (int32_t x = 0; x < 3; x++)
            *channel_at(&level, c, 0, x) = c < 64 ? -3e38f : NAN;
    *channel_at(&level, 64, 0, 1) = 3;
    for (int32_t side = 0; side < 4; side++)
        *channel_at(&level, 16 * side + 2 + side, 0, 1) = 3e38f;
    for (int32_t j = 0; j < 16; j++)
        *channel_at(&level, 48 + j, 0, 1) = 1e30f;
    yt_decode_c(&level.args, 0, 1);
    assert_int_equal(level.counts[0], 1);
    assert_true(level.all.x0[0] == (1.5f - 2) * 8);
    assert_true(level.all.y0[0] == (0.5f - 3) * 8);
    assert_true(level.all.x1[0] == (1.5f + 4) * 8);
    assert_float_equal(level.all.y1[0], (0.5f + 7.5f) * 8, 1e-5);
    assert_int_equal(level.all.class_id[0], 0);
    close_level(&level);
}

/* Two levels share the arrays; the second lands right after the first. */
static void levels_are_appended(void **state)
{
    (void)state;
    struct level level;
    open_level(&cases[0], &level);
    yt_decode_c(&level.args, 0, 21);
    const int64_t alone = yt_decode_compact(&level.args, &level.all, 0);
    float score[105];
    assert_in_range(alone, 1, COUNT(score));
    memcpy(score, level.all.score, (size_t)alone * sizeof *score);

    struct level both;
    const struct decode_case twice = {16, 3, 80, 14, 5, 8, 0.25f};
    open_level(&twice, &both);
    struct yt_decode_args second = level.args;
    second.out = yt_candidates_at(&both.all, 100);
    both.all.score[0] = 0.75f;
    yt_decode_c(&second, 0, 21);
    assert_int_equal(yt_decode_compact(&second, &both.all, 1), 1 + alone);
    assert_true(both.all.score[0] == 0.75f);
    assert_memory_equal(both.all.score + 1, score,
                        (size_t)alone * sizeof *score);
    close_level(&both);
    close_level(&level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_its_bound),
        cmocka_unit_test(sigmoid_is_within_its_bound),
        cmocka_unit_test(threshold_loses_nothing),
        cmocka_unit_test(decodes_by_the_formulas),
        cmocka_unit_test(every_cell_may_pass),
        cmocka_unit_test(nans_do_not_pass),
        cmocka_unit_test(sides_of_one_bin),
        cmocka_unit_test(levels_are_appended),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
