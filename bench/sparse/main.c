/* Sparse convolutions against the best dense one, kernel by kernel, over the
 * shapes of YOLOv5: the figures behind docs/BENCHMARKS.md.
 *
 *     yolotune-sparse [ISA [TYPE [OUTPUTS [ROUNDS [MODEL...]]]]]
 *
 * ISA is a name such as "avx2" or "host", TYPE f32, bf16, s16 or u8s8, OUTPUTS
 * of a block 0, which is a vector's, or another number, MODEL n
 * or s (or m, l, x), or a problem's name. Schedules are searched as the tuner
 * does, of dense rows and, at half of the blocks, of sparse ones. Then all
 * densities and the dense kernel run in turn on one thread, so that what the
 * machine does otherwise hits them alike. Of each density there are the median
 * over the rounds of a round's ratio, half the range of the middle half, and
 * the ratio of the least times, which another process's load does not touch.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/algo.h"
#include "model/net.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "tuner/measure/bench_case.h"
#include "tuner/measure/measure.h"

#define SIZE         640
#define CHANNELS_MIN 32 /* fewer are a small share of the time */
#define PROBLEMS_MAX 128
#define ROUNDS_MAX   101
#define SAMPLE_NS    500000.0
#define SEED         17

static const double densities[] = {1.0, 0.7, 0.5, 0.3};
#define DENSITIES ((int)(sizeof densities / sizeof densities[0]))
#define HALF      2
#define KERNELS   (1 + DENSITIES)

static void check(enum yt_status status)
{
    if (status == YT_OK)
        return;
    fprintf(stderr, "yolotune-sparse: %s\n", yt_error());
    exit(1);
}

/* ----------------------------------------------------------- a candidate */

/* A problem's buffers and the best schedule so far. */
struct contest {
    struct yt_case *data;
    struct yt_jit *jit;
    int is_sparse; /* 1: of rows for patterns, else of all others */
    struct yt_schedule best;
    double best_ns;
};

struct loaded {
    yt_kernel_fn run;
    int64_t tasks;
    void *weights;
    size_t weight_bytes;
};

/* 0: it spills, or does not compute what it should. */
static int load(struct contest *c, const struct yt_schedule *s,
                struct loaded *l)
{
    const struct yt_problem *p = &c->data->problem;
    const struct yt_isa *isa = c->data->isa;
    struct yt_object object;
    check(yt_codegen_compile(p, s, isa, &object));
    const int spills = object.spills > 8;
    if (!spills)
        check(yt_jit_add(c->jit, &object, &l->run));
    yt_object_deinit(&object);
    if (spills)
        return 0;
    l->tasks = yt_schedule_tasks(p, s, isa);
    l->weight_bytes = yt_pack_weight_bytes(p, s, isa);
    l->weights = yt_memory_alloc(l->weight_bytes);
    if (!l->weights)
        exit(1);
    yt_pack_weights(p, s, isa, &c->data->filter, l->weights);
    double error;
    check(yt_case_check(c->data, l->run, l->tasks, s, l->weights, &error));
    return 1;
}

static void unload(struct loaded *l)
{
    yt_memory_free(l->weights, l->weight_bytes);
}

/* Of the thread alone, so that other processes' turns do not count. */
static double thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double sample(const struct contest *c, const struct loaded *l,
                     int64_t calls)
{
    const struct yt_args args = yt_case_args(c->data, l->weights);
    const double start = thread_ns();
    for (int64_t i = 0; i < calls; i++)
        l->run(&args, 0, l->tasks);
    return (thread_ns() - start) / (double)calls;
}

static int64_t calls_of_a_sample(const struct contest *c,
                                 const struct loaded *l)
{
    const double ns = sample(c, l, 1);
    return ns >= SAMPLE_NS ? 1 : (int64_t)(SAMPLE_NS / ns) + 1;
}

