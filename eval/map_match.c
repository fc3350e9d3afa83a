/* Boxes against objects, image by image and class by class, as
 * COCOeval.evaluateImg() does it: boxes by falling score, each takes the object
 * that it overlaps best among those still free, objects that count before those
 * that do not; a crowd can be taken any number of times. */

#include "eval/map_match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* COCOeval's area ranges, both ends inside. */
static const double area_ranges[YT_MAP_AREAS][2] = {
    {0, 1e5 * 1e5},
    {0, 32 * 32},
    {32 * 32, 96 * 96},
    {96 * 96, 1e5 * 1e5},
};

/* The boxes and objects of one class in one image. */
struct scene {
    const struct yt_result **boxes; /* best first */
    int32_t box_count, box_cap;
    const struct yt_truth **objects;
    int32_t object_count, object_cap;
    double *overlaps; /* [box][object] */
    size_t overlap_cap;
    char *ignored;  /* [object] in the area at hand */
    int32_t *order; /* [object] those that count first */
    char *taken;    /* [object] */
    int32_t room;   /* of these three */
};

static enum yt_status grow(void *array_, int32_t count, int32_t *cap,
                           size_t bytes)
{
    void **array = array_;
    if (count < *cap)
        return YT_OK;
    const int32_t more = *cap == 0 ? 64 : *cap * 2;
    void *bigger = realloc(*array, (size_t)more * bytes);
    YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "no memory to match boxes");
    *array = bigger;
    *cap = more;
    return YT_OK;
}

/* numpy.linspace(0.5, 0.95, 10), bit for bit; a perfect overlap passes all. */
static double overlap_threshold(int t)
{
    const double step = (0.95 - 0.5) / (YT_MAP_OVERLAPS - 1);
    const double value =
        t == YT_MAP_OVERLAPS - 1 ? 0.95 : 0.5 + (double)t * step;
    return fmin(value, 1 - 1e-10);
}

/* Intersection over union; over the box where the object is a crowd. */
static double overlap(const struct yt_result *box, const struct yt_truth *truth)
{
    const double w =
        fmin(box->x + box->w, truth->x + truth->w) - fmax(box->x, truth->x);
    const double h =
        fmin(box->y + box->h, truth->y + truth->h) - fmax(box->y, truth->y);
    if (w <= 0 || h <= 0)
        return 0;
    const double inter = w * h;
    const double own = box->w * box->h;
    return inter / (truth->crowd ? own : own + truth->w * truth->h - inter);
}

static int outside(double area, int a)
{
    return area < area_ranges[a][0] || area > area_ranges[a][1];
}

/* Which objects count in area a, and these first. */
static void order_objects(struct scene *s, int a)
{
    int32_t next = 0;
    for (int32_t i = 0; i < s->object_count; i++) {
        const struct yt_truth *t = s->objects[i];
        s->ignored[i] = (char)(t->crowd || outside(t->area, a));
    }
    for (char ignored = 0; ignored < 2; ignored++)
        for (int32_t i = 0; i < s->object_count; i++)
            if (s->ignored[i] == ignored)
                s->order[next++] = i;
}

static int32_t find_object(const struct scene *s, int32_t box, double least)
{
    int32_t best = -1;
    for (int32_t j = 0; j < s->object_count; j++) {
        const int32_t i = s->order[j];
        if (s->taken[i] && !s->objects[i]->crowd)
            continue;
        if (best >= 0 && !s->ignored[best] && s->ignored[i])
            break;
        const double shared = s->overlaps[(size_t)box * s->object_count + i];
        if (shared < least)
            continue;
        least = shared;
        best = i;
    }
    return best;
}

static void match_area(struct scene *s, int a, struct yt_map_box *boxes)
{
    order_objects(s, a);
    for (int t = 0; t < YT_MAP_OVERLAPS; t++) {
        const uint16_t bit = (uint16_t)(1 << t);
        const double threshold = overlap_threshold(t);
        memset(s->taken, 0, (size_t)s->object_count);
        for (int32_t d = 0; d < s->box_count; d++) {
            const struct yt_result *box = s->boxes[d];
            const int32_t found = find_object(s, d, threshold);
            if (found >= 0) {
                s->taken[found] = 1;
                boxes[d].found[a] |= bit;
            }
            if (found >= 0 ? s->ignored[found] : outside(box->w * box->h, a))
                boxes[d].ignored[a] |= bit;
        }
    }
}

/* ---------------------------------------------------------------- scenes */

static enum yt_status size_scene(struct scene *s)
{
    const size_t pairs = (size_t)s->box_count * (size_t)s->object_count;
    if (pairs > s->overlap_cap) {
        free(s->overlaps);
        s->overlap_cap = 0;
        s->overlaps = malloc(2 * pairs * sizeof *s->overlaps);
        YT_FAIL_IF(s->overlaps == NULL, YT_NO_MEMORY,
                   "no memory to match boxes");
        s->overlap_cap = 2 * pairs;
    }
    if (s->object_count < s->room)
        return YT_OK;
    const size_t objects = 2 * (size_t)s->object_count + 16;
    free(s->ignored);
    free(s->order);
    free(s->taken);
    s->room = 0;
    s->ignored = malloc(objects);
    s->order = malloc(objects * sizeof *s->order);
    s->taken = malloc(objects);
    YT_FAIL_IF(s->ignored == NULL || s->order == NULL || s->taken == NULL,
               YT_NO_MEMORY, "no memory to match boxes");
    s->room = (int32_t)objects;
    return YT_OK;
}

