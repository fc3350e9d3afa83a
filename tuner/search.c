/* The search loop: one worker process per core, each on a problem of its own;
 * the parent picks candidates, watches deadlines and writes rows. */

#include "tuner/search.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "tuner/worker.h"

#define WORKERS_MAX    8
#define DEADLINE_NS    15000000000u /* compile, check and time one candidate */
#define GIVE_UP_FACTOR 1.35 /* slower than the best by this: three samples */
#define POLL_MS        100
#define LOST_MAX       3

/* -------------------------------------------------------------- targets */

static double work_of(const struct yt_target *target)
{
    return (double)yt_problem_flops(&target->problem) * target->layers;
}

static int by_work(const void *a, const void *b)
{
    const struct yt_target *x = a;
    const struct yt_target *y = b;
    const double work_x = work_of(x);
    const double work_y = work_of(y);
    if (work_x != work_y)
        return work_x < work_y ? 1 : -1;
    return strcmp(x->name, y->name);
}

static enum yt_status add_trial(struct yt_target *target,
                                const struct yt_schedule *schedule, int ok,
                                double min_ns, uint32_t code_bytes)
{
    if (target->count == target->cap) {
        const int32_t cap = target->cap ? 2 * target->cap : 64;
        struct yt_trial *trials =
            realloc(target->trials, (size_t)cap * sizeof *trials);
        if (trials)
            target->trials = trials;
        uint32_t *bytes =
            realloc(target->code_bytes, (size_t)cap * sizeof *bytes);
        if (bytes)
            target->code_bytes = bytes;
        YT_FAIL_IF(!trials || !bytes, YT_NO_MEMORY, "no memory for %d trials",
                   cap);
        target->cap = cap;
    }
    target->code_bytes[target->count] = code_bytes;
    target->trials[target->count++] =
        (struct yt_trial){.schedule = *schedule, .ok = ok, .min_ns = min_ns};
    return YT_OK;
}

/* A row of the database becomes a trial; the newest of a schedule counts. */
static enum yt_status take_row(void *user, const struct yt_db_measurement *m)
{
    struct yt_search *search = user;
    struct yt_schedule schedule;
    if (yt_schedule_parse(m->schedule, &schedule) != YT_OK)
        return YT_OK; /* of another generator */
    if (m->created_ms > search->newest_ms)
        search->newest_ms = m->created_ms;
    for (int32_t i = 0; i < search->target_count; i++) {
        struct yt_target *target = &search->targets[i];
        if (strcmp(target->name, m->problem) != 0)
            continue;
        const int ok = m->outcome == YT_DB_OK;
        for (int32_t j = 0; j < target->count; j++) {
            char name[YT_SCHEDULE_NAME_MAX];
            yt_schedule_name(&target->trials[j].schedule, name);
            if (strcmp(name, m->schedule) == 0) {
                target->trials[j].ok = ok;
                target->trials[j].min_ns = m->min_ns;
                return YT_OK;
            }
        }
        return add_trial(target, &schedule, ok, m->min_ns,
                         (uint32_t)m->code_bytes);
    }
    return YT_OK;
}

static enum yt_status read_rows(struct yt_search *search,
                                const struct yt_engine *engine)
{
    if (!engine->db)
        return YT_OK;
    const char **names =
        calloc((size_t)search->target_count + 1, sizeof *names);
    YT_FAIL_IF(!names, YT_NO_MEMORY, "no memory for problem names");
    for (int32_t i = 0; i < search->target_count; i++)
        names[i] = search->targets[i].name;
    const struct yt_db_measurement_query query = {
        .here = engine->here,
        .isa = engine->network->isa->name,
        .threads = engine->threads,
        .setting = "",
        .problems = names,
        .problem_count = (size_t)search->target_count,
    };
    const enum yt_status status =
        yt_db_measurements(engine->db, &query, take_row, search);
    free(names);
    return status;
}

