/* From layers and schedules to a bound plan. */

#include "tuner/build/build.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quant/quantise.h"
#include "runtime/band.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/op.h"
#include "runtime/workspace.h"

/* ------------------------------------------------------------- kernels */

static void wish_for(struct yt_kernel_wish *wishes, int32_t *count,
                     const struct yt_step *step,
                     const struct yt_schedule *schedule)
{
    if (yt_codegen_generates(step->problem.op))
        wishes[(*count)++] = (struct yt_kernel_wish){&step->problem, schedule};
}

static enum yt_status compile_missing(struct yt_build *build,
                                      const struct yt_schedule *run,
                                      int32_t threads)
{
    const struct yt_plan *plan = &build->plan;
    int32_t count = 0;
    struct yt_kernel_wish *wishes =
        calloc((size_t)plan->step_count + YT_FRAME_STEPS_MAX, sizeof *wishes);
    YT_FAIL_IF(!wishes, YT_NO_MEMORY, "no memory to compile %d layers",
               plan->step_count);
    for (int32_t i = 0; i < plan->step_count; i++)
        wish_for(wishes, &count, &plan->steps[i], &run[i]);
    for (int32_t i = 0; i < yt_frame_steps(plan); i++)
        wish_for(wishes, &count, yt_frame_step_of(plan, i),
                 &build->frame.of[i]);
    const enum yt_status status =
        yt_kernels_compile(build->kernels, wishes, count, threads);
    free(wishes);
    return status;
}

/* ---------------------------------------------------------------- plan */

/* Bind a step to its generated kernel, or to the runtime's C one. */
static void bind_step(struct yt_build *build, struct yt_step *step,
                      const struct yt_schedule *schedule, yt_kernel_fn c_kernel)
{
    if (!yt_codegen_generates(step->problem.op)) {
        snprintf(step->schedule, sizeof step->schedule, "c");
        step->kernel = c_kernel;
    } else {
        yt_schedule_name(schedule, step->schedule);
        step->kernel =
            yt_kernels_find(build->kernels, &step->problem, schedule)->run;
    }
    step->tasks = yt_schedule_tasks(&step->problem, schedule, build->isa);
}

struct yt_schedule yt_build_schedule(const struct yt_build *build, int32_t i)
{
    const struct yt_schedule *s = &build->schedules[i];
    if (!yt_band_of(&build->plan, i))
        return *s;
    return yt_schedule_by_rows(&build->plan.steps[i].problem, s, build->isa);
}

/* Of the members of bands; a row of letterbox or decoding is a task. */
static void set_row_tasks(struct yt_build *build, const struct yt_schedule *run)
{
    struct yt_plan *plan = &build->plan;
    for (int32_t i = 0; i < plan->step_count; i++)
        if (yt_band_of(plan, i))
            plan->steps[i].row_tasks = (int32_t)yt_schedule_row_tasks(
                &plan->steps[i].problem, &run[i], build->isa);
    plan->letterbox.row_tasks = plan->letterbox.out_buffer != 0;
    for (int32_t i = 0; i < plan->level_count; i++)
        plan->levels[i].decode.row_tasks =
            plan->levels[i].decode.in_buffer != 0;
}

struct yt_weights yt_build_weights(const struct yt_layer *layer)
{
    return (struct yt_weights){.weights = layer->weights,
                               .bias = layer->bias,
                               .integers = layer->integers};
}

/* Scratch that serves every step. */
static void plan_scratch(struct yt_build *build, const struct yt_schedule *run)
{
    int64_t most = build->net->band_bytes;
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const int64_t bytes = yt_schedule_scratch_bytes(
            &build->plan.steps[i].problem, &run[i], build->isa);
        most = bytes > most ? bytes : most;
    }
    build->plan.scratch_bytes = most;
}

static void place_constants(struct yt_build *build,
                            const struct yt_schedule *run)
{
    int64_t at = 0;
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_layer *layer = &build->net->layers[i];
        struct yt_step *step = &build->plan.steps[i];
        const size_t weights =
            yt_pack_weight_bytes(&step->problem, &run[i], build->isa);
        const size_t constants =
            yt_pack_constant_bytes(&layer->problem, build->isa);
        step->weights = weights ? at : -1;
        at += yt_align((int64_t)weights);
        step->bias = constants ? at : -1;
        at += yt_align((int64_t)constants);
    }
    build->plan.blob_bytes = at;
}