static void free_scene(struct scene *s)
{
    free(s->boxes);
    free(s->objects);
    free(s->overlaps);
    free(s->ignored);
    free(s->order);
    free(s->taken);
}

/* Results of one image lie together: equal scores keep their order. */
static int by_score(const void *a_, const void *b_)
{
    const struct yt_result *a = *(const struct yt_result *const *)a_;
    const struct yt_result *b = *(const struct yt_result *const *)b_;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a > b) - (a < b);
}

static enum yt_status match_scene(struct scene *s, int32_t image,
                                  struct yt_map_matches *matches)
{
    if (s->box_count > 0)
        qsort(s->boxes, (size_t)s->box_count, sizeof(struct yt_result *),
              by_score);
    if (s->box_count > YT_MAP_BOXES)
        s->box_count = YT_MAP_BOXES;
    YT_TRY(size_scene(s));
    for (int32_t d = 0; d < s->box_count; d++)
        for (int32_t g = 0; g < s->object_count; g++)
            s->overlaps[(size_t)d * s->object_count + g] =
                overlap(s->boxes[d], s->objects[g]);

    const int32_t first = matches->box_count;
    for (int32_t d = 0; d < s->box_count; d++) {
        YT_TRY(grow(&matches->boxes, matches->box_count, &matches->box_cap,
                    sizeof *matches->boxes));
        matches->boxes[matches->box_count++] = (struct yt_map_box){
            .score = s->boxes[d]->score, .image = image, .rank = d};
    }
    for (int32_t g = 0; g < s->object_count; g++) {
        YT_TRY(grow(&matches->objects, matches->object_count,
                    &matches->object_cap, sizeof *matches->objects));
        int32_t counts = 0;
        for (int a = 0; a < YT_MAP_AREAS; a++)
            if (!s->objects[g]->crowd && !outside(s->objects[g]->area, a))
                counts |= 1 << a;
        matches->objects[matches->object_count++] =
            (struct yt_map_object){image, counts};
    }
    if (s->box_count > 0)
        for (int a = 0; a < YT_MAP_AREAS; a++)
            match_area(s, a, matches->boxes + first);
    return YT_OK;
}

/* The boxes of one image. */
struct slice {
    const struct yt_result *items;
    int64_t first, last;
};

/* Fill the scene of class c. */
static enum yt_status fill_scene(struct scene *s, int32_t c,
                                 const struct yt_dataset *dataset,
                                 const struct yt_dataset_image *image,
                                 const struct slice *found)
{
    s->box_count = s->object_count = 0;
    for (int64_t k = found->first; k < found->last; k++) {
        const struct yt_result *r = &found->items[k];
        if (r->class_id != c)
            continue;
        YT_TRY(grow(&s->boxes, s->box_count, &s->box_cap,
                    sizeof(struct yt_result *)));
        s->boxes[s->box_count++] = r;
    }
    for (int32_t i = image->first; i < image->first + image->count; i++) {
        if (dataset->truths[i].class_id != c)
            continue;
        YT_TRY(grow(&s->objects, s->object_count, &s->object_cap,
                    sizeof(struct yt_truth *)));
        s->objects[s->object_count++] = &dataset->truths[i];
    }
    return YT_OK;
}

static void mark_classes(char *occurs, const struct yt_dataset *dataset,
                         const struct yt_dataset_image *image,
                         const struct slice *found)
{
    memset(occurs, 0, (size_t)dataset->class_count);
    for (int64_t k = found->first; k < found->last; k++)
        occurs[found->items[k].class_id] = 1;
    for (int32_t i = image->first; i < image->first + image->count; i++)
        occurs[dataset->truths[i].class_id] = 1;
}

static enum yt_status match_images(struct yt_map *map, struct scene *s,
                                   char *occurs,
                                   const struct yt_dataset *dataset,
                                   const struct yt_results *results)
{
    int64_t next = 0;
    for (int32_t i = 0; i < dataset->image_count; i++) {
        const struct yt_dataset_image *image = &dataset->images[i];
        const int64_t first = next;
        while (next < results->count && results->items[next].image == i)
            next++;
        const struct slice found = {results->items, first, next};
        if (image->left_out)
            continue;
        mark_classes(occurs, dataset, image, &found);
        for (int32_t c = 0; c < dataset->class_count; c++) {
            if (!occurs[c])
                continue;
            YT_TRY(fill_scene(s, c, dataset, image, &found));
            YT_TRY(match_scene(s, i, &map->classes[c]));
        }
    }
    return YT_OK;
}

/* Boxes were added by image, then rank: that is the order of equal scores. */
static int by_score_image_rank(const void *a_, const void *b_)
{
    const struct yt_map_box *a = a_;
    const struct yt_map_box *b = b_;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->image != b->image)
        return a->image < b->image ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

enum yt_status yt_map_match(struct yt_map *map,
                            const struct yt_dataset *dataset,
                            const struct yt_results *results)
{
    struct scene scene = {0};
    char *occurs = malloc((size_t)dataset->class_count + 1);
    YT_FAIL_IF(occurs == NULL, YT_NO_MEMORY, "no memory to match boxes");
    const enum yt_status status =
        match_images(map, &scene, occurs, dataset, results);
    free_scene(&scene);
    free(occurs);
    YT_TRY(status);
    for (int32_t c = 0; c < map->class_count; c++) {
        struct yt_map_matches *m = &map->classes[c];
        if (m->box_count > 0)
            qsort(m->boxes, (size_t)m->box_count, sizeof *m->boxes,
                  by_score_image_rank);
        for (int32_t i = 0; i < m->object_count; i++)
            map->object_count += m->objects[i].counts & 1;
    }
    return YT_OK;
}
