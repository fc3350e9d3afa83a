/* Which ops run in bands. Those could that are convolutions of which all but
 * the last write what nobody outside reads; that is first tried with as many
 * ops as go together, and then with less and less while that takes no more
 * memory: arena and, for one thread, the bands' buffers. So a band stays only
 * where it pays, and what is left out runs step by step. */

#include "model/lower.h"

#include <assert.h>
#include <stdlib.h>

#include "base/math.h"
#include "runtime/band.h"
#include "runtime/fail.h"

/* Strips of so many rows are tried; the first whose buffers stay below the
 * bytes is taken, and the last one whatever it needs. */
static const int32_t strip_rows[] = {8, 4, 2, 1};
#define BUFFERS_BYTES ((int64_t)384 << 10)

/* --- What is in a band --------------------------------------------------- */

static int is_read(const struct yt_ir *ir, int32_t value)
{
    int read = 0;
    for (int32_t i = 0; i < ir->op_count; i++)
        read |= ir->ops[i].in == value || ir->ops[i].parts[0].add == value;
    return read;
}

/* Whether all of a value is written and read inside a band. */
static int is_inside(const struct yt_ir *ir, int32_t value,
                     const struct yt_ir_band *band)
{
    const struct yt_ir_value *v = &ir->values[value];
    const int begins = value == 0 ? band->letterbox : v->first >= band->first;
    const int ends = v->head >= 0
                         ? band->level == v->head + 1 && !is_read(ir, value)
                         : v->last < band->first + band->count;
    return begins && ends && v->first < band->first + band->count;
}

static int owns_root(const struct yt_ir *ir, int32_t root,
                     const struct yt_ir_band *band)
{
    int values = 0;
    for (int32_t i = 0; i < ir->value_count; i++) {
        if (ir->values[i].leaf_count > 0 || yt_ir_locate(ir, i).root != root)
            continue;
        if (!is_inside(ir, i, band))
            return 0;
        values++;
    }
    return values > 0;
}

int32_t yt_ir_root_band(const struct yt_ir *ir, int32_t root)
{
    for (int32_t i = 0; i < ir->band_count; i++)
        if (owns_root(ir, root, &ir->bands[i]))
            return i;
    return -1;
}

int32_t yt_ir_time(const struct yt_ir *ir, int32_t op)
{
    if (op == ir->op_count)
        return op + YT_LEVELS_MAX;
    for (int32_t i = 0; i < ir->band_count; i++) {
        const struct yt_ir_band *band = &ir->bands[i];
        if (op < band->first || op >= band->first + band->count)
            continue;
        return band->level ? ir->op_count + band->level - 1 : band->first;
    }
    return op;
}

/* A band's roots, buffer by buffer. */
struct roots {
    int32_t root[YT_BAND_BUFFERS_MAX];
    int32_t count;
};

/* The buffer of a value, counted from 1; 0: it lies in the arena; -1: there are
 * too many. */
static int32_t buffer_of(const struct yt_ir *ir, const struct yt_ir_band *band,
                         struct roots *roots, int32_t value)
{
    if (value < 0)
        return 0;
    const int32_t root = yt_ir_locate(ir, value).root;
    for (int32_t i = 0; i < roots->count; i++)
        if (roots->root[i] == root)
            return i + 1;
    if (!owns_root(ir, root, band))
        return 0;
    if (roots->count == YT_BAND_BUFFERS_MAX)
        return -1;
    roots->root[roots->count++] = root;
    return roots->count;
}

/* A root as a buffer; 0: what lies in it is not of one shape. */
static int make_buffer(const struct yt_ir *ir, int32_t root,
                       struct yt_buffer *buffer)
{
    const struct yt_ir_value *like = NULL;
    for (int32_t i = 0; i < ir->value_count; i++) {
        const struct yt_ir_value *v = &ir->values[i];
        if (v->leaf_count > 0 || yt_ir_locate(ir, i).root != root)
            continue;
        if (like &&
            (like->h != v->h || like->w != v->w || like->dtype != v->dtype))
            return 0;
        like = v;
    }
    if (!like)
        return 0;
    const int is_image = like == &ir->values[0];
    const int32_t block = is_image ? 3 : ir->options.lanes;
    *buffer = (struct yt_buffer){
        .row_bytes = (int64_t)block * (like->w + 2 * like->pad) *
                     yt_dtype_bytes(like->dtype),
        .h = like->h,
        .pad = is_image ? like->pad : 0,
    };
    const int64_t rows = buffer->h + 2 * (int64_t)buffer->pad;
    buffer->blocks =
        (int32_t)(ir->stores[root].bytes / (rows * buffer->row_bytes));
    return 1;
}

static struct yt_band_member make_member(const struct yt_ir *ir,
                                         const struct yt_ir_op *op)
{
    return (struct yt_band_member){
        .in_h = ir->values[op->in].h,
        .out_h = ir->values[op->parts[0].out].h,
        .r = op->r,
        .stride = op->stride,
        .pad = op->pad,
        .add = op->addend,
    };
}

