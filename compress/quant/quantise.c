/* See compress/quant/quantise.h. A layer is quantised by itself: steps of its
 * tensors follow from the ranges of the nodes in them, and its filter is
 * rounded against those steps. */

#include "compress/quant/quantise.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "compress/quant/filter.h"
#include "compress/quant/steps.h"
#include "runtime/fail.h"
#include "runtime/op.h"

#define STEPS_LIMIT 0x1p30 /* of an output: they become s32 */

/* -------------------------------------------------------------- by channel */

static enum yt_status check_observed(const struct yt_layer *layer,
                                     const struct yt_quantisation *q,
                                     const int32_t *nodes, int32_t count)
{
    assert(nodes);
    for (int32_t i = 0; i < count; i++)
        YT_FAIL_IF(!yt_quant_observed(q, nodes[i]), YT_BAD_INPUT,
                   "%s: the range of node %d was not observed, so it has no "
                   "integers",
                   layer->name, (int)nodes[i]);
    return YT_OK;
}

/* Steps of each channel; NULL: no memory. */
static struct yt_quant_step *find_steps(const struct yt_quantisation *q,
                                        const int32_t *nodes, int32_t count,
                                        enum yt_dtype dtype)
{
    struct yt_quant_step *steps = malloc((size_t)count * sizeof *steps);
    for (int32_t i = 0; steps && i < count; i++)
        steps[i] = yt_quant_step_of(q, nodes[i], dtype);
    return steps;
}

static int allocate_floats(float **array, int32_t count)
{
    *array = calloc((size_t)count, sizeof **array);
    return *array != NULL;
}

static int allocate_integers(int32_t **array, int32_t count)
{
    *array = calloc((size_t)count, sizeof **array);
    return *array != NULL;
}

static enum yt_status no_memory(const struct yt_layer *layer)
{
    return yt_fail(YT_NO_MEMORY, "%s: no memory for its integers", layer->name);
}

/* How an output of integers is made of values, and of a residual addend. */
static enum yt_status make_output(const struct yt_layer *layer,
                                  const struct yt_quantisation *q, int32_t k)
{
    struct yt_integers *integers = layer->integers;
    const enum yt_dtype dtype = layer->problem.out;
    const int adds = layer->problem.op == YT_OP_CONV2D &&
                     layer->problem.u.conv2d.add == YT_ADD_RESIDUAL;
    struct yt_quant_step *out = NULL, *add = NULL;
    enum yt_status status;
    YT_TRY(check_observed(layer, q, layer->out_nodes, k));
    if (adds)
        YT_TRY(check_observed(layer, q, layer->add_nodes, k));
    out = find_steps(q, layer->out_nodes, k, dtype);
    if (adds)
        add = find_steps(q, layer->add_nodes, k, dtype);
    if (!out || (adds && !add) || !allocate_floats(&integers->out_gain, k) ||
        !allocate_floats(&integers->out_zero, k) ||
        (adds && !allocate_floats(&integers->add_gain, k))) {
        status = no_memory(layer);
        goto done;
    }
    for (int32_t i = 0; i < k; i++) {
        integers->out_gain[i] = 1.0f / out[i].step;
        integers->out_zero[i] = (float)out[i].zero;
        if (!add)
            continue;
        integers->add_gain[i] = add[i].step / out[i].step;
        integers->out_zero[i] -= (float)add[i].zero * integers->add_gain[i];
    }
    status = YT_OK;
done:
    free(out);
    free(add);
    return status;
}

/* ------------------------------------------------------------------ filter */

/* Where a channel of a node's value comes from, when concats and upsamples are
 * looked through. */
static void find_source(const struct yt_graph *graph, int32_t *node,
                        int32_t *channel)
{
    for (;;) {
        const struct yt_node *n = &graph->nodes[*node];
        int32_t i = 0;
        if (n->kind != YT_NODE_CONCAT && n->kind != YT_NODE_UPSAMPLE)
            return;
        while (i + 1 < n->input_count &&
               *channel >= graph->nodes[n->inputs[i]].c)
            *channel -= graph->nodes[n->inputs[i++]].c;
        *node = n->inputs[i];
    }
}

