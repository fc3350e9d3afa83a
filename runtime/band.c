/* See runtime/band.h. The rows are worked out anew for each strip: a few
 * comparisons for each pair of members, beside kernels that take microseconds
 * at least. */

#include "runtime/band.h"

#include <assert.h>
#include <string.h>

#include "runtime/workspace.h"

/* --- Rows ---------------------------------------------------------------- */

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* First input row that output rows from @p row on read, inside the tensor. */
static int32_t input_begin(const struct yt_band_member *m, int32_t row)
{
    return least(m->in_h, most(0, row * m->stride - m->pad));
}

/* Where the input rows that output rows before @p row read end. */
static int32_t input_end(const struct yt_band_member *m, int32_t row)
{
    return row == 0
               ? 0
               : most(0, least(m->in_h, (row - 1) * m->stride - m->pad + m->r));
}

static int32_t addend_begin(const struct yt_band_member *m, int32_t row)
{
    return m->add == YT_ADD_UP2 ? row / 2 : row;
}

static int32_t addend_end(const struct yt_band_member *m, int32_t row)
{
    return m->add == YT_ADD_UP2 ? (row + 1) / 2 : row;
}

void yt_band_need(const struct yt_band_member *members, int32_t count,
                  int32_t first, int32_t last, struct yt_band_rows *rows)
{
    rows->begin[count - 1] = first;
    rows->end[count - 1] = last;
    for (int32_t i = count - 2; i >= 0; i--) {
        int32_t begin = members[i].out_h;
        int32_t end = 0;
        for (int32_t j = i + 1; j < count; j++) {
            const struct yt_band_member *reader = &members[j];
            if (reader->in == members[i].out) {
                begin = least(begin, input_begin(reader, rows->begin[j]));
                end = most(end, input_end(reader, rows->end[j]));
            }
            if (reader->add && reader->add_buf == members[i].out) {
                begin = least(begin, addend_begin(reader, rows->begin[j]));
                end = most(end, addend_end(reader, rows->end[j]));
            }
        }
        rows->begin[i] = least(begin, end);
        rows->end[i] = end;
    }
}

int32_t yt_band_low(const struct yt_band_member *members, int32_t count,
                    const int32_t *done, int32_t buffer, int32_t h)
{
    int32_t low = h;
    for (int32_t i = 0; i < count; i++) {
        const struct yt_band_member *m = &members[i];
        if (done[i] >= m->out_h)
            continue;
        if (m->out == buffer)
            low = least(low, done[i]);
        if (m->in == buffer)
            low = least(low, input_begin(m, done[i]));
        if (m->add && m->add_buf == buffer)
            low = least(low, addend_begin(m, done[i]));
    }
    return low;
}

/* Rows of a buffer that were written. */
static int32_t high(const struct yt_band_member *members, int32_t count,
                    const int32_t *done, int32_t buffer)
{
    int32_t row = 0;
    for (int32_t i = 0; i < count; i++)
        if (members[i].out == buffer)
            row = most(row, done[i]);
    return row;
}

/* A thread that has been going for a while begins where it stopped, which is
 * never above where one begins that starts with this strip. */
int32_t yt_band_width(const struct yt_band_member *members, int32_t count,
                      int32_t rows, int32_t buffer, int32_t h)
{
    const int32_t out_h = members[count - 1].out_h;
    int32_t width = 0;
    for (int32_t first = 0; first < out_h; first += rows) {
        struct yt_band_rows need;
        yt_band_need(members, count, first, least(out_h, first + rows), &need);
        width =
            most(width, high(members, count, need.end, buffer) -
                            yt_band_low(members, count, need.begin, buffer, h));
    }
    return width;
}

static int touches(const struct yt_band_member *m, int32_t buffer)
{
    return m->in == buffer || m->out == buffer ||
           (m->add && m->add_buf == buffer);
}

static int written_before(const struct yt_band_member *members, int32_t i)
{
    for (int32_t j = 0; j < i; j++)
        if (members[j].out == members[i].out)
            return 1;
    return 0;
}

/* What is written over at a strip is rows up to need.end of the writer; what
 * members before it touch later is rows from their need.end on. */
