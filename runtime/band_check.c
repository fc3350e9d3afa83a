/* The border for bands: past these checks the executor asserts. */

#include <assert.h>
#include <inttypes.h>

#include "base/math.h"
#include "runtime/band.h"
#include "runtime/fail.h"
#include "runtime/op.h"

/* Factors of a buffer's bytes, whose product fits. */
#define ROW_BYTES_MAX ((int64_t)1 << 30)
#define ROWS_MAX      (1 << 20)
#define BLOCKS_MAX    (1 << 12)

static enum yt_status check_buffers(const struct yt_plan *plan,
                                    const struct yt_band *band)
{
    YT_FAIL_IF(
        band->buffer_count < 0 || band->buffer_count > YT_BAND_BUFFERS_MAX,
        YT_BAD_ARGUMENT, "plan: a band of %d buffers", band->buffer_count);
    int64_t end = 0;
    for (int32_t i = 0; i < band->buffer_count; i++) {
        const struct yt_buffer *b = &band->buffers[i];
        YT_FAIL_IF(
            b->row_bytes < 1 || b->row_bytes > ROW_BYTES_MAX || b->rows < 1 ||
                b->rows > b->h || b->h > ROWS_MAX || b->pad < 0 ||
                b->pad > 31 || b->blocks < 1 || b->blocks > BLOCKS_MAX ||
                b->at < end || b->at > plan->scratch_bytes || b->at % YT_ALIGN,
            YT_BAD_ARGUMENT, "plan: buffer %d of a band: out of range", i);
        end = yt_buffer_end(b);
        YT_FAIL_IF(end > plan->scratch_bytes, YT_BAD_ARGUMENT,
                   "plan: buffer %d of a band ends at byte %" PRId64
                   " of %" PRId64,
                   i, end, plan->scratch_bytes);
    }
    return YT_OK;
}

/* A tensor against the buffer it lies in, or against none. @p rows are those
 * that the problem says are in memory. */
static enum yt_status check_tensor(const struct yt_plan *plan,
                                   const struct yt_band *band,
                                   const struct yt_step *step,
                                   const struct yt_tensor *t, int32_t buffer,
                                   int64_t offset, int32_t rows)
{
    YT_FAIL_IF(buffer < 0 || buffer > band->buffer_count, YT_BAD_ARGUMENT,
               "plan: step '%s': buffer %d of %d", step->name, buffer,
               band->buffer_count);
    YT_FAIL_IF((buffer ? offset < 0 : rows != 0), YT_BAD_ARGUMENT,
               "plan: step '%s': rows in memory of a whole tensor", step->name);
    if (!buffer)
        return YT_OK;
    const struct yt_buffer *b = &band->buffers[buffer - 1];
    const int64_t lanes = t->is_image ? t->c : plan->isa->lanes;
    const int64_t row_bytes =
        (t->w + 2 * (int64_t)t->pad) * lanes * yt_dtype_bytes(t->dtype);
    const int64_t block_bytes = b->rows * b->row_bytes;
    const int64_t blocks = t->is_image ? 1 : yt_ceil_div(t->c, lanes);
    YT_FAIL_IF(t->count != 1 || b->h != t->h || b->pad != t->pad ||
                   b->row_bytes != row_bytes ||
                   (!t->is_image && b->rows != (rows ? rows : t->h)) ||
                   offset < b->at || (offset - b->at) % block_bytes ||
                   (offset - b->at) / block_bytes + blocks > b->blocks,
               YT_BAD_ARGUMENT, "plan: step '%s' does not fit its buffer %d",
               step->name, buffer);
    return YT_OK;
}

static enum yt_status check_rows_of(const struct yt_step *step, int32_t h)
{
    YT_FAIL_IF(step->row_tasks < 1 || step->tasks < 1 || h < 1 ||
                   step->tasks % ((int64_t)h * step->row_tasks),
               YT_BAD_ARGUMENT,
               "plan: step '%s': %" PRId64 " tasks are no %d rows of %d",
               step->name, step->tasks, h, step->row_tasks);
    return YT_OK;
}

static enum yt_status check_conv(const struct yt_plan *plan,
                                 const struct yt_band *band,
                                 const struct yt_step *step)
{
    YT_FAIL_IF(step->problem.op != YT_OP_CONV2D, YT_BAD_ARGUMENT,
               "plan: step '%s' is %s, which no band can have", step->name,
               yt_op_name(step->problem.op));
    YT_TRY(yt_problem_check(&step->problem));
    const struct yt_conv2d *p = &step->problem.u.conv2d;
    struct yt_tensors t;
    yt_op_tensors(&step->problem, &t);
    YT_TRY(check_tensor(plan, band, step, &t.in, step->in_buffer, step->in,
                        p->in_rows));
    YT_TRY(check_tensor(plan, band, step, &t.out, step->out_buffer, step->out,
                        p->out_rows));
    YT_TRY(check_tensor(plan, band, step, &t.add, step->add_buffer, step->add,
                        p->add_rows));
    return check_rows_of(step, yt_conv2d_out_h(p));
}

