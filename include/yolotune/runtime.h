#ifndef YOLOTUNE_RUNTIME_H
#define YOLOTUNE_RUNTIME_H

/* Run one tuned YOLOv5 model. Needs libc and pthreads only. Every function may
 * be called from several threads at once as long as no two calls share a
 * workspace or a model's own thread pool (see yt_open_options.threads).
 *
 * A child of fork() may use and close what its parent opened, as the parent
 * goes on doing, if no call on it was in progress at the fork: threads are
 * started in the child when it first runs. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A tuned model, ready to run. */
struct yt_model;

/** A plan bound to its kernels and constants; the generated library has one. */
struct yt_bundle;

/** One detection, in pixels of the input image, origin at its top left. */
struct yt_box {
    float x0, y0, x1, y1; /* x0 <= x1, y0 <= y1, clipped to the image */
    float score;          /* objectness * class probability, 0..1 */
    int32_t class_id;     /* 0..classes-1, order of the training set */
};

enum yt_pixel_format {
    YT_PIXEL_RGB = 0, /* 3 bytes a pixel */
    YT_PIXEL_BGR = 1,
    YT_PIXEL_RGBA = 2, /* 4 bytes a pixel, the fourth is ignored */
    YT_PIXEL_BGRA = 3
};

/** An image of 8-bit samples, borrowed for the call. */
struct yt_image {
    const uint8_t *pixels;
    int32_t width, height; /* each 1..32768 */
    int64_t stride_bytes;  /* from row to row, >= width * pixel bytes */
    enum yt_pixel_format format;
};

/** How an image fills the network's input. */
enum yt_fit {
    YT_FIT_LETTERBOX = 0, /* its shape is kept, grey fills the rest */
    YT_FIT_STRETCH = 1    /* it fills all: x and y are scaled apart */
};

/** How an image is resized: OpenCV's INTER_LINEAR and INTER_NEAREST. */
enum yt_filter { YT_FILTER_BILINEAR = 0, YT_FILTER_NEAREST = 1 };

struct yt_open_options {
    int32_t threads; /* threads of the model's own pool, counting the caller's;
                        0: as tuned, or what affinity and cgroup quota leave
                        where that is less; 1: the caller's thread alone. With
                        more than one, calls on this model run one at a time. */
    int32_t pin;     /* 1: pin pool threads to the CPUs the process may use */
};

struct yt_detect_options {
    float conf;             /* score threshold; 0 means 0.25 */
    float iou;              /* NMS overlap threshold; 0 means 0.45 */
    int32_t max_det;        /* most boxes returned; 0 means 300 */
    int32_t class_agnostic; /* 1: boxes suppress across classes */
    enum yt_fit fit;
    enum yt_filter filter;
    int32_t candidates; /* most boxes that enter NMS, the best; 0: all */
    int32_t flip;       /* 1: the image's mirror image is searched, too, and
                           the boxes of both enter NMS: twice the time, and
                           info.flip_workspace_bytes of workspace */
    const uint8_t *only_classes; /* [info.classes], borrowed for the call: 1
                                    where boxes of the class are wanted, others
                                    do not enter NMS; NULL: all are */
};

struct yt_model_info {
    const char *name; /* "yolov5n" */
    int32_t input_width, input_height;
    int32_t classes;
    const char *const *class_names; /* [classes] */
    const char *isa;                /* "avx512" */
    int32_t threads;                /* of this model */
    size_t workspace_bytes;         /* what one yt_model_detect() needs */
    size_t flip_workspace_bytes;    /* the same with yt_detect_options.flip */
};

/** Where a frame's time went, in nanoseconds. */
struct yt_frame_times {
    uint64_t preprocess_ns, network_ns, postprocess_ns;
};

/** Open a bundle.
 *
 * @param bundle    borrowed until yt_model_close().
 * @param options   borrowed; NULL means all defaults.
 * @param[out] model_out owned by the caller; NULL on failure.
 * @return YT_OK; YT_UNSUPPORTED when this CPU lacks an instruction the kernels
 *         were compiled for; YT_BAD_ARGUMENT; YT_NO_MEMORY; YT_IO when a
 *         thread cannot be started.
 */
enum yt_status yt_model_open(const struct yt_bundle *bundle,
                             const struct yt_open_options *options,
                             struct yt_model **model_out);

/** What was opened. @p info_out borrows from the model. */
void yt_model_describe(const struct yt_model *model,
                       struct yt_model_info *info_out);

