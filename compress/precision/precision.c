/* See compress/precision/precision.h. */

#include "compress/precision/precision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "compress/precision/calibrate.h"

#define LAYER_SUFFIX                                                           \
    ".up" /* the half of a layer that runs before an upsample */

/* ------------------------------------------------------------------- keep */

/* The node itself, or one below it. */
static int is_within(const char *node, const char *name, size_t length)
{
    return strncmp(node, name, length) == 0 &&
           (node[length] == 0 || node[length] == '.');
}

static int keep_named(struct yt_quantisation *q, const struct yt_graph *graph,
                      const char *name, size_t length)
{
    int kept = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_CONV &&
            is_within(graph->nodes[i].name, name, length)) {
            q->dtypes[i] = YT_DTYPE_F32;
            kept++;
        }
    return kept;
}

/* "model.2.cv1+cv2" is model.2.cv1 and model.2.cv2. */
static int keep_item(struct yt_quantisation *q, const struct yt_graph *graph,
                     const char *item, size_t length)
{
    char name[YT_LAYER_NAME_MAX];
    const size_t suffix = sizeof LAYER_SUFFIX - 1;
    if (length > suffix &&
        memcmp(item + length - suffix, LAYER_SUFFIX, suffix) == 0)
        length -= suffix;
    if (length == 0 || length >= sizeof name)
        return 0;
    size_t first = 0;
    while (first < length && item[first] != '+')
        first++;
    size_t folder = first;
    while (folder > 0 && item[folder - 1] != '.')
        folder--;
    if (!keep_named(q, graph, item, first))
        return 0;
    for (size_t at = first; at < length;) {
        size_t end = ++at;
        while (end < length && item[end] != '+')
            end++;
        const int used = snprintf(name, sizeof name, "%.*s%.*s", (int)folder,
                                  item, (int)(end - at), item + at);
        if (used < 0 || (size_t)used >= sizeof name ||
            !keep_named(q, graph, name, (size_t)used))
            return 0;
        at = end;
    }
    return 1;
}

enum yt_status yt_keep_fp32(struct yt_quantisation *q,
                            const struct yt_graph *graph, const char *layers)
{
    for (const char *at = layers;; at++) {
        const size_t length = strcspn(at, ",");
        YT_FAIL_IF(length == 0, YT_BAD_ARGUMENT,
                   "--keep-fp32 %.80s: a layer's name is empty", layers);
        YT_FAIL_IF(!keep_item(q, graph, at, length), YT_BAD_ARGUMENT,
                   "--keep-fp32: %s has no convolution '%.*s'; 'yolotune "
                   "analyze' prints the names",
                   graph->name, (int)(length < 60 ? length : 60), at);
        at += length;
        if (!*at)
            return YT_OK;
    }
}

/* ------------------------------------------------------------------ check */

static const char *word_of(const struct yt_precision_wish *wish)
{
    return wish->precision ? wish->precision : "auto";
}

/* What the word asks for; 0: "auto", or a word that there is not. */
static int find_asked(const struct yt_precision_wish *wish,
                      enum yt_precision *precision_out)
{
    const char *word = word_of(wish);
    return yt_precision_find(word, precision_out) &&
           *precision_out != YT_PRECISION_MIXED &&
           strcmp(word, yt_precision_word(*precision_out)) == 0;
}

int yt_precision_is_auto(const struct yt_precision_wish *wish)
{
    return strcmp(word_of(wish), "auto") == 0;
}

int yt_precision_is_asked(const struct yt_precision_wish *wish,
                          enum yt_precision precision)
{
    enum yt_precision asked;
    return find_asked(wish, &asked) && asked == precision;
}

static const struct {
    const char *name;
    enum yt_range_method method;
} methods[] = {
    {"auto", YT_RANGE_AUTO},
    {"minmax", YT_RANGE_MIN_MAX},
    {"percentile", YT_RANGE_PERCENTILE},
    {"mse", YT_RANGE_MSE},
    {"kl", YT_RANGE_ENTROPY}, /* Kullback and Leibler's */
    {NULL, YT_RANGE_COUNT},
};

