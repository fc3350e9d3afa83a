/* Candidates: which there are, how they are pruned, and their training. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "compress/ratio/compress_parts.h"
#include "compress/ratio/evaluate.h"
#include "runtime/fail.h"
#include "tuner/measure/bench.h"

#define MOMENT_IMAGES 64
#define DRIFT_IMAGES  12
#define BATCH         16
#define TIME_POINTS   4
#define LOSS_IMAGES   2
#define TRIES         4    /* of a ratio, until its time is right */
#define TOLERANCE     1.02 /* a frame may take so many times its target */
#define ROUNDS        5
#define FRAMES        10 /* of a round */

/* ----------------------------------------------------------------- measure */

static struct yt_ratio_setting setting_of(const struct yt_compress_work *w,
                                          int32_t size,
                                          enum yt_precision precision)
{
    const struct yt_compress_options *o = w->o;
    return (struct yt_ratio_setting){
        .site = o->site,
        .whole = w->graph,
        .h = o->sizes[size].h,
        .w = o->sizes[size].w,
        .threads = o->threads ? o->threads : o->site->host.threads,
        .dtype = yt_precision_dtype(precision),
    };
}

/* The whole network's time and accuracy; it stays open. */
static enum yt_status measure_dense(struct yt_compress_work *w, int32_t size,
                                    enum yt_precision precision,
                                    struct yt_compress_setting *s)
{
    const struct yt_image image = yt_compress_image(w);
    const struct yt_bench_options options = {.frames = FRAMES,
                                             .stop = w->o->stop};
    struct yt_frame_stats stats;
    *s = (struct yt_compress_setting){.how = setting_of(w, size, precision),
                                      .precision = precision};
    yt_compress_report(w, "measuring", "the whole network", NULL, NULL);
    YT_TRY(yt_appraise_open(&s->how, w->graph, w->o->train, w->o->stop,
                            &s->dense));
    const uint64_t begin = yt_now_ns();
    YT_TRY(yt_appraise_boxes(&s->dense, w->o->held, w->o->stop));
    s->held_ns = (double)(yt_now_ns() - begin);
    YT_TRY(yt_bench_frames(&s->dense.model, 1, &image, &options, &stats));
    s->dense_ns = stats.total.median_ns;
    s->outside_ns = stats.preprocess.min_ns + stats.postprocess.min_ns;
    s->dense_map = s->dense.accuracy;
    return YT_OK;
}

/* Integers where they are faster and lose less than a part of what may be
 * lost. */
static int prefers_integers(const struct yt_compress_work *w,
                            const struct yt_compress_setting *floats,
                            const struct yt_compress_setting *integers)
{
    const double allowed =
        isnan(w->o->max_map_drop) ? 0.02 : 0.5 * w->o->max_map_drop;
    return integers->dense_ns < 0.95 * floats->dense_ns &&
           floats->dense_map - integers->dense_map <= allowed;
}

static enum yt_status choose_precision(struct yt_compress_work *w,
                                       enum yt_precision *precision_io)
{
    struct yt_compress_setting integers;
    enum yt_status status = measure_dense(w, 0, YT_PRECISION_INT8, &integers);
    if (status == YT_OK && prefers_integers(w, &w->settings[0], &integers)) {
        const double map = w->settings[0].dense_map;
        yt_appraise_close(&w->settings[0].dense);
        w->settings[0] = integers;
        w->settings[0].dense_map = map; /* losses are counted from f32 */
        *precision_io = YT_PRECISION_INT8;
        return YT_OK;
    }
    yt_appraise_close(&integers.dense);
    return status;
}

enum yt_status yt_compress_measure(struct yt_compress_work *w)
{
    const int choose = w->o->precision < 0;
    enum yt_precision precision =
        choose ? YT_PRECISION_F32 : (enum yt_precision)w->o->precision;
    w->base_precision = precision;
    w->setting_count = w->o->size_count;
    YT_TRY(measure_dense(w, 0, precision, &w->settings[0]));
    if (choose)
        YT_TRY(choose_precision(w, &precision));
    for (int32_t i = 1; i < w->o->size_count; i++)
        YT_TRY(measure_dense(w, i, precision, &w->settings[i]));
    return YT_OK;
}

/* ------------------------------------------------------------------ choice */

/* How much of the whole network's time is tried, by how many there is time
 * for. */
