/* The search loop: one worker process per core, each on a problem of its own;
 * the parent picks candidates, watches deadlines and writes rows. */

#include "tuner/search/search.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "tuner/measure/timing_lock.h"
#include "tuner/measure/worker.h"
#include "tuner/search/cost_model.h"

#define WORKERS_MAX    8
#define DEADLINE_NS    15000000000u /* compile, check and time one candidate */
#define GIVE_UP_FACTOR 1.35 /* slower than the best by this: three samples */
#define POLL_MS        100
#define LOST_MAX       3
#define PROPOSALS      16  /* of a cost model for each problem */
#define MARGIN         1.0 /* spreads of its errors that it is allowed */
/* What a candidate may be expected to be slower than the best, and what it must
 * be faster by where an earlier run was; of the logarithm of time. */
#define GAIN       0.05
#define GAIN_AGAIN 0.02
#define WAIT_NS    200000000 /* until another look at the lock */

/* A core's worker and the problem it is on. */
struct slot {
    struct yt_worker *worker; /* NULL: idle */
    int cpu;
    struct yt_subject *subject;
    struct yt_schedule schedule; /* in flight */
    uint64_t until_ns;           /* this problem's share of the budget ends */
    int32_t lost; /* candidates in a row that came back without an answer */
};

struct loop {
    struct yt_search *search;
    const struct yt_tune_options *options;
    struct slot slots[WORKERS_MAX];
    int32_t slot_count;
    int32_t next_subject;
    int32_t done_subjects;
    uint64_t begin_ns, deadline_ns;
    int exhaustive; /* the whole space, after the search */
    struct yt_timing_lock lock;
};

static int stopped(const struct loop *loop)
{
    return (loop->options->stop && *loop->options->stop) ||
           yt_now_ns() >= loop->deadline_ns;
}

static void report(const struct loop *loop, const struct yt_subject *subject)
{
    if (!loop->options->progress)
        return;
    const double flops = (double)yt_problem_flops(&subject->problem);
    const double best = yt_subject_best_ns(subject);
    const double elapsed = 1e-9 * (double)(yt_now_ns() - loop->begin_ns);
    const double total = 1e-9 * (double)(loop->deadline_ns - loop->begin_ns);
    const double finished = loop->done_subjects;
    double left = finished > 0 ? elapsed / finished *
                                     (loop->search->subject_count - finished)
                               : total - elapsed;
    if (left > total - elapsed)
        left = total - elapsed;
    const struct yt_progress_event event = {
        .phase = "search",
        .layer = subject->layer,
        .problem = subject->name,
        .tried = subject->trials.count,
        .planned = subject->trials.count + 1,
        .done_layers = loop->done_subjects,
        .layers = loop->search->subject_count,
        .best_gflops = best > 0 ? flops / best : 0,
        .first_gflops = subject->trials.count && subject->trials.items[0].ok
                            ? flops / subject->trials.items[0].min_ns
                            : 0,
        .peak_gflops = loop->search->peak_gflops,
        .elapsed_s = elapsed,
        .left_s = left > 0 ? left : 0,
    };
    loop->options->progress(loop->options->user, &event);
}

static enum yt_status next_candidate(const struct loop *loop,
                                     const struct yt_subject *subject,
                                     int *any_out, struct yt_schedule *next_out)
{
    struct yt_space space = {
        .problem = &subject->problem,
        .isa = loop->search->site->isa,
        .threads = loop->search->threads,
        .exhaustive = loop->exhaustive,
        .proposed = subject->proposed,
        .proposed_count = subject->proposed_count,
    };
    struct yt_cost_doubt doubt;
    if (loop->search->model && !loop->exhaustive &&
        yt_cost_model_knows(&subject->problem)) {
        /* Where an earlier run was, only what should beat all that it found:
         * the model learns on, and must not send a search round again. */
        const int again = subject->trials.count - subject->fresh >= PROPOSALS;
        yt_cost_model_doubt(loop->search->model, &space, &subject->trials,
                            again ? -GAIN_AGAIN : GAIN, again ? 0 : MARGIN,
                            &doubt);
        space.sceptical = again;
        space.worth = yt_cost_model_worth;
        space.user = &doubt;
    }
    return yt_space_next(&space, &subject->trials, any_out, next_out);
}

/* What is left of the budget is shared out by work, half of it evenly, to this
 * and the following problems that have something left to try. */