enum yt_status yt_search_create(const struct yt_engine *engine,
                                struct yt_search **search_out)
{
    const struct yt_net *net = engine->network->net;
    struct yt_search *search = calloc(1, sizeof *search);
    if (search)
        search->targets =
            calloc((size_t)net->layer_count, sizeof *search->targets);
    if (!search || !search->targets) {
        yt_search_destroy(search);
        return yt_fail(YT_NO_MEMORY, "no memory for %d layers",
                       net->layer_count);
    }
    for (int32_t i = 0; i < net->layer_count; i++) {
        char name[YT_PROBLEM_NAME_MAX];
        yt_problem_name(&net->layers[i].problem, name);
        int32_t at = 0;
        while (at < search->target_count &&
               strcmp(search->targets[at].name, name) != 0)
            at++;
        struct yt_target *target = &search->targets[at];
        target->layers++;
        if (at < search->target_count)
            continue;
        search->target_count++;
        target->problem = net->layers[i].problem;
        target->layer = net->layers[i].name;
        memcpy(target->name, name, sizeof name);
    }
    qsort(search->targets, (size_t)search->target_count,
          sizeof *search->targets, by_work);
    const enum yt_status status = read_rows(search, engine);
    if (status != YT_OK) {
        yt_search_destroy(search);
        return status;
    }
    *search_out = search;
    return YT_OK;
}

void yt_search_destroy(struct yt_search *search)
{
    if (!search)
        return;
    for (int32_t i = 0; search->targets && i < search->target_count; i++) {
        free(search->targets[i].trials);
        free(search->targets[i].code_bytes);
    }
    free(search->targets);
    free(search);
}

static double best_ns(const struct yt_target *target)
{
    double best = 0;
    for (int32_t i = 0; i < target->count; i++)
        if (target->trials[i].ok &&
            (best == 0 || target->trials[i].min_ns < best))
            best = target->trials[i].min_ns;
    return best;
}

/* The fastest trial under the limit that is not in taken[]; -1: none. */
static int32_t fastest(const struct yt_target *target, const struct yt_isa *isa,
                       double limit_ns, int only_pixels, const int32_t *taken,
                       int32_t count)
{
    int32_t at = -1;
    for (int32_t i = 0; i < target->count; i++) {
        const struct yt_trial *trial = &target->trials[i];
        int skip = !trial->ok || trial->min_ns > limit_ns;
        for (int32_t j = 0; j < count && !skip; j++)
            skip = taken[j] == i;
        if (!skip && only_pixels)
            skip = !yt_schedule_splits_pixels(&target->problem,
                                              &trial->schedule, isa);
        if (!skip && (at < 0 || trial->min_ns < target->trials[at].min_ns))
            at = i;
    }
    return at;
}

int32_t yt_target_finalists(const struct yt_target *target,
                            const struct yt_isa *isa,
                            struct yt_schedule out[YT_FINALISTS_MAX])
{
    const double best = best_ns(target);
    int32_t taken[YT_FINALISTS_MAX];
    int32_t count = 0;
    for (int32_t i = 0; i < YT_FINALISTS_MAX; i++) {
        const int pixels = i >= YT_FINALISTS_MAX - 2;
        const int32_t at = fastest(target, isa, best * (pixels ? 1.30 : 1.08),
                                   pixels, taken, count);
        if (at >= 0) {
            out[count] = target->trials[at].schedule;
            taken[count++] = at;
        }
    }
    if (count == 0)
        yt_schedule_default(&target->problem, isa, &out[count++]);
    return count;
}

