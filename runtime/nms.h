#ifndef YT_NMS_H
#define YT_NMS_H

/* Non-maximum suppression, as YOLOv5 and torchvision define it: by descending
 * score, equal scores in candidate order, a box is kept unless its overlap
 * with a box kept before it is above the threshold,
 *
 *      inter > threshold * (area + area' - inter)
 *
 * Boxes of different classes never suppress each other (YOLOv5 moves classes
 * apart by an offset, which costs bits of the coordinates; here each class has
 * a list of its own). No limit on time or on candidates.
 *
 * Each candidate is compared with what its class has kept, not each kept box
 * with all that follow: kept lists are short and stay in cache, a suppressed
 * candidate stops at its suppressor, and nothing past max_det is looked at. */

#include <stdint.h>

#include "runtime/decode.h"
#include "runtime/kernel.h"

/** What the kernel gets: one box against a list. A task is a block of
 *  yt_iou.block boxes, so boxes [begin*block, end*block) are looked at; the
 *  list is filled up to whole blocks with boxes that overlap nothing. Arrays
 *  start at multiples of the block. */
struct yt_iou_args {
    const float *x0, *y0, *x1, *y1, *area;
    float box_x0, box_y0, box_x1, box_y1, box_area;
    float threshold; /* > 0 */
    int32_t block;
    int32_t *hit_out; /* set to 1 when any box overlaps by more than the
                         threshold, else left alone; stopping early is fine */
};

/** The block schedule "c" is at its best with. */
#define YT_IOU_C_BLOCK 16

/** The kernel in C, schedule "c"; any block. */
void yt_iou_c(const void *args, int64_t begin, int64_t end);

struct yt_nms_options {
    float iou;              /* > 0; 1 and more suppress nothing */
    int32_t max_det;        /* >= 1 */
    int32_t class_agnostic; /* 1: one list for all classes */
    int32_t candidates;     /* only so many of the best are looked at; 0: all */
};

/** Bytes of scratch for up to @p capacity candidates of @p classes classes. */
int64_t yt_nms_scratch_bytes(int64_t capacity, int32_t classes, int32_t block);

/** Choose boxes.
 *
 * @param candidates count entries, class_id in 0..classes-1, scores positive.
 * @param iou_step  bound: kernel and problem.u.iou.block.
 * @param scratch   yt_nms_scratch_bytes() for at least count, aligned to
 *                  YT_ALIGN.
 * @param[out] kept_out [max_det] indices, best score first.
 * @return how many were kept.
 */
int32_t yt_nms_run(const struct yt_candidates *candidates, int32_t count,
                   int32_t classes, const struct yt_nms_options *options,
                   const struct yt_step *iou_step, void *scratch,
                   int32_t *kept_out);

#endif
