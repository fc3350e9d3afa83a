/* See strategies/engines.h. */

#include "strategies/engines.h"

#include "runtime/fail.h"

static int holds(const struct yt_engines *engines, int i,
                 const struct yt_config *config, int32_t h, int32_t w)
{
    return engines->slots[i].engine &&
           engines->slots[i].model == config->model &&
           engines->slots[i].h == h && engines->slots[i].w == w &&
           engines->slots[i].threads == config->threads &&
           engines->slots[i].tuned == config->tuned;
}

static int oldest(const struct yt_engines *engines)
{
    int at = 0;
    for (int i = 0; i < YT_ENGINES_MAX; i++) {
        if (!engines->slots[i].engine)
            return i;
        if (engines->slots[i].used < engines->slots[at].used)
            at = i;
    }
    return at;
}

enum yt_status yt_engines_get(struct yt_engines *engines,
                              const struct yt_config *config, int32_t h,
                              int32_t w, struct yt_engine **engine_out)
{
    engines->calls++;
    for (int i = 0; i < YT_ENGINES_MAX; i++) {
        if (!holds(engines, i, config, h, w))
            continue;
        engines->slots[i].used = engines->calls;
        *engine_out = engines->slots[i].engine;
        return YT_OK;
    }
    const int at = oldest(engines);
    yt_engine_close(engines->slots[at].engine);
    engines->slots[at].engine = NULL;
    struct yt_engine_options options = engines->options;
    options.model = engines->models[config->model];
    options.h = h;
    options.w = w;
    options.threads = config->threads;
    options.untuned = !config->tuned;
    struct yt_engine *engine = NULL;
    YT_TRY(yt_engine_open(&options, &engine));
    if (config->tuned && !engine->tuned) {
        yt_engine_close(engine);
        return yt_fail(YT_NOT_FOUND, "no stored plan for %dx%d on %d threads",
                       h, w, config->threads);
    }
    engines->slots[at].engine = engine;
    engines->slots[at].model = config->model;
    engines->slots[at].h = h;
    engines->slots[at].w = w;
    engines->slots[at].threads = config->threads;
    engines->slots[at].tuned = config->tuned;
    engines->slots[at].used = engines->calls;
    *engine_out = engine;
    return YT_OK;
}

void yt_engines_forget(struct yt_engines *engines,
                       const struct yt_config *config)
{
    for (int i = 0; i < YT_ENGINES_MAX; i++)
        if (holds(engines, i, config, config->h, config->w)) {
            yt_engine_close(engines->slots[i].engine);
            engines->slots[i].engine = NULL;
        }
}

void yt_engines_close(struct yt_engines *engines)
{
    for (int i = 0; i < YT_ENGINES_MAX; i++) {
        yt_engine_close(engines->slots[i].engine);
        engines->slots[i].engine = NULL;
    }
}
