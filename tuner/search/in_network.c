/* Finalists of each problem, timed as steps of whole frames. */

#include "tuner/search/in_network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "base/now.h"
#include "base/random.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/pool.h"
#include "runtime/workspace.h"
#include "tuner/measure/measure.h"
#include "tuner/measure/stats.h"

/* The logit of the default confidence, 0.25: what lazy heads compute. */
#define HEAD_LOGIT (-1.0986123f)

/* One finalist of one layer: a step ready to run. */
struct option {
    yt_kernel_fn kernel;
    int64_t tasks;
    void *weights; /* packed, owned; NULL without a filter */
    size_t weight_bytes;
    double *samples; /* [frames], owned */
};

struct contest {
    struct yt_build *build;
    const struct yt_search *search;
    int32_t frames;
    struct yt_schedule (*finalists)[YT_FINALISTS_MAX]; /* [subject] */
    int32_t *finalist_count;                           /* [subject] */
    int32_t *winner;                                   /* [subject] */
    int32_t *subject_of;                               /* [layer] */
    struct option (*options)[YT_FINALISTS_MAX];        /* [layer] */
    void **constants;                                  /* [layer], packed */
    double *sorted; /* [frames], for statistics, which sort */
    char *arena;
    int64_t scratch_bytes;    /* of a thread, for every finalist; 0: none */
    char *scratch;            /* [threads][scratch_bytes] */
    struct yt_args *each;     /* [threads] */
    const void **each_thread; /* [threads], into each */
    struct yt_pool *pool;
};

static void contest_deinit(struct contest *c)
{
    const int32_t layers = c->build->net->layer_count;
    const int32_t threads = c->build->plan.threads;
    for (int32_t i = 0; i < layers; i++) {
        for (int32_t j = 0; c->options && j < YT_FINALISTS_MAX; j++) {
            yt_memory_free(c->options[i][j].weights,
                           c->options[i][j].weight_bytes);
            free(c->options[i][j].samples);
        }
        if (c->constants)
            free(c->constants[i]);
    }
    free(c->options);
    free(c->constants);
    free(c->sorted);
    free(c->finalists);
    free(c->finalist_count);
    free(c->winner);
    free(c->subject_of);
    yt_memory_free(c->arena, (size_t)c->build->net->arena_bytes);
    yt_memory_free(c->scratch, (size_t)(threads * c->scratch_bytes));
    free(c->each);
    free(c->each_thread);
    yt_pool_destroy(c->pool);
}

static void *aligned_zeros(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, YT_ALIGN, bytes ? bytes : YT_ALIGN) != 0)
        return NULL;
    memset(p, 0, bytes);
    return p;
}

static enum yt_status prepare_option(struct contest *c, int32_t i,
                                     const struct yt_schedule *finalist,
                                     struct option *option)
{
    struct yt_build *build = c->build;
    const struct yt_layer *layer = &build->net->layers[i];
    const struct yt_weights filter = yt_build_weights(layer);
    struct yt_schedule settled = *finalist;
    const struct yt_schedule *schedule = &settled;
    const struct yt_kernel *kernel;
    yt_pack_settle(&layer->problem, build->isa, &filter, &settled);
    YT_TRY(yt_kernels_get(build->kernels, &layer->problem, schedule, &kernel));
    option->kernel = kernel->run;
    option->tasks = yt_schedule_tasks(&layer->problem, schedule, build->isa);
    const int64_t scratch = yt_align(
        yt_schedule_scratch_bytes(&layer->problem, schedule, build->isa));
    if (scratch > c->scratch_bytes)
        c->scratch_bytes = scratch;
    option->samples = calloc((size_t)c->frames, sizeof(double));
    YT_FAIL_IF(!option->samples, YT_NO_MEMORY, "no memory for %d samples",
               c->frames);
    option->weight_bytes =
        yt_pack_weight_bytes(&layer->problem, schedule, build->isa);
    if (!option->weight_bytes)
        return YT_OK;
    option->weights = yt_memory_alloc(option->weight_bytes);
    YT_FAIL_IF(!option->weights, YT_NO_MEMORY, "no memory for a filter");
    yt_pack_weights(&layer->problem, schedule, build->isa, &filter,
                    option->weights);
    return YT_OK;
}

