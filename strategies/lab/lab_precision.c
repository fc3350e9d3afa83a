/* What the models of a lab may compute with: ranges that are stored or measured
 * on pictures without labels, and the quantisations made of them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runtime/fail.h"
#include "strategies/lab/lab_parts.h"

#define DETAIL_MAX   200
#define LAYERS_NAMED 4 /* more are counted */

/* ------------------------------------------------------------------ words */

static const char *word_of(int dtype)
{
    return yt_precision_word(yt_precision_of((enum yt_dtype)dtype));
}

/* The most used type, and those layers that differ: by name where they are
 * few. */
static void describe(const struct yt_quantisation *q,
                     const struct yt_graph *graph, struct yt_text *text)
{
    int32_t counts[YT_DTYPE_COUNT] = {0}, all = 0;
    int most = YT_DTYPE_F32;
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_CONV) {
            counts[q->dtypes[i]]++;
            all++;
        }
    for (int d = 0; d < YT_DTYPE_COUNT; d++)
        if (counts[d] > counts[most])
            most = d;
    if (all - counts[most] <= LAYERS_NAMED) {
        yt_text_add(text, "%s but for", word_of(most));
        const char *comma = "";
        for (int32_t i = 0; i < graph->node_count; i++) {
            if (graph->nodes[i].kind != YT_NODE_CONV || q->dtypes[i] == most)
                continue;
            yt_text_add(text, "%s %s in %s", comma, graph->nodes[i].name,
                        word_of(q->dtypes[i]));
            comma = ",";
        }
        return;
    }
    yt_text_add(text, "mixed: %d of %d convolutions in %s", counts[most], all,
                word_of(most));
    for (int d = 0; d < YT_DTYPE_COUNT; d++)
        if (d != most && counts[d])
            yt_text_add(text, ", %d in %s", counts[d], word_of(d));
}

/* ---------------------------------------------------------------- choices */

static enum yt_status add_choice(struct yt_lab *lab,
                                 const struct yt_config *config,
                                 const char *detail)
{
    const int32_t count = lab->choices.precision_count;
    if (yt_config_find_precision(config, &lab->choices))
        return YT_OK;
    struct yt_choice_precision *more =
        realloc(lab->precisions, (size_t)(count + 1) * sizeof *more);
    YT_FAIL_IF(!more, YT_NO_MEMORY, "no memory for a precision");
    lab->precisions = more;
    lab->choices.precisions = more;
    char *copy = *detail ? strdup(detail) : NULL;
    YT_FAIL_IF(*detail && !copy, YT_NO_MEMORY, "no memory for a precision");
    more[count] = (struct yt_choice_precision){
        .model = config->model,
        .precision = config->precision,
        .mix = config->mix,
        .detail = copy,
    };
    lab->choices.precision_count++;
    return YT_OK;
}

enum yt_status yt_lab_add_quantisation(struct yt_lab *lab, int32_t model,
                                       struct yt_quantisation *q,
                                       struct yt_config *config_out)
{
    const struct yt_graph *graph = lab->facts[model]->graph;
    char detail[DETAIL_MAX];
    struct yt_text text = yt_text_in(detail, sizeof detail);
    *config_out = yt_config_baseline(&lab->choices);
    config_out->model = model;
    if (yt_quantisation_precision(q, graph) == YT_PRECISION_MIXED)
        describe(q, graph, &text);
    YT_TRY(yt_quantisations_add(&lab->engines.quantisations, graph, q,
                                config_out));
    return config_out->precision == YT_PRECISION_F32
               ? YT_OK
               : add_choice(lab, config_out, detail);
}

/* ----------------------------------------------------------------- wishes */

static const enum yt_precision order[] = {
    YT_PRECISION_INT8,
    YT_PRECISION_INT16,
    YT_PRECISION_BF16,
};
#define ORDER_COUNT (sizeof order / sizeof order[0])

static int is_wanted(const struct yt_lab *lab, enum yt_precision precision)
{
    return yt_precision_is_auto(&lab->wish)
               ? !lab->choices.keep_boxes
               : yt_precision_is_asked(&lab->wish, precision);
}

