/* Pictures of shapes: a data set like any other, the same for a seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataset_files.h"
#include "eval/image.h"
#include "eval/shapes.h"
#include "eval/shapes_scene.h"

static const struct yt_shapes_options small = {
    .train = 24, .val = 6, .h = 96, .w = 128, .seed = 7};

static struct yt_dataset *open_split(const char *split)
{
    const struct yt_dataset_options options = {.path = at("set/shapes.yaml"),
                                               .split = split};
    struct yt_dataset *dataset;
    assert_ok(yt_dataset_open(&options, &dataset));
    return dataset;
}

static void it_opens_as_a_data_set(void **state)
{
    (void)state;
    assert_ok(yt_shapes_write(at("set"), &small));
    struct yt_dataset *train = open_split("train");
    struct yt_dataset *val = open_split("val");
    assert_int_equal(train->image_count, small.train);
    assert_int_equal(val->image_count, small.val);
    assert_int_equal(train->problem_count + val->problem_count, 0);
    assert_int_equal(train->class_count, 3);
    assert_string_equal(train->classes[0], "circle");
    assert_string_equal(train->classes[1], "square");
    assert_string_equal(train->classes[2], "triangle");
    int32_t same;
    assert_ok(yt_dataset_same_content(train, val, &same, NULL));
    assert_int_equal(same, 0);
    yt_dataset_close(train);
    yt_dataset_close(val);

    const struct yt_dataset_options test = {.path = at("set/shapes.yaml"),
                                            .split = "test"};
    assert_int_equal(yt_dataset_open(&test, &val), YT_NOT_FOUND);
}

static void boxes_lie_inside(void **state)
{
    (void)state;
    int32_t seen[3] = {0};
    assert_ok(yt_shapes_write(at("set"), &small));
    struct yt_dataset *set = open_split("train");
    for (int32_t i = 0; i < set->image_count; i++) {
        struct yt_picture picture;
        assert_ok(yt_picture_load(set->images[i].path, &picture));
        assert_int_equal(picture.width, small.w);
        assert_int_equal(picture.height, small.h);
        yt_picture_deinit(&picture);
        assert_ok(yt_dataset_set_size(set, i, small.w, small.h));
        assert_in_range(set->images[i].count, 0, 8);
    }
    for (int32_t i = 0; i < set->truth_count; i++) {
        const struct yt_truth *truth = &set->truths[i];
        const double edge = 1e-3; /* labels have six digits */
        seen[truth->class_id]++;
        assert_true(truth->x > -edge && truth->y > -edge);
        assert_true(truth->x + truth->w < small.w + edge);
        assert_true(truth->y + truth->h < small.h + edge);
        assert_true(truth->w > 1 && truth->h > 1);
    }
    for (int i = 0; i < 3; i++)
        assert_true(seen[i] > 3);
    yt_dataset_close(set);
}

static int files_differ(const char *a, const char *b)
{
    char command[256];
    snprintf(command, sizeof command, "cd '%s' && diff -r %s %s >/dev/null",
             folder, a, b);
    return system(command); /* NOLINT(*-env33-c): paths of our own */
}

static void a_seed_says_it_all(void **state)
{
    (void)state;
    struct yt_shapes_options other = small;
    assert_ok(yt_shapes_write(at("a"), &small));
    assert_ok(yt_shapes_write(at("b"), &small));
    assert_int_equal(files_differ("a", "b"), 0);

    /* More pictures leave the first ones as they are. */
    other.val++;
    assert_ok(yt_shapes_write(at("more"), &other));
    assert_int_equal(files_differ("a/images/train", "more/images/train"), 0);
    assert_int_equal(
        files_differ("a/labels/val/5.txt", "more/labels/val/5.txt"), 0);
    assert_int_not_equal(files_differ("a/labels/val", "more/labels/val"), 0);

    other.seed++;
    assert_ok(yt_shapes_write(at("c"), &other));
    assert_int_not_equal(
        files_differ("a/images/train/0.jpg", "c/images/train/0.jpg"), 0);
}

static uint64_t digest(const struct yt_picture *picture)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    const size_t bytes = 3 * (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ picture->rgb[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void pixels_are_the_same_everywhere(void **state)
{
    (void)state;
    struct yt_canvas canvas = {0};
    struct yt_shapes_box boxes[YT_SHAPES_OBJECTS_MAX];
    uint64_t sum = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        assert_ok(yt_canvas_init(&canvas, 61, 47, seed));
        const int32_t count = yt_shapes_draw(&canvas, boxes);
        sum = sum * 31 + digest(&canvas.picture);
        for (int32_t i = 0; i < count; i++)
            sum = sum * 31 + (uint64_t)(boxes[i].x0 + 61 * boxes[i].y1);
    }
    yt_canvas_deinit(&canvas);
    assert_int_equal(sum, UINT64_C(0x68d13dbcc3e619a1));
}

/* Whether some object is seen in all that a box spans and nowhere else. */
static int is_extent(const struct yt_canvas *canvas,
                     const struct yt_shapes_box *box)
{
    for (int32_t id = 1; id <= YT_SHAPES_OBJECTS_MAX; id++) {
        struct yt_shapes_box seen = {box->shape, 1 << 20, 1 << 20, 0, 0};
        for (int32_t y = 0; y < canvas->picture.height; y++)
            for (int32_t x = 0; x < canvas->picture.width; x++) {
                if (canvas->owner[y * canvas->picture.width + x] != id)
                    continue;
                seen.x0 = x < seen.x0 ? x : seen.x0;
                seen.y0 = y < seen.y0 ? y : seen.y0;
                seen.x1 = x >= seen.x1 ? x + 1 : seen.x1;
                seen.y1 = y + 1;
            }
        if (seen.x0 == box->x0 && seen.y0 == box->y0 && seen.x1 == box->x1 &&
            seen.y1 == box->y1)
            return 1;
    }
    return 0;
}

static void boxes_are_what_is_seen(void **state)
{
    (void)state;
    struct yt_canvas canvas = {0};
    struct yt_shapes_box boxes[YT_SHAPES_OBJECTS_MAX];
    int32_t total = 0;
    for (uint64_t seed = 100; seed < 120; seed++) {
        assert_ok(yt_canvas_init(&canvas, 100, 80, seed));
        const int32_t count = yt_shapes_draw(&canvas, boxes);
        for (int32_t i = 0; i < count; i++)
            assert_true(is_extent(&canvas, &boxes[i]));
        total += count;
    }
    assert_true(total > 30);
    yt_canvas_deinit(&canvas);
}

static void failures_say_what_is_wrong(void **state)
{
    (void)state;
    write_file("full/notes.md", "mine");
    assert_int_equal(yt_shapes_write(at("full"), &small), YT_IO);
    assert_says(yt_error(), "full: the folder is not empty");
    assert_int_equal(yt_shapes_write(at("no/where"), &small), YT_IO);
    assert_says(yt_error(), "no/where: No such file or directory");
    write_file("file", "");
    assert_int_equal(yt_shapes_write(at("file"), &small), YT_IO);
    assert_says(yt_error(), "file: Not a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(it_opens_as_a_data_set),
        DATASET_TEST(boxes_lie_inside),
        DATASET_TEST(a_seed_says_it_all),
        cmocka_unit_test(pixels_are_the_same_everywhere),
        cmocka_unit_test(boxes_are_what_is_seen),
        DATASET_TEST(failures_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