static enum yt_status prepare_layer(struct contest *c, int32_t i)
{
    const struct yt_build *build = c->build;
    const struct yt_layer *layer = &build->net->layers[i];
    const int32_t t = yt_search_find(c->search, &layer->problem);
    c->subject_of[i] = t;
    const size_t bytes = yt_pack_constant_bytes(&layer->problem, build->isa);
    if (bytes) {
        const struct yt_weights filter = yt_build_weights(layer);
        c->constants[i] = aligned_zeros(bytes);
        YT_FAIL_IF(!c->constants[i], YT_NO_MEMORY, "no memory for a bias");
        yt_pack_constants(&layer->problem, build->isa, &filter,
                          c->constants[i]);
    }
    for (int32_t j = 0; j < c->finalist_count[t]; j++)
        YT_TRY(prepare_option(c, i, &c->finalists[t][j], &c->options[i][j]));
    return YT_OK;
}

static void put_pixel(void *pixels, enum yt_dtype dtype, int64_t i,
                      uint32_t value)
{
    switch (dtype) {
    case YT_DTYPE_U8S8:
        ((uint8_t *)pixels)[i] = (uint8_t)value;
        break;
    case YT_DTYPE_S16:
        ((int16_t *)pixels)[i] = (int16_t)value;
        break;
    case YT_DTYPE_BF16:
        ((uint16_t *)pixels)[i] = yt_bf16_of((float)value);
        break;
    default:
        ((float *)pixels)[i] = (float)value;
        break;
    }
}

/* Any image will do for time; this one has no denormals and no zeros. */
static void fill_input(struct contest *c)
{
    const struct yt_net *net = c->build->net;
    const int64_t h = net->h + 2 * (int64_t)net->input_pad;
    const int64_t w = net->w + 2 * (int64_t)net->input_pad;
    void *pixels = c->arena + net->input;
    uint32_t x = 1;
    for (int64_t i = 0; i < 3 * h * w; i++) {
        (void)yt_random_lcg(&x);
        put_pixel(pixels, net->input_dtype, i, x >> 24);
    }
}

/* The finalists of one place in the order of each subject, fastest alone first.
 */
static enum yt_status compile_place(struct contest *c, int32_t place)
{
    const size_t most = (size_t)c->search->subject_count;
    struct yt_kernel_wish *wishes = calloc(most, sizeof *wishes);
    int32_t count = 0;
    YT_FAIL_IF(!wishes, YT_NO_MEMORY, "no memory for %zu finalists", most);
    for (int32_t t = 0; t < c->search->subject_count; t++)
        if (place < c->finalist_count[t])
            wishes[count++] = (struct yt_kernel_wish){
                &c->search->subjects[t].problem, &c->finalists[t][place]};
    const enum yt_status status = yt_kernels_compile(
        c->build->kernels, wishes, count, c->search->site->host.threads);
    free(wishes);
    return status;
}

/* As many of each subject as there is time for, and one in any case. */
static enum yt_status compile_finalists(struct contest *c, uint64_t budget_ns)
{
    const uint64_t begin = yt_now_ns();
    for (int32_t place = 0; place < YT_FINALISTS_MAX; place++) {
        const uint64_t elapsed = yt_now_ns() - begin;
        if (place > 0 && elapsed + elapsed / (uint64_t)place > budget_ns) {
            for (int32_t t = 0; t < c->search->subject_count; t++)
                if (c->finalist_count[t] > place)
                    c->finalist_count[t] = place;
            break;
        }
        YT_TRY(compile_place(c, place));
    }
    return YT_OK;
}

/* Arguments for each thread, with scratch of its own. */
static enum yt_status make_scratch(struct contest *c)
{
    const int32_t threads = c->build->plan.threads;
    if (!c->scratch_bytes)
        return YT_OK;
    c->scratch = yt_memory_alloc((size_t)(threads * c->scratch_bytes));
    c->each = calloc((size_t)threads, sizeof *c->each);
    c->each_thread = calloc((size_t)threads, sizeof *c->each_thread);
    YT_FAIL_IF(!c->scratch || !c->each || !c->each_thread, YT_NO_MEMORY,
               "no memory for %d threads' scratch", threads);
    for (int32_t i = 0; i < threads; i++)
        c->each_thread[i] = &c->each[i];
    return YT_OK;
}

/* What each thread gets; NULL: all get @p args, nobody asks for scratch. */
static const void *const *thread_args(struct contest *c,
                                      const struct yt_args *args)
{
    for (int32_t i = 0; c->scratch && i < c->build->plan.threads; i++) {
        c->each[i] = *args;
        c->each[i].scratch = c->scratch + i * c->scratch_bytes;
    }
    return c->each_thread;
}

/* Of steps that are no layers of the network there are none. */
static int32_t count_finalists(struct contest *c, int32_t t)
{
    const struct yt_subject *subject = &c->search->subjects[t];
    return yt_frame_kernel_c(subject->problem.op)
               ? 0
               : yt_subject_finalists(subject, c->build->isa, c->finalists[t]);
}

