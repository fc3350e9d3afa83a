/* Heads of a plan beside those of default schedules; see agreement.h. */

#include "tuner/search/agreement.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "codegen/pack.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "tuner/build/numerics.h"

#define NOISES 2
#define INPUTS (NOISES + YT_AGREEMENT_PICTURES)

/* One comparison: its inputs, what is expected of them, and which problems are
 * computed inexactly. */
struct bench {
    struct yt_build *build, *exact;
    const struct yt_search *search;
    uint8_t *noise; /* [NOISES][h][w][3] */
    struct yt_image inputs[INPUTS];
    int32_t input_count;
    size_t elems;      /* of all heads together */
    float *want, *got; /* [input_count][elems] */
    double *alone;     /* [subject_count], error of this one's kernels */
    int32_t *layer_of; /* [subject_count], the first that has it; -1: none */
};

/* ---------------------------------------------------------------- running */

static size_t head_elems(const struct yt_build *build, int32_t i)
{
    const struct yt_level *level = &build->plan.levels[i];
    const int64_t channels = (int64_t)level->na * (build->plan.nc + 5);
    const int64_t lanes = build->isa->lanes;
    return (size_t)((channels + lanes - 1) / lanes * lanes * level->h *
                    level->w);
}

/* The heads as a product would compute them, every cell. */
static void run_one(struct yt_model *model, const struct yt_build *build,
                    const struct yt_image *image, char *workspace, float *out)
{
    struct yt_detect_options options;
    (void)yt_detect_options_resolve(NULL, &options);
    const struct yt_framing framing = yt_model_framing(model, &options);
    yt_model_run_letterbox(model, image, &framing, workspace);
    yt_model_run_steps(model, -INFINITY, workspace, 0, build->plan.step_count);
    for (int32_t i = 0; i < build->plan.level_count; i++) {
        const size_t count = head_elems(build, i);
        memcpy(out, workspace + build->plan.levels[i].head,
               count * sizeof *out);
        out += count;
    }
}

static enum yt_status run(const struct bench *b, struct yt_build *build,
                          float *out)
{
    struct yt_model *model = NULL;
    YT_TRY(yt_build_make(build, b->search->site->host.threads));
    YT_TRY(yt_build_open(build, 0, &model));
    const size_t bytes = (size_t)yt_model_workspace_bytes(model);
    char *workspace = yt_memory_alloc(bytes);
    for (int32_t i = 0; workspace && i < b->input_count; i++)
        run_one(model, build, &b->inputs[i], workspace,
                out + (size_t)i * b->elems);
    yt_model_close(model);
    YT_FAIL_IF(!workspace, YT_NO_MEMORY, "no memory for %zu bytes of tensors",
               bytes);
    yt_memory_free(workspace, bytes);
    return YT_OK;
}

/* Of the largest value, over one input. A value that is no number is as far
 * off as can be, unless both are none. */
static double error_of(const float *want, const float *got, size_t count)
{
    double largest = 0, worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double a = (double)want[i], b = (double)got[i];
        if (!isfinite(a) || !isfinite(b)) {
            if (isfinite(a) || isfinite(b))
                return INFINITY;
            continue;
        }
        largest = fmax(largest, fabs(a));
        worst = fmax(worst, fabs(a - b));
    }
    return worst > 0 ? worst / largest : 0;
}

/* Of all inputs the worst. */
static enum yt_status measure(const struct bench *b, struct yt_build *build,
                              double *error_out)
{
    YT_TRY(run(b, build, b->got));
    *error_out = 0;
    for (int32_t i = 0; i < b->input_count; i++) {
        const size_t at = (size_t)i * b->elems;
        *error_out =
            fmax(*error_out, error_of(b->want + at, b->got + at, b->elems));
    }
    return YT_OK;
}

/* ----------------------------------------------------------------- inputs */