static enum yt_status pack_constants(struct yt_build *build,
                                     const struct yt_schedule *run)
{
    const size_t bytes = (size_t)build->plan.blob_bytes;
    void *blob = yt_memory_alloc(bytes);
    YT_FAIL_IF(!blob, YT_NO_MEMORY, "no memory for %zu bytes of weights",
               bytes);
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_layer *layer = &build->net->layers[i];
        const struct yt_step *step = &build->plan.steps[i];
        const struct yt_weights filter = yt_build_weights(layer);
        if (step->weights >= 0)
            yt_pack_weights(&step->problem, &run[i], build->isa, &filter,
                            (char *)blob + step->weights);
        if (step->bias >= 0)
            yt_pack_constants(&layer->problem, build->isa, &filter,
                              (char *)blob + step->bias);
    }
    yt_memory_free(build->blob, build->blob_mapped);
    build->blob = blob;
    build->blob_mapped = bytes;
    build->bundle.blob = blob;
    build->bundle.plan = &build->plan;
    return YT_OK;
}

static void settle_schedules(struct yt_build *build)
{
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_layer *layer = &build->net->layers[i];
        const struct yt_weights filter = yt_build_weights(layer);
        yt_pack_settle(&layer->problem, build->isa, &filter,
                       &build->schedules[i]);
    }
}

static enum yt_status make(struct yt_build *build,
                           const struct yt_schedule *run,
                           int32_t compile_threads)
{
    YT_TRY(compile_missing(build, run, compile_threads));
    struct yt_plan *plan = &build->plan;
    for (int32_t i = 0; i < plan->step_count; i++)
        bind_step(build, &plan->steps[i], &run[i], NULL);
    for (int32_t i = 0; i < yt_frame_steps(plan); i++) {
        struct yt_step *step = yt_frame_step(plan, i);
        bind_step(build, step, &build->frame.of[i],
                  yt_frame_kernel_c(step->problem.op));
    }
    set_row_tasks(build, run);
    plan_scratch(build, run);
    place_constants(build, run);
    return pack_constants(build, run);
}

enum yt_status yt_build_make(struct yt_build *build, int32_t compile_threads)
{
    const int32_t layers = build->net->layer_count;
    struct yt_schedule *run = calloc((size_t)layers + 1, sizeof *run);
    YT_FAIL_IF(!run, YT_NO_MEMORY, "no memory for %d layers", layers);
    settle_schedules(build);
    for (int32_t i = 0; i < layers; i++)
        run[i] = yt_build_schedule(build, i);
    const enum yt_status status = make(build, run, compile_threads);
    free(run);
    return status;
}

/* -------------------------------------------------------------- create */

static void name_step(struct yt_step *step, const char *name)
{
    snprintf(step->name, sizeof step->name, "%s", name);
    step->in = step->out = step->add = step->weights = step->bias = -1;
}

/* Rows in memory of each channel block of a tensor; 0: all. */
static int32_t rows_in(const struct yt_band *band, int32_t buffer)
{
    return buffer ? band->buffers[buffer - 1].rows : 0;
}

static const struct yt_band *level_band(const struct yt_build *build, int32_t i)
{
    return yt_band_of_level(&build->plan, i);
}

/* What a layer reads and writes, and its problem where that is rows. */
static void fill_tensors(struct yt_build *build, const struct yt_layer *layer,
                         int32_t i)
{
    struct yt_step *step = &build->plan.steps[i];
    const struct yt_band *band = yt_band_of(&build->plan, i);
    step->problem = layer->problem;
    step->in = layer->in;
    step->out = layer->out;
    step->add = layer->add;
    step->in_buffer = layer->in_buffer;
    step->out_buffer = layer->out_buffer;
    step->add_buffer = layer->add_buffer;
    if (!band)
        return;
    struct yt_tensors t;
    yt_op_tensors(&step->problem, &t);
    if (!t.in.is_image)
        yt_op_set(&step->problem, "in_rows", rows_in(band, step->in_buffer));
    yt_op_set(&step->problem, "out_rows", rows_in(band, step->out_buffer));
    yt_op_set(&step->problem, "add_rows", rows_in(band, step->add_buffer));
}

