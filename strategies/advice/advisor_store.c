/* Advice as rows, and back. A question is identified by its constraints: all
 * that the answer depends on, as one JSON text. */

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "runtime/fail.h"
#include "strategies/advice/advisor_parts.h"

#define KEPT_MAX 12 /* layers of a mix that are told of */

static void add_member(struct yt_text *text, const char *name,
                       const char *string)
{
    yt_text_add(text, ",\"%s\":", name);
    yt_text_add_json(text, string);
}

static void add_number(struct yt_text *text, const char *name, double value)
{
    if (isnan(value))
        yt_text_add(text, ",\"%s\":null", name);
    else
        yt_text_add(text, ",\"%s\":%.9g", name, value);
}

/* A sentence more in an array. */
static void add_reason(struct yt_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_reason(struct yt_text *text, const char *format, ...)
{
    struct yt_text sentence = {0};
    va_list arguments;
    va_start(arguments, format);
    yt_text_vadd(&sentence, format, arguments);
    va_end(arguments);
    yt_text_add(text, "%s", text->length > 1 ? "," : "");
    yt_text_add_json(text, yt_text_get(&sentence));
    text->failed |= sentence.failed;
    yt_text_free(&sentence);
}

/* What precisions are choices, and what integers follow from. */
static void add_precision(const struct yt_advisor *a, struct yt_text *text)
{
    const struct yt_precision_wish *wish = yt_lab_wish(a->lab);
    const struct yt_dataset *calib = yt_lab_calib(a->lab);
    if (!wish) {
        add_member(text, "precision", "fp32");
        return;
    }
    add_member(text, "precision", wish->precision ? wish->precision : "auto");
    add_member(text, "keep_fp32", wish->keep_fp32 ? wish->keep_fp32 : "");
    add_member(text, "calib", calib ? calib->hash : "");
    add_member(text, "method", wish->method ? wish->method : "auto");
    yt_text_add(text, ",\"learn_rounding\":%d", wish->learn_rounding);
}

/* All that the answer depends on: the text is the question's identity. */
static void question(const struct yt_advisor *a, int complete,
                     struct yt_text *text)
{
    const struct yt_wishes *w = &a->options->wishes;
    const struct yt_dataset *data = yt_lab_dataset(a->lab);
    yt_text_add(text, "{\"models\":[");
    for (int32_t m = 0; m < a->choices->model_count; m++) {
        yt_text_add(text, "%s", m ? "," : "");
        yt_text_add_json(text, yt_lab_model(a->lab, m)->graph->hash);
    }
    yt_text_add(text, "]");
    add_member(text, "dataset", data ? data->hash : "");
    add_member(text, "isa", yt_lab_site(a->lab)->isa->name);
    yt_text_add(text, ",\"threads\":%d", a->choices->threads);
    yt_text_add(
        text, ",\"imgsz\":[%d,%d],\"dense_heads\":%d,\"background_load\":%d",
        a->choices->h, a->choices->w, yt_lab_model(a->lab, 0)->dense_heads,
        yt_lab_background(a->lab));
    yt_text_add(text, ",\"exportable\":%d", a->choices->keep_exportable);
    add_precision(a, text);
    add_number(text, "min_fps", w->min_fps);
    add_number(text, "max_latency_ns", w->max_latency_ns);
    add_number(text, "min_map", w->min_map);
    add_number(text, "max_map_drop", w->max_map_drop);
    add_number(text, "max_memory_bytes", (double)w->max_memory_bytes);
    add_number(text, "max_size_bytes", (double)w->max_size_bytes);
    yt_text_add(text, ",\"complete\":%s}", complete ? "true" : "false");
}

/* Why layers of a mix are not int8: the first of them. */
static void add_kept(const struct yt_advisor *a, struct yt_text *text)
{
    struct yt_lab_kept kept[KEPT_MAX];
    const struct yt_config *choice = &a->advice->choice.config;
    if (choice->precision != YT_PRECISION_MIXED)
        return;
    const int32_t count = yt_lab_kept(a->lab, choice, kept, KEPT_MAX);
    for (int32_t i = 0; i < count; i++)
        add_reason(text, "%s: int8 would save %.3f ms and lose %.4f",
                   kept[i].layer, 1e-6 * kept[i].saved_ns, kept[i].loss);
}

static void reasons(const struct yt_advisor *a, struct yt_text *text)
{
    const struct yt_advice *advice = a->advice;
    const struct yt_figures *c = &advice->choice.figures;
    const struct yt_figures *b = &advice->baseline.figures;
    char missed[YT_ADVICE_TEXT];
    yt_text_add(text, "[");
    add_reason(text, "%.2f FPS, %.2fx the baseline's", c->fps, c->fps / b->fps);
    if (!isnan(c->map) && !isnan(b->map))
        add_reason(text, "mAP %.4f, the baseline's is %.4f", c->map, b->map);
    if (yt_limits_missed(&advice->limits, c, missed, sizeof missed) > 0)
        add_reason(text, "limits missed: %s", missed);
    else
        add_reason(text, "all limits are kept");
    add_kept(a, text);
    yt_text_add(text, "]");
}

enum yt_status yt_advisor_store(struct yt_advisor *a)
{
    struct yt_advice *advice = a->advice;
    struct yt_db *db = yt_lab_site(a->lab)->db;
    struct yt_db_recommendation_step steps[YT_ADVICE_STEPS];
    struct yt_db_recommendation_rival rivals[YT_ADVICE_RIVALS];
    struct yt_text constraints = {0}, why = {0};
    enum yt_status status;
    if (!db)
        return YT_OK;
    question(a, !advice->interrupted, &constraints);
    reasons(a, &why);
    YT_FAIL_IF_GOTO(constraints.failed || why.failed, YT_NO_MEMORY,
                    "no memory for a recommendation");
    for (int32_t i = 0; i < advice->step_count; i++)
        steps[i] = (struct yt_db_recommendation_step){
            .strategy = advice->steps[i].strategy->name,
            .detail = advice->steps[i].detail,
            .evaluation = advice->steps[i].after.evaluation,
        };
    for (int32_t i = 0; i < advice->rival_count; i++)
        rivals[i] = (struct yt_db_recommendation_rival){
            .evaluation = advice->rivals[i].is.evaluation,
            .note = advice->rivals[i].note,
        };
    const struct yt_db_recommendation row = {
        .scenario = advice->scenario->name,
        .constraints_json = yt_text_get(&constraints),
        .evaluation = advice->choice.evaluation,
        .baseline = advice->baseline.evaluation,
        .reasons_json = yt_text_get(&why),
        .steps = steps,
        .step_count = advice->step_count,
        .rivals = rivals,
        .rival_count = advice->rival_count,
    };
    status = yt_db_recommendation_put(db, &row, &advice->recommendation);
done:
    yt_text_free(&constraints);
    yt_text_free(&why);
    return status;
}

/* ----------------------------------------------------------------- recall */

struct recall {
    struct yt_advisor *a;
    int broken; /* a row is not there any more, not understood, or what it
                   computes with cannot be opened any more */
};

static void take(struct recall *r, int64_t evaluation,
                 struct yt_assessment *assessment_out)
{
    if (yt_lab_assessment_of(r->a->lab, evaluation, assessment_out) != YT_OK)
        r->broken = 1;
}

static void on_found(void *user, int64_t id,
                     const struct yt_db_recommendation *row)
{
    struct recall *r = user;
    r->a->advice->recommendation = id;
    take(r, row->evaluation, &r->a->advice->choice);
    take(r, row->baseline, &r->a->advice->baseline);
}

static void on_step(void *user, const struct yt_db_recommendation_step *row)
{
    struct recall *r = user;
    struct yt_advice *advice = r->a->advice;
    if (advice->step_count == YT_ADVICE_STEPS)
        return;
    struct yt_advice_step *step = &advice->steps[advice->step_count++];
    step->strategy = yt_strategy_find(row->strategy);
    snprintf(step->detail, sizeof step->detail, "%s", row->detail);
    r->broken |= !step->strategy;
    take(r, row->evaluation, &step->after);
}

static void on_rival(void *user, const struct yt_db_recommendation_rival *row)
{
    struct recall *r = user;
    struct yt_advice *advice = r->a->advice;
    if (advice->rival_count == YT_ADVICE_RIVALS)
        return;
    struct yt_advice_rival *rival = &advice->rivals[advice->rival_count++];
    snprintf(rival->note, sizeof rival->note, "%s", row->note);
    take(r, row->evaluation, &rival->is);
}

/* What cannot be opened as it was measured is not recommended again. */
static void restore(struct recall *r)
{
    struct yt_advice *advice = r->a->advice;
    struct yt_lab *lab = r->a->lab;
    const struct yt_config *choice = &advice->choice.config;
    for (int32_t i = 0; i < advice->step_count; i++)
        if (yt_lab_restore(lab, &advice->steps[i].after) != YT_OK)
            r->broken = 1;
    if (yt_lab_restore(lab, &advice->choice) != YT_OK ||
        (choice->tuned && !yt_lab_is_tuned(lab, choice)))
        r->broken = 1;
}

/* Rows that came later may be better than what was recommended. */
static int is_dominated(struct yt_advisor *a)
{
    const struct yt_assessment *choice = &a->advice->choice;
    struct yt_assessment newest;
    if (yt_lab_find(a->lab, &choice->config, YT_DEPTH_FULL, &newest) != YT_OK)
        newest = *choice;
    yt_advisor_adopt(a);
    int dominated = 0;
    for (int32_t i = 0; i < a->trial_count; i++)
        dominated |=
            yt_figures_dominate(&a->advice->limits, YT_ADVISOR_NOISE,
                                &a->trials[i].figures, &newest.figures);
    a->trial_count = 0; /* a search begins with what it measures */
    return dominated;
}

static enum yt_status read_back(struct yt_advisor *a)
{
    struct yt_advice *advice = a->advice;
    struct recall r = {.a = a};
    struct yt_text constraints = {0};
    const struct yt_db_recommendation_reader reader = {
        .user = &r, .found = on_found, .step = on_step, .rival = on_rival};
    enum yt_status status;
    question(a, 1, &constraints);
    YT_FAIL_IF_GOTO(constraints.failed, YT_NO_MEMORY, "no memory for a text");
    YT_TRY_GOTO(yt_db_recommendation_find(
        yt_lab_site(a->lab)->db, &yt_lab_site(a->lab)->here,
        a->options->scenario->name, yt_text_get(&constraints), &reader));
    if (!r.broken)
        restore(&r);
    YT_FAIL_IF_GOTO(r.broken, YT_NOT_FOUND, "its rows are not there any more");
    advice->limits = yt_limits_of(a->options->scenario, &a->options->wishes,
                                  advice->baseline.figures.map);
    YT_FAIL_IF_GOTO(is_dominated(a), YT_NOT_FOUND,
                    "what is better was measured since");
done:
    yt_text_free(&constraints);
    return status;
}

enum yt_status yt_advisor_recall(struct yt_advisor *a)
{
    struct yt_advice *advice = a->advice;
    YT_FAIL_IF(!yt_lab_site(a->lab)->db, YT_NOT_FOUND,
               "no database to look in");
    const enum yt_status status = read_back(a);
    if (status != YT_OK) {
        const struct yt_scenario *scenario = advice->scenario;
        *advice = (struct yt_advice){.scenario = scenario};
        return status;
    }
    advice->from_database = 1;
    advice->reused = advice->step_count + 1;
    yt_advisor_gains(a);
    return YT_OK;
}