static void make_inputs(struct bench *b, const struct yt_image *images,
                        int32_t count)
{
    const struct yt_plan *plan = &b->build->plan;
    const size_t bytes = 3 * (size_t)plan->h * (size_t)plan->w;
    uint32_t x = 1;
    for (size_t i = 0; i < NOISES * bytes; i++)
        b->noise[i] = (uint8_t)(yt_random_lcg(&x) >> 24);
    for (int32_t i = 0; i < NOISES; i++)
        b->inputs[b->input_count++] = (struct yt_image){
            .pixels = b->noise + (size_t)i * bytes,
            .width = plan->w,
            .height = plan->h,
            .stride_bytes = 3 * (int64_t)plan->w,
            .format = YT_PIXEL_RGB,
        };
    /* Spread over those that there are. */
    const int32_t most =
        count < YT_AGREEMENT_PICTURES ? count : YT_AGREEMENT_PICTURES;
    for (int32_t i = 0; i < most; i++)
        b->inputs[b->input_count++] = images[(int64_t)i * count / most];
}

static enum yt_status bench_init(struct bench *b, const struct yt_image *images,
                                 int32_t image_count)
{
    const struct yt_plan *plan = &b->build->plan;
    const size_t subjects = (size_t)b->search->subject_count;
    for (int32_t i = 0; i < plan->level_count; i++)
        b->elems += head_elems(b->build, i);
    assert(b->elems > 0 && subjects > 0);
    b->noise = malloc(NOISES * 3 * (size_t)plan->h * (size_t)plan->w);
    b->want = calloc(INPUTS * b->elems, sizeof *b->want);
    b->got = calloc(INPUTS * b->elems, sizeof *b->got);
    b->alone = calloc(subjects, sizeof *b->alone);
    b->layer_of = malloc(subjects * sizeof *b->layer_of);
    YT_FAIL_IF(!b->noise || !b->want || !b->got || !b->alone || !b->layer_of,
               YT_NO_MEMORY, "no memory to compare heads");
    for (int32_t t = 0; t < b->search->subject_count; t++)
        b->layer_of[t] = -1;
    for (int32_t i = b->build->net->layer_count - 1; i >= 0; i--)
        b->layer_of[yt_search_find(b->search,
                                   &b->build->net->layers[i].problem)] = i;
    make_inputs(b, images, image_count);
    return YT_OK;
}

static void bench_deinit(struct bench *b)
{
    free(b->noise);
    free(b->want);
    free(b->got);
    free(b->alone);
    free(b->layer_of);
}

/* ---------------------------------------------------------------- choices */

/* Integers are further off by rounding than by any algorithm, and have
 * tolerances in steps. */
static double inexactness(const struct bench *b, int32_t t)
{
    const int32_t i = b->layer_of[t];
    const struct yt_problem *p = &b->search->subjects[t].problem;
    if (i < 0 || yt_dtype_is_integer(p->out))
        return 0;
    return yt_schedule_inexactness(p, &b->build->schedules[i], b->build->isa);
}

static int32_t count_inexact(const struct bench *b)
{
    int32_t count = 0;
    for (int32_t t = 0; t < b->search->subject_count; t++)
        count += inexactness(b, t) > 0;
    return count;
}

/* In every layer of a problem. */
static void put(const struct bench *b, struct yt_build *build, int32_t t,
                const struct yt_schedule *schedule)
{
    for (int32_t i = 0; i < build->net->layer_count; i++)
        if (yt_search_find(b->search, &build->net->layers[i].problem) == t)
            build->schedules[i] = *schedule;
}

/* What one problem's kernels do to the heads while all others are exact. */
static enum yt_status measure_alone(struct bench *b, int32_t t)
{
    b->alone[t] = 0;
    if (inexactness(b, t) <= 0)
        return YT_OK;
    const int32_t i = b->layer_of[t];
    const struct yt_schedule usual = b->exact->schedules[i];
    put(b, b->exact, t, &b->build->schedules[i]);
    const enum yt_status status = measure(b, b->exact, &b->alone[t]);
    put(b, b->exact, t, &usual);
    return status;
}

/* The fastest candidate that is nearer to the reference and no larger, or else
 * the default. */
