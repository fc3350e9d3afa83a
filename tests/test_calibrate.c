/* Calibration of a whole graph on a few generated pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "eval/dataset_build.h"
#include "eval/image.h"
#include "compress/quant/quantise.h"
#include "compress/precision/calibrate.h"

#define SIZE     64
#define PICTURES 3

static char folder[] = "/tmp/yt-calibrate-XXXXXX";

static struct yt_graph *graph(void)
{
    static struct yt_graph *built;
    if (!built)
        assert_int_equal(yt_graph_builtin("n", 1, &built), YT_OK);
    return built;
}

static void picture_path(char path[80], const char *kind, int i)
{
    snprintf(path, 80, "%s/%s%d.ppm", folder, kind, i);
}

/* "noise", "black", "plain" (red 10, green 200, blue 30) or "broken". */
static void make_picture(const char *kind, int i)
{
    static const uint8_t plain[] = {10, 200, 30};
    struct yt_picture picture;
    char path[80];
    uint32_t x = (uint32_t)i + 1;
    picture_path(path, kind, i);
    assert_int_equal(yt_picture_init(SIZE, SIZE, &picture), YT_OK);
    for (int p = 0; p < 3 * SIZE * SIZE; p++) {
        (void)yt_random_lcg(&x);
        if (strcmp(kind, "noise") == 0)
            picture.rgb[p] = (uint8_t)(x >> 24);
        if (strcmp(kind, "plain") == 0)
            picture.rgb[p] = plain[p % 3];
    }
    assert_int_equal(yt_picture_save(&picture, path), YT_OK);
    yt_picture_deinit(&picture);
    if (strcmp(kind, "broken") == 0)
        assert_int_equal(truncate(path, 100), 0);
}

static struct yt_dataset *pictures(const char *kind, int count)
{
    struct yt_dataset *dataset = calloc(1, sizeof *dataset);
    assert_non_null(dataset);
    dataset->name = strdup(kind);
    snprintf(dataset->hash, sizeof dataset->hash, "%s", kind);
    for (int i = 0; i < count; i++) {
        char path[80];
        make_picture(kind, i);
        picture_path(path, kind, i);
        assert_int_equal(yt_dataset_add_image(dataset, strdup(path), NULL),
                         YT_OK);
    }
    return dataset;
}

static enum yt_status run(struct yt_dataset *dataset, enum yt_isa_id isa,
                          int32_t threads,
                          const struct yt_calibrate_options *options,
                          struct yt_quantisation **q_out)
{
    const enum yt_status status = yt_calibrate(
        graph(), yt_isa_get(isa), SIZE, SIZE, threads, dataset, options, q_out);
    yt_dataset_close(dataset);
    return status;
}

static void check_ranges(const struct yt_quantisation *q)
{
    int32_t pools = 0, adds = 0;
    for (int32_t i = 1; i < q->node_count; i++) {
        const struct yt_node_range *r = &q->ranges[i];
        const enum yt_node_kind kind = graph()->nodes[i].kind;
        if (kind == YT_NODE_MAXPOOL) {
            assert_non_null(r->means);
            pools++;
        }
        if (kind == YT_NODE_ADD)
            adds++;
        if (kind == YT_NODE_ACT && r->lo > r->hi) {
            /* It joined an addition, which is what is stored. */
            assert_null(r->means);
            continue;
        }
        if (kind != YT_NODE_ACT && kind != YT_NODE_ADD)
            continue;
        assert_true(r->lo <= 0 && r->hi >= 0 && r->lo < r->hi);
        assert_true(r->seen_lo < r->seen_hi && r->hi <= fmaxf(r->seen_hi, 0));
        if (kind == YT_NODE_ACT) {
            assert_true(r->lo == YT_SILU_LEAST || r->lo == 0);
            assert_true(r->seen_lo >= YT_SILU_LEAST - 1e-5f);
        }
        /* A mean of equal values is rounded too. */
        const float slack = 1e-5f * (fabsf(r->seen_lo) + fabsf(r->seen_hi));
        for (int32_t c = 0; c < q->channels[i]; c++)
            assert_true(r->means[c] >= r->seen_lo - slack &&
                        r->means[c] <= r->seen_hi + slack);
    }
    assert_int_equal(pools, 3);
    assert_true(adds > 3);
}

