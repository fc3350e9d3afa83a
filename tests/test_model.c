/* The executor on the network of tests/tiny_plan.h: the boxes are compared with
 * ones worked out step by step below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/pool.h"
#include "tests/tiny_plan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int make_fresh_plan(void **state)
{
    (void)state;
    make_plan();
    return 0;
}

/* --- What a frame must give ---------------------------------------------- */

enum { IMAGE_H = 50, IMAGE_W = 61, BOXES_MAX = 1000 };

static uint8_t pixels[IMAGE_H * IMAGE_W * 3];

static const struct yt_image *test_image(void)
{
    static const struct yt_image image = {.pixels = pixels,
                                          .width = IMAGE_W,
                                          .height = IMAGE_H,
                                          .stride_bytes = IMAGE_W * 3};
    seed = 99;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(noise() * 127 + 128);
    return &image;
}

/* Every candidate of a level, by the formulas, on a plain arena. */
static int32_t naive_decode(const char *arena, int32_t index, float conf,
                            struct yt_box *boxes, int32_t count)
{
    const struct yt_level *level = &plan.levels[index];
    const float *head = (const float *)(arena + level->head);
    for (int32_t a = 0; a < NA; a++)
        for (int32_t cell = 0; cell < level->h * level->w; cell++) {
            const int32_t row = cell / level->w;
            double s[5 + NC];
            for (int32_t j = 0; j < 5 + NC; j++) {
                const int32_t c = a * (5 + NC) + j;
                const float logit =
                    head[((int64_t)(c / LANES) * level->h * level->w + cell) *
                             LANES +
                         c % LANES];
                s[j] = 1 / (1 + exp(-(double)logit));
            }
            int32_t best = 0;
            for (int32_t j = 1; j < NC; j++)
                best = s[5 + j] > s[5 + best] ? j : best;
            if (s[4] * s[5 + best] <= (double)conf)
                continue;
            const double x = (2 * s[0] - 0.5 + cell % level->w) * level->stride;
            const double y = (2 * s[1] - 0.5 + row) * level->stride;
            const double w = 4 * s[2] * s[2] * (double)level->anchors[a][0];
            const double h = 4 * s[3] * s[3] * (double)level->anchors[a][1];
            assert_true(count < BOXES_MAX);
            boxes[count++] =
                (struct yt_box){(float)(x - w / 2),          (float)(y - h / 2),
                                (float)(x + w / 2),          (float)(y + h / 2),
                                (float)(s[4] * s[5 + best]), best};
        }
    return count;
}

static int suppresses(const struct yt_box *a, const struct yt_box *b, float iou)
{
    const float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
    const float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    const float inter = fmaxf(w, 0) * fmaxf(h, 0);
    const float areas =
        (a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0);
    return a->class_id == b->class_id && inter / (areas - inter) > iou;
}

static int by_score(const void *a, const void *b)
{
    const float sa = ((const struct yt_box *)a)->score;
    const float sb = ((const struct yt_box *)b)->score;
    return sa < sb ? 1 : sa > sb ? -1 : 0;
}

