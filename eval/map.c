/* From matched boxes to averages, as COCOeval.accumulate() and summarize() do
 * it. A recall is reached at a right box, and between two right boxes precision
 * only falls, so that right boxes are all that the curve needs. */

#include "eval/map.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "eval/map_match.h"
#include "runtime/fail.h"

#define SCORES 1000 /* steps from 0 to 1 in which the best F1 is looked for */

/* --------------------------------------------------------------- curves */

/* The curve's corners, room for the boxes of any class. */
struct curve {
    double *right;     /* boxes found so far, itself counted */
    double *precision; /* there; then the best from there on */
    int32_t count;
    double positives; /* objects to be found */
};

static enum yt_status curve_init(struct curve *curve, const struct yt_map *map)
{
    size_t most = 1;
    for (int32_t c = 0; c < map->class_count; c++)
        if ((size_t)map->classes[c].box_count > most)
            most = (size_t)map->classes[c].box_count;
    curve->right = malloc(most * sizeof *curve->right);
    curve->precision = malloc(most * sizeof *curve->precision);
    if (curve->right != NULL && curve->precision != NULL)
        return YT_OK;
    free(curve->right);
    free(curve->precision);
    return yt_fail(YT_NO_MEMORY, "no memory for precision and recall");
}

static void curve_deinit(struct curve *curve)
{
    free(curve->right);
    free(curve->precision);
}

/* How often an image counts. */
static int32_t weight(const int32_t *times, int32_t image)
{
    return times == NULL ? 1 : times[image];
}

static double count_objects(const struct yt_map_matches *m, int a,
                            const int32_t *times)
{
    double count = 0;
    for (int32_t i = 0; i < m->object_count; i++)
        if (m->objects[i].counts >> a & 1)
            count += weight(times, m->objects[i].image);
    return count;
}

/* An image that counts twice puts two boxes in a row, both right or both wrong,
 * which moves the curve as one step of two does. */
static void draw_curve(struct curve *curve, const struct yt_map_matches *m,
                       int a, int t, const int32_t *times)
{
    double right = 0;
    double wrong = 0;
    curve->count = 0;
    for (int32_t i = 0; i < m->box_count; i++) {
        const struct yt_map_box *box = &m->boxes[i];
        const int32_t w = weight(times, box->image);
        if (w == 0 || box->ignored[a] >> t & 1)
            continue;
        if (!(box->found[a] >> t & 1)) {
            wrong += w;
            continue;
        }
        right += w;
        curve->right[curve->count] = right;
        curve->precision[curve->count++] =
            right / (wrong + right + DBL_EPSILON);
    }
    for (int32_t i = curve->count - 1; i > 0; i--)
        if (curve->precision[i] > curve->precision[i - 1])
            curve->precision[i - 1] = curve->precision[i];
}

/* Mean precision at recalls 0, 0.01 ... 1; none where a recall is not reached.
 */
static double average_precision(const struct curve *curve)
{
    double sum = 0;
    int32_t at = 0;
    for (int i = 0; i < YT_MAP_RECALLS; i++) {
        const double recall = (double)i * (1.0 / (YT_MAP_RECALLS - 1));
        while (at < curve->count &&
               curve->right[at] / curve->positives < recall)
            at++;
        if (at == curve->count)
            break;
        sum += curve->precision[at];
    }
    return sum / YT_MAP_RECALLS;
}

/* ---------------------------------------------------------------- means */

struct mean {
    double sum;
    int32_t count;
};

static void mean_add(struct mean *mean, double value)
{
    mean->sum += value;
    mean->count++;
}

static double mean_value(const struct mean *mean)
{
    return mean->count == 0 ? (double)NAN : mean->sum / mean->count;
}

/* Share of the objects that boxes of rank below @p ranks find, averaged over
 * the overlaps. */
static double average_recall(const struct yt_map_matches *m, int a,
                             int32_t ranks, double positives)
{
    int64_t found = 0;
    for (int32_t i = 0; i < m->box_count; i++) {
        const struct yt_map_box *box = &m->boxes[i];
        const unsigned right = box->found[a] & ~(unsigned)box->ignored[a];
        if (box->rank < ranks)
            found += __builtin_popcount(right);
    }
    return (double)found / positives / YT_MAP_OVERLAPS;
}

/* --------------------------------------------------------------- summary */

