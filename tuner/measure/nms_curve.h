#ifndef YT_NMS_CURVE_H
#define YT_NMS_CURVE_H

/* What non-maximum suppression costs as the number of candidate boxes grows:
 * the one part of a frame whose time depends on the picture. */

#include "runtime/decode.h"
#include "runtime/plan.h"
#include "tuner/measure/measure.h"

struct yt_nms_point {
    int32_t boxes; /* candidates; set by the caller */
    int32_t kept;
    struct yt_timing timing;
};

/** Seeded candidates as a detector makes them: clusters of twenty about one
 *  object and of its class, jittered by a tenth of its size, in an input of
 *  640x640 pixels (its size changes no overlap). The arrays have room for
 *  @p count.
 *  @param classes >= 1. */
void yt_nms_candidates(const struct yt_candidates *out, int32_t count,
                       int32_t classes, uint32_t seed);

/** Measure each point on yt_nms_candidates() with YOLOv5's overlap of 0.45 and
 *  at most 300 boxes kept.
 *
 * @param plan    nc and its NMS, bound; a cluster has one class.
 * @param[in,out] points [count], boxes >= 1.
 * @return YT_OK; YT_NO_MEMORY; as yt_measure().
 */
enum yt_status yt_nms_curve(const struct yt_plan *plan,
                            struct yt_nms_point *points, int32_t count);

#endif