static const double shares[YT_SHARES_MAX][YT_SHARES_MAX] = {
    {0.65},
    {0.75, 0.55},
    {0.8, 0.62, 0.48},
    {0.8, 0.65, 0.5, 0.4},
};

/* A recovery of less than this says little. */
#define LEAST_RECOVERY_NS 60e9

static int32_t share_count(const struct yt_compress_work *w)
{
    int32_t combinations = w->o->whole ? w->setting_count : 0;
    for (int k = 0; k < YT_RATIO_KINDS; k++)
        combinations += (w->o->kinds >> k & 1) * w->setting_count;
    if (w->o->epochs)
        return 2;
    const double slots =
        (double)w->o->budget_ns / LEAST_RECOVERY_NS / 2 / combinations;
    return slots >= YT_SHARES_MAX ? YT_SHARES_MAX
           : slots < 1            ? 1
                                  : (int32_t)slots;
}

static void add_candidate(struct yt_compress_work *w, int32_t setting,
                          enum yt_ratio_kind kind, double share, int32_t before)
{
    w->candidates[w->candidate_count++] = (struct yt_candidate){
        .setting = setting,
        .kind = kind,
        .share = share,
        .target_ns = share * w->settings[setting].dense_ns,
        .before = before,
        .start_map = NAN,
        .map = NAN,
    };
}

/* @param whole candidate that the first of the kind begins from; -1: the
 *              network. */
static void add_kind(struct yt_compress_work *w, int32_t setting,
                     enum yt_ratio_kind kind, int32_t whole)
{
    const double dense_ns = w->settings[setting].dense_ns;
    if (!isnan(w->o->min_fps)) {
        const double share = 1e9 / w->o->min_fps / dense_ns;
        /* Where nothing has to go, kinds do not differ. */
        if (share >= 1 && w->candidate_count > 0 &&
            w->candidates[w->candidate_count - 1].setting == setting)
            return;
        add_candidate(w, setting, kind, share < 1 ? share : 1, whole);
        return;
    }
    const int32_t count = share_count(w);
    for (int32_t i = 0; i < count; i++)
        add_candidate(w, setting, kind, shares[count - 1][i],
                      i > 0 ? w->candidate_count - 1 : whole);
}

/* Where a time is given, only if it has that time. */
static int wants_whole(const struct yt_compress_work *w, int32_t setting)
{
    return w->o->whole &&
           (isnan(w->o->min_fps) ||
            w->settings[setting].dense_ns <= TOLERANCE * 1e9 / w->o->min_fps);
}

enum yt_status yt_compress_candidates(struct yt_compress_work *w)
{
    w->candidates = calloc(YT_CANDIDATES_MAX, sizeof *w->candidates);
    YT_FAIL_IF(!w->candidates, YT_NO_MEMORY, "no memory for candidates");
    for (int32_t s = 0; s < w->setting_count; s++) {
        const int32_t whole = wants_whole(w, s) ? w->candidate_count : -1;
        if (whole >= 0)
            add_candidate(w, s, YT_RATIO_CHANNELS, 1, -1);
        for (int k = 0; k < YT_RATIO_KINDS; k++)
            if (w->o->kinds >> k & 1)
                add_kind(w, s, (enum yt_ratio_kind)k, whole);
    }
    YT_FAIL_IF(w->candidate_count == 0, YT_UNSATISFIABLE,
               "%s: whole it is not as fast, and nothing of it may go",
               w->graph->name);
    return YT_OK;
}

/* ------------------------------------------------------------------- prune */

/* Pictures as they are, a batch at a time: buffers of a feed are large. */
static enum yt_status load_images(struct yt_compress_work *w,
                                  struct yt_compress_setting *s)
{
    if (s->images)
        return YT_OK;
    const int32_t used = yt_dataset_used(w->o->train);
    const int32_t wanted = used < MOMENT_IMAGES ? used : MOMENT_IMAGES;
    const struct yt_feed_options options = {
        .h = s->how.h,
        .w = s->how.w,
        .batch = wanted < BATCH ? wanted : BATCH,
        .seed = w->o->seed,
    };
    const size_t floats =
        (size_t)options.batch * 3 * (size_t)s->how.h * (size_t)s->how.w;
    struct yt_feed *feed = NULL;
    struct yt_batch batch;
    enum yt_status status = YT_OK;
    YT_FAIL_IF(wanted < 1, YT_BAD_INPUT, "%s: no picture to learn from",
               w->o->train->name);
    const int32_t batches = wanted / options.batch;
    YT_TRY(yt_feed_open(w->o->train, &options, &feed));
    s->images = malloc((size_t)batches * floats * sizeof *s->images);
    YT_FAIL_IF_GOTO(!s->images, YT_NO_MEMORY, "no memory for pictures");
    s->image_count = 0;
    for (int32_t i = 0; i < batches; i++) {
        YT_TRY_GOTO(yt_feed_batch(feed, i, &batch));
        memcpy(s->images + (size_t)i * floats, batch.images,
               floats * sizeof *s->images);
        s->image_count += options.batch;
    }
done:
    yt_feed_close(feed);
    return status;
}