/* Whole steps, one after the other, on an arena of their own. */
static int32_t expected_boxes(const struct yt_image *image, float conf,
                              float iou, struct yt_box *boxes)
{
    char *arena = aligned_alloc(YT_ALIGN, (size_t)plan.arena_bytes);
    void *tables = malloc((size_t)yt_letterbox_table_bytes(H, W));
    assert_non_null(arena);
    assert_non_null(tables);
    struct yt_letterbox_args args;
    const struct yt_framing framing = {.h = H, .w = W};
    yt_letterbox_setup(image, &framing, &plan.letterbox.problem, tables,
                       arena + plan.letterbox.out, &args);
    yt_letterbox_c(&args, 0, H);
    for (int i = 0; i < STEPS; i++) {
        const struct yt_args step = {
            .in = arena + steps[i].in,
            .out = arena + steps[i].out,
            .weights = blob + steps[i].weights / 4,
            .bias = blob + steps[i].bias / 4,
            .add = steps[i].add < 0 ? NULL : arena + steps[i].add};
        assert_int_equal(yt_reference_run(&steps[i].problem, LANES, &step),
                         YT_OK);
    }
    static struct yt_box all[BOXES_MAX];
    int32_t count = naive_decode(arena, 0, conf, all, 0);
    count = naive_decode(arena, 1, conf, all, count);
    qsort(all, (size_t)count, sizeof *all, by_score);
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t j = 0;
        while (j < kept && !suppresses(&boxes[j], &all[i], iou))
            j++;
        if (j == kept)
            boxes[kept++] = all[i];
    }
    struct yt_letterbox_map map;
    yt_letterbox_map(&framing, IMAGE_H, IMAGE_W, &map);
    for (int32_t i = 0; i < kept; i++)
        yt_letterbox_unmap(&map, &boxes[i]);
    free(tables);
    free(arena);
    return kept;
}

/* --- Tests --------------------------------------------------------------- */

static struct yt_model *open_model(int32_t threads)
{
    struct yt_model *model = NULL;
    const struct yt_open_options options = {.threads = threads};
    if (yt_model_open(&bundle, &options, &model) != YT_OK)
        fail_msg("%s", yt_error());
    return model;
}

/* Exactly what is needed, filled with what zeros would hide. */
static void *open_workspace(const struct yt_model *model, int fill,
                            size_t *bytes_out)
{
    struct yt_model_info info;
    yt_model_describe(model, &info);
    void *workspace = aligned_alloc(YT_ALIGN, info.workspace_bytes);
    assert_non_null(workspace);
    memset(workspace, fill, info.workspace_bytes);
    *bytes_out = info.workspace_bytes;
    return workspace;
}

static size_t detect(struct yt_model *model, int fill,
                     const struct yt_detect_options *options,
                     struct yt_box *boxes, size_t cap)
{
    size_t bytes = 0, count = 0;
    void *workspace = open_workspace(model, fill, &bytes);
    struct yt_frame_times times = {0};
    if (yt_model_detect(model, test_image(), options, workspace, bytes, boxes,
                        cap, &count, &times) != YT_OK)
        fail_msg("%s", yt_error());
    assert_true(times.network_ns > 0);
    free(workspace);
    return count;
}

static void detects_what_the_formulas_say(void **state)
{
    (void)state;
    static struct yt_box want[BOXES_MAX], got[BOXES_MAX];
    static const float confs[] = {0.05f, 0.25f, 0.6f};
    struct yt_model *model = open_model(1);
    size_t most = 0;
    for (size_t n = 0; n < COUNT(confs); n++) {
        const struct yt_detect_options options = {
            .conf = confs[n], .iou = 0.45f, .max_det = BOXES_MAX};
        const size_t count =
            (size_t)expected_boxes(test_image(), confs[n], options.iou, want);
        assert_int_equal(detect(model, 0, &options, got, BOXES_MAX), count);
        for (size_t i = 0; i < count; i++) {
            assert_float_equal(got[i].score, want[i].score, 1e-5);
            assert_int_equal(got[i].class_id, want[i].class_id);
            assert_float_equal(got[i].x0, want[i].x0, 1e-3);
            assert_float_equal(got[i].y0, want[i].y0, 1e-3);
            assert_float_equal(got[i].x1, want[i].x1, 1e-3);
            assert_float_equal(got[i].y1, want[i].y1, 1e-3);
            assert_true(got[i].x0 >= 0 && got[i].x1 <= IMAGE_W);
            assert_true(got[i].y0 >= 0 && got[i].y1 <= IMAGE_H);
        }
        most = count > most ? count : most;
    }
    assert_in_range(most, 20, BOXES_MAX); /* else this tested little */
    yt_model_close(model);
}

