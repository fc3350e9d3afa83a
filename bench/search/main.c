/* How soon a search finds what is fast: today's order of candidates, a random
 * one, and one that a cost model proposes, which has learned from other
 * problems only. The curves behind docs/BENCHMARKS.md.
 *
 *     yolotune-search DB [ISA [TRIALS [MODEL...]]]
 *
 * DB is a database of this host; rows of the problem at hand are left out of
 * what the model learns. MODEL is n, s, m, l or x, or a problem's name. A
 * candidate is tried as the tuner does, by a worker on one core, and once: all
 * orders take the same figure for it. Printed is the best so far over the best
 * that any order found, as a geometric mean over problems, after so many
 * trials.
 */

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "bench/contest/contest.h"
#include "tuner/measure/worker.h"
#include "tuner/search/cost_model.h"

#define TRIALS_MAX  128
#define DEADLINE_NS UINT64_C(15000000000)

enum order { SEARCH, RANDOM, MODEL, ORDERS };

static const char *const names[ORDERS] = {"search", "random", "model"};
static double logs[ORDERS][TRIALS_MAX]; /* of best so far over best, summed */

struct job {
    const struct yt_site *site;
    const struct yt_problem *problem;
    struct yt_worker *worker;
    struct yt_trials known;  /* by whichever order */
    struct yt_schedule *all; /* [all_count], shuffled */
    int32_t all_count, all_cap;
    struct yt_schedule proposed[TRIALS_MAX];
    int32_t proposed_count;
    const struct yt_cost_model *model;
    int32_t spent[ORDERS]; /* trials until nothing was left to try */
};

/* As the tuner tries it, but that nobody gives up early: one order's best must
 * not cut another's candidates short. */
static struct yt_trial try_one(struct job *job, const struct yt_schedule *s)
{
    const struct yt_trial *known = yt_trials_find(&job->known, s);
    if (known)
        return *known;
    struct yt_worker_result r = {.outcome = YT_DB_CRASHED};
    if (!job->worker || !yt_worker_alive(job->worker)) {
        yt_worker_stop(job->worker);
        yt_contest_check(yt_worker_start(job->problem, job->site->isa, 1,
                                         job->site->host.cpus[0],
                                         &job->worker));
    }
    yt_contest_check(yt_worker_submit(job->worker, s, 0, DEADLINE_NS));
    struct pollfd fd = {.fd = yt_worker_fd(job->worker), .events = POLLIN};
    do
        (void)poll(&fd, 1, 100);
    while (!yt_worker_take(job->worker, &r));
    const struct yt_trial trial = {.schedule = *s,
                                   .ok = r.outcome == YT_DB_OK,
                                   .min_ns = r.timing.min_ns,
                                   .code_bytes = r.code_bytes};
    yt_contest_check(yt_trials_put(&job->known, &trial));
    return trial;
}

static enum yt_status keep(void *user, const struct yt_schedule *s)
{
    struct job *job = user;
    if (job->all_count == job->all_cap) {
        job->all_cap = job->all_cap ? 2 * job->all_cap : 1024;
        job->all = realloc(job->all, (size_t)job->all_cap * sizeof *job->all);
        if (!job->all)
            abort();
    }
    job->all[job->all_count++] = *s;
    return YT_OK;
}

static void shuffle(struct job *job)
{
    uint64_t state = 42;
    for (int32_t i = job->all_count - 1; i > 0; i--) {
        const int32_t j =
            (int32_t)((yt_random_next(&state) >> 33) % (uint64_t)(i + 1));
        const struct yt_schedule s = job->all[i];
        job->all[i] = job->all[j];
        job->all[j] = s;
    }
}

/* The next of an order that knows only its own trials. All begin with what runs
 * untuned. */
static int next_of(struct job *job, enum order order,
                   const struct yt_trials *mine, struct yt_schedule *next)
{
    struct yt_space space = {
        .problem = job->problem, .isa = job->site->isa, .threads = 1};
    struct yt_cost_doubt doubt;
    int any = 0;
    if (order == MODEL) {
        space.proposed = job->proposed;
        space.proposed_count = job->proposed_count;
        yt_cost_model_doubt(job->model, &space, mine, 0.05, 1, &doubt);
        space.worth = yt_cost_model_worth;
        space.user = &doubt;
    }
    if (order != RANDOM) {
        yt_contest_check(yt_space_next(&space, mine, &any, next));
        return any;
    }
    yt_schedule_default(job->problem, job->site->isa, next);
    if (!mine->count)
        return 1;
    for (int32_t i = 0; i < job->all_count && !any; i++) {
        *next = job->all[i];
        any = !yt_trials_find(mine, next);
    }
    return any;
}