int yt_band_in_order(const struct yt_band_member *members, int32_t count,
                     int32_t rows)
{
    const int32_t out_h = members[count - 1].out_h;
    for (int32_t first = 0; first < out_h; first += rows) {
        struct yt_band_rows need;
        yt_band_need(members, count, first, least(out_h, first + rows), &need);
        for (int32_t i = 0; i < count; i++) {
            const int32_t buffer = members[i].out;
            if (!buffer || !written_before(members, i))
                continue;
            for (int32_t j = 0; j < i; j++)
                if (touches(&members[j], buffer) &&
                    yt_band_low(&members[j], 1, &need.end[j], buffer,
                                members[i].out_h) < need.end[i])
                    return 0;
        }
    }
    return 1;
}

/* --- Members of a plan --------------------------------------------------- */

int32_t yt_band_members(const struct yt_plan *plan, const struct yt_band *band,
                        struct yt_band_member *members)
{
    int32_t count = 0;
    if (band->letterbox)
        members[count++] =
            (struct yt_band_member){.in_h = plan->h,
                                    .out_h = plan->h,
                                    .r = 1,
                                    .stride = 1,
                                    .out = plan->letterbox.out_buffer};
    for (int32_t i = band->first; i < band->first + band->count; i++) {
        const struct yt_step *step = &plan->steps[i];
        const struct yt_conv2d *p = &step->problem.u.conv2d;
        members[count++] = (struct yt_band_member){
            .in_h = p->h,
            .out_h = yt_conv2d_out_h(p),
            .r = p->r,
            .stride = p->stride,
            .pad = p->pad,
            .add = (enum yt_addend)p->add,
            .in = step->in_buffer,
            .out = step->out_buffer,
            .add_buf = step->add_buffer,
        };
    }
    if (band->level) {
        const struct yt_level *level = &plan->levels[band->level - 1];
        members[count++] =
            (struct yt_band_member){.in_h = level->h,
                                    .out_h = level->h,
                                    .r = 1,
                                    .stride = 1,
                                    .in = level->decode.in_buffer};
    }
    return count;
}

int64_t yt_band_strips(const struct yt_plan *plan, const struct yt_band *band)
{
    const int32_t last = band->first + band->count - 1;
    const int32_t h =
        band->level ? plan->levels[band->level - 1].h
                    : yt_conv2d_out_h(&plan->steps[last].problem.u.conv2d);
    return (h + band->rows - 1) / band->rows;
}

const struct yt_band *yt_band_of(const struct yt_plan *plan, int32_t i)
{
    for (int32_t b = 0; b < plan->band_count; b++) {
        const struct yt_band *band = &plan->bands[b];
        if (i >= band->first && i < band->first + band->count)
            return band;
    }
    return NULL;
}

const struct yt_band *yt_band_of_level(const struct yt_plan *plan, int32_t i)
{
    for (int32_t b = 0; b < plan->band_count; b++)
        if (plan->bands[b].level == i + 1)
            return &plan->bands[b];
    return NULL;
}

int64_t yt_buffer_end(const struct yt_buffer *b)
{
    return b->at + b->blocks * (b->rows + 2 * (int64_t)b->pad) * b->row_bytes +
           YT_BUFFER_SLACK;
}

int64_t yt_band_bytes(const struct yt_band *band)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < band->buffer_count; i++) {
        const int64_t end = yt_buffer_end(&band->buffers[i]);
        bytes = end > bytes ? end : bytes;
    }
    return bytes;
}

/* --- Running ------------------------------------------------------------- */

struct walk {
    const struct yt_band_args *args;
    struct yt_band_member members[YT_BAND_STEPS_MAX];
    int32_t count;
    int32_t done[YT_BAND_STEPS_MAX];
    int32_t low[YT_BAND_BUFFERS_MAX]; /* row at each buffer's front */
};

/* Where row 0 of a tensor would be: outside of its buffer, mostly. */
static void *row_zero(const struct walk *w, int64_t offset, int32_t buffer)
{
    if (offset < 0)
        return NULL;
    if (!buffer)
        return w->args->arena + offset;
    const struct yt_buffer *b = &w->args->band->buffers[buffer - 1];
    const uintptr_t at = (uintptr_t)w->args->scratch + (uintptr_t)offset;
    return (void *)(at - (uintptr_t)(w->low[buffer - 1] * b->row_bytes));
}