struct means {
    struct mean map[YT_MAP_AREAS], map50, map75;
    struct mean recall[YT_MAP_AREAS], recall_1, recall_10;
};

static void summarize_area(const struct yt_map_matches *m, int a,
                           struct curve *curve, struct means *means,
                           struct yt_map_class *out)
{
    double ap[YT_MAP_OVERLAPS];
    struct mean mean = {0};
    curve->positives = count_objects(m, a, NULL);
    if (curve->positives == 0)
        return;
    for (int t = 0; t < YT_MAP_OVERLAPS; t++) {
        draw_curve(curve, m, a, t, NULL);
        ap[t] = average_precision(curve);
        mean_add(&mean, ap[t]);
    }
    mean_add(&means->map[a], mean_value(&mean));
    mean_add(&means->recall[a],
             average_recall(m, a, YT_MAP_BOXES, curve->positives));
    if (a != YT_MAP_ALL)
        return;
    mean_add(&means->map50, ap[0]);
    mean_add(&means->map75, ap[5]);
    mean_add(&means->recall_1, average_recall(m, a, 1, curve->positives));
    mean_add(&means->recall_10, average_recall(m, a, 10, curve->positives));
    out->ap = mean_value(&mean);
    out->ap50 = ap[0];
    out->ap75 = ap[5];
}

/* Precision and recall of a class as the score falls, at overlap 0.5. */
struct operating_point {
    double precision, recall;
};

/* Into points[SCORES]: with boxes of at least each score. Without a box nothing
 * is wrong yet: precision 1, as Ultralytics' ap_per_class() has it. */
static void find_points(const struct yt_map_matches *m, double positives,
                        struct operating_point *points)
{
    double right = 0;
    double wrong = 0;
    int32_t at = 0;
    for (int i = SCORES - 1; i >= 0; i--) {
        const double least = (double)i / (SCORES - 1);
        for (; at < m->box_count && m->boxes[at].score >= least; at++) {
            if (m->boxes[at].ignored[YT_MAP_ALL] & 1)
                continue;
            if (m->boxes[at].found[YT_MAP_ALL] & 1)
                right++;
            else
                wrong++;
        }
        points[i].recall = right / positives;
        points[i].precision = right + wrong == 0 ? 1 : right / (right + wrong);
    }
}

static double f1(struct operating_point p)
{
    const double sum = p.precision + p.recall;
    return sum == 0 ? 0 : 2 * p.precision * p.recall / sum;
}

/* The score at which the mean F1 is best, then each class there. */
static void find_best_score(const struct yt_map *map,
                            struct operating_point *points,
                            struct yt_map_summary *out)
{
    double sum[SCORES] = {0};
    int32_t classes = 0;
    int best = 0;
    for (int32_t c = 0; c < map->class_count; c++) {
        const double positives =
            count_objects(&map->classes[c], YT_MAP_ALL, NULL);
        if (positives == 0)
            continue;
        classes++;
        find_points(&map->classes[c], positives, points);
        for (int i = 0; i < SCORES; i++)
            sum[i] += f1(points[i]);
    }
    for (int i = 1; i < SCORES; i++)
        if (sum[i] > sum[best])
            best = i;
    struct mean precision = {0};
    struct mean recall = {0};
    for (int32_t c = 0; c < map->class_count; c++) {
        const double positives =
            count_objects(&map->classes[c], YT_MAP_ALL, NULL);
        if (positives == 0)
            continue;
        find_points(&map->classes[c], positives, points);
        out->classes[c].precision = points[best].precision;
        out->classes[c].recall = points[best].recall;
        mean_add(&precision, points[best].precision);
        mean_add(&recall, points[best].recall);
    }
    out->best_score = (double)best / (SCORES - 1);
    out->best_f1 = classes == 0 ? (double)NAN : sum[best] / classes;
    out->precision = mean_value(&precision);
    out->recall = mean_value(&recall);
}

static void count_class(const struct yt_map_matches *m,
                        struct yt_map_class *out)
{
    int32_t last = -1;
    for (int32_t i = 0; i < m->object_count; i++) {
        if (!(m->objects[i].counts & 1))
            continue;
        out->objects++;
        out->images += m->objects[i].image != last;
        last = m->objects[i].image;
    }
}