/* Members with their buffers. @return how many; 0: this cannot be a band. */
static int32_t make_members(const struct yt_ir *ir,
                            const struct yt_ir_band *band, struct roots *roots,
                            struct yt_band_member *members)
{
    const int32_t last = band->first + band->count - 1;
    int32_t count = 0;
    roots->count = 0;
    if (band->letterbox) {
        const int32_t h = ir->values[0].h;
        members[count++] =
            (struct yt_band_member){.in_h = h,
                                    .out_h = h,
                                    .r = 1,
                                    .stride = 1,
                                    .out = buffer_of(ir, band, roots, 0)};
        if (members[0].out <= 0)
            return 0;
    }
    for (int32_t i = band->first; i <= last; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        struct yt_band_member *m = &members[count++];
        *m = make_member(ir, op);
        m->in = buffer_of(ir, band, roots, op->in);
        m->out = buffer_of(ir, band, roots, op->parts[0].out);
        m->add_buf = buffer_of(ir, band, roots, op->parts[0].add);
        const int is_last = i == last && !band->level;
        if (op->op != YT_OP_CONV2D || m->in < 0 || m->out < 0 ||
            m->add_buf < 0 || (m->out == 0) != is_last)
            return 0;
    }
    if (band->level) {
        assert(count > 0);
        const int32_t h = members[count - 1].out_h;
        const int32_t in = members[count - 1].out;
        members[count++] = (struct yt_band_member){
            .in_h = h, .out_h = h, .r = 1, .stride = 1, .in = in};
    }
    return count;
}

/* What the last op writes for others must be nothing that the band reads. */
static int writes_apart(const struct yt_ir *ir, const struct yt_ir_band *band)
{
    const int32_t last = band->first + band->count - 1;
    const int32_t root = yt_ir_locate(ir, ir->ops[last].parts[0].out).root;
    for (int32_t i = band->first; i <= last && !band->level; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        if (yt_ir_locate(ir, op->in).root == root ||
            (op->parts[0].add >= 0 &&
             yt_ir_locate(ir, op->parts[0].add).root == root))
            return 0;
    }
    return 1;
}

/* Buffers for strips of band->rows rows. */
static int64_t size_buffers(const struct yt_ir_band *band,
                            const struct yt_band_member *members, int32_t count,
                            struct yt_band *out)
{
    int64_t at = 0;
    for (int32_t i = 0; i < out->buffer_count; i++) {
        struct yt_buffer *b = &out->buffers[i];
        b->rows = yt_band_width(members, count, band->rows, i + 1, b->h);
        b->at = at;
        at = yt_round_up(yt_buffer_end(b), YT_ALIGN);
    }
    return at;
}

/* A band with its buffers. @return their bytes; -1: this cannot be one. */
static int64_t make_band(const struct yt_ir *ir, const struct yt_ir_band *band,
                         struct roots *roots, struct yt_band *out)
{
    struct yt_band_member members[YT_BAND_STEPS_MAX];
    if (band->count > YT_BAND_STEPS_MAX - 2 || !writes_apart(ir, band))
        return -1;
    const int32_t count = make_members(ir, band, roots, members);
    if (count == 0)
        return -1;
    *out = (struct yt_band){.first = band->first,
                            .count = band->count,
                            .rows = band->rows,
                            .letterbox = band->letterbox,
                            .level = band->level,
                            .buffer_count = roots->count};
    for (int32_t i = 0; i < roots->count; i++)
        if (!make_buffer(ir, roots->root[i], &out->buffers[i]))
            return -1;
    if (!yt_band_in_order(members, count, band->rows))
        return -1;
    return size_buffers(band, members, count, out);
}

/* --- Which bands --------------------------------------------------------- */

/* Choose the strip's rows. @return whether it can be a band. */
static int settle(const struct yt_ir *ir, struct yt_ir_band *band)
{
    const size_t count = sizeof strip_rows / sizeof strip_rows[0];
    for (size_t i = 0; i < count; i++) {
        struct yt_band made;
        struct roots roots;
        band->rows = strip_rows[i];
        const int64_t bytes = make_band(ir, band, &roots, &made);
        if (bytes < 0)
            return 0;
        if (bytes <= BUFFERS_BYTES)
            break;
    }
    return 1;
}

/* Arena and buffers of one thread. */
static enum yt_status cost(const struct yt_ir *ir, int64_t *offsets,
                           int64_t *bytes_out)
{
    int64_t arena = 0, floor = 0, most = 0;
    YT_TRY(yt_ir_place(ir, offsets, &arena, &floor));
    for (int32_t i = 0; i < ir->band_count; i++) {
        struct yt_band made;
        struct roots roots;
        const int64_t bytes = make_band(ir, &ir->bands[i], &roots, &made);
        most = bytes > most ? bytes : most;
    }
    *bytes_out = arena + most;
    return YT_OK;
}

/* The longest band from an op on; its count is 0 where there is none. */
static struct yt_ir_band longest(const struct yt_ir *ir, int32_t first)
{
    struct yt_ir_band best = {.first = first, .letterbox = first == 0};
    for (int32_t n = 1; first + n <= ir->op_count; n++) {
        struct yt_ir_band band = {
            .first = first, .count = n, .letterbox = first == 0};
        if (ir->ops[first + n - 1].op != YT_OP_CONV2D ||
            ir->values[ir->ops[first + n - 1].parts[0].out].head >= 0)
            break;
        if (n + band.letterbox > 1 && settle(ir, &band))
            best = band;
    }
    return best;
}

