/* JIT-compiled pools and upsampling against the reference, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "each_isa.h"
#include "codegen/codegen.h"
#include "runtime/reference.h"
#include "tests/guarded.h"

/* Operator and shape; each for every type. Widths from less than a vector of
 * bytes to whole ones and some pixels. */
static const struct {
    const char *op, *shape;
} problems[] = {
    {"sppf", "32x20x20-r5"},    {"sppf", "16x1x1-r5"},
    {"sppf", "16x2x9-r5"},      {"sppf", "16x7x3-r3"},
    {"sppf", "48x13x11-r13"},   {"sppf", "16x3x34-r31"},
    {"maxpool", "16x20x20-r5"}, {"maxpool", "32x5x4-r9"},
    {"maxpool", "16x1x7-r3"},   {"maxpool", "16x6x2-r3"},
    {"maxpool", "16x4x10-r7"},  {"upsample", "32x5x7"},
    {"upsample", "16x1x1"},     {"upsample", "16x3x8"},
    {"upsample", "16x2x6"},
};

struct shape {
    size_t in, out; /* bytes */
};

static struct shape shape_of(const struct yt_problem *p)
{
    const size_t bytes = (size_t)yt_dtype_bytes(p->dtype);
    struct shape s;
    if (p->op == YT_OP_UPSAMPLE) {
        s.in = bytes * (size_t)p->u.upsample.c * (size_t)p->u.upsample.h *
               (size_t)p->u.upsample.w;
        s.out = 4 * s.in;
    } else {
        s.in = bytes * (size_t)p->u.pool.c * (size_t)p->u.pool.h *
               (size_t)p->u.pool.w;
        s.out = p->op == YT_OP_SPPF ? 3 * s.in : s.in;
    }
    return s;
}

/* Numbers of f32; any bits of other types. */
static void fill(const struct yt_problem *p, void *in, size_t bytes)
{
    srand(7);
    for (size_t i = 0; i < bytes / 4; i++)
        if (p->dtype == YT_DTYPE_F32)
            ((float *)in)[i] = (float)(rand() % 2001 - 1000) / 16.0f;
        else
            ((uint32_t *)in)[i] = (uint32_t)rand() * 3u;
}

static void compare(const char *name, const struct yt_isa *isa)
{
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_object object;
    struct yt_jit *jit;
    yt_kernel_fn kernel;
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    yt_schedule_default(&p, isa, &s);
    if (!yt_schedule_applies(&p, &s, isa)) {
        assert_int_equal(p.dtype, YT_DTYPE_BF16);
        return;
    }
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_codegen_compile(&p, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);

    const struct shape shape = shape_of(&p);
    struct guarded in, want, got;
    guarded_open(&in, shape.in, YT_ALIGN);
    guarded_open(&want, shape.out, YT_ALIGN);
    guarded_open(&got, shape.out, YT_ALIGN);
    fill(&p, in.data, shape.in);
    struct yt_args args = {.in = in.data, .out = want.data};
    assert_int_equal(yt_reference_run(&p, isa->lanes, &args), YT_OK);
    args.out = got.data;
    const int64_t tasks = yt_schedule_tasks(&p, &s, isa);
    const int64_t cut = tasks / 2;
    kernel(&args, 0, cut);
    kernel(&args, cut, tasks);
    if (memcmp(want.data, got.data, shape.out) != 0)
        fail_msg("%s on %s differs from the reference", name, isa->name);
    guarded_close(&in);
    guarded_close(&want);
    guarded_close(&got);
    yt_object_deinit(&object);
    yt_jit_destroy(jit);
}

static void compare_all(const struct yt_isa *isa)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        for (int dtype = 0; dtype < YT_DTYPE_COUNT; dtype++) {
            char name[YT_PROBLEM_NAME_MAX];
            snprintf(name, sizeof name, "%s-%s-%s", problems[i].op,
                     yt_dtype_name((enum yt_dtype)dtype), problems[i].shape);
            compare(name, isa);
        }
}

static void kernels_match_the_reference(void **state)
{
    (void)state;
    on_each_isa(compare_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
