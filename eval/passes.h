#ifndef YT_PASSES_H
#define YT_PASSES_H

/* A picture to candidates: the work of one thread of eval/predict.h. */

#include "eval/multi_label.h"
#include "eval/detection.h"
#include "runtime/augment.h"
#include "runtime/letterbox.h"

/** Models of a thread's own. They run one after the other, so one workspace
 *  does for all. */
struct yt_passes {
    struct yt_model *models[YT_AUGMENT_PASSES_MAX]; /* [count] */
    int32_t flips[YT_AUGMENT_PASSES_MAX];
    int32_t count;
    void *workspace;
    size_t workspace_bytes;
};

/** Whether such passes can be run.
 *  @return YT_OK; YT_BAD_ARGUMENT. */
enum yt_status yt_passes_check(const struct yt_predict_pass *passes,
                               int32_t count);

/** Open the models, all with one thread.
 *
 * @param passes  [count], checked.
 * @param[out] opened the caller's to close, also on failure.
 * @return YT_OK; what opening a bundle returned; YT_NO_MEMORY.
 */
enum yt_status yt_passes_open(const struct yt_predict_pass *passes,
                              int32_t count, struct yt_passes *opened);

/** All zero is fine. */
void yt_passes_close(struct yt_passes *passes);

/** Candidates of all passes.
 *
 * @param options  resolved.
 * @param list     replaced by boxes in pixels of the first pass's input.
 * @param[out] map_out the way from there back to the picture.
 * @return YT_OK; YT_NO_MEMORY.
 */
enum yt_status yt_passes_run(const struct yt_passes *passes,
                             const struct yt_image *image,
                             const struct yt_predict_options *options,
                             struct yt_candidate_list *list,
                             struct yt_letterbox_map *map_out);

#endif
