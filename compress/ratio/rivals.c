/* The smaller network beside what is to be had without pruning. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/ratio/compress_parts.h"
#include "eval/bootstrap.h"
#include "runtime/fail.h"

#define ROUNDS 7
#define FRAMES 15

#define AS_FAST    1.01 /* times the time of another one */
#define ABOUT_FAST 1.05

/* A network that is measured: the baseline, the result, then rivals. */
struct entry {
    const struct yt_graph *graph;
    struct yt_compress_figures figures;
    struct yt_appraised appraised;
};

#define ENTRIES_MAX (YT_COMPRESS_RIVALS_MAX + 2)

struct field {
    struct yt_compress_work *w;
    struct entry entries[ENTRIES_MAX];
    int32_t count;
    const volatile int *stop; /* NULL: to the end */
};

enum { BASE, RESULT, FIRST_RIVAL };

/* -------------------------------------------------------------------- which */

static void add_entry(struct field *f, const struct yt_graph *graph, int32_t h,
                      int32_t w, enum yt_precision precision)
{
    if (f->count == ENTRIES_MAX)
        return;
    for (int32_t i = 0; i < f->count; i++) {
        const struct yt_compress_figures *known = &f->entries[i].figures;
        if (f->entries[i].graph == graph && known->h == h && known->w == w &&
            known->precision == precision)
            return;
    }
    struct entry *e = &f->entries[f->count++];
    *e = (struct entry){
        .graph = graph,
        .figures = {.h = h, .w = w, .precision = precision},
        .appraised = {.accuracy = NAN},
    };
    snprintf(e->figures.name, sizeof e->figures.name, "%s-%dx%d-%s",
             graph->name, (int)h, (int)w, yt_precision_word(precision));
}

/* The multiple of the stride that is nearest to a share of a side. */
static int32_t shrink(int32_t side, double scale, int32_t stride)
{
    const int32_t cells = (int32_t)lround(side * scale / stride);
    return (cells < 1 ? 1 : cells) * stride;
}

/* The whole network at inputs at which it takes about as long: the arithmetic
 * goes with the area. */
static void add_smaller_inputs(struct field *f, enum yt_precision precision,
                               double share)
{
    const struct yt_graph *graph = f->w->graph;
    const struct yt_compress_figures *base = &f->entries[BASE].figures;
    const int32_t stride = yt_graph_max_stride(graph);
    const int32_t before = f->count;
    static const double around[] = {1, 1.12, 0.9};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        const double scale = sqrt(share) * around[i];
        const int32_t h = shrink(base->h, scale, stride);
        const int32_t w = shrink(base->w, scale, stride);
        if (h < base->h && w < base->w)
            add_entry(f, graph, h, w, precision);
    }
    if (f->count == before && base->h > stride && base->w > stride)
        add_entry(f, graph, base->h - stride, base->w - stride, precision);
}

/* What the others began from competes as it was trained. */
static void add_trained(struct field *f, const struct yt_candidate *c)
{
    const struct yt_compress_setting *s = &f->w->settings[c->setting];
    const int32_t before = f->count;
    if (!yt_candidate_is_whole(c) || !c->graph || isnan(c->map))
        return;
    add_entry(f, c->graph, s->how.h, s->how.w, s->precision);
    if (f->count > before)
        yt_candidate_name(f->w, c, f->entries[before].figures.name);
}

static void list_rivals(struct field *f, double share)
{
    const struct yt_compress_options *o = f->w->o;
    const struct yt_compress_figures base = f->entries[BASE].figures;
    const enum yt_precision precision = f->entries[RESULT].figures.precision;
    add_entry(f, f->w->graph, base.h, base.w, YT_PRECISION_INT8);
    add_entry(f, f->w->graph, base.h, base.w, precision);
    for (int32_t i = 0; i < o->rival_count; i++)
        add_entry(f, o->rivals[i], base.h, base.w, precision);
    const int32_t best = yt_compress_best(f->w, 1);
    for (int32_t i = 0; i < f->w->candidate_count; i++)
        if (i != best)
            add_trained(f, &f->w->candidates[i]);
    add_smaller_inputs(f, precision, share);
}

/* ------------------------------------------------------------------ measure */

static struct yt_ratio_setting setting_of(const struct field *f,
                                          const struct yt_compress_figures *e)
{
    struct yt_ratio_setting how = f->w->settings[0].how;
    how.h = e->h;
    how.w = e->w;
    how.dtype = yt_precision_dtype(e->precision);
    return how;
}

