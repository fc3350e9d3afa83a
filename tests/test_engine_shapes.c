/* Networks for pictures of many shapes: YOLOv5's sizes, and which are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ground.h"
#include "tuner/build/engine_shapes.h"

/* What YOLOv5 v7.0's letterbox(auto=True, stride=32) makes of these. */
static void shapes_are_those_of_yolov5(void **state)
{
    (void)state;
    static const struct {
        int32_t h, w, stride, image_h, image_w, want_h, want_w;
    } rows[] = {
        {640, 640, 32, 1080, 810, 640, 480},
        {640, 640, 32, 720, 1280, 384, 640},
        {640, 640, 32, 480, 640, 480, 640},
        {640, 640, 32, 427, 640, 448, 640},
        {640, 640, 32, 375, 500, 480, 640},
        {640, 640, 32, 640, 640, 640, 640},
        {640, 640, 32, 1, 640, 32, 640},
        {640, 640, 32, 30000, 20, 640, 32},
        {640, 640, 64, 427, 640, 448, 640},
        {640, 640, 64, 450, 640, 512, 640},
        {384, 640, 32, 1080, 810, 384, 288},
        {384, 640, 32, 720, 1280, 384, 640},
        {384, 640, 32, 640, 640, 384, 384},
        {320, 320, 32, 20, 10, 320, 160},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t h = 0, w = 0;
        yt_shape_of(rows[i].h, rows[i].w, rows[i].stride, rows[i].image_h,
                    rows[i].image_w, &h, &w);
        if (h != rows[i].want_h || w != rows[i].want_w)
            fail_msg("row %zu: %dx%d", i, h, w);
    }
}

static const struct yt_site_options alone = {.isa = "sse4.2",
                                             .access = YT_SITE_ALONE};

struct shapes_case {
    struct ground g;
    struct yt_engine_set like;
    struct yt_engine_shapes *shapes;
};

static struct shapes_case begin(int32_t augment)
{
    static const struct yt_engine_options engine = {
        .h = 128, .w = 128, .threads = 1, .unbuilt = 1};
    struct shapes_case c = {.g = ground_open(&alone, NULL)};
    if (yt_engine_set_open(c.g.site, c.g.graph, &engine, augment, &c.like) !=
        YT_OK)
        fail_msg("%s", yt_error());
    return c;
}

/* Behind begin(), since it keeps the address of the set. */
static void open_shapes(struct shapes_case *c,
                        struct yt_engine_shapes_options options)
{
    options.site = c->g.site;
    options.graph = c->g.graph;
    options.like = &c->like;
    if (yt_engine_shapes_open(&options, &c->shapes) != YT_OK)
        fail_msg("%s", yt_error());
}

static void end(struct shapes_case *c)
{
    yt_engine_shapes_close(c->shapes);
    yt_engine_set_close(&c->like);
    ground_close(&c->g);
}

static void get(struct shapes_case *c, int32_t h, int32_t w, int32_t kept,
                int32_t built)
{
    struct yt_engine_shape *shape = NULL;
    int32_t kept_now, built_now;
    if (yt_engine_shapes_get(c->shapes, h, w, &shape) != YT_OK)
        fail_msg("%s", yt_error());
    const struct yt_plan *plan = &shape->set.engines[0]->build->plan;
    assert_int_equal(plan->h, h);
    assert_int_equal(plan->w, w);
    assert_non_null(shape->set.engines[0]->model);
    assert_non_null(shape->workspace);
    yt_engine_shapes_count(c->shapes, &kept_now, &built_now);
    assert_int_equal(kept_now, kept);
    assert_int_equal(built_now, built);
}

static void few_are_kept_and_the_oldest_goes(void **state)
{
    (void)state;
    static const struct yt_engine_shapes_options two = {.shapes_max = 2};
    struct shapes_case c = begin(0);
    open_shapes(&c, two);
    get(&c, 32, 64, 1, 1);
    get(&c, 64, 32, 2, 2);
    get(&c, 32, 64, 2, 2); /* is there */
    get(&c, 64, 64, 2, 3); /* 64x32 goes */
    get(&c, 32, 64, 2, 3);
    const int32_t kernels = yt_kernels_count(c.g.site->kernels);
    get(&c, 64, 32, 2, 4); /* built again, of the same kernels */
    assert_int_equal(yt_kernels_count(c.g.site->kernels), kernels);
    struct yt_engine_shape *shape = NULL;
    assert_int_not_equal(yt_engine_shapes_get(c.shapes, 33, 64, &shape), YT_OK);
    end(&c);
    static const struct yt_engine_shapes_options small = {.bytes_max = 1};
    c = begin(0);
    open_shapes(&c, small);
    get(&c, 32, 64, 1, 1); /* one there has to be */
    get(&c, 64, 32, 1, 2);
    end(&c);
}

/* A tuned network's schedules are taken over where they apply. */
static void schedules_of_a_tuned_one_are_taken(void **state)
{
    (void)state;
    static const struct yt_engine_shapes_options none = {0};
    struct shapes_case c = begin(0);
    open_shapes(&c, none);
    struct yt_engine *like = c.like.engines[0];
    struct yt_build *build = like->build;
    struct yt_schedule other[8];
    int32_t changed = -1;
    for (int32_t i = 0; i < build->net->layer_count && changed < 0; i++) {
        struct yt_schedule s = build->schedules[i];
        if (build->net->layers[i].problem.op != YT_OP_CONV2D)
            continue;
        for (s.mr = 1; s.mr < 8 && changed < 0; s.mr++)
            if (s.mr != build->schedules[i].mr &&
                yt_build_set(build, i, &s) == YT_OK) {
                other[0] = s;
                changed = i;
            }
    }
    assert_true(changed >= 0);
    like->tuned = 1;
    struct yt_engine_shape *shape = NULL;
    assert_int_equal(yt_engine_shapes_get(c.shapes, 64, 128, &shape), YT_OK);
    char mine[YT_SCHEDULE_NAME_MAX], theirs[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(&shape->set.engines[0]->build->schedules[changed], mine);
    yt_schedule_name(&other[0], theirs);
    assert_string_equal(mine, theirs);
    end(&c);
}

static void augmented_ones_have_all_scales(void **state)
{
    (void)state;
    static const struct yt_engine_shapes_options three = {.augment = 1};
    struct shapes_case c = begin(1);
    open_shapes(&c, three);
    get(&c, 96, 64, 1, 1);
    struct yt_engine_shape *shape = NULL;
    assert_int_equal(yt_engine_shapes_get(c.shapes, 96, 64, &shape), YT_OK);
    assert_int_equal(shape->set.count, YT_AUGMENT_SCALES);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_those_of_yolov5),
        cmocka_unit_test(few_are_kept_and_the_oldest_goes),
        cmocka_unit_test(schedules_of_a_tuned_one_are_taken),
        cmocka_unit_test(augmented_ones_have_all_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
