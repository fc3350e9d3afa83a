/* Contests of schedules, outside of the tuner. */

#include "bench/contest/contest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net.h"
#include "runtime/fail.h"
#include "runtime/memory.h"

#define SIZE         640
#define CHANNELS_MIN 32 /* fewer are a small share of the time */
#define SAMPLE_NS    500000.0
#define SEED         17

void yt_contest_check(enum yt_status status)
{
    if (status == YT_OK)
        return;
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, yt_error());
    exit(1);
}

int yt_contest_load(struct yt_contest *c, const struct yt_schedule *s,
                    struct yt_loaded *l)
{
    const struct yt_problem *p = &c->data->problem;
    const struct yt_isa *isa = c->data->isa;
    struct yt_object object;
    yt_contest_check(yt_codegen_compile(p, s, isa, &object));
    const int spills = object.spills > 8;
    if (!spills)
        yt_contest_check(yt_jit_add(c->jit, &object, &l->run));
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
    yt_contest_check(
        yt_case_check(c->data, l->run, l->tasks, s, l->weights, &error));
    return 1;
}

void yt_contest_unload(struct yt_loaded *l)
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

double yt_contest_sample(const struct yt_contest *c, const struct yt_loaded *l,
                         int64_t calls)
{
    const struct yt_args args = yt_case_args(c->data, l->weights);
    const double start = thread_ns();
    for (int64_t i = 0; i < calls; i++)
        l->run(&args, 0, l->tasks);
    return (thread_ns() - start) / (double)calls;
}

int64_t yt_contest_calls(const struct yt_contest *c, const struct yt_loaded *l)
{
    const double ns = yt_contest_sample(c, l, 1);
    return ns >= SAMPLE_NS ? 1 : (int64_t)(SAMPLE_NS / ns) + 1;
}

static void try_schedule(void *user, const struct yt_schedule *s)
{
    struct yt_contest *c = user;
    struct yt_loaded l;
    if (c->edge && s->edge != c->edge)
        return;
    if (!yt_contest_load(c, s, &l))
        return;
    const int64_t calls = yt_contest_calls(c, &l);
    for (int i = 0; i < 3; i++) {
        const double ns = yt_contest_sample(c, &l, calls);
        if (c->best_ns == 0 || ns < c->best_ns) {
            c->best_ns = ns;
            c->best = *s;
        }
    }
    yt_contest_unload(&l);
}

/* Each value of each knob of the bodies, one knob after the other. */
static void try_bodies(struct yt_contest *c)
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

static void ask_rows(const struct yt_contest *c, const struct yt_ask *ask)
{
    const enum yt_op op = c->data->problem.op;
    enum yt_algo_id id = yt_algo_next(op, YT_ALGO_COUNT);
    for (; id != YT_ALGO_COUNT; id = yt_algo_next(op, id))
        if (yt_algo_get(id)->propose &&
            (c->algo == YT_ALGO_COUNT || c->algo == id))
            yt_algo_get(id)->propose(ask);
}

void yt_contest_find(struct yt_contest *c)
{
    const struct yt_problem *p = &c->data->problem;
    struct yt_ask ask = {.problem = p,
                         .isa = c->data->isa,
                         .threads = 1,
                         .take = try_schedule,
                         .user = c};
    ask_rows(c, &ask);
    if (c->best_ns == 0) { /* the usual tiles all spill */
        ask.stage = YT_STAGE_ALL;
        ask_rows(c, &ask);
    }
    if (c->best_ns == 0)
        yt_contest_check(yt_fail(YT_UNSUPPORTED, "every schedule spills"));
    try_bodies(c);
    const struct yt_schedule base = c->best;
    ask.base = &base;
    ask.stage = YT_STAGE_TASKS;
    yt_algo_get(base.algo)->propose(&ask);
}

int yt_contest_rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_problem(struct yt_problem_list *list,
                        const struct yt_problem *p)
{
    char name[YT_PROBLEM_NAME_MAX], other[YT_PROBLEM_NAME_MAX];
    yt_problem_name(p, name);
    for (int i = 0; i < list->count; i++) {
        yt_problem_name(&list->items[i], other);
        if (strcmp(name, other) == 0)
            return;
    }
    if (list->count < YT_PROBLEMS_MAX)
        list->items[list->count++] = *p;
}

static void add_model(struct yt_problem_list *list, const char *size,
                      enum yt_dtype dtype, int32_t lanes)
{
    struct yt_graph *graph;
    struct yt_net *net;
    yt_contest_check(yt_graph_builtin(size, SEED, &graph));
    uint8_t *dtypes = malloc((size_t)graph->node_count);
    if (!dtypes)
        exit(1);
    memset(dtypes, (int)dtype, (size_t)graph->node_count);
    const struct yt_net_options options = {
        .lanes = lanes, .h = SIZE, .w = SIZE, .dtypes = dtypes};
    yt_contest_check(yt_net_lower(graph, &options, &net));
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct yt_problem *p = &net->layers[i].problem;
        if (p->op == YT_OP_CONV2D && !p->u.conv2d.lazy &&
            p->u.conv2d.c >= CHANNELS_MIN && p->u.conv2d.k >= CHANNELS_MIN)
            add_problem(list, p);
    }
    yt_net_destroy(net);
    yt_graph_destroy(graph);
    free(dtypes);
}

void yt_contest_add(struct yt_problem_list *list, const char *name,
                    enum yt_dtype dtype, int32_t lanes)
{
    struct yt_problem p;
    if (strlen(name) == 1) {
        add_model(list, name, dtype, lanes);
        return;
    }
    yt_contest_check(yt_problem_parse(name, &p));
    add_problem(list, &p);
}

const struct yt_isa *yt_contest_isa(const char *word)
{
    const uint32_t features = yt_cpu_features();
    if (!word || strcmp(word, "host") == 0)
        return yt_codegen_best_isa(features);
    const struct yt_isa *isa = yt_isa_find(word);
    if (isa && yt_isa_check(isa, features) == YT_OK)
        return isa;
    fprintf(stderr, "%s: this CPU does not run '%s'\n",
            program_invocation_short_name, word);
    exit(1);
}

int yt_contest_rounds(const char *word)
{
    const int rounds = word ? atoi(word) : 15;
    return rounds < 1                       ? 1
           : rounds > YT_CONTEST_ROUNDS_MAX ? YT_CONTEST_ROUNDS_MAX
                                            : rounds;
}