static int32_t first_conv(const struct yt_layer *layer)
{
    for (int32_t k = 0; k < layer->problem.u.conv2d.k; k++)
        if (layer->conv_nodes[k] >= 0)
            return layer->conv_nodes[k];
    return -1;
}

/* Mean of each input channel in steps, 0 where it is not known. */
static void find_means(const struct yt_layer *layer,
                       const struct yt_graph *graph,
                       const struct yt_quantisation *q,
                       const struct yt_quant_step *steps, double *means)
{
    const int32_t conv = first_conv(layer);
    int32_t logical = layer->filter_first;
    for (int32_t c = 0; c < layer->problem.u.conv2d.c; c++) {
        means[c] = 0;
        if (layer->in_nodes[c] < 0 || conv < 0)
            continue;
        int32_t node = graph->nodes[conv].inputs[0];
        int32_t channel = logical++;
        find_source(graph, &node, &channel);
        if (q->ranges[node].means && channel < q->channels[node])
            means[c] =
                (double)q->ranges[node].means[channel] / (double)steps[c].step;
    }
}

/* What rounding a filter needs beside it. */
struct filter {
    const struct yt_layer *layer;
    const struct yt_quantisation *q;
    const struct yt_quant_step *steps; /* [c] of the input */
    const double *means;               /* [c] in steps; NULL: no correction */
    struct yt_filter_limits limits;
    int32_t weight_max;
    float *row; /* of an output, weights in units of the input's steps */
};

/* The first input channel that output k reads. */
static int32_t first_read(const struct yt_conv2d *p, int32_t k)
{
    return p->groups ? k / (p->k / p->groups) * yt_conv2d_reads(p) : 0;
}

/* What the mean input makes of the error of the weights. */
static double mean_error(const struct filter *f, int32_t k,
                         const int16_t *integers, float scale)
{
    const struct yt_conv2d *p = &f->layer->problem.u.conv2d;
    const int32_t taps = p->r * p->r;
    const int32_t first = first_read(p, k);
    double sum = 0;
    for (int32_t c = 0; c < yt_conv2d_reads(p); c++) {
        double error = 0;
        for (int32_t t = c * taps; t < (c + 1) * taps; t++)
            error += (double)f->row[t] - (double)scale * integers[t];
        sum += error * f->means[first + c];
    }
    return sum;
}

/* Bits of a conv's learned rounding that fit this layer: those of a conv that
 * the layer holds whole, in an input without gaps. */
static const uint8_t *find_rounding(const struct filter *f, int32_t conv,
                                    int32_t row_of_conv)
{
    const struct yt_conv2d *p = &f->layer->problem.u.conv2d;
    if (conv < 0 || !f->q->rounding[conv] ||
        f->layer->problem.dtype != YT_DTYPE_U8S8 ||
        f->q->rounding_weight_max != f->weight_max ||
        row_of_conv >= f->q->channels[conv])
        return NULL;
    const int64_t row = (int64_t)yt_conv2d_reads(p) * p->r * p->r;
    const int64_t own = f->q->filter_counts[conv] / f->q->channels[conv];
    return own == row ? f->q->rounding[conv] : NULL;
}

/* @return the largest magnitude of the sum. */
static int64_t round_row(const struct filter *f, int32_t k, int32_t row_of_conv)
{
    const struct yt_layer *layer = f->layer;
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    struct yt_integers *integers = layer->integers;
    const int32_t reads = yt_conv2d_reads(p);
    const int64_t count = (int64_t)reads * p->r * p->r;
    const uint8_t *rounding =
        find_rounding(f, layer->conv_nodes[k], row_of_conv);
    const int64_t first = row_of_conv * count;
    int16_t *row = integers->weights + k * count;
    float *scale = &integers->scale[k];
    double bias = (double)layer->bias[k];
    yt_filter_row(layer->weights + k * count, reads, p->r * p->r,
                  f->steps + first_read(p, k), f->row);
    *scale = yt_filter_scale(f->row, count, bias, &f->limits);
    int64_t most = yt_filter_round(f->row, count, bias, &f->limits, rounding,
                                   first, scale, row, &integers->start[k]);
    if (f->means) {
        bias += mean_error(f, k, row, *scale);
        most = yt_filter_round(f->row, count, bias, &f->limits, rounding, first,
                               scale, row, &integers->start[k]);
    }
    return most;
}

