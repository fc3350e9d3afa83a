/* What becomes of a picture that is trained with: boxes stay on objects,
 * colours are what they should be, and without changes it is what a product
 * would see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <cmocka.h>

#include "base/random.h"
#include "feed_case.h"
#include "letterbox_case.h"
#include "train/data/pixels.h"

/* Edges in pixels of the input. */
struct edges {
    double x0, y0, x1, y1;
};

static struct edges edges_of(const struct yt_label *target)
{
    return (struct edges){((double)target->x - (double)target->w / 2) * W,
                          ((double)target->y - (double)target->h / 2) * H,
                          ((double)target->x + (double)target->w / 2) * W,
                          ((double)target->y + (double)target->h / 2) * H};
}

/* ------------------------------------------------------------ unchanged */

static void unchanged_is_what_a_product_sees(void **state)
{
    (void)state;
    static float expected[H * W * 3];
    write_cards(4);
    struct yt_dataset *dataset = open_train("data.yaml");
    struct yt_feed_options options = feed_options(1);
    options.augmentation = (struct yt_augmentation){0};
    struct yt_feed *feed = open_feed(dataset, &options);
    const struct yt_batch batch = batch_of(feed, 0);
    for (int32_t i = 0; i < BATCH; i++) {
        const int card =
            (int)lroundf(value_at(&batch, i, 0, H / 2, W / 2) * 255 / 10);
        struct yt_picture picture;
        assert_ok(yt_picture_load(dataset->images[card].path, &picture));
        const struct yt_image image = {.pixels = picture.rgb,
                                       .width = picture.width,
                                       .height = picture.height,
                                       .stride_bytes =
                                           3 * (ptrdiff_t)picture.width,
                                       .format = YT_PIXEL_RGB};
        const struct yt_framing framing = {.h = H, .w = W};
        const struct yt_problem problem = problem_of(&framing, YT_DTYPE_F32, 0);
        void *tables = malloc((size_t)yt_letterbox_table_bytes(H, W));
        struct yt_letterbox_args args;
        yt_letterbox_setup(&image, &framing, &problem, tables, expected, &args);
        yt_letterbox_c(&args, 0, H);
        for (int32_t p = 0; p < H * W; p++)
            for (int c = 0; c < 3; c++)
                assert_true(value_at(&batch, i, c, p / W, p % W) ==
                            expected[3 * p + c] / 255);
        free(tables);
        yt_picture_deinit(&picture);
    }
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

static void flips_are_mirrors(void **state)
{
    (void)state;
    write_cards(4);
    for (int lr = 0; lr < 2; lr++) {
        struct yt_dataset *dataset = open_train("data.yaml");
        struct yt_feed_options options = feed_options(1);
        options.augmentation = (struct yt_augmentation){0};
        struct yt_feed *plain = open_feed(dataset, &options);
        options.augmentation.flip_lr = lr;
        options.augmentation.flip_ud = !lr;
        struct yt_feed *flipped = open_feed(dataset, &options);
        const struct yt_batch a = batch_of(plain, 0);
        const struct yt_batch b = batch_of(flipped, 0);
        for (int32_t i = 0; i < BATCH * 3 * H * W; i++) {
            const int32_t x = i % W;
            const int32_t y = i / W % H;
            const int32_t other =
                i - y * W - x + (lr ? y : H - 1 - y) * W + (lr ? W - 1 - x : x);
            assert_true(a.images[i] == b.images[other]);
        }
        assert_int_equal(a.target_count, 3);
        assert_int_equal(b.target_count, 3);
        for (int32_t i = 0; i < 3; i++) {
            const struct yt_label *p = &a.targets[i];
            const struct yt_label *q = &b.targets[i];
            assert_int_equal(p->image, q->image);
            assert_int_equal(p->class_id, q->class_id);
            assert_true(fabsf((lr ? 1 - p->x : p->x) - q->x) < 1e-6f);
            assert_true(fabsf((lr ? p->y : 1 - p->y) - q->y) < 1e-6f);
            assert_true(p->w == q->w && p->h == q->h);
        }
        yt_feed_close(plain);
        yt_feed_close(flipped);
        yt_dataset_close(dataset);
    }
}

/* ---------------------------------------------------------------- boxes */

/* Grey cards, each with a red rectangle. */
static void write_red_cards(int32_t count)
{
    write_file("data.yaml", "path: .\ntrain: images/train\n" NAMES);
    for (int32_t i = 0; i < count; i++) {
        const struct card card = {.width = 150 - 20 * i,
                                  .height = 60 + 30 * i,
                                  .ground = {60, 60, 60},
                                  .ink = {255, 0, 0},
                                  .x = 45 - 5 * i,
                                  .y = 20 + 10 * i,
                                  .w = 46,
                                  .h = 26 + 8 * i};
        write_card("train", i, &card);
    }
}

/* How red a pixel is; grey is not. */
static float redness(const struct yt_batch *batch, int32_t image, int32_t y,
                     int32_t x)
{
    return value_at(batch, image, 0, y, x) -
           fminf(value_at(batch, image, 1, y, x),
                 value_at(batch, image, 2, y, x));
}

static float most_red(const struct yt_batch *batch, int32_t image)
{
    float most = 0;
    for (int32_t i = 0; i < H * W; i++)
        most = fmaxf(most, redness(batch, image, i / W, i % W));
    return most;
}

/* What is red in and around a box. */
static struct edges find_red(const struct yt_batch *batch,
                             const struct yt_label *target)
{
    const double around = 4;
    const struct edges box = edges_of(target);
    const float enough = most_red(batch, target->image) / 2;
    struct edges red = {W, H, 0, 0};
    for (int32_t y = 0; y < H; y++)
        for (int32_t x = 0; x < W; x++) {
            if (x < box.x0 - around || x + 1 > box.x1 + around ||
                y < box.y0 - around || y + 1 > box.y1 + around ||
                redness(batch, target->image, y, x) < enough)
                continue;
            red.x0 = fmin(red.x0, x);
            red.y0 = fmin(red.y0, y);
            red.x1 = fmax(red.x1, x + 1);
            red.y1 = fmax(red.y1, y + 1);
        }
    return red;
}

static int is_cut(const struct edges *box)
{
    return box->x0 < 0.5 || box->y0 < 0.5 || box->x1 > W - 0.5 ||
           box->y1 > H - 0.5;
}

/* @return how many boxes were looked at. A turned rectangle that the input's
 *         edge cuts fills less than the box around its corners. */
static int32_t check_boxes(const struct yt_augmentation *augmentation,
                           double slack)
{
    struct yt_dataset *dataset = open_train("data.yaml");
    struct yt_feed_options options = feed_options(1);
    options.augmentation = *augmentation;
    struct yt_feed *feed = open_feed(dataset, &options);
    int32_t checked = 0;
    for (int64_t n = 0; n < 24; n++) {
        const struct yt_batch batch = batch_of(feed, n);
        for (int32_t i = 0; i < batch.target_count; i++) {
            const struct yt_label *target = &batch.targets[i];
            const struct edges box = edges_of(target);
            assert_true(box.x0 > -1e-3 && box.y0 > -1e-3);
            assert_true(box.x1 < W + 1e-3 && box.y1 < H + 1e-3);
            assert_in_range(target->image, 0, BATCH - 1);
            if (is_cut(&box) &&
                (augmentation->degrees != 0 || augmentation->shear != 0))
                continue;
            const struct edges red = find_red(&batch, target);
            if (fabs(red.x0 - box.x0) > slack ||
                fabs(red.y0 - box.y0) > slack ||
                fabs(red.x1 - box.x1) > slack || fabs(red.y1 - box.y1) > slack)
                fail_msg("batch %d: box %.2f %.2f %.2f %.2f, red %.0f %.0f "
                         "%.0f %.0f",
                         (int)n, box.x0, box.y0, box.x1, box.y1, red.x0, red.y0,
                         red.x1, red.y1);
            checked++;
        }
    }
    yt_feed_close(feed);
    yt_dataset_close(dataset);
    return checked;
}

static void boxes_stay_on_objects(void **state)
{
    (void)state;
    const struct yt_augmentation none = {0};
    struct yt_augmentation some = yt_augmentation();
    write_red_cards(4);
    assert_int_equal(check_boxes(&none, 0.75), 24 * BATCH);
    assert_true(check_boxes(&some, 1) > 100);
    some.mosaic = 0;
    assert_true(check_boxes(&some, 1) > 60);
    some.mosaic = 0.5;
    some.flip_ud = 0.5;
    some.degrees = 20;
    some.shear = 5;
    some.scale = 0.3;
    /* The corners of a turned rectangle are less than half of a pixel. */
    assert_true(check_boxes(&some, 2) > 30);
}

/* A mosaic of twice the size is cut to its middle: of some objects too little
 * is left. */
static void what_is_gone_is_no_target(void **state)
{
    (void)state;
    const struct yt_augmentation only = {.mosaic = 1};
    write_red_cards(4);
    struct yt_dataset *dataset = open_train("data.yaml");
    struct yt_feed_options options = feed_options(1);
    options.augmentation = only;
    struct yt_feed *feed = open_feed(dataset, &options);
    int32_t without = 0;
    int32_t targets = 0;
    for (int64_t n = 0; n < 20; n++) {
        const struct yt_batch batch = batch_of(feed, n);
        int32_t count[BATCH] = {0};
        for (int32_t i = 0; i < batch.target_count; i++) {
            count[batch.targets[i].image]++;
            assert_true(batch.targets[i].w * W > 2);
            assert_true(batch.targets[i].h * H > 2);
        }
        for (int32_t i = 0; i < BATCH; i++) {
            assert_in_range(count[i], 0, 4);
            without += count[i] < 4;
        }
        targets += batch.target_count;
    }
    assert_true(without > 0);
    assert_true(targets > 20 * BATCH);
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

/* -------------------------------------------------------------- colours */

/* As a book has it. */
static void change_colour(const double from[3],
                          const struct yt_colour_gains *gains, double to[3])
{
    const double v = fmax(from[0], fmax(from[1], from[2]));
    const double c = v - fmin(from[0], fmin(from[1], from[2]));
    double hue = 0;
    if (c > 0 && v == from[0])
        hue = fmod((from[1] - from[2]) / c + 6, 6);
    else if (c > 0 && v == from[1])
        hue = (from[2] - from[0]) / c + 2;
    else if (c > 0)
        hue = (from[0] - from[1]) / c + 4;
    hue = fmod(hue * (double)gains->hue, 6);
    const double saturation =
        fmin(1, v > 0 ? c / v * (double)gains->saturation : 0);
    const double value = fmin(1, v * (double)gains->value);
    static const double of[3] = {5, 3, 1};
    for (int i = 0; i < 3; i++) {
        const double k = fmod(of[i] + hue, 6);
        to[i] = value - value * saturation * fmax(0, fmin(1, fmin(k, 4 - k)));
    }
}

static void colours_change_as_in_books(void **state)
{
    (void)state;
    enum { COLOURS = 150 };
    static const struct yt_colour_gains gains[] = {
        {1, 1, 1}, {1, 0, 1},         {1, 1.7f, 1},       {1, 1, 0.6f},
        {1, 1, 2}, {1.015f, 1, 1},    {0.9f, 0.5f, 1.3f}, {1.9f, 1, 1},
        {0, 1, 1}, {1.5f, 1.2f, 1.1f}};
    uint8_t rgb[COLOURS][3] = {{0, 0, 0},     {255, 255, 255}, {255, 0, 0},
                               {0, 255, 0},   {0, 0, 255},     {255, 255, 0},
                               {0, 255, 255}, {255, 0, 255},   {255, 0, 1},
                               {1, 0, 1},     {114, 114, 114}};
    float planes[3][COLOURS];
    uint64_t random = 1;
    for (int i = 11; i < COLOURS; i++)
        for (int c = 0; c < 3; c++)
            rgb[i][c] = (uint8_t)yt_random_next(&random);
    const struct yt_pixels pixels = {rgb[0], 1, COLOURS, 3 * COLOURS};
    for (size_t g = 0; g < COUNT(gains); g++) {
        yt_pixels_to_planes(&pixels, &gains[g], 0, 0, planes[0]);
        for (int i = 0; i < COLOURS; i++) {
            double from[3], to[3];
            for (int c = 0; c < 3; c++)
                from[c] = rgb[i][c] / 255.0;
            change_colour(from, &gains[g], to);
            for (int c = 0; c < 3; c++)
                if (fabs((double)planes[c][i] - to[c]) > 3e-3)
                    fail_msg("gains %d, colour %d %d %d: %g, want %g", (int)g,
                             rgb[i][0], rgb[i][1], rgb[i][2],
                             (double)planes[c][i], to[c]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(unchanged_is_what_a_product_sees),
        DATASET_TEST(flips_are_mirrors),
        DATASET_TEST(boxes_stay_on_objects),
        DATASET_TEST(what_is_gone_is_no_target),
        cmocka_unit_test(colours_change_as_in_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