static const char *method_of(const struct yt_precision_wish *wish)
{
    return wish->method ? wish->method : "auto";
}

static enum yt_range_method range_method(const struct yt_precision_wish *wish)
{
    size_t i = 0;
    while (methods[i].name && strcmp(method_of(wish), methods[i].name) != 0)
        i++;
    return methods[i].method;
}

enum yt_status yt_precision_check(const struct yt_precision_wish *wish)
{
    enum yt_precision asked = YT_PRECISION_F32;
    const int is_auto = yt_precision_is_auto(wish);
    YT_FAIL_IF(!is_auto && !find_asked(wish, &asked), YT_BAD_ARGUMENT,
               "--precision %s: not auto, fp32, bf16, int16 or int8",
               word_of(wish));
    const int is_any = is_auto && wish->chooses;
    const int is_quantised = is_any || asked != YT_PRECISION_F32;
    const int is_integer = is_quantised && asked != YT_PRECISION_BF16;
    YT_FAIL_IF(range_method(wish) == YT_RANGE_COUNT, YT_BAD_ARGUMENT,
               "--calib-method %s: not auto, minmax, percentile, mse or kl",
               wish->method);
    YT_FAIL_IF(wish->keep_fp32 && !is_quantised, YT_BAD_ARGUMENT,
               "--keep-fp32 needs --precision bf16, int16 or int8");
    YT_FAIL_IF(wish->learn_rounding && !is_any && asked != YT_PRECISION_INT8,
               YT_BAD_ARGUMENT, "--learn-rounding needs --precision int8");
    YT_FAIL_IF((wish->calib || wish->method || wish->images) && !is_integer,
               YT_BAD_ARGUMENT,
               "--calib, --calib-images and --calib-method need --precision "
               "int16 or int8");
    return YT_OK;
}

/* --------------------------------------------------------------- pictures */

/* A data set's train split; or all there is of a folder or a list. */
static enum yt_status open_pictures(const char *path, const char *split,
                                    struct yt_dataset **pictures_out)
{
    const struct yt_dataset_options options = {
        .path = path, .split = split, .only_pictures = 1};
    return yt_dataset_open(&options, pictures_out);
}

static enum yt_status check_apart(const struct yt_precision_wish *wish,
                                  const struct yt_dataset *pictures,
                                  const char *path)
{
    int32_t same = 0, example = -1;
    if (!wish->measured)
        return YT_OK;
    YT_TRY(yt_dataset_same_content(wish->measured, pictures, &same, &example));
    YT_FAIL_IF(same > 0, YT_BAD_ARGUMENT,
               "%s: %d of its pictures are about to be measured on, such as "
               "%s: they are none to calibrate on",
               path, same, pictures->images[example].path);
    return YT_OK;
}

/* A COCO file has one set of pictures, which is the measured one. */
static enum yt_status open_default(const struct yt_precision_wish *wish,
                                   struct yt_dataset **pictures_out)
{
    const char *path = wish->default_calib;
    enum yt_status status = open_pictures(path, "train", pictures_out);
    if (status == YT_OK)
        status = check_apart(wish, *pictures_out, path);
    if (status == YT_OK || status == YT_NO_MEMORY)
        return status;
    char why[256];
    snprintf(why, sizeof why, "%s", yt_error());
    return yt_fail(status,
                   "--precision %s: no pictures to calibrate on: name some "
                   "with --calib (%s)",
                   word_of(wish), why);
}

/* At even distances, with a hash of their own. */
static enum yt_status choose_some(const struct yt_precision_wish *wish,
                                  struct yt_dataset **pictures)
{
    const int32_t most = wish->images ? wish->images : YT_CALIBRATE_IMAGES;
    struct yt_dataset *some = NULL;
    if ((*pictures)->image_count <= most)
        return YT_OK;
    YT_TRY(yt_dataset_subset(*pictures, most, &some));
    yt_dataset_close(*pictures);
    *pictures = some;
    return YT_OK;
}