static void threads_and_old_memory_do_not_matter(void **state)
{
    (void)state;
    static struct yt_box want[BOXES_MAX], got[BOXES_MAX];
    const struct yt_detect_options options = {.conf = 0.1f};
    struct yt_model *model = open_model(1);
    const size_t count = detect(model, 0, &options, want, BOXES_MAX);
    assert_true(count > 1);
    yt_model_close(model);
    for (int32_t threads = 1; threads <= 4; threads++)
        for (int with_scratch = 0; with_scratch < 2; with_scratch++) {
            plan.scratch_bytes = with_scratch ? SCRATCH : 0;
            model = open_model(threads);
            assert_int_equal(detect(model, 0xff, &options, got, BOXES_MAX),
                             count);
            assert_memory_equal(got, want, count * sizeof *got);
            yt_model_close(model);
        }
}

static void defaults_and_limits(void **state)
{
    (void)state;
    static struct yt_box all[BOXES_MAX], some[BOXES_MAX];
    struct yt_model *model = open_model(1);
    const struct yt_detect_options spelled = {
        .conf = 0.25f, .iou = 0.45f, .max_det = 300};
    const size_t count = detect(model, 0, &spelled, all, BOXES_MAX);
    assert_in_range(count, 4, 300);
    assert_int_equal(detect(model, 1, NULL, some, BOXES_MAX), count);
    assert_memory_equal(all, some, count * sizeof *all);

    assert_int_equal(detect(model, 1, NULL, some, 3), 3);
    assert_memory_equal(all, some, 3 * sizeof *all);
    assert_int_equal(detect(model, 1, NULL, NULL, 0), 0);
    const struct yt_detect_options two = {.max_det = 2};
    assert_int_equal(detect(model, 1, &two, some, BOXES_MAX), 2);
    assert_memory_equal(all, some, 2 * sizeof *all);
    const struct yt_detect_options agnostic = {.class_agnostic = 1};
    assert_in_range(detect(model, 1, &agnostic, some, BOXES_MAX), 1, count);
    const struct yt_detect_options few = {.candidates = 3};
    const size_t of_few = detect(model, 1, &few, some, BOXES_MAX);
    assert_in_range(of_few, 1, 3);
    assert_memory_equal(all, some, of_few * sizeof *all);
    const struct yt_detect_options many = {.candidates = INT32_MAX};
    assert_int_equal(detect(model, 1, &many, some, BOXES_MAX), count);
    yt_model_close(model);
}

/* An image framed beforehand is not resized again, and its boxes differ by the
 * framing's gains alone. */
static void framed_images_give_boxes_of_the_image(void **state)
{
    (void)state;
    static struct yt_box want[BOXES_MAX], got[BOXES_MAX];
    static float framed[H * W * 3];
    static uint8_t bytes[H * W * 3];
    struct yt_model *model = open_model(1);
    for (int way = 0; way < 2; way++) {
        const struct yt_detect_options options = {
            .conf = 0.1f, .fit = YT_FIT_STRETCH, .filter = (enum yt_filter)way};
        const struct yt_framing framing = yt_model_framing(model, &options);
        void *tables = malloc((size_t)yt_letterbox_table_bytes(H, W));
        assert_non_null(tables);
        struct yt_letterbox_args args;
        yt_letterbox_setup(test_image(), &framing, &plan.letterbox.problem,
                           tables, framed, &args);
        yt_letterbox_c(&args, 0, H);
        free(tables);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)framed[i];
        const struct yt_image image = {
            .pixels = bytes, .width = W, .height = H, .stride_bytes = 3 * W};
        const struct yt_detect_options plain = {.conf = 0.1f};
        size_t workspace_bytes = 0, count = 0;
        void *workspace = open_workspace(model, 0, &workspace_bytes);
        assert_int_equal(yt_model_detect(model, &image, &plain, workspace,
                                         workspace_bytes, want, BOXES_MAX,
                                         &count, NULL),
                         YT_OK);
        free(workspace);
        assert_in_range(count, 20, BOXES_MAX);
        assert_int_equal(detect(model, 0, &options, got, BOXES_MAX), count);
        for (size_t i = 0; i < count; i++) {
            assert_true(got[i].score == want[i].score);
            assert_int_equal(got[i].class_id, want[i].class_id);
            assert_float_equal(got[i].x0, want[i].x0 * IMAGE_W / W, 1e-3);
            assert_float_equal(got[i].x1, want[i].x1 * IMAGE_W / W, 1e-3);
            assert_float_equal(got[i].y0, want[i].y0 * IMAGE_H / H, 1e-3);
            assert_float_equal(got[i].y1, want[i].y1 * IMAGE_H / H, 1e-3);
        }
    }
    yt_model_close(model);
}