static uint64_t share_ns(const struct loop *loop, int32_t index)
{
    const struct yt_search *search = loop->search;
    double all = 0;
    int32_t count = 0;
    for (int32_t i = index; i < search->subject_count; i++) {
        if (search->subjects[i].complete)
            continue;
        all += yt_subject_work(&search->subjects[i]);
        count++;
    }
    const double even = 1.0 / count;
    const double mine =
        all > 0 ? yt_subject_work(&search->subjects[index]) / all : even;
    const uint64_t now = yt_now_ns();
    const double left =
        now < loop->deadline_ns ? (double)(loop->deadline_ns - now) : 0;
    return (uint64_t)(left * (0.5 * even + 0.5 * mine) * loop->slot_count);
}

static enum yt_status store(struct loop *loop, const struct slot *slot,
                            const struct yt_worker_result *r)
{
    if (!loop->search->site->db)
        return YT_OK;
    char schedule[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(&slot->schedule, schedule);
    const struct yt_db_measurement row = {
        .here = loop->search->site->here,
        .problem = slot->subject->name,
        .schedule = schedule,
        .isa = loop->search->site->isa->name,
        .threads = loop->search->threads,
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
    return yt_db_measurement_put(loop->search->site->db, &row, NULL);
}

static void leave_subject(struct loop *loop, struct slot *slot)
{
    yt_worker_stop(slot->worker);
    slot->worker = NULL;
    if (slot->subject)
        loop->done_subjects++;
    slot->subject = NULL;
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
        leave_subject(loop, slot);
}

static enum yt_status take_result(struct loop *loop, struct slot *slot,
                                  const struct yt_worker_result *r)
{
    struct yt_subject *subject = slot->subject;
    const int ok = r->outcome == YT_DB_OK;
    /* Whoever stops this process may have ended the worker as well. */
    if (stopped(loop) && r->outcome == YT_DB_CRASHED)
        return YT_OK;
    if (r->lost) {
        lose(loop, slot, r->detail);
        return YT_OK;
    }
    slot->lost = 0;
    const struct yt_trial trial = {
        .schedule = slot->schedule,
        .ok = ok,
        .min_ns = r->timing.min_ns,
        .code_bytes = r->code_bytes,
    };
    YT_TRY(yt_trials_put(&subject->trials, &trial));
    subject->fresh++;
    loop->search->fresh++;
    subject->failed += !ok && r->outcome != YT_DB_SPILLS;
    YT_TRY(store(loop, slot, r));
    report(loop, subject);
    return YT_OK;
}

/* Learn again when twice as much is known: the parent shares a core with what
 * is timed. An order to try things in is not worth a failure. */
static void learn(struct yt_search *search)
{
    const int32_t known = search->model ? yt_cost_model_rows(search->model) : 0;
    if (known && search->fresh < search->learnt_fresh + known)
        return;
    struct yt_cost_model *model = NULL;
    search->learnt_fresh = search->fresh;
    if (yt_cost_model_learn(search->site, NULL, &model) != YT_OK)
        return;
    yt_cost_model_destroy(search->model);
    search->model = model;
}

/* What a problem is begun with, once. */
static void propose(struct yt_search *search, struct yt_subject *subject)
{
    const struct yt_space space = {
        .problem = &subject->problem,
        .isa = search->site->isa,
        .threads = search->threads,
    };
    if (subject->proposed || !yt_cost_model_knows(&subject->problem))
        return;
    learn(search);
    if (!search->model)
        return;
    subject->proposed = calloc(PROPOSALS, sizeof *subject->proposed);
    if (subject->proposed &&
        yt_cost_model_propose(search->model, &space, PROPOSALS,
                              subject->proposed,
                              &subject->proposed_count) != YT_OK)
        subject->proposed_count = 0;
}

/* Give the slot something to do: its problem's next candidate, or the next
 * problem that has one. Leaves it idle when there is none. */
static enum yt_status feed(struct loop *loop, struct slot *slot)
{
    while (!stopped(loop)) {
        if (slot->subject) {
            int any;
            YT_TRY(next_candidate(loop, slot->subject, &any, &slot->schedule));
            if (!any)
                slot->subject->complete = 1;
            if (!any || yt_now_ns() >= slot->until_ns) {
                leave_subject(loop, slot);
                continue;
            }
            if (slot->worker && !yt_worker_alive(slot->worker)) {
                yt_worker_stop(slot->worker);
                slot->worker = NULL;
            }
            if (!slot->worker)
                YT_TRY(yt_worker_start(
                    &slot->subject->problem, loop->search->site->isa,
                    loop->search->threads, slot->cpu, &slot->worker));
            const double best = yt_subject_best_ns(slot->subject);
            if (yt_worker_submit(slot->worker, &slot->schedule,
                                 best * GIVE_UP_FACTOR, DEADLINE_NS) == YT_OK)
                return YT_OK;
            yt_worker_stop(slot->worker); /* it died meanwhile */
            slot->worker = NULL;
            lose(loop, slot, "the worker was killed (out of memory?)");
            continue;
        }
        if (loop->next_subject == loop->search->subject_count)
            return YT_OK;
        const int32_t index = loop->next_subject++;
        struct yt_subject *subject = &loop->search->subjects[index];
        if (subject->complete) {
            loop->done_subjects++;
            continue;
        }
        propose(loop->search, subject);
        slot->until_ns = yt_now_ns() + share_ns(loop, index);
        slot->subject = subject;
        slot->lost = 0;
    }
    return YT_OK;
}

/* One worker per core: on two CPUs of one core, each would time the other. */
static void pick_cpus(struct loop *loop)
{
    const struct yt_host *host = &loop->search->site->host;
    loop->slot_count =
        host->threads < WORKERS_MAX ? host->threads : WORKERS_MAX;
    for (int32_t i = 0; i < loop->slot_count; i++)
        loop->slots[i].cpu = host->cpus[i];
}

static enum yt_status run_pass(struct loop *loop)
{
    struct pollfd fds[WORKERS_MAX];
    loop->next_subject = 0;
    loop->done_subjects = 0;
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
    for (int32_t i = 0; i < search->subject_count; i++)
        if (!search->subjects[i].complete)
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
            leave_subject(loop, &loop->slots[i]);
    } while (status == YT_OK && search->fresh > before && !stopped(loop) &&
             any_incomplete(search));
    return status;
}

static void report_waiting(const struct loop *loop)
{
    if (!loop->options->progress)
        return;
    const uint64_t now = yt_now_ns();
    const struct yt_progress_event event = {
        .phase = "waiting for another yolotune to finish measuring",
        .layer = "",
        .problem = "",
        .layers = loop->search->subject_count,
        .peak_gflops = loop->search->peak_gflops,
        .elapsed_s = 1e-9 * (double)(now - loop->begin_ns),
        .left_s = now < loop->deadline_ns
                      ? 1e-9 * (double)(loop->deadline_ns - now)
                      : 0,
    };
    loop->options->progress(loop->options->user, &event);
}

/* Wait until nobody else measures for this database, and then take up what the
 * other found. Whoever was stopped meanwhile does not have the lock. */
static enum yt_status wait_for_turn(struct loop *loop)
{
    if (!loop->search->site->db)
        return YT_OK;
    const struct timespec pause = {.tv_nsec = WAIT_NS};
    int waited = 0;
    while (!stopped(loop)) {
        if (yt_timing_lock_try(&loop->lock, yt_db_path(loop->search->site->db)))
            return waited ? yt_search_read(loop->search) : YT_OK;
        waited = 1;
        report_waiting(loop);
        nanosleep(&pause, NULL);
    }
    return YT_OK;
}

/* What is left to try, of which the other process may be trying some. */
static enum yt_status mark_complete(struct loop *loop)
{
    struct yt_schedule next;
    for (int32_t i = 0; i < loop->search->subject_count; i++) {
        struct yt_subject *subject = &loop->search->subjects[i];
        int any;
        YT_TRY(next_candidate(loop, subject, &any, &next));
        subject->complete = !any;
    }
    return YT_OK;
}

static enum yt_status search_space(struct loop *loop, int exhaustive)
{
    loop->exhaustive = exhaustive;
    YT_TRY(mark_complete(loop));
    if (!any_incomplete(loop->search))
        return YT_OK;
    YT_TRY(wait_for_turn(loop));
    return run_passes(loop);
}

enum yt_status yt_search_run(struct yt_search *search,
                             const struct yt_tune_options *options,
                             uint64_t deadline_ns)
{
    struct loop loop = {
        .search = search,
        .options = options,
        .begin_ns = yt_now_ns(),
        .deadline_ns = deadline_ns,
        .lock = YT_TIMING_LOCK_INIT,
    };
    pick_cpus(&loop);
    learn(search);
    enum yt_status status = search_space(&loop, 0);
    if (status == YT_OK && options->exhaustive)
        status = search_space(&loop, 1);
    yt_timing_lock_release(&loop.lock);
    return status;
}
