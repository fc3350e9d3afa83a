/* Maxima over windows of every kind, and resizing by powers of two, of ONNX:
 * computed here by ONNX's definition and by the graph that is read of it, with
 * which they agree to the bit, since no value is changed. */
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

/* The image, what the tested operator reads of it, channels. */
enum { IMAGE = 64, SIDE = 16, CHANNELS = 6 };

struct maker {
    struct yt_onnx_build build;
    float pixels[3 * IMAGE * IMAGE], first[CHANNELS * 3];
    float last[CHANNELS * CHANNELS], scales[4];
};

/* One thing to test; of a pool, k is 0 for a resizing. */
struct row {
    int k, stride;
    int pads[4]; /* above, left, below, right */
    int ceil_mode;
    double factor;
    const char *transformation, *rounding;
};

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % below;
}

/* --------------------------------------------------------------- definition */

static int pool_side(const struct row *v, int axis)
{
    const int room = SIDE + v->pads[axis] + v->pads[axis + 2] - v->k;
    return (room + (v->ceil_mode ? v->stride - 1 : 0)) / v->stride + 1;
}

static float most(const struct row *v, const float *x, int row, int column)
{
    float value = -INFINITY;
    for (int i = 0; i < v->k; i++)
        for (int j = 0; j < v->k; j++) {
            const int y = row * v->stride - v->pads[0] + i;
            const int z = column * v->stride - v->pads[1] + j;
            if (y >= 0 && y < SIDE && z >= 0 && z < SIDE)
                value = fmaxf(value, x[y * SIDE + z]);
        }
    return value;
}

/* The pixel that output pixel @p i is of. */
static int source(const struct row *v, int i)
{
    const int is_half = strcmp(v->transformation, "asymmetric") != 0;
    const double at =
        is_half ? (i + 0.5) / v->factor - 0.5 : (double)i / v->factor;
    const double to = strcmp(v->rounding, "floor") == 0 ? floor(at)
                      : strcmp(v->rounding, "round_prefer_floor") == 0
                          ? ceil(at - 0.5)
                          : floor(at + 0.5);
    return to < 0 ? 0 : to >= SIDE ? SIDE - 1 : (int)to;
}

/* [h][h] of one channel. */
static void define(const struct row *v, const float *x, int h, float *y)
{
    for (int i = 0; i < h * h; i++)
        y[i] = v->k ? most(v, x, i / h, i % h)
                    : x[source(v, i / h) * SIDE + source(v, i % h)];
}

/* -------------------------------------------------------------------- files */

static int side_of(const struct row *v)
{
    return v->k ? pool_side(v, 0) : (int)(SIDE * v->factor);
}

static const char *pool(struct maker *m, const struct row *v, const char *x)
{
    const char *y = yt_onnx_build_node(&m->build, "MaxPool", "tested", &x, 1);
    yt_onnx_build_ints(&m->build, "kernel_shape", (int64_t[]){v->k, v->k}, 2);
    yt_onnx_build_ints(&m->build, "strides", (int64_t[]){v->stride, v->stride},
                       2);
    yt_onnx_build_ints(
        &m->build, "pads",
        (int64_t[]){v->pads[0], v->pads[1], v->pads[2], v->pads[3]}, 4);
    yt_onnx_build_int(&m->build, "ceil_mode", v->ceil_mode);
    return y;
}

static const char *resize(struct maker *m, const struct row *v, const char *x)
{
    const float scales[] = {1, 1, (float)v->factor, (float)v->factor};
    memcpy(m->scales, scales, sizeof scales);
    const char *in[] = {x, "",
                        yt_onnx_build_floats(&m->build, "scales",
                                             (int64_t[]){4}, 1, m->scales)};
    const char *y = yt_onnx_build_node(&m->build, "Resize", "tested", in, 3);
    yt_onnx_build_word(&m->build, "mode", "nearest");
    yt_onnx_build_word(&m->build, "coordinate_transformation_mode",
                       v->transformation);
    yt_onnx_build_word(&m->build, "nearest_mode", v->rounding);
    return y;
}

