/* A picture to candidates by passes, on the network of tests/tiny_plan.h:
 * against the pieces of one pass, for products' candidates and YOLOv5's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "eval/passes.h"
#include "runtime/fail.h"
#include "tests/tiny_plan.h"

enum { IMAGE_H = 50, IMAGE_W = 61 };

static uint8_t pixels[IMAGE_H * IMAGE_W * 3];
static const struct yt_image image = {.pixels = pixels,
                                      .width = IMAGE_W,
                                      .height = IMAGE_H,
                                      .stride_bytes = IMAGE_W * 3};

static int make_image(void **state)
{
    (void)state;
    make_plan();
    seed = 99;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(noise() * 127 + 128);
    return 0;
}

/* Candidates of one pass in its own pixels. */
static void run_alone(const struct yt_predict_options *options, int mirror,
                      struct yt_candidate_list *list)
{
    struct yt_model *model = NULL;
    struct yt_model_info info;
    const struct yt_open_options open = {.threads = 1};
    assert_int_equal(yt_model_open(&bundle, &open, &model), YT_OK);
    yt_model_describe(model, &info);
    void *workspace = aligned_alloc(YT_ALIGN, info.workspace_bytes);
    assert_non_null(workspace);
    const struct yt_framing framing = {.h = H,
                                       .w = W,
                                       .fit = options->fit,
                                       .filter = options->filter,
                                       .mirror = mirror};
    yt_model_run_letterbox(model, &image, &framing, workspace);
    yt_model_run_steps(model, -INFINITY, workspace, 0, STEPS);
    list->count = 0;
    if (options->single_label) {
        const int32_t found =
            yt_model_run_decode(model, options->conf, workspace);
        const struct yt_candidates all = yt_model_candidates(model, workspace);
        assert_int_equal(yt_candidate_list_add(list, &all, found), YT_OK);
    } else {
        assert_int_equal(
            yt_multi_label_decode(&plan, workspace, options->conf, list),
            YT_OK);
    }
    free(workspace);
    yt_model_close(model);
}

static void expect_pass(const struct yt_candidate_list *all, int32_t first,
                        const struct yt_candidate_list *alone, int mirror)
{
    for (int32_t i = 0; i < alone->count; i++) {
        const int32_t k = first + i;
        const float x0 = mirror ? W - alone->at.x1[i] : alone->at.x0[i];
        const float x1 = mirror ? W - alone->at.x0[i] : alone->at.x1[i];
        assert_true(all->at.x0[k] == x0 && all->at.x1[k] == x1);
        assert_true(all->at.y0[k] == alone->at.y0[i]);
        assert_true(all->at.y1[k] == alone->at.y1[i]);
        assert_true(all->at.score[k] == alone->at.score[i]);
        assert_int_equal(all->at.class_id[k], alone->at.class_id[i]);
    }
}

static void candidates_of_all_passes_follow_each_other(void **state)
{
    (void)state;
    static const struct yt_predict_pass passes[] = {
        {.bundle = &bundle}, {.bundle = &bundle, .flip = 1}};
    struct yt_passes opened = {0};
    struct yt_candidate_list list = {0}, first = {0}, second = {0};
    assert_int_equal(yt_passes_check(passes, 2), YT_OK);
    assert_int_equal(yt_passes_open(passes, 2, &opened), YT_OK);
    for (int way = 0; way < 8; way++) {
        const struct yt_predict_options options = {
            .conf = 0.1f,
            .single_label = way & 1,
            .fit = (enum yt_fit)(way >> 1 & 1),
            .filter = (enum yt_filter)(way >> 2)};
        struct yt_letterbox_map map;
        assert_int_equal(yt_passes_run(&opened, &image, &options, &list, &map),
                         YT_OK);
        run_alone(&options, 0, &first);
        run_alone(&options, 1, &second);
        assert_true(first.count > 10 && second.count > 10);
        assert_int_equal(list.count, first.count + second.count);
        expect_pass(&list, 0, &first, 0);
        expect_pass(&list, first.count, &second, 1);
        assert_int_equal(map.mirror, 0);
        assert_true((map.gain_x == map.gain_y) ==
                    (options.fit == YT_FIT_LETTERBOX));
    }
    yt_candidate_list_deinit(&list);
    yt_candidate_list_deinit(&first);
    yt_candidate_list_deinit(&second);
    yt_passes_close(&opened);
    yt_passes_close(&opened);
}

static void bad_passes_are_refused(void **state)
{
    (void)state;
    struct yt_plan more = plan;
    more.nc = NC + 1;
    const struct yt_bundle other = {&more, blob};
    const struct yt_predict_pass flipped = {.bundle = &bundle, .flip = 1};
    const struct yt_predict_pass differ[] = {{.bundle = &bundle},
                                             {.bundle = &other}};
    assert_int_equal(yt_passes_check(&flipped, 1), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "mirrored"));
    assert_int_equal(yt_passes_check(differ, 2), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "4 classes"));
    assert_int_equal(yt_passes_check(differ, 0), YT_BAD_ARGUMENT);
    assert_int_equal(yt_passes_check(differ, 9), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "9 passes"));
}

#define FRESH(test) cmocka_unit_test_setup(test, make_image)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(candidates_of_all_passes_follow_each_other),
        FRESH(bad_passes_are_refused),
    };
    return cmocka_run_group_tests_name("passes", tests, NULL, NULL);
}
