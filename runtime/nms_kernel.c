/* Suppression in C: each candidate is compared with what its class has kept,
 * not each kept box with all that follow. Kept lists are short and stay in
 * cache, and a suppressed candidate stops at its suppressor. */

#include <float.h>

#include "runtime/nms.h"

/* Boxes compared at a time: the compiler makes vector instructions of it. */
#define BLOCK 16

struct box {
    float x0, y0, x1, y1, area;
};

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static struct box take_box(const struct yt_candidates *all, int32_t i)
{
    struct box box = {all->x0[i], all->y0[i], all->x1[i], all->y1[i], 0};
    box.area = (box.x1 - box.x0) * (box.y1 - box.y0);
    return box;
}

/* Boxes inside out, and without end: whatever the other box is, even one of
 * negative area, they do not overlap. */
static void fill_block(const struct yt_nms_lists *lists, int32_t at)
{
    for (int32_t i = at; i < at + BLOCK; i++) {
        lists->x0[i] = lists->y0[i] = 1;
        lists->x1[i] = lists->y1[i] = 0;
        lists->area[i] = FLT_MAX;
    }
}

static void append(const struct yt_nms_lists *lists, int32_t list,
                   const struct box *box)
{
    const int32_t at = lists->first[list] + lists->used[list];
    if (lists->used[list] % BLOCK == 0)
        fill_block(lists, at);
    lists->x0[at] = box->x0;
    lists->y0[at] = box->y0;
    lists->x1[at] = box->x1;
    lists->y1[at] = box->y1;
    lists->area[at] = box->area;
    lists->used[list]++;
}

static int block_overlaps(const struct yt_nms_lists *lists, int32_t first,
                          const struct box *box, float threshold)
{
    int hit = 0;
    for (int32_t i = first; i < first + BLOCK; i++) {
        const float w =
            smaller(lists->x1[i], box->x1) - larger(lists->x0[i], box->x0);
        const float h =
            smaller(lists->y1[i], box->y1) - larger(lists->y0[i], box->y0);
        const float inter = larger(w, 0) * larger(h, 0);
        const float both = lists->area[i] + box->area - inter;
        hit |= inter > threshold * both;
    }
    return hit;
}

static int overlaps(const struct yt_nms_lists *lists, int32_t list,
                    const struct box *box, float threshold)
{
    int hit = 0;
    for (int32_t i = 0; i < lists->used[list] && !hit; i += BLOCK)
        hit = block_overlaps(lists, lists->first[list] + i, box, threshold);
    return hit;
}

void yt_nms_c(const void *args_, int64_t begin, int64_t end)
{
    const struct yt_nms_args *args = args_;
    int32_t kept = *args->kept_count;
    for (int64_t i = begin; i < end && kept < args->max_det; i++) {
        const int32_t candidate = (int32_t)(uint32_t)args->order[i];
        const int32_t list = args->all.class_id[candidate] & args->class_mask;
        const struct box box = take_box(&args->all, candidate);
        if (overlaps(&args->lists, list, &box, args->threshold))
            continue;
        append(&args->lists, list, &box);
        args->kept_out[kept++] = candidate;
    }
    *args->kept_count = kept;
}
