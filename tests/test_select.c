/* The end of a frame: which classes come through, and before what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "runtime/select.h"

enum { COUNT = 4, CLASSES = 3 };

/* Boxes 0 and 1 overlap by more than a half, 2 and 3 are on their own. */
struct given {
    float x0[COUNT], y0[COUNT], x1[COUNT], y1[COUNT], score[COUNT];
    int32_t class_id[COUNT];
};

static const struct given boxes = {
    .x0 = {0, 1, 50, 80},
    .y0 = {0, 0, 50, 80},
    .x1 = {10, 11, 60, 90},
    .y1 = {10, 10, 60, 90},
    .score = {0.9f, 0.8f, 0.7f, 0.6f},
    .class_id = {0, 1, 2, 1},
};

static size_t run(const struct yt_detect_options *options,
                  struct yt_box out[COUNT])
{
    struct given copy = boxes;
    const struct yt_candidates candidates = {
        copy.x0, copy.y0, copy.x1, copy.y1, copy.score, copy.class_id,
    };
    const struct yt_framing framing = {.h = 100, .w = 100};
    const struct yt_step step = {.kernel = yt_nms_c};
    struct yt_letterbox_map map;
    int32_t kept[COUNT];
    yt_letterbox_map(&framing, 100, 100, &map);
    void *scratch = aligned_alloc(
        64, ((size_t)yt_nms_scratch_bytes(COUNT, CLASSES) + 63) / 64 * 64);
    assert_non_null(scratch);
    const struct yt_selection selection = {
        .candidates = &candidates,
        .count = COUNT,
        .classes = CLASSES,
        .nms = &step,
        .map = &map,
        .kept = kept,
        .nms_scratch = scratch,
    };
    const size_t count = yt_select_boxes(&selection, options, out, COUNT);
    free(scratch);
    return count;
}

static void only_wanted_classes_come_through(void **state)
{
    (void)state;
    static const struct {
        uint8_t wanted[CLASSES];
        int32_t agnostic, max_det;
        size_t count;
        float scores[COUNT];
    } rows[] = {
        {{1, 1, 1}, 0, 9, 4, {0.9f, 0.8f, 0.7f, 0.6f}},
        {{1, 1, 1}, 1, 9, 3, {0.9f, 0.7f, 0.6f}},
        {{0, 1, 0}, 0, 9, 2, {0.8f, 0.6f}},
        /* What is not wanted suppresses nothing and takes no place. */
        {{0, 1, 1}, 1, 9, 3, {0.8f, 0.7f, 0.6f}},
        {{0, 1, 0}, 0, 1, 1, {0.8f}},
        {{0, 0, 1}, 0, 1, 1, {0.7f}},
        {{0, 0, 0}, 0, 9, 0, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct yt_detect_options options = {
            .iou = 0.45f,
            .max_det = rows[i].max_det,
            .class_agnostic = rows[i].agnostic,
            .only_classes = rows[i].wanted,
        };
        struct yt_box out[COUNT];
        assert_int_equal(run(&options, out), rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++) {
            assert_float_equal(out[k].score, rows[i].scores[k], 0);
            assert_int_equal(rows[i].wanted[out[k].class_id], 1);
        }
    }
}

static void without_a_list_all_come_through(void **state)
{
    (void)state;
    const struct yt_detect_options options = {.iou = 0.45f, .max_det = 9};
    struct yt_box out[COUNT];
    assert_int_equal(run(&options, out), COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_wanted_classes_come_through),
        cmocka_unit_test(without_a_list_all_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
