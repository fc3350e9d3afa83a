/* Greedy: the exchange that costs the least time a byte, again and again. */

#include "tuner/search/fit.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/pack.h"
#include "runtime/fail.h"
#include "runtime/workspace.h"

/* Time that nobody measured is taken for twice the best. */
#define UNTRIED 2.0

/* What a problem's layers run now. */
struct choice {
    int32_t layers; /* 0: it is none of the network's */
    struct yt_schedule schedule;
};

struct fit {
    struct yt_build *build;
    const struct yt_search *search;
    int32_t copies;
    struct choice *choices; /* [subject_count] */
    int32_t *subject_of;    /* [layer_count] */
};

/* Weights of all layers, and the code that they share. */
static int64_t own_bytes(const struct fit *f, int32_t t,
                         const struct yt_schedule *s)
{
    const struct yt_subject *subject = &f->search->subjects[t];
    const struct yt_isa *isa = f->build->isa;
    const int64_t layer =
        yt_align((int64_t)yt_pack_weight_bytes(&subject->problem, s, isa)) +
        yt_align((int64_t)yt_pack_constant_bytes(&subject->problem, isa));
    return f->choices[t].layers * layer + yt_subject_code_bytes(subject, s);
}

static int64_t scratch_of(const struct fit *f, int32_t t,
                          const struct yt_schedule *s)
{
    return yt_align(yt_schedule_scratch_bytes(&f->search->subjects[t].problem,
                                              s, f->build->isa));
}

/* All bytes, with another schedule in place of problem t's. */
static int64_t bytes_with(const struct fit *f, int32_t t,
                          const struct yt_schedule *s)
{
    int64_t bytes = 0, scratch = 0;
    for (int32_t i = 0; i < f->search->subject_count; i++) {
        if (!f->choices[i].layers)
            continue;
        const struct yt_schedule *one = i == t ? s : &f->choices[i].schedule;
        const int64_t own = scratch_of(f, i, one);
        bytes += own_bytes(f, i, one);
        scratch = own > scratch ? own : scratch;
    }
    return bytes + f->copies * f->build->plan.threads * scratch;
}

static int64_t bytes_now(const struct fit *f)
{
    return bytes_with(f, -1, NULL);
}

static double time_of(const struct yt_subject *subject,
                      const struct yt_schedule *schedule)
{
    const struct yt_trial *trial = yt_trials_find(&subject->trials, schedule);
    return trial && trial->ok ? trial->min_ns
                              : UNTRIED * yt_subject_best_ns(subject);
}

struct exchange {
    int32_t subject; /* -1: none */
    struct yt_schedule schedule;
    double price; /* nanoseconds a byte */
};

static void consider(const struct fit *f, int64_t before, int32_t t,
                     const struct yt_schedule *other, struct exchange *best)
{
    const struct yt_subject *subject = &f->search->subjects[t];
    const int64_t gained = before - bytes_with(f, t, other);
    if (gained <= 0)
        return;
    const double lost =
        f->choices[t].layers *
        (time_of(subject, other) - time_of(subject, &f->choices[t].schedule));
    const double price = lost / (double)gained;
    if (best->subject < 0 || price < best->price)
        *best = (struct exchange){t, *other, price};
}

static struct exchange cheapest(const struct fit *f)
{
    struct exchange best = {.subject = -1};
    const int64_t before = bytes_now(f);
    for (int32_t t = 0; t < f->search->subject_count; t++) {
        const struct yt_subject *subject = &f->search->subjects[t];
        struct yt_schedule usual;
        if (!f->choices[t].layers)
            continue;
        yt_schedule_default(&subject->problem, f->build->isa, &usual);
        consider(f, before, t, &usual, &best);
        for (int32_t j = 0; j < subject->trials.count; j++)
            if (subject->trials.items[j].ok)
                consider(f, before, t, &subject->trials.items[j].schedule,
                         &best);
    }
    return best;
}

static enum yt_status fit_init(struct fit *f)
{
    const struct yt_net *net = f->build->net;
    f->choices = calloc((size_t)f->search->subject_count, sizeof *f->choices);
    f->subject_of = calloc((size_t)net->layer_count, sizeof *f->subject_of);
    YT_FAIL_IF(!f->choices || !f->subject_of, YT_NO_MEMORY,
               "no memory for %d layers", net->layer_count);
    for (int32_t i = 0; i < net->layer_count; i++) {
        const int32_t t = yt_search_find(f->search, &net->layers[i].problem);
        f->subject_of[i] = t;
        f->choices[t].layers++;
        f->choices[t].schedule = f->build->schedules[i];
    }
    return YT_OK;
}

static void put(const struct fit *f, const struct exchange *exchange,
                struct yt_layer_time *times)
{
    f->choices[exchange->subject].schedule = exchange->schedule;
    for (int32_t i = 0; i < f->build->net->layer_count; i++)
        if (f->subject_of[i] == exchange->subject) {
            f->build->schedules[i] = exchange->schedule;
            memset(&times[i], 0, sizeof times[i]);
        }
}

enum yt_status yt_fit(struct yt_build *build, const struct yt_search *search,
                      int64_t max_bytes, int32_t copies,
                      struct yt_layer_time *times, int32_t *changed_out)
{
    struct fit f = {.build = build, .search = search, .copies = copies};
    int32_t changed = 0;
    enum yt_status status;
    YT_TRY_GOTO(fit_init(&f));
    while (max_bytes && bytes_now(&f) > max_bytes) {
        const struct exchange best = cheapest(&f);
        if (best.subject < 0)
            break;
        put(&f, &best, times);
        changed++;
    }
    *changed_out = changed;
done:
    free(f.choices);
    free(f.subject_of);
    return status;
}
