#ifndef YT_QUANTISED_ONNX_H
#define YT_QUANTISED_ONNX_H

/* A small network as a quantised ONNX file, in each of the forms that tools
 * write, and with one thing wrong. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph.h"
#include "model/onnx_build.h"
#include "runtime/fail.h"
#include "tests/assert_ok.h"

enum form { FLOATS, QDQ, QDQ_CONVS, QDQ_WEIGHTS, QOPERATOR, DYNAMIC };

/* What is done wrong; of the last two a word tells. */
enum fault {
    FINE,
    OTHER_SCALE, /* dequantised by another */
    OTHER_ZERO,
    ZERO_SCALE,
    SCALE_BY_CHANNEL, /* of a feature map */
    RELU_OF_CODES,
    NEVER_QUANTISED,
    NO_SCALE,
    OTHERS_SCALE, /* of a DynamicQuantizeLinear */
    BLOCKS,
    SIXTEEN_BITS,
    ONE_IS_NOT
};

enum { TYPE_F32 = 1, TYPE_U8 = 2, TYPE_S8 = 3, TYPE_U16 = 4, TYPE_S32 = 6 };

#define CHANNELS 4
#define RUNTIME  "com.microsoft"

struct file {
    struct yt_onnx_build build;
    enum form form;
    enum fault fault;
    int is_s8; /* codes of activations, else u8 */
    int number;
    uint32_t seed;
    YtOnnx__ValueInfoProto *heads[3];
    size_t head_count;
};

/* A feature map: its codes, or the numbers of them. */
struct map {
    const char *name, *scale, *zero;
    int c;
};

/* ------------------------------------------------------------------- pieces */

static const char *constant(struct file *f, const char *name, int32_t type,
                            const int64_t *dims, size_t rank, const void *bytes,
                            size_t size)
{
    /* A list has the room and the name; the rest is put in its place. */
    int64_t whole[600] = {0};
    assert_true(size <= sizeof whole);
    memcpy(whole, bytes, size);
    const char *made =
        yt_onnx_build_list(&f->build, name, whole, (size + 7) / 8);
    YtOnnx__TensorProto *tensor =
        f->build.graph.initializer[f->build.graph.n_initializer - 1];
    int64_t *own = (int64_t *)(void *)yt_onnx_build_room(&f->build, 2 * 4);
    if (rank)
        memcpy(own, dims, rank * sizeof *own);
    tensor->dims = own;
    tensor->n_dims = rank;
    tensor->data_type = type;
    tensor->raw_data.len = size;
    return made;
}

static const char *number(struct file *f, const char *name, float value)
{
    return constant(f, name, TYPE_F32, NULL, 0, &value, sizeof value);
}

static const char *zero_point(struct file *f, int32_t type, int32_t value)
{
    /* Little endian: the first bytes are the narrow number. */
    return constant(f, "zero", type, NULL, 0, &value,
                    type == TYPE_S32   ? 4
                    : type == TYPE_U16 ? 2
                                       : 1);
}

static const char *node(struct file *f, const char *op, const char *const *in,
                        size_t count)
{
    const char *name = yt_onnx_build_text(&f->build, "n%d", f->number++);
    const char *out = yt_onnx_build_node(&f->build, op, name, in, count);
    if (strncmp(op, "QLinear", 7) == 0 && strcmp(op, "QLinearConv") != 0)
        f->build.last->domain = (char *)(uintptr_t)RUNTIME;
    return out;
}

static uint32_t draw(struct file *f)
{
    f->seed = f->seed * 1664525 + 1013904223;
    return f->seed >> 16;
}

/* ------------------------------------------------------------------ weights */

/* Codes of a filter, a scale for each output, codes of a bias. */
struct filter {
    int64_t dims[4];
    int32_t count;
    int8_t codes[CHANNELS * 2 * 18 * 9];
    float scales[18];
    int32_t bias[18];
};

static void draw_filter(struct file *f, int k, int c, int r, struct filter *w)
{
    *w = (struct filter){.dims = {k, c, r, r}, .count = k * c * r * r};
    assert_true((size_t)w->count <= sizeof w->codes);
    for (int32_t i = 0; i < w->count; i++)
        w->codes[i] = (int8_t)((int)(draw(f) % 255) - 127);
    for (int i = 0; i < k; i++) {
        w->scales[i] = 0.001f + (float)(draw(f) % 1000) * 1e-6f;
        w->bias[i] = (int)(draw(f) % 2001) - 1000;
    }
}

