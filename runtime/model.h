#ifndef YT_MODEL_H
#define YT_MODEL_H

/* The executor in pieces, for the tuner, which measures what ships: these are
 * the functions yt_model_detect() is made of. They check nothing and take no
 * lock; one call at a time per model.
 *
 * A model reads its bundle's kernels, task counts, offsets and constants at
 * each run, so kernels may be rebound between runs. It reads sizes once, at
 * yt_model_open(): arena_bytes, scratch_bytes, classes and the levels'
 * geometry.
 *
 * A workspace is yolotune/runtime.h's: info.workspace_bytes, aligned to
 * YT_ALIGN, never assumed to hold zeros:
 *
 *      arena | letterbox tables | candidates | decode counts | kept indices
 *            | NMS scratch | arguments per thread | scratch per thread */

#include "runtime/bundle.h"
#include "runtime/letterbox.h"
#include "runtime/nms.h"
#include "yolotune/runtime.h"

struct yt_pool;

/** yt_model_open() on a pool that the caller made, which the model takes over,
 *  also on failure.
 *  @pre yt_bundle_check(bundle) == YT_OK.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_model_open_on(const struct yt_bundle *bundle,
                                struct yt_pool *pool,
                                struct yt_model **model_out);

/** The options with their defaults filled in.
 *  @return YT_OK; YT_BAD_ARGUMENT for a value outside its range. */
enum yt_status
yt_detect_options_resolve(const struct yt_detect_options *options,
                          struct yt_detect_options *resolved_out);

/** Whether a caller's buffers do.
 *  @param needed of workspace_bytes.
 *  @return YT_OK; YT_BAD_ARGUMENT for a short or misaligned workspace or no
 *          room for boxes. */
enum yt_status yt_detect_buffers_check(size_t needed, const void *workspace,
                                       size_t workspace_bytes,
                                       const struct yt_box *boxes,
                                       size_t boxes_cap,
                                       const size_t *count_out);

/** As yt_pool_restart(), for the model's pool. */
enum yt_status yt_model_restart(struct yt_model *model);

const struct yt_plan *yt_model_plan(const struct yt_model *model);

/** Most candidates that yt_model_run_decode() can find. */
int32_t yt_model_cells(const struct yt_model *model);

/** info.workspace_bytes. */
int64_t yt_model_workspace_bytes(const struct yt_model *model);

/** Keep other callers off the model's pool, where it has one. */
void yt_model_lock(struct yt_model *model);
void yt_model_unlock(struct yt_model *model);

/** How resolved options bring an image into the model's input. */
struct yt_framing yt_model_framing(const struct yt_model *model,
                                   const struct yt_detect_options *options);

/** Image to the letterbox step's tensor.
 *  @param image   passed yt_image_check().
 *  @param framing yt_model_framing(), perhaps with the mirror. */
void yt_model_run_letterbox(struct yt_model *model,
                            const struct yt_image *image,
                            const struct yt_framing *framing, void *workspace);

/** Steps [first, last) of the plan.
 *  @param threshold yt_decode_min_logit() of the confidence: heads need hold
 *                   nothing else where objectness is below; -INFINITY: all. */
void yt_model_run_steps(struct yt_model *model, float threshold,
                        void *workspace, int32_t first, int32_t last);

/** Head tensors to candidates in the workspace.
 *  @return how many; they are at yt_model_candidates(). */
int32_t yt_model_run_decode(struct yt_model *model, float conf,
                            void *workspace);

struct yt_candidates yt_model_candidates(const struct yt_model *model,
                                         void *workspace);

/** Decode, NMS, and boxes back to the pixels of an image_h x image_w image.
 *
 * @param options  resolved.
 * @param[out] boxes_out [boxes_cap], best score first.
 * @return entries written, at most boxes_cap and max_det.
 */
size_t yt_model_run_postprocess(struct yt_model *model,
                                const struct yt_detect_options *options,
                                int32_t image_h, int32_t image_w,
                                void *workspace, struct yt_box *boxes_out,
                                size_t boxes_cap);

#endif