/* A space and what it borrows. */
struct opened {
    struct yt_moments *moments;
    struct yt_ratio_space space;
};

static void close_space(struct opened *opened)
{
    yt_ratio_space_deinit(&opened->space);
    yt_moments_destroy(opened->moments);
}

static enum yt_status open_space(struct yt_compress_work *w,
                                 struct yt_compress_setting *s,
                                 enum yt_ratio_kind kind,
                                 const struct yt_graph *graph,
                                 struct opened *opened)
{
    *opened = (struct opened){.moments = NULL};
    YT_TRY(load_images(w, s));
    YT_TRY(yt_moments_measure(graph, s->how.h, s->how.w, s->images,
                              s->image_count, s->how.threads,
                              &opened->moments));
    const enum yt_status status = yt_ratio_space_init(
        kind, &s->how, graph, opened->moments, &opened->space);
    if (status != YT_OK)
        close_space(opened);
    return status;
}

/* Times are of the whole network's layers, once for each size and kind. */
static enum yt_status need_times(struct yt_compress_work *w,
                                 struct yt_compress_setting *s,
                                 enum yt_ratio_kind kind)
{
    if (s->times[kind].layers)
        return YT_OK;
    struct yt_ratio_space space;
    struct yt_loss *loss = NULL;
    enum yt_status status;
    yt_compress_report(w, "choosing ratios", "timing layers", NULL, NULL);
    YT_TRY(yt_ratio_space_init(kind, &s->how, w->graph, NULL, &space));
    YT_TRY_GOTO(yt_loss_open(w->o->train, LOSS_IMAGES, s->dense.build, &loss));
    status =
        yt_ratio_times_measure(&space, s->dense.quantisation, loss, TIME_POINTS,
                               s->outside_ns, w->o->stop, &s->times[kind]);
done:
    yt_loss_close(loss);
    yt_ratio_space_deinit(&space);
    return status;
}

/* How far heads move is of the whole network, too, once for each size and kind.
 * @param opened a space of that kind, of any graph. */
static enum yt_status need_sensitivities(struct yt_compress_work *w,
                                         struct yt_compress_setting *s,
                                         enum yt_ratio_kind kind,
                                         const struct opened *opened)
{
    struct opened whole = {.moments = NULL};
    const struct yt_ratio_space *space = &opened->space;
    enum yt_status status = YT_OK;
    if (s->sensitivities[kind])
        return YT_OK;
    yt_compress_report(w, "choosing ratios", "what layers do to the heads",
                       NULL, NULL);
    if (space->graph != w->graph) {
        YT_TRY(open_space(w, s, kind, w->graph, &whole));
        space = &whole.space;
    }
    double *found = calloc((size_t)space->table.group_count, sizeof *found);
    YT_FAIL_IF_GOTO(!found, YT_NO_MEMORY, "no memory to choose ratios");
    YT_TRY_GOTO(yt_ratio_sensitivities(
        space, s->images,
        s->image_count < DRIFT_IMAGES ? s->image_count : DRIFT_IMAGES,
        w->o->stop, found));
    s->sensitivities[kind] = found;
    found = NULL;
done:
    free(found);
    close_space(&whole);
    return status;
}

/* Set against the whole network in turn: a load falls on both, and of a load
 * that comes and goes the least times are free. */
static enum yt_status time_graph(struct yt_compress_work *w,
                                 const struct yt_compress_setting *s,
                                 const struct yt_graph *graph, double *ns_out)
{
    const struct yt_image image = yt_compress_image(w);
    struct yt_appraised a;
    struct yt_appraised_time times[2];
    YT_TRY(yt_appraise_open(&s->how, graph, w->o->train, w->o->stop, &a));
    struct yt_model *models[2] = {s->dense.model, a.model};
    const enum yt_status status =
        yt_appraise_time(models, 2, &image, ROUNDS, FRAMES, w->o->stop, times);
    if (status == YT_OK)
        *ns_out = s->dense_ns * times[1].least_ns / times[0].least_ns;
    yt_appraise_close(&a);
    return status;
}

