/* Max-pools of an odd window, stride 1, on one channel block per task: first
 * down the columns into the output, then along each row in place, with the
 * window's not yet overwritten values in registers. Outside counts as -inf, so
 * edges only shorten the window. */

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "codegen/generate.h"
#include "runtime/kernel.h"

#define WINDOW_MAX 31

/* out[oh][ow] = max of in[oh-half..oh+half][ow], rows inside only. */
static void pool_columns(struct yt_emit *e, const struct yt_pool2d *p,
                         LLVMValueRef in, LLVMValueRef out)
{
    const int64_t pixel = 4 * (int64_t)e->isa->lanes;
    const int64_t row_bytes = pixel * p->w;
    const unsigned align = (unsigned)pixel;
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef best = yt_emit_var(e, e->vec, "best");
    struct yt_loop oh, ow, ih;
    yt_emit_for(e, &oh, "column_oh", zero, yt_emit_i64(e, p->h), 1, 1);
    LLVMValueRef top = yt_emit_max(e, zero, yt_emit_addi(e, oh.i, -(p->r / 2)));
    LLVMValueRef end = yt_emit_min(e, yt_emit_i64(e, p->h),
                                   yt_emit_addi(e, oh.i, p->r / 2 + 1));
    LLVMValueRef out_row =
        yt_emit_index(e, out, yt_emit_muli(e, oh.i, row_bytes));
    yt_emit_for(e, &ow, "column_ow", zero, yt_emit_i64(e, p->w), 1, 1);
    LLVMValueRef column = yt_emit_muli(e, ow.i, pixel);
    LLVMValueRef in_column = yt_emit_index(e, in, column);
    yt_emit_set(e, best, yt_emit_splat(e, -INFINITY));
    yt_emit_for(e, &ih, "column_ih", top, end, 1, 1);
    LLVMValueRef x = yt_emit_load(
        e, e->vec,
        yt_emit_index(e, in_column, yt_emit_muli(e, ih.i, row_bytes)), align);
    yt_emit_set(e, best, yt_emit_fmax(e, x, yt_emit_get(e, best)));
    yt_emit_endfor(e, &ih);
    yt_emit_store(e, yt_emit_get(e, best), yt_emit_index(e, out_row, column),
                  align);
    yt_emit_endfor(e, &ow);
    yt_emit_endfor(e, &oh);
}

struct window {
    struct yt_emit *e;
    int32_t r;
    LLVMValueRef values[WINDOW_MAX]; /* variables, oldest first */
};

/* Drop the oldest value, take the next, and store the maximum at pixel. */
static void window_step(struct window *w, LLVMValueRef next, LLVMValueRef pixel)
{
    struct yt_emit *e = w->e;
    for (int32_t i = 0; i + 1 < w->r; i++)
        yt_emit_set(e, w->values[i], yt_emit_get(e, w->values[i + 1]));
    yt_emit_set(e, w->values[w->r - 1], next);
    LLVMValueRef best = next;
    for (int32_t i = 0; i + 1 < w->r; i++)
        best = yt_emit_fmax(e, yt_emit_get(e, w->values[i]), best);
    yt_emit_store(e, best, pixel, 4 * (unsigned)e->isa->lanes);
}

/* row[ow] = max of row[ow-half..ow+half], in place. */
static void pool_row(struct yt_emit *e, const struct yt_pool2d *p,
                     struct window *window, LLVMValueRef row)
{
    const int64_t pixel = 4 * (int64_t)e->isa->lanes;
    const unsigned align = (unsigned)pixel;
    const int32_t half = p->r / 2;
    LLVMValueRef outside = yt_emit_splat(e, -INFINITY);
    for (int32_t i = 0; i < p->r; i++)
        yt_emit_set(e, window->values[i], outside);
    /* Before the first step the window ends at column half - 1. */
    for (int32_t i = 0; i < half && i < p->w; i++)
        yt_emit_set(
            e, window->values[p->r - half + i],
            yt_emit_load(e, e->vec, yt_emit_at(e, row, i * pixel), align));
    const int32_t full = p->w > half ? p->w - half : 0;
    if (full) {
        struct yt_loop ow;
        yt_emit_for(e, &ow, "row_ow", yt_emit_i64(e, 0), yt_emit_i64(e, full),
                    1, 1);
        LLVMValueRef at = yt_emit_index(e, row, yt_emit_muli(e, ow.i, pixel));
        LLVMValueRef next =
            yt_emit_load(e, e->vec, yt_emit_at(e, at, half * pixel), align);
        window_step(window, next, at);
        yt_emit_endfor(e, &ow);
    }
    for (int32_t i = full; i < p->w; i++)
        window_step(window, outside, yt_emit_at(e, row, i * pixel));
}

static void pool_block(struct yt_emit *e, const struct yt_pool2d *p,
                       struct window *window, LLVMValueRef in, LLVMValueRef out)
{
    const int64_t row_bytes = 4 * (int64_t)e->isa->lanes * p->w;
    pool_columns(e, p, in, out);
    struct yt_loop oh;
    yt_emit_for(e, &oh, "row_oh", yt_emit_i64(e, 0), yt_emit_i64(e, p->h), 1,
                1);
    pool_row(e, p, window,
             yt_emit_index(e, out, yt_emit_muli(e, oh.i, row_bytes)));
    yt_emit_endfor(e, &oh);
}

/* chain pools, each reading what the one before wrote; results lie one tensor
 * apart. */
static void generate(struct yt_emit *e, const struct yt_pool2d *p, int chain)
{
    assert(p->r <= WINDOW_MAX);
    const int64_t lanes = e->isa->lanes;
    const int64_t block_bytes = 4 * lanes * p->h * p->w;
    const int64_t tensor_bytes = block_bytes * ((p->c + lanes - 1) / lanes);
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    struct window window = {.e = e, .r = p->r};
    for (int32_t i = 0; i < p->r; i++)
        window.values[i] = yt_emit_var(e, e->vec, "window");

    struct yt_loop task;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef block = yt_emit_muli(e, task.i, block_bytes);
    LLVMValueRef from = yt_emit_index(e, in, block);
    LLVMValueRef to = yt_emit_index(e, out, block);
    for (int i = 0; i < chain; i++) {
        pool_block(e, p, &window, from, to);
        from = to;
        to = yt_emit_at(e, to, tensor_bytes);
    }
    yt_emit_endfor(e, &task);
}

void yt_generate_sppf(struct yt_emit *e, const struct yt_problem *p,
                      const struct yt_schedule *s)
{
    (void)s;
    generate(e, &p->u.pool, 3);
}

void yt_generate_maxpool(struct yt_emit *e, const struct yt_problem *p,
                         const struct yt_schedule *s)
{
    (void)s;
    generate(e, &p->u.pool, 1);
}