static void summarize(const struct yt_map *map, struct curve *curve,
                      struct operating_point *points,
                      struct yt_map_summary *out)
{
    struct means means = {0};
    for (int32_t c = 0; c < map->class_count; c++) {
        struct yt_map_class *k = &out->classes[c];
        k->ap = k->ap50 = k->ap75 = k->precision = k->recall = (double)NAN;
        count_class(&map->classes[c], k);
        for (int a = 0; a < YT_MAP_AREAS; a++)
            summarize_area(&map->classes[c], a, curve, &means, k);
    }
    for (int a = 0; a < YT_MAP_AREAS; a++) {
        out->by_area[a] = mean_value(&means.map[a]);
        out->recall_by_area[a] = mean_value(&means.recall[a]);
    }
    out->map = out->by_area[YT_MAP_ALL];
    out->map50 = mean_value(&means.map50);
    out->map75 = mean_value(&means.map75);
    out->recall_1 = mean_value(&means.recall_1);
    out->recall_10 = mean_value(&means.recall_10);
    out->images = map->used;
    out->objects = map->object_count;
    find_best_score(map, points, out);
}

enum yt_status yt_map_summarize(const struct yt_map *map,
                                struct yt_map_summary *summary_out)
{
    struct curve curve = {0};
    YT_TRY(curve_init(&curve, map));
    struct yt_map_summary summary = {.class_count = map->class_count};
    summary.classes =
        calloc((size_t)map->class_count + 1, sizeof *summary.classes);
    struct operating_point *points = malloc(SCORES * sizeof *points);
    const int failed = summary.classes == NULL || points == NULL;
    if (!failed)
        summarize(map, &curve, points, &summary);
    curve_deinit(&curve);
    free(points);
    if (failed) {
        free(summary.classes);
        return yt_fail(YT_NO_MEMORY, "no memory for precision and recall");
    }
    *summary_out = summary;
    return YT_OK;
}

void yt_map_summary_deinit(struct yt_map_summary *summary)
{
    free(summary->classes);
    *summary = (struct yt_map_summary){0};
}

/* ------------------------------------------------------------ resampling */

enum yt_status yt_map_weighted(const struct yt_map *map, const int32_t *times,
                               double *map_out, double *map50_out)
{
    struct curve curve = {0};
    struct mean all = {0};
    struct mean at_50 = {0};
    YT_TRY(curve_init(&curve, map));
    for (int32_t c = 0; c < map->class_count; c++) {
        const struct yt_map_matches *m = &map->classes[c];
        curve.positives = count_objects(m, YT_MAP_ALL, times);
        if (curve.positives == 0)
            continue;
        for (int t = 0; t < YT_MAP_OVERLAPS; t++) {
            draw_curve(&curve, m, YT_MAP_ALL, t, times);
            const double ap = average_precision(&curve);
            mean_add(&all, ap);
            if (t == 0)
                mean_add(&at_50, ap);
        }
    }
    curve_deinit(&curve);
    *map_out = mean_value(&all);
    *map50_out = mean_value(&at_50);
    return YT_OK;
}

int32_t yt_map_images(const struct yt_map *map)
{
    return map->image_count;
}

/* --------------------------------------------------------------- making */

enum yt_status yt_map_create(const struct yt_dataset *dataset,
                             const struct yt_results *results,
                             struct yt_map **map_out)
{
    struct yt_map *map = calloc(1, sizeof *map);
    YT_FAIL_IF(map == NULL, YT_NO_MEMORY, "no memory to match boxes");
    map->class_count = dataset->class_count;
    map->image_count = dataset->image_count;
    map->used = yt_dataset_used(dataset);
    map->classes =
        calloc((size_t)dataset->class_count + 1, sizeof *map->classes);
    map->left_out = calloc((size_t)dataset->image_count + 1, 1);
    if (map->classes == NULL || map->left_out == NULL) {
        yt_map_destroy(map);
        return yt_fail(YT_NO_MEMORY, "no memory to match boxes");
    }
    for (int32_t i = 0; i < dataset->image_count; i++)
        map->left_out[i] = (char)dataset->images[i].left_out;
    const enum yt_status status = yt_map_match(map, dataset, results);
    if (status != YT_OK)
        yt_map_destroy(map);
    else
        *map_out = map;
    return status;
}

void yt_map_destroy(struct yt_map *map)
{
    if (map == NULL)
        return;
    for (int32_t c = 0; map->classes != NULL && c < map->class_count; c++) {
        free(map->classes[c].boxes);
        free(map->classes[c].objects);
    }
    free(map->classes);
    free(map->left_out);
    free(map);
}
