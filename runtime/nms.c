/* Candidates are sorted by score with a radix sort (scores are positive
 * floats, so their bits order as integers), then taken in turn against the
 * kept boxes of their class. */

#include "runtime/nms.h"

#include <assert.h>
#include <string.h>

#include "runtime/workspace.h"

#define DIGIT_BITS 11
#define DIGITS     (1 << DIGIT_BITS)
#define PASSES     3 /* 33 bits cover the key */

/* Below this, clearing and summing histograms costs more than it saves. */
#define INSERTION_MAX 48

/* Offsets of the pieces of the scratch. */
struct layout {
    int64_t keys, keys2; /* uint64_t [capacity] */
    int64_t first, used; /* int32_t [classes] */
    int64_t box[5];      /* float [padded]: x0 y0 x1 y1 area */
    int64_t total_bytes;
};

/* Kept boxes of all classes; class c owns entries first[c].. */
struct kept {
    float *x0, *y0, *x1, *y1, *area;
    int32_t *first; /* [classes] a multiple of the block */
    int32_t *used;  /* [classes] */
    int32_t block;
};

static struct layout plan_scratch(int64_t capacity, int32_t classes,
                                  int32_t block)
{
    /* Each class that occurs is filled up to whole blocks. */
    const int64_t lists = capacity < classes ? capacity : classes;
    const int64_t padded = capacity + lists * (block - 1);
    struct layout layout = {.total_bytes = 0};
    int64_t *total = &layout.total_bytes;
    layout.keys = yt_workspace_add(total, capacity * 8);
    layout.keys2 = yt_workspace_add(total, capacity * 8);
    layout.first = yt_workspace_add(total, (int64_t)classes * 4);
    layout.used = yt_workspace_add(total, (int64_t)classes * 4);
    for (int i = 0; i < 5; i++)
        layout.box[i] = yt_workspace_add(total, padded * 4);
    return layout;
}

int64_t yt_nms_scratch_bytes(int64_t capacity, int32_t classes, int32_t block)
{
    return plan_scratch(capacity, classes, block).total_bytes;
}

static void insertion_sort(uint64_t *keys, int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        const uint64_t key = keys[i];
        int32_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* Sort by the upper half; equal ones keep their order. Returns whichever of
 * the two arrays holds the result. */
static uint64_t *radix_sort(uint64_t *keys, uint64_t *other, int32_t count)
{
    uint32_t starts[PASSES][DIGITS];
    memset(starts, 0, sizeof starts);
    for (int32_t i = 0; i < count; i++)
        for (int pass = 0; pass < PASSES; pass++)
            starts[pass][keys[i] >> (32 + pass * DIGIT_BITS) & (DIGITS - 1)]++;
    for (int pass = 0; pass < PASSES; pass++) {
        const int shift = 32 + pass * DIGIT_BITS;
        uint32_t *start = starts[pass];
        /* Scores share most of their exponents: a digit all agree on is no
         * work. */
        if (start[keys[0] >> shift & (DIGITS - 1)] == (uint32_t)count)
            continue;
        uint32_t sum = 0;
        for (int digit = 0; digit < DIGITS; digit++) {
            const uint32_t n = start[digit];
            start[digit] = sum;
            sum += n;
        }
        for (int32_t i = 0; i < count; i++)
            other[start[keys[i] >> shift & (DIGITS - 1)]++] = keys[i];
        uint64_t *swap = keys;
        keys = other;
        other = swap;
    }
    return keys;
}

/* Candidates in order: index in the lower half, falling score in the upper. */
static const uint64_t *sort_candidates(const float *score, int32_t count,
                                       uint64_t *keys, uint64_t *other)
{
    for (int32_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &score[i], sizeof bits);
        assert(bits >> 31 == 0);
        keys[i] = (uint64_t)~bits << 32 | (uint32_t)i;
    }
    if (count > INSERTION_MAX)
        return radix_sort(keys, other, count);
    insertion_sort(keys, count);
    return keys;
}

/* Give each class room for all its candidates, in whole blocks. */
static void open_lists(struct kept *kept, const int32_t *class_id,
                       int32_t count, int32_t classes)
{
    memset(kept->used, 0, (size_t)classes * sizeof *kept->used);
    if (class_id == NULL)
        kept->used[0] = count;
    else
        for (int32_t i = 0; i < count; i++)
            kept->used[class_id[i]]++;
    int32_t next = 0;
    for (int32_t c = 0; c < classes; c++) {
        kept->first[c] = next;
        next += (kept->used[c] + kept->block - 1) / kept->block * kept->block;
        kept->used[c] = 0;
    }
}

/* Boxes inside out: they overlap nothing. */
static void fill_block(const struct kept *kept, int32_t at)
{
    for (int32_t i = at; i < at + kept->block; i++) {
        kept->x0[i] = kept->y0[i] = 1;
        kept->x1[i] = kept->y1[i] = kept->area[i] = 0;
    }
}

