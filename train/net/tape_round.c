/* See train/net/tape_round.h. */

#include "train/net/tape_round.h"

#include <assert.h>
#include <string.h>

#include "compress/quant/filter.h"
#include "model/net.h"
#include "runtime/dtype.h"
#include "runtime/fail.h"
#include "train/net/tape_parts.h"

#define WHOLE    12582912.0f /* 1.5 * 2^23: added and taken away, it rounds */
#define LANES    8           /* divides any block */
#define CODE_MAX 255

/* ------------------------------------------------------------------ create */

static enum yt_status check_observed(const struct yt_tape *tape,
                                     const struct yt_layer *layer, int32_t node)
{
    YT_FAIL_IF(!yt_quant_observed(tape->options.quantisation, node),
               YT_BAD_INPUT,
               "%s: the range of node %d was not observed, so it has no "
               "integers",
               layer->name, (int)node);
    return YT_OK;
}

/* Codes of a type for c channels, all of which have step 1 so far. */
static enum yt_status make_rounding(struct yt_tape *tape, int32_t c,
                                    enum yt_dtype dtype,
                                    struct yt_tape_rounding **rounding_out)
{
    struct yt_tape_rounding *r;
    const int is_u8 = dtype == YT_DTYPE_U8S8;
    YT_TRY(yt_tape_allocate(tape, (int64_t)sizeof *r, &r));
    r->c = c;
    r->lo = is_u8 ? 0 : -(float)YT_S16_MAX;
    r->hi = is_u8 ? CODE_MAX : (float)YT_S16_MAX;
    YT_TRY(yt_tape_allocate_floats(tape, c, &r->step));
    YT_TRY(yt_tape_allocate_floats(tape, c, &r->inverse));
    YT_TRY(yt_tape_allocate_floats(tape, c, &r->zero));
    for (int32_t i = 0; i < c; i++)
        r->step[i] = r->inverse[i] = 1;
    *rounding_out = r;
    return YT_OK;
}

static void set_step(struct yt_tape_rounding *r, int32_t channel,
                     struct yt_quant_step step)
{
    r->step[channel] = step.step;
    r->inverse[channel] = 1.0f / step.step;
    r->zero[channel] = (float)step.zero;
}

/* A layer writes a node's value; the first one that does says its type, copies
 * of it come later. */
static enum yt_status take_output(struct yt_tape *tape,
                                  const struct yt_layer *layer, int32_t index)
{
    struct yt_tape_node *node = &tape->nodes[index];
    const enum yt_dtype dtype = layer->problem.out;
    if (node->stored_known)
        return YT_OK;
    node->stored_known = 1;
    node->stored = dtype;
    if (!yt_dtype_is_integer(dtype))
        return YT_OK;
    YT_TRY(check_observed(tape, layer, index));
    YT_TRY(make_rounding(tape, node->cp, dtype, &node->rounding));
    for (int32_t c = 0; c < node->c; c++)
        set_step(node->rounding, c,
                 yt_quant_step_of(tape->options.quantisation, index, dtype));
    if (!node->has_gradient)
        return YT_OK;
    return yt_tape_allocate(tape, tape->options.batch * node->size,
                            &node->mask);
}

static enum yt_status take_outputs(struct yt_tape *tape,
                                   const struct yt_layer *layer)
{
    const int32_t k = layer->problem.u.conv2d.k;
    if (layer->problem.op != YT_OP_CONV2D || !layer->out_nodes)
        return YT_OK;
    for (int32_t i = 0; i < k; i++)
        if (layer->out_nodes[i] > 0 &&
            (i == 0 || layer->out_nodes[i] != layer->out_nodes[i - 1]))
            YT_TRY(take_output(tape, layer, layer->out_nodes[i]));
    return YT_OK;
}