static enum yt_status check_letterbox(const struct yt_plan *plan,
                                      const struct yt_band *band)
{
    const struct yt_step *step = &plan->letterbox;
    const struct yt_letterbox *p = &step->problem.u.letterbox;
    YT_FAIL_IF(band->letterbox != 1 || !step->out_buffer, YT_BAD_ARGUMENT,
               "plan: a band's letterbox %d has no buffer", band->letterbox);
    const struct yt_tensor image = {.dtype = step->problem.dtype,
                                    .c = 3,
                                    .h = p->h,
                                    .w = p->w,
                                    .count = 1,
                                    .is_image = 1,
                                    .pad = p->pad};
    YT_TRY(
        check_tensor(plan, band, step, &image, step->out_buffer, step->out, 0));
    return check_rows_of(step, p->h);
}

static enum yt_status check_decode(const struct yt_plan *plan,
                                   const struct yt_band *band)
{
    YT_FAIL_IF(band->level < 1 || band->level > plan->level_count,
               YT_BAD_ARGUMENT, "plan: a band of level %d of %d", band->level,
               plan->level_count);
    const struct yt_step *step = &plan->levels[band->level - 1].decode;
    struct yt_tensors t;
    yt_op_tensors(&step->problem, &t);
    YT_FAIL_IF(!step->in_buffer, YT_BAD_ARGUMENT,
               "plan: level '%s' of a band has no buffer", step->name);
    YT_TRY(check_tensor(plan, band, step, &t.in, step->in_buffer, step->in,
                        step->problem.u.decode.rows));
    return check_rows_of(step, plan->levels[band->level - 1].h);
}

/* All but the last write into buffers; what is read from one was written. */
static enum yt_status check_flow(const struct yt_band *band,
                                 const struct yt_band_member *members,
                                 int32_t count)
{
    uint32_t written = 0;
    static_assert(YT_BAND_BUFFERS_MAX < 32, "a bit for each buffer");
    for (int32_t i = 0; i < count; i++) {
        const struct yt_band_member *m = &members[i];
        const uint32_t read = 1u << m->in | (m->add ? 1u << m->add_buf : 0);
        YT_FAIL_IF((read & ~written & ~1u) || (m->out == 0) != (i == count - 1),
                   YT_BAD_ARGUMENT,
                   "plan: member %d of a band reads or writes another buffer "
                   "than it may",
                   i);
        written |= 1u << m->out;
    }
    for (int32_t i = 1; i <= band->buffer_count; i++)
        YT_FAIL_IF(
            yt_band_width(members, count, band->rows, i,
                          band->buffers[i - 1].h) > band->buffers[i - 1].rows,
            YT_BAD_ARGUMENT, "plan: buffer %d of a band: %d rows are too few",
            i, band->buffers[i - 1].rows);
    YT_FAIL_IF(!yt_band_in_order(members, count, band->rows), YT_BAD_ARGUMENT,
               "plan: a band writes over rows that it needs");
    return YT_OK;
}

static enum yt_status check_band(const struct yt_plan *plan,
                                 const struct yt_band *band, int32_t from)
{
    YT_FAIL_IF(band->first < from || band->count < 1 ||
                   band->count > YT_BAND_STEPS_MAX - 2 ||
                   band->first > plan->step_count - band->count ||
                   band->rows < 1 || band->rows > ROWS_MAX,
               YT_BAD_ARGUMENT, "plan: band of %d steps from step %d, %d rows",
               band->count, band->first, band->rows);
    YT_TRY(check_buffers(plan, band));
    for (int32_t i = band->first; i < band->first + band->count; i++)
        YT_TRY(check_conv(plan, band, &plan->steps[i]));
    if (band->letterbox)
        YT_TRY(check_letterbox(plan, band));
    if (band->level)
        YT_TRY(check_decode(plan, band));
    struct yt_band_member members[YT_BAND_STEPS_MAX];
    const int32_t count = yt_band_members(plan, band, members);
    return check_flow(band, members, count);
}

enum yt_status yt_bands_check(const struct yt_plan *plan)
{
    YT_FAIL_IF(plan->band_count < 0 || plan->band_count > YT_BANDS_MAX,
               YT_BAD_ARGUMENT, "plan '%s': %d bands, want 0..%d", plan->model,
               plan->band_count, YT_BANDS_MAX);
    int32_t from = 0;
    int32_t letterboxes = 0;
    int32_t levels[YT_LEVELS_MAX] = {0};
    for (int32_t i = 0; i < plan->band_count; i++) {
        const struct yt_band *band = &plan->bands[i];
        YT_TRY(check_band(plan, band, from));
        from = band->first + band->count;
        letterboxes += band->letterbox;
        if (band->level)
            levels[band->level - 1]++;
    }
    int right = letterboxes == (plan->letterbox.out_buffer != 0);
    for (int32_t i = 0; i < plan->level_count; i++)
        right &= levels[i] == (plan->levels[i].decode.in_buffer != 0);
    for (int32_t i = 0; i < plan->step_count; i++) {
        const struct yt_step *step = &plan->steps[i];
        right &= yt_band_of(plan, i) ||
                 (!step->in_buffer && !step->out_buffer && !step->add_buffer);
    }
    YT_FAIL_IF(!right, YT_BAD_ARGUMENT,
               "plan '%s': a tensor lies in a buffer of no band, or two bands "
               "share a member",
               plan->model);
    return YT_OK;
}
