/* Windows of ONNX that graphs have no word for: oblong, dilated, padded
 * unequally or by a Pad, in convolutions and pools. Each is computed here by
 * ONNX's definition, in double, and by the graph that is read of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "model/graph.h"
#include "model/onnx_build.h"
#include "model/reference.h"
#include "tests/assert_ok.h"

enum { SIDE = 16, CHANNELS = 4, OUTPUTS = 6, TAPS = 49, TYPE_S8 = 3 };

/* A convolution or pool as ONNX has it. */
struct window {
    int k, c, groups;
    int taps[2], steps[2], stride;
    int pads[4];  /* above, left, below, right: the operator's */
    int zeros[4]; /* a Pad's before it */
};

/* [c][h][w] */
struct map {
    int c, h, w;
    double *values;
};

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % below;
}

static void fill(float *values, int count, uint32_t *seed)
{
    for (int i = 0; i < count; i++)
        values[i] = (float)draw(seed, 255) / 64 - 2;
}

/* --------------------------------------------------------------- definition */

static int side_of(const struct window *v, int axis, int side)
{
    const int extent = (v->taps[axis] - 1) * v->steps[axis] + 1;
    return (side + v->pads[axis] + v->pads[axis + 2] + v->zeros[axis] +
            v->zeros[axis + 2] - extent) /
               v->stride +
           1;
}

static double at(const struct map *x, int c, int y, int i)
{
    return y < 0 || y >= x->h || i < 0 || i >= x->w
               ? 0
               : x->values[(c * x->h + y) * x->w + i];
}

/* One output of filter [c / groups][rows][columns]. */
static double dot(const struct window *v, const struct map *x, int first,
                  int row, int column, const float *filter)
{
    double sum = 0;
    for (int c = 0; c < v->c / v->groups; c++)
        for (int i = 0; i < v->taps[0]; i++)
            for (int j = 0; j < v->taps[1]; j++)
                sum +=
                    (double)*filter++ * at(x, first + c,
                                           row * v->stride - v->pads[0] -
                                               v->zeros[0] + i * v->steps[0],
                                           column * v->stride - v->pads[1] -
                                               v->zeros[1] + j * v->steps[1]);
    return sum;
}

/* What the definition makes of @p x, which is freed. */
static struct map convolve(const struct window *v, struct map x,
                           const float *weights)
{
    struct map y = {v->k, side_of(v, 0, x.h), side_of(v, 1, x.w), NULL};
    const int share = v->c / v->groups;
    y.values = calloc((size_t)(y.c * y.h * y.w), sizeof *y.values);
    assert_non_null(y.values);
    for (int k = 0; k < y.c; k++)
        for (int i = 0; i < y.h * y.w; i++)
            y.values[k * y.h * y.w + i] =
                dot(v, &x, k / (v->k / v->groups) * share, i / y.w, i % y.w,
                    weights + k * share * v->taps[0] * v->taps[1]);
    free(x.values);
    return y;
}

/* -------------------------------------------------------------------- files */

struct maker {
    struct yt_onnx_build build;
    float pixels[3 * SIDE * SIDE];
    float first[CHANNELS * 3], middle[CHANNELS * CHANNELS * TAPS];
    float last[OUTPUTS * CHANNELS], scales[CHANNELS];
    int8_t codes[CHANNELS * CHANNELS * TAPS];
    int64_t numbers[CHANNELS * CHANNELS * TAPS]; /* room for codes */
    int is_quantised, attribute_pad;             /* opset 10's Pad */
    const char *op;                              /* "Conv", "AveragePool" */
    const char *auto_pad; /* instead of pads; NULL: pads */
};

static const char *filter(struct maker *m, const char *name, const float *w,
                          int k, int c, int rows, int columns)
{
    return yt_onnx_build_floats(&m->build, name,
                                (const int64_t[]){k, c, rows, columns}, 4, w);
}