static enum yt_status open_named(const struct yt_precision_wish *wish,
                                 struct yt_dataset **pictures_out)
{
    enum yt_status status = open_pictures(wish->calib, "train", pictures_out);
    if (status == YT_NOT_FOUND)
        status = open_pictures(wish->calib, NULL, pictures_out);
    YT_TRY(status);
    return check_apart(wish, *pictures_out, wish->calib);
}

static enum yt_status need_pictures(const struct yt_precision_wish *wish)
{
    return yt_fail(YT_NOT_FOUND,
                   "--precision %s: pictures are needed to calibrate on: name "
                   "some with --calib",
                   word_of(wish));
}

enum yt_status yt_precision_pictures(const struct yt_precision_wish *wish,
                                     struct yt_dataset **pictures_out)
{
    struct yt_dataset *pictures = NULL;
    if (!wish->calib && !wish->default_calib)
        return need_pictures(wish);
    enum yt_status status = wish->calib ? open_named(wish, &pictures)
                                        : open_default(wish, &pictures);
    if (status == YT_OK)
        status = choose_some(wish, &pictures);
    if (status != YT_OK) {
        yt_dataset_close(pictures);
        return status;
    }
    *pictures_out = pictures;
    return YT_OK;
}

/* ----------------------------------------------------------- calibrations */

struct search {
    const struct yt_precision_wish *wish;
    struct yt_engine *engine; /* only looked things up with */
    struct yt_precision_found *found;
    char settings[64];
};

/* How a calibration is made, in words that tell it from others. Rounding is
 * learned for the weights that the instruction set takes. */
static void name_settings(struct search *s)
{
    const struct yt_isa *isa = s->engine->build->isa;
    const char *method = method_of(s->wish);
    if (s->wish->learn_rounding)
        snprintf(s->settings, sizeof s->settings, "%s, learned rounding to %d",
                 method, yt_isa_weight_max(isa));
    else
        snprintf(s->settings, sizeof s->settings, "%s", method);
}

static struct yt_db_quantisation key_of(const struct search *s,
                                        const struct yt_dataset *pictures)
{
    const struct yt_plan *plan = &s->engine->build->plan;
    return (struct yt_db_quantisation){
        .model = s->engine->model_id,
        .h = plan->h,
        .w = plan->w,
        .settings = s->settings,
        .images = pictures ? yt_dataset_used(pictures) : 0,
        .images_hash = pictures ? pictures->hash : NULL,
    };
}

/* A text that cannot be read is as good as none. */
static enum yt_status find_stored(struct search *s,
                                  const struct yt_dataset *pictures)
{
    const struct yt_db_quantisation key = key_of(s, pictures);
    char *text = NULL;
    if (!s->engine->site->db)
        return YT_NOT_FOUND;
    YT_TRY(yt_db_quantisation_find(s->engine->site->db, &key, &text));
    const enum yt_status status =
        yt_quantisation_read(s->engine->graph, text, &s->found->quantisation);
    free(text);
    return status == YT_BAD_INPUT || status == YT_STALE ? YT_NOT_FOUND : status;
}

/* Whoever cannot write into the database calibrates again next time. */
static enum yt_status store(struct search *s, const struct yt_dataset *pictures)
{
    if (!s->engine->site->db || yt_db_is_read_only(s->engine->site->db))
        return YT_OK;
    struct yt_db_quantisation row = key_of(s, pictures);
    char *text = NULL;
    YT_TRY(
        yt_quantisation_text(s->found->quantisation, s->engine->graph, &text));
    row.text = text;
    const enum yt_status status =
        yt_db_quantisation_put(s->engine->site->db, &row, NULL);
    free(text);
    return status;
}