/* Predictions of times are off by some per cent: aim again by what came out.
 */
static enum yt_status find_ratio(struct yt_compress_work *w,
                                 const struct yt_ratio_space *space,
                                 struct yt_candidate *c, int32_t *choices)
{
    const struct yt_compress_setting *s = &w->settings[c->setting];
    const size_t bytes = (size_t)space->table.group_count * sizeof *choices;
    double aim = c->target_ns;
    for (int32_t i = 0; i < TRIES; i++) {
        memset(choices, 0, bytes);
        YT_TRY(yt_ratio_solve(&space->table, aim, choices));
        yt_graph_destroy(c->graph);
        c->graph = NULL;
        YT_TRY(yt_ratio_space_apply(space, choices, 1, &c->graph));
        YT_TRY(time_graph(w, s, c->graph, &c->ns));
        if (c->ns <= TOLERANCE * c->target_ns)
            return YT_OK;
        aim *= 0.995 * c->target_ns / c->ns;
    }
    return yt_fail(YT_UNSATISFIABLE,
                   "frames take %.3f ms where %.3f ms were wanted",
                   1e-6 * c->ns, 1e-6 * c->target_ns);
}

static enum yt_status prune(struct yt_compress_work *w, struct yt_candidate *c,
                            const struct yt_graph *from, double from_ns)
{
    struct yt_compress_setting *s = &w->settings[c->setting];
    struct opened opened;
    YT_TRY(need_times(w, s, c->kind));
    YT_TRY(open_space(w, s, c->kind, from, &opened));
    int32_t *choices =
        calloc((size_t)opened.space.table.group_count + 1, sizeof *choices);
    enum yt_status status =
        choices ? need_sensitivities(w, s, c->kind, &opened)
                : yt_fail(YT_NO_MEMORY, "no memory to choose ratios");
    if (status == YT_OK) {
        yt_ratio_space_weigh(&opened.space, s->sensitivities[c->kind]);
        status = yt_ratio_space_use(&opened.space, &s->times[c->kind], from_ns);
    }
    if (status == YT_OK)
        status = find_ratio(w, &opened.space, c, choices);
    free(choices);
    close_space(&opened);
    return status;
}

enum yt_status yt_candidate_prune(struct yt_compress_work *w, int32_t index)
{
    struct yt_candidate *c = &w->candidates[index];
    const struct yt_compress_setting *s = &w->settings[c->setting];
    const struct yt_candidate *before =
        c->before >= 0 && w->candidates[c->before].graph
            ? &w->candidates[c->before]
            : NULL;
    char name[YT_COMPRESS_NAME_MAX];
    yt_candidate_name(w, c, name);
    yt_compress_report(w, "choosing ratios", name, NULL, NULL);
    if (yt_candidate_is_whole(c)) {
        c->ns = s->dense_ns;
        return yt_graph_copy(w->graph, &c->graph);
    }
    const enum yt_status status = prune(w, c, before ? before->graph : w->graph,
                                        before ? before->ns : s->dense_ns);
    if (status != YT_UNSATISFIABLE && status != YT_UNSUPPORTED)
        return status;
    char note[YT_COMPRESS_TEXT_MAX];
    snprintf(note, sizeof note, "%s is left out: %s", name, yt_error());
    yt_compress_report(w, "choosing ratios", name, NULL, note);
    yt_graph_destroy(c->graph);
    c->graph = NULL;
    c->failed = 1;
    return YT_OK;
}

/* ------------------------------------------------------------------- train */

struct training {
    struct yt_compress_work *w;
    const struct yt_compress_setting *setting;
    const struct yt_quantisation *quantisation; /* of QAT; NULL: f32 */
    char name[YT_COMPRESS_NAME_MAX];
};

static enum yt_status evaluate(void *user, const struct yt_graph *graph,
                               double *map_out)
{
    const struct training *t = user;
    const struct yt_site *site = t->w->o->site;
    const struct yt_predict_options options = yt_appraise_options(site, NULL);
    return yt_evaluate_graph(site, graph, t->quantisation, t->setting->how.h,
                             t->setting->how.w, t->w->o->held, &options,
                             map_out);
}

static void on_train(void *user, const struct yt_train_event *event)
{
    const struct training *t = user;
    yt_compress_report(t->w, "recovery", t->name, event, event->note);
}

