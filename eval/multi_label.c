/* Every class over the threshold as a candidate. See eval/multi_label.h. */

#include "eval/multi_label.h"

#include <stdlib.h>

#include "runtime/fail.h"
#include "runtime/sigmoid.h"

void yt_candidate_list_deinit(struct yt_candidate_list *list)
{
    free(list->at.x0);
    free(list->at.y0);
    free(list->at.x1);
    free(list->at.y1);
    free(list->at.score);
    free(list->at.class_id);
    *list = (struct yt_candidate_list){0};
}

static int grow_array(void *array_, size_t bytes)
{
    void **array = array_;
    void *bigger = realloc(*array, bytes);
    if (bigger != NULL)
        *array = bigger;
    return bigger != NULL;
}

static enum yt_status reserve(struct yt_candidate_list *list, int32_t count)
{
    if (count <= list->cap)
        return YT_OK;
    int32_t cap = list->cap == 0 ? 4096 : list->cap;
    while (cap < count)
        cap *= 2;
    const size_t bytes = (size_t)cap * sizeof(float);
    struct yt_candidates *at = &list->at;
    YT_FAIL_IF(!grow_array(&at->x0, bytes) || !grow_array(&at->y0, bytes) ||
                   !grow_array(&at->x1, bytes) || !grow_array(&at->y1, bytes) ||
                   !grow_array(&at->score, bytes) ||
                   !grow_array(&at->class_id, bytes),
               YT_NO_MEMORY, "no memory for %d candidate boxes", cap);
    list->cap = cap;
    return YT_OK;
}

enum yt_status yt_candidate_list_add(struct yt_candidate_list *list,
                                     const struct yt_candidates *candidates,
                                     int32_t count)
{
    YT_TRY(reserve(list, list->count + count));
    const struct yt_candidates to = yt_candidates_at(&list->at, list->count);
    yt_candidates_copy(candidates, count, &to);
    list->count += count;
    return YT_OK;
}

/* A level and where its head lies. */
struct level {
    const struct yt_level *level;
    const float *head;
    int32_t lanes, classes;
    float conf;
};

/* Channel c of cell (y, x). */
static float value(const struct level *l, int32_t c, int32_t y, int32_t x)
{
    const int64_t row = (int64_t)(c / l->lanes) * l->level->h + y;
    return l->head[(row * l->level->w + x) * l->lanes + c % l->lanes];
}

/* The formulas and their order are runtime/decode.h's. */
static void decode_box(const struct level *l, int32_t a, int32_t y, int32_t x,
                       float box[4])
{
    const int32_t base = a * (5 + l->classes);
    const float stride = (float)l->level->stride;
    float s[4];
    for (int32_t j = 0; j < 4; j++)
        s[j] = yt_sigmoidf(value(l, base + j, y, x));
    const float cx = (s[0] * 2 + ((float)x - 0.5f)) * stride;
    const float cy = (s[1] * 2 + ((float)y - 0.5f)) * stride;
    const float half_w = (s[2] * 2) * (s[2] * 2) * l->level->anchors[a][0] / 2;
    const float half_h = (s[3] * 2) * (s[3] * 2) * l->level->anchors[a][1] / 2;
    box[0] = cx - half_w;
    box[1] = cy - half_h;
    box[2] = cx + half_w;
    box[3] = cy + half_h;
}

/* Classes begin at channel @p base; object is 1 where there is none. */
static enum yt_status add_classes(const struct level *l, int32_t base,
                                  int32_t y, int32_t x, float object,
                                  const float box[4],
                                  struct yt_candidate_list *list)
{
    YT_TRY(reserve(list, list->count + l->classes));
    for (int32_t c = 0; c < l->classes; c++) {
        const float score = yt_sigmoidf(value(l, base + c, y, x)) * object;
        if (!(score > l->conf))
            continue;
        const int32_t i = list->count++;
        list->at.x0[i] = box[0];
        list->at.y0[i] = box[1];
        list->at.x1[i] = box[2];
        list->at.y1[i] = box[3];
        list->at.score[i] = score;
        list->at.class_id[i] = c;
    }
    return YT_OK;
}

static enum yt_status decode_cell(const struct level *l, int32_t a, int32_t y,
                                  int32_t x, float object,
                                  struct yt_candidate_list *list)
{
    float box[4];
    decode_box(l, a, y, x, box);
    return add_classes(l, a * (5 + l->classes) + 5, y, x, object, box, list);
}

/* A head without anchors; most cells have no class over the threshold. */
static enum yt_status decode_bins(const struct level *l, int32_t bins,
                                  struct yt_candidate_list *list)
{
    const float min_logit = yt_decode_min_logit(l->conf);
    const struct yt_decode_args args = {.head = l->head,
                                        .lanes = l->lanes,
                                        .nc = l->classes,
                                        .bins = bins,
                                        .h = l->level->h,
                                        .w = l->level->w,
                                        .stride = l->level->stride};
    for (int32_t y = 0; y < l->level->h; y++)
        for (int32_t x = 0; x < l->level->w; x++) {
            int32_t c = 0;
            while (c < l->classes &&
                   !(value(l, 4 * bins + c, y, x) > min_logit))
                c++;
            if (c == l->classes)
                continue;
            float box[4];
            yt_decode_bins_box(&args, y, x, box);
            YT_TRY(add_classes(l, 4 * bins, y, x, 1, box, list));
        }
    return YT_OK;
}

static enum yt_status decode_level(const struct level *l,
                                   struct yt_candidate_list *list)
{
    const int32_t bins = l->level->decode.problem.u.decode.bins;
    const float min_logit = yt_decode_min_logit(l->conf);
    if (bins)
        return decode_bins(l, bins, list);
    for (int32_t a = 0; a < l->level->na; a++)
        for (int32_t y = 0; y < l->level->h; y++)
            for (int32_t x = 0; x < l->level->w; x++) {
                const float logit = value(l, a * (5 + l->classes) + 4, y, x);
                if (!(logit > min_logit))
                    continue;
                const float object = yt_sigmoidf(logit);
                if (object > l->conf)
                    YT_TRY(decode_cell(l, a, y, x, object, list));
            }
    return YT_OK;
}

enum yt_status yt_multi_label_decode(const struct yt_plan *plan,
                                     const void *arena, float conf,
                                     struct yt_candidate_list *list)
{
    for (int32_t i = 0; i < plan->level_count; i++) {
        YT_FAIL_IF(plan->levels[i].decode.in_buffer, YT_UNSUPPORTED,
                   "every class of a cell is read from whole heads, and this "
                   "network's are in bands");
        const struct level level = {
            .level = &plan->levels[i],
            .head = (const float *)(const void *)((const char *)arena +
                                                  plan->levels[i].head),
            .lanes = plan->isa->lanes,
            .classes = plan->nc,
            .conf = conf,
        };
        YT_TRY(decode_level(&level, list));
    }
    return YT_OK;
}
