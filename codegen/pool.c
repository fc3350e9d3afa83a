/* Max-pools of an odd window, stride 1, on one channel block per task: first
 * down the columns, into the output or into scratch, then along each row, with
 * the window's values in registers, since they may be overwritten. Outside
 * counts as the least value, so edges only shorten the window.
 *
 * A vector is one pixel of f32, two of 16 bits, four of bytes. Along a row the
 * window is vectors too, and its taps are pixels of two neighbours; a row that
 * is no whole vectors ends in single pixels. Integers keep their order as
 * codes. bf16 goes through both passes as integers of the same order. */

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "codegen/pool.h"
#include "runtime/kernel.h"

#define WINDOW_MAX   31
#define ELEMENTS_MAX 64
#define GROUP_MAX    4

struct pool {
    struct yt_emit *e;
    const struct yt_pool2d *p;
    enum yt_dtype dtype;
    int32_t group;                   /* pixels of a vector */
    int32_t whole;                   /* vectors of a row */
    int32_t rest;                    /* pixels of a row behind them */
    int32_t reach;                   /* vectors of the window on either side */
    int64_t pixel;                   /* bytes */
    int64_t row_bytes;               /* of a row */
    LLVMValueRef values[WINDOW_MAX]; /* variables, oldest first */
};

static LLVMTypeRef pixels_type(const struct pool *pool, int32_t pixels)
{
    struct yt_emit *e = pool->e;
    return yt_emit_elements(e, pool->dtype, pixels * e->isa->lanes);
}

static LLVMValueRef outside(const struct pool *pool, int32_t pixels)
{
    struct yt_emit *e = pool->e;
    if (pool->dtype == YT_DTYPE_F32)
        return yt_emit_splat(e, -INFINITY);
    return yt_emit_repeat(e, pool->dtype, pixels * e->isa->lanes,
                          pool->dtype == YT_DTYPE_U8S8 ? 0 : INT16_MIN);
}

static LLVMValueRef load(const struct pool *pool, LLVMValueRef at,
                         int32_t pixels)
{
    return yt_emit_load(pool->e, pixels_type(pool, pixels), at,
                        (unsigned)pool->pixel);
}

static LLVMValueRef key(const struct pool *pool, LLVMValueRef v)
{
    return pool->dtype == YT_DTYPE_BF16 ? yt_emit_bf16_key(pool->e, v) : v;
}

/* ------------------------------------------------------------- columns */

/* Pixels [begin, end) of an output row, pixels at a time. */
static void pool_column(const struct pool *pool, int32_t begin, int32_t end,
                        int32_t pixels, LLVMValueRef in, LLVMValueRef out_row,
                        LLVMValueRef top, LLVMValueRef bottom)
{
    struct yt_emit *e = pool->e;
    if (begin == end)
        return;
    LLVMValueRef best = yt_emit_var(e, pixels_type(pool, pixels), "best");
    struct yt_loop ow, ih;
    yt_emit_for(e, &ow, "column_ow", yt_emit_i64(e, begin), yt_emit_i64(e, end),
                pixels, 1);
    LLVMValueRef column = yt_emit_muli(e, ow.i, pool->pixel);
    LLVMValueRef in_column = yt_emit_index(e, in, column);
    yt_emit_set(e, best, outside(pool, pixels));
    yt_emit_for(e, &ih, "column_ih", top, bottom, 1, 1);
    LLVMValueRef x = load(
        pool,
        yt_emit_index(e, in_column, yt_emit_muli(e, ih.i, pool->row_bytes)),
        pixels);
    yt_emit_set(
        e, best,
        yt_emit_larger(e, pool->dtype, key(pool, x), yt_emit_get(e, best)));
    yt_emit_endfor(e, &ih);
    yt_emit_store(e, yt_emit_get(e, best), yt_emit_index(e, out_row, column),
                  (unsigned)pool->pixel);
    yt_emit_endfor(e, &ow);
}

/* out[oh][ow] = max of in[oh-half..oh+half][ow], rows inside only; keys. Rows
 * of out are row_bytes apart; 0: one place for all. */
