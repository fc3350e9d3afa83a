/* Frames of the network alone. */

#include "bench/serve/serve.h"

#include <stdio.h>

#include "base/now.h"
#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "eval/image.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "tuner/build/engine.h"

static void ready(const struct yt_engine *engine)
{
    const struct yt_plan *plan = &engine->build->plan;
    json_t *facts = json_object();
    json_object_set_new(facts, "model", json_string(plan->model));
    json_object_set_new(facts, "isa", json_string(plan->isa->name));
    json_object_set_new(facts, "threads", json_integer(plan->threads));
    char precision[YT_PRECISION_WORD_MAX];
    json_object_set_new(facts, "precision",
                        json_string(yt_cli_precision(engine, precision)));
    json_object_set_new(facts, "tuned", json_boolean(engine->tuned));
    yt_serve_ready(facts);
}

/* Noise of the network's size: preprocessing brings it to the input's type. */
static enum yt_status make_noise(const struct yt_engine *engine,
                                 struct yt_picture *noise_out)
{
    const struct yt_plan *plan = &engine->build->plan;
    YT_TRY(yt_picture_init(plan->w, plan->h, noise_out));
    yt_picture_noise(noise_out, 1);
    return YT_OK;
}

static void fill_input(const struct yt_engine *engine,
                       const struct yt_picture *noise, void *workspace)
{
    const struct yt_plan *plan = &engine->build->plan;
    const struct yt_framing framing = {.h = plan->h, .w = plan->w};
    const struct yt_image image = {
        .pixels = noise->rgb,
        .width = noise->width,
        .height = noise->height,
        .stride_bytes = 3 * (int64_t)noise->width,
        .format = YT_PIXEL_RGB,
    };
    yt_model_run_letterbox(engine->model, &image, &framing, workspace);
}

/* The input's place may serve other tensors later in a frame, so it is filled
 * again before each, outside the time. */
static void run(struct yt_engine *engine, const struct yt_picture *noise,
                void *workspace, int count)
{
    const float threshold = yt_decode_min_logit(0.25f);
    json_t *times = json_array();
    for (int i = 0; i < count; i++) {
        fill_input(engine, noise, workspace);
        const uint64_t begin = yt_now_ns();
        yt_model_run_steps(engine->model, threshold, workspace, 0,
                           engine->build->plan.step_count);
        json_array_append_new(times,
                              json_integer((json_int_t)(yt_now_ns() - begin)));
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "network_ns", times);
    yt_serve_line(answer);
}

int yt_serve_network(struct yt_engine *engine)
{
    struct yt_model_info info;
    struct yt_picture noise = {0};
    const enum yt_status status = make_noise(engine, &noise);
    if (status != YT_OK)
        return yt_cli_fail(status);
    yt_model_describe(engine->model, &info);
    void *workspace = yt_memory_alloc(info.workspace_bytes);
    if (!workspace) {
        yt_picture_deinit(&noise);
        return yt_cli_fail(yt_fail(YT_NO_MEMORY, "no memory for a workspace"));
    }
    ready(engine);
    char line[YT_SERVE_LINE_MAX];
    while (fgets(line, sizeof line, stdin)) {
        int count;
        if (sscanf(line, "run %d", &count) == 1 && count >= 1 &&
            count <= YT_SERVE_RUNS_MAX)
            run(engine, &noise, workspace, count);
        else
            yt_serve_error("want: run K");
    }
    yt_memory_free(workspace, info.workspace_bytes);
    yt_picture_deinit(&noise);
    return YT_EXIT_OK;
}
