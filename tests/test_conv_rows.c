/* Kernels that are given some rows of each tensor at a time, in windows that
 * move down with them, against the reference of the whole convolution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/algo.h"
#include "tests/conv_case.h"

/* Rows of one tensor in guarded memory: [blocks][rows][row_bytes]. */
struct window {
    struct guarded memory;
    int32_t blocks, h, rows;
    size_t row_bytes;
    int32_t low; /* the row at the front */
};

static void window_open(struct window *w, int32_t channels, int32_t h,
                        int32_t width, int32_t rows, const struct data *d)
{
    const int32_t lanes = channels == 3 ? 3 : d->isa->lanes;
    *w = (struct window){.blocks = (channels + lanes - 1) / lanes,
                         .h = h,
                         .rows = rows < h ? rows : h,
                         .row_bytes = 4 * (size_t)lanes * (size_t)width};
    guarded_open(&w->memory, w->row_bytes * (size_t)(w->blocks * w->rows),
                 tensor_align(d));
}

static char *window_row(const struct window *w, int32_t block, int32_t row)
{
    return (char *)w->memory.data +
           (size_t)(block * w->rows + row - w->low) * w->row_bytes;
}

/* Where row 0 would be. */
static void *window_zero(const struct window *w)
{
    return (void *)((uintptr_t)w->memory.data -
                    (uintptr_t)w->low * w->row_bytes);
}

/* Bring rows [low, low + rows) of a whole tensor; what was there is gone. */
static void window_load(struct window *w, const void *whole, int32_t low)
{
    memset(w->memory.data, 0xff, w->memory.bytes);
    w->low = low;
    for (int32_t b = 0; b < w->blocks; b++)
        for (int32_t y = low; y < low + w->rows && y < w->h; y++)
            memcpy(window_row(w, b, y),
                   (const char *)whole + (size_t)(b * w->h + y) * w->row_bytes,
                   w->row_bytes);
}

static void window_store(const struct window *w, void *whole, int32_t end)
{
    for (int32_t b = 0; b < w->blocks; b++)
        for (int32_t y = w->low; y < end; y++)
            memcpy((char *)whole + (size_t)(b * w->h + y) * w->row_bytes,
                   window_row(w, b, y), w->row_bytes);
}

struct rows_case {
    const struct data *d;
    struct yt_problem problem; /* that holds rows */
    struct yt_schedule s;
    struct window in, out, add;
    struct guarded weights;
    yt_kernel_fn kernel;
};

static void rows_open(struct rows_case *c, const struct data *d,
                      const struct yt_schedule *whole, int32_t rows,
                      struct yt_jit *jit)
{
    const struct yt_conv2d *p = d->p;
    const int32_t oh = yt_conv2d_out_h(p), ow = yt_conv2d_out_w(p);
    const int32_t half = p->add == YT_ADD_UP2 ? 2 : 1;
    memset(c, 0, sizeof *c);
    c->d = d;
    window_open(&c->in, p->c, p->h, p->w, (rows - 1) * p->stride + p->r, d);
    window_open(&c->out, p->k, oh, ow, rows, d);
    window_open(&c->add, p->k, oh / half, ow / half, rows / half + 1, d);
    c->problem = *d->problem;
    c->problem.u.conv2d.in_rows = p->c == 3 ? 0 : c->in.rows;
    c->problem.u.conv2d.out_rows = c->out.rows;
    c->problem.u.conv2d.add_rows = p->add ? c->add.rows : 0;
    if (yt_problem_check(&c->problem) != YT_OK)
        failed(d, whole, yt_error());
    c->s = yt_schedule_by_rows(&c->problem, whole, d->isa);
    struct yt_object object;
    if (yt_codegen_compile(&c->problem, &c->s, d->isa, &object) != YT_OK)
        failed(d, &c->s, yt_error());
    assert_int_equal(yt_jit_add(jit, &object, &c->kernel), YT_OK);
    yt_object_deinit(&object);
    guarded_open(&c->weights, yt_pack_weight_bytes(&c->problem, &c->s, d->isa),
                 64);
    yt_pack_weights(&c->problem, &c->s, d->isa,
                    &(const struct yt_weights){.weights = d->filter},
                    c->weights.data);
}

/* Output rows [from, to), with nothing else in memory. */
static void run_rows(struct rows_case *c, int32_t from, int32_t to, void *out)
{
    const struct yt_conv2d *p = c->d->p;
    const int32_t top = from * p->stride - p->pad;
    window_load(&c->in, c->d->in.data, top > 0 ? top : 0);
    window_load(&c->add, c->d->add.data,
                p->add == YT_ADD_UP2 ? from / 2 : from);
    memset(c->out.memory.data, 0xff, c->out.memory.bytes);
    c->out.low = from;
    const struct yt_args args = {
        .in = window_zero(&c->in),
        .out = window_zero(&c->out),
        .weights = c->weights.data,
        .bias = (const float *)(const void *)c->d->bias.data,
        .add = p->add ? window_zero(&c->add) : NULL,
        .threshold = -INFINITY,
    };
    const int64_t tasks = yt_schedule_tasks(&c->problem, &c->s, c->d->isa);
    const int64_t row = yt_schedule_row_tasks(&c->problem, &c->s, c->d->isa);
    const int64_t pass = row * yt_conv2d_out_h(p);
    assert_int_equal(tasks % pass, 0);
    for (int64_t first = 0; first < tasks; first += pass)
        c->kernel(&args, first + from * row, first + to * row);
    window_store(&c->out, out, to);
}

