/* A network small enough to read, for tests of what runs bundles: the
 * double-precision reference serves as its kernels.
 *
 *      image -> letterbox 32x48 -> stem 6x6 s2 -> a [8][16][24]
 *      a -> 3x3 s2 -> b [8][8][12] -> 3x3 + b -> r [8][8][12]
 *      a -> 1x1 + up2(r) -> d [8][16][24]
 *      d -> 1x1 -> head 0, r -> 1x1 -> head 1
 */

#ifndef YT_TEST_TINY_PLAN_H
#define YT_TEST_TINY_PLAN_H

#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "base/random.h"
#include "runtime/decode.h"
#include "runtime/letterbox.h"
#include "runtime/model.h"
#include "runtime/problem.h"
#include "runtime/reference.h"
#include "runtime/workspace.h"

enum { LANES = 4, H = 32, W = 48, NA = 2, NC = 3, STEPS = 6, CH = 8 };
enum { HEAD = NA * (5 + NC), BLOB_FLOATS = 8192, SCRATCH = 100 };

static const char *const problems[STEPS] = {
    "conv2d-f32-3x32x48-k8r6s2p2-silu",
    "conv2d-f32-8x16x24-k8r3s2p1-silu",
    "conv2d-f32-8x8x12-k8r3s1p1-silu-res",
    "conv2d-f32-8x16x24-k8r1s1p0-silu-up2",
    "conv2d-f32-8x16x24-k16r1s1p0",
    "conv2d-f32-8x8x12-k16r1s1p0",
};

static alignas(YT_ALIGN) float blob[BLOB_FLOATS];
static struct yt_step steps[STEPS];
static struct yt_plan plan;
static const struct yt_bundle bundle = {&plan, blob};
static const char *const classes[NC] = {"cat", "dog", "bus"};

/* --- Kernels: a task is a block of output channels ----------------------- */

static void run_blocks(int index, const struct yt_args *args, int64_t begin,
                       int64_t end)
{
    struct yt_problem p = steps[index].problem;
    struct yt_conv2d *v = &p.u.conv2d;
    const int64_t filter = (int64_t)v->c * v->r * v->r;
    const int64_t pixels = (int64_t)yt_conv2d_out_h(v) * yt_conv2d_out_w(v);
    const int32_t k = v->k;
    for (int64_t block = begin; block < end; block++) {
        const int64_t k0 = block * LANES;
        const int64_t add_pixels = v->add == YT_ADD_UP2 ? pixels / 4 : pixels;
        v->k = k - k0 < LANES ? (int32_t)(k - k0) : LANES;
        const struct yt_args part = {
            .in = args->in,
            .out = (float *)args->out + k0 * pixels,
            .weights = (const float *)args->weights + k0 * filter,
            .bias = args->bias + k0,
            .add = args->add == NULL
                       ? NULL
                       : (const float *)args->add + k0 * add_pixels,
        };
        assert_int_equal(yt_reference_run(&p, LANES, &part), YT_OK);
    }
    /* Scratch is the thread's own for as long as the kernel runs. */
    if (args->scratch != NULL) {
        assert_int_equal((uintptr_t)args->scratch % YT_ALIGN, 0);
        memset(args->scratch, index, SCRATCH);
        for (int i = 0; i < SCRATCH; i++)
            assert_int_equal(((const char *)args->scratch)[i], index);
    }
}

#define STEP_KERNEL(index)                                                     \
    static void step_##index(const void *args, int64_t begin, int64_t end)     \
    {                                                                          \
        run_blocks(index, args, begin, end);                                   \
    }
STEP_KERNEL(0)
STEP_KERNEL(1)
STEP_KERNEL(2)
STEP_KERNEL(3)
STEP_KERNEL(4)
STEP_KERNEL(5)

static const yt_kernel_fn kernels[STEPS] = {step_0, step_1, step_2,
                                            step_3, step_4, step_5};

/* --- The plan ------------------------------------------------------------ */

static uint32_t seed;

static float noise(void)
{
    return (float)(int32_t)yt_random_lcg(&seed) / 2147483648.0f;
}