static int has_bf16(const struct yt_lab *lab)
{
    return yt_isa_computes(lab->facts[0]->build->isa, YT_DTYPE_BF16);
}

static int wants_pictures(const struct yt_lab *lab)
{
    return is_wanted(lab, YT_PRECISION_INT8) ||
           is_wanted(lab, YT_PRECISION_INT16);
}

/* All of one precision but for what is to stay. */
static enum yt_status offer_one(struct yt_lab *lab, int32_t model,
                                enum yt_precision precision)
{
    const struct yt_graph *graph = lab->facts[model]->graph;
    const struct yt_quantisation *ranges = lab->calibrations[model].ranges;
    struct yt_quantisation *q = NULL;
    struct yt_config config;
    if (precision == YT_PRECISION_BF16)
        YT_TRY(yt_quantisation_create(graph, &q));
    else
        YT_TRY(yt_quantisation_copy(ranges, &q));
    yt_quantisation_set_all(q, graph, yt_precision_dtype(precision));
    if (lab->wish.keep_fp32) {
        const enum yt_status status =
            yt_keep_fp32(q, graph, lab->wish.keep_fp32);
        if (status != YT_OK) {
            yt_quantisation_destroy(q);
            return status;
        }
    }
    return yt_lab_add_quantisation(lab, model, q, &config);
}

static enum yt_status offer(struct yt_lab *lab, int32_t model)
{
    for (size_t i = 0; i < ORDER_COUNT; i++) {
        const int is_ready = order[i] == YT_PRECISION_BF16
                                 ? has_bf16(lab)
                                 : lab->calibrations[model].ranges != NULL;
        if (is_wanted(lab, order[i]) && is_ready)
            YT_TRY(offer_one(lab, model, order[i]));
    }
    return YT_OK;
}

/* Whoever asks for integers, or names pictures, is told when there are none;
 * else they are no choice, which the report says. */
static enum yt_status open_pictures(struct yt_lab *lab)
{
    const enum yt_status status =
        yt_precision_pictures(&lab->wish, &lab->calib);
    if (status == YT_OK || status == YT_NO_MEMORY || lab->wish.calib ||
        !yt_precision_is_auto(&lab->wish))
        return status;
    const char *why = strstr(yt_error(), ": "); /* behind the option's name */
    snprintf(lab->precision_note, sizeof lab->precision_note,
             "int8 and int16 are no choice%s", why ? why : "");
    return YT_OK;
}

/* Ranges of a model, and what follows from them. */
static enum yt_status calibrate(struct yt_lab *lab, int32_t model,
                                int32_t only_stored)
{
    struct yt_lab_calibration *c = &lab->calibrations[model];
    struct yt_precision_found found;
    YT_TRY(yt_precision_calibrate(lab->facts[model], &lab->wish, lab->calib,
                                  only_stored, &found));
    c->ranges = found.quantisation; /* taken */
    c->images = found.quantisation->images;
    c->seconds = found.seconds;
    return YT_OK;
}

enum yt_status yt_lab_open_precisions(struct yt_lab *lab,
                                      const struct yt_precision_wish *wish)
{
    lab->calibrations =
        calloc((size_t)lab->choices.model_count, sizeof *lab->calibrations);
    YT_FAIL_IF(!lab->calibrations, YT_NO_MEMORY, "no memory for calibrations");
    if (!wish)
        return YT_OK;
    lab->wish = *wish;
    lab->wish.chooses = 1;
    lab->wish.measured = lab->data[YT_DEPTH_FULL];
    lab->has_wish = 1;
    YT_TRY(yt_precision_check(&lab->wish));
    lab->choices.precision_asked =
        !yt_precision_is_auto(&lab->wish) &&
        !yt_precision_is_asked(&lab->wish, YT_PRECISION_F32);
    YT_FAIL_IF(!yt_precision_is_auto(&lab->wish) &&
                   is_wanted(lab, YT_PRECISION_BF16) && !has_bf16(lab),
               YT_UNSUPPORTED,
               "--precision bf16: the instruction set '%s' has no bf16 "
               "arithmetic; '%s' has",
               yt_lab_site(lab)->isa->name,
               yt_isa_that_computes(YT_DTYPE_BF16)->name);
    if (wants_pictures(lab))
        YT_TRY(open_pictures(lab));
    for (int32_t m = 0; m < lab->choices.model_count; m++) {
        if (lab->calib) {
            const enum yt_status status = calibrate(lab, m, 1);
            if (status != YT_OK && status != YT_NOT_FOUND)
                return status;
        }
        YT_TRY(offer(lab, m));
    }
    return YT_OK;
}