/* The middle's weights as codes, with a scale for each output. */
static const char *coded_filter(struct maker *m, const struct window *v)
{
    const size_t count =
        (size_t)(v->k * v->c / v->groups * v->taps[0] * v->taps[1]);
    memcpy(m->numbers, m->codes, count);
    const char *codes =
        yt_onnx_build_list(&m->build, "codes", m->numbers, (count + 7) / 8);
    YtOnnx__TensorProto *tensor =
        m->build.graph.initializer[m->build.graph.n_initializer - 1];
    int64_t *dims = (int64_t *)(void *)yt_onnx_build_room(&m->build, 8);
    assert_non_null(dims);
    dims[0] = v->k;
    dims[1] = v->c / v->groups;
    dims[2] = v->taps[0];
    dims[3] = v->taps[1];
    tensor->dims = dims;
    tensor->n_dims = 4;
    tensor->data_type = TYPE_S8;
    tensor->raw_data.len = count;
    const char *in[] = {codes,
                        yt_onnx_build_floats(&m->build, "scales",
                                             (int64_t[]){v->k}, 1, m->scales)};
    const char *made =
        yt_onnx_build_node(&m->build, "DequantizeLinear", "weights", in, 2);
    yt_onnx_build_int(&m->build, "axis", 0);
    return made;
}

static const char *pad(struct maker *m, const char *x, const int zeros[4])
{
    const int64_t all[] = {0, 0, zeros[0], zeros[1], 0, 0, zeros[2], zeros[3]};
    const char *in[] = {
        x,
        m->attribute_pad ? "" : yt_onnx_build_list(&m->build, "zeros", all, 8)};
    const char *made = yt_onnx_build_node(&m->build, "Pad", "Pad", in,
                                          m->attribute_pad ? 1 : 2);
    if (m->attribute_pad)
        yt_onnx_build_ints(&m->build, "pads", all, 8);
    return made;
}

static const char *middle(struct maker *m, const char *x,
                          const struct window *v)
{
    const int is_conv = strcmp(m->op, "Conv") == 0;
    if (v->zeros[0] || v->zeros[1] || v->zeros[2] || v->zeros[3])
        x = pad(m, x, v->zeros);
    else if (v->stride == 1 && !m->is_quantised) /* of nothing */
        x = pad(m, pad(m, x, v->zeros), v->zeros);
    const char *in[] = {x, NULL};
    if (is_conv)
        in[1] = m->is_quantised
                    ? coded_filter(m, v)
                    : filter(m, "w", m->middle, v->k, v->c / v->groups,
                             v->taps[0], v->taps[1]);
    const char *y =
        yt_onnx_build_node(&m->build, m->op, "middle", in, is_conv ? 2 : 1);
    yt_onnx_build_ints(&m->build, "kernel_shape",
                       (int64_t[]){v->taps[0], v->taps[1]}, 2);
    yt_onnx_build_ints(&m->build, "strides", (int64_t[]){v->stride, v->stride},
                       2);
    if (is_conv)
        yt_onnx_build_ints(&m->build, "dilations",
                           (int64_t[]){v->steps[0], v->steps[1]}, 2);
    if (m->auto_pad)
        yt_onnx_build_word(&m->build, "auto_pad", m->auto_pad);
    else
        yt_onnx_build_ints(
            &m->build, "pads",
            (int64_t[]){v->pads[0], v->pads[1], v->pads[2], v->pads[3]}, 4);
    if (is_conv)
        yt_onnx_build_int(&m->build, "group", v->groups);
    else
        yt_onnx_build_int(&m->build, "count_include_pad", 1);
    return y;
}