/* The layer holds rows of a CONV node's filter, from k on. */
static enum yt_status take_filter(struct yt_tape *tape,
                                  const struct yt_layer *layer, int32_t k)
{
    const struct yt_problem *p = &layer->problem;
    const int32_t index = layer->conv_nodes[k];
    struct yt_tape_filter *f = tape->nodes[index].filter;
    int32_t channel = layer->filter_first;
    assert(f->part_count < YT_TAPE_PARTS_MAX);
    struct yt_tape_part *part = &f->parts[f->part_count++];
    part->c = p->u.conv2d.c;
    part->dtype = p->dtype;
    part->biased = layer->out_nodes[k] >= 0;
    part->scale = yt_tape_reads_image(tape, index) ? 1 / 255.0 : 1;
    YT_TRY(yt_tape_allocate(tape, part->c * (int64_t)sizeof *part->channel,
                            &part->channel));
    YT_TRY(yt_tape_allocate(tape, part->c * (int64_t)sizeof *part->steps,
                            &part->steps));
    for (int32_t c = 0; c < part->c; c++) {
        const int32_t node = layer->in_nodes[c];
        YT_TRY(check_observed(tape, layer, node));
        part->steps[c] =
            yt_quant_step_of(tape->options.quantisation, node, p->dtype);
        part->channel[c] = node < 0 ? -1 : channel++;
        if (node > 0 && tape->nodes[node].stored != p->dtype)
            f->reads_copy = 1;
    }
    const int64_t row = (int64_t)part->c * f->taps;
    tape->row_count = row > tape->row_count ? row : tape->row_count;
    return YT_OK;
}

static enum yt_status take_filters(struct yt_tape *tape,
                                   const struct yt_layer *layer)
{
    const struct yt_problem *p = &layer->problem;
    if (p->op != YT_OP_CONV2D || !yt_dtype_is_integer(p->dtype))
        return YT_OK;
    for (int32_t k = 0; k < p->u.conv2d.k; k++)
        if (layer->conv_nodes[k] >= 0 &&
            (k == 0 || layer->conv_nodes[k] != layer->conv_nodes[k - 1]))
            YT_TRY(take_filter(tape, layer, k));
    return YT_OK;
}

/* A convolution whose input is stored in another type than it reads. */
static enum yt_status make_copy(struct yt_tape *tape, int32_t index)
{
    struct yt_tape_filter *f = tape->nodes[index].filter;
    const struct yt_tape_node *in =
        &tape->nodes[tape->graph->nodes[index].inputs[0]];
    const int64_t count = tape->chunk * in->size;
    YT_TRY(make_rounding(tape, in->cp, f->parts[0].dtype, &f->copy));
    for (int32_t i = 0; i < f->part_count; i++)
        for (int32_t c = 0; c < f->parts[i].c; c++)
            if (f->parts[i].channel[c] >= 0)
                set_step(f->copy, f->parts[i].channel[c], f->parts[i].steps[c]);
    tape->copy_count = count > tape->copy_count ? count : tape->copy_count;
    return YT_OK;
}

static enum yt_status take_net(struct yt_tape *tape, const struct yt_net *net)
{
    tape->rounds_image = yt_dtype_is_integer(net->input_dtype);
    for (int32_t i = 0; i < net->layer_count; i++)
        YT_TRY(take_outputs(tape, &net->layers[i]));
    for (int32_t i = 0; i < net->layer_count; i++)
        YT_TRY(take_filters(tape, &net->layers[i]));
    for (int32_t i = 0; i < tape->graph->node_count; i++)
        if (tape->nodes[i].filter && tape->nodes[i].filter->reads_copy)
            YT_TRY(make_copy(tape, i));
    return YT_OK;
}

enum yt_status yt_tape_round_create(struct yt_tape *tape)
{
    const struct yt_quantisation *q = tape->options.quantisation;
    struct yt_net *net = NULL;
    if (!q)
        return YT_OK;
    assert(q->node_count == tape->graph->node_count);
    const struct yt_net_options options = {.lanes = tape->onednn.block,
                                           .h = tape->options.h,
                                           .w = tape->options.w,
                                           .dense_heads = 1,
                                           .dtypes = q->dtypes};
    YT_TRY(yt_net_lower(tape->graph, &options, &net));
    const enum yt_status status = take_net(tape, net);
    yt_net_destroy(net);
    return status;
}

/* ----------------------------------------------------------------- filters */

/* One output channel's weights of a part, [part's c][taps], in units of the
 * input's steps. */