static void fill_levels(struct yt_build *build, const struct yt_graph *graph)
{
    struct yt_plan *plan = &build->plan;
    plan->level_count = build->net->head_count;
    for (int32_t i = 0; i < plan->level_count; i++) {
        struct yt_level *level = &plan->levels[i];
        level->head = build->net->heads[i].offset;
        level->h = build->net->heads[i].h;
        level->w = build->net->heads[i].w;
        level->stride = build->net->heads[i].stride;
        level->na = graph->na;
        memcpy(level->anchors, graph->heads[i].anchors, sizeof level->anchors);
        char name[YT_LAYER_NAME_MAX];
        snprintf(name, sizeof name, "decode.%d", i);
        name_step(&level->decode, name);
        level->decode.in = level->head;
        level->decode.in_buffer = build->net->heads[i].buffer;
        level->decode.problem.op = YT_OP_DECODE;
        level->decode.problem.u.decode = (struct yt_decode){
            .na = graph->na,
            .nc = graph->nc,
            .bins = graph->bins,
            .h = level->h,
            .w = level->w,
            .stride = level->stride,
            .rows = rows_in(level_band(build, i), level->decode.in_buffer),
        };
    }
}

/* For hundreds, thousands ... and all candidates that there can be. */
static void fill_nms(struct yt_plan *plan)
{
    int32_t cells = 0;
    for (int32_t i = 0; i < plan->level_count; i++)
        cells += plan->levels[i].na * plan->levels[i].h * plan->levels[i].w;
    int32_t count = 100;
    for (int last = 0; !last; count *= 10) {
        const int32_t i = plan->nms_count++;
        struct yt_step *step = &plan->nms[i];
        char name[YT_LAYER_NAME_MAX];
        last = i + 1 == YT_NMS_MAX || count >= cells;
        snprintf(name, sizeof name, "nms.%d", i);
        name_step(step, name);
        step->problem.op = YT_OP_NMS;
        step->problem.u.nms =
            (struct yt_nms){.classes = plan->nc, .count = last ? cells : count};
    }
}

static void fill_plan(struct yt_build *build, const struct yt_graph *graph,
                      const struct yt_build_options *options)
{
    struct yt_plan *plan = &build->plan;
    const struct yt_net *net = build->net;
    snprintf(plan->model, sizeof plan->model, "%s", graph->name);
    plan->isa = options->isa;
    plan->h = net->h;
    plan->w = net->w;
    plan->nc = graph->nc;
    plan->classes = (const char *const *)graph->classes;
    plan->threads = options->threads;
    plan->arena_bytes = net->arena_bytes;
    plan->step_count = net->layer_count;
    plan->band_count = net->band_count;
    memcpy(plan->bands, net->bands, sizeof plan->bands);
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct yt_layer *layer = &net->layers[i];
        name_step(&plan->steps[i], layer->name);
        fill_tensors(build, layer, i);
        yt_schedule_default(&layer->problem, options->isa,
                            &build->schedules[i]);
    }
    name_step(&plan->letterbox, "letterbox");
    plan->letterbox.out = net->input;
    plan->letterbox.out_buffer = net->input_buffer;
    plan->letterbox.problem.op = YT_OP_LETTERBOX;
    plan->letterbox.problem.dtype = net->input_dtype;
    plan->letterbox.problem.out = net->input_dtype;
    plan->letterbox.problem.u.letterbox =
        (struct yt_letterbox){.h = net->h, .w = net->w, .pad = net->input_pad};
    fill_levels(build, graph);
    fill_nms(plan);
    for (int32_t i = 0; i < yt_frame_steps(plan); i++)
        yt_schedule_default(&yt_frame_step(plan, i)->problem, options->isa,
                            &build->frame.of[i]);
}

/* Integers can be had everywhere, at worst one by one. */
static enum yt_status check_types(const struct yt_graph *graph,
                                  const struct yt_build_options *options)
{
    const struct yt_quantisation *q = options->quantisation;
    if (!q)
        return YT_OK;
    YT_FAIL_IF(q->node_count != graph->node_count, YT_STALE,
               "the quantisation is of another network: %d nodes, not %d",
               q->node_count, graph->node_count);
    for (int32_t i = 0; i < q->node_count; i++)
        YT_FAIL_IF(graph->nodes[i].kind == YT_NODE_CONV &&
                       !yt_isa_computes(options->isa, q->dtypes[i]),
                   YT_UNSUPPORTED,
                   "%s: the instruction set '%s' has no %s arithmetic; "
                   "'%s' has",
                   graph->nodes[i].name, options->isa->name,
                   yt_dtype_name(q->dtypes[i]),
                   yt_isa_that_computes(q->dtypes[i])->name);
    return YT_OK;
}

