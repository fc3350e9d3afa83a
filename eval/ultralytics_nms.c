/* Non-maximum suppression with the roundings of YOLOv5 and torchvision. See
 * eval/multi_label.h; the product's own is runtime/nms.h. */

#include <stdlib.h>
#include <string.h>

#include "eval/multi_label.h"
#include "runtime/fail.h"

#define CLASS_STEP 7680.0f /* pixels between the planes of two classes */

/* Boxes in the order of scores, moved to their classes' planes. */
struct planes {
    float *x0, *y0, *x1, *y1, *area; /* [count] */
    int32_t *list;                   /* [count] what a box is compared with */
    int32_t count;
};

/* Boxes kept, chained by list. */
struct kept {
    int32_t *first; /* [lists] index into box and next, -1: none */
    int32_t *next, *box;
    int32_t count;
};

/* Scores are positive, so their bits order as they do; of equal ones the
 * earlier comes first. */
static int compare_keys(const void *a_, const void *b_)
{
    const uint64_t a = *(const uint64_t *)a_;
    const uint64_t b = *(const uint64_t *)b_;
    return (a > b) - (a < b);
}

static enum yt_status sort_list(struct yt_candidate_list *list)
{
    const size_t count = (size_t)list->count;
    uint64_t *keys = malloc((count + 1) * sizeof *keys);
    float *copy = malloc((count + 1) * sizeof *copy);
    if (keys == NULL || copy == NULL) {
        free(keys);
        free(copy);
        return yt_fail(YT_NO_MEMORY, "no memory for %d candidate boxes",
                       list->count);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &list->at.score[i], sizeof bits);
        keys[i] = (uint64_t)~bits << 32 | (uint32_t)i;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    float *const arrays[] = {list->at.x0, list->at.y0, list->at.x1, list->at.y1,
                             list->at.score};
    for (size_t j = 0; j < sizeof arrays / sizeof arrays[0]; j++) {
        memcpy(copy, arrays[j], count * sizeof *copy);
        for (size_t i = 0; i < count; i++)
            arrays[j][i] = copy[(uint32_t)keys[i]];
    }
    memcpy(copy, list->at.class_id, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        memcpy(&list->at.class_id[i], &copy[(uint32_t)keys[i]], sizeof *copy);
    free(keys);
    free(copy);
    return YT_OK;
}

/* Whether boxes of different classes cannot meet once they are apart. */
static int are_apart(const struct yt_candidate_list *list, int32_t count)
{
    float low = list->at.x0[0];
    float high = list->at.x1[0];
    for (int32_t i = 0; i < count; i++) {
        if (!(list->at.x0[i] >= low)) /* a NaN stays, and ends the hope */
            low = list->at.x0[i];
        if (!(list->at.x1[i] <= high))
            high = list->at.x1[i];
    }
    return high - low < CLASS_STEP - 1;
}

static void fill_planes(struct planes *p, const struct yt_candidate_list *list,
                        int32_t class_agnostic)
{
    const int apart = !class_agnostic && are_apart(list, p->count);
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t c = list->at.class_id[i];
        const float step = class_agnostic ? 0 : (float)c * CLASS_STEP;
        p->x0[i] = list->at.x0[i] + step;
        p->y0[i] = list->at.y0[i] + step;
        p->x1[i] = list->at.x1[i] + step;
        p->y1[i] = list->at.y1[i] + step;
        p->area[i] = (p->x1[i] - p->x0[i]) * (p->y1[i] - p->y0[i]);
        p->list[i] = apart ? c : 0;
    }
}

/* torchvision's nms_kernel.cpp: the quotient, not a product, is compared. */
static int overlaps(const struct planes *p, int32_t i, int32_t j, double iou)
{
    const float x0 = p->x0[i] > p->x0[j] ? p->x0[i] : p->x0[j];
    const float y0 = p->y0[i] > p->y0[j] ? p->y0[i] : p->y0[j];
    const float x1 = p->x1[i] < p->x1[j] ? p->x1[i] : p->x1[j];
    const float y1 = p->y1[i] < p->y1[j] ? p->y1[i] : p->y1[j];
    const float w = x1 - x0 > 0 ? x1 - x0 : 0;
    const float h = y1 - y0 > 0 ? y1 - y0 : 0;
    const float inter = w * h;
    return (double)(inter / (p->area[i] + p->area[j] - inter)) > iou;
}

static int is_suppressed(const struct planes *p, const struct kept *kept,
                         int32_t i, double iou)
{
    for (int32_t k = kept->first[p->list[i]]; k >= 0; k = kept->next[k])
        if (overlaps(p, kept->box[k], i, iou))
            return 1;
    return 0;
}

static void choose(const struct planes *p, struct kept *kept,
                   const struct yt_ultralytics_nms *options)
{
    for (int32_t i = 0; i < p->count && kept->count < options->max_det; i++) {
        if (is_suppressed(p, kept, i, options->iou))
            continue;
        const int32_t k = kept->count++;
        kept->box[k] = i;
        kept->next[k] = kept->first[p->list[i]];
        kept->first[p->list[i]] = k;
    }
}

static int32_t count_lists(const struct yt_candidate_list *list)
{
    int32_t lists = 1;
    for (int32_t i = 0; i < list->count; i++)
        if (list->at.class_id[i] >= lists)
            lists = list->at.class_id[i] + 1;
    return lists;
}

enum yt_status yt_ultralytics_nms_run(struct yt_candidate_list *list,
                                      const struct yt_ultralytics_nms *options,
                                      int32_t *kept_out, int32_t *count_out)
{
    *count_out = 0;
    if (list->count == 0)
        return YT_OK;
    YT_TRY(sort_list(list));
    const int32_t lists = count_lists(list);
    const int32_t most = options->candidates > 0 &&
                                 options->candidates < YT_ULTRALYTICS_CANDIDATES
                             ? options->candidates
                             : YT_ULTRALYTICS_CANDIDATES;
    struct planes p = {.count = list->count < most ? list->count : most};
    const size_t n = (size_t)p.count;
    float *floats = malloc(5 * n * sizeof *floats);
    int32_t *numbers = malloc((2 * n + (size_t)lists) * sizeof *numbers);
    if (floats == NULL || numbers == NULL) {
        free(floats);
        free(numbers);
        return yt_fail(YT_NO_MEMORY, "no memory for %d candidate boxes",
                       p.count);
    }
    p.x0 = floats;
    p.y0 = p.x0 + n;
    p.x1 = p.y0 + n;
    p.y1 = p.x1 + n;
    p.area = p.y1 + n;
    p.list = numbers;
    struct kept kept = {
        .first = numbers + 2 * n, .next = numbers + n, .box = kept_out};
    for (int32_t i = 0; i < lists; i++)
        kept.first[i] = -1;
    fill_planes(&p, list, options->class_agnostic);
    choose(&p, &kept, options);
    *count_out = kept.count;
    free(floats);
    free(numbers);
    return YT_OK;
}