/* The tasks that make rows [from, to). */
static void run_rows(const struct yt_step *step, const void *args, int32_t h,
                     int64_t from, int64_t to)
{
    const int64_t row = step->row_tasks;
    for (int64_t pass = 0; pass < step->tasks; pass += h * row)
        step->kernel(args, pass + from * row, pass + to * row);
}

static void run_step_rows(const struct walk *w, const struct yt_step *step,
                          int32_t h, int32_t from, int32_t to)
{
    const char *blob = w->args->blob;
    const struct yt_args args = {
        .in = row_zero(w, step->in, step->in_buffer),
        .out = row_zero(w, step->out, step->out_buffer),
        .add = row_zero(w, step->add, step->add_buffer),
        .weights = step->weights < 0 ? NULL : blob + step->weights,
        .bias = step->bias < 0
                    ? NULL
                    : (const float *)(const void *)(blob + step->bias),
        .threshold = w->args->threshold,
    };
    run_rows(step, &args, h, from, to);
}

/* Rows [from, to) of member @p i. */
static void run_member(const struct walk *w, int32_t i, int32_t from,
                       int32_t to)
{
    const struct yt_plan *plan = w->args->plan;
    const struct yt_band *band = w->args->band;
    const int32_t h = w->members[i].out_h;
    if (band->letterbox && i == 0) {
        struct yt_letterbox_args args = *w->args->letterbox;
        args.out = row_zero(w, plan->letterbox.out, plan->letterbox.out_buffer);
        run_rows(&plan->letterbox, &args, h, from, to);
    } else if (band->level && i == w->count - 1) {
        const struct yt_step *step = &plan->levels[band->level - 1].decode;
        struct yt_decode_args args = *w->args->decode;
        args.head = row_zero(w, step->in, step->in_buffer);
        run_rows(step, &args, h, from, to);
    } else {
        run_step_rows(w, &plan->steps[band->first + i - band->letterbox], h,
                      from, to);
    }
}

/* Move the rows that are still needed to the front of their blocks; at first
 * there are none. */
static void slide(struct walk *w, int32_t buffer, int is_first)
{
    const struct yt_buffer *b = &w->args->band->buffers[buffer - 1];
    const int32_t low =
        yt_band_low(w->members, w->count, w->done, buffer, b->h);
    const int64_t by = low - w->low[buffer - 1];
    const int64_t kept =
        (int64_t)high(w->members, w->count, w->done, buffer) - low;
    w->low[buffer - 1] = low;
    if (is_first || by == 0 || kept <= 0)
        return;
    char *at = w->args->scratch + b->at;
    const int64_t block = (b->rows + 2 * (int64_t)b->pad) * b->row_bytes;
    for (int32_t i = 0; i < b->blocks; i++, at += block)
        memmove(at, at + by * b->row_bytes,
                (size_t)((kept + 2 * (int64_t)b->pad) * b->row_bytes));
}

void yt_band_run(const void *args_, int64_t begin, int64_t end)
{
    const struct yt_band_args *args = args_;
    const struct yt_band *band = args->band;
    struct walk w;
    w.args = args;
    w.count = yt_band_members(args->plan, band, w.members);
    if (w.count == 0)
        return;
    memset(w.done, 0, sizeof w.done);
    memset(w.low, 0, sizeof w.low);
    const int32_t h = w.members[w.count - 1].out_h;
    for (int64_t strip = begin; strip < end; strip++) {
        struct yt_band_rows need;
        const int32_t first = (int32_t)strip * band->rows;
        yt_band_need(w.members, w.count, first, least(h, first + band->rows),
                     &need);
        for (int32_t i = 0; i < w.count; i++)
            w.done[i] = most(w.done[i], need.begin[i]);
        for (int32_t i = 1; i <= band->buffer_count; i++)
            slide(&w, i, strip == begin);
        for (int32_t i = 0; i < w.count; i++)
            if (need.end[i] > w.done[i]) {
                run_member(&w, i, w.done[i], need.end[i]);
                w.done[i] = need.end[i];
            }
    }
}