static void run_order(struct job *job, enum order order, int trials,
                      double *best_so_far)
{
    struct yt_trials mine = {NULL};
    struct yt_schedule next;
    double best = INFINITY;
    int i = 0;
    for (; i < trials && next_of(job, order, &mine, &next); i++) {
        const struct yt_trial trial = try_one(job, &next);
        yt_contest_check(yt_trials_put(&mine, &trial));
        if (trial.ok && trial.min_ns < best)
            best = trial.min_ns;
        best_so_far[i] = best;
    }
    job->spent[order] = i;
    for (; i < trials; i++) /* nothing is left to try */
        best_so_far[i] = best;
    yt_trials_deinit(&mine);
}

static void measure(const struct yt_site *site, const struct yt_problem *p,
                    int trials)
{
    static struct job job;
    double curves[ORDERS][TRIALS_MAX], best = INFINITY;
    char name[YT_PROBLEM_NAME_MAX];
    struct yt_cost_model *model = NULL;
    job = (struct job){.site = site, .problem = p};
    const struct yt_space space = {
        .problem = p, .isa = site->isa, .threads = 1};
    yt_problem_name(p, name);
    yt_contest_check(yt_cost_model_learn(site, name, &model));
    yt_contest_check(yt_cost_model_propose(model, &space, 16, job.proposed,
                                           &job.proposed_count));
    yt_contest_check(yt_space_each(&space, keep, &job));
    shuffle(&job);
    job.model = model;
    for (int o = 0; o < ORDERS; o++) {
        run_order(&job, (enum order)o, trials, curves[o]);
        best = fmin(best, curves[o][trials - 1]);
    }
    printf("%-44s %8.1f us of %6d", name, 1e-3 * best, job.all_count);
    for (int o = 0; o < ORDERS; o++) {
        for (int i = 0; i < trials; i++)
            logs[o][i] += log(curves[o][i] / best);
        printf("  %.2f %.2f %3d", curves[o][7] / best,
               curves[o][trials - 1] / best, job.spent[o]);
    }
    printf("\n");
    fflush(stdout);
    yt_worker_stop(job.worker);
    yt_trials_deinit(&job.known);
    free(job.all);
    yt_cost_model_destroy(model);
}

static void print_curves(int count, int trials)
{
    printf("\ntrials");
    for (int i = 1; i <= trials; i = i < 4 ? i + 1 : 2 * i)
        printf(" %6d", i);
    for (int o = 0; o < ORDERS; o++) {
        printf("\n%-6s", names[o]);
        for (int i = 1; i <= trials; i = i < 4 ? i + 1 : 2 * i)
            printf(" %6.3f", exp(logs[o][i - 1] / count));
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    static struct yt_problem_list problems;
    struct yt_site *site = NULL;
    if (argc < 2) {
        fprintf(stderr,
                "usage: yolotune-search DB [ISA [TRIALS [MODEL...]]]\n");
        return 2;
    }
    const struct yt_site_options options = {
        .db = argv[1],
        .isa = argc > 2 && strcmp(argv[2], "host") != 0 ? argv[2] : NULL,
        .access = YT_SITE_READS,
    };
    yt_contest_check(yt_site_open(&options, &site));
    const int wished = argc > 3 ? atoi(argv[3]) : 32;
    const int trials = wished < 8            ? 8
                       : wished > TRIALS_MAX ? TRIALS_MAX
                                             : wished;
    for (int i = 4; i < argc; i++)
        yt_contest_add(&problems, argv[i], YT_DTYPE_F32, site->isa->lanes);
    if (argc <= 4)
        yt_contest_add(&problems, "n", YT_DTYPE_F32, site->isa->lanes);
    printf("%s, %d trials; after 8 and after all, over the best found, and "
           "trials made: by the search, at random and by the model\n",
           site->isa->name, trials);
    for (int i = 0; i < problems.count; i++)
        measure(site, &problems.items[i], trials);
    print_curves(problems.count, trials);
    yt_site_close(site);
    return 0;
}