static const char *conv(struct maker *m, const char *x, const float *w, int c,
                        int stride)
{
    const char *in[] = {
        x, yt_onnx_build_floats(&m->build, "w",
                                (const int64_t[]){CHANNELS, c, 1, 1}, 4, w)};
    const char *y = yt_onnx_build_node(&m->build, "Conv", "conv", in, 2);
    yt_onnx_build_ints(&m->build, "strides", (int64_t[]){stride, stride}, 2);
    return y;
}

/* Every fourth pixel, what is tested, a raw head of one anchor and class. */
static enum yt_status import(struct maker *m, const struct row *v, int stride,
                             struct yt_graph **graph_out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    const int image = SIDE * stride;
    yt_onnx_build_begin(&m->build, 17, 16, 16);
    yt_onnx_build_input(&m->build, "images",
                        (const int64_t[]){1, 3, image, image}, 4);
    const char *x = conv(m, "images", m->first, 3, stride);
    conv(m, v->k ? pool(m, v, x) : resize(m, v, x), m->last, CHANNELS, 1);
    yt_onnx_build_rename(&m->build, "output0");
    yt_onnx_build_result(&m->build, "output0",
                         (const int64_t[]){1, CHANNELS, side_of(v), side_of(v)},
                         4);
    yt_onnx_build_metadata(&m->build, "anchors", "[[10, 13]]");
    assert_ok(yt_onnx_build_pack(&m->build, &bytes, &size));
    yt_onnx_build_end(&m->build);
    const enum yt_status status = yt_import_onnx(bytes, size, graph_out);
    free(bytes);
    return status;
}

/* Channel k is one of the image's, and then one of those. */
static void draw_numbers(struct maker *m, uint32_t *seed)
{
    for (int i = 0; i < 3 * IMAGE * IMAGE; i++)
        m->pixels[i] = (float)draw(seed, 1000) / 512 - 1;
    for (int k = 0; k < CHANNELS; k++) {
        m->first[k * 3 + k % 3] = 1;
        m->last[k * CHANNELS + (k + 1) % CHANNELS] = 1;
    }
}

static struct maker *make(uint32_t seed)
{
    struct maker *m = calloc(1, sizeof *m);
    assert_non_null(m);
    draw_numbers(m, &seed);
    return m;
}

static void compare(const struct row *v, uint32_t seed)
{
    struct maker *m = make(seed);
    struct yt_graph *graph = NULL;
    const int h = side_of(v);
    float *head = calloc((size_t)(CHANNELS * h * h), sizeof *head);
    float *want = calloc((size_t)(h * h), sizeof *want);
    float x[SIDE * SIDE];
    assert_true(head && want);
    if (import(m, v, IMAGE / SIDE, &graph) != YT_OK)
        fail_msg("case %u: %s", (unsigned)seed, yt_error());
    assert_ok(yt_graph_run_reference(graph, IMAGE, IMAGE, m->pixels, &head));
    for (int k = 0; k < CHANNELS; k++) {
        const int from = (k + 1) % CHANNELS % 3;
        for (int i = 0; i < SIDE * SIDE; i++)
            x[i] =
                m->pixels[(from * IMAGE + i / SIDE * 4) * IMAGE + i % SIDE * 4];
        define(v, x, h, want);
        for (int i = 0; i < h * h; i++)
            if (head[k * h * h + i] != want[i])
                fail_msg("case %u: pixel %d of channel %d is %g, not %g",
                         (unsigned)seed, i, k, (double)head[k * h * h + i],
                         (double)want[i]);
    }
    yt_graph_destroy(graph);
    free(head);
    free(want);
    free(m);
}

/* -------------------------------------------------------------------- tests */

/* Windows up to 6, whose middle is in the input of the first one and of the
 * last, rounding up where that makes the same size. */
