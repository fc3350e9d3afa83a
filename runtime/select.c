/* See runtime/select.h. */

#include "runtime/select.h"

int32_t yt_select_classes(const struct yt_candidates *all, int32_t count,
                          const uint8_t *wanted)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        if (!wanted[all->class_id[i]])
            continue;
        all->x0[kept] = all->x0[i];
        all->y0[kept] = all->y0[i];
        all->x1[kept] = all->x1[i];
        all->y1[kept] = all->y1[i];
        all->score[kept] = all->score[i];
        all->class_id[kept++] = all->class_id[i];
    }
    return kept;
}

size_t yt_select_boxes(const struct yt_selection *selection,
                       const struct yt_detect_options *options,
                       struct yt_box *boxes_out, size_t boxes_cap)
{
    const struct yt_candidates *all = selection->candidates;
    const int32_t given =
        options->only_classes
            ? yt_select_classes(all, selection->count, options->only_classes)
            : selection->count;
    int32_t limit = options->max_det < given ? options->max_det : given;
    if (boxes_cap < (size_t)limit)
        limit = (int32_t)boxes_cap;
    const struct yt_nms_options nms = {
        .iou = options->iou,
        .max_det = limit,
        .class_agnostic = options->class_agnostic,
        .candidates = options->candidates,
    };
    const int32_t count =
        yt_nms_run(all, given, selection->classes, &nms, selection->nms,
                   selection->nms_scratch, selection->kept);
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
