/* See tuner/build/plan_store.h. */

#include "tuner/build/plan_store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

enum yt_status yt_plan_store(const struct yt_engine *engine,
                             const struct yt_build *build, enum yt_db_role role,
                             const struct yt_plan_facts *facts, int64_t *id_out)
{
    const struct yt_plan_facts none = {.times = NULL};
    const int32_t count = build->net->layer_count;
    const struct yt_layer_time *times = facts ? facts->times : NULL;
    char *text = yt_plan_text_write(build, NULL);
    struct yt_db_layer *layers = calloc((size_t)count, sizeof *layers);
    char(*names)[2][YT_PROBLEM_NAME_MAX] = calloc((size_t)count, sizeof *names);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!text || !layers || !names, YT_NO_MEMORY,
                    "no memory to store a plan");
    for (int32_t i = 0; i < count; i++) {
        const struct yt_layer *layer = &build->net->layers[i];
        const struct yt_layer_time *time = times ? &times[i] : NULL;
        const int timed = time && time->median_ns > 0;
        yt_problem_name(&layer->problem, names[i][0]);
        yt_schedule_name(&build->schedules[i], names[i][1]);
        layers[i] = (struct yt_db_layer){
            .name = layer->name,
            .problem = names[i][0],
            .schedule = names[i][1],
            .median_ns = timed ? time->median_ns : NAN,
            .mad_ns = timed ? time->mad_ns : NAN,
            .flops = (int64_t)yt_problem_flops(&layer->problem),
            .ties = timed ? time->ties : "",
        };
    }
    facts = facts ? facts : &none;
    const struct yt_db_plan plan = {
        .key = yt_engine_plan_key(engine, role),
        .text = text,
        .layers = layers,
        .layer_count = count,
        .head_error = facts->head_error,
        .given_up = facts->given_up,
        .limit_bytes = facts->limit_bytes,
    };
    status = yt_db_plan_put(engine->site->db, &plan, id_out);
done:
    free(text);
    free(layers);
    free(names);
    return status;
}

/* The newest baseline is as good as a new one when it says the same. */
static enum yt_status find_same(const struct yt_engine *engine, int64_t *id_out)
{
    const struct yt_db_plan_key key =
        yt_engine_plan_key(engine, YT_DB_BASELINE);
    struct yt_db_plan *plan = NULL;
    char *text = yt_plan_text_write(engine->build, NULL);
    YT_FAIL_IF(!text, YT_NO_MEMORY, "no memory for a plan");
    enum yt_status status = yt_db_plan_find(engine->site->db, &key, &plan);
    if (status == YT_OK && strcmp(plan->text, text) == 0)
        *id_out = plan->id;
    else if (status == YT_OK)
        status = YT_NOT_FOUND;
    yt_db_plan_destroy(plan);
    free(text);
    return status;
}

enum yt_status yt_plan_row(const struct yt_engine *engine, int64_t *id_out)
{
    YT_FAIL_IF(!engine->site->db, YT_NOT_FOUND,
               "no database to keep a plan in");
    if (engine->tuned) {
        *id_out = engine->plan_id;
        return YT_OK;
    }
    const enum yt_status found = find_same(engine, id_out);
    if (found != YT_NOT_FOUND && found != YT_STALE)
        return found;
    return yt_plan_store(engine, engine->build, YT_DB_BASELINE, NULL, id_out);
}
