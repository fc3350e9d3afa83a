/* Options of a training: what they mean, and whether they go together. */

#include "train/run/train_parts.h"

#include <math.h>

#include "base/text.h"
#include "model/digest.h"
#include "runtime/fail.h"

#define BATCH      16
#define FINAL_RATE 0.01
#define MOMENTUM   0.937
#define DECAY      0.0005
#define WARM_UP    3
#define CLIP       10
#define AVERAGE    0.9999

static double or_default(double value, double otherwise)
{
    return value == 0 ? otherwise : value;
}

static void fill_in(const struct yt_graph *start, struct yt_train_options *o)
{
    const struct yt_detection_gains *labels = &o->gains;
    const struct yt_distill_gains *teacher = &o->distill;
    o->batch = o->batch ? o->batch : BATCH;
    o->rate = or_default(o->rate,
                         o->optimiser == YT_ADAM ? YT_RATE_ADAM : YT_RATE_SGD);
    o->final_rate = or_default(o->final_rate, FINAL_RATE);
    o->momentum = or_default(o->momentum, MOMENTUM);
    o->decay = o->decay < 0 ? 0 : or_default(o->decay, DECAY);
    o->warm_up = or_default(o->warm_up, WARM_UP);
    o->clip = or_default(o->clip, CLIP);
    o->ema = or_default(o->ema, AVERAGE);
    if (labels->box == 0 && labels->objectness == 0 && labels->classes == 0)
        o->gains = yt_detection_gains(start, o->h, o->w);
    if (teacher->box == 0 && teacher->objectness == 0 && teacher->classes == 0)
        o->distill = yt_distill_gains();
}

static enum yt_status check_options(const struct yt_graph *start,
                                    const struct yt_train_options *o)
{
    const int32_t stride = yt_graph_max_stride(start);
    YT_FAIL_IF(o->h < 1 || o->w < 1 || o->h % stride || o->w % stride,
               YT_BAD_ARGUMENT, "%dx%d: not multiples of the model's stride %d",
               o->h, o->w, stride);
    YT_FAIL_IF(!o->teacher && !o->labels, YT_BAD_ARGUMENT,
               "there is nothing to learn from: neither labels nor a teacher");
    YT_FAIL_IF(o->epochs < 1 && o->budget_ns == 0, YT_BAD_ARGUMENT,
               "a training needs a number of epochs or a budget of time");
    YT_FAIL_IF(!(o->rate > 0) || !isfinite(o->rate), YT_BAD_ARGUMENT,
               "a learning rate of %g: not above 0", o->rate);
    YT_FAIL_IF(!(o->momentum >= 0 && o->momentum < 1), YT_BAD_ARGUMENT,
               "a momentum of %g: not in 0..1", o->momentum);
    if (o->teacher)
        YT_TRY(yt_distill_check(start, o->teacher));
    return YT_OK;
}

static enum yt_status check_dataset(const struct yt_graph *start,
                                    const struct yt_dataset *dataset,
                                    const struct yt_train_options *o)
{
    const int32_t pictures = yt_dataset_used(dataset);
    YT_FAIL_IF(pictures < o->batch, YT_BAD_INPUT,
               "%s: %d pictures are too few to train with in batches of %d",
               dataset->name, pictures, o->batch);
    if (!o->labels)
        return YT_OK;
    YT_FAIL_IF(dataset->truth_count == 0, YT_BAD_INPUT,
               "%s: no picture has labels, which the detection loss needs; a "
               "teacher needs none",
               dataset->name);
    YT_FAIL_IF(dataset->class_count != start->nc, YT_BAD_INPUT,
               "%s has %d classes, the model %d", dataset->name,
               dataset->class_count, start->nc);
    return YT_OK;
}

enum yt_status yt_train_resolve(const struct yt_graph *start,
                                const struct yt_dataset *dataset,
                                const struct yt_train_options *options,
                                struct yt_train_options *resolved_out)
{
    struct yt_train_options o = *options;
    fill_in(start, &o);
    YT_TRY(check_options(start, &o));
    YT_TRY(check_dataset(start, dataset, &o));
    *resolved_out = o;
    return YT_OK;
}