enum yt_status yt_build_create(const struct yt_graph *graph,
                               const struct yt_build_options *options,
                               struct yt_build **build_out)
{
    struct yt_build *build = calloc(1, sizeof *build);
    YT_FAIL_IF(!build, YT_NO_MEMORY, "no memory for a network");
    build->isa = options->isa;
    build->kernels = options->kernels;
    build->graph = graph;
    const struct yt_net_options lower = {
        .lanes = options->isa->lanes,
        .h = options->h,
        .w = options->w,
        .dense_heads = options->dense_heads,
        .no_fuse_upsample = options->no_fuse_upsample,
        .no_fuse_twin = options->no_fuse_twin,
        .bands = options->bands,
        .keep_nodes = options->keep_nodes,
        .dtypes = options->quantisation ? options->quantisation->dtypes : NULL,
    };
    enum yt_status status;
    YT_TRY_GOTO(check_types(graph, options));
    YT_TRY_GOTO(yt_net_lower(graph, &lower, &build->net));
    if (options->quantisation) {
        YT_TRY_GOTO(
            yt_quantisation_copy(options->quantisation, &build->quantisation));
        YT_TRY_GOTO(yt_quantise(build->net, graph, options->quantisation,
                                yt_isa_weight_max(options->isa)));
    }
    if (!build->kernels) {
        YT_TRY_GOTO(yt_kernels_create(options->isa, &build->own_kernels));
        build->kernels = build->own_kernels;
    }
    assert(yt_kernels_isa(build->kernels) == options->isa);
    const size_t layers = (size_t)build->net->layer_count;
    build->schedules = calloc(layers, sizeof *build->schedules);
    build->plan.steps = calloc(layers, sizeof *build->plan.steps);
    YT_FAIL_IF_GOTO(!build->schedules || !build->plan.steps, YT_NO_MEMORY,
                    "no memory for %zu layers", layers);
    fill_plan(build, graph, options);
done:
    if (status != YT_OK) {
        yt_build_destroy(build);
        return status;
    }
    *build_out = build;
    return YT_OK;
}

enum yt_status yt_build_set(struct yt_build *build, int32_t i,
                            const struct yt_schedule *schedule)
{
    const struct yt_layer *layer = &build->net->layers[i];
    if (!yt_schedule_applies(&layer->problem, schedule, build->isa)) {
        char name[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(schedule, name);
        return yt_fail(YT_BAD_ARGUMENT,
                       "schedule %s does not apply to layer %s", name,
                       layer->name);
    }
    build->schedules[i] = *schedule;
    return YT_OK;
}

const struct yt_kernel *yt_build_kernel(const struct yt_build *build,
                                        const struct yt_step *step)
{
    struct yt_schedule schedule;
    /* Kernels in C have no schedule. */
    if (yt_schedule_parse(step->problem.op, step->schedule, &schedule) != YT_OK)
        return NULL;
    return yt_kernels_find(build->kernels, &step->problem, &schedule);
}

static int64_t code_bytes(const struct yt_build *build,
                          const struct yt_step *step)
{
    const struct yt_kernel *kernel = yt_build_kernel(build, step);
    return kernel ? kernel->object.code_bytes : 0;
}

int64_t yt_build_code_bytes(const struct yt_build *build)
{
    const struct yt_plan *plan = &build->plan;
    int64_t bytes = 0;
    for (int32_t i = 0; i < plan->step_count; i++) {
        int seen = 0;
        for (int32_t k = 0; k < i && !seen; k++)
            seen = plan->steps[k].kernel == plan->steps[i].kernel;
        bytes += seen ? 0 : code_bytes(build, &plan->steps[i]);
    }
    for (int32_t i = 0; i < yt_frame_steps(plan); i++)
        bytes += code_bytes(build, yt_frame_step_of(plan, i));
    return bytes;
}

int64_t yt_build_kernel_bytes(const struct yt_build *build, int32_t copies)
{
    const struct yt_plan *plan = &build->plan;
    return plan->blob_bytes + yt_build_code_bytes(build) +
           copies * plan->threads * yt_align(plan->scratch_bytes);
}

enum yt_status yt_build_open(const struct yt_build *build, int32_t pin,
                             struct yt_model **model_out)
{
    const struct yt_open_options options = {.threads = build->plan.threads,
                                            .pin = pin};
    return yt_model_open(&build->bundle, &options, model_out);
}

void yt_build_destroy(struct yt_build *build)
{
    if (!build)
        return;
    yt_kernels_destroy(build->own_kernels);
    yt_memory_free(build->blob, build->blob_mapped);
    free(build->plan.steps);
    free(build->schedules);
    yt_net_destroy(build->net);
    yt_quantisation_destroy(build->quantisation);
    free(build);
}
