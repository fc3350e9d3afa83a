#ifndef YT_BUILD_H
#define YT_BUILD_H

/* A graph made runnable on this machine: lowered, a schedule chosen per layer,
 * kernels compiled and loaded, constants packed. Its bundle is what
 * yt_model_open() opens; its objects are what an export links. */

#include "codegen/pack.h"
#include "compress/quant/quantisation.h"
#include "model/net.h"
#include "runtime/model.h"
#include "tuner/build/frame_steps.h"
#include "tuner/build/kernels.h"

struct yt_build_options {
    const struct yt_isa *isa;
    int32_t h, w;    /* network input, pixels */
    int32_t threads; /* goes into the plan; tasks are cut for it */
    int32_t dense_heads, no_fuse_upsample, no_fuse_twin; /* model/net.h */
    int32_t bands;                                       /* model/net.h */
    int32_t keep_nodes; /* 1: for calibration, see struct yt_net_options */
    /* Which arithmetic each convolution uses; borrowed for the call; NULL: f32
     * everywhere. */
    const struct yt_quantisation *quantisation;
    /* Of the same ISA: those that are there are used, new ones are added.
     * Borrowed until destroy; NULL: its own. */
    struct yt_kernels *kernels;
};

struct yt_build {
    const struct yt_isa *isa;
    const struct yt_graph *graph;         /* borrowed */
    struct yt_quantisation *quantisation; /* owned copy; NULL: f32 */
    struct yt_net *net;
    /* [net->layer_count], of the layers' problems. Members of bands run them
     * with tasks of a row. */
    struct yt_schedule *schedules;
    struct yt_plan plan;             /* steps[i] is net->layers[i] */
    struct yt_bundle bundle;         /* valid after yt_build_make() */
    struct yt_frame_schedules frame; /* of letterbox, decoding, NMS */

    struct yt_kernels *kernels; /* borrowed, or own_kernels */
    struct yt_kernels *own_kernels;
    void *blob; /* yt_memory_alloc()ed, blob_mapped bytes */
    size_t blob_mapped;
};

/** Lower @p graph (borrowed until destroy: class names) with default
 *  schedules. Nothing is compiled yet.
 *  @return YT_OK; as yt_net_lower() and yt_quantise(); YT_UNSUPPORTED when the
 *          instruction set lacks a type's arithmetic; YT_NO_MEMORY. */
enum yt_status yt_build_create(const struct yt_graph *graph,
                               const struct yt_build_options *options,
                               struct yt_build **build_out);

/** Choose layer @p i's schedule; takes effect with the next build.
 *  @return YT_OK; YT_BAD_ARGUMENT when it does not apply. */
enum yt_status yt_build_set(struct yt_build *build, int32_t i,
                            const struct yt_schedule *schedule);

/** Compile what is missing on @p compile_threads threads, pack the constants,
 *  bind the plan. May be called again after other choices.
 *  @return YT_OK; YT_COMPILE; YT_NO_MEMORY. */
enum yt_status yt_build_make(struct yt_build *build, int32_t compile_threads);

/** Open the built network with the threads of its plan, be they more than the
 *  CPUs at hand: what is measured is what was asked for.
 *  @param pin as in struct yt_open_options.
 *  @return as yt_model_open(). */
enum yt_status yt_build_open(const struct yt_build *build, int32_t pin,
                             struct yt_model **model_out);

/** The schedule that layer @p i runs with: the chosen one, in a band cut by
 *  rows. */
struct yt_schedule yt_build_schedule(const struct yt_build *build, int32_t i);

/** What a layer computes with, borrowed from it. */
struct yt_weights yt_build_weights(const struct yt_layer *layer);

/** The generated kernel that a step of the built plan runs; NULL when it runs
 *  one of the runtime's in C. */
const struct yt_kernel *yt_build_kernel(const struct yt_build *build,
                                        const struct yt_step *step);

/** Bytes of machine code of the plan's generated kernels, each counted once. */
int64_t yt_build_code_bytes(const struct yt_build *build);

/** Bytes that a made build's schedules decide over: packed constants, code, and
 *  the scratch of its threads in @p copies workspaces. */
int64_t yt_build_kernel_bytes(const struct yt_build *build, int32_t copies);

/** NULL is fine. */
void yt_build_destroy(struct yt_build *build);

#endif
