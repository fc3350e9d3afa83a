/* Passes over one image, on the network of tests/tiny_plan.h: candidates of the
 * image and of its mirror image, each found alone, merged and suppressed by the
 * definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "runtime/augment.h"
#include "tests/tiny_plan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BOXES_MAX = 2000, PIXELS = H * W * 3 };

/* Of the input's own size, so that nothing is resized and the mirror image is
 * exact. */
static uint8_t plain[PIXELS], mirrored[PIXELS];

static struct yt_image image_of(const uint8_t *pixels)
{
    return (struct yt_image){
        .pixels = pixels, .width = W, .height = H, .stride_bytes = 3 * W};
}

static int make_images(void **state)
{
    (void)state;
    make_plan();
    seed = 7;
    for (int32_t i = 0; i < PIXELS; i++)
        plain[i] = (uint8_t)(noise() * 127 + 128);
    for (int32_t i = 0; i < PIXELS; i++) {
        const int32_t x = i / 3 % W;
        mirrored[i] = plain[i + 3 * (W - 1 - 2 * x)];
    }
    return 0;
}

static struct yt_model *open_model(int32_t threads)
{
    struct yt_model *model = NULL;
    const struct yt_open_options options = {.threads = threads};
    assert_int_equal(yt_model_open(&bundle, &options, &model), YT_OK);
    return model;
}

static struct yt_model_info info_of(const struct yt_model *model)
{
    struct yt_model_info info;
    yt_model_describe(model, &info);
    return info;
}

/* To the byte, full of what zeros would hide. */
static void *open_workspace(size_t bytes)
{
    void *workspace = aligned_alloc(YT_ALIGN, bytes);
    assert_non_null(workspace);
    memset(workspace, 0x7f, bytes);
    return workspace;
}

static size_t detect(struct yt_model *model, const uint8_t *pixels,
                     const struct yt_detect_options *options,
                     struct yt_box *boxes)
{
    const struct yt_model_info info = info_of(model);
    const size_t bytes =
        options->flip ? info.flip_workspace_bytes : info.workspace_bytes;
    const struct yt_image image = image_of(pixels);
    void *workspace = open_workspace(bytes);
    struct yt_frame_times times = {0};
    size_t count = 0;
    if (yt_model_detect(model, &image, options, workspace, bytes, boxes,
                        BOXES_MAX, &count, &times) != YT_OK)
        fail_msg("%s", yt_error());
    assert_true(times.preprocess_ns > 0 && times.network_ns > 0);
    free(workspace);
    return count;
}

/* Candidates of one image, appended. */
static size_t find_candidates(const uint8_t *pixels, float conf, int mirror,
                              struct yt_box *boxes, size_t count)
{
    struct yt_model *model = open_model(1);
    void *workspace = open_workspace(info_of(model).workspace_bytes);
    const struct yt_image image = image_of(pixels);
    const struct yt_framing framing = {.h = H, .w = W};
    yt_model_run_letterbox(model, &image, &framing, workspace);
    yt_model_run_steps(model, -INFINITY, workspace, 0, STEPS);
    const int32_t found = yt_model_run_decode(model, conf, workspace);
    const struct yt_candidates all = yt_model_candidates(model, workspace);
    for (int32_t i = 0; i < found; i++) {
        assert_true(count < BOXES_MAX);
        boxes[count++] =
            (struct yt_box){.x0 = mirror ? W - all.x1[i] : all.x0[i],
                            .x1 = mirror ? W - all.x0[i] : all.x1[i],
                            .y0 = all.y0[i],
                            .y1 = all.y1[i],
                            .score = all.score[i],
                            .class_id = all.class_id[i]};
    }
    free(workspace);
    yt_model_close(model);
    return count;
}

static int suppresses(const struct yt_box *a, const struct yt_box *b, float iou)
{
    const float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
    const float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    const float inter = fmaxf(w, 0) * fmaxf(h, 0);
    const float areas =
        (a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0);
    return a->class_id == b->class_id && inter > iou * (areas - inter);
}

/* The best box left, as often as there is one. The candidates are used up. */
static size_t suppress(struct yt_box *all, size_t count, float iou,
                       struct yt_box *kept)
{
    size_t kept_count = 0;
    for (;;) {
        struct yt_box *best = NULL;
        for (size_t i = 0; i < count; i++)
            if (all[i].score > 0 && (!best || all[i].score > best->score))
                best = &all[i];
        if (!best)
            return kept_count;
        size_t k = 0;
        while (k < kept_count && !suppresses(&kept[k], best, iou))
            k++;
        if (k == kept_count)
            kept[kept_count++] = *best;
        best->score = 0;
    }
}

static float clip(float v, float max)
{
    return fminf(fmaxf(v, 0), max);
}

static void expect_boxes(const struct yt_box *got, const struct yt_box *want,
                         size_t count, int mirror)
{
    for (size_t i = 0; i < count; i++) {
        const float x0 = mirror ? W - want[i].x1 : want[i].x0;
        const float x1 = mirror ? W - want[i].x0 : want[i].x1;
        assert_true(got[i].score == want[i].score);
        assert_int_equal(got[i].class_id, want[i].class_id);
        assert_float_equal(got[i].x0, clip(x0, W), 1e-4);
        assert_float_equal(got[i].x1, clip(x1, W), 1e-4);
        assert_float_equal(got[i].y0, clip(want[i].y0, H), 1e-4);
        assert_float_equal(got[i].y1, clip(want[i].y1, H), 1e-4);
    }
}

static const struct yt_detect_options flip = {
    .conf = 0.1f, .max_det = BOXES_MAX, .flip = 1};