/* An output is rounded to s32, so sums may not be worth more steps than that
 * holds. Where they would be, a handful of units of the sum leaves the output's
 * range already: making the unit smaller changes what is noise beside the
 * rounding of the weights. */
static void limit_scale(float *scale, int64_t most, float out_gain)
{
    const double steps = (double)most * (double)*scale * (double)out_gain;
    if (steps > STEPS_LIMIT)
        *scale = (float)fmax((double)*scale * (STEPS_LIMIT / steps), 1e-37);
}

static void round_filter(const struct filter *f, int64_t *most)
{
    const struct yt_layer *layer = f->layer;
    const int32_t k_count = layer->problem.u.conv2d.k;
    int32_t row = 0;
    assert(layer->conv_nodes);
    for (int32_t k = 0; k < k_count; k++) {
        const int same =
            k > 0 && layer->conv_nodes[k] == layer->conv_nodes[k - 1];
        row = same ? row + 1 : 0;
        most[k] = round_row(f, k, row);
        if (layer->integers->out_gain)
            limit_scale(&layer->integers->scale[k], most[k],
                        layer->integers->out_gain[k]);
    }
}

static enum yt_status allocate_filter(const struct yt_layer *layer)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    struct yt_integers *integers = layer->integers;
    integers->weights = calloc((size_t)p->k * (size_t)yt_conv2d_reads(p) *
                                   (size_t)(p->r * p->r),
                               sizeof *integers->weights);
    if (!integers->weights || !allocate_integers(&integers->start, p->k) ||
        !allocate_floats(&integers->scale, p->k) ||
        (layer->problem.dtype == YT_DTYPE_U8S8 &&
         !allocate_integers(&integers->in_zero, p->c)))
        return no_memory(layer);
    return YT_OK;
}

/* Integers of a convolution whose input has them.
 * @param most [k], largest magnitude of each sum. */
static enum yt_status make_filter(const struct yt_layer *layer,
                                  const struct yt_graph *graph,
                                  const struct yt_quantisation *q,
                                  int32_t weight_max, int64_t *most)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    struct yt_quant_step *steps = NULL;
    double *means = NULL;
    float *row = NULL;
    enum yt_status status;
    YT_TRY(check_observed(layer, q, layer->in_nodes, p->c));
    YT_TRY(allocate_filter(layer));
    steps = find_steps(q, layer->in_nodes, p->c, layer->problem.dtype);
    means = malloc((size_t)p->c * sizeof *means);
    row = malloc((size_t)yt_conv2d_reads(p) * (size_t)(p->r * p->r) *
                 sizeof *row);
    if (!steps || !means || !row) {
        status = no_memory(layer);
        goto done;
    }
    find_means(layer, graph, q, steps, means);
    for (int32_t c = 0; layer->integers->in_zero && c < p->c; c++)
        layer->integers->in_zero[c] = steps[c].zero;
    const struct filter f = {
        .layer = layer,
        .q = q,
        .steps = steps,
        .means = q->bias_correction ? means : NULL,
        .limits = yt_filter_limits_of(layer->problem.dtype, weight_max),
        .weight_max = weight_max,
        .row = row,
    };
    round_filter(&f, most);
    status = YT_OK;
done:
    free(steps);
    free(means);
    free(row);
    return status;
}

/* ------------------------------------------------------------------ layers */

/* An addend at half size is a sum of its own that reaches this layer's output:
 * it is limited likewise. */