static void pieces_add_up_to_a_frame(void **state)
{
    (void)state;
    static struct yt_box want[BOXES_MAX], got[BOXES_MAX];
    struct yt_model *model = open_model(2);
    const size_t count = detect(model, 0, NULL, want, BOXES_MAX);
    size_t bytes;
    void *workspace = open_workspace(model, 0x7f, &bytes);
    struct yt_detect_options options;
    assert_int_equal(yt_detect_options_resolve(NULL, &options), YT_OK);
    assert_ptr_equal(yt_model_plan(model), &plan);
    const struct yt_framing framing = yt_model_framing(model, &options);
    yt_model_run_letterbox(model, test_image(), &framing, workspace);
    for (int32_t i = 0; i < STEPS; i++)
        yt_model_run_steps(model, -INFINITY, workspace, i, i + 1);
    const int32_t candidates =
        yt_model_run_decode(model, options.conf, workspace);
    assert_in_range(candidates, count, BOXES_MAX);
    const struct yt_candidates all = yt_model_candidates(model, workspace);
    for (int32_t i = 0; i < candidates; i++)
        assert_true(all.score[i] > options.conf);
    assert_int_equal(yt_model_run_postprocess(model, &options, IMAGE_H, IMAGE_W,
                                              workspace, got, BOXES_MAX),
                     count);
    assert_memory_equal(got, want, count * sizeof *got);
    free(workspace);
    yt_model_close(model);
}

struct caller {
    struct yt_model *model;
    struct yt_box boxes[BOXES_MAX];
    size_t count;
};

static void *call_often(void *argument)
{
    struct caller *caller = argument;
    struct yt_model_info info;
    yt_model_describe(caller->model, &info);
    void *workspace = aligned_alloc(YT_ALIGN, info.workspace_bytes);
    static const struct yt_image image = {.pixels = pixels,
                                          .width = IMAGE_W,
                                          .height = IMAGE_H,
                                          .stride_bytes = IMAGE_W * 3};
    for (int i = 0; workspace != NULL && i < 5; i++)
        if (yt_model_detect(caller->model, &image, NULL, workspace,
                            info.workspace_bytes, caller->boxes, BOXES_MAX,
                            &caller->count, NULL) != YT_OK)
            caller->count = 0;
    free(workspace);
    return NULL;
}

static void callers_share_a_model(void **state)
{
    (void)state;
    static struct yt_box want[BOXES_MAX];
    static struct caller callers[3];
    for (int32_t threads = 1; threads <= 2; threads++) {
        struct yt_model *model = open_model(threads);
        const size_t count = detect(model, 0, NULL, want, BOXES_MAX);
        pthread_t ids[COUNT(callers)];
        for (size_t i = 0; i < COUNT(callers); i++) {
            callers[i].model = model;
            callers[i].count = 0;
            assert_int_equal(
                pthread_create(&ids[i], NULL, call_often, &callers[i]), 0);
        }
        for (size_t i = 0; i < COUNT(callers); i++) {
            pthread_join(ids[i], NULL);
            assert_int_equal(callers[i].count, count);
            assert_memory_equal(callers[i].boxes, want, count * sizeof *want);
        }
        yt_model_close(model);
    }
}

