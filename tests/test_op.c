/* Operators: what every row has to hold, and each row against figures by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/problem.h"
#include "runtime/reference.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LANES        4

/* Of each operator at least one problem; a tensor as {c, h, w, count}. */
static const struct {
    const char *name, *kind;
    uint64_t flops;
    int32_t in[4], out[4], add[4];
    int64_t weights;
} rows[] = {
    {"conv2d-f32-3x12x14-k16r6s2p2-silu",
     "conv 6x6 s2",
     2ull * 3 * 16 * 36 * 6 * 7,
     {3, 12, 14, 1},
     {16, 6, 7, 1},
     {0},
     16 * 3 * 36},
    {"conv2d-u8s8-8x4x6-k12r1s1p0-silu-res",
     "conv 1x1 s1",
     2ull * 8 * 12 * 4 * 6,
     {8, 4, 6, 1},
     {12, 4, 6, 1},
     {12, 4, 6, 1},
     12 * 8},
    {"conv2d-u8s8_s16-8x4x6-k12r3s1p1-up2",
     "conv 3x3 s1",
     2ull * 8 * 12 * 9 * 4 * 6,
     {8, 4, 6, 1},
     {12, 4, 6, 1},
     {12, 2, 3, 1},
     12 * 8 * 9},
    {"conv2d-bf16_f32-64x8x8-k255r1s1p0-lazy3",
     "conv 1x1 s1",
     2ull * 64 * 3 * 8 * 8,
     {64, 8, 8, 1},
     {255, 8, 8, 1},
     {0},
     255 * 64},
    {"conv2d-f32-8x4x6-k12r3s1p1-kept192-of4-x2147483647",
     "conv 3x3 s1",
     2ull * 192 * 4 * 6,
     {8, 4, 6, 1},
     {12, 4, 6, 1},
     {0},
     12 * 8 * 9},
    {"conv2d-u8s8-8x4x6-k12r1s1p0-of16-x1",
     "conv 1x1 s1",
     0,
     {8, 4, 6, 1},
     {12, 4, 6, 1},
     {0},
     12 * 8},
    {"conv2d-f32-16x8x6-k16r3s2p1-silu-g16",
     "conv 3x3 s2",
     2ull * 16 * 9 * 4 * 3,
     {16, 8, 6, 1},
     {16, 4, 3, 1},
     {0},
     16 * 9},
    {"conv2d-u8s8-16x8x6-k32r1s1p0-g4",
     "conv 1x1 s1",
     2ull * 32 * 4 * 8 * 6,
     {16, 8, 6, 1},
     {32, 8, 6, 1},
     {0},
     32 * 4},
    {"sppf-s16-8x5x6-r5",
     "sppf 5x5",
     3ull * 2 * 4 * 8 * 5 * 6,
     {8, 5, 6, 1},
     {8, 5, 6, 3},
     {0},
     0},
    {"maxpool-f32-8x5x6-r3",
     "maxpool 3x3",
     2ull * 2 * 8 * 5 * 6,
     {8, 5, 6, 1},
     {8, 5, 6, 1},
     {0},
     0},
    {"upsample-bf16-8x5x6",
     "upsample 2x",
     0,
     {8, 5, 6, 1},
     {8, 10, 12, 1},
     {0},
     0},
    {"convert-f32_u8s8-8x5x6",
     "convert to u8s8",
     0,
     {8, 5, 6, 1},
     {8, 5, 6, 1},
     {0},
     0},
    {"letterbox-f32-64x96",
     "letterbox to 96x64",
     0,
     {0},
     {3, 64, 96, 1},
     {0},
     0},
    {"letterbox-u8s8-64x96-p2",
     "letterbox to 96x64",
     0,
     {0},
     {3, 64, 96, 1},
     {0},
     0},
    {"decode-f32-a3c80-8x6-s8",
     "decode of 80 classes",
     0,
     {255, 8, 6, 1},
     {0},
     {0},
     0},
    {"decode-f32-a1c80-8x6-s8-b16",
     "decode of 80 classes",
     0,
     {144, 8, 6, 1},
     {0},
     {0},
     0},
    {"nms-f32-c80-n1000", "nms of 1000", 0, {0}, {0}, {0}, 0},
};