static void limit_addend(struct yt_net *net, int32_t reader,
                         int64_t *const *most)
{
    const struct yt_layer *layer = &net->layers[reader];
    if (layer->problem.op != YT_OP_CONV2D || !layer->integers ||
        layer->problem.u.conv2d.add != YT_ADD_UP2 || !layer->integers->out_gain)
        return;
    int32_t writer = reader - 1;
    while (writer >= 0 && net->layers[writer].out != layer->add)
        writer--;
    if (writer < 0 || !most[writer])
        return;
    const int32_t k = layer->problem.u.conv2d.k;
    for (int32_t i = 0; i < k && i < net->layers[writer].problem.u.conv2d.k;
         i++)
        limit_scale(&net->layers[writer].integers->scale[i], most[writer][i],
                    layer->integers->out_gain[i]);
}

/* Of an operator without filter: c channels in and out. */
static enum yt_status make_steps(const struct yt_layer *layer,
                                 const struct yt_quantisation *q, int32_t c)
{
    if (yt_dtype_is_integer(layer->problem.out))
        YT_TRY(make_output(layer, q, c));
    if (!yt_dtype_is_integer(layer->problem.dtype))
        return YT_OK;
    YT_TRY(check_observed(layer, q, layer->in_nodes, c));
    struct yt_quant_step *steps =
        find_steps(q, layer->in_nodes, c, layer->problem.dtype);
    if (!steps || !allocate_floats(&layer->integers->in_step, c) ||
        !allocate_integers(&layer->integers->in_zero, c)) {
        free(steps);
        return no_memory(layer);
    }
    for (int32_t i = 0; i < c; i++) {
        layer->integers->in_step[i] = steps[i].step;
        layer->integers->in_zero[i] = steps[i].zero;
    }
    free(steps);
    return YT_OK;
}

static enum yt_status make_conv(const struct yt_layer *layer,
                                const struct yt_graph *graph,
                                const struct yt_quantisation *q,
                                int32_t weight_max, int64_t **most)
{
    const int32_t k = layer->problem.u.conv2d.k;
    if (yt_dtype_is_integer(layer->problem.out))
        YT_TRY(make_output(layer, q, k));
    if (!yt_dtype_is_integer(layer->problem.dtype))
        return YT_OK;
    *most = calloc((size_t)k, sizeof **most);
    if (!*most)
        return no_memory(layer);
    return make_filter(layer, graph, q, weight_max, *most);
}

static enum yt_status make_layer(struct yt_layer *layer,
                                 const struct yt_graph *graph,
                                 const struct yt_quantisation *q,
                                 int32_t weight_max, int64_t **most)
{
    const struct yt_problem *p = &layer->problem;
    struct yt_tensors t;
    if (!yt_op_row(p->op)->takes_integers ||
        (!yt_dtype_is_integer(p->dtype) && !yt_dtype_is_integer(p->out)))
        return YT_OK;
    if (layer->integers)
        yt_integers_deinit(layer->integers);
    else
        layer->integers = calloc(1, sizeof *layer->integers);
    if (!layer->integers)
        return no_memory(layer);
    yt_op_tensors(p, &t);
    return t.weights ? make_conv(layer, graph, q, weight_max, most)
                     : make_steps(layer, q, t.in.c);
}

enum yt_status yt_quantise(struct yt_net *net, const struct yt_graph *graph,
                           const struct yt_quantisation *q, int32_t weight_max)
{
    enum yt_status status = YT_OK;
    int64_t **most = calloc((size_t)net->layer_count + 1, sizeof *most);
    YT_FAIL_IF(!most, YT_NO_MEMORY, "no memory for integers");
    for (int32_t i = 0; i < net->layer_count && status == YT_OK; i++)
        status = make_layer(&net->layers[i], graph, q, weight_max, &most[i]);
    for (int32_t i = 0; i < net->layer_count && status == YT_OK; i++)
        limit_addend(net, i, most);
    for (int32_t i = 0; i < net->layer_count; i++)
        free(most[i]);
    free(most);
    return status;
}
