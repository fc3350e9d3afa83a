/* Depth-wise kernels beside what bounds them: memory, and the loads that feed
 * multiply-adds.
 *
 *     yolotune-depthwise [ISA [TYPE [ROUNDS [PROBLEM...]]]]
 *
 * ISA is a name such as "avx2" or "host", TYPE f32, bf16, s16 or u8s8. Of each
 * problem the schedule is searched as the tuner does. Then it runs in turn with
 * a copy of as many bytes as it reads and writes, and with the best direct or
 * sparse kernel of the filter with its zeros written out, on one thread. Of
 * each there is the median over the rounds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "bench/contest/contest.h"
#include "runtime/memory.h"

#define KERNELS 2

/* Without groups, and with the pattern that lowering finds in its zeros: of
 * each vector of outputs as many input channels. */
static struct yt_problem written_out(const struct yt_problem *p, int32_t lanes)
{
    struct yt_problem whole = *p;
    struct yt_conv2d *v = &whole.u.conv2d;
    v->groups = 0;
    v->outputs = lanes;
    v->kept = v->k * lanes * v->r * v->r;
    v->pattern = 17;
    return whole;
}

struct copy {
    char *from, *to;
    size_t bytes; /* of each */
};

static double copy_ns(const struct copy *c, int64_t calls)
{
    const int64_t start = (int64_t)yt_now_ns();
    for (int64_t i = 0; i < calls; i++) {
        memcpy(c->to, c->from, c->bytes);
        __asm__ volatile("" ::"r"(c->to) : "memory");
    }
    return (double)((int64_t)yt_now_ns() - start) / (double)calls;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, yt_contest_rising);
    return values[count / 2];
}

static void print_row(const struct yt_problem *p,
                      double ns[][YT_CONTEST_ROUNDS_MAX], int rounds,
                      const struct yt_contest *c)
{
    char name[YT_PROBLEM_NAME_MAX], schedules[KERNELS][YT_SCHEDULE_NAME_MAX];
    for (int i = 0; i < KERNELS; i++)
        yt_schedule_name(&c[i].best, schedules[i]);
    const double us = ns[0][rounds / 2] * 1e-3;
    yt_problem_name(p, name);
    printf("%-44s %9.1f %8.1f %6.2f %9.2f  %s  %s\n", name, us,
           (double)yt_problem_flops(p) / us * 1e-3,
           ns[KERNELS][rounds / 2] * 1e-3 / us, ns[1][rounds / 2] * 1e-3 / us,
           schedules[0], schedules[1]);
    fflush(stdout);
}

static void measure(const struct yt_problem *p, const struct yt_isa *isa,
                    int rounds)
{
    static double ns[KERNELS + 1][YT_CONTEST_ROUNDS_MAX];
    struct yt_contest c[KERNELS] = {0};
    struct yt_loaded l[KERNELS];
    int64_t calls[KERNELS];
    struct yt_jit *jit;
    struct yt_tensors t;
    const struct yt_problem problems[KERNELS] = {*p,
                                                 written_out(p, isa->lanes)};
    yt_contest_check(yt_jit_create(&jit));
    for (int i = 0; i < KERNELS; i++) {
        c[i].jit = jit;
        c[i].algo = YT_ALGO_COUNT;
        yt_contest_check(yt_case_create(&problems[i], isa, &c[i].data));
        yt_contest_find(&c[i]);
        if (!yt_contest_load(&c[i], &c[i].best, &l[i]))
            exit(1);
        calls[i] = yt_contest_calls(&c[i], &l[i]);
    }
    yt_op_tensors(p, &t);
    const int64_t moved = yt_tensor_bytes(&t.in, isa->lanes) +
                          yt_tensor_bytes(&t.out, isa->lanes);
    struct copy copy = {.bytes = (size_t)moved / 2};
    copy.from = yt_memory_alloc(copy.bytes);
    copy.to = yt_memory_alloc(copy.bytes);
    if (!copy.from || !copy.to)
        exit(1);
    memset(copy.from, 1, copy.bytes);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < KERNELS; i++)
            ns[i][round] = yt_contest_sample(&c[i], &l[i], calls[i]);
        ns[KERNELS][round] = copy_ns(&copy, calls[0]);
    }
    for (int i = 0; i <= KERNELS; i++)
        median(ns[i], rounds);
    print_row(p, ns, rounds, c);
    for (int i = 0; i < KERNELS; i++) {
        yt_contest_unload(&l[i]);
        yt_case_destroy(c[i].data);
    }
    yt_memory_free(copy.from, copy.bytes);
    yt_memory_free(copy.to, copy.bytes);
    yt_jit_destroy(jit);
}

/* Of ghost modules, ShuffleNet's blocks and depth-wise backbones at 640. */
static const char *const usual[] = {
    "64x80x80-k64r3s1p1-g64",         "64x80x80-k64r5s1p2-silu-g64",
    "64x160x160-k64r3s2p1-g64",       "128x40x40-k128r3s1p1-silu-g128",
    "128x40x40-k128r5s1p2-silu-g128", "256x20x20-k256r3s1p1-silu-g256",
    "256x20x20-k256r5s1p2-g256",
};

int main(int argc, char **argv)
{
    const struct yt_isa *isa = yt_contest_isa(argc > 1 ? argv[1] : NULL);
    const char *type = argc > 2 ? argv[2] : "f32";
    const int rounds = yt_contest_rounds(argc > 3 ? argv[3] : NULL);
    const int count =
        argc > 4 ? argc - 4 : (int)(sizeof usual / sizeof usual[0]);
    printf("%s, %s, %d rounds; copy and zeros as times of the kernel\n",
           isa->name, type, rounds);
    printf("%-44s %9s %8s %6s %9s\n", "problem", "us", "GFLOP/s", "copy",
           "zeros");
    for (int i = 0; i < count; i++) {
        char name[YT_PROBLEM_NAME_MAX];
        struct yt_problem p;
        snprintf(name, sizeof name, "conv2d-%s-%s", type,
                 argc > 4 ? argv[4 + i] : usual[i]);
        yt_contest_check(yt_problem_parse(name, &p));
        measure(&p, isa, rounds);
    }
    return 0;
}
