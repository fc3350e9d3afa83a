/* See strategies/choice/config.h. */

#include "strategies/choice/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runtime/fail.h"

static const char *const parallel_names[YT_PARALLEL_COUNT] = {
    [YT_LATENCY] = "latency",
    [YT_THROUGHPUT] = "throughput",
    [YT_PIPELINE] = "pipeline",
};

static const char *const augment_names[YT_TTA_COUNT] = {
    [YT_TTA_NONE] = "",
    [YT_TTA_FLIP] = "flip",
    [YT_TTA_SCALES] = "scales",
};

struct yt_config yt_config_baseline(const struct yt_choices *choices)
{
    const struct yt_choice_model *model = &choices->models[0];
    return (struct yt_config){
        .h = choices->h ? choices->h : model->h,
        .w = choices->w ? choices->w : model->w,
        .parallel = YT_LATENCY,
        .groups = 1,
        .threads = choices->threads,
        .iou = YT_CONFIG_IOU,
        .max_det = YT_CONFIG_MAX_DET,
    };
}

struct yt_config yt_config_start(const struct yt_choices *choices)
{
    struct yt_config start = yt_config_baseline(choices);
    for (int32_t i = 0; i < choices->precision_count; i++)
        if (choices->precision_asked &&
            choices->precisions[i].model == start.model) {
            start.precision = choices->precisions[i].precision;
            start.mix = choices->precisions[i].mix;
            return start;
        }
    return start;
}

void yt_config_name(const struct yt_config *c, const struct yt_choices *choices,
                    char name_out[YT_CONFIG_NAME_MAX])
{
    struct yt_text text = yt_text_in(name_out, YT_CONFIG_NAME_MAX);
    yt_text_add(&text, "%.64s-%dx%d-%s", choices->models[c->model].name, c->h,
                c->w, yt_precision_key(c->precision));
    if (c->precision == YT_PRECISION_MIXED)
        yt_text_add(&text, ".%08x", c->mix);
    yt_text_add(&text, "-%s-%s-%dx%d", c->tuned ? "tuned" : "default",
                parallel_names[c->parallel], c->groups, c->threads);
    if (c->pin)
        yt_text_add(&text, "-pin");
    if (c->bands)
        yt_text_add(&text, "-bands");
    if (c->augment != YT_TTA_NONE)
        yt_text_add(&text, "-%s", augment_names[c->augment]);
    if (c->fit == YT_FIT_STRETCH)
        yt_text_add(&text, "-stretch");
    if (c->filter == YT_FILTER_NEAREST)
        yt_text_add(&text, "-nearest");
    if (c->iou != YT_CONFIG_IOU)
        yt_text_add(&text, "-iou%.2g", (double)c->iou);
    if (c->agnostic)
        yt_text_add(&text, "-agnostic");
    if (c->candidates)
        yt_text_add(&text, "-top%d", c->candidates);
    if (c->max_det != YT_CONFIG_MAX_DET)
        yt_text_add(&text, "-max%d", c->max_det);
}

/* ------------------------------------------------------------------ parse */

/* One part of the name between dashes. */
static int read_word(const char *word, struct yt_config *c)
{
    int end = 0;
    if (strcmp(word, "pin") == 0)
        return c->pin = 1;
    if (strcmp(word, "bands") == 0)
        return c->bands = 1;
    if (strcmp(word, "flip") == 0)
        return c->augment = YT_TTA_FLIP;
    if (strcmp(word, "scales") == 0)
        return c->augment = YT_TTA_SCALES;
    if (strcmp(word, "stretch") == 0)
        return c->fit = YT_FIT_STRETCH;
    if (strcmp(word, "nearest") == 0)
        return c->filter = YT_FILTER_NEAREST;
    if (strcmp(word, "agnostic") == 0)
        return c->agnostic = 1;
    if (sscanf(word, "iou%f%n", &c->iou, &end) == 1 && !word[end])
        return c->iou > 0 && c->iou <= 1;
    if (sscanf(word, "top%d%n", &c->candidates, &end) == 1 && !word[end])
        return c->candidates > 0;
    if (sscanf(word, "max%d%n", &c->max_det, &end) == 1 && !word[end])
        return c->max_det > 0;
    return 0;
}

static int read_parallel(const char *word, enum yt_parallel *parallel_out)
{
    for (int i = 0; i < YT_PARALLEL_COUNT; i++)
        if (strcmp(word, parallel_names[i]) == 0) {
            *parallel_out = (enum yt_parallel)i;
            return 1;
        }
    return 0;
}