/** Detect objects in one image. Allocates nothing.
 *
 * @param image      any size; resized to the model's input.
 * @param options    borrowed; NULL means all defaults.
 * @param workspace  at least info.workspace_bytes, or with options.flip
 *                   info.flip_workspace_bytes, aligned to 64 bytes.
 *                   Contents before and after are unspecified.
 * @param boxes      room for @p boxes_cap entries, filled best score first.
 * @param[out] count_out entries written, <= boxes_cap and <= max_det. When more
 *                   were found than fit, the lowest scores are dropped.
 * @param[out] times_out NULL, or where the frame's time went.
 * @return YT_OK; YT_BAD_ARGUMENT for an image, option or workspace that breaks
 *         a rule above.
 */
enum yt_status
yt_model_detect(struct yt_model *model, const struct yt_image *image,
                const struct yt_detect_options *options, void *workspace,
                size_t workspace_bytes, struct yt_box *boxes, size_t boxes_cap,
                size_t *count_out, struct yt_frame_times *times_out);

/** Release the model; no call on it may be in progress. NULL is fine. */
void yt_model_close(struct yt_model *model);

/* --------------------------------------------- several images at the same time
 *
 * A group of threads runs one image, or one stage of every image:
 *
 *   instances = 2, threads = 2        stages = 2, threads = 2
 *
 *   group 0: image 0  image 2 ..      group 0: first layers of  0  1  2 ..
 *   group 1: image 1  image 3 ..      group 1: last layers of      0  1 ..
 *
 * Images that are complete at once give the most frames per second from the
 * first arrangement: nobody waits for anybody. The second keeps each group to
 * its own part of the weights, for caches that do not hold them all. */

struct yt_batch;

struct yt_batch_options {
    int32_t instances; /* images at the same time, each on a group of its own;
                          0: as many groups as fit on the CPUs that the process
                          may use, by affinity and cgroup quota; 1 with stages
                          over 1 */
    int32_t threads;   /* of each group, 0 means 1 */
    int32_t stages; /* over 1: the layers are cut into so many stages, at most
                       one a layer, each run by a group; 0 means 1 */
    int32_t pin;    /* 1: each thread gets a CPU of its own among those that
                       the process may use; the caller's thread, the first
                       of the first group, is left where it is */

    /* Where stages are cut: the cost of preprocessing, of each step of the plan
     * in order, and of postprocessing, in any unit. NULL: by arithmetic. */
    const double *step_costs;
    int32_t step_cost_count; /* the plan's steps + 2 */
};

struct yt_batch_info {
    int32_t instances, threads, stages; /* defaults filled in */
    int32_t workspaces;                 /* images that may be under way */
    size_t workspace_bytes;             /* of all workspaces together */
};

/** Start the threads and allocate what they work in.
 *
 * @param bundle   borrowed until yt_batch_close(); weights are shared.
 * @param options  borrowed; NULL means all defaults: a thread for each image,
 *                 an image for each CPU.
 * @param[out] batch_out owned by the caller; NULL on failure.
 * @return as yt_model_open(); YT_BAD_ARGUMENT also for more than 256 threads,
 *         for more stages than layers, for instances and stages both over 1,
 *         for costs that are negative or of another count, and for a pinned
 *         batch of more threads than the process may use CPUs.
 */
enum yt_status yt_batch_open(const struct yt_bundle *bundle,
                             const struct yt_batch_options *options,
                             struct yt_batch **batch_out);

void yt_batch_describe(const struct yt_batch *batch,
                       struct yt_batch_info *info_out);

/** Detect objects in @p count images and return when all are done. They are
 *  run in no particular order; the boxes are those of yt_model_detect(), bit
 *  for bit. Allocates nothing; calls on one batch run one at a time.
 *
 * @param images   [count].
 * @param options  borrowed; NULL means all defaults.
 * @param boxes    [count][boxes_cap], each image's filled best score first.
 * @param[out] counts_out [count] entries written, as yt_model_detect() counts.
 * @param[out] times_ns_out NULL, or [count]: nanoseconds from an image's first
 *                 layer, waiting between stages included, to its boxes.
 * @return YT_OK; YT_BAD_ARGUMENT for an image or option that breaks a rule,
 *         YT_UNSUPPORTED for options.flip; YT_IO when a forked child cannot
 *         start the threads: nothing has run then.
 */
enum yt_status yt_batch_detect(struct yt_batch *batch,
                               const struct yt_image *images, size_t count,
                               const struct yt_detect_options *options,
                               struct yt_box *boxes, size_t boxes_cap,
                               size_t *counts_out, uint64_t *times_ns_out);

/** End the threads and release everything; no call on the batch may be in
 *  progress. NULL is fine. */
void yt_batch_close(struct yt_batch *batch);

#ifdef __cplusplus
}
#endif

#endif
