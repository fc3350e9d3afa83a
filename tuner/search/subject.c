/* The distinct problems of a network, and which of their trials are worth a
 * place in it. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "tuner/search/cost_model.h"
#include "tuner/search/search.h"

double yt_subject_work(const struct yt_subject *subject)
{
    return (double)yt_problem_flops(&subject->problem) * subject->layers;
}

/* Steps of a frame first: they have few candidates, whose code is small, and no
 * flops to speak for them. */
static int by_work(const void *a, const void *b)
{
    const struct yt_subject *x = a;
    const struct yt_subject *y = b;
    const int frame_x = yt_frame_kernel_c(x->problem.op) != NULL;
    const int frame_y = yt_frame_kernel_c(y->problem.op) != NULL;
    if (frame_x != frame_y)
        return frame_y - frame_x;
    const double work_x = yt_subject_work(x);
    const double work_y = yt_subject_work(y);
    if (work_x != work_y)
        return work_x < work_y ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* A row of the database becomes a trial; the newest of a schedule counts, and
 * comes last. */
static enum yt_status take_row(void *user, const struct yt_db_measurement *m)
{
    struct yt_search *search = user;
    struct yt_trial trial = {
        .ok = m->outcome == YT_DB_OK,
        .min_ns = m->min_ns,
        .code_bytes = (uint32_t)m->code_bytes,
    };
    const struct yt_subject *subject = &search->subjects[m->problem_index];
    if (yt_schedule_parse(subject->problem.op, m->schedule, &trial.schedule) !=
        YT_OK)
        return YT_OK; /* of another generator */
    if (m->created_ms > search->newest_ms)
        search->newest_ms = m->created_ms;
    return yt_trials_put(&search->subjects[m->problem_index].trials, &trial);
}

enum yt_status yt_search_read(struct yt_search *search)
{
    const struct yt_site *site = search->site;
    if (!site->db)
        return YT_OK;
    const char **names =
        calloc((size_t)search->subject_count + 1, sizeof *names);
    YT_FAIL_IF(!names, YT_NO_MEMORY, "no memory for problem names");
    for (int32_t i = 0; i < search->subject_count; i++)
        names[i] = search->subjects[i].name;
    const struct yt_db_measurement_query query = {
        .here = site->here,
        .isa = site->isa->name,
        .threads = search->threads,
        .setting = "",
        .problems = names,
        .problem_count = (size_t)search->subject_count,
    };
    const enum yt_status status =
        yt_db_measurements(site->db, &query, take_row, search);
    free(names);
    return status;
}

int32_t yt_search_find(const struct yt_search *search,
                       const struct yt_problem *problem)
{
    char name[YT_PROBLEM_NAME_MAX];
    yt_problem_name(problem, name);
    int32_t at = 0;
    while (at < search->subject_count &&
           strcmp(search->subjects[at].name, name) != 0)
        at++;
    return at;
}

/* A step of the plan: one more of a problem, or the first. */
static void add_step(struct yt_search *search, const struct yt_problem *problem,
                     const char *layer)
{
    const int32_t at = yt_search_find(search, problem);
    struct yt_subject *subject = &search->subjects[at];
    subject->layers++;
    if (at < search->subject_count)
        return;
    search->subject_count++;
    subject->problem = *problem;
    subject->layer = layer;
    yt_problem_name(problem, subject->name);
}

enum yt_status yt_search_create(const struct yt_site *site,
                                const struct yt_build *build, int32_t threads,
                                struct yt_search **search_out)
{
    const struct yt_net *net = build->net;
    const struct yt_plan *plan = &build->plan;
    const int32_t frame = yt_frame_steps(plan);
    struct yt_search *search = calloc(1, sizeof *search);
    if (search)
        search->subjects = calloc((size_t)net->layer_count + (size_t)frame,
                                  sizeof *search->subjects);
    if (!search || !search->subjects) {
        yt_search_destroy(search);
        return yt_fail(YT_NO_MEMORY, "no memory for %d layers",
                       net->layer_count);
    }
    search->site = site;
    search->threads = threads;
    for (int32_t i = 0; i < net->layer_count; i++)
        add_step(search, &net->layers[i].problem, net->layers[i].name);
    for (int32_t i = 0; i < frame; i++) {
        const struct yt_step *step = yt_frame_step_of(plan, i);
        add_step(search, &step->problem, step->name);
    }
    qsort(search->subjects, (size_t)search->subject_count,
          sizeof *search->subjects, by_work);
    const enum yt_status status = yt_search_read(search);
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
    for (int32_t i = 0; search->subjects && i < search->subject_count; i++) {
        yt_trials_deinit(&search->subjects[i].trials);
        free(search->subjects[i].proposed);
    }
    yt_cost_model_destroy(search->model);
    free(search->subjects);
    free(search);
}

double yt_subject_best_ns(const struct yt_subject *subject)
{
    double best = 0;
    for (int32_t i = 0; i < subject->trials.count; i++) {
        const struct yt_trial *trial = &subject->trials.items[i];
        if (trial->ok && (best == 0 || trial->min_ns < best))
            best = trial->min_ns;
    }
    return best;
}

/* The fastest trial under the limit that is not in taken[]; -1: none. */
static int32_t fastest(const struct yt_subject *subject,
                       const struct yt_isa *isa, double limit_ns,
                       int only_pixels, const int32_t *taken, int32_t count)
{
    int32_t at = -1;
    for (int32_t i = 0; i < subject->trials.count; i++) {
        const struct yt_trial *trial = &subject->trials.items[i];
        int skip = !trial->ok || trial->min_ns > limit_ns;
        for (int32_t j = 0; j < count && !skip; j++)
            skip = taken[j] == i;
        if (!skip && only_pixels)
            skip = !yt_schedule_splits_pixels(&subject->problem,
                                              &trial->schedule, isa);
        if (!skip &&
            (at < 0 || trial->min_ns < subject->trials.items[at].min_ns))
            at = i;
    }
    return at;
}

int32_t yt_subject_finalists(const struct yt_subject *subject,
                             const struct yt_isa *isa,
                             struct yt_schedule out[YT_FINALISTS_MAX])
{
    const double best = yt_subject_best_ns(subject);
    int32_t taken[YT_FINALISTS_MAX];
    int32_t count = 0;
    for (int32_t i = 0; i < YT_FINALISTS_MAX; i++) {
        const int pixels = i >= YT_FINALISTS_MAX - 2;
        const int32_t at = fastest(subject, isa, best * (pixels ? 1.30 : 1.08),
                                   pixels, taken, count);
        if (at >= 0) {
            out[count] = subject->trials.items[at].schedule;
            taken[count++] = at;
        }
    }
    if (count == 0)
        yt_schedule_default(&subject->problem, isa, &out[count++]);
    return count;
}

/* The fastest as measured alone, of a problem that there is a subject for. */
static struct yt_schedule fastest_alone(const struct yt_search *search,
                                        const struct yt_problem *problem)
{
    struct yt_schedule finalists[YT_FINALISTS_MAX];
    const int32_t at = yt_search_find(search, problem);
    assert(at < search->subject_count);
    (void)yt_subject_finalists(&search->subjects[at], search->site->isa,
                               finalists);
    return finalists[0];
}

void yt_search_choose_layers(const struct yt_search *search,
                             struct yt_build *build)
{
    for (int32_t i = 0; i < build->net->layer_count; i++)
        build->schedules[i] =
            fastest_alone(search, &build->net->layers[i].problem);
}

void yt_search_choose_frame(const struct yt_search *search,
                            struct yt_build *build)
{
    for (int32_t i = 0; i < yt_frame_steps(&build->plan); i++)
        build->frame.of[i] =
            fastest_alone(search, &yt_frame_step_of(&build->plan, i)->problem);
}

uint32_t yt_subject_code_bytes(const struct yt_subject *subject,
                               const struct yt_schedule *schedule)
{
    const struct yt_trial *trial = yt_trials_find(&subject->trials, schedule);
    return trial ? trial->code_bytes : 0;
}
