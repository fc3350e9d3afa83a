/* See runtime/select.h. */

#include "runtime/select.h"

size_t yt_select_boxes(const struct yt_selection *selection,
                       const struct yt_detect_options *options,
                       struct yt_box *boxes_out, size_t boxes_cap)
{
    const struct yt_candidates *all = selection->candidates;
    int32_t limit = options->max_det < selection->count ? options->max_det
                                                        : selection->count;
    if (boxes_cap < (size_t)limit)
        limit = (int32_t)boxes_cap;
    const struct yt_nms_options nms = {
        .iou = options->iou,
        .max_det = limit,
        .class_agnostic = options->class_agnostic,
        .candidates = options->candidates,
    };
    const int32_t count =
        yt_nms_run(all, selection->count, selection->classes, &nms,
                   selection->nms, selection->nms_scratch, selection->kept);
    for (int32_t i = 0; i < count; i++) {
        const int32_t from = selection->kept[i];
        boxes_out[i] = (struct yt_box){
            .x0 = all->x0[from],
            .y0 = all->y0[from],
            .x1 = all->x1[from],
            .y1 = all->y1[from],
            .score = all->score[from],
            .class_id = all->class_id[from],
        };
        yt_letterbox_unmap(selection->map, &boxes_out[i]);
    }
    return (size_t)count;
}
