#ifndef YT_MULTI_LABEL_H
#define YT_MULTI_LABEL_H

/* From head tensors to boxes as YOLOv5's val.py wants them: each class of a
 * cell whose score passes is a candidate of its own, where a product keeps the
 * best class alone. Only accuracy is measured so; what ships decodes by
 * runtime/decode.h. */

#include <stddef.h>

#include "runtime/decode.h"

/** Candidates with room to grow. */
struct yt_candidate_list {
    struct yt_candidates at; /* owned */
    int32_t count, cap;
};

/** Free; all zero is fine. */
void yt_candidate_list_deinit(struct yt_candidate_list *list);

/** Append copies of @p count candidates. @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_candidate_list_add(struct yt_candidate_list *list,
                                     const struct yt_candidates *candidates,
                                     int32_t count);

/** Append every class of every cell that scores more than @p conf, in the
 *  order of YOLOv5's flattened output, then of classes.
 *  @param arena the plan's tensors, its heads computed.
 *  @return YT_OK; YT_NO_MEMORY; YT_UNSUPPORTED for heads in bands. */
enum yt_status yt_multi_label_decode(const struct yt_plan *plan,
                                     const void *arena, float conf,
                                     struct yt_candidate_list *list);

/** What of the list goes into NMS in YOLOv5: so many of the best. */
#define YT_ULTRALYTICS_CANDIDATES 30000

struct yt_ultralytics_nms {
    double iou; /* compared in double precision, as torchvision does */
    int32_t max_det;
    int32_t class_agnostic;
    int32_t candidates; /* fewer than YOLOv5's; 0: as many */
};

/** Choose boxes as YOLOv5's non_max_suppression() does with torchvision's
 * nms(), bit for bit and without its time limit: classes are moved 7680 pixels
 * apart in single precision, whose rounding there decides near the threshold.
 *
 * The list is brought into the order of scores.
 *
 * @param[out] kept_out [min(list->count, max_det)] indices into the list, best
 *                      score first.
 * @return YT_OK; YT_NO_MEMORY.
 */
enum yt_status yt_ultralytics_nms_run(struct yt_candidate_list *list,
                                      const struct yt_ultralytics_nms *options,
                                      int32_t *kept_out, int32_t *count_out);

#endif
