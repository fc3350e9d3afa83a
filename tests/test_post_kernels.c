/* Generated letterbox and decode kernels against the runtime's C ones. The
 * letterbox gives the same bits. Decoding chooses the same cells and
 * classes; its values differ by the two sigmoids' rounding, each a few ulp:
 * within 1e-6 of the score, and of the stride or the anchor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "codegen/codegen.h"
#include "runtime/decode.h"
#include "runtime/letterbox.h"
#include "tests/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOLERANCE    1e-6f

static uint32_t seed;

static uint32_t random_bits(void)
{
    return yt_random_lcg(&seed) >> 8;
}

/* In [low, high). */
static float random_float(float low, float high)
{
    return low + (high - low) * yt_random_unit(&seed);
}

/* What all tests of one ISA share. */
struct bench {
    const struct yt_isa *isa;
    struct yt_jit *jit;
};

static yt_kernel_fn compile(const struct bench *b, const struct yt_problem *p)
{
    struct yt_schedule s;
    struct yt_object object;
    yt_kernel_fn kernel = NULL;
    yt_schedule_default(p, b->isa, &s);
    assert_int_equal(yt_codegen_compile(p, &s, b->isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(b->jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    return kernel;
}

static void for_each_isa(void (*test)(const struct bench *b))
{
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        struct bench b = {.isa = yt_isa_get((enum yt_isa_id)i)};
        if (yt_isa_check(b.isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", b.isa->name, yt_error());
            continue;
        }
        assert_int_equal(yt_jit_create(&b.jit), YT_OK);
        test(&b);
        yt_jit_destroy(b.jit);
    }
}

/* ----------------------------------------------------------- letterbox */

static const struct {
    int32_t image_w, image_h, w, h;
} frames[] = {
    {1280, 720, 640, 640}, /* halved, joined reads */
    {810, 1080, 640, 640}, /* margins left and right */
    {640, 480, 640, 640},  /* copied */
    {640, 640, 640, 640},  /* copied, no grey */
    {37, 53, 64, 96},      /* enlarged, odd margins */
    {999, 7, 96, 64},      /* shrunk by more than a joined read spans */
    {213, 160, 64, 64},    /* just past 16 bytes for two pixels */
    {1000, 998, 33, 31},   /* rows that are no whole vectors */
    {6, 6, 64, 64},        /* 16 bytes do not fit three-byte rows */
    {5, 3, 32, 64},        {3, 40, 64, 32},
    {2, 2, 32, 32}, /* 8 bytes do not fit three-byte rows */
    {1, 1, 32, 32}, /* no second column */
    {1, 70, 32, 32},       {70, 1, 32, 32},
    {15, 15, 5, 5},
};

static size_t output_elements(const struct yt_letterbox *p)
{
    return ((size_t)p->h + 2 * (size_t)p->pad) *
           ((size_t)p->w + 2 * (size_t)p->pad) * 3;
}

/* The framed image of one frame, and where a kernel writes the same. */
struct letterbox_case {
    struct guarded pixels, want, got, tables;
    struct yt_image image;
    struct yt_framing framing;
    struct yt_letterbox_args args;
};

static void open_letterbox(struct letterbox_case *c,
                           const struct yt_problem *problem, size_t which,
                           enum yt_pixel_format format, int way)
{
    const struct yt_letterbox *p = &problem->u.letterbox;
    const int64_t row =
        (int64_t)frames[which].image_w * yt_image_pixel_bytes(format);
    const int64_t stride = row + (which % 3) * 5;
    const int64_t pixel_bytes = stride * (frames[which].image_h - 1) + row;
    const size_t bytes = (size_t)yt_dtype_bytes(problem->dtype);
    uint8_t *pixels = guarded_open(&c->pixels, (size_t)pixel_bytes, 1);
    for (int64_t i = 0; i < pixel_bytes; i++)
        pixels[i] = (uint8_t)random_bits();
    guarded_open(&c->want, output_elements(p) * bytes, bytes);
    guarded_open(&c->got, output_elements(p) * bytes, bytes);
    guarded_open(&c->tables, (size_t)yt_letterbox_table_bytes(p->h, p->w), 8);
    c->image = (struct yt_image){.pixels = pixels,
                                 .width = frames[which].image_w,
                                 .height = frames[which].image_h,
                                 .stride_bytes = stride,
                                 .format = format};
    c->framing = (struct yt_framing){.h = p->h,
                                     .w = p->w,
                                     .fit = (enum yt_fit)(way & 1),
                                     .filter = (enum yt_filter)(way >> 1 & 1),
                                     .mirror = way >> 2};
    assert_int_equal(yt_image_check(&c->image), YT_OK);
    yt_letterbox_setup(&c->image, &c->framing, problem, c->tables.data,
                       c->want.data, &c->args);
}

static void close_letterbox(struct letterbox_case *c)
{
    guarded_close(&c->pixels);
    guarded_close(&c->want);
    guarded_close(&c->got);
    guarded_close(&c->tables);
}

static void letterbox_frame(const struct bench *b, yt_kernel_fn kernel,
                            const struct yt_problem *problem, size_t which,
                            enum yt_pixel_format format, int way)
{
    const int32_t h = problem->u.letterbox.h;
    struct letterbox_case c;
    open_letterbox(&c, problem, which, format, way);
    yt_letterbox_c(&c.args, 0, h);
    c.args.out = c.got.data;
    kernel(&c.args, h / 3, h);
    kernel(&c.args, 0, 0);
    kernel(&c.args, 0, h / 3);
    if (memcmp(c.want.data, c.got.data, c.want.bytes) != 0)
        fail_msg("%dx%d, format %d, to %dx%d of %s, pad %d, fit %d filter %d "
                 "mirror %d on %s: differs",
                 c.image.width, c.image.height, (int)format, c.framing.w, h,
                 yt_dtype_name(problem->dtype), problem->u.letterbox.pad,
                 (int)c.framing.fit, (int)c.framing.filter, c.framing.mirror,
                 b->isa->name);
    close_letterbox(&c);
}

/* Whether this ISA's code for a type is not that of one above it. */
static int tests_type(const struct yt_isa *isa, enum yt_dtype dtype)
{
    if (dtype == YT_DTYPE_BF16)
        return isa->id == YT_ISA_AVX512BF16;
    return isa->id != YT_ISA_AVX2VNNI && isa->id <= YT_ISA_AVX512;
}

/* Pads 0 to 2 and 7 for each type in turn, over the frames. */
static void letterbox_on(const struct bench *b)
{
    static const int32_t pads[] = {0, 1, 2, 7};
    seed = 1;
    for (size_t i = 0; i < COUNT(frames); i++)
        for (size_t dtype = 0; dtype < YT_DTYPE_COUNT; dtype++) {
            struct yt_problem p = {
                .op = YT_OP_LETTERBOX,
                .dtype = (enum yt_dtype)dtype,
                .out = (enum yt_dtype)dtype,
                .u.letterbox = {.h = frames[i].h, .w = frames[i].w}};
            if (dtype != YT_DTYPE_F32)
                p.u.letterbox.pad = pads[(i + dtype) % COUNT(pads)];
            if (dtype != YT_DTYPE_F32 && !tests_type(b->isa, p.dtype))
                continue;
            const yt_kernel_fn kernel = compile(b, &p);
            for (int f = YT_PIXEL_RGB; f <= YT_PIXEL_BGRA; f++)
                letterbox_frame(b, kernel, &p, i, (enum yt_pixel_format)f, 0);
            for (int way = 1; way < 8; way++)
                letterbox_frame(b, kernel, &p, i,
                                (enum yt_pixel_format)(((size_t)way + i) % 4),
                                way);
        }
}

static void letterbox_gives_the_same_bits(void **state)
{
    (void)state;
    for_each_isa(letterbox_on);
}

/* -------------------------------------------------------------- decode */

static const struct {
    struct yt_decode decode;
    float conf;
    float passing; /* share of cells with a high object logit */
} levels[] = {
    /* na  nc   h   w  stride (bins)   conf   passing */
    {{3, 80, 20, 20, 32}, 0.25f, 0.05f},
    {{3, 80, 5, 8, 16}, 0.001f, 1.0f},
    {{3, 80, 16, 24, 8}, 0.25f, 0.0f},
    {{3, 1, 7, 9, 8}, 0.1f, 0.3f},
    {{1, 3, 1, 1, 8}, 0.25f, 1.0f},
    {{2, 11, 3, 7, 16}, 0.05f, 0.5f}, /* an anchor is 16 channels */
    {{4, 20, 2, 17, 64}, 0.5f, 0.4f},
    {{3, 200, 2, 3, 8}, 0.25f, 0.7f},
    {{1, 80, 20, 20, 32, 16}, 0.25f, 0.05f},
    {{1, 80, 5, 13, 8, 16}, 0.001f, 1.0f},
    {{1, 80, 8, 24, 8, 16}, 0.25f, 0.0f},
    {{1, 1, 7, 9, 16, 16}, 0.1f, 0.3f},
    {{1, 17, 3, 5, 8, 32}, 0.3f, 0.5f},
    {{1, 3, 2, 33, 64, 64}, 0.5f, 0.4f},
};

/* Logits in [-6, 2), some objects high, some of each kind not numbers. */
static void fill_head(float *head, const struct yt_decode *p, int32_t lanes,
                      float passing)
{
    const int32_t channels = (int32_t)yt_head_channels(p->na, p->nc, p->bins);
    const int32_t blocks = (channels + lanes - 1) / lanes;
    const int64_t cells = (int64_t)p->h * p->w;
    for (int64_t i = 0; i < blocks * cells * lanes; i++) {
        const int64_t c = i / (cells * lanes) * lanes + i % lanes;
        const int is_object =
            c < channels &&
            (p->bins ? c >= 4 * (int64_t)p->bins : c % (5 + p->nc) == 4);
        const int may_be_nan = p->bins ? is_object : c % (5 + p->nc) >= 4;
        head[i] = random_float(-6, 2);
        if (is_object)
            head[i] = random_float(0, (float)(p->bins ? p->nc : 1)) < passing
                          ? random_float(1, 9)
                          : random_float(-9, -8);
        if (random_bits() % 97 == 0 && c < channels && may_be_nan)
            head[i] = NAN;
    }
}

struct segments {
    struct yt_candidates out;
    struct guarded arrays[6], counts;
};

static void open_segments(struct segments *s, const struct yt_decode *p)
{
    const size_t segments = (size_t)p->na * (size_t)p->h;
    const size_t entries = segments * (size_t)p->w;
    for (int i = 0; i < 6; i++)
        guarded_open(&s->arrays[i], entries * 4, 4);
    guarded_open(&s->counts, segments * 4, 4);
    s->out = (struct yt_candidates){
        .x0 = (float *)s->arrays[0].data,
        .y0 = (float *)s->arrays[1].data,
        .x1 = (float *)s->arrays[2].data,
        .y1 = (float *)s->arrays[3].data,
        .score = (float *)s->arrays[4].data,
        .class_id = (int32_t *)s->arrays[5].data,
    };
}

static void close_segments(struct segments *s)
{
    for (int i = 0; i < 6; i++)
        guarded_close(&s->arrays[i]);
    guarded_close(&s->counts);
}

static void point_at(struct yt_decode_args *args, const struct segments *s)
{
    args->out = s->out;
    args->counts = (int32_t *)s->counts.data;
}

/* How many candidates the C kernel finds at another threshold. */
static int64_t count_at(struct yt_decode_args args, float conf, int64_t tasks)
{
    int64_t sum = 0;
    args.conf = conf;
    yt_decode_c(&args, 0, tasks);
    for (int64_t i = 0; i < tasks; i++)
        sum += args.counts[i];
    return sum;
}

static void same_candidates(const struct bench *b,
                            const struct yt_decode_args *args,
                            const struct segments *want,
                            const struct segments *got)
{
    for (int32_t task = 0; task < args->na * args->h; task++) {
        const int32_t count = ((const int32_t *)want->counts.data)[task];
        assert_int_equal(((const int32_t *)got->counts.data)[task], count);
        const float *anchor = args->anchors[task / args->h];
        const float reach = (float)(args->stride * args->bins);
        const float x_slack =
            TOLERANCE *
            (4 * anchor[0] + (float)(args->stride * args->w) + reach);
        const float y_slack =
            TOLERANCE *
            (4 * anchor[1] + (float)(args->stride * args->h) + reach);
        for (int32_t i = task * args->w; i < task * args->w + count; i++) {
            const struct yt_candidates *w = &want->out;
            const struct yt_candidates *g = &got->out;
            assert_int_equal(g->class_id[i], w->class_id[i]);
            if (!(fabsf(g->score[i] - w->score[i]) <= TOLERANCE * w->score[i] &&
                  fabsf(g->x0[i] - w->x0[i]) <= x_slack &&
                  fabsf(g->x1[i] - w->x1[i]) <= x_slack &&
                  fabsf(g->y0[i] - w->y0[i]) <= y_slack &&
                  fabsf(g->y1[i] - w->y1[i]) <= y_slack))
                fail_msg("%s, na%d nc%d %dx%d, entry %d: %.9g %.9g %.9g %.9g "
                         "%.9g, not %.9g %.9g %.9g %.9g %.9g",
                         b->isa->name, args->na, args->nc, args->h, args->w, i,
                         g->x0[i], g->y0[i], g->x1[i], g->y1[i], g->score[i],
                         w->x0[i], w->y0[i], w->x1[i], w->y1[i], w->score[i]);
        }
    }
}

static void decode_level(const struct bench *b, size_t which)
{
    const struct yt_problem problem = {.op = YT_OP_DECODE,
                                       .u.decode = levels[which].decode};
    const struct yt_decode *p = &problem.u.decode;
    const yt_kernel_fn kernel = compile(b, &problem);
    const int32_t lanes = b->isa->lanes;
    const int32_t blocks =
        ((int32_t)yt_head_channels(p->na, p->nc, p->bins) + lanes - 1) / lanes;
    const int64_t tasks = (int64_t)p->na * p->h;
    struct guarded head;
    struct segments want, got;
    guarded_open(&head, 4 * (size_t)(blocks * lanes * p->h * p->w), 64);
    open_segments(&want, p);
    open_segments(&got, p);
    fill_head((float *)head.data, p, lanes, levels[which].passing);
    struct yt_decode_args args = {
        .head = (const float *)head.data,
        .lanes = lanes,
        .na = p->na,
        .nc = p->nc,
        .bins = p->bins,
        .h = p->h,
        .w = p->w,
        .stride = p->stride,
        .min_logit = yt_decode_min_logit(levels[which].conf),
        .conf = levels[which].conf,
    };
    for (int a = 0; a < p->na; a++) {
        args.anchors[a][0] = random_float(5, 300);
        args.anchors[a][1] = random_float(5, 300);
    }
    /* No score may be so close to the threshold that rounding decides. */
    point_at(&args, &got);
    assert_int_equal(count_at(args, args.conf * (1 + 2e-6f), tasks),
                     count_at(args, args.conf * (1 - 2e-6f), tasks));
    memset(got.counts.data, 0xff, got.counts.bytes);
    kernel(&args, tasks / 2, tasks);
    kernel(&args, 0, tasks / 2);
    point_at(&args, &want);
    yt_decode_c(&args, 0, tasks);
    same_candidates(b, &args, &want, &got);
    close_segments(&want);
    close_segments(&got);
    guarded_close(&head);
}

static void decode_on(const struct bench *b)
{
    seed = 7;
    for (size_t i = 0; i < COUNT(levels); i++)
        decode_level(b, i);
}

static void decode_finds_the_same_candidates(void **state)
{
    (void)state;
    for_each_isa(decode_on);
}

/* Equal logits at every pair of places: the first class wins. What fills up the
 * last block is no class. */
static void first_class_of(const struct bench *b, const struct yt_decode *level)
{
    const struct yt_problem p = {.op = YT_OP_DECODE, .u.decode = *level};
    const yt_kernel_fn kernel = compile(b, &p);
    const int32_t lanes = b->isa->lanes;
    const int32_t first_class = level->bins ? 4 * level->bins : 5;
    const int32_t channels = first_class + level->nc;
    struct guarded head;
    struct segments got;
    const size_t elems =
        (size_t)((channels + lanes - 1) / lanes) * (size_t)lanes;
    float *logits = guarded_open(&head, elems * 4, 64);
    open_segments(&got, &p.u.decode);
    struct yt_decode_args args = {
        .head = logits,
        .lanes = lanes,
        .na = 1,
        .nc = level->nc,
        .bins = level->bins,
        .h = 1,
        .w = 1,
        .stride = 8,
        .anchors = {{8, 8}},
        .min_logit = yt_decode_min_logit(0.25f),
        .conf = 0.25f,
    };
    point_at(&args, &got);
    for (int first = 0; first < level->nc; first++)
        for (int second = first + 1; second < level->nc; second++) {
            for (int32_t c = 0; c < (int32_t)elems; c++)
                logits[c] = c < first_class ? 3.0f : c < channels ? -2.0f : 99;
            logits[first_class + first] = logits[first_class + second] = 4.0f;
            kernel(&args, 0, 1);
            assert_int_equal(args.counts[0], 1);
            assert_int_equal(got.out.class_id[0], first);
        }
    close_segments(&got);
    guarded_close(&head);
}

static void first_class_on(const struct bench *b)
{
    first_class_of(b, &(struct yt_decode){1, 40, 1, 1, 8, 0});
    first_class_of(b, &(struct yt_decode){1, 37, 1, 1, 8, 16});
}

static void first_of_equal_classes_wins(void **state)
{
    (void)state;
    for_each_isa(first_class_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letterbox_gives_the_same_bits),
        cmocka_unit_test(decode_finds_the_same_candidates),
        cmocka_unit_test(first_of_equal_classes_wins),
    };
    return cmocka_run_group_tests_name("post_kernels", tests, NULL, NULL);
}
