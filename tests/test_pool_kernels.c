/* JIT-compiled pools and upsampling against the reference, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "runtime/reference.h"

static const char *const problems[] = {
    "sppf-f32-32x20x20-r5",  "sppf-f32-16x1x1-r5",    "sppf-f32-16x2x9-r5",
    "sppf-f32-16x7x3-r3",    "sppf-f32-48x13x11-r13", "maxpool-f32-16x20x20-r5",
    "maxpool-f32-32x5x4-r9", "maxpool-f32-16x1x7-r3", "upsample-f32-32x5x7",
    "upsample-f32-16x1x1",
};

struct shape {
    size_t in, out; /* elements */
};

static struct shape shape_of(const struct yt_problem *p)
{
    struct shape s;
    if (p->op == YT_OP_UPSAMPLE) {
        s.in = (size_t)p->u.upsample.c * (size_t)p->u.upsample.h *
               (size_t)p->u.upsample.w;
        s.out = 4 * s.in;
    } else {
        s.in = (size_t)p->u.pool.c * (size_t)p->u.pool.h * (size_t)p->u.pool.w;
        s.out = p->op == YT_OP_SPPF ? 3 * s.in : s.in;
    }
    return s;
}

static float *floats(size_t count)
{
    float *p = NULL;
    assert_int_equal(posix_memalign((void **)&p, YT_ALIGN, count * 4), 0);
    return p;
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
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_codegen_compile(&p, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);

    const struct shape shape = shape_of(&p);
    float *in = floats(shape.in);
    float *want = floats(shape.out);
    float *got = floats(shape.out);
    srand(7);
    for (size_t i = 0; i < shape.in; i++)
        in[i] = (float)(rand() % 2001 - 1000) / 16.0f;
    memset(got, 0xff, shape.out * 4);
    struct yt_args args = {.in = in, .out = want};
    assert_int_equal(yt_reference_run(&p, isa->lanes, &args), YT_OK);
    args.out = got;
    const int64_t tasks = yt_schedule_tasks(&p, &s, isa);
    const int64_t cut = tasks / 2;
    kernel(&args, 0, cut);
    kernel(&args, cut, tasks);
    if (memcmp(want, got, shape.out * 4) != 0)
        fail_msg("%s on %s differs from the reference", name, isa->name);
    free(in);
    free(want);
    free(got);
    yt_object_deinit(&object);
    yt_jit_destroy(jit);
}

static void kernels_match_the_reference(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        for (size_t j = 0; j < sizeof problems / sizeof problems[0]; j++)
            compare(problems[j], isa);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
