/* Average precision: figures that pycocotools computed, cases small enough to
 * reckon by hand, and resampling that equals a data set of copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "eval/bootstrap.h"
#include "eval/dataset_build.h"
#include "eval/map.h"

#define CLOSE 1e-12

/* ---------------------------------------------------------------- makers */

static struct yt_dataset *make_dataset(int32_t images, int32_t classes)
{
    struct yt_dataset *dataset = calloc(1, sizeof *dataset);
    assert_non_null(dataset);
    dataset->name = strdup("made");
    for (int32_t i = 0; i < images; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(yt_dataset_add_image(dataset, strdup("none"), name),
                         YT_OK);
    }
    for (int32_t i = 0; i < classes; i++)
        assert_int_equal(yt_dataset_add_class(dataset, "thing", i), YT_OK);
    return dataset;
}

static void add_truth(struct yt_dataset *dataset, int32_t image, int32_t kind,
                      double x, double y, double w, double h)
{
    const struct yt_truth truth = {x, y, w, h, w * h, image, kind, 0};
    assert_int_equal(yt_dataset_add_truth(dataset, &truth), YT_OK);
}

static void add_box(struct yt_results *results, int32_t image, int32_t kind,
                    const double box[4], double score)
{
    const struct yt_result r = {box[0], box[1], box[2], box[3],
                                score,  image,  kind};
    assert_int_equal(yt_results_add(results, &r), YT_OK);
}

static struct yt_map *make_map(const struct yt_dataset *dataset,
                               const struct yt_results *results)
{
    struct yt_map *map = NULL;
    assert_int_equal(yt_map_create(dataset, results, &map), YT_OK);
    return map;
}

static struct yt_map_summary measure(const struct yt_dataset *dataset,
                                     const struct yt_results *results)
{
    struct yt_map_summary summary = {0};
    struct yt_map *map = make_map(dataset, results);
    assert_int_equal(yt_map_summarize(map, &summary), YT_OK);
    yt_map_destroy(map);
    return summary;
}

/* ------------------------------------------------- the scene of pycocotools */

#define SCENE_IMAGES  12
#define SCENE_CLASSES 3
#define SCENE_CROWDED 450

struct noise {
    uint32_t seed;
};

static int32_t below(struct noise *noise, uint32_t limit)
{
    return (int32_t)((yt_random_lcg(&noise->seed) >> 8) % limit);
}

static double side(int32_t value)
{
    return value < 1 ? 1 : value;
}

static void add_object(struct noise *n, struct yt_dataset *dataset,
                       struct yt_results *results, int32_t image)
{
    const int32_t x = below(n, 300), y = below(n, 300);
    const int32_t w = 4 + below(n, 160), h = 4 + below(n, 160);
    const int32_t kind = below(n, SCENE_CLASSES);
    const int32_t crowd = below(n, 10) == 0;
    const int shrunk = below(n, 3) == 0;
    const double area = shrunk ? w * h / 2.0 : w * h;
    const struct yt_truth truth = {x, y, w, h, area, image, kind, crowd};
    assert_int_equal(yt_dataset_add_truth(dataset, &truth), YT_OK);
    for (int32_t left = below(n, 4); left > 0; left--) {
        double found[4];
        found[0] = x + below(n, 9) - 4;
        found[1] = y + below(n, 9) - 4;
        found[2] = side(w + below(n, 9) - 4);
        found[3] = side(h + below(n, 9) - 4);
        add_box(results, image, kind, found, (1 + below(n, 40)) / 64.0);
    }
}

/* As tests/map_expected.py makes it. */
static struct yt_dataset *make_scene(struct yt_results *results)
{
    struct noise n = {7};
    struct yt_dataset *dataset = make_dataset(SCENE_IMAGES, SCENE_CLASSES);
    for (int32_t image = 0; image < SCENE_IMAGES; image++) {
        for (int32_t left = below(&n, 9); left > 0; left--)
            add_object(&n, dataset, results, image);
        int32_t left = image == 3 ? SCENE_CROWDED : below(&n, 120);
        for (; left > 0; left--) {
            double box[4];
            box[0] = below(&n, 300);
            box[1] = below(&n, 300);
            box[2] = 1 + below(&n, 120);
            box[3] = 1 + below(&n, 120);
            const int32_t kind = below(&n, SCENE_CLASSES);
            add_box(results, image, kind, box, (1 + below(&n, 20)) / 64.0);
        }
    }
    return dataset;
}