static int is_by_output(const struct file *f)
{
    return f->form != DYNAMIC; /* whose sums have one scale */
}

/* The filter as f32 has it, in the form DYNAMIC or another. */
static const char *float_weights(struct file *f, const struct filter *w,
                                 int as_dynamic)
{
    float values[sizeof w->codes];
    const int32_t each = w->count / (int32_t)w->dims[0];
    for (int32_t i = 0; i < w->count; i++)
        values[i] = (float)w->codes[i] * w->scales[as_dynamic ? 0 : i / each];
    return constant(f, "weight", TYPE_F32, w->dims, 4, values,
                    (size_t)w->count * sizeof values[0]);
}

static const char *float_bias(struct file *f, const struct filter *w,
                              float in_scale, int as_dynamic)
{
    float values[18];
    for (int64_t k = 0; k < w->dims[0]; k++)
        values[k] = (float)((double)w->bias[k] * (double)in_scale *
                            (double)w->scales[as_dynamic ? 0 : k]);
    return constant(f, "bias", TYPE_F32, w->dims, 1, values,
                    (size_t)w->dims[0] * sizeof values[0]);
}

struct codes {
    const char *codes, *scale, *zero;
};

static struct codes weight_codes(struct file *f, const struct filter *w)
{
    static const int8_t zeros[18];
    const int by = is_by_output(f);
    return (struct codes){
        constant(f, "weight", TYPE_S8, w->dims, 4, w->codes, (size_t)w->count),
        constant(f, "scale", TYPE_F32, w->dims, (size_t)by, w->scales,
                 (by ? (size_t)w->dims[0] : 1) * sizeof w->scales[0]),
        constant(f, "zero", TYPE_S8, w->dims, (size_t)by, zeros,
                 by ? (size_t)w->dims[0] : 1)};
}

static const char *dequantise(struct file *f, const struct codes *codes,
                              int axis)
{
    const char *in[] = {codes->codes, codes->scale, codes->zero};
    const char *out = node(f, "DequantizeLinear", in, codes->zero ? 3 : 2);
    yt_onnx_build_int(&f->build, "axis", axis);
    return out;
}

/* -------------------------------------------------------------- activations */

/* Each number of steps is another range. */
static float next_scale(struct file *f)
{
    return 0.01f + 0.001f * (float)f->number;
}

static int32_t act_type(const struct file *f)
{
    return f->fault == SIXTEEN_BITS ? TYPE_U16 : f->is_s8 ? TYPE_S8 : TYPE_U8;
}

static void set_codes(struct file *f, struct map *x)
{
    x->scale = number(f, "scale", next_scale(f));
    x->zero = zero_point(f, act_type(f), f->is_s8 ? -100 : 28);
}

/* Through codes and back, in the forms that do. */
static struct map round_trip(struct file *f, struct map x)
{
    set_codes(f, &x);
    const char *in[] = {x.name, x.scale, x.zero};
    if (f->fault == ZERO_SCALE)
        in[1] = number(f, "nothing", 0);
    if (f->fault == SCALE_BY_CHANNEL)
        in[1] = constant(f, "scales", TYPE_F32, (int64_t[]){CHANNELS}, 1,
                         (float[]){1, 2, 3, 4}, 4 * sizeof(float));
    in[0] = node(f, "QuantizeLinear", in, f->fault == NO_SCALE ? 1 : 3);
    if (f->fault == BLOCKS)
        yt_onnx_build_int(&f->build, "block_size", 2);
    if (f->fault == RELU_OF_CODES)
        in[0] = node(f, "Relu", in, 1);
    if (f->fault == OTHER_SCALE)
        in[1] = number(f, "other", next_scale(f) * 2);
    if (f->fault == OTHER_ZERO)
        in[2] = zero_point(f, act_type(f), 29);
    if (f->fault == NEVER_QUANTISED)
        in[0] = x.name;
    x.name = node(f, "DequantizeLinear", in, 3);
    return x;
}

static struct map after(struct file *f, struct map x)
{
    return f->form == QDQ ? round_trip(f, x) : x;
}

/* Whether feature maps are codes between operators. */
static int is_codes(const struct file *f)
{
    return f->form == QOPERATOR;
}