static enum yt_status contest_init(struct contest *c, uint64_t compile_ns)
{
    const struct yt_net *net = c->build->net;
    const size_t layers = (size_t)net->layer_count;
    const size_t subjects = (size_t)c->search->subject_count;
    c->finalists = calloc(subjects, sizeof *c->finalists);
    c->finalist_count = calloc(subjects, sizeof *c->finalist_count);
    c->winner = calloc(subjects, sizeof *c->winner);
    c->subject_of = calloc(layers, sizeof *c->subject_of);
    c->options = calloc(layers, sizeof *c->options);
    c->constants = calloc(layers, sizeof *c->constants);
    c->sorted = calloc((size_t)c->frames, sizeof *c->sorted);
    c->arena = yt_memory_alloc((size_t)net->arena_bytes);
    YT_FAIL_IF(!c->finalists || !c->finalist_count || !c->winner ||
                   !c->subject_of || !c->options || !c->constants ||
                   !c->sorted || !c->arena,
               YT_NO_MEMORY, "no memory to compare %zu layers", layers);
    for (size_t t = 0; t < subjects; t++)
        c->finalist_count[t] = count_finalists(c, (int32_t)t);
    YT_TRY(compile_finalists(c, compile_ns));
    for (size_t i = 0; i < layers; i++)
        YT_TRY(prepare_layer(c, (int32_t)i));
    YT_TRY(make_scratch(c));
    return yt_pool_create(c->build->plan.threads, 0, &c->pool);
}

static void *at(struct contest *c, int64_t offset)
{
    return offset < 0 ? NULL : c->arena + offset;
}

#define GROUPS 4 /* of the second pass */

/* Whether subject t changes candidates: all do in the first pass. */
static int varies(int32_t t, int32_t group)
{
    return group < 0 || t % GROUPS == group;
}

/* Layer i with the finalist that is its turn; the time goes to slot frame. */
static void run_layer(struct contest *c, int32_t i, int32_t group,
                      int32_t round, int32_t frame)
{
    const struct yt_layer *layer = &c->build->net->layers[i];
    const int32_t t = c->subject_of[i];
    const int32_t turn =
        varies(t, group) ? (round + t) % c->finalist_count[t] : c->winner[t];
    struct option *option = &c->options[i][turn];
    const struct yt_args args = {
        .in = at(c, layer->in),
        .out = at(c, layer->out),
        .weights = option->weights,
        .bias = c->constants[i],
        .add = at(c, layer->add),
        .threshold = HEAD_LOGIT,
    };
    const void *const *each = thread_args(c, &args);
    const uint64_t begin = yt_now_ns();
    yt_pool_run(c->pool, option->kernel, &args, each, option->tasks);
    if (frame >= 0 && varies(t, group))
        option->samples[frame] = (double)(yt_now_ns() - begin);
}

/* Every finalist of the group once; subjects with fewer than the most go round
 * again, and the last time counts. */
static void run_round(struct contest *c, int32_t group, int32_t frame)
{
    int32_t rounds = 1;
    for (int32_t t = 0; t < c->search->subject_count; t++)
        if (varies(t, group) && c->finalist_count[t] > rounds)
            rounds = c->finalist_count[t];
    for (int32_t round = 0; round < rounds; round++) {
        fill_input(c);
        for (int32_t i = 0; i < c->build->net->layer_count; i++)
            run_layer(c, i, group, round, frame);
    }
}

/* Sum over the layers of a subject of one finalist's medians. Statistics sort
 * what they are given, and the samples are looked at again. */
static void weigh(struct contest *c, int32_t t, int32_t finalist, int32_t done,
                  double *ns_out, double *noise_out)
{
    double ns = 0, noise = 0;
    for (int32_t i = 0; i < c->build->net->layer_count; i++) {
        if (c->subject_of[i] != t)
            continue;
        struct yt_stats stats;
        memcpy(c->sorted, c->options[i][finalist].samples,
               (size_t)done * sizeof *c->sorted);
        yt_stats_of(c->sorted, done, &stats);
        ns += stats.median_ns;
        noise += stats.mad_ns / sqrt((double)done);
    }
    *ns_out = ns;
    *noise_out = noise;
}