/* pycocotools 2.0.11's: COCOeval.stats, then the AP of each class. */
static const double expected[] = {
    0.24026267463366,  0.401393224853883, 0.218314967309379, 0.167303196831661,
    0.375023845727562, 0.404314180367617, 0.183383838383838, 0.410707070707071,
    0.488333333333333, 0.221666666666667, 0.566666666666667, 0.695555555555556,
    0.192314786254771, 0.289031316954505, 0.239441920691703,
};

static void agrees_with_pycocotools(void **state)
{
    (void)state;
    struct yt_results results = {0};
    struct yt_dataset *dataset = make_scene(&results);
    assert_int_equal(dataset->truth_count, 61);
    assert_int_equal(results.count, 1057);
    struct yt_map_summary s = measure(dataset, &results);
    const double own[] = {
        s.map,
        s.map50,
        s.map75,
        s.by_area[YT_MAP_SMALL],
        s.by_area[YT_MAP_MEDIUM],
        s.by_area[YT_MAP_LARGE],
        s.recall_1,
        s.recall_10,
        s.recall_by_area[YT_MAP_ALL],
        s.recall_by_area[YT_MAP_SMALL],
        s.recall_by_area[YT_MAP_MEDIUM],
        s.recall_by_area[YT_MAP_LARGE],
        s.classes[0].ap,
        s.classes[1].ap,
        s.classes[2].ap,
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (fabs(own[i] - expected[i]) > CLOSE)
            fail_msg("figure %zu: %.15g, not %.15g", i, own[i], expected[i]);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_dataset_close(dataset);
}

/* ----------------------------------------------------------------- by hand */

/* A single box's precision is 1 - 2^-52, as in pycocotools. */
static int is_one(double value)
{
    return fabs(value - 1) < CLOSE;
}

static const double square[4] = {10, 10, 100, 100};
static const double elsewhere[4] = {300, 300, 100, 100};

static void perfect_boxes_give_one(void **state)
{
    (void)state;
    struct yt_dataset *dataset = make_dataset(2, 2);
    struct yt_results results = {0};
    add_truth(dataset, 0, 0, 10, 10, 100, 100);
    add_truth(dataset, 1, 0, 10, 10, 100, 100);
    add_box(&results, 0, 0, square, 0.9);
    add_box(&results, 1, 0, square, 0.8);
    struct yt_map_summary s = measure(dataset, &results);
    assert_true(is_one(s.map) && is_one(s.map50) && is_one(s.map75));
    assert_true(is_one(s.by_area[YT_MAP_LARGE]));
    /* Nothing of that size, nothing of that class. */
    assert_true(isnan(s.by_area[YT_MAP_SMALL]));
    assert_true(isnan(s.classes[1].ap));
    assert_int_equal(s.classes[0].objects, 2);
    assert_int_equal(s.classes[0].images, 2);
    assert_true(s.precision == 1 && s.recall == 1 && s.best_f1 == 1);
    /* The last of the thousand scores at which both are there. */
    assert_true(s.best_score <= 0.8);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_dataset_close(dataset);
}

/* Right, wrong, right of three objects: precision 1 to recall 1/3, 2/3 to
 * recall 2/3, then nothing. Of 101 recalls, 34 and 33 lie there. */
static void precision_falls_behind_wrong_boxes(void **state)
{
    (void)state;
    struct yt_dataset *dataset = make_dataset(3, 1);
    struct yt_results results = {0};
    for (int32_t i = 0; i < 3; i++)
        add_truth(dataset, i, 0, 10, 10, 100, 100);
    add_box(&results, 0, 0, square, 0.9);
    add_box(&results, 1, 0, elsewhere, 0.8);
    add_box(&results, 1, 0, square, 0.7);
    struct yt_map_summary s = measure(dataset, &results);
    const double want = (34 + 33 * 2.0 / 3) / 101;
    assert_true(fabs(s.map - want) < CLOSE);
    assert_true(fabs(s.recall_by_area[YT_MAP_ALL] - 2.0 / 3) < CLOSE);
    assert_true(fabs(s.recall_1 - 1.0 / 3) < CLOSE); /* image 1's best fails */
    assert_true(fabs(s.precision - 2.0 / 3) < CLOSE);
    assert_true(fabs(s.best_f1 - 2.0 / 3) < CLOSE);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_dataset_close(dataset);
}

/* A box that is half of the object: right at 0.5 and at no higher overlap. */
static void overlap_decides(void **state)
{
    (void)state;
    const double half[4] = {10, 10, 100, 50};
    struct yt_dataset *dataset = make_dataset(1, 1);
    struct yt_results results = {0};
    add_truth(dataset, 0, 0, 10, 10, 100, 100);
    add_box(&results, 0, 0, half, 0.9);
    struct yt_map_summary s = measure(dataset, &results);
    assert_true(is_one(s.map50) && s.map75 == 0);
    assert_true(fabs(s.map - 0.1) < CLOSE);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_dataset_close(dataset);
}

/* Boxes in a crowd are neither right nor wrong, however many. */
static void crowds_do_not_count(void **state)
{
    (void)state;
    struct yt_dataset *dataset = make_dataset(1, 1);
    struct yt_results results = {0};
    const struct yt_truth crowd = {300, 300, 200, 200, 40000, 0, 0, 1};
    add_truth(dataset, 0, 0, 10, 10, 100, 100);
    assert_int_equal(yt_dataset_add_truth(dataset, &crowd), YT_OK);
    add_box(&results, 0, 0, elsewhere, 0.9);
    add_box(&results, 0, 0, elsewhere, 0.8);
    add_box(&results, 0, 0, square, 0.7);
    struct yt_map_summary s = measure(dataset, &results);
    assert_true(is_one(s.map) && s.precision == 1);
    assert_int_equal(s.objects, 1);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_dataset_close(dataset);
}

static void left_out_images_do_not_count(void **state)
{
    (void)state;
    struct yt_dataset *dataset = make_dataset(2, 1);
    struct yt_results results = {0};
    add_truth(dataset, 0, 0, 10, 10, 100, 100);
    add_truth(dataset, 1, 0, 10, 10, 100, 100);
    add_box(&results, 0, 0, square, 0.9);
    add_box(&results, 1, 0, elsewhere, 0.95);
    assert_int_equal(yt_dataset_leave_out(dataset, 1, "broken"), YT_OK);
    struct yt_map_summary s = measure(dataset, &results);
    assert_true(is_one(s.map));
    assert_int_equal(s.images, 1);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_dataset_close(dataset);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct yt_dataset *dataset = make_dataset(2, 2);
    struct yt_results results = {0};
    struct yt_map_summary s = measure(dataset, &results);
    assert_true(isnan(s.map) && isnan(s.recall_1) && isnan(s.precision));
    yt_map_summary_deinit(&s);
    add_truth(dataset, 0, 0, 10, 10, 100, 100);
    s = measure(dataset, &results);
    assert_true(s.map == 0 && s.recall_by_area[YT_MAP_ALL] == 0);
    yt_map_summary_deinit(&s);
    yt_dataset_close(dataset);
}

/* -------------------------------------------------------------- resampling */

/* Image i counted times[i] times is a data set with so many copies of it; with
 * distinct scores, since copies change what comes first of equals. */
static void weights_are_copies(void **state)
{
    (void)state;
    const int32_t times[SCENE_IMAGES] = {2, 0, 1, 1, 3, 0, 0, 5, 1, 1, 2, 1};
    struct yt_results results = {0}, copies = {0};
    struct yt_dataset *dataset = make_scene(&results);
    for (int64_t i = 0; i < results.count; i++)
        results.items[i].score += 1e-9 * (double)i;
    int32_t count = 0;
    for (int32_t i = 0; i < SCENE_IMAGES; i++)
        count += times[i];
    struct yt_dataset *larger = make_dataset(count, SCENE_CLASSES);
    int32_t to = 0;
    for (int32_t i = 0; i < SCENE_IMAGES; i++)
        for (int32_t k = 0; k < times[i]; k++, to++) {
            for (int32_t j = 0; j < dataset->images[i].count; j++) {
                struct yt_truth truth =
                    dataset->truths[dataset->images[i].first + j];
                truth.image = to;
                assert_int_equal(yt_dataset_add_truth(larger, &truth), YT_OK);
            }
            for (int64_t j = 0; j < results.count; j++) {
                struct yt_result r = results.items[j];
                if (r.image != i)
                    continue;
                r.image = to;
                assert_int_equal(yt_results_add(&copies, &r), YT_OK);
            }
        }
    struct yt_map *map = make_map(dataset, &results);
    double weighted = 0, weighted50 = 0;
    assert_int_equal(yt_map_weighted(map, times, &weighted, &weighted50),
                     YT_OK);
    struct yt_map_summary s = measure(larger, &copies);
    assert_true(fabs(s.map - weighted) < 1e-9);
    assert_true(fabs(s.map50 - weighted50) < 1e-9);
    yt_map_destroy(map);
    yt_map_summary_deinit(&s);
    yt_results_deinit(&results);
    yt_results_deinit(&copies);
    yt_dataset_close(dataset);
    yt_dataset_close(larger);
}

/* A run against itself, and against one that finds everything. */
static void intervals_tell_differences(void **state)
{
    (void)state;
    struct yt_results results = {0}, perfect = {0};
    struct yt_dataset *dataset = make_scene(&results);
    for (int32_t i = 0; i < dataset->truth_count; i++) {
        const struct yt_truth *t = &dataset->truths[i];
        const double box[4] = {t->x, t->y, t->w, t->h};
        add_box(&perfect, t->image, t->class_id, box, 0.9);
    }
    struct yt_map *first = make_map(dataset, &results);
    struct yt_map *second = make_map(dataset, &perfect);
    const struct yt_bootstrap_options options = {.draws = 200, .seed = 3};
    struct yt_bootstrap_result result, again;

    assert_int_equal(yt_bootstrap_compare(first, first, &options, &result),
                     YT_OK);
    assert_true(result.map.value == 0 && result.map.low == 0 &&
                result.map.high == 0 && result.above == 0);
    assert_false(yt_interval_decides(&result.map));

    assert_int_equal(yt_bootstrap_compare(first, second, &options, &result),
                     YT_OK);
    assert_true(fabs(result.map.value - (1 - expected[0])) < CLOSE);
    assert_true(result.map.low > 0 && result.map.low < result.map.value &&
                result.map.value < result.map.high);
    assert_true(yt_interval_decides(&result.map) && result.above == 1);
    assert_int_equal(result.draws, 200);
    assert_int_equal(yt_bootstrap_compare(first, second, &options, &again),
                     YT_OK);
    assert_memory_equal(&result.map, &again.map, sizeof result.map);

    assert_int_equal(yt_bootstrap_compare(second, first, &options, &again),
                     YT_OK);
    assert_true(again.map.low == -result.map.high && again.above == 0);

    volatile int stop = 1;
    const struct yt_bootstrap_options stopped = {.stop = &stop};
    assert_int_equal(yt_bootstrap_compare(first, second, &stopped, &again),
                     YT_INTERRUPTED);
    struct yt_dataset *other = make_dataset(2, SCENE_CLASSES);
    const struct yt_results none = {0};
    struct yt_map *third = make_map(other, &none);
    assert_int_equal(yt_bootstrap_compare(first, third, &options, &again),
                     YT_BAD_ARGUMENT);
    yt_map_destroy(first);
    yt_map_destroy(second);
    yt_map_destroy(third);
    yt_results_deinit(&results);
    yt_results_deinit(&perfect);
    yt_dataset_close(dataset);
    yt_dataset_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_pycocotools),
        cmocka_unit_test(perfect_boxes_give_one),
        cmocka_unit_test(precision_falls_behind_wrong_boxes),
        cmocka_unit_test(overlap_decides),
        cmocka_unit_test(crowds_do_not_count),
        cmocka_unit_test(left_out_images_do_not_count),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(weights_are_copies),
        cmocka_unit_test(intervals_tell_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