static struct map quantised_conv(struct file *f, struct map x,
                                 const struct filter *w)
{
    const struct codes codes = weight_codes(f, w);
    struct map y = {.c = (int)w->dims[0]};
    set_codes(f, &y);
    const char *in[] = {x.name,
                        x.scale,
                        x.zero,
                        codes.codes,
                        codes.scale,
                        codes.zero,
                        y.scale,
                        y.zero,
                        constant(f, "bias", TYPE_S32, w->dims, 1, w->bias,
                                 (size_t)w->dims[0] * 4)};
    y.name = node(f, "QLinearConv", in, 9);
    return y;
}

/* As quantize_dynamic() takes a convolution apart: the window is set by the
 * caller, of the node *conv_out. */
static struct map dynamic_conv(struct file *f, struct map x,
                               const struct filter *w, int stride, int pad)
{
    const struct codes codes = weight_codes(f, w);
    const char *measured = node(f, "DynamicQuantizeLinear", &x.name, 1);
    const char *scale = yt_onnx_build_output(&f->build);
    const char *zero = yt_onnx_build_output(&f->build);
    const char *in[] = {measured, codes.codes, zero, codes.zero};
    if (f->fault == OTHERS_SCALE) {
        node(f, "DynamicQuantizeLinear", &x.name, 1);
        scale = yt_onnx_build_output(&f->build);
        yt_onnx_build_output(&f->build);
    }
    const char *sums = node(f, "ConvInteger", in, 4);
    yt_onnx_build_ints(&f->build, "strides", (int64_t[]){stride, stride}, 2);
    yt_onnx_build_ints(&f->build, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    sums = node(f, "Cast", &sums, 1);
    yt_onnx_build_int(&f->build, "to", TYPE_F32);
    const char *scales[] = {scale, codes.scale};
    scale = node(f, "Mul", scales, 2);
    const char *product[] = {sums, scale};
    const char *shape =
        yt_onnx_build_list(&f->build, "shape", (int64_t[]){1, -1, 1, 1}, 4);
    const char *bias[] = {float_bias(f, w, 1, 1), shape};
    const char *sum[] = {node(f, "Mul", product, 2),
                         node(f, "Reshape", bias, 2)};
    return (struct map){.name = node(f, "Add", sum, 2), .c = (int)w->dims[0]};
}

static struct map plain_conv(struct file *f, struct map x,
                             const struct filter *w, int as_dynamic)
{
    const int is_coded = f->form != FLOATS;
    if (f->form == QDQ_CONVS)
        x = round_trip(f, x);
    const struct codes codes =
        is_coded ? weight_codes(f, w) : (struct codes){NULL, NULL, NULL};
    const char *in[] = {x.name,
                        is_coded ? dequantise(f, &codes, 0)
                                 : float_weights(f, w, as_dynamic),
                        float_bias(f, w, 1, as_dynamic)};
    return (struct map){.name = node(f, "Conv", in, 3), .c = (int)w->dims[0]};
}

/* A row and a column of zeros on each side, or of their codes. */
static struct map pad_around(struct file *f, struct map x)
{
    struct map y = x;
    const char *in[] = {x.name,
                        yt_onnx_build_list(&f->build, "pads",
                                           (int64_t[]){0, 0, 1, 1, 0, 0, 1, 1},
                                           8),
                        x.zero};
    y.name = node(f, "Pad", in, is_codes(f) ? 3 : 2);
    return after(f, y);
}

/* @param as_dynamic 1: in f32, what the form DYNAMIC is. */
static struct map conv(struct file *f, struct map x, int k, int r, int stride,
                       int as_dynamic)
{
    struct filter w;
    int pad = r == 3;
    draw_filter(f, k, x.c, r, &w);
    if (pad && stride == 2) {
        x = pad_around(f, x);
        pad = 0;
    }
    if (f->form == DYNAMIC)
        return dynamic_conv(f, x, &w, stride, pad);
    x = is_codes(f) ? quantised_conv(f, x, &w)
                    : plain_conv(f, x, &w, as_dynamic);
    yt_onnx_build_ints(&f->build, "strides", (int64_t[]){stride, stride}, 2);
    yt_onnx_build_ints(&f->build, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    return after(f, x);
}

/* An operator of one or two operands. */
static struct map apply(struct file *f, const char *op, struct map a,
                        const struct map *b)
{
    struct map y = {.c = a.c};
    const char *in[8] = {a.name, b ? b->name : NULL};
    size_t count = b ? 2 : 1;
    char name[32];
    snprintf(name, sizeof name, "%s", op);
    if (is_codes(f)) {
        snprintf(name, sizeof name, "QLinear%s", op);
        set_codes(f, &y);
        const char *all[] = {a.name,
                             a.scale,
                             a.zero,
                             b ? b->name : y.scale,
                             b ? b->scale : y.zero,
                             b ? b->zero : NULL,
                             y.scale,
                             y.zero};
        memcpy(in, all, sizeof all);
        count = b ? 8 : 5;
    }
    y.name = node(f, name, in, count);
    return after(f, y);
}

static struct map silu(struct file *f, struct map x)
{
    const struct map gate = apply(f, "Sigmoid", x, NULL);
    return apply(f, "Mul", x, &gate);
}

/* Codes go through a pool as they are. */
static struct map pool(struct file *f, struct map x)
{
    struct map y = x;
    y.name = node(f, "MaxPool", &x.name, 1);
    yt_onnx_build_ints(&f->build, "kernel_shape", (int64_t[]){5, 5}, 2);
    yt_onnx_build_ints(&f->build, "pads", (int64_t[]){2, 2, 2, 2}, 4);
    return after(f, y);
}

static struct map concat(struct file *f, struct map a, struct map b)
{
    struct map y = {.c = a.c + b.c};
    if (is_codes(f)) {
        set_codes(f, &y);
        const char *in[] = {y.scale, y.zero, a.name,  a.scale,
                            a.zero,  b.name, b.scale, b.zero};
        y.name = node(f, "QLinearConcat", in, 8);
    } else {
        const char *in[] = {a.name, b.name};
        y.name = node(f, "Concat", in, 2);
    }
    yt_onnx_build_int(&f->build, "axis", 1);
    return after(f, y);
}

/* ------------------------------------------------------------------ network */

static void head(struct file *f, struct map x, int side, int as_dynamic)
{
    struct map y = conv(f, x, 18, 1, 1, as_dynamic);
    if (is_codes(f)) {
        const struct codes codes = {y.name, y.scale, y.zero};
        y.name = dequantise(f, &codes, 1);
    }
    yt_onnx_build_result(&f->build, y.name, (int64_t[]){1, 18, side, side}, 4);
    f->heads[f->head_count++] = f->build.graph.output[0];
}

/* Three levels of one class, with a residual sum, a pool and a concat. */
static struct yt_graph *import(struct file *f, int as_dynamic,
                               enum yt_status *status_out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    struct yt_graph *graph = NULL;
    f->seed = 5;
    yt_onnx_build_begin(&f->build, 13, 400, 400);
    yt_onnx_build_input(&f->build, "images", (int64_t[]){1, 3, 64, 64}, 4);
    struct map x = {.name = "images", .c = 3};
    if (f->form == QDQ)
        x = (f->fault == SCALE_BY_CHANNEL) ? x : round_trip(f, x);
    if (is_codes(f)) {
        set_codes(f, &x);
        const char *in[] = {x.name, x.scale, x.zero};
        x.name = node(f, "QuantizeLinear", in, 3);
    }
    const struct map a = silu(f, conv(f, x, CHANNELS, 8, 8, as_dynamic));
    const struct map b = silu(f, conv(f, a, CHANNELS, 3, 2, as_dynamic));
    const struct map r = silu(f, conv(f, b, CHANNELS, 3, 1, as_dynamic));
    const enum form form = f->form;
    if (f->fault == ONE_IS_NOT)
        f->form = QDQ_WEIGHTS;
    const struct map s = apply(f, "Add", b, &r);
    f->form = form;
    const struct map c = silu(f, conv(f, s, CHANNELS, 3, 2, as_dynamic));
    head(f, a, 8, as_dynamic);
    head(f, s, 4, as_dynamic);
    head(f, concat(f, c, pool(f, c)), 2, as_dynamic);
    f->build.graph.output = f->heads;
    f->build.graph.n_output = f->head_count;
    assert_ok(yt_onnx_build_pack(&f->build, &bytes, &size));
    *status_out = yt_import_onnx(bytes, size, &graph);
    yt_onnx_build_end(&f->build);
    free(bytes);
    return graph;
}

static struct yt_graph *import_form(enum form form, enum fault fault,
                                    int as_dynamic, int is_s8)
{
    struct file f = {.form = form, .fault = fault, .is_s8 = is_s8};
    enum yt_status status = YT_OK;
    struct yt_graph *graph = import(&f, as_dynamic, &status);
    if (status != YT_OK)
        fail_msg("form %d: %s", form, yt_error());
    return graph;
}

#endif