/* "f32", or "mixed.1a2b3c4d", whose eight digits are always there. */
static int read_precision(char *word, struct yt_config *c)
{
    static const char digits[] = "0123456789abcdef";
    char *dot = strchr(word, '.');
    if (dot)
        *dot++ = 0;
    if (!yt_precision_find(word, &c->precision) ||
        strcmp(word, yt_precision_key(c->precision)) != 0 ||
        (c->precision == YT_PRECISION_MIXED) != (dot != NULL))
        return 0;
    if (!dot)
        return 1;
    if (strlen(dot) != 8 || strspn(dot, digits) != 8)
        return 0;
    c->mix = (uint32_t)strtoul(dot, NULL, 16);
    return 1;
}

/* "-HxW-PRECISION-KERNELS-MODE-GROUPSxTHREADS", at the first dash that it
 * fits. */
static const char *read_fixed(const char *name, struct yt_config *c)
{
    for (const char *at = name; (at = strchr(at, '-')); at++) {
        char precision[16], kernels[16], mode[16];
        struct yt_config read = {.iou = YT_CONFIG_IOU,
                                 .max_det = YT_CONFIG_MAX_DET};
        int end = 0;
        if (sscanf(at, "-%dx%d-%15[a-z0-9.]-%15[a-z]-%15[a-z]-%dx%d%n", &read.h,
                   &read.w, precision, kernels, mode, &read.groups,
                   &read.threads, &end) != 7 ||
            !read_precision(precision, &read))
            continue;
        read.tuned = strcmp(kernels, "tuned") == 0;
        if ((!read.tuned && strcmp(kernels, "default") != 0) ||
            !read_parallel(mode, &read.parallel))
            continue;
        *c = read;
        return at + end;
    }
    return NULL;
}

enum yt_status yt_config_parse(const char *name, struct yt_config *config_out)
{
    struct yt_config c;
    const char *at = read_fixed(name, &c);
    YT_FAIL_IF(!at, YT_BAD_INPUT,
               "configuration '%.80s': not "
               "MODEL-HxW-PRECISION-KERNELS-MODE-GROUPSxTHREADS",
               name);
    YT_FAIL_IF(c.h < 1 || c.w < 1 || c.groups < 1 || c.threads < 1 ||
                   c.groups > 256 || c.threads > 256,
               YT_BAD_INPUT, "configuration '%.80s': a size is out of range",
               name);
    while (*at == '-') {
        char word[32];
        const size_t length = strcspn(++at, "-");
        YT_FAIL_IF(length >= sizeof word, YT_BAD_INPUT,
                   "configuration '%.80s': '%.40s' is not understood", name,
                   at);
        memcpy(word, at, length);
        word[length] = 0;
        YT_FAIL_IF(!read_word(word, &c), YT_BAD_INPUT,
                   "configuration '%.80s': '%s' is not understood", name, word);
        at += length;
    }
    YT_FAIL_IF(*at, YT_BAD_INPUT, "configuration '%.80s': ends in '%.40s'",
               name, at);
    *config_out = c;
    return YT_OK;
}

const struct yt_choice_precision *
yt_config_find_precision(const struct yt_config *c,
                         const struct yt_choices *choices)
{
    for (int32_t i = 0; i < choices->precision_count; i++)
        if (choices->precisions[i].model == c->model &&
            choices->precisions[i].precision == c->precision &&
            choices->precisions[i].mix == c->mix)
            return &choices->precisions[i];
    return NULL;
}

int yt_config_valid(const struct yt_config *c, const struct yt_choices *choices)
{
    const int32_t stride = choices->models[c->model].stride;
    if (c->h % stride || c->w % stride)
        return 0;
    if (c->precision != YT_PRECISION_F32 &&
        !yt_config_find_precision(c, choices))
        return 0;
    if (c->augment == YT_TTA_SCALES && choices->keep_exportable)
        return 0;
    return c->parallel == YT_LATENCY || c->augment == YT_TTA_NONE;
}

/* ---------------------------------------------------------------- compare */

int yt_config_same_boxes(const struct yt_config *a, const struct yt_config *b)
{
    return a->model == b->model && a->h == b->h && a->w == b->w &&
           a->precision == b->precision && a->mix == b->mix &&
           a->augment == b->augment && a->fit == b->fit &&
           a->filter == b->filter && a->iou == b->iou &&
           a->agnostic == b->agnostic && a->candidates == b->candidates &&
           a->max_det == b->max_det;
}

int yt_config_same(const struct yt_config *a, const struct yt_config *b)
{
    return yt_config_same_boxes(a, b) && a->tuned == b->tuned &&
           a->parallel == b->parallel && a->groups == b->groups &&
           a->threads == b->threads && a->pin == b->pin && a->bands == b->bands;
}