static void on_progress(void *user, enum yt_calibrate_phase phase, int32_t done,
                        int32_t total)
{
    static const char *const names[YT_CALIBRATE_PHASES] = {
        [YT_CALIBRATE_COMPILE] = NULL,
        [YT_CALIBRATE_OBSERVE] = "pictures",
        [YT_CALIBRATE_COLLECT] = "pictures once more",
        [YT_CALIBRATE_ROUND] = "layers rounded",
    };
    const struct search *s = user;
    if (names[phase])
        s->wish->progress(s->wish->user, names[phase], done, total);
}

static enum yt_status
calibrate(struct search *s, const struct yt_dataset *pictures, const char *path)
{
    struct yt_precision_found *found = s->found;
    const uint64_t begin = yt_now_ns();
    const struct yt_plan *plan = &s->engine->build->plan;
    const struct yt_calibrate_options options = {
        .range.method = range_method(s->wish),
        .images_max = pictures->image_count,
        .bias_correction = 1,
        .learn_rounding = s->wish->learn_rounding,
        .kernels = s->engine->site->kernels,
        .stop = s->wish->stop,
        .progress = s->wish->progress ? on_progress : NULL,
        .user = s,
    };
    YT_TRY(yt_calibrate(s->engine->graph, plan->isa, plan->h, plan->w,
                        s->engine->site->host.threads, pictures, &options,
                        &found->quantisation));
    found->seconds = 1e-9 * (double)(yt_now_ns() - begin);
    found->images = found->quantisation->images;
    snprintf(found->source, sizeof found->source, "%s", path);
    return store(s, pictures);
}

/* Whether it says anything of how to calibrate. */
static int wants_ranges(const struct yt_precision_wish *wish)
{
    return wish->calib || wish->method || wish->images || wish->learn_rounding;
}

/* What the network's file says, unless something else is asked for. */
static enum yt_status find_own(struct search *s)
{
    const struct yt_precision_wish *wish = s->wish;
    const struct yt_graph *graph = s->engine->graph;
    if (wants_ranges(wish))
        return YT_NOT_FOUND;
    const enum yt_status status =
        yt_quantisation_own(graph, &s->found->quantisation);
    return status == YT_STALE ? YT_NOT_FOUND : status;
}

/* Without pictures the newest calibration will do, unless some are about to be
 * measured on: it may have seen those. */
static enum yt_status calibrate_or_find(struct search *s)
{
    const struct yt_precision_wish *wish = s->wish;
    struct yt_dataset *pictures = NULL;
    const char *path = wish->calib ? wish->calib : wish->default_calib;
    const enum yt_status own = find_own(s);
    if (own != YT_NOT_FOUND)
        return own;
    if (!path) {
        const enum yt_status status =
            wish->measured ? YT_NOT_FOUND : find_stored(s, NULL);
        return status == YT_NOT_FOUND ? need_pictures(wish) : status;
    }
    YT_TRY(yt_precision_pictures(wish, &pictures));
    enum yt_status status = find_stored(s, pictures);
    if (status == YT_NOT_FOUND)
        status = calibrate(s, pictures, path);
    yt_dataset_close(pictures);
    return status;
}

enum yt_status yt_precision_calibrate(struct yt_engine *engine,
                                      const struct yt_precision_wish *wish,
                                      const struct yt_dataset *pictures,
                                      int32_t only_stored,
                                      struct yt_precision_found *found_out)
{
    struct search s = {.wish = wish, .engine = engine, .found = found_out};
    *found_out = (struct yt_precision_found){.quantisation = NULL};
    name_settings(&s);
    enum yt_status status = find_own(&s);
    if (status == YT_NOT_FOUND)
        status = find_stored(&s, pictures);
    return status == YT_NOT_FOUND && !only_stored
               ? calibrate(&s, pictures,
                           wish->calib ? wish->calib : wish->default_calib)
               : status;
}

/* ------------------------------------------------------------------- find */

