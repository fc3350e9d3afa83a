#ifndef YT_SELECT_H
#define YT_SELECT_H

/* The end of a frame: candidates through NMS, and the kept ones as boxes of the
 * image. */

#include "runtime/letterbox.h"
#include "runtime/nms.h"

struct yt_selection {
    const struct yt_candidates *candidates; /* [count], where map puts them;
                                               those unwanted are lost */
    int32_t count, classes;
    const struct yt_step *nms; /* bound */
    const struct yt_letterbox_map *map;
    int32_t *kept;     /* [count] */
    void *nms_scratch; /* yt_nms_scratch_bytes() for at least count */
};

/** Move candidates of wanted classes to the front, in their order; the others
 *  are lost.
 *  @param all     [count], changed.
 *  @param count   of all.
 *  @param wanted  by class_id: 0: not wanted.
 *  @return how many are wanted. */
int32_t yt_select_classes(const struct yt_candidates *all, int32_t count,
                          const uint8_t *wanted);

/** Choose boxes.
 *
 * @param options  resolved: iou, max_det, class_agnostic, candidates and
 *                 only_classes count.
 * @param[out] boxes_out [boxes_cap], best score first.
 * @return entries written, at most boxes_cap and max_det.
 */
size_t yt_select_boxes(const struct yt_selection *selection,
                       const struct yt_detect_options *options,
                       struct yt_box *boxes_out, size_t boxes_cap);

#endif