static struct yt_problem problem(const char *name)
{
    struct yt_problem p;
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

static void every_operator_is_here(void **state)
{
    (void)state;
    int seen[YT_OP_COUNT] = {0};
    for (size_t i = 0; i < COUNT(rows); i++)
        seen[problem(rows[i].name).op] = 1;
    for (int op = 0; op < YT_OP_COUNT; op++)
        if (!seen[op])
            fail_msg("no problem of %s", yt_op_name((enum yt_op)op));
}

static void names_and_kinds_are_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct yt_problem p = problem(rows[i].name);
        char name[YT_PROBLEM_NAME_MAX], kind[32];
        yt_problem_name(&p, name);
        yt_op_kind(&p, kind, sizeof kind);
        assert_string_equal(name, rows[i].name);
        assert_string_equal(kind, rows[i].kind);
    }
}

static void a_kind_is_cut_to_its_room(void **state)
{
    (void)state;
    const struct yt_problem p = problem("conv2d-f32-16x4x4-k16r3s1p1");
    char kind[7];
    yt_op_kind(&p, kind, sizeof kind);
    assert_string_equal(kind, "conv 3");
}

static void is_tensor(const struct yt_tensor *t, const int32_t want[4])
{
    const int32_t got[4] = {t->c, t->h, t->w, t->count};
    for (int i = 0; i < 4; i++)
        assert_int_equal(got[i], want[i]);
}

static void tensors_and_flops_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct yt_problem p = problem(rows[i].name);
        struct yt_tensors t;
        yt_op_tensors(&p, &t);
        is_tensor(&t.in, rows[i].in);
        is_tensor(&t.out, rows[i].out);
        is_tensor(&t.add, rows[i].add);
        assert_int_equal(t.weights, rows[i].weights);
        const int is_sparse = p.op == YT_OP_CONV2D && p.u.conv2d.pattern > 0;
        assert_int_equal(t.kept, is_sparse ? p.u.conv2d.kept : t.weights);
        assert_int_equal(t.bias, rows[i].weights ? rows[i].out[0] : 0);
        assert_int_equal(yt_problem_flops(&p), rows[i].flops);
    }
}

/* Blocks are filled up, images have padding, addends are of their own type. */
static void elements_in_memory_are_counted(void **state)
{
    (void)state;
    struct yt_tensors t;
    struct yt_problem p = problem("conv2d-u8s8-3x8x10-k6r3s1p1-silu-up2");
    yt_op_tensors(&p, &t);
    assert_true(t.in.is_image);
    assert_int_equal(yt_tensor_values(&t.in), 3 * 8 * 10);
    assert_int_equal(yt_tensor_elems(&t.in, LANES), 3 * 10 * 12);
    assert_int_equal(yt_tensor_bytes(&t.out, LANES), 8 * 8 * 10);
    assert_int_equal(yt_tensor_bytes(&t.add, LANES), 8 * 4 * 5 * 4);
    p = problem("conv2d-f32-3x8x10-k6r3s1p1");
    yt_op_tensors(&p, &t);
    assert_int_equal(yt_tensor_elems(&t.in, LANES), 3 * 8 * 10);
    assert_int_equal(yt_tensor_bytes(&t.add, LANES), 0);
    p = problem("sppf-s16-6x5x6-r5");
    yt_op_tensors(&p, &t);
    assert_int_equal(yt_tensor_bytes(&t.out, LANES), 2 * 3 * 8 * 5 * 6);
}

/* -------------------------------------------------------------------- rules */