/* --------------------------------------------------------------- identity */

static void add_digest(struct yt_text *text, const char *what,
                       const struct yt_graph *graph)
{
    char digest[33] = "none";
    if (graph)
        yt_graph_digest(graph, digest);
    yt_text_add(text, " %s %s", what, digest);
}

static void add_numbers(struct yt_text *text, const char *what,
                        const double *numbers, size_t count)
{
    yt_text_add(text, " %s", what);
    for (size_t i = 0; i < count; i++)
        yt_text_add(text, " %a", numbers[i]);
}

static void add_losses(struct yt_text *text, const struct yt_train_options *o)
{
    const double numbers[] = {
        o->distill.objectness,
        o->distill.classes,
        o->distill.box,
        o->maps,
        o->gains.box,
        o->gains.objectness,
        o->gains.classes,
        o->gains.class_positive,
        o->gains.label_smoothing,
        o->gains.objectness_positive,
        o->gains.anchor_ratio,
        o->gains.focal_gamma,
    };
    yt_text_add(text, " labels %d", o->labels);
    add_numbers(text, "losses", numbers, sizeof numbers / sizeof numbers[0]);
    add_numbers(text, "balance", o->gains.balance, YT_LEVELS_MAX);
}

static void add_course(struct yt_text *text, const struct yt_train_options *o)
{
    const double numbers[] = {o->rate,    o->final_rate, o->momentum, o->decay,
                              o->warm_up, o->clip,       o->ema};
    const struct yt_augmentation *a = &o->augmentation;
    const double changes[] = {a->hue,       a->saturation, a->value, a->degrees,
                              a->translate, a->scale,      a->shear, a->flip_lr,
                              a->flip_ud,   a->mosaic};
    yt_text_add(text, " size %dx%d batch %d seed %llu optimiser %d epochs %d",
                o->h, o->w, o->batch, (unsigned long long)o->seed,
                (int)o->optimiser, o->epochs);
    add_numbers(text, "rates", numbers, sizeof numbers / sizeof numbers[0]);
    add_numbers(text, "changes", changes, sizeof changes / sizeof changes[0]);
}

static void add_masks(struct yt_text *text, const struct yt_graph *graph,
                      const uint8_t *const *masks)
{
    for (int32_t i = 0; masks && i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind != YT_NODE_CONV || !masks[i])
            continue;
        char digest[33];
        const size_t filter = (size_t)graph->nodes[node->inputs[0]].c *
                              (size_t)node->r * (size_t)node->r;
        yt_digest_hex(masks[i], (size_t)node->c * filter, digest);
        yt_text_add(text, " mask %d %s", i, digest);
    }
}

enum yt_status yt_train_identity(const struct yt_graph *start,
                                 const struct yt_dataset *dataset,
                                 const struct yt_train_options *options,
                                 char identity_out[YT_CHECKPOINT_ID_MAX])
{
    struct yt_text text = {0};
    add_digest(&text, "start", start);
    add_digest(&text, "teacher", options->teacher);
    yt_text_add(&text, " data %s %d measured %s", dataset->hash,
                yt_dataset_used(dataset),
                options->measured ? options->measured : "-");
    add_losses(&text, options);
    add_course(&text, options);
    add_masks(&text, start, options->masks);
    if (options->quantisation) {
        char hash[17];
        yt_quantisation_hash(options->quantisation, hash);
        yt_text_add(&text, " integers %s %d", hash, options->weight_max);
    }
    const int failed = text.failed;
    if (!failed)
        yt_digest_hex(yt_text_get(&text), text.length, identity_out);
    yt_text_free(&text);
    YT_FAIL_IF(failed, YT_NO_MEMORY, "no memory for a training's identity");
    return YT_OK;
}
