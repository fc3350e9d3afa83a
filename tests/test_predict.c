/* A model over a data set, on the network of tests/tiny_plan.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dataset_files.h"
#include "eval/image.h"
#include "eval/predict.h"
#include "tests/tiny_plan.h"

#define PICTURES 3

static void write_pictures(void)
{
    write_file("images/0.ppm", ""); /* for its folder */
    for (int i = 0; i < PICTURES; i++) {
        struct yt_picture picture;
        char name[32];
        snprintf(name, sizeof name, "images/%d.ppm", i);
        assert_ok(yt_picture_init(W + i, H, &picture));
        for (int k = 0; k < 3 * (W + i) * H; k++)
            picture.rgb[k] = (uint8_t)(noise() * 127 + 128);
        assert_ok(yt_picture_save(&picture, at(name)));
        yt_picture_deinit(&picture);
    }
    write_file("labels/0.txt", "0 .5 .5 .5 .5\n");
}

/* What is found by a data set of some of the model's classes. */
static void predict(const char *names, const struct yt_predict_options *options,
                    struct yt_results *found)
{
    char text[128];
    snprintf(text, sizeof text, "val: images\nnames: [%s]\n", names);
    write_file("data.yaml", text);
    struct yt_dataset *dataset = open_good("data.yaml");
    assert_ok(yt_dataset_adopt_classes(dataset, NC, classes));
    assert_ok(yt_predict(&bundle, dataset, options, found));
    yt_dataset_close(dataset);
}

/* The best box of an image and a class; NULL: none. */
static const struct yt_result *best_of(const struct yt_results *found,
                                       int32_t image, int32_t class_id)
{
    const struct yt_result *best = NULL;
    for (int64_t i = 0; i < found->count; i++) {
        const struct yt_result *r = &found->items[i];
        if (r->image == image && r->class_id == class_id &&
            (best == NULL || r->score > best->score))
            best = r;
    }
    return best;
}

/* Candidates of classes that the data set lacks take no place of the few: not
 * among the boxes kept, not among those looked at, not by suppressing. */
static void classes_that_are_not_there_crowd_nothing_out(void **state)
{
    (void)state;
    static const struct yt_predict_options few[] = {
        {.max_det = 1},
        {.max_det = 1, .exact_nms = 1},
        {.max_det = 1, .single_label = 1},
        {.candidates = 1},
        {.candidates = 1, .exact_nms = 1},
        {.iou = 1e-6, .class_agnostic = 1},
        {.iou = 1e-6, .class_agnostic = 1, .exact_nms = 1},
    };
    make_plan();
    write_pictures();
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        const struct yt_predict_options all = {
            .single_label = few[i].single_label, .max_det = 1 << 20};
        struct yt_results every = {0};
        predict("cat, dog, bus", &all, &every);
        for (int32_t c = 0; c < NC; c++) {
            struct yt_results found = {0};
            predict(classes[c], &few[i], &found);
            for (int32_t image = 0; image < PICTURES; image++) {
                const struct yt_result *want = best_of(&every, image, c);
                const struct yt_result *is = best_of(&found, image, c);
                assert_non_null(want);
                if (is == NULL || is->score != want->score)
                    fail_msg("case %zu, picture %d, %s", i, image, classes[c]);
            }
            for (int64_t k = 0; k < found.count; k++)
                assert_int_equal(found.items[k].class_id, c);
            yt_results_deinit(&found);
        }
        yt_results_deinit(&every);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(classes_that_are_not_there_crowd_nothing_out),
    };
    return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