static struct row draw_pool(uint32_t *seed)
{
    struct row v = {.k = 1 + (int)draw(seed, 6), .stride = 1 << draw(seed, 2)};
    const int least = v.k > v.stride ? v.k - v.stride : 0;
    for (int axis = 0; axis < 2; axis++) {
        const int more = (int)draw(seed, (uint32_t)(v.k - least));
        const int most_before = (v.k - 1) / 2;
        int before = least + more < most_before ? least + more : most_before;
        if (v.k % 2 && v.stride == 2 && before > 0)
            before -= (int)draw(seed, 2);
        v.pads[axis] = before;
        v.pads[axis + 2] = least + more - before;
    }
    v.ceil_mode = v.stride == 1 && draw(seed, 2);
    return v;
}

static void maxima_are_what_onnx_says(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        uint32_t s = seed + 500;
        const struct row v = draw_pool(&s);
        compare(&v, seed);
    }
}

static void sizes_are_rounded_up(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {.k = 3, .stride = 2, .ceil_mode = 1},
        {.k = 2, .stride = 2, .ceil_mode = 1},
        {.k = 3, .stride = 2, .pads = {1, 1, 0, 0}, .ceil_mode = 1},
        {.k = 4, .stride = 2, .pads = {1, 1, 0, 1}, .ceil_mode = 1},
        {.k = 5, .stride = 4, .pads = {0, 0, 1, 0}, .ceil_mode = 1},
        {.k = 7, .stride = 4, .pads = {3, 2, 0, 1}, .ceil_mode = 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        compare(&rows[i], (uint32_t)i);
}

static void sizes_change_by_powers_of_two(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {.factor = 1, .transformation = "asymmetric", .rounding = "floor"},
        {.factor = 2, .transformation = "asymmetric", .rounding = "floor"},
        {.factor = 2,
         .transformation = "asymmetric",
         .rounding = "round_prefer_floor"},
        {.factor = 4, .transformation = "asymmetric", .rounding = "floor"},
        {.factor = 4,
         .transformation = "half_pixel",
         .rounding = "round_prefer_floor"},
        {.factor = 4,
         .transformation = "pytorch_half_pixel",
         .rounding = "round_prefer_ceil"},
        {.factor = 0.5, .transformation = "asymmetric", .rounding = "floor"},
        {.factor = 0.25,
         .transformation = "asymmetric",
         .rounding = "round_prefer_ceil"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        compare(&rows[i], (uint32_t)i);
}

static void others_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct row v;
        int stride; /* of the first convolution */
        const char *says;
    } rows[] = {
        {{.k = 3, .stride = 1, .pads = {0, 0, 2, 2}},
         4,
         "'tested' (MaxPool): window 3x3, stride 1, padding 0, 0, 2, 2"},
        {{.k = 3, .stride = 1, .pads = {2, 2, 0, 0}}, 4, "padding 2, 2, 0, 0"},
        {{.k = 3, .stride = 1}, 4, "window 3x3, stride 1, padding 0"},
        /* The last window is of nothing. */
        {{.k = 1, .stride = 4, .ceil_mode = 1},
         4,
         "window 1x1, stride 4, padding 0, 0, 0, 0"},
        {{.k = 2, .stride = 2}, 1, "as many pixels as the image has"},
        {{.factor = 3, .transformation = "asymmetric", .rounding = "floor"},
         4,
         "'tested' (Resize) isn't a resizing by a power of two"},
        {{.factor = 4,
          .transformation = "asymmetric",
          .rounding = "round_prefer_floor"},
         4,
         "'tested' (Resize) isn't a resizing by a power of two"},
        {{.factor = 0.5,
          .transformation = "half_pixel",
          .rounding = "round_prefer_floor"},
         4,
         "'tested' (Resize) isn't a resizing by a power of two"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct maker *m = make(1);
        struct yt_graph *graph = NULL;
        assert_int_equal(import(m, &rows[i].v, rows[i].stride, &graph),
                         YT_UNSUPPORTED);
        if (!strstr(yt_error(), rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", yt_error(), rows[i].says);
        assert_null(graph);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maxima_are_what_onnx_says),
        cmocka_unit_test(sizes_are_rounded_up),
        cmocka_unit_test(sizes_change_by_powers_of_two),
        cmocka_unit_test(others_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