/* A sound problem, what to set in it, and the answer. */
static const struct {
    const char *name, *param;
    int32_t value;
    enum yt_status want;
} broken[] = {
    {"conv2d-f32-16x8x8-k16r3s1p1", "c", 0, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "h", 0, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "w", -1, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "k", 0, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "r", 0, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x80x80-k16r3s1p1", "r", 32, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "r", 11, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "stride", 0, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "stride", 9, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "pad", -1, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "pad", 3, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "act", YT_ACT_COUNT, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "add", YT_ADD_COUNT, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x7x8-k16r3s1p1", "add", YT_ADD_UP2, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "h", INT32_MAX, YT_UNSUPPORTED},
    {"conv2d-f32-16x8x8-k16r3s1p1", "k", INT32_MAX, YT_UNSUPPORTED},
    {"conv2d-f32-1x1000x1000-k1r1s1p0", "k", 600, YT_UNSUPPORTED},
    {"conv2d-f32-16x8x8-k18r1s1p0", "lazy", 17, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k18r1s1p0", "lazy", 4, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k18r1s1p0", "lazy", 9, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k18r3s1p1", "lazy", 3, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k18r1s1p0-silu", "lazy", 3, YT_BAD_ARGUMENT},
    {"conv2d-u8s8-16x8x8-k18r1s1p0", "lazy", 3, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "kept", 16, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "outputs", 16, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "pattern", 1, YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "kept", 48, YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "kept", 6400,
     YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "kept", -32,
     YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "outputs", 0,
     YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "outputs", 65,
     YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "pattern", -1,
     YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "groups", 1, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "groups", -2, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k16r3s1p1", "groups", 3, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k24r3s1p1", "groups", 16, YT_BAD_ARGUMENT},
    {"conv2d-f32-3x8x8-k3r3s1p1", "groups", 3, YT_BAD_ARGUMENT},
    {"conv2d-f32-16x8x8-k18r1s1p0-lazy3", "groups", 2, YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "groups", 2,
     YT_BAD_ARGUMENT},
    {"conv2d-s16-16x8x8-k16r3s1p1-kept64-of16-x1", "pattern", 0,
     YT_BAD_ARGUMENT},
    {"sppf-f32-16x8x8-r5", "r", 4, YT_BAD_ARGUMENT},
    {"sppf-f32-16x8x8-r5", "r", 1, YT_BAD_ARGUMENT},
    {"maxpool-f32-16x8x8-r5", "r", 33, YT_BAD_ARGUMENT},
    {"maxpool-f32-16x8x8-r5", "c", 0, YT_BAD_ARGUMENT},
    {"maxpool-f32-16x8x8-r5", "w", INT32_MAX, YT_UNSUPPORTED},
    {"upsample-f32-16x8x8", "h", 0, YT_BAD_ARGUMENT},
    {"upsample-f32-16x8x8", "h", INT32_MAX, YT_UNSUPPORTED},
    {"convert-f32_s16-16x8x8", "w", 0, YT_BAD_ARGUMENT},
    {"letterbox-f32-64x64", "pad", 31, YT_BAD_ARGUMENT},
    {"letterbox-f32-64x64", "pad", -1, YT_BAD_ARGUMENT},
    {"letterbox-f32-64x64", "h", 0, YT_BAD_ARGUMENT},
    {"decode-f32-a3c80-8x8-s8", "na", 0, YT_BAD_ARGUMENT},
    {"decode-f32-a3c80-8x8-s8", "na", 17, YT_BAD_ARGUMENT},
    {"decode-f32-a3c80-8x8-s8", "nc", 65537, YT_BAD_ARGUMENT},
    {"decode-f32-a3c80-8x8-s8", "stride", 0, YT_BAD_ARGUMENT},
    {"decode-f32-a3c80-8x8-s8", "bins", 16, YT_BAD_ARGUMENT},
    {"decode-f32-a1c80-8x8-s8", "bins", 8, YT_BAD_ARGUMENT},
    {"decode-f32-a1c80-8x8-s8", "bins", 80, YT_BAD_ARGUMENT},
    {"decode-f32-a1c80-8x8-s8", "bins", -16, YT_BAD_ARGUMENT},
    {"nms-f32-c80-n1000", "count", 0, YT_BAD_ARGUMENT},
    {"nms-f32-c80-n1000", "classes", 65537, YT_BAD_ARGUMENT},
};

static void broken_rules_are_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct yt_problem p = problem(broken[i].name);
        yt_op_set(&p, broken[i].param, broken[i].value);
        const enum yt_status status = yt_problem_check(&p);
        if (status != broken[i].want)
            fail_msg("%s with %s %d: %s", broken[i].name, broken[i].param,
                     broken[i].value, yt_status_name(status));
        assert_true(strlen(yt_error()) > 0);
    }
}

static void types_follow_the_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct yt_problem p = problem(rows[i].name);
        const enum yt_op_types types = yt_op_row(p.op)->types;
        p.u.conv2d.lazy = p.op == YT_OP_CONV2D ? 0 : p.u.conv2d.lazy;
        for (int out = 0; out <= YT_DTYPE_COUNT; out++) {
            p.out = (enum yt_dtype)out;
            const int fine = out < YT_DTYPE_COUNT &&
                             (types == YT_TYPES_ANY ||
                              (types == YT_TYPES_DIFFER) == (p.out != p.dtype));
            assert_int_equal(yt_problem_check(&p) == YT_OK, fine);
        }
    }
}

/* ---------------------------------------------------------------- reference */

/* Whatever is searched has exactly one reference, and it writes each element of
 * the output. Its figures are in test_reference.c, test_convert.c and
 * test_conv_types.c. */