static void pool_columns(const struct pool *pool, LLVMValueRef oh,
                         LLVMValueRef in, LLVMValueRef out, int64_t row_bytes)
{
    struct yt_emit *e = pool->e;
    const struct yt_pool2d *p = pool->p;
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef top = yt_emit_max(e, zero, yt_emit_addi(e, oh, -(p->r / 2)));
    LLVMValueRef bottom =
        yt_emit_min(e, yt_emit_i64(e, p->h), yt_emit_addi(e, oh, p->r / 2 + 1));
    LLVMValueRef out_row =
        row_bytes ? yt_emit_index(e, out, yt_emit_muli(e, oh, row_bytes)) : out;
    const int32_t whole = pool->whole * pool->group;
    pool_column(pool, 0, whole, pool->group, in, out_row, top, bottom);
    pool_column(pool, whole, p->w, 1, in, out_row, top, bottom);
}

/* ---------------------------------------------------------------- rows */

/* The pixels behind a row's vectors, as a vector. */
static LLVMValueRef load_rest(const struct pool *pool, LLVMValueRef at)
{
    LLVMValueRef pixels[GROUP_MAX];
    for (int32_t i = 0; i < pool->group; i++)
        pixels[i] =
            i < pool->rest
                ? load(pool, yt_emit_at(pool->e, at, i * pool->pixel), 1)
                : outside(pool, 1);
    return yt_emit_concat(pool->e, pixels, (unsigned)pool->group);
}

static void store_rest(const struct pool *pool, LLVMValueRef v, LLVMValueRef at)
{
    struct yt_emit *e = pool->e;
    const int32_t lanes = e->isa->lanes;
    for (int32_t i = 0; i < pool->rest; i++) {
        int32_t order[ELEMENTS_MAX];
        for (int32_t lane = 0; lane < lanes; lane++)
            order[lane] = i * lanes + lane;
        yt_emit_store(e, yt_emit_pick(e, v, v, order, lanes),
                      yt_emit_at(e, at, i * pool->pixel),
                      (unsigned)pool->pixel);
    }
}

/* The window's tap for each pixel of its middle vector. */
static LLVMValueRef tap(const struct pool *pool, int32_t distance)
{
    struct yt_emit *e = pool->e;
    const int32_t at = pool->reach * pool->group + distance;
    const int32_t first = at % pool->group * e->isa->lanes;
    const LLVMValueRef *values = &pool->values[at / pool->group];
    LLVMValueRef v = yt_emit_get(e, values[0]);
    if (first == 0)
        return v;
    const int32_t count = pool->group * e->isa->lanes;
    int32_t order[ELEMENTS_MAX];
    for (int32_t i = 0; i < count; i++)
        order[i] = first + i;
    return yt_emit_pick(e, v, yt_emit_get(e, values[1]), order, count);
}

/* Drop the oldest vector and take the next. Returns the maximum around the one
 * that is now in the middle. */
static LLVMValueRef window_step(const struct pool *pool, LLVMValueRef next)
{
    struct yt_emit *e = pool->e;
    const int32_t last = 2 * pool->reach;
    const int32_t half = pool->p->r / 2;
    for (int32_t i = 0; i < last; i++)
        yt_emit_set(e, pool->values[i], yt_emit_get(e, pool->values[i + 1]));
    yt_emit_set(e, pool->values[last], next);
    LLVMValueRef best = tap(pool, half);
    for (int32_t distance = -half; distance < half; distance++)
        best = yt_emit_larger(e, pool->dtype, tap(pool, distance), best);
    return key(pool, best);
}

/* Vector i of a row and, behind the last, what is left of it. */
static LLVMValueRef load_vector(const struct pool *pool, LLVMValueRef row,
                                int32_t i)
{
    LLVMValueRef at = yt_emit_at(pool->e, row, i * pool->group * pool->pixel);
    if (i < pool->whole)
        return load(pool, at, pool->group);
    return i == pool->whole && pool->rest ? load_rest(pool, at)
                                          : outside(pool, pool->group);
}

/* out[ow] = max of row[ow-half..ow+half], from keys to values; the rows may be
 * the same. */