static enum yt_status measure_boxes(struct field *f, int32_t from)
{
    for (int32_t i = from; i < f->count; i++) {
        struct entry *e = &f->entries[i];
        const struct yt_ratio_setting how = setting_of(f, &e->figures);
        yt_compress_report(f->w, "rivals", e->figures.name, NULL, NULL);
        YT_TRY(yt_appraise_open(&how, e->graph, f->w->o->train, f->stop,
                                &e->appraised));
        YT_TRY(yt_appraise_boxes(&e->appraised, f->w->o->test, f->stop));
        e->figures.map = e->appraised.accuracy;
        e->figures.parameters = e->appraised.build->net->parameters;
        e->figures.flops = e->appraised.build->net->flops;
    }
    return YT_OK;
}

static enum yt_status compare_boxes(struct field *f, int32_t from)
{
    const struct yt_bootstrap_options options = {.seed = 1, .stop = f->stop};
    for (int32_t i = from; i < f->count; i++) {
        struct yt_bootstrap_result difference;
        YT_TRY(yt_bootstrap_compare(f->entries[BASE].appraised.map,
                                    f->entries[i].appraised.map, &options,
                                    &difference));
        f->entries[i].figures.low = difference.map.low;
        f->entries[i].figures.high = difference.map.high;
    }
    return YT_OK;
}

static enum yt_status time_all(struct field *f)
{
    const struct yt_image image = yt_compress_image(f->w);
    struct yt_model *models[ENTRIES_MAX];
    struct yt_appraised_time times[ENTRIES_MAX];
    for (int32_t i = 0; i < f->count; i++)
        models[i] = f->entries[i].appraised.model;
    yt_compress_report(f->w, "rivals", "timing all in turn", NULL, NULL);
    YT_TRY(yt_appraise_time(models, f->count, &image, ROUNDS, FRAMES, f->stop,
                            times));
    for (int32_t i = 0; i < f->count; i++)
        f->entries[i].figures.ns = times[i].median_ns;
    return YT_OK;
}

static enum yt_status measure(struct field *f, int32_t alone)
{
    const struct yt_compress_work *w = f->w;
    const double shipped_ns = w->settings[0].dense_ns;
    YT_TRY(measure_boxes(f, BASE));
    YT_TRY(time_all(f));
    if (!alone) {
        const double share = f->entries[RESULT].figures.ns / shipped_ns;
        list_rivals(f, share < 1 ? share : 1);
        YT_TRY(measure_boxes(f, FIRST_RIVAL));
        YT_TRY(time_all(f));
    }
    return compare_boxes(f, BASE);
}

/* ------------------------------------------------------------------ verdict */

/* Of those that are at most so many times slower the most accurate; -1: none
 * is as fast. */
static int32_t best_rival(const struct field *f, double times)
{
    const double ns = f->entries[RESULT].figures.ns;
    int32_t best = -1;
    for (int32_t i = BASE; i < f->count; i++)
        if (i != RESULT && f->entries[i].figures.ns <= times * ns &&
            (best < 0 ||
             f->entries[i].figures.map > f->entries[best].figures.map))
            best = i;
    return best;
}

/* Whether pictures enough were looked at to tell the two apart. */
static enum yt_status is_sure(const struct field *f, int32_t rival,
                              int *sure_out)
{
    const struct yt_bootstrap_options options = {.seed = 1, .stop = f->stop};
    struct yt_bootstrap_result difference;
    YT_TRY(yt_bootstrap_compare(f->entries[rival].appraised.map,
                                f->entries[RESULT].appraised.map, &options,
                                &difference));
    *sure_out = yt_interval_decides(&difference.map);
    return YT_OK;
}

/* The fastest that loses no more than the wish allows and is faster than the
 * result; -1: none, or the wish was another. */
static int32_t faster_rival(const struct field *f)
{
    const double most = f->w->o->max_map_drop;
    const double base = f->entries[BASE].figures.map;
    double ns = f->entries[RESULT].figures.ns / AS_FAST;
    int32_t best = -1;
    for (int32_t i = BASE; !isnan(most) && i < f->count; i++)
        if (i != RESULT && f->entries[i].figures.ns < ns &&
            base - f->entries[i].figures.map <= most) {
            ns = f->entries[i].figures.ns;
            best = i;
        }
    return best;
}

/* Where nothing is pruned, that neither wins nor loses. */
static const char *outcome(const struct yt_compress_result *result, int loses)
{
    if (result->whole)
        return "";
    return loses ? "pruning loses: " : "pruning wins: ";
}

static const char *how(const struct yt_compress_result *result)
{
    return result->whole ? "trained" : "pruned";
}