static void references_fill_the_output(void **state)
{
    (void)state;
    static const char zeros[1 << 16];
    static float ones[512];
    static int32_t codes[512];
    static int16_t weights[2048];
    for (size_t i = 0; i < COUNT(ones); i++)
        ones[i] = 1;
    struct yt_integers integers = {.weights = weights,
                                   .start = codes,
                                   .scale = ones,
                                   .in_zero = codes,
                                   .in_step = ones,
                                   .out_gain = ones,
                                   .out_zero = ones,
                                   .add_gain = ones};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct yt_problem p = problem(rows[i].name);
        const struct yt_op_row *row = yt_op_row(p.op);
        assert_false(row->exact && row->values);
        assert_true(!row->c_kernel || (!row->exact && !row->values));
        struct yt_tensors t;
        yt_op_tensors(&p, &t);
        const size_t count = (size_t)yt_tensor_elems(&t.out, LANES);
        const size_t weights_count = (size_t)t.weights + 1;
        double *values = malloc((count + 1) * sizeof *values);
        char *out = malloc(count * sizeof(float) + 1);
        float *filter = calloc(weights_count, sizeof *filter);
        assert_true(values && out && filter);
        for (size_t e = 0; e < count; e++)
            values[e] = -1e30;
        const struct yt_args args = {.in = zeros,
                                     .out = out,
                                     .add = zeros,
                                     .weights = filter,
                                     .bias =
                                         (const float *)(const void *)zeros};
        const enum yt_status status =
            yt_reference_values(&p, LANES, &args, &integers, values);
        assert_int_equal(status, row->c_kernel ? YT_UNSUPPORTED : YT_OK);
        for (size_t e = 0; status == YT_OK && e < count; e++)
            assert_true(values[e] > -1e30);
        free(values);
        free(out);
        free(filter);
    }
}

/* A 1x1 convolution of one pixel by hand: 2 * 3 + 1, then SiLU left out and a
 * residual added. */
static void a_pixel_by_hand(void **state)
{
    (void)state;
    const struct yt_problem p = problem("conv2d-f32-4x1x1-k4r1s1p0-res");
    const float in[4] = {2, 0, 0, 0}, add[4] = {10, 20, 30, 40};
    const float filter[16] = {3}, bias[4] = {1, 1, 1, 1};
    float out[4];
    const struct yt_args args = {
        .in = in, .out = out, .weights = filter, .bias = bias, .add = add};
    assert_int_equal(yt_reference_run(&p, LANES, &args), YT_OK);
    assert_true(out[0] == 17 && out[1] == 21 && out[2] == 31 && out[3] == 41);
}

/* -------------------------------------------------------------------- types */

static void stored_values_come_back(void **state)
{
    (void)state;
    static const float numbers[] = {0, 1, -1.5f, 77, 255, -4095, 4095};
    for (int d = 0; d < YT_DTYPE_COUNT; d++) {
        const enum yt_dtype dtype = (enum yt_dtype)d;
        const struct yt_dtype_row *row = yt_dtype_row(dtype);
        int32_t before = INT32_MIN;
        for (int32_t code = row->least; code <= row->most; code++) {
            float tensor[2] = {0};
            yt_dtype_store(dtype, tensor, 1, (float)code);
            assert_true(yt_dtype_load(dtype, tensor, 1) == code);
            assert_true(yt_dtype_order(dtype, tensor, 1) > before);
            before = yt_dtype_order(dtype, tensor, 1);
        }
        for (size_t i = 0; !row->is_integer && i < COUNT(numbers); i++) {
            float tensor;
            yt_dtype_store(dtype, &tensor, 0, numbers[i]);
            const double error =
                yt_dtype_load(dtype, &tensor, 0) - (double)numbers[i];
            assert_true(error * error <= 256);
            assert_true((numbers[i] < 0) ==
                        (yt_dtype_order(dtype, &tensor, 0) < 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_is_here),
        cmocka_unit_test(names_and_kinds_are_printed),
        cmocka_unit_test(a_kind_is_cut_to_its_room),
        cmocka_unit_test(tensors_and_flops_are_right),
        cmocka_unit_test(elements_in_memory_are_counted),
        cmocka_unit_test(broken_rules_are_seen),
        cmocka_unit_test(types_follow_the_row),
        cmocka_unit_test(references_fill_the_output),
        cmocka_unit_test(a_pixel_by_hand),
        cmocka_unit_test(stored_values_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
