#ifndef YOLOTUNE_RUNTIME_H
#define YOLOTUNE_RUNTIME_H

/* Run one tuned YOLOv5 model. Needs libc and pthreads only. Every function may
 * be called from several threads at once as long as no two calls share a
 * workspace or a model's own thread pool (see yt_open_options.threads). */

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

struct yt_open_options {
    int32_t threads; /* threads of the model's own pool, counting the caller's;
                        0: as tuned; 1: the caller's thread alone. With more
                        than one, calls on this model run one at a time. */
    int32_t pin;     /* 1: pin pool threads to the CPUs the process may use */
};

struct yt_detect_options {
    float conf;             /* score threshold; 0 means 0.25 */
    float iou;              /* NMS overlap threshold; 0 means 0.45 */
    int32_t max_det;        /* most boxes returned; 0 means 300 */
    int32_t class_agnostic; /* 1: boxes suppress across classes */
};

struct yt_model_info {
    const char *name; /* "yolov5n" */
    int32_t input_width, input_height;
    int32_t classes;
    const char *const *class_names; /* [classes] */
    const char *isa;                /* "avx512" */
    int32_t threads;                /* of this model */
    size_t workspace_bytes;         /* what one yt_model_detect() needs */
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
void yt_model_info(const struct yt_model *model,
                   struct yt_model_info *info_out);

/** Detect objects in one image. Allocates nothing.
 *
 * @param image      any size; letterboxed to the model's input.
 * @param options    borrowed; NULL means all defaults.
 * @param workspace  at least info.workspace_bytes, aligned to 64 bytes.
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

#ifdef __cplusplus
}
#endif

#endif