static void tell_faster(const struct field *f, int32_t faster,
                        struct yt_compress_result *result)
{
    const struct yt_compress_figures *best = &f->entries[RESULT].figures;
    const struct yt_compress_figures *other = &f->entries[faster].figures;
    result->loses = 1;
    result->beaten = faster;
    snprintf(
        result->verdict, YT_COMPRESS_TEXT_MAX,
        "%s%s keeps the wish, too, and runs at %.1f FPS with mAP %.4f, the "
        "%s network at %.1f FPS with %.4f",
        outcome(result, 1), other->name, 1e9 / other->ns, other->map,
        how(result), 1e9 / best->ns, best->map);
}

static enum yt_status judge(const struct field *f,
                            struct yt_compress_result *result)
{
    const struct yt_compress_figures *best = &f->entries[RESULT].figures;
    const int32_t faster = faster_rival(f);
    if (faster >= 0) {
        tell_faster(f, faster, result);
        return YT_OK;
    }
    const int32_t equal = best_rival(f, AS_FAST);
    const int32_t rival = equal >= 0 ? equal : best_rival(f, ABOUT_FAST);
    char *verdict = result->verdict;
    int sure = 0;
    if (f->count == FIRST_RIVAL) {
        snprintf(verdict, YT_COMPRESS_TEXT_MAX, "no rivals were measured");
        return YT_OK;
    }
    if (rival < 0) {
        snprintf(verdict, YT_COMPRESS_TEXT_MAX,
                 "nothing else that was measured is as fast%s",
                 result->kept && !result->whole ? ": pruning wins" : "");
        return YT_OK;
    }
    const struct yt_compress_figures *other = &f->entries[rival].figures;
    YT_TRY(is_sure(f, rival, &sure));
    if (other->map >= best->map) {
        result->loses = 1;
        result->beaten = rival;
    }
    snprintf(verdict, YT_COMPRESS_TEXT_MAX,
             "%s%s runs at %.1f FPS with mAP %.4f, the %s network at %.1f FPS "
             "with %.4f%s",
             outcome(result, other->map >= best->map), other->name,
             1e9 / other->ns, other->map, how(result), 1e9 / best->ns,
             best->map, sure ? "" : "; too few pictures to be sure");
    return YT_OK;
}

/* ------------------------------------------------------------------- result */

static int keeps_wish(const struct field *f)
{
    const struct yt_compress_options *o = f->w->o;
    const struct yt_compress_figures *base = &f->entries[BASE].figures;
    const struct yt_compress_figures *best = &f->entries[RESULT].figures;
    return isnan(o->min_fps) ? base->map - best->map <= o->max_map_drop
                             : 1e9 / best->ns >= 0.98 * o->min_fps;
}

static void take(const struct field *f, struct yt_compress_result *result)
{
    char name[YT_COMPRESS_NAME_MAX];
    memcpy(name, result->best.name, sizeof name);
    result->base = f->entries[BASE].figures;
    result->best = f->entries[RESULT].figures;
    memcpy(result->best.name, name, sizeof name);
    for (int32_t i = FIRST_RIVAL; i < f->count; i++)
        result->rivals[result->rival_count++] = f->entries[i].figures;
    if (result->beaten >= FIRST_RIVAL)
        result->beaten -= FIRST_RIVAL;
    else
        result->beaten = -1;
    result->images = yt_dataset_used(f->w->o->test);
}

enum yt_status yt_compress_compare(struct yt_compress_work *w,
                                   struct yt_compress_result *result,
                                   int32_t alone)
{
    struct field *f = calloc(1, sizeof *f);
    YT_FAIL_IF(!f, YT_NO_MEMORY, "no memory to compare networks");
    f->w = w;
    f->stop = alone ? NULL : w->o->stop;
    add_entry(f, w->graph, w->o->sizes[0].h, w->o->sizes[0].w,
              w->base_precision);
    add_entry(f, result->graph, result->best.h, result->best.w,
              result->best.precision);
    enum yt_status status = measure(f, alone);
    if (status == YT_INTERRUPTED) { /* the result matters, rivals do not */
        for (int32_t i = BASE; i < f->count; i++)
            yt_appraise_close(&f->entries[i].appraised);
        f->count = FIRST_RIVAL;
        f->stop = NULL;
        result->interrupted = 1;
        status = measure(f, 1);
    }
    if (status == YT_OK) {
        f->stop = NULL;
        result->kept = keeps_wish(f);
        status = judge(f, result);
    }
    if (status == YT_OK)
        take(f, result);
    for (int32_t i = 0; i < f->count; i++)
        yt_appraise_close(&f->entries[i].appraised);
    free(f);
    return status;
}