static void rows_close(struct rows_case *c)
{
    guarded_close(&c->in.memory);
    guarded_close(&c->out.memory);
    guarded_close(&c->add.memory);
    guarded_close(&c->weights);
}

static void run_by_rows(const struct data *d, const struct yt_schedule *s,
                        int32_t rows, struct stats *stats)
{
    const int32_t h = yt_conv2d_out_h(d->p);
    struct yt_jit *jit;
    struct rows_case c;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    float *got = floats(d->out_elems);
    rows_open(&c, d, s, rows, jit);
    for (int32_t y = 0; y < h; y += rows)
        run_rows(&c, y, y + rows < h ? y + rows : h, got);
    compare(d, &c.s, got, stats);
    stats->cases++;
    rows_close(&c);
    free(got);
    yt_jit_destroy(jit);
}

/* Edges above and below, rows that do not divide, steps, addends, heads. The
 * schedules are for 16 lanes; the first choice is run as well. */
static const struct {
    const char *problem, *schedule;
} cases[] = {
    {"conv2d-f32-3x16x24-k16r6s2p2-silu", NULL},
    {"conv2d-f32-32x11x13-k32r3s1p1-silu", "direct-m6n2k1-t3p-hl"},
    {"conv2d-f32-32x11x13-k64r3s1p1-silu", "direct-m6n2k4-t0c-hlo"},
    {"conv2d-f32-32x12x10-k32r3s2p1-silu", "direct-m5n1k1-t0p-h"},
    {"conv2d-f32-32x7x9-k48r1s1p0-silu", "direct-m32n1k2-t1p-h"},
    {"conv2d-f32-32x7x9-k32r1s1p0-silu", "direct-m14n2k1-t1c-i"},
    {"conv2d-f32-16x16x16-k16r3s1p1-silu-res", "winograd-m4n1k4e4-t0g0-h"},
    {"conv2d-f32-32x9x8-k32r3s1p1-silu-res", "direct-m8n1k1-t2p-hl"},
    {"conv2d-f32-32x8x6-k32r1s1p0-silu-up2", "direct-m6n2k1-t1p-h"},
    {"conv2d-f32-32x5x7-k255r1s1p0-lazy3", "lazy-m12k4-t2-h"},
    {"conv2d-f32-16x1x9-k16r3s1p1-silu", NULL},
};

static void cases_on(const struct yt_isa *isa, struct stats *stats)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yt_problem p;
        struct yt_schedule s;
        struct data d;
        if (yt_problem_parse(cases[i].problem, &p) != YT_OK)
            fail_msg("%s", yt_error());
        data_open(&d, &p, isa, hash(cases[i].problem));
        for (int32_t rows = 1; rows <= 4; rows += rows == 1 ? 1 : 2) {
            yt_schedule_default(&p, isa, &s);
            run_by_rows(&d, &s, rows, stats);
            if (!cases[i].schedule)
                continue;
            if (yt_schedule_parse(YT_OP_CONV2D, cases[i].schedule, &s) != YT_OK)
                fail_msg("%s", yt_error());
            if (yt_schedule_applies(&p, &s, isa)) {
                if (!yt_schedule_scratch_bytes(&p, &s, isa))
                    run_case(&d, &s, stats); /* whole */
                run_by_rows(&d, &s, rows, stats);
            } else if (isa->lanes == 16)
                failed(&d, &s, "does not apply");
        }
        data_close(&d);
    }
}

static void rows_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(cases_on);
}

/* Names of problems that hold all rows stay what they were; others come back,
 * and rows that no tensor has are refused. */
static void rows_are_in_names(void **state)
{
    (void)state;
    struct yt_problem p;
    char name[YT_PROBLEM_NAME_MAX];
    static const char *const good[] = {
        "conv2d-f32-32x9x8-k32r3s1p1-silu-res",
        "conv2d-u8s8-64x160x160-k128r3s2p1-silu-res-in12-out8-add8",
        "conv2d-f32-32x9x8-k32r3s1p1-silu-out2",
        "decode-f32-a3c80-20x20-s32",
        "decode-f32-a3c80-20x20-s32-in4",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(yt_problem_parse(good[i], &p), YT_OK);
        yt_problem_name(&p, name);
        assert_string_equal(name, good[i]);
    }
    static const char *const bad[] = {
        "conv2d-f32-32x9x8-k32r3s1p1-silu-in10",
        "conv2d-f32-32x9x8-k32r3s1p1-silu-out10",
        "conv2d-f32-32x9x8-k32r3s1p1-silu-add1",
        "conv2d-f32-32x9x8-k32r3s1p1-silu-in0",
        "conv2d-f32-32x8x8-k32r1s1p0-silu-up2-add5",
        "decode-f32-a3c80-20x20-s32-in21",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(yt_problem_parse(bad[i], &p), YT_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_match_the_reference),
        cmocka_unit_test(rows_are_in_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