static void flip_merges_the_mirror_image(void **state)
{
    (void)state;
    static struct yt_box all[BOXES_MAX], want[BOXES_MAX], got[BOXES_MAX];
    size_t count = find_candidates(plain, flip.conf, 0, all, 0);
    count = find_candidates(mirrored, flip.conf, 1, all, count);
    const size_t kept = suppress(all, count, 0.45f, want);
    assert_in_range(kept, 20, count - 1); /* else this tests little */
    for (int32_t threads = 1; threads <= 2; threads++) {
        struct yt_model *model = open_model(threads);
        assert_int_equal(detect(model, plain, &flip, got), kept);
        expect_boxes(got, want, kept, 0);
        yt_model_close(model);
    }
}

static void a_mirrored_image_gives_mirrored_boxes(void **state)
{
    (void)state;
    static struct yt_box boxes[BOXES_MAX], others[BOXES_MAX];
    struct yt_model *model = open_model(1);
    const size_t count = detect(model, plain, &flip, boxes);
    assert_int_equal(detect(model, mirrored, &flip, others), count);
    expect_boxes(others, boxes, count, 1);

    /* Without flip the network has a side. */
    struct yt_detect_options once = flip;
    once.flip = 0;
    assert_int_not_equal(detect(model, mirrored, &once, others), count);
    yt_model_close(model);
}

static void a_pass_twice_changes_nothing(void **state)
{
    (void)state;
    static struct yt_box want[BOXES_MAX], got[BOXES_MAX];
    struct yt_model *model = open_model(1);
    struct yt_detect_options options = {.conf = 0.1f, .max_det = BOXES_MAX};
    const size_t kept = detect(model, plain, &options, want);
    const struct yt_augment twice = {
        .passes = {{.model = model}, {.model = model}}, .count = 2};
    const struct yt_augment once = {.passes = {{.model = model}}, .count = 1};
    const struct yt_augment *const augments[] = {&once, &twice};
    const struct yt_image image = image_of(plain);
    for (size_t i = 0; i < COUNT(augments); i++) {
        const size_t bytes = yt_augment_workspace_bytes(augments[i]);
        void *workspace = open_workspace(bytes);
        size_t count = 0;
        assert_int_equal(yt_augment_detect(augments[i], &image, &options,
                                           workspace, bytes, got, BOXES_MAX,
                                           &count, NULL),
                         YT_OK);
        assert_int_equal(count, kept);
        assert_memory_equal(got, want, kept * sizeof *got);
        free(workspace);
    }
    yt_model_close(model);
}

static void sizes_are_those_of_yolov5(void **state)
{
    (void)state;
    static const struct {
        int32_t size, stride, sides[YT_AUGMENT_SCALES];
    } rows[] = {
        {640, 32, {640, 544, 448}},
        {1280, 64, {1280, 1088, 896}},
        {384, 32, {384, 320, 288}},
        {32, 32, {32, 32, 32}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int j = 0; j < YT_AUGMENT_SCALES; j++)
            assert_int_equal(yt_augment_side(rows[i].size,
                                             yt_augment_scales[j].scale,
                                             rows[i].stride),
                             rows[i].sides[j]);
    assert_int_equal(yt_augment_scales[0].flip, 0);
    assert_int_equal(yt_augment_scales[1].flip, 1);
    assert_int_equal(yt_augment_scales[2].flip, 0);
}

static void refuse(const struct yt_augment *augment,
                   const struct yt_detect_options *options, size_t bytes,
                   const char *says)
{
    static alignas(YT_ALIGN) char workspace[1 << 20];
    static struct yt_box boxes[4];
    const struct yt_image image = image_of(plain);
    size_t count = 77;
    assert_in_range(bytes, 0, sizeof workspace);
    assert_int_equal(yt_augment_detect(augment, &image, options, workspace,
                                       bytes, boxes, 4, &count, NULL),
                     YT_BAD_ARGUMENT);
    if (strstr(yt_error(), says) == NULL)
        fail_msg("'%s' does not say '%s'", yt_error(), says);
    assert_int_equal(count, 77);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    struct yt_model *model = open_model(1);
    struct yt_augment both = yt_augment_flip(model);
    const size_t bytes = yt_augment_workspace_bytes(&both);
    assert_int_equal(info_of(model).flip_workspace_bytes, bytes);
    assert_true(bytes > info_of(model).workspace_bytes);
    refuse(&both, NULL, bytes - 1, "workspace");
    refuse(&both, &flip, bytes, "flip=1");
    both.passes[0].flip = 1;
    refuse(&both, NULL, bytes, "mirrored");
    both.count = 0;
    refuse(&both, NULL, bytes, "0 passes");
    both.count = YT_AUGMENT_PASSES_MAX + 1;
    refuse(&both, NULL, bytes, "9 passes");

    /* A frame with flip needs the larger workspace. */
    const size_t small = info_of(model).workspace_bytes;
    void *workspace = open_workspace(small);
    const struct yt_image image = image_of(plain);
    struct yt_box box;
    size_t count = 0;
    assert_int_equal(yt_model_detect(model, &image, &flip, workspace, small,
                                     &box, 1, &count, NULL),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "workspace"));
    free(workspace);
    yt_model_close(model);
}

#define FRESH(test) cmocka_unit_test_setup(test, make_images)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(flip_merges_the_mirror_image),
        FRESH(a_mirrored_image_gives_mirrored_boxes),
        FRESH(a_pass_twice_changes_nothing),
        FRESH(sizes_are_those_of_yolov5),
        FRESH(bad_calls_are_refused),
    };
    return cmocka_run_group_tests_name("augment", tests, NULL, NULL);
}
