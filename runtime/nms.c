/* Order, room for lists, and the kernel over one piece after the other. */

#include "runtime/nms.h"

#include <string.h>

#include "runtime/nms_order.h"
#include "runtime/workspace.h"

/* Candidates put in order at a time: most frames need no more. */
#define PIECE 1024

/* Offsets of the pieces of the scratch. */
struct layout {
    int64_t keys, spare;   /* uint64_t [capacity] */
    int64_t ends;          /* int32_t [buckets] */
    int64_t first, used;   /* int32_t [classes] */
    int64_t list[6];       /* float [padded]: x0 y0 x1 y1 area, int32_t class */
    int64_t tile[5];       /* the same but for area */
    int64_t place, cursor; /* int32_t [capacity], [classes] */
    int64_t marked;        /* int32_t [capacity] */
    int64_t total_bytes;
};

static struct layout plan_scratch(int64_t capacity, int32_t classes)
{
    /* Each class that occurs is filled up to whole blocks. */
    const int64_t lists = capacity < classes ? capacity : classes;
    const int64_t padded = capacity + (lists + 1) * (YT_NMS_BLOCK - 1);
    struct layout layout = {.total_bytes = 0};
    int64_t *total = &layout.total_bytes;
    layout.keys = yt_workspace_add(total, capacity * 8);
    layout.spare = yt_workspace_add(total, capacity * 8);
    layout.ends =
        yt_workspace_add(total, (int64_t)yt_nms_order_buckets(capacity) * 4);
    layout.first = yt_workspace_add(total, (int64_t)classes * 4);
    layout.used = yt_workspace_add(total, (int64_t)classes * 4);
    for (int i = 0; i < 6; i++)
        layout.list[i] = yt_workspace_add(total, padded * 4);
    for (int i = 0; i < 5; i++)
        layout.tile[i] = yt_workspace_add(total, (capacity + YT_NMS_BLOCK) * 4);
    layout.place = yt_workspace_add(total, capacity * 4);
    layout.cursor = yt_workspace_add(total, (int64_t)classes * 4);
    layout.marked = yt_workspace_add(total, capacity * 4);
    return layout;
}

int64_t yt_nms_scratch_bytes(int64_t capacity, int32_t classes)
{
    return plan_scratch(capacity, classes).total_bytes;
}

static void point_at(struct yt_nms_args *args, const struct layout *layout,
                     char *base)
{
    args->lists = (struct yt_nms_lists){
        .x0 = (float *)(base + layout->list[0]),
        .y0 = (float *)(base + layout->list[1]),
        .x1 = (float *)(base + layout->list[2]),
        .y1 = (float *)(base + layout->list[3]),
        .area = (float *)(base + layout->list[4]),
        .class_id = (int32_t *)(base + layout->list[5]),
        .first = (int32_t *)(base + layout->first),
        .used = (int32_t *)(base + layout->used),
    };
    args->tile = (struct yt_nms_tile){
        .x0 = (float *)(base + layout->tile[0]),
        .y0 = (float *)(base + layout->tile[1]),
        .x1 = (float *)(base + layout->tile[2]),
        .y1 = (float *)(base + layout->tile[3]),
        .class_id = (int32_t *)(base + layout->tile[4]),
        .place = (int32_t *)(base + layout->place),
        .cursor = (int32_t *)(base + layout->cursor),
        .marked = (int32_t *)(base + layout->marked),
    };
}

/* Give each class room for all its candidates, in whole blocks. */
static void open_lists(const struct yt_nms_args *args, int32_t count)
{
    const struct yt_nms_lists *lists = &args->lists;
    memset(lists->used, 0, (size_t)args->classes * sizeof *lists->used);
    for (int32_t i = 0; i < count; i++)
        lists->used[args->all.class_id[i] & args->class_mask]++;
    int32_t next = 0;
    for (int32_t c = 0; c < args->classes; c++) {
        lists->first[c] = next;
        next +=
            (lists->used[c] + YT_NMS_BLOCK - 1) / YT_NMS_BLOCK * YT_NMS_BLOCK;
        lists->used[c] = 0;
    }
}

const struct yt_step *yt_nms_step(const struct yt_plan *plan, int32_t count)
{
    int32_t i = 0;
    while (i + 1 < plan->nms_count && plan->nms[i].problem.u.nms.count < count)
        i++;
    return &plan->nms[i];
}

int32_t yt_nms_run(const struct yt_candidates *candidates, int32_t count,
                   int32_t classes, const struct yt_nms_options *options,
                   const struct yt_step *step, void *scratch, int32_t *kept_out)
{
    if (count == 0)
        return 0;
    const struct layout layout = plan_scratch(count, classes);
    char *base = scratch;
    int32_t kept_count = 0;
    struct yt_nms_args args = {
        .all = *candidates,
        .order = (uint64_t *)(base + layout.keys),
        .classes = classes,
        .class_mask = options->class_agnostic ? 0 : -1,
        .threshold = options->iou,
        .max_det = options->max_det,
        .kept_out = kept_out,
        .kept_count = &kept_count,
    };
    point_at(&args, &layout, base);
    open_lists(&args, count);
    const int32_t last = options->candidates > 0 && options->candidates < count
                             ? options->candidates
                             : count;
    struct yt_nms_order order;
    yt_nms_order_begin(&order, candidates->score, count,
                       options->max_det < last ? options->max_det : last,
                       (uint64_t *)(base + layout.keys),
                       (uint64_t *)(base + layout.spare),
                       (int32_t *)(base + layout.ends));
    for (int32_t begin = 0; begin < last && kept_count < options->max_det;) {
        yt_nms_order_advance(&order, PIECE);
        const int32_t end = order.ready < last ? order.ready : last;
        step->kernel(&args, begin, end);
        begin = end;
    }
    return kept_count;
}