/* The plan that was tuned or applied as this precision knows how. */
static enum yt_status find_plan(struct search *s)
{
    const struct yt_precision_wish *wish = s->wish;
    struct yt_engine *engine = s->engine;
    char *text = NULL;
    if (!engine->site->db || wants_ranges(wish) || wish->keep_fp32)
        return YT_NOT_FOUND;
    char beginning[YT_PRECISION_MAX];
    struct yt_db_plan_key key = yt_engine_plan_key(engine, YT_DB_TUNED);
    enum yt_precision asked = YT_PRECISION_F32;
    (void)find_asked(wish, &asked);
    snprintf(beginning, sizeof beginning, "%s-", yt_precision_key(asked));
    key.precision = beginning;
    YT_TRY(yt_db_plan_preferred(engine->site->db, &key, &text));
    const enum yt_status status =
        yt_plan_text_quantisation(engine->graph, text, &s->found->quantisation);
    free(text);
    return status == YT_BAD_INPUT || status == YT_STALE ? YT_NOT_FOUND : status;
}

/* Before seconds of calibration, not after them. */
static enum yt_status check_layers(const struct search *s)
{
    struct yt_quantisation *q = NULL;
    YT_TRY(yt_quantisation_create(s->engine->graph, &q));
    const enum yt_status status =
        yt_keep_fp32(q, s->engine->graph, s->wish->keep_fp32);
    yt_quantisation_destroy(q);
    return status;
}

static enum yt_status make(struct search *s)
{
    const struct yt_graph *graph = s->engine->graph;
    enum yt_precision asked = YT_PRECISION_F32;
    (void)find_asked(s->wish, &asked); /* yt_precision_check() found it */
    const enum yt_dtype dtype = yt_precision_dtype(asked);
    struct yt_quantisation **q = &s->found->quantisation;
    if (s->wish->keep_fp32)
        YT_TRY(check_layers(s));
    YT_TRY(dtype == YT_DTYPE_BF16 ? yt_quantisation_create(graph, q)
                                  : calibrate_or_find(s));
    yt_quantisation_set_all(*q, graph, dtype);
    return s->wish->keep_fp32 ? yt_keep_fp32(*q, graph, s->wish->keep_fp32)
                              : YT_OK;
}

/* Only to look things up, and to keep what is calibrated where the site writes.
 */
static enum yt_status open_to_look(const struct yt_site *site,
                                   const struct yt_graph *graph,
                                   const struct yt_engine_options *options,
                                   struct yt_engine **engine_out)
{
    struct yt_engine_options own = *options;
    own.unbuilt = own.untuned = 1;
    own.quantisation = NULL;
    own.preferred = NULL;
    return yt_engine_open(site, graph, &own, engine_out);
}

int yt_precision_calibrates(const struct yt_precision_wish *wish)
{
    return !yt_precision_is_auto(wish) &&
           !yt_precision_is_asked(wish, YT_PRECISION_F32) &&
           !yt_precision_is_asked(wish, YT_PRECISION_BF16);
}

enum yt_status yt_precision_find_quantisation(
    const struct yt_site *site, const struct yt_graph *graph,
    struct yt_engine_options *engine, const struct yt_precision_wish *wish,
    struct yt_precision_found *found_out)
{
    struct search s = {.wish = wish, .found = found_out};
    *found_out = (struct yt_precision_found){.quantisation = NULL};
    engine->quantisation = NULL;
    engine->preferred = yt_precision_is_auto(wish) ? "" : NULL;
    YT_TRY(yt_precision_check(wish));
    if (!yt_precision_calibrates(wish) &&
        !yt_precision_is_asked(wish, YT_PRECISION_BF16))
        return YT_OK;
    YT_TRY(open_to_look(site, graph, engine, &s.engine));
    name_settings(&s);
    enum yt_status status = find_plan(&s);
    if (status == YT_NOT_FOUND)
        status = make(&s);
    yt_engine_close(s.engine);
    if (status != YT_OK)
        yt_precision_deinit(found_out);
    engine->quantisation = found_out->quantisation;
    return status;
}

void yt_precision_deinit(struct yt_precision_found *found)
{
    yt_quantisation_destroy(found->quantisation);
    *found = (struct yt_precision_found){.quantisation = NULL};
}