/* Simpler first: less code, then the name. */
static int simpler(const struct yt_subject *subject,
                   const struct yt_schedule *a, const struct yt_schedule *b)
{
    const uint32_t x = yt_subject_code_bytes(subject, a);
    const uint32_t y = yt_subject_code_bytes(subject, b);
    if (x != y)
        return x < y;
    char name_a[YT_SCHEDULE_NAME_MAX], name_b[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(a, name_a);
    yt_schedule_name(b, name_b);
    return strcmp(name_a, name_b) < 0;
}

static int32_t choose(struct contest *c, int32_t t, int32_t done,
                      char ties[3 * YT_SCHEDULE_NAME_MAX])
{
    double ns[YT_FINALISTS_MAX], noise[YT_FINALISTS_MAX];
    int32_t best = 0;
    for (int32_t j = 0; j < c->finalist_count[t]; j++) {
        weigh(c, t, j, done, &ns[j], &noise[j]);
        if (ns[j] < ns[best])
            best = j;
    }
    int32_t winner = best;
    for (int32_t j = 0; j < c->finalist_count[t]; j++)
        if (ns[j] - ns[best] <= noise[j] + noise[best] &&
            simpler(&c->search->subjects[t], &c->finalists[t][j],
                    &c->finalists[t][winner]))
            winner = j;
    ties[0] = 0;
    size_t used = 0;
    for (int32_t j = 0; j < c->finalist_count[t]; j++) {
        if (j == winner || ns[j] - ns[best] > noise[j] + noise[best])
            continue;
        char name[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&c->finalists[t][j], name);
        if (used + strlen(name) + 2 > 3 * YT_SCHEDULE_NAME_MAX)
            break;
        used += (size_t)snprintf(ties + used, 3 * YT_SCHEDULE_NAME_MAX - used,
                                 "%s%s", used ? " " : "", name);
    }
    return winner;
}

/* The winners by the samples of the last pass. */
static void pick_winners(struct contest *c, int32_t done)
{
    char ties[3 * YT_SCHEDULE_NAME_MAX];
    for (int32_t t = 0; t < c->search->subject_count; t++)
        c->winner[t] = choose(c, t, done, ties);
}

static void settle(struct contest *c, int32_t done, struct yt_layer_time *times)
{
    struct yt_build *build = c->build;
    for (int32_t t = 0; t < c->search->subject_count; t++) {
        char ties[3 * YT_SCHEDULE_NAME_MAX];
        const int32_t winner = choose(c, t, done, ties);
        for (int32_t i = 0; i < build->net->layer_count; i++) {
            if (c->subject_of[i] != t)
                continue;
            struct yt_stats stats;
            yt_stats_of(c->options[i][winner].samples, done, &stats);
            times[i].median_ns = stats.median_ns;
            times[i].mad_ns = stats.mad_ns;
            memcpy(times[i].ties, ties, sizeof ties);
            build->schedules[i] = c->finalists[t][winner];
        }
    }
}

/* One pass until frames or time are used up.
 * @return frames done; each gave every finalist a sample. */
static int32_t run_pass(struct contest *c,
                        const struct yt_tune_options *options, int second,
                        uint64_t budget_ns)
{
    const uint64_t begin = yt_now_ns();
    int32_t done = 0;
    for (; done < c->frames; done++) {
        const uint64_t elapsed = yt_now_ns() - begin;
        if ((options->stop && *options->stop) ||
            (done >= (second ? 0 : 2) && elapsed > budget_ns))
            break;
        if (options->progress) {
            const double s = 1e-9 * (double)elapsed;
            const struct yt_progress_event event = {
                .phase = second ? "in-network, second pass" : "in-network",
                .layer = "",
                .problem = "",
                .tried = done,
                .planned = c->frames,
                .elapsed_s = s,
                .left_s = done ? s / done * (c->frames - done) : -1,
            };
            options->progress(options->user, &event);
        }
        if (!second)
            run_round(c, -1, done);
        for (int32_t group = 0; second && group < GROUPS; group++)
            run_round(c, group, done);
    }
    return done;
}

enum yt_status yt_in_network_choose(struct yt_build *build,
                                    const struct yt_search *search,
                                    const struct yt_tune_options *options,
                                    int32_t frames, uint64_t compile_ns,
                                    uint64_t budget_ns,
                                    struct yt_layer_time *times)
{
    struct contest c = {.build = build, .search = search, .frames = frames};
    int32_t done = 0;
    enum yt_status status;
    YT_TRY_GOTO(contest_init(&c, compile_ns));
    run_round(&c, -1, -1); /* warms up */
    done = run_pass(&c, options, 0, budget_ns / 3);
    YT_FAIL_IF_GOTO(done == 0, YT_INTERRUPTED,
                    "stopped before a round was complete");
    pick_winners(&c, done);
    const int32_t again = run_pass(&c, options, 1, budget_ns - budget_ns / 3);
    settle(&c, again ? again : done, times);
done:
    contest_deinit(&c);
    return status;
}
