/* Winograd convolutions against the best direct one, kernel by kernel, over the
 * 3x3 shapes of YOLOv5: the figures behind docs/BENCHMARKS.md.
 *
 *     yolotune-winograd [ISA [ROUNDS [MODEL...]]]
 *
 * ISA is a name such as "avx2" or "host", MODEL n, s, m, l or x, or a problem's
 * name. Schedules are searched as the tuner does, for each kind of kernel by
 * itself; then all kinds run in turn on one thread, so that what the machine
 * does otherwise hits them alike. Of each Winograd kernel there are the median
 * over the rounds of direct's time over its own in the same round, and half the
 * range of the middle half; and the error of one run, rms, relative to the
 * double-precision reference's rms.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contest/contest.h"
#include "runtime/cpu.h"
#include "runtime/dtype.h"
#include "runtime/kernel.h"

/* Outputs along an edge; direct has 0. */
static const int32_t edges[] = {0, 2, 4, 6};
#define KERNELS ((int)(sizeof edges / sizeof edges[0]))

static double ratios[KERNELS][YT_CONTEST_ROUNDS_MAX];
static double totals[KERNELS + 1]; /* ms of all problems; the last: of the best
                                      of each */

/* Of the outputs that the last run left. */
static double relative_rms(const struct yt_contest *c,
                           const struct yt_loaded *l)
{
    const struct yt_args args = yt_case_args(c->data, l->weights);
    double error = 0, all = 0;
    for (size_t i = 0; i < c->data->out_elems; i++) {
        const double want = c->data->want[i];
        const double d = (double)((const float *)args.out)[i] - want;
        error += d * d;
        all += want * want;
    }
    return sqrt(error / all);
}

static void open_kernel(struct yt_contest *c, struct yt_loaded *l,
                        const struct yt_problem *p, const struct yt_isa *isa,
                        int32_t edge)
{
    c->algo = edge ? YT_ALGO_WINOGRAD : YT_ALGO_DIRECT;
    c->edge = edge;
    yt_contest_check(yt_jit_create(&c->jit));
    yt_contest_check(yt_case_create(p, isa, &c->data));
    yt_contest_find(c);
    if (!yt_contest_load(c, &c->best, l))
        exit(1);
}

static void print_kernel(const struct yt_contest *c, const struct yt_loaded *l,
                         double *of_rounds, int rounds)
{
    char schedule[YT_SCHEDULE_NAME_MAX];
    qsort(of_rounds, (size_t)rounds, sizeof *of_rounds, yt_contest_rising);
    yt_schedule_name(&c->best, schedule);
    printf("  %.2f (%.2f) %.1e %-28s", of_rounds[rounds / 2],
           (of_rounds[3 * rounds / 4] - of_rounds[rounds / 4]) / 2,
           relative_rms(c, l), schedule);
}

static void measure(const struct yt_problem *p, const struct yt_isa *isa,
                    int rounds)
{
    struct yt_contest c[KERNELS] = {0};
    struct yt_loaded l[KERNELS];
    int64_t calls[KERNELS];
    double direct_ns[YT_CONTEST_ROUNDS_MAX], best = 1;
    char name[YT_PROBLEM_NAME_MAX];
    for (int i = 0; i < KERNELS; i++) {
        open_kernel(&c[i], &l[i], p, isa, edges[i]);
        calls[i] = yt_contest_calls(&c[i], &l[i]);
    }
    for (int round = 0; round < rounds; round++) {
        direct_ns[round] = yt_contest_sample(&c[0], &l[0], calls[0]);
        for (int i = 1; i < KERNELS; i++)
            ratios[i][round] =
                direct_ns[round] / yt_contest_sample(&c[i], &l[i], calls[i]);
    }
    qsort(direct_ns, (size_t)rounds, sizeof *direct_ns, yt_contest_rising);
    const double ms = direct_ns[rounds / 2] * 1e-6;
    yt_problem_name(p, name);
    printf("%-44s %7.3f %5.1f", name, ms,
           (double)yt_problem_flops(p) / direct_ns[rounds / 2]);
    totals[0] += ms;
    for (int i = 1; i < KERNELS; i++) {
        print_kernel(&c[i], &l[i], ratios[i], rounds);
        totals[i] += ms / ratios[i][rounds / 2];
        best = fmax(best, ratios[i][rounds / 2]);
    }
    totals[KERNELS] += ms / best;
    printf("\n");
    fflush(stdout);
    for (int i = 0; i < KERNELS; i++) {
        yt_contest_unload(&l[i]);
        yt_case_destroy(c[i].data);
        yt_jit_destroy(c[i].jit);
    }
}

static int is_for(const struct yt_problem *p, const struct yt_isa *isa)
{
    struct yt_schedule s;
    return yt_algo_first(YT_ALGO_WINOGRAD, p, isa, &s);
}

int main(int argc, char **argv)
{
    static struct yt_problem_list problems;
    const struct yt_isa *isa = yt_contest_isa(argc > 1 ? argv[1] : NULL);
    const int rounds = yt_contest_rounds(argc > 2 ? argv[2] : NULL);
    if (argc <= 3)
        yt_contest_add(&problems, "s", YT_DTYPE_F32, isa->lanes);
    for (int i = 3; i < argc; i++)
        yt_contest_add(&problems, argv[i], YT_DTYPE_F32, isa->lanes);
    printf("%s, %d rounds: ms and GFLOP/s of the best direct kernel; then how "
           "many times faster F(2), F(4) and F(6) are, and their error\n",
           isa->name, rounds);
    for (int i = 0; i < problems.count; i++)
        if (is_for(&problems.items[i], isa))
            measure(&problems.items[i], isa, rounds);
    printf("%-44s %7.3f ms", "all", totals[0]);
    for (int i = 1; i <= KERNELS; i++)
        printf("  %.2f", totals[0] / totals[i]);
    printf("\n");
    return 0;
}