static void all_tensors_are_observed(void **state)
{
    (void)state;
    struct yt_quantisation *q;
    const struct yt_calibrate_options options = {.bias_correction = 1};
    assert_int_equal(
        run(pictures("noise", PICTURES), YT_ISA_SCALAR, 1, &options, &q),
        YT_OK);
    assert_int_equal(q->images, PICTURES);
    assert_int_equal(strlen(q->images_hash), 32);
    assert_int_equal(q->bias_correction, 1);
    assert_int_equal(yt_quantisation_precision(q, graph()), YT_PRECISION_F32);
    check_ranges(q);
    yt_quantisation_destroy(q);
}

/* Whatever network is made of it finds the ranges it needs. */
static void every_type_can_be_made_of_it(void **state)
{
    (void)state;
    struct yt_quantisation *q;
    const struct yt_calibrate_options options = {.bias_correction = 1};
    assert_int_equal(
        run(pictures("noise", PICTURES), YT_ISA_SCALAR, 1, &options, &q),
        YT_OK);
    for (int variant = 0; variant < 2 * YT_DTYPE_COUNT; variant++) {
        struct yt_net *net;
        yt_quantisation_set_all(q, graph(), (enum yt_dtype)(variant / 2));
        if (variant % 2)
            for (int32_t i = 0; i < q->node_count; i++)
                q->dtypes[i] = (uint8_t)((i / 2) % YT_DTYPE_COUNT);
        const struct yt_net_options lower = {.lanes = 4 << variant % 3,
                                             .h = SIZE,
                                             .w = SIZE,
                                             .no_fuse_upsample = variant % 2,
                                             .dtypes = q->dtypes};
        assert_int_equal(yt_net_lower(graph(), &lower, &net), YT_OK);
        if (yt_quantise(net, graph(), q, 127) != YT_OK)
            fail_msg("variant %d: %s", variant, yt_error());
        yt_net_destroy(net);
    }
    yt_quantisation_destroy(q);
}

static int rounded;

static void count_rounded(void *user, enum yt_calibrate_phase phase,
                          int32_t done, int32_t total)
{
    (void)user;
    if (phase == YT_CALIBRATE_ROUND && done == total)
        rounded = total;
}

/* Rounding is there for all convolutions but the four whose concat is never
 * made. */
static void rounding_can_be_learned(void **state)
{
    (void)state;
    struct yt_quantisation *q;
    const struct yt_calibrate_options options = {
        .learn_rounding = 1, .bias_correction = 1, .progress = count_rounded};
    assert_int_equal(
        run(pictures("noise", PICTURES), YT_ISA_SCALAR, 1, &options, &q),
        YT_OK);
    int32_t convs = 0, learned = 0;
    for (int32_t i = 0; i < q->node_count; i++) {
        convs += graph()->nodes[i].kind == YT_NODE_CONV;
        learned += q->rounding[i] != NULL;
    }
    assert_int_equal(convs - learned, 4);
    assert_true(rounded > 40 && rounded < learned); /* twins are one */
    assert_int_equal(q->rounding_weight_max,
                     yt_isa_weight_max(yt_isa_get(YT_ISA_SCALAR)));
    yt_quantisation_destroy(q);
}

/* Neither threads nor when it is done change a bit; another instruction set
 * adds in another order. */