static void try_schedule(void *user, const struct yt_schedule *s)
{
    struct contest *c = user;
    struct loaded l;
    if (!load(c, s, &l))
        return;
    const int64_t calls = calls_of_a_sample(c, &l);
    for (int i = 0; i < 3; i++) {
        const double ns = sample(c, &l, calls);
        if (c->best_ns == 0 || ns < c->best_ns) {
            c->best_ns = ns;
            c->best = *s;
        }
    }
    unload(&l);
}

/* Each value of each knob of the bodies, one knob after the other. */
static void try_bodies(struct contest *c)
{
    const struct yt_algo *row = yt_algo_get(c->best.algo);
    for (int32_t i = 0; i < row->body_count; i++) {
        int32_t values[YT_VALUES_MAX];
        const enum yt_knob_id knob = row->bodies[i];
        const struct yt_schedule base = c->best;
        const int32_t count =
            yt_algo_values(row, &c->data->problem, c->data->isa, knob, values);
        for (int32_t j = 0; j < count; j++) {
            struct yt_schedule s = base;
            yt_schedule_put(&s, knob, values[j]);
            if (!yt_schedule_same(&s, &base) &&
                yt_schedule_applies(&c->data->problem, &s, c->data->isa))
                try_schedule(c, &s);
        }
    }
}

static void find_best(struct contest *c)
{
    const struct yt_problem *p = &c->data->problem;
    struct yt_ask ask = {.problem = p,
                         .isa = c->data->isa,
                         .threads = 1,
                         .take = try_schedule,
                         .user = c};
    struct yt_schedule first;
    yt_schedule_default(p, c->data->isa, &first);
    for (enum yt_algo_id id = yt_algo_next(p->op, YT_ALGO_COUNT);
         id != YT_ALGO_COUNT; id = yt_algo_next(p->op, id))
        if (yt_algo_get(id)->propose && (!c->is_sparse || id == first.algo))
            yt_algo_get(id)->propose(&ask);
    if (c->best_ns == 0) { /* the usual tiles all spill */
        ask.stage = YT_STAGE_ALL;
        yt_algo_get(first.algo)->propose(&ask);
    }
    try_bodies(c);
    ask.base = &c->best;
    const struct yt_schedule base = c->best;
    ask.base = &base;
    ask.stage = YT_STAGE_TASKS;
    yt_algo_get(base.algo)->propose(&ask);
}

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

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_ratio(double *ratios, int rounds, double of_least)
{
    qsort(ratios, (size_t)rounds, sizeof *ratios, rising);
    printf("  %.2f (%.2f) %.2f", ratios[rounds / 2],
           (ratios[3 * rounds / 4] - ratios[rounds / 4]) / 2, of_least);
}

static double ratios[DENSITIES][ROUNDS_MAX];
static double totals[KERNELS]; /* ms of all problems, median rounds */

static void measure(const struct yt_problem *p, const struct yt_isa *isa,
                    int32_t outputs, int rounds)
{
    struct contest c[KERNELS] = {0};
    struct loaded l[KERNELS];
    int64_t calls[KERNELS];
    double dense_ns[ROUNDS_MAX], least[DENSITIES];
    char name[YT_PROBLEM_NAME_MAX], schedules[2][YT_SCHEDULE_NAME_MAX];
    struct yt_jit *jit;
    check(yt_jit_create(&jit));
    for (int i = 0; i < KERNELS; i++) {
        const struct yt_problem thin =
            i ? thinned(p, outputs, densities[i - 1]) : *p;
        c[i].jit = jit;
        c[i].is_sparse = i > 0;
        check(yt_case_create(&thin, isa, &c[i].data));
    }
    find_best(&c[0]);
    find_best(&c[1 + HALF]);
    for (int i = 0; i < KERNELS; i++) {
        const struct yt_schedule *s = i ? &c[1 + HALF].best : &c[0].best;
        if (!load(&c[i], s, &l[i]))
            exit(1);
        calls[i] = calls_of_a_sample(&c[i], &l[i]);
    }
    for (int round = 0; round < rounds; round++) {
        dense_ns[round] = sample(&c[0], &l[0], calls[0]);
        for (int i = 0; i < DENSITIES; i++) {
            const double ns = sample(&c[1 + i], &l[1 + i], calls[1 + i]);
            ratios[i][round] = ns / dense_ns[round];
            least[i] = round == 0 || ns < least[i] ? ns : least[i];
        }
    }
    yt_problem_name(p, name);
    yt_schedule_name(&c[0].best, schedules[0]);
    yt_schedule_name(&c[1 + HALF].best, schedules[1]);
    qsort(dense_ns, (size_t)rounds, sizeof *dense_ns, rising);
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
        unload(&l[i]);
        yt_case_destroy(c[i].data);
    }
    yt_jit_destroy(jit);
}