/* A 1x1 convolution, what is tested, and a raw head of one anchor and class. */
static enum yt_status import(struct maker *m, const struct window *v,
                             struct yt_graph **graph_out)
{
    const int h = SIDE / v->stride;
    unsigned char *bytes = NULL;
    size_t size = 0;
    yt_onnx_build_begin(&m->build, m->attribute_pad ? 10 : 17, 16, 16);
    yt_onnx_build_input(&m->build, "images",
                        (const int64_t[]){1, 3, SIDE, SIDE}, 4);
    const char *in[] = {"images", filter(m, "w", m->first, v->c, 3, 1, 1)};
    const char *x = yt_onnx_build_node(&m->build, "Conv", "first", in, 2);
    const char *out[] = {middle(m, x, v),
                         filter(m, "w", m->last, OUTPUTS, v->k, 1, 1)};
    yt_onnx_build_node(&m->build, "Conv", "head", out, 2);
    yt_onnx_build_rename(&m->build, "output0");
    yt_onnx_build_result(&m->build, "output0",
                         (const int64_t[]){1, OUTPUTS, h, h}, 4);
    yt_onnx_build_metadata(&m->build, "anchors", "[[10, 13]]");
    assert_ok(yt_onnx_build_pack(&m->build, &bytes, &size));
    yt_onnx_build_end(&m->build);
    const enum yt_status status = yt_import_onnx(bytes, size, graph_out);
    free(bytes);
    return status;
}

static void draw_numbers(struct maker *m, const struct window *v,
                         uint32_t *seed)
{
    const int each = v->c / v->groups * v->taps[0] * v->taps[1];
    fill(m->pixels, 3 * SIDE * SIDE, seed);
    fill(m->first, CHANNELS * 3, seed);
    fill(m->last, OUTPUTS * CHANNELS, seed);
    for (int k = 0; k < v->k; k++)
        m->scales[k] = 0.01f + (float)draw(seed, 100) / 4096;
    for (int i = 0; i < v->k * each; i++) {
        m->codes[i] = (int8_t)((int)draw(seed, 255) - 127);
        m->middle[i] = (float)m->codes[i] * m->scales[i / each];
    }
}

/* What the definition says of the three layers. */
static struct map expected(const struct maker *m, const struct window *v,
                           const float *weights)
{
    const struct window first = {v->c, 3, 1, {1, 1}, {1, 1}, 1, {0}, {0}};
    const struct window last = {OUTPUTS, v->k, 1, {1, 1}, {1, 1}, 1, {0}, {0}};
    struct map x = {3, SIDE, SIDE, calloc(3 * SIDE * SIDE, sizeof(double))};
    assert_non_null(x.values);
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        x.values[i] = (double)m->pixels[i];
    x = convolve(&first, x, m->first);
    x = convolve(v, x, weights);
    return convolve(&last, x, m->last);
}

static void compare(const struct maker *m, const struct window *v,
                    const struct yt_graph *graph, const float *weights,
                    uint32_t seed)
{
    const struct map want = expected(m, v, weights);
    const int h = SIDE / v->stride;
    float *head = calloc((size_t)(OUTPUTS * h * h), sizeof *head);
    assert_non_null(head);
    assert_int_equal(want.h, h);
    assert_int_equal(want.w, h);
    assert_ok(yt_graph_run_reference(graph, SIDE, SIDE, m->pixels, &head));
    for (int i = 0; i < OUTPUTS * h * h; i++)
        if (!(fabs((double)head[i] - want.values[i]) <=
              1e-5 * (1 + fabs(want.values[i]))))
            fail_msg("case %u: number %d is %g, not %g", (unsigned)seed, i,
                     (double)head[i], want.values[i]);
    free(want.values);
    free(head);
}

/* -------------------------------------------------------------------- tests */

/* Zeros on both sides of an axis that keep side / stride, of those a Pad has
 * some. */
