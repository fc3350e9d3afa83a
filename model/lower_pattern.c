/* Which convolutions are worth a sparse kernel: those whose filters are zero in
 * whole blocks. A layer's problem then says how much is kept, and a digest of
 * which blocks, so that what was measured of one pattern is not taken for
 * another's. */

#include "model/lower.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* With more of its blocks kept a filter counts as dense: no kernel gains by
 * so few. */
#define SHARE_MAX 0.85

/* A block of two vectors makes do with fewer loads than two blocks of one: it
 * is better as long as it does not keep more zeros than this. */
#define WIDE_GAIN 1.15

#define WIDE_OUTPUTS 16

/* Blocks of one shape. Those that only fill up a vector or a step are padding:
 * they are zeros in dense filters too. */
struct blocks {
    int32_t outputs, inputs; /* channels of one */
    int32_t steps, taps;     /* blocks of an output's row */
    int64_t all, padding, kept;
    uint32_t digest; /* 31 bits, > 0 */
};

/* Which physical channels are some logical channel's. */
struct real {
    uint8_t *in, *out;
};

static void find_real(const struct yt_ir *ir, const struct yt_ir_op *op,
                      struct real *real)
{
    const struct yt_ir_value *in = &ir->values[op->in];
    for (int32_t c = 0; c < in->c; c++)
        real->in[in->map ? in->map[c] : c] = 1;
    uint8_t *out = real->out;
    for (int32_t i = 0; i < op->part_count; i++) {
        const struct yt_ir_value *v = &ir->values[op->parts[i].out];
        memset(out, 1, (size_t)v->c);
        out += v->cp;
    }
}

/* Mark the blocks of a row of them, [step][tap], where a row of the filter is
 * not zero. */
static void mark(const struct blocks *b, const float *row, int32_t c,
                 uint8_t *kept)
{
    for (int32_t i = 0; i < c; i++)
        for (int32_t tap = 0; tap < b->taps; tap++)
            kept[i / b->inputs * b->taps + tap] |= *row++ != 0;
}

/* A row of blocks that was marked. */
static void count(struct blocks *b, const struct real *real, int32_t c,
                  int any_output, const uint8_t *kept)
{
    for (int32_t step = 0; step < b->steps; step++) {
        int any_input = 0;
        for (int32_t i = step * b->inputs; i < (step + 1) * b->inputs; i++)
            any_input |= i < c && real->in[i];
        for (int32_t tap = 0; tap < b->taps; tap++) {
            const int is_kept = kept[step * b->taps + tap];
            b->kept += is_kept;
            b->padding += !any_input || !any_output;
            b->digest = (b->digest ^ (uint32_t)is_kept) * 16777619u;
        }
    }
    b->all += (int64_t)b->steps * b->taps;
}

/* @param kept scratch of [steps][taps]. */
static void count_blocks(const struct yt_layer *layer, const struct real *real,
                         uint8_t *kept, struct blocks *b)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const size_t row = (size_t)p->c * (size_t)b->taps;
    b->digest = 2166136261u;
    for (int32_t k0 = 0; k0 < p->k; k0 += b->outputs) {
        int any_output = 0;
        memset(kept, 0, (size_t)b->steps * (size_t)b->taps);
        for (int32_t k = k0; k < k0 + b->outputs && k < p->k; k++) {
            mark(b, layer->weights + (size_t)k * row, p->c, kept);
            any_output |= real->out[k];
        }
        count(b, real, p->c, any_output, kept);
    }
    b->digest = (b->digest ^ b->digest >> 31) & INT32_MAX;
    b->digest += b->digest == 0;
}

static struct blocks blocks_of(const struct yt_problem *problem,
                               int32_t outputs)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    const int32_t inputs = 4 / yt_dtype_bytes(problem->dtype);
    return (struct blocks){.outputs = outputs,
                           .inputs = inputs,
                           .steps = (p->c + inputs - 1) / inputs,
                           .taps = p->r * p->r};
}

static int is_sparse(const struct blocks *b)
{
    return (double)b->kept <= SHARE_MAX * (double)(b->all - b->padding);
}

static void choose(const struct yt_layer *layer, int32_t lanes,
                   const struct real *real, uint8_t *kept, struct yt_conv2d *p)
{
    struct blocks b = blocks_of(&layer->problem, lanes);
    count_blocks(layer, real, kept, &b);
    if (!is_sparse(&b))
        return;
    if (lanes < WIDE_OUTPUTS) {
        struct blocks wide = blocks_of(&layer->problem, WIDE_OUTPUTS);
        count_blocks(layer, real, kept, &wide);
        if (is_sparse(&wide) && (double)(wide.kept * wide.outputs) <=
                                    WIDE_GAIN * (double)(b.kept * b.outputs))
            b = wide;
    }
    p->kept = (int32_t)(b.kept * b.outputs * b.inputs);
    p->outputs = b.outputs;
    p->pattern = (int32_t)b.digest;
}

/* Whether it has zeros enough for blocks of them; most filters have none. */
static int may_be_sparse(const struct yt_layer *layer, const struct yt_ir *ir,
                         const struct yt_ir_op *op)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const int64_t weights = (int64_t)p->k * p->c * p->r * p->r;
    int64_t all = 0, kept = 0;
    for (int32_t i = 0; i < op->part_count; i++)
        all += (int64_t)ir->values[op->parts[i].out].c * ir->values[op->in].c *
               p->r * p->r;
    for (int64_t i = 0; i < weights; i++)
        kept += layer->weights[i] != 0;
    return (double)kept <= SHARE_MAX * (double)all;
}

enum yt_status yt_ir_emit_pattern(const struct yt_ir *ir,
                                  const struct yt_ir_op *op,
                                  struct yt_layer *layer)
{
    struct yt_conv2d *p = &layer->problem.u.conv2d;
    /* What has no node of the graph is an identity of lowering's own. */
    if (p->lazy || p->c == 3 || p->groups || op->parts[0].node < 0 ||
        !may_be_sparse(layer, ir, op))
        return YT_OK;
    const size_t row = (size_t)p->c * (size_t)(p->r * p->r);
    uint8_t *memory = calloc((size_t)p->c + (size_t)p->k + row, 1);
    YT_FAIL_IF(!memory, YT_NO_MEMORY, "%s: no memory to find its pattern",
               layer->name);
    struct real real = {memory, memory + p->c};
    find_real(ir, op, &real);
    choose(layer, ir->options.lanes, &real, memory + p->c + p->k, p);
    free(memory);
    return YT_OK;
}