static void pool_row(const struct pool *pool, LLVMValueRef row,
                     LLVMValueRef out)
{
    struct yt_emit *e = pool->e;
    const int64_t vector = pool->group * pool->pixel;
    const int32_t reach = pool->reach;
    const int32_t count = pool->whole + (pool->rest > 0);
    for (int32_t i = 0; i <= reach; i++)
        yt_emit_set(e, pool->values[i], outside(pool, pool->group));
    /* Before the first step the window ends at vector reach - 1. */
    for (int32_t i = 0; i < reach; i++)
        yt_emit_set(e, pool->values[reach + 1 + i], load_vector(pool, row, i));
    const int32_t full = pool->whole > reach ? pool->whole - reach : 0;
    if (full) {
        struct yt_loop i;
        yt_emit_for(e, &i, "row_ow", yt_emit_i64(e, 0), yt_emit_i64(e, full), 1,
                    1);
        LLVMValueRef offset = yt_emit_muli(e, i.i, vector);
        LLVMValueRef at = yt_emit_index(e, row, offset);
        LLVMValueRef next =
            load(pool, yt_emit_at(e, at, reach * vector), pool->group);
        LLVMValueRef best = window_step(pool, next);
        LLVMValueRef to = out == row ? at : yt_emit_index(e, out, offset);
        yt_emit_store(e, best, to, (unsigned)pool->pixel);
        yt_emit_endfor(e, &i);
    }
    for (int32_t i = full; i < count; i++) {
        LLVMValueRef at = yt_emit_at(e, out, i * vector);
        LLVMValueRef best =
            window_step(pool, load_vector(pool, row, i + reach));
        if (i < pool->whole)
            yt_emit_store(e, best, at, (unsigned)pool->pixel);
        else
            store_rest(pool, best, at);
    }
}

/* -------------------------------------------------------------- blocks */

/* A row at a time down the columns into scratch and from there along; without
 * scratch all rows down the columns into the output, and then along in place.
 */
static void pool_block(const struct pool *pool, LLVMValueRef in,
                       LLVMValueRef out, LLVMValueRef scratch)
{
    struct yt_emit *e = pool->e;
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef rows = yt_emit_i64(e, pool->p->h);
    struct yt_loop oh;
    if (!scratch) {
        yt_emit_for(e, &oh, "column_oh", zero, rows, 1, 1);
        pool_columns(pool, oh.i, in, out, pool->row_bytes);
        yt_emit_endfor(e, &oh);
    }
    yt_emit_for(e, &oh, "row_oh", zero, rows, 1, 1);
    if (scratch)
        pool_columns(pool, oh.i, in, scratch, 0);
    LLVMValueRef out_row =
        yt_emit_index(e, out, yt_emit_muli(e, oh.i, pool->row_bytes));
    pool_row(pool, scratch ? scratch : out_row, out_row);
    yt_emit_endfor(e, &oh);
}

int64_t yt_pool_row_bytes(const struct yt_problem *p, const struct yt_isa *isa)
{
    return (int64_t)yt_dtype_bytes(p->dtype) * isa->lanes * p->u.pool.w;
}

static struct pool open_pool(struct yt_emit *e,
                             const struct yt_problem *problem)
{
    const struct yt_pool2d *p = &problem->u.pool;
    const int32_t bytes = yt_dtype_bytes(problem->dtype);
    struct pool pool = {.e = e, .p = p, .dtype = problem->dtype};
    pool.group = yt_emit_group(problem->dtype);
    pool.whole = p->w / pool.group;
    pool.rest = p->w % pool.group;
    pool.reach = (p->r / 2 + pool.group - 1) / pool.group;
    pool.pixel = (int64_t)bytes * e->isa->lanes;
    pool.row_bytes = yt_pool_row_bytes(problem, e->isa);
    assert(p->r <= WINDOW_MAX);
    for (int32_t i = 0; i <= 2 * pool.reach; i++)
        pool.values[i] =
            yt_emit_var(e, pixels_type(&pool, pool.group), "window");
    return pool;
}

void yt_generate_pools(struct yt_emit *e, const struct yt_problem *problem,
                       int chain, int use_scratch)
{
    const struct pool pool = open_pool(e, problem);
    const struct yt_pool2d *p = pool.p;
    const int64_t lanes = e->isa->lanes;
    const int64_t block_bytes = pool.row_bytes * p->h;
    const int64_t tensor_bytes = block_bytes * ((p->c + lanes - 1) / lanes);
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    LLVMValueRef scratch =
        use_scratch
            ? yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, scratch),
                            "scratch")
            : NULL;

    struct yt_loop task;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef block = yt_emit_muli(e, task.i, block_bytes);
    LLVMValueRef from = yt_emit_index(e, in, block);
    LLVMValueRef to = yt_emit_index(e, out, block);
    for (int i = 0; i < chain; i++) {
        pool_block(&pool, from, to, scratch);
        from = to;
        to = yt_emit_at(e, to, tensor_bytes);
    }
    yt_emit_endfor(e, &task);
}

int64_t yt_pool_tasks(const struct yt_problem *p, const struct yt_schedule *s,
                      const struct yt_isa *isa)
{
    (void)s;
    return (p->u.pool.c + isa->lanes - 1) / isa->lanes;
}