static void info_says_what_was_opened(void **state)
{
    (void)state;
    struct yt_model *model = NULL;
    assert_int_equal(yt_model_open(&bundle, NULL, &model), YT_OK);
    struct yt_model_info info;
    yt_model_describe(model, &info);
    assert_string_equal(info.name, "tiny");
    assert_int_equal(info.input_width, W);
    assert_int_equal(info.input_height, H);
    assert_int_equal(info.classes, NC);
    assert_string_equal(info.class_names[2], "bus");
    assert_string_equal(info.isa, "scalar");
    assert_int_equal(info.threads, yt_pool_cpus() < 2 ? 1 : 2);
    assert_true(info.workspace_bytes > (size_t)plan.arena_bytes);
    assert_int_equal(info.workspace_bytes % YT_ALIGN, 0);
    yt_model_close(model);
    yt_model_close(NULL);
}

/* The plan's two threads on one CPU would wait for each other; who asks for two
 * gets them. */
static void threads_fit_the_cpus(void **state)
{
    (void)state;
    cpu_set_t before, one;
    struct yt_model *model = NULL;
    struct yt_model_info info;
    int first = 0;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    for (int32_t asked = 0; asked <= 2; asked++) {
        const struct yt_open_options options = {.threads = asked};
        assert_int_equal(yt_model_open(&bundle, &options, &model), YT_OK);
        yt_model_describe(model, &info);
        assert_int_equal(info.threads, asked ? asked : 1);
        yt_model_close(model);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    static struct yt_box boxes[4];
    struct yt_model *model = open_model(1);
    size_t bytes = 0, count = 77;
    char *workspace = open_workspace(model, 0, &bytes);
    static const struct {
        struct yt_detect_options options;
        const char *says;
    } bad[] = {
        {{.conf = -0.1f}, "conf"},
        {{.conf = 1}, "conf"},
        {{.conf = NAN}, "conf"},
        {{.iou = -1}, "iou"},
        {{.iou = 1.5f}, "iou"},
        {{.iou = NAN}, "iou"},
        {{.max_det = -1}, "max_det"},
        {{.fit = (enum yt_fit)2}, "fit=2"},
        {{.fit = (enum yt_fit) - 1}, "fit=-1"},
        {{.filter = (enum yt_filter)2}, "filter=2"},
        {{.candidates = -1}, "candidates=-1"},
        {{.flip = 2}, "flip=2"},
        {{.flip = -1}, "flip=-1"},
    };
    const struct yt_image *image = test_image();
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(yt_model_detect(model, image, &bad[i].options,
                                         workspace, bytes, boxes, 4, &count,
                                         NULL),
                         YT_BAD_ARGUMENT);
        assert_non_null(strstr(yt_error(), bad[i].says));
    }
    assert_int_equal(count, 77);
    free(workspace);
    yt_model_close(model);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    static struct yt_box boxes[4];
    struct yt_model *model = open_model(1);
    size_t bytes = 0, count = 77;
    char *workspace = open_workspace(model, 0, &bytes);
    const struct yt_image *image = test_image();
    const struct {
        const struct yt_image *image;
        void *workspace;
        size_t bytes;
        struct yt_box *boxes;
        size_t *count_out;
        const char *says;
    } calls[] = {
        {NULL, workspace, bytes, boxes, &count, "image"},
        {image, NULL, bytes, boxes, &count, "workspace"},
        {image, workspace, bytes - 1, boxes, &count, "workspace"},
        {image, workspace + 4, bytes, boxes, &count, "aligned"},
        {image, workspace, bytes, NULL, &count, "room"},
        {image, workspace, bytes, boxes, NULL, "room"},
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        assert_int_equal(yt_model_detect(model, calls[i].image, NULL,
                                         calls[i].workspace, calls[i].bytes,
                                         calls[i].boxes, 4, calls[i].count_out,
                                         NULL),
                         YT_BAD_ARGUMENT);
        assert_non_null(strstr(yt_error(), calls[i].says));
    }
    struct yt_image upside_down = *image;
    upside_down.stride_bytes = -upside_down.stride_bytes;
    assert_int_equal(yt_model_detect(model, &upside_down, NULL, workspace,
                                     bytes, boxes, 4, &count, NULL),
                     YT_BAD_ARGUMENT);
    assert_int_equal(count, 77);
    free(workspace);
    yt_model_close(model);
}