/* Where there are few pictures, no more than those. */
static int32_t batch_of(const struct yt_compress_options *o)
{
    const int32_t used = yt_dataset_used(o->train);
    if (o->batch)
        return o->batch;
    return used < BATCH ? used : BATCH;
}

static struct yt_train_options train_options(const struct yt_compress_work *w,
                                             struct training *t,
                                             uint64_t budget_ns)
{
    const struct yt_compress_options *o = w->o;
    const struct yt_ratio_setting *how = &t->setting->how;
    return (struct yt_train_options){
        .h = how->h,
        .w = how->w,
        .batch = batch_of(o),
        .threads = how->threads,
        .seed = o->seed,
        .epochs = o->epochs,
        .budget_ns = o->epochs ? 0 : budget_ns,
        .augmentation = o->augmentation ? *o->augmentation : yt_augmentation(),
        .teacher = o->teacher ? o->teacher : w->graph,
        .distill = yt_distill_gains(),
        .labels = o->labels,
        .gains = yt_detection_gains(w->graph, how->h, how->w),
        .quantisation = t->quantisation,
        .weight_max = yt_isa_weight_max(how->site->isa),
        .evaluate = evaluate,
        .progress = on_train,
        .user = t,
        .stop = o->stop,
    };
}

/* With integers that were not trained with, what ships is measured apart. */
static enum yt_status measure_trained(struct yt_compress_work *w,
                                      struct yt_candidate *c)
{
    struct yt_appraised a;
    YT_TRY(yt_appraise_open(&w->settings[c->setting].how, c->graph, w->o->train,
                            NULL, &a));
    const enum yt_status status = yt_appraise_boxes(&a, w->o->held, NULL);
    c->map = a.accuracy;
    yt_appraise_close(&a);
    return status;
}

/* Integers round anew each time: what was better before stays. */
static enum yt_status take(struct yt_compress_work *w, struct yt_candidate *c,
                           struct yt_graph *graph,
                           const struct yt_train_result *result)
{
    struct yt_graph *const before = c->graph;
    const double map = c->map;
    enum yt_status status = YT_OK;
    c->graph = graph;
    c->map = result->best_map;
    if (c->rounds == 0)
        c->start_map = result->start_map;
    c->seconds += result->seconds;
    c->pictures += result->pictures;
    if (w->settings[c->setting].precision != YT_PRECISION_F32)
        status = measure_trained(w, c);
    if (status != YT_OK || map > c->map) {
        c->graph = before;
        c->map = map;
    }
    yt_graph_destroy(c->graph == graph ? before : graph);
    return status;
}

enum yt_status yt_candidate_train(struct yt_compress_work *w, int32_t index,
                                  uint64_t budget_ns, int32_t qat)
{
    struct yt_candidate *c = &w->candidates[index];
    struct yt_compress_setting *s = &w->settings[c->setting];
    struct training t = {.w = w, .setting = s};
    const struct yt_block block = yt_ratio_block(w->o->site->isa, s->how.dtype);
    struct yt_quantisation *q = NULL;
    struct yt_graph *graph = NULL;
    struct yt_train_result result;
    uint8_t **masks = NULL;
    char checkpoint[512];
    enum yt_status status = YT_OK;
    yt_candidate_name(w, c, t.name);
    if (qat)
        YT_TRY_GOTO(yt_appraise_quantise(&s->how, c->graph, w->o->train,
                                         w->o->stop, &q));
    t.quantisation = q;
    struct yt_train_options options = train_options(w, &t, budget_ns);
    if (c->kind == YT_RATIO_BLOCKS)
        YT_TRY_GOTO(yt_ratio_masks(c->graph, &block, &masks));
    options.masks = (const uint8_t *const *)masks;
    yt_journal_checkpoint(w, index, checkpoint);
    options.checkpoint = checkpoint[0] ? checkpoint : NULL;
    options.resume = w->o->resume;
    status = yt_train(c->graph, w->o->train, &options, &graph, &result);
    if (graph) { /* also where a checkpoint could not be written */
        const enum yt_status taken = take(w, c, graph, &result);
        status = status != YT_OK ? status : taken;
    }
    if (status != YT_OK)
        goto done;
    if (!result.interrupted)
        c->rounds++;
done:
    if (masks)
        yt_ratio_masks_free(masks, c->graph->node_count);
    yt_quantisation_destroy(q);
    return status;
}