enum yt_status yt_lab_calibrate(struct yt_lab *lab)
{
    for (int32_t m = 0; m < lab->choices.model_count && lab->calib; m++) {
        if (lab->calibrations[m].ranges)
            continue;
        YT_TRY(calibrate(lab, m, 0));
        YT_TRY(offer(lab, m));
    }
    return YT_OK;
}

void yt_lab_close_precisions(struct yt_lab *lab)
{
    for (int32_t m = 0; m < lab->choices.model_count && lab->calibrations;
         m++) {
        yt_quantisation_destroy(lab->calibrations[m].ranges);
        yt_assignment_deinit(&lab->calibrations[m].assignment);
    }
    for (int32_t i = 0; i < lab->choices.precision_count; i++)
        free((void *)lab->precisions[i].detail);
    free(lab->calibrations);
    free(lab->precisions);
    yt_dataset_close(lab->calib);
}

/* ---------------------------------------------------------------- restore */

enum yt_status yt_lab_plan_quantisation(const struct yt_lab *lab, int32_t model,
                                        int64_t plan,
                                        struct yt_quantisation **q_out)
{
    char id[32], *text = NULL, *configuration = NULL;
    snprintf(id, sizeof id, "p%lld", (long long)plan);
    YT_TRY(yt_db_plan_text(yt_lab_site(lab)->db, id, &text, &configuration));
    const enum yt_status status =
        yt_plan_text_quantisation(lab->facts[model]->graph, text, q_out);
    free(text);
    free(configuration);
    YT_TRY(status);
    YT_FAIL_IF(!*q_out, YT_NOT_FOUND, "%s: computes with f32", id);
    return YT_OK;
}

/* A row's own plan says what it computed with, whatever was calibrated
 * since. */
static enum yt_status read_plan(struct yt_lab *lab,
                                const struct yt_assessment *a)
{
    struct yt_quantisation *q = NULL;
    struct yt_config config;
    YT_TRY(yt_lab_plan_quantisation(lab, a->config.model, a->plan, &q));
    YT_TRY(yt_lab_add_quantisation(lab, a->config.model, q, &config));
    YT_FAIL_IF(config.precision != a->config.precision ||
                   config.mix != a->config.mix,
               YT_NOT_FOUND, "p%lld: is not what '%s' computes with",
               (long long)a->plan, a->name);
    return YT_OK;
}

enum yt_status yt_lab_restore(struct yt_lab *lab, const struct yt_assessment *a)
{
    const struct yt_quantisations *all = &lab->engines.quantisations;
    const char *name = yt_quantisations_name(all, &a->config);
    if (name && strncmp(a->precision, name, strlen(name)) == 0)
        return YT_OK;
    YT_FAIL_IF(!yt_lab_site(lab)->db, YT_NOT_FOUND, "no database to look in");
    return read_plan(lab, a);
}

/* ------------------------------------------------------------------ facts */

const struct yt_lab_calibration *yt_lab_calibration(const struct yt_lab *lab,
                                                    int32_t model)
{
    return &lab->calibrations[model];
}

const struct yt_dataset *yt_lab_calib(const struct yt_lab *lab)
{
    return lab->calib;
}

const struct yt_precision_wish *yt_lab_wish(const struct yt_lab *lab)
{
    return lab->has_wish ? &lab->wish : NULL;
}

const char *yt_lab_precision_note(const struct yt_lab *lab)
{
    return lab->precision_note;
}