static void propose(struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->op_count && ir->band_count < YT_BANDS_MAX;) {
        const int32_t head = ir->values[ir->ops[i].parts[0].out].head;
        struct yt_ir_band band = {.first = i, .count = 1, .level = head + 1};
        if (head < 0)
            band = longest(ir, i);
        else if (!settle(ir, &band))
            band.count = 0;
        if (band.count > 0)
            ir->bands[ir->band_count++] = band;
        i += band.count > 0 ? band.count : 1;
    }
}

static void remove_band(struct yt_ir *ir, int32_t index)
{
    ir->band_count--;
    for (int32_t i = index; i < ir->band_count; i++)
        ir->bands[i] = ir->bands[i + 1];
}

/* Ways to make a band less. */
enum less { LESS_BAND, LESS_TAIL, LESS_FRONT, LESS_COUNT };

/* @return whether that could be done. */
static int make_less(struct yt_ir *ir, int32_t index, enum less how)
{
    struct yt_ir_band *band = &ir->bands[index];
    if (how == LESS_BAND) {
        remove_band(ir, index);
        return 1;
    }
    band->count--;
    if (how == LESS_FRONT) {
        band->first++;
        band->letterbox = 0;
    }
    return band->count + band->letterbox + (band->level != 0) > 1 &&
           settle(ir, band);
}

/* Make one band less where that takes no more memory. */
static enum yt_status shrink(struct yt_ir *ir, int64_t *offsets, int64_t *least,
                             int *changed_out)
{
    for (int32_t i = ir->band_count - 1; i >= 0; i--)
        for (int how = LESS_BAND; how < LESS_COUNT; how++) {
            const struct yt_ir before = *ir;
            int64_t bytes = 0;
            if (make_less(ir, i, (enum less)how)) {
                YT_TRY(cost(ir, offsets, &bytes));
                if (bytes <= *least) {
                    *least = bytes;
                    *changed_out = 1;
                    return YT_OK;
                }
            }
            *ir = before;
        }
    *changed_out = 0;
    return YT_OK;
}

enum yt_status yt_ir_band(struct yt_ir *ir)
{
    int64_t *offsets = malloc((size_t)ir->store_count * sizeof *offsets);
    YT_FAIL_IF(!offsets, YT_NO_MEMORY, "no memory to place tensors");
    propose(ir);
    int64_t least = 0;
    int changed = ir->band_count > 0;
    enum yt_status status = cost(ir, offsets, &least);
    while (status == YT_OK && changed)
        status = shrink(ir, offsets, &least, &changed);
    free(offsets);
    return status;
}

/* --- Into the network ---------------------------------------------------- */

/* Where a value lies in its buffer: its blocks are rows apart, not h. */
static int64_t offset_in(const struct yt_ir *ir, const struct yt_buffer *buffer,
                         int32_t value)
{
    const struct yt_ir_place place = yt_ir_locate(ir, value);
    const int64_t block =
        place.offset / (buffer->h * buffer->row_bytes); /* 0 of an image */
    return buffer->at + block * buffer->rows * buffer->row_bytes;
}

/* A tensor of a member, when it is in one of the band's buffers. */
static void put(const struct yt_ir *ir, const struct yt_ir_band *band,
                const struct yt_band *made, struct roots *roots, int32_t value,
                int32_t *buffer_out, int64_t *offset_out)
{
    *buffer_out = buffer_of(ir, band, roots, value);
    assert(*buffer_out >= 0);
    if (*buffer_out)
        *offset_out = offset_in(ir, &made->buffers[*buffer_out - 1], value);
}

enum yt_status yt_ir_emit_bands(const struct yt_ir *ir, struct yt_net *net)
{
    for (int32_t b = 0; b < ir->band_count; b++) {
        const struct yt_ir_band *band = &ir->bands[b];
        struct yt_band *made = &net->bands[net->band_count++];
        struct roots roots;
        const int64_t bytes = make_band(ir, band, &roots, made);
        assert(bytes >= 0);
        if (bytes > net->band_bytes)
            net->band_bytes = bytes;
        if (band->letterbox)
            put(ir, band, made, &roots, 0, &net->input_buffer, &net->input);
        for (int32_t i = band->first; i < band->first + band->count; i++) {
            const struct yt_ir_part *part = &ir->ops[i].parts[0];
            struct yt_layer *layer = &net->layers[i];
            put(ir, band, made, &roots, ir->ops[i].in, &layer->in_buffer,
                &layer->in);
            put(ir, band, made, &roots, part->out, &layer->out_buffer,
                &layer->out);
            put(ir, band, made, &roots, part->add, &layer->add_buffer,
                &layer->add);
            if (band->level) {
                net->heads[band->level - 1].buffer = layer->out_buffer;
                net->heads[band->level - 1].offset = layer->out;
            }
        }
    }
    return YT_OK;
}
