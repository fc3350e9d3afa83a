/* Sparse convolutions against the best direct one of dense filters, kernel by
 * kernel, over the shapes of YOLOv5: the figures of docs/COMPRESSION.md.
 *
 *     yolotune-sparse [ISA [TYPE [OUTPUTS [ROUNDS [MODEL...]]]]]
 *
 * ISA is a name such as "avx2" or "host", TYPE f32, bf16, s16 or u8s8, OUTPUTS
 * of a block 0, which is a vector's, or another number, MODEL n
 * or s (or m, l, x), or a problem's name. Schedules are searched as the tuner
 * does, of direct convolution and, at half of the blocks, of sparse ones. Then
 * all densities and the dense kernel run in turn on one thread, so that what
 * the machine does otherwise hits them alike. Of each density there are the
 * median over the rounds of a round's ratio, half the range of the middle half,
 * and the ratio of the least times, which another process's load does not
 * touch.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contest/contest.h"

#define SEED 17

static const double densities[] = {1.0, 0.7, 0.5, 0.3};
#define DENSITIES ((int)(sizeof densities / sizeof densities[0]))
#define HALF      2
#define KERNELS   (1 + DENSITIES)

/* -------------------------------------------------------------- a problem */

/* The problem with this share of its blocks. */
static struct yt_problem thinned(const struct yt_problem *p, int32_t outputs,
                                 double share)
{
    struct yt_problem thin = *p;
    struct yt_conv2d *v = &thin.u.conv2d;
    const int32_t per_step = 4 / yt_dtype_bytes(p->dtype);
    const int32_t rows = (v->k + outputs - 1) / outputs;
    const double blocks = (double)rows * v->c / per_step * v->r * v->r;
    v->kept = (int32_t)(share * blocks + 0.5) * outputs * per_step;
    v->outputs = outputs;
    v->pattern = SEED;
    return thin;
}

static void print_ratio(double *ratios, int rounds, double of_least)
{
    qsort(ratios, (size_t)rounds, sizeof *ratios, yt_contest_rising);
    printf("  %.2f (%.2f) %.2f", ratios[rounds / 2],
           (ratios[3 * rounds / 4] - ratios[rounds / 4]) / 2, of_least);
}

static double ratios[DENSITIES][YT_CONTEST_ROUNDS_MAX];
static double totals[KERNELS]; /* ms of all problems, median rounds */

static void measure(const struct yt_problem *p, const struct yt_isa *isa,
                    int32_t outputs, int rounds)
{
    struct yt_contest c[KERNELS] = {0};
    struct yt_loaded l[KERNELS];
    int64_t calls[KERNELS];
    double dense_ns[YT_CONTEST_ROUNDS_MAX], least[DENSITIES];
    char name[YT_PROBLEM_NAME_MAX], schedules[2][YT_SCHEDULE_NAME_MAX];
    struct yt_jit *jit;
    yt_contest_check(yt_jit_create(&jit));
    for (int i = 0; i < KERNELS; i++) {
        const struct yt_problem thin =
            i ? thinned(p, outputs, densities[i - 1]) : *p;
        c[i].jit = jit;
        c[i].algo = i ? YT_ALGO_SPARSE : YT_ALGO_DIRECT;
        yt_contest_check(yt_case_create(&thin, isa, &c[i].data));
    }
    yt_contest_find(&c[0]);
    yt_contest_find(&c[1 + HALF]);
    for (int i = 0; i < KERNELS; i++) {
        const struct yt_schedule *s = i ? &c[1 + HALF].best : &c[0].best;
        if (!yt_contest_load(&c[i], s, &l[i]))
            exit(1);
        calls[i] = yt_contest_calls(&c[i], &l[i]);
    }
    for (int round = 0; round < rounds; round++) {
        dense_ns[round] = yt_contest_sample(&c[0], &l[0], calls[0]);
        for (int i = 0; i < DENSITIES; i++) {
            const double ns =
                yt_contest_sample(&c[1 + i], &l[1 + i], calls[1 + i]);
            ratios[i][round] = ns / dense_ns[round];
            least[i] = round == 0 || ns < least[i] ? ns : least[i];
        }
    }
    yt_problem_name(p, name);
    yt_schedule_name(&c[0].best, schedules[0]);
    yt_schedule_name(&c[1 + HALF].best, schedules[1]);
    qsort(dense_ns, (size_t)rounds, sizeof *dense_ns, yt_contest_rising);
    const double ms = dense_ns[rounds / 2] * 1e-6;
    printf("%-44s %7.3f", name, ms);
    totals[0] += ms;
    for (int i = 0; i < DENSITIES; i++) {
        print_ratio(ratios[i], rounds, least[i] / dense_ns[0]);
        totals[1 + i] += ms * ratios[i][rounds / 2];
    }
    printf("  %5.1f  %s  %s\n",
           (double)yt_problem_flops(p) / dense_ns[rounds / 2], schedules[0],
           schedules[1]);
    fflush(stdout);
    for (int i = 0; i < KERNELS; i++) {
        yt_contest_unload(&l[i]);
        yt_case_destroy(c[i].data);
    }
    yt_jit_destroy(jit);
}

static struct yt_problem_list problems;

static enum yt_dtype dtype_of(const char *name)
{
    for (int i = 0; i < YT_DTYPE_COUNT; i++)
        if (strcmp(yt_dtype_name((enum yt_dtype)i), name) == 0)
            return (enum yt_dtype)i;
    fprintf(stderr, "yolotune-sparse: '%s' is no type\n", name);
    exit(1);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"n", "s"};
    const struct yt_isa *isa = yt_contest_isa(argc > 1 ? argv[1] : NULL);
    const enum yt_dtype dtype = dtype_of(argc > 2 ? argv[2] : "f32");
    int32_t outputs = argc > 3 ? atoi(argv[3]) : 0;
    const int rounds = yt_contest_rounds(argc > 4 ? argv[4] : NULL);
    for (int i = 0; argc <= 5 && i < 2; i++)
        yt_contest_add(&problems, usual[i], dtype, isa->lanes);
    for (int i = 5; i < argc; i++)
        yt_contest_add(&problems, argv[i], dtype, isa->lanes);
    outputs = outputs ? outputs : isa->lanes;
    printf("%s, %d rounds: ms of the best direct kernel, and of sparse ones as "
           "a share of it\n",
           isa->name, rounds);
    printf("%-44s %7s", "problem", "ms");
    for (int i = 0; i < DENSITIES; i++)
        printf("  %3.0f %%            ", 100 * densities[i]);
    printf("GFLOP/s\n");
    for (int i = 0; i < problems.count; i++)
        measure(&problems.items[i], isa, outputs, rounds);
    printf("%-44s %7.3f", "all", totals[0]);
    for (int i = 0; i < DENSITIES; i++)
        printf("  %.2f            ", totals[1 + i] / totals[0]);
    printf("\n");
    return 0;
}