static void gather_row(const struct yt_tape_part *part, int32_t taps,
                       const float *weights, float *row)
{
    for (int32_t c = 0; c < part->c; c++)
        for (int32_t t = 0; t < taps; t++) {
            const int32_t from = part->channel[c];
            const double w =
                from < 0 ? 0 : (double)weights[(int64_t)from * taps + t];
            row[c * taps + t] = (float)(w * part->scale);
        }
    yt_filter_row(row, part->c, taps, part->steps, row);
}

static void scatter_row(const struct yt_tape_part *part, int32_t taps,
                        const int16_t *integers, double scale, float *weights)
{
    for (int32_t c = 0; c < part->c; c++)
        for (int32_t t = 0; t < taps && part->channel[c] >= 0; t++)
            weights[(int64_t)part->channel[c] * taps + t] =
                (float)(integers[c * taps + t] * scale /
                        ((double)part->steps[c].step * part->scale));
}

static void round_part(struct yt_tape_worker *worker,
                       const struct yt_tape_filter *f,
                       const struct yt_tape_part *part, int32_t rows,
                       float *weights)
{
    const struct yt_filter_limits limits =
        yt_filter_limits_of(part->dtype, worker->tape->options.weight_max);
    const int64_t count = (int64_t)part->c * f->taps;
    for (int32_t k = 0; k < rows; k++) {
        float *row = weights + (int64_t)k * f->c * f->taps;
        const double bias = part->biased ? (double)f->bias.data[k] : 0;
        int32_t start;
        gather_row(part, f->taps, row, worker->row);
        float scale = yt_filter_scale(worker->row, count, bias, &limits);
        yt_filter_round(worker->row, count, bias, &limits, NULL, 0, &scale,
                        worker->integers, &start);
        scatter_row(part, f->taps, worker->integers, (double)scale, row);
        if (part->biased)
            f->bias.data[k] = (float)(start * (double)scale);
    }
}

void yt_tape_round_filter(struct yt_tape_worker *worker, int32_t index,
                          float *weights)
{
    const struct yt_tape_node *node = &worker->tape->nodes[index];
    for (int32_t i = 0; i < node->filter->part_count; i++)
        round_part(worker, node->filter, &node->filter->parts[i], node->c,
                   weights);
}

/* ------------------------------------------------------------------ values */

/* Values of LANES channels that lie side by side, every stride-th. */
static void round_lanes(const struct yt_tape_rounding *r, int32_t channel,
                        int64_t plane, int32_t stride, const float *from,
                        float *to, uint8_t *mask)
{
    const float *step = r->step + channel;
    const float *inverse = r->inverse + channel;
    const float *zero = r->zero + channel;
    const float lo = r->lo, hi = r->hi;
    for (int64_t i = 0; i < plane; i++, from += stride, to += stride)
        for (int32_t l = 0; l < LANES; l++) {
            float q = from[l] * inverse[l] + zero[l];
            q = q < lo - 1 ? lo - 1 : q;
            q = q > hi + 1 ? hi + 1 : q;
            q = (q + WHOLE) - WHOLE;
            if (mask)
                mask[i * stride + l] = q >= lo && q <= hi;
            q = q < lo ? lo : q;
            q = q > hi ? hi : q;
            to[l] = (q - zero[l]) * step[l];
        }
}

void yt_tape_round_values(const struct yt_tape *tape,
                          const struct yt_tape_rounding *rounding,
                          int32_t pictures, int64_t plane, const float *from,
                          float *to, uint8_t *mask)
{
    const int32_t block = tape->onednn.block;
    for (int32_t n = 0; n < pictures; n++)
        for (int32_t c = 0; c < rounding->c; c += LANES) {
            const int64_t at =
                ((int64_t)n * rounding->c + c / block * block) * plane +
                c % block;
            round_lanes(rounding, c, plane, block, from + at, to + at,
                        mask ? mask + at : NULL);
        }
}

void yt_tape_mask(float *gradient, const uint8_t *mask, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        gradient[i] = mask[i] ? gradient[i] : 0;
}

void yt_tape_round_image(float *image, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        image[i] = ((image[i] * 255.0f + WHOLE) - WHOLE) / 255.0f;
}