static void draw_zeros(struct window *v, int axis, uint32_t *seed)
{
    const int extent = (v->taps[axis] - 1) * v->steps[axis] + 1;
    const int least = extent > v->stride ? extent - v->stride : 0;
    const int all = least + (int)draw(seed, (uint32_t)(extent - least));
    const int before = (int)draw(seed, (uint32_t)all + 1);
    const int sides[] = {before, all - before};
    for (int i = 0; i < 2; i++) {
        const int of_pad =
            draw(seed, 2) ? (int)draw(seed, (uint32_t)sides[i] + 1) : 0;
        v->zeros[axis + 2 * i] = of_pad;
        v->pads[axis + 2 * i] = sides[i] - of_pad;
    }
}

static struct window draw_window(uint32_t *seed)
{
    static const int groups[] = {1, 2, CHANNELS};
    struct window v = {.k = CHANNELS, .c = CHANNELS};
    v.groups = groups[draw(seed, 3)];
    v.stride = 1 + (int)draw(seed, 2);
    for (int axis = 0; axis < 2; axis++) {
        v.taps[axis] = 1 + (int)draw(seed, 5);
        v.steps[axis] = 1 + (int)draw(seed, 3);
        draw_zeros(&v, axis, seed);
    }
    return v;
}

static void check(struct maker *m, const struct window *v, uint32_t seed)
{
    struct yt_graph *graph = NULL;
    uint32_t state = seed;
    draw_numbers(m, v, &state);
    if (import(m, v, &graph) != YT_OK)
        fail_msg("case %u: %s", (unsigned)seed, yt_error());
    assert_int_equal(graph->node_count, 4);
    compare(m, v, graph, m->middle, seed);
    yt_graph_destroy(graph);
}

static void convolutions_are_what_onnx_says(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 300; seed++) {
        uint32_t s = seed + 1000;
        struct maker *m = calloc(1, sizeof *m);
        assert_non_null(m);
        const struct window v = draw_window(&s);
        m->op = "Conv";
        m->is_quantised = seed % 3 == 1;
        m->attribute_pad = seed % 3 == 2;
        check(m, &v, seed);
        free(m);
    }
}

/* Means of windows, the zeros around counting. */
static void means_are_what_onnx_says(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        uint32_t s = seed + 2000;
        struct maker *m = calloc(1, sizeof *m);
        struct yt_graph *graph = NULL;
        float means[CHANNELS * TAPS];
        assert_non_null(m);
        struct window v = draw_window(&s);
        v.groups = CHANNELS;
        for (int axis = 0; axis < 2; axis++) {
            v.steps[axis] = 1;
            draw_zeros(&v, axis, &s);
        }
        for (int i = 0; i < CHANNELS * v.taps[0] * v.taps[1]; i++)
            means[i] = 1.0f / (float)(v.taps[0] * v.taps[1]);
        m->op = "AveragePool";
        draw_numbers(m, &v, &s);
        assert_ok(import(m, &v, &graph));
        compare(m, &v, graph, means, seed);
        yt_graph_destroy(graph);
        free(m);
    }
}

/* Both put as many zeros around as the stride wants; of an odd number one more
 * behind, or before. */