static void append(struct kept *kept, int32_t list,
                   const struct yt_iou_args *box)
{
    const int32_t at = kept->first[list] + kept->used[list];
    if (kept->used[list] % kept->block == 0)
        fill_block(kept, at);
    kept->x0[at] = box->box_x0;
    kept->y0[at] = box->box_y0;
    kept->x1[at] = box->box_x1;
    kept->y1[at] = box->box_y1;
    kept->area[at] = box->box_area;
    kept->used[list]++;
}

static void take_box(const struct yt_candidates *candidates, int32_t i,
                     struct yt_iou_args *args)
{
    args->box_x0 = candidates->x0[i];
    args->box_y0 = candidates->y0[i];
    args->box_x1 = candidates->x1[i];
    args->box_y1 = candidates->y1[i];
    args->box_area =
        (args->box_x1 - args->box_x0) * (args->box_y1 - args->box_y0);
}

static int overlaps(const struct kept *kept, int32_t list,
                    struct yt_iou_args *args, yt_kernel_fn kernel)
{
    const int32_t used = kept->used[list];
    if (used == 0)
        return 0;
    const int32_t first = kept->first[list];
    int32_t hit = 0;
    args->x0 = kept->x0 + first;
    args->y0 = kept->y0 + first;
    args->x1 = kept->x1 + first;
    args->y1 = kept->y1 + first;
    args->area = kept->area + first;
    args->hit_out = &hit;
    kernel(args, 0, (used + kept->block - 1) / kept->block);
    return hit;
}

int32_t yt_nms_run(const struct yt_candidates *candidates, int32_t count,
                   int32_t classes, const struct yt_nms_options *options,
                   const struct yt_step *iou_step, void *scratch,
                   int32_t *kept_out)
{
    if (count == 0)
        return 0;
    const int32_t block = iou_step->problem.u.iou.block;
    const struct layout layout = plan_scratch(count, classes, block);
    char *base = scratch;
    struct kept kept = {
        .x0 = (float *)(base + layout.box[0]),
        .y0 = (float *)(base + layout.box[1]),
        .x1 = (float *)(base + layout.box[2]),
        .y1 = (float *)(base + layout.box[3]),
        .area = (float *)(base + layout.box[4]),
        .first = (int32_t *)(base + layout.first),
        .used = (int32_t *)(base + layout.used),
        .block = block,
    };
    const int32_t *class_id =
        options->class_agnostic ? NULL : candidates->class_id;
    open_lists(&kept, class_id, count, class_id == NULL ? 1 : classes);
    const uint64_t *order = sort_candidates(candidates->score, count,
                                            (uint64_t *)(base + layout.keys),
                                            (uint64_t *)(base + layout.keys2));

    struct yt_iou_args args = {.threshold = options->iou, .block = block};
    const int32_t last = options->candidates > 0 && options->candidates < count
                             ? options->candidates
                             : count;
    int32_t kept_count = 0;
    for (int32_t i = 0; i < last && kept_count < options->max_det; i++) {
        const int32_t candidate = (int32_t)(uint32_t)order[i];
        const int32_t list = class_id == NULL ? 0 : class_id[candidate];
        take_box(candidates, candidate, &args);
        if (overlaps(&kept, list, &args, iou_step->kernel))
            continue;
        append(&kept, list, &args);
        kept_out[kept_count++] = candidate;
    }
    return kept_count;
}

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

/* Inlined with a constant count, the loop is vector instructions. */
static inline int32_t any_overlap(const struct yt_iou_args *args, int64_t first,
                                  int32_t count)
{
    const float *x0 = args->x0 + first;
    const float *y0 = args->y0 + first;
    const float *x1 = args->x1 + first;
    const float *y1 = args->y1 + first;
    const float *area = args->area + first;
    const float box_x0 = args->box_x0;
    const float box_y0 = args->box_y0;
    const float box_x1 = args->box_x1;
    const float box_y1 = args->box_y1;
    const float box_area = args->box_area;
    const float threshold = args->threshold;
    int32_t hit = 0;
    for (int32_t i = 0; i < count; i++) {
        const float w = smaller(x1[i], box_x1) - larger(x0[i], box_x0);
        const float h = smaller(y1[i], box_y1) - larger(y0[i], box_y0);
        const float inter = larger(w, 0) * larger(h, 0);
        const float both = area[i] + box_area - inter;
        hit |= inter > threshold * both;
    }
    return hit;
}

void yt_iou_c(const void *args_, int64_t begin, int64_t end)
{
    const struct yt_iou_args *args = args_;
    const int64_t last = end * args->block;
    int64_t i = begin * args->block;
    int32_t hit = 0;
    for (; i + 16 <= last && !hit; i += 16)
        hit = any_overlap(args, i, 16);
    for (; i + 4 <= last && !hit; i += 4)
        hit = any_overlap(args, i, 4);
    if (hit || any_overlap(args, i, (int32_t)(last - i)))
        *args->hit_out = 1;
}