static struct yt_schedule nearer(const struct bench *b, int32_t t)
{
    const struct yt_subject *subject = &b->search->subjects[t];
    const struct yt_isa *isa = b->build->isa;
    const double limit = inexactness(b, t);
    const size_t bytes = yt_pack_weight_bytes(
        &subject->problem, &b->build->schedules[b->layer_of[t]], isa);
    const struct yt_trial *best = NULL;
    struct yt_schedule usual;
    for (int32_t i = 0; i < subject->trials.count; i++) {
        const struct yt_trial *trial = &subject->trials.items[i];
        const struct yt_schedule *s = &trial->schedule;
        if (trial->ok && (!best || trial->min_ns < best->min_ns) &&
            yt_schedule_inexactness(&subject->problem, s, isa) < limit &&
            yt_pack_weight_bytes(&subject->problem, s, isa) <= bytes)
            best = trial;
    }
    if (best)
        return best->schedule;
    yt_schedule_default(&subject->problem, isa, &usual);
    return usual;
}

/* The one that moves the heads most. */
static int32_t worst_of(const struct bench *b)
{
    int32_t worst = -1;
    for (int32_t t = 0; t < b->search->subject_count; t++)
        if (inexactness(b, t) > 0 &&
            (worst < 0 || b->alone[t] > b->alone[worst]))
            worst = t;
    return worst;
}

static void note(const struct bench *b, int32_t t,
                 const struct yt_schedule *instead, struct yt_agreement *a)
{
    char from[YT_SCHEDULE_NAME_MAX], to[YT_SCHEDULE_NAME_MAX];
    if (a->given_up++)
        return;
    yt_schedule_name(&b->build->schedules[b->layer_of[t]], from);
    yt_schedule_name(instead, to);
    snprintf(a->why, sizeof a->why,
             "heads were off by %.2g of their largest value, past %.0e: first "
             "%s gave up %s, alone off by %.2g, for %s",
             a->error, YT_AGREEMENT_LIMIT, b->search->subjects[t].layer, from,
             b->alone[t], to);
}

static enum yt_status give_up(struct bench *b, struct yt_layer_time *times,
                              struct yt_agreement *a)
{
    for (int32_t t = 0; t < b->search->subject_count; t++)
        YT_TRY(measure_alone(b, t));
    while (a->kept_error > YT_AGREEMENT_LIMIT) {
        const int32_t t = worst_of(b);
        if (t < 0)
            return YT_OK; /* all are exact; sums in another order, then */
        const struct yt_schedule instead = nearer(b, t);
        note(b, t, &instead, a);
        put(b, b->build, t, &instead);
        for (int32_t i = 0; i < b->build->net->layer_count; i++)
            if (yt_search_find(b->search, &b->build->net->layers[i].problem) ==
                t)
                memset(&times[i], 0, sizeof times[i]);
        YT_TRY(measure_alone(b, t));
        YT_TRY(measure(b, b->build, &a->kept_error));
    }
    return YT_OK;
}

enum yt_status yt_agreement_reach(struct yt_build *build,
                                  struct yt_build *exact,
                                  const struct yt_search *search,
                                  const struct yt_image *images,
                                  int32_t image_count,
                                  struct yt_layer_time *times,
                                  struct yt_agreement *agreement_out)
{
    struct bench b = {.build = build, .exact = exact, .search = search};
    struct yt_agreement a = {.inexact = 0};
    enum yt_status status;
    YT_TRY_GOTO(bench_init(&b, images, image_count));
    a.inexact = count_inexact(&b);
    if (a.inexact) {
        YT_TRY_GOTO(run(&b, exact, b.want));
        YT_TRY_GOTO(measure(&b, build, &a.error));
        a.kept_error = a.error;
        if (a.error > YT_AGREEMENT_LIMIT)
            YT_TRY_GOTO(give_up(&b, times, &a));
    }
    *agreement_out = a;
done:
    bench_deinit(&b);
    return status;
}