static void make_weights(void)
{
    seed = 5;
    int64_t next = 0;
    for (int i = 0; i < STEPS; i++) {
        const struct yt_conv2d *v = &steps[i].problem.u.conv2d;
        const int32_t filter = v->k * v->c * v->r * v->r;
        /* Values that keep the signal's size; the stem sees 0..255. */
        const float scale =
            (i == 0 ? 0.02f : 3.0f) / sqrtf((float)(v->c * v->r * v->r));
        steps[i].weights = next * 4;
        for (int32_t n = 0; n < filter; n++)
            blob[next++] = noise() * scale;
        next = yt_align(next * 4) / 4;
        steps[i].bias = next * 4;
        for (int32_t n = 0; n < v->k; n++)
            blob[next++] = noise();
        next = yt_align(next * 4) / 4;
    }
    assert_true(next <= BLOB_FLOATS);
    plan.blob_bytes = next * 4;
}

static void make_level(int32_t index, int64_t head, int32_t h, int32_t w,
                       int32_t stride)
{
    struct yt_level *level = &plan.levels[index];
    *level = (struct yt_level){
        .head = head, .h = h, .w = w, .stride = stride, .na = NA};
    for (int a = 0; a < NA; a++) {
        level->anchors[a][0] = (float)(stride * (2 + a));
        level->anchors[a][1] = (float)(stride * (3 - a));
    }
    level->decode = (struct yt_step){
        .name = "decode",
        .schedule = "c",
        .kernel = yt_decode_c,
        .tasks = (int64_t)NA * h,
        .problem = {.op = YT_OP_DECODE, .u.decode = {NA, NC, h, w, stride}},
    };
}

/* Of each step: where it reads, writes, and what it adds. */
static void make_steps(const int64_t offsets[STEPS][3])
{
    memset(steps, 0, sizeof steps);
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(yt_problem_parse(problems[i], &steps[i].problem),
                         YT_OK);
        steps[i].kernel = kernels[i];
        steps[i].tasks = (steps[i].problem.u.conv2d.k + LANES - 1) / LANES;
        steps[i].in = offsets[i][0];
        steps[i].out = offsets[i][1];
        steps[i].add = offsets[i][2];
    }
}

/* The plan with everything bound; tests damage it and make it again. */
static void make_plan(void)
{
    int64_t arena = 0;
    plan = (struct yt_plan){
        .model = "tiny",
        .isa = yt_isa_get(YT_ISA_SCALAR),
        .h = H,
        .w = W,
        .nc = NC,
        .classes = classes,
        .threads = 2,
        .steps = steps,
        .step_count = STEPS,
        .level_count = 2,
    };
    const int64_t image = yt_workspace_add(&arena, 4 * 3 * H * W);
    const int64_t a = yt_workspace_add(&arena, 4 * CH * 16 * 24);
    const int64_t b = yt_workspace_add(&arena, 4 * CH * 8 * 12);
    const int64_t d = yt_workspace_add(&arena, 4 * CH * 16 * 24);
    const int64_t head0 = yt_workspace_add(&arena, 4 * HEAD * 16 * 24);
    const int64_t head1 = yt_workspace_add(&arena, 4 * HEAD * 8 * 12);
    const int64_t r = yt_workspace_add(&arena, 4 * CH * 8 * 12);
    const int64_t offsets[STEPS][3] = {
        {image, a, -1}, {a, b, -1},     {b, r, b},
        {a, d, r},      {d, head0, -1}, {r, head1, -1},
    };
    make_steps(offsets);
    make_weights();
    plan.letterbox = (struct yt_step){
        .name = "letterbox",
        .schedule = "c",
        .kernel = yt_letterbox_c,
        .tasks = H,
        .problem = {.op = YT_OP_LETTERBOX, .u.letterbox = {H, W}},
        .in = -1,
        .out = image,
        .add = -1,
        .weights = -1,
        .bias = -1,
    };
    plan.nms_count = 1;
    plan.nms[0] = (struct yt_step){
        .name = "nms",
        .schedule = "c",
        .kernel = yt_nms_c,
        .tasks = 1,
        .problem = {.op = YT_OP_NMS, .u.nms = {NC, 100}},
    };
    make_level(0, head0, 16, 24, 2);
    make_level(1, head1, 8, 12, 4);
    plan.arena_bytes = arena;
}

#endif
