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
 * Candidates are put in order piece by piece, best first (runtime/nms_order.h),
 * and each piece is handed to the step's kernel: nothing past the last box that
 * is kept is sorted or looked at. How a kernel finds what is suppressed is its
 * affair; all keep the same boxes. */

#include <stdint.h>

#include "runtime/decode.h"
#include "runtime/kernel.h"

/** Lists of kept boxes begin at multiples of this, so a kernel may read them in
 *  vectors of up to as many. */
#define YT_NMS_BLOCK 32

/** Kept boxes: entries [0, used[c]) of list c begin at first[c]. Room for all
 *  candidates of its class; what is behind the last entry is whatever the
 *  kernel needs there. A kernel for whom classes have no lists uses list 0,
 *  which has room for all. */
struct yt_nms_lists {
    float *x0, *y0, *x1, *y1, *area;
    int32_t *class_id; /* beside area, for list 0 alone */
    int32_t *first;    /* [classes] multiples of YT_NMS_BLOCK */
    int32_t *used;     /* [classes] */
};

/** Room for a copy of candidates, up to the next multiple of YT_NMS_BLOCK. */
struct yt_nms_tile {
    float *x0, *y0, *x1, *y1;
    int32_t *class_id;
    int32_t *place;  /* [count] */
    int32_t *cursor; /* [classes] */
    int32_t *marked; /* [count] */
};

/** What the kernel gets. Tasks are places in the order of scores: it decides on
 *  order[begin] to order[end - 1], those before begin being decided, and stops
 *  at max_det kept boxes. */
struct yt_nms_args {
    struct yt_candidates all;
    const uint64_t *order; /* the candidate is in the lower half */
    int32_t classes;
    int32_t class_mask; /* of class_id: -1; 0 when all are one class */
    float threshold;    /* > 0 */
    int32_t max_det;
    struct yt_nms_lists lists;
    struct yt_nms_tile tile;
    int32_t *kept_out;   /* [max_det] candidates */
    int32_t *kept_count; /* grows */
};

/** The kernel in C, schedule "c". */
void yt_nms_c(const void *args, int64_t begin, int64_t end);

struct yt_nms_options {
    float iou;              /* > 0; 1 and more suppress nothing */
    int32_t max_det;        /* >= 1 */
    int32_t class_agnostic; /* 1: one list for all classes */
    int32_t candidates;     /* only so many of the best are looked at; 0: all */
};

/** Bytes of scratch for up to @p capacity candidates of @p classes classes. */
int64_t yt_nms_scratch_bytes(int64_t capacity, int32_t classes);

/** The plan's step for @p count candidates: the first that is for as many, else
 *  the last. */
const struct yt_step *yt_nms_step(const struct yt_plan *plan, int32_t count);

/** Choose boxes.
 *
 * @param candidates count entries, class_id in 0..classes-1, scores positive.
 * @param step     bound.
 * @param scratch  yt_nms_scratch_bytes() for at least count, aligned to
 *                 YT_ALIGN.
 * @param[out] kept_out [max_det] indices, best score first.
 * @return how many were kept.
 */
int32_t yt_nms_run(const struct yt_candidates *candidates, int32_t count,
                   int32_t classes, const struct yt_nms_options *options,
                   const struct yt_step *step, void *scratch,
                   int32_t *kept_out);

#endif
