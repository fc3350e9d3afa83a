#ifndef YT_BATCH_H
#define YT_BATCH_H

/* A batch's inside, and the form of yt_batch_detect() for whoever does not know
 * all images before the first one runs.
 *
 * A group is a model on threads of its own. Its first thread, its driver, is
 * one of the drivers' pool, whose caller is the caller of the run: so there are
 * groups * threads threads, that one included, and each wait is a pool's.
 *
 * A workspace holds one image from its first layer to its boxes. An instance
 * keeps its own; between stages they go round in a ring:
 *
 *        ┌── image 2 ──► stage 0 ── image 1 ──► stage 1 ── image 0 ──┐
 *        └─────────────────── empty workspaces ◄────────────────────-┘
 */

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "runtime/model.h"
#include "runtime/wait.h"
#include "yolotune/runtime.h"

#define YT_CACHE_LINE 64

/** An image and where its results go. */
struct yt_batch_frame {
    const struct yt_image *image; /* one that passed yt_image_check() */
    struct yt_box *boxes;         /* [boxes_cap] */
    size_t boxes_cap;
    size_t *count_out;
    uint64_t *time_ns_out; /* or NULL */
};

/** Where images come from. */
struct yt_batch_source {
    /** Give the image number @p index, counted from 0. Drivers call it, several
     *  at once, in no particular order; once it has answered 0 it is not asked
     *  for later ones, but for at most one more by each driver.
     *
     *  @param workspace 0..info.workspaces-1: no other image under way has it,
     *                   so that buffers can be kept by it.
     *  @return 0: there are no more. */
    int (*next)(void *user, int64_t index, int32_t workspace,
                struct yt_batch_frame *frame_out);
    void *user;
};

/** Run all images of @p source and return when the last one is done.
 *  @return YT_OK; YT_BAD_ARGUMENT for an option that breaks a rule;
 *          YT_UNSUPPORTED for flip; YT_IO when a forked child cannot start
 *          the threads. */
enum yt_status yt_batch_run(struct yt_batch *batch,
                            const struct yt_detect_options *options,
                            const struct yt_batch_source *source);

/* ----------------------------------------------------------------- inside */

struct yt_batch_group {
    /* Images that went through this stage in the run at hand. The next stage
     * waits for it, and the first one, for workspaces, for the last one's. */
    alignas(YT_CACHE_LINE) atomic_llong passed;
    struct yt_wait wait;
    struct yt_model *model;
    int32_t first, last; /* steps of the plan: [first, last) */
};

struct yt_batch_slot {
    void *workspace;
    uint64_t begin_ns;
    struct yt_batch_frame frame; /* image NULL: the run is over */
};

struct yt_batch {
    int32_t instances, threads, stages, pin;
    int32_t group_count; /* instances or stages */
    int32_t slot_count;
    int spin; /* there is a CPU for each thread */
    struct yt_batch_group *groups;
    struct yt_batch_slot *slots;
    size_t workspace_bytes; /* of each slot */
    struct yt_pool *drivers;
    pthread_mutex_t lock; /* held for a run */

    /* The run at hand. */
    const struct yt_batch_source *source;
    struct yt_detect_options options; /* resolved */
    float threshold;                  /* as yt_model_run_steps() takes it */
    alignas(YT_CACHE_LINE) atomic_llong taken; /* images asked for */
};

#endif