uint32_t yt_target_code_bytes(const struct yt_target *target,
                              const struct yt_schedule *schedule)
{
    char wanted[YT_SCHEDULE_NAME_MAX], name[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(schedule, wanted);
    for (int32_t i = 0; i < target->count; i++) {
        yt_schedule_name(&target->trials[i].schedule, name);
        if (strcmp(name, wanted) == 0)
            return target->code_bytes[i];
    }
    return 0;
}

/* ----------------------------------------------------------------- loop */

/* A core's worker and the problem it is on. */
struct slot {
    struct yt_worker *worker; /* NULL: idle */
    int cpu;
    struct yt_target *target;
    struct yt_schedule schedule; /* in flight */
    uint64_t until_ns;           /* this problem's share of the budget ends */
    int32_t lost; /* candidates in a row that came back without an answer */
};

struct loop {
    struct yt_search *search;
    struct yt_engine *engine;
    const struct yt_tune_options *options;
    struct slot slots[WORKERS_MAX];
    int32_t slot_count;
    int32_t next_target;
    int32_t done_targets;
    uint64_t begin_ns, deadline_ns;
    int exhaustive; /* second pass */
};

static int stopped(const struct loop *loop)
{
    return (loop->options->stop && *loop->options->stop) ||
           yt_now_ns() >= loop->deadline_ns;
}

static void report(const struct loop *loop, const struct yt_target *target)
{
    if (!loop->options->progress)
        return;
    const double flops = (double)yt_problem_flops(&target->problem);
    const double best = best_ns(target);
    const double elapsed = 1e-9 * (double)(yt_now_ns() - loop->begin_ns);
    const double total = 1e-9 * (double)(loop->deadline_ns - loop->begin_ns);
    const double finished = loop->done_targets;
    double left = finished > 0 ? elapsed / finished *
                                     (loop->search->target_count - finished)
                               : total - elapsed;
    if (left > total - elapsed)
        left = total - elapsed;
    const struct yt_progress_event event = {
        .phase = "search",
        .layer = target->layer,
        .problem = target->name,
        .tried = target->count,
        .planned = target->count + 1,
        .done_layers = loop->done_targets,
        .layers = loop->search->target_count,
        .best_gflops = best > 0 ? flops / best : 0,
        .first_gflops = target->count && target->trials[0].ok
                            ? flops / target->trials[0].min_ns
                            : 0,
        .peak_gflops = loop->search->peak_gflops,
        .elapsed_s = elapsed,
        .left_s = left > 0 ? left : 0,
    };
    loop->options->progress(loop->options->user, &event);
}

static int next_candidate(const struct loop *loop,
                          const struct yt_target *target,
                          struct yt_schedule *next_out)
{
    const struct yt_space space = {
        .problem = &target->problem,
        .isa = loop->engine->network->isa,
        .threads = loop->engine->threads,
        .exhaustive = loop->exhaustive,
    };
    return yt_space_next(&space, target->trials, target->count, next_out);
}

/* What is left of the budget is shared out by work, half of it evenly, to this
 * and the following problems that have something left to try. */
static uint64_t share_ns(const struct loop *loop, int32_t index)
{
    const struct yt_search *search = loop->search;
    double all = 0;
    int32_t count = 0;
    for (int32_t i = index; i < search->target_count; i++) {
        if (search->targets[i].complete)
            continue;
        all += work_of(&search->targets[i]);
        count++;
    }
    const double even = 1.0 / count;
    const double mine = all > 0 ? work_of(&search->targets[index]) / all : even;
    const uint64_t now = yt_now_ns();
    const double left =
        now < loop->deadline_ns ? (double)(loop->deadline_ns - now) : 0;
    return (uint64_t)(left * (0.5 * even + 0.5 * mine) * loop->slot_count);
}

static enum yt_status store(struct loop *loop, const struct slot *slot,
                            const struct yt_worker_result *r)
{
    if (!loop->engine->db)
        return YT_OK;
    char schedule[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(&slot->schedule, schedule);
    const struct yt_db_measurement row = {
        .here = loop->engine->here,
        .problem = slot->target->name,
        .schedule = schedule,
        .isa = loop->engine->network->isa->name,
        .threads = loop->engine->threads,
        .setting = "",
        .outcome = r->outcome,
        .detail = r->detail,
        .min_ns = r->timing.min_ns,
        .median_ns = r->timing.median_ns,
        .mad_ns = r->timing.mad_ns,
        .iterations = (int64_t)r->timing.iters,
        .samples = (int32_t)r->timing.samples,
        .max_error = r->max_error,
        .code_bytes = r->code_bytes,
        .spills = (int32_t)r->spills,
    };
    return yt_db_measurement_put(loop->engine->db, &row, NULL);
}

static void leave_target(struct loop *loop, struct slot *slot)
{
    yt_worker_stop(slot->worker);
    slot->worker = NULL;
    if (slot->target)
        loop->done_targets++;
    slot->target = NULL;
}

/* A candidate got no answer and no blame: it is tried again, and a problem
 * whose candidates are lost time and again is given up. */
static void lose(struct loop *loop, struct slot *slot, const char *why)
{
    struct yt_search *search = loop->search;
    search->lost++;
    snprintf(search->why_lost, sizeof search->why_lost, "%.*s",
             (int)sizeof search->why_lost - 1, why);
    if (++slot->lost >= LOST_MAX)
        leave_target(loop, slot);
}

static enum yt_status take_result(struct loop *loop, struct slot *slot,
                                  const struct yt_worker_result *r)
{
    struct yt_target *target = slot->target;
    const int ok = r->outcome == YT_DB_OK;
    /* Whoever stops this process may have ended the worker as well. */
    if (stopped(loop) && r->outcome == YT_DB_CRASHED)
        return YT_OK;
    if (r->lost) {
        lose(loop, slot, r->detail);
        return YT_OK;
    }
    slot->lost = 0;
    YT_TRY(add_trial(target, &slot->schedule, ok, r->timing.min_ns,
                     r->code_bytes));
    target->fresh++;
    loop->search->fresh++;
    target->failed += !ok && r->outcome != YT_DB_SPILLS;
    YT_TRY(store(loop, slot, r));
    report(loop, target);
    return YT_OK;
}

/* Give the slot something to do: its problem's next candidate, or the next
 * problem that has one. Leaves it idle when there is none. */
static enum yt_status feed(struct loop *loop, struct slot *slot)
{
    while (!stopped(loop)) {
        if (slot->target) {
            const int any = next_candidate(loop, slot->target, &slot->schedule);
            if (!any)
                slot->target->complete = 1;
            if (!any || yt_now_ns() >= slot->until_ns) {
                leave_target(loop, slot);
                continue;
            }
            if (slot->worker && !yt_worker_alive(slot->worker)) {
                yt_worker_stop(slot->worker);
                slot->worker = NULL;
            }
            if (!slot->worker)
                YT_TRY(yt_worker_start(
                    &slot->target->problem, loop->engine->network->isa,
                    loop->engine->threads, slot->cpu, &slot->worker));
            const double best = best_ns(slot->target);
            if (yt_worker_submit(slot->worker, &slot->schedule,
                                 best * GIVE_UP_FACTOR, DEADLINE_NS) == YT_OK)
                return YT_OK;
            yt_worker_stop(slot->worker); /* it died meanwhile */
            slot->worker = NULL;
            lose(loop, slot, "the worker was killed (out of memory?)");
            continue;
        }
        if (loop->next_target == loop->search->target_count)
            return YT_OK;
        const int32_t index = loop->next_target++;
        struct yt_target *target = &loop->search->targets[index];
        if (target->complete) {
            loop->done_targets++;
            continue;
        }
        slot->until_ns = yt_now_ns() + share_ns(loop, index);
        slot->target = target;
        slot->lost = 0;
    }
    return YT_OK;
}

/* One worker per core: on two CPUs of one core, each would time the other. */
static void pick_cpus(struct loop *loop)
{
    const struct yt_host *host = &loop->engine->host;
    loop->slot_count =
        host->threads < WORKERS_MAX ? host->threads : WORKERS_MAX;
    for (int32_t i = 0; i < loop->slot_count; i++)
        loop->slots[i].cpu = host->cpus[i];
}

static enum yt_status run_pass(struct loop *loop)
{
    struct pollfd fds[WORKERS_MAX];
    loop->next_target = 0;
    loop->done_targets = 0;
    for (int32_t i = 0; i < loop->slot_count; i++)
        YT_TRY(feed(loop, &loop->slots[i]));
    for (;;) {
        nfds_t busy = 0;
        for (int32_t i = 0; i < loop->slot_count; i++)
            if (loop->slots[i].worker)
                fds[busy++] = (struct pollfd){
                    .fd = yt_worker_fd(loop->slots[i].worker),
                    .events = POLLIN,
                };
        if (busy == 0 || stopped(loop))
            return YT_OK;
        (void)poll(fds, busy, POLL_MS);
        for (int32_t i = 0; i < loop->slot_count; i++) {
            struct slot *slot = &loop->slots[i];
            struct yt_worker_result result;
            if (!slot->worker || !yt_worker_take(slot->worker, &result))
                continue;
            YT_TRY(take_result(loop, slot, &result));
            YT_TRY(feed(loop, slot));
        }
    }
}

static int any_incomplete(const struct yt_search *search)
{
    for (int32_t i = 0; i < search->target_count; i++)
        if (!search->targets[i].complete)
            return 1;
    return 0;
}

/* A problem that needs less than its share leaves time to those before it, so
 * passes are repeated while they find something to measure. */
static enum yt_status run_passes(struct loop *loop)
{
    struct yt_search *search = loop->search;
    enum yt_status status;
    int32_t before;
    do {
        before = search->fresh;
        status = run_pass(loop);
        for (int32_t i = 0; i < loop->slot_count; i++)
            leave_target(loop, &loop->slots[i]);
    } while (status == YT_OK && search->fresh > before && !stopped(loop) &&
             any_incomplete(search));
    return status;
}

enum yt_status yt_search_run(struct yt_search *search, struct yt_engine *engine,
                             const struct yt_tune_options *options,
                             uint64_t deadline_ns)
{
    struct loop loop = {
        .search = search,
        .engine = engine,
        .options = options,
        .begin_ns = yt_now_ns(),
        .deadline_ns = deadline_ns,
    };
    pick_cpus(&loop);
    YT_TRY(run_passes(&loop));
    if (!options->exhaustive)
        return YT_OK;
    loop.exhaustive = 1;
    for (int32_t i = 0; i < search->target_count; i++)
        search->targets[i].complete = 0;
    return run_passes(&loop);
}