/* ---------------------------------------------------------------- shapes */

static struct yt_problem problems[PROBLEMS_MAX];
static int problem_count;

static void add_problem(const struct yt_problem *p)
{
    char name[YT_PROBLEM_NAME_MAX], other[YT_PROBLEM_NAME_MAX];
    yt_problem_name(p, name);
    for (int i = 0; i < problem_count; i++) {
        yt_problem_name(&problems[i], other);
        if (strcmp(name, other) == 0)
            return;
    }
    if (problem_count < PROBLEMS_MAX)
        problems[problem_count++] = *p;
}

static void add_model(const char *size, enum yt_dtype dtype, int32_t lanes)
{
    struct yt_graph *graph;
    struct yt_net *net;
    check(yt_graph_builtin(size, SEED, &graph));
    uint8_t *dtypes = malloc((size_t)graph->node_count);
    if (!dtypes)
        exit(1);
    memset(dtypes, (int)dtype, (size_t)graph->node_count);
    const struct yt_net_options options = {
        .lanes = lanes, .h = SIZE, .w = SIZE, .dtypes = dtypes};
    check(yt_net_lower(graph, &options, &net));
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct yt_problem *p = &net->layers[i].problem;
        if (p->op == YT_OP_CONV2D && !p->u.conv2d.lazy &&
            p->u.conv2d.c >= CHANNELS_MIN && p->u.conv2d.k >= CHANNELS_MIN)
            add_problem(p);
    }
    yt_net_destroy(net);
    yt_graph_destroy(graph);
    free(dtypes);
}

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
    const struct yt_isa *isa = argc > 1 && strcmp(argv[1], "host") != 0
                                   ? yt_isa_find(argv[1])
                                   : yt_codegen_best_isa(yt_cpu_features());
    const enum yt_dtype dtype = dtype_of(argc > 2 ? argv[2] : "f32");
    int32_t outputs = argc > 3 ? atoi(argv[3]) : 0;
    int rounds = argc > 4 ? atoi(argv[4]) : 15;
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    if (!isa || yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
        fprintf(stderr, "yolotune-sparse: this CPU does not run '%s'\n",
                argv[1]);
        return 1;
    }
    for (int i = 0; argc <= 5 && i < 2; i++)
        add_model(usual[i], dtype, isa->lanes);
    for (int i = 5; i < argc; i++) {
        struct yt_problem p;
        if (strlen(argv[i]) == 1) {
            add_model(argv[i], dtype, isa->lanes);
            continue;
        }
        check(yt_problem_parse(argv[i], &p));
        add_problem(&p);
    }
    outputs = outputs ? outputs : isa->lanes;
    printf("%s, %d rounds: ms of the best dense kernel, and of sparse ones as "
           "a share of it\n",
           isa->name, rounds);
    printf("%-44s %7s", "problem", "ms");
    for (int i = 0; i < DENSITIES; i++)
        printf("  %3.0f %%            ", 100 * densities[i]);
    printf("GFLOP/s\n");
    for (int i = 0; i < problem_count; i++)
        measure(&problems[i], isa, outputs, rounds);
    printf("%-44s %7.3f", "all", totals[0]);
    for (int i = 0; i < DENSITIES; i++)
        printf("  %.2f            ", totals[1 + i] / totals[0]);
    printf("\n");
    return 0;
}