static void refuse(enum yt_status status, const char *says)
{
    struct yt_model *model = (struct yt_model *)blob;
    assert_int_equal(yt_model_open(&bundle, NULL, &model), status);
    assert_null(model);
    if (strstr(yt_error(), says) == NULL)
        fail_msg("'%s' does not say '%s'", yt_error(), says);
    make_plan();
}

static void bad_bundles_are_refused(void **state)
{
    (void)state;
    steps[3].kernel = NULL;
    refuse(YT_BAD_ARGUMENT, "no kernel");
    plan.nms[0].kernel = NULL;
    refuse(YT_BAD_ARGUMENT, "no kernel");
    plan.levels[1].decode.kernel = NULL;
    refuse(YT_BAD_ARGUMENT, "no kernel");
    steps[0].out = plan.arena_bytes;
    refuse(YT_BAD_ARGUMENT, "output");
    steps[1].weights = plan.blob_bytes;
    refuse(YT_BAD_ARGUMENT, "weights");
    steps[1].tasks = 0;
    refuse(YT_BAD_ARGUMENT, "tasks");
    plan.levels[0].head = plan.arena_bytes - 64;
    refuse(YT_BAD_ARGUMENT, "head");
    plan.levels[0].decode.tasks = 1;
    refuse(YT_BAD_ARGUMENT, "anchors * rows");
    plan.levels[1].w++;
    refuse(YT_BAD_ARGUMENT, "differs from its problem");
    plan.letterbox.tasks = 1;
    refuse(YT_BAD_ARGUMENT, "letterbox");
    plan.letterbox.problem.u.letterbox.w++;
    refuse(YT_BAD_ARGUMENT, "letterbox to");
    plan.letterbox.problem.u.letterbox.pad = -1;
    refuse(YT_BAD_ARGUMENT, "letterbox p-1");
    plan.letterbox.out = plan.arena_bytes - 64;
    refuse(YT_BAD_ARGUMENT, "input of");
    plan.level_count = YT_LEVELS_MAX + 1;
    refuse(YT_BAD_ARGUMENT, "levels");
    plan.nms[0].problem.op = YT_OP_SPPF;
    refuse(YT_BAD_ARGUMENT, "not nms");
    plan.nms_count = YT_NMS_MAX + 1;
    refuse(YT_BAD_ARGUMENT, "ways of NMS");
    plan.threads = 0;
    refuse(YT_BAD_ARGUMENT, "threads");
}

static void a_lesser_cpu_is_refused(void **state)
{
    (void)state;
    struct yt_isa wanting = *yt_isa_get(YT_ISA_SCALAR);
    wanting.name = "wanting";
    wanting.needs = 1u << 31; /* no CPU is known to have it */
    plan.isa = &wanting;
    refuse(YT_UNSUPPORTED, "wanting");
}

#define FRESH(test) cmocka_unit_test_setup(test, make_fresh_plan)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(detects_what_the_formulas_say),
        FRESH(threads_and_old_memory_do_not_matter),
        FRESH(defaults_and_limits),
        FRESH(framed_images_give_boxes_of_the_image),
        FRESH(pieces_add_up_to_a_frame),
        FRESH(callers_share_a_model),
        FRESH(info_says_what_was_opened),
        FRESH(threads_fit_the_cpus),
        FRESH(bad_options_are_refused),
        FRESH(bad_calls_are_refused),
        FRESH(bad_bundles_are_refused),
        FRESH(a_lesser_cpu_is_refused),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