static void same_is_padding_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        struct window v;
    } rows[] = {
        {"SAME_UPPER", {4, 4, 1, {3, 3}, {1, 1}, 2, {0, 0, 1, 1}, {0}}},
        {"SAME_LOWER", {4, 4, 1, {3, 3}, {1, 1}, 2, {1, 1, 0, 0}, {0}}},
        {"SAME_UPPER", {4, 4, 2, {2, 5}, {1, 2}, 1, {0, 4, 1, 4}, {0}}},
        {"SAME_LOWER", {4, 4, 4, {4, 1}, {1, 1}, 1, {2, 0, 1, 0}, {0}}},
        {"SAME_UPPER", {4, 4, 1, {1, 1}, {1, 1}, 2, {0, 0, 0, 0}, {0}}},
        {"VALID", {4, 4, 1, {2, 2}, {1, 1}, 2, {0, 0, 0, 0}, {0}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct maker *m = calloc(1, sizeof *m);
        assert_non_null(m);
        m->op = "Conv";
        m->auto_pad = rows[i].word;
        check(m, &rows[i].v, (uint32_t)i);
        free(m);
    }
}

/* A plain window stays as it is, and the smallest square does for others. */
static void squares_are_small(void **state)
{
    (void)state;
    static const struct {
        struct window v;
        int32_t r, pad;
    } rows[] = {
        {{4, 4, 1, {3, 3}, {1, 1}, 1, {1, 1, 1, 1}, {0}}, 3, 1},
        {{4, 4, 1, {3, 3}, {1, 1}, 2, {0}, {1, 1, 1, 1}}, 3, 1},
        {{4, 4, 1, {6, 6}, {1, 1}, 2, {2, 2, 2, 2}, {0}}, 6, 2},
        {{4, 4, 1, {3, 3}, {1, 1}, 2, {0, 0, 1, 1}, {0}}, 4, 1},
        {{4, 4, 1, {3, 3}, {2, 2}, 1, {2, 2, 2, 2}, {0}}, 5, 2},
        {{4, 4, 1, {1, 7}, {1, 1}, 1, {0, 3, 0, 3}, {0}}, 7, 3},
        {{4, 4, 1, {2, 2}, {1, 1}, 1, {0, 0, 1, 1}, {0}}, 3, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct maker *m = calloc(1, sizeof *m);
        struct yt_graph *graph = NULL;
        uint32_t seed = 1;
        assert_non_null(m);
        m->op = "Conv";
        draw_numbers(m, &rows[i].v, &seed);
        assert_ok(import(m, &rows[i].v, &graph));
        assert_int_equal(graph->nodes[2].r, rows[i].r);
        assert_int_equal(graph->nodes[2].pad, rows[i].pad);
        yt_graph_destroy(graph);
        free(m);
    }
}

static void others_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *op, *says;
        struct window v;
    } rows[] = {
        {"Conv",
         "'middle' (Conv): window 3x1, dilation 1x1, stride 1, padding "
         "0, 0, 0, 0: its output isn't its input's size",
         {4, 4, 1, {3, 1}, {1, 1}, 1, {0}, {0}}},
        {"Conv",
         "divided by the stride",
         {4, 4, 1, {1, 1}, {1, 1}, 1, {1, 1, 1, 1}, {0}}},
        {"Conv",
         "divided by the stride",
         {4, 4, 1, {3, 3}, {1, 1}, 1, {1, 1, 1, 1}, {1, 0, 0, 0}}},
        {"Conv",
         "its taps lie too far apart",
         {4, 4, 1, {7, 7}, {6, 1}, 1, {18, 3, 18, 3}, {0}}},
        {"Conv",
         "out of the range that runs",
         {4, 4, 1, {3, 3}, {0, 1}, 1, {1, 1, 1, 1}, {0}}},
        {"Conv", "window 0x3", {4, 4, 1, {0, 3}, {1, 1}, 1, {0}, {0}}},
        {"MaxPool",
         "'middle' (MaxPool) reads zeros that node 'Pad' (Pad) adds",
         {4, 4, 1, {3, 3}, {1, 1}, 1, {1, 1, 1, 1}, {0, 0, 0, 1}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct maker *m = calloc(1, sizeof *m);
        struct yt_graph *graph = NULL;
        uint32_t seed = 1;
        assert_non_null(m);
        m->op = rows[i].op;
        draw_numbers(m, &rows[i].v, &seed);
        assert_int_equal(import(m, &rows[i].v, &graph), YT_UNSUPPORTED);
        if (!strstr(yt_error(), rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", yt_error(), rows[i].says);
        assert_null(graph);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_what_onnx_says),
        cmocka_unit_test(means_are_what_onnx_says),
        cmocka_unit_test(same_is_padding_by_name),
        cmocka_unit_test(squares_are_small),
        cmocka_unit_test(others_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
