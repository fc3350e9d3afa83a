/* The engines of an augmented frame: their sizes, and that their passes run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ground.h"
#include "tuner/build/engine_set.h"

enum { WIDTH = 100, HEIGHT = 70 };

static uint8_t pixels[WIDTH * HEIGHT * 3];

static const struct yt_site_options alone = {.isa = "sse4.2",
                                             .access = YT_SITE_ALONE};
static const struct yt_engine_options options = {
    .h = 96, .w = 160, .threads = 1};

static void one_engine_without_augmentation(void **state)
{
    (void)state;
    struct yt_engine_set set;
    struct ground g = ground_open(&alone, NULL);
    assert_int_equal(yt_engine_set_open(g.site, g.graph, &options, 0, &set),
                     YT_OK);
    assert_int_equal(set.count, 1);
    assert_int_equal(yt_engine_set_passes(&set).count, 1);
    yt_engine_set_close(&set);
    assert_int_equal(set.count, 0);
    ground_close(&g);
}

static void an_engine_for_each_scale(void **state)
{
    (void)state;
    static const int32_t sizes[YT_AUGMENT_SCALES][2] = {
        {96, 160}, {96, 160}, {96, 128}};
    struct yt_engine_set set;
    struct ground g = ground_open(&alone, NULL);
    assert_int_equal(yt_engine_set_open(g.site, g.graph, &options, 1, &set),
                     YT_OK);
    assert_int_equal(set.count, YT_AUGMENT_SCALES);
    const struct yt_augment passes = yt_engine_set_passes(&set);
    for (int32_t i = 0; i < set.count; i++) {
        assert_int_equal(set.engines[i]->build->plan.h, sizes[i][0]);
        assert_int_equal(set.engines[i]->build->plan.w, sizes[i][1]);
        assert_ptr_equal(passes.passes[i].model, set.engines[i]->model);
        assert_int_equal(passes.passes[i].flip, i == 1);
    }
    const struct yt_image image = {.pixels = pixels,
                                   .width = WIDTH,
                                   .height = HEIGHT,
                                   .stride_bytes = 3 * WIDTH};
    const struct yt_detect_options detect = {.conf = 0.001f};
    const size_t bytes = yt_augment_workspace_bytes(&passes);
    void *workspace = aligned_alloc(64, bytes);
    struct yt_box boxes[300];
    size_t count = 0;
    struct yt_frame_times times = {0};
    assert_non_null(workspace);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i >> 3);
    assert_int_equal(yt_augment_detect(&passes, &image, &detect, workspace,
                                       bytes, boxes, 300, &count, &times),
                     YT_OK);
    assert_true(times.network_ns > 0);
    for (size_t i = 0; i < count; i++)
        assert_true(boxes[i].x0 >= 0 && boxes[i].x1 <= WIDTH &&
                    boxes[i].y0 >= 0 && boxes[i].y1 <= HEIGHT);
    free(workspace);
    yt_engine_set_close(&set);
    ground_close(&g);
}

static void a_failure_leaves_nothing(void **state)
{
    (void)state;
    struct ground g = ground_open(&alone, NULL);
    struct yt_engine_options odd = options;
    struct yt_engine_set set;
    odd.h = 97;
    assert_int_equal(yt_engine_set_open(g.site, g.graph, &odd, 1, &set),
                     YT_BAD_ARGUMENT);
    assert_int_equal(set.count, 0);
    assert_null(set.engines[0]);
    yt_engine_set_close(&set);
    ground_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_engine_without_augmentation),
        cmocka_unit_test(an_engine_for_each_scale),
        cmocka_unit_test(a_failure_leaves_nothing),
    };
    return cmocka_run_group_tests_name("engine_set", tests, NULL, NULL);
}