static void results_repeat(void **state)
{
    (void)state;
    struct yt_quantisation *q[3];
    char hashes[3][17];
    const enum yt_isa_id other =
        yt_isa_check(yt_isa_get(YT_ISA_AVX2), yt_cpu_features()) == YT_OK
            ? YT_ISA_AVX2
            : YT_ISA_SCALAR;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(pictures("noise", PICTURES),
                             i == 2 ? other : YT_ISA_SCALAR, 1 + i % 2, NULL,
                             &q[i]),
                         YT_OK);
        yt_quantisation_hash(q[i], hashes[i]);
    }
    assert_string_equal(hashes[0], hashes[1]);
    for (int32_t i = 1; i < q[0]->node_count; i++)
        if (q[0]->ranges[i].lo <= q[0]->ranges[i].hi)
            assert_true(
                fabsf(q[0]->ranges[i].seen_hi - q[2]->ranges[i].seen_hi) <=
                1e-3f * fabsf(q[0]->ranges[i].seen_hi) + 1e-4f);
    for (int i = 0; i < 3; i++)
        yt_quantisation_destroy(q[i]);
}

static void an_image_has_its_means(void **state)
{
    (void)state;
    struct yt_quantisation *q;
    assert_int_equal(run(pictures("plain", 1), YT_ISA_SCALAR, 1, NULL, &q),
                     YT_OK);
    static const float want[] = {10, 200, 30};
    for (int c = 0; c < 3; c++)
        assert_true(fabsf(q->ranges[0].means[c] - want[c]) < 1e-3f);
    yt_quantisation_destroy(q);
    assert_int_equal(run(pictures("black", 1), YT_ISA_SCALAR, 1, NULL, &q),
                     YT_OK);
    assert_true(q->ranges[0].means[1] == 0);
    check_ranges(q);
    yt_quantisation_destroy(q);
}

static void some_pictures_can_be_broken_but_not_all(void **state)
{
    (void)state;
    struct yt_quantisation *q;
    struct yt_dataset *dataset = pictures("noise", 2);
    char path[80];
    make_picture("broken", 0);
    picture_path(path, "broken", 0);
    assert_int_equal(yt_dataset_add_image(dataset, strdup(path), NULL), YT_OK);
    assert_int_equal(run(dataset, YT_ISA_SCALAR, 1, NULL, &q), YT_OK);
    assert_int_equal(q->images, 2);
    yt_quantisation_destroy(q);
    assert_int_equal(run(pictures("broken", 2), YT_ISA_SCALAR, 1, NULL, &q),
                     YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "no picture"));
    assert_int_equal(run(pictures("none", 0), YT_ISA_SCALAR, 1, NULL, &q),
                     YT_BAD_INPUT);
}

static int calls;

static void count_calls(void *user, enum yt_calibrate_phase phase, int32_t done,
                        int32_t total)
{
    assert_true(done <= total && phase < YT_CALIBRATE_PHASES);
    calls++;
    if (user && phase == YT_CALIBRATE_OBSERVE && done == 1)
        *(volatile int *)user = 1;
}

static void it_reports_and_stops(void **state)
{
    (void)state;
    volatile int stop = 0;
    struct yt_quantisation *q;
    struct yt_calibrate_options options = {
        .stop = &stop, .progress = count_calls, .images_max = 2};
    assert_int_equal(
        run(pictures("noise", PICTURES), YT_ISA_SCALAR, 1, &options, &q),
        YT_OK);
    assert_int_equal(calls, 2 + 3);
    assert_int_equal(q->images, 2);
    yt_quantisation_destroy(q);
    options.user = (void *)&stop;
    assert_int_equal(
        run(pictures("noise", PICTURES), YT_ISA_SCALAR, 1, &options, &q),
        YT_INTERRUPTED);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    static const char *const kinds[] = {"noise", "black", "plain", "broken"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int i = 0; i < PICTURES; i++) {
            char path[80];
            picture_path(path, kinds[k], i);
            unlink(path);
        }
    yt_graph_destroy(graph());
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tensors_are_observed),
        cmocka_unit_test(every_type_can_be_made_of_it),
        cmocka_unit_test(rounding_can_be_learned),
        cmocka_unit_test(results_repeat),
        cmocka_unit_test(an_image_has_its_means),
        cmocka_unit_test(some_pictures_can_be_broken_but_not_all),
        cmocka_unit_test(it_reports_and_stops),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
