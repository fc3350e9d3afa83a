/* See eval/bootstrap.h. */

#include "eval/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "eval/map_match.h"
#include "runtime/fail.h"

#define DEFAULT_DRAWS 1000
#define LEVEL         0.95

/* The images that count, drawn as often as there are such. */
static void draw(const int32_t *used, int32_t used_count, int32_t images,
                 uint64_t *state, int32_t *times)
{
    memset(times, 0, (size_t)images * sizeof *times);
    for (int32_t i = 0; i < used_count; i++) {
        const uint64_t r = yt_random_next(state) >> 32;
        times[used[r * (uint64_t)used_count >> 32]]++;
    }
}

static int ascending(const void *a_, const void *b_)
{
    const double a = *(const double *)a_;
    const double b = *(const double *)b_;
    return (a > b) - (a < b);
}

static struct yt_interval make_interval(double value, double *draws,
                                        int32_t count)
{
    qsort(draws, (size_t)count, sizeof *draws, ascending);
    const double tail = (1 - LEVEL) / 2 * (count - 1);
    return (struct yt_interval){
        .value = value,
        .low = draws[(int32_t)floor(tail)],
        .high = draws[count - 1 - (int32_t)floor(tail)],
    };
}

struct work {
    const struct yt_map *first, *second;
    int32_t *times, *used;
    double *map, *map50; /* [draws] differences */
};

static enum yt_status difference(const struct work *w, const int32_t *times,
                                 double *map_out, double *map50_out)
{
    double map[2], map50[2];
    YT_TRY(yt_map_weighted(w->first, times, &map[0], &map50[0]));
    YT_TRY(yt_map_weighted(w->second, times, &map[1], &map50[1]));
    *map_out = map[1] - map[0];
    *map50_out = map50[1] - map50[0];
    return YT_OK;
}

static enum yt_status run_draws(const struct work *w,
                                const struct yt_bootstrap_options *options,
                                int32_t used,
                                struct yt_bootstrap_result *result)
{
    const int32_t images = yt_map_images(w->first);
    uint64_t state = options->seed;
    int32_t above = 0;
    double map, map50;
    YT_TRY(difference(w, NULL, &map, &map50));
    for (int32_t i = 0; i < result->draws; i++) {
        YT_FAIL_IF(options->stop != NULL && *options->stop, YT_INTERRUPTED,
                   "interrupted after %d of %d draws", i, result->draws);
        draw(w->used, used, images, &state, w->times);
        YT_TRY(difference(w, w->times, &w->map[i], &w->map50[i]));
        /* A draw without any object has no mAP, and no difference. */
        if (isnan(w->map[i]))
            w->map[i] = w->map50[i] = 0;
        above += w->map[i] > 0;
    }
    result->map = make_interval(map, w->map, result->draws);
    result->map50 = make_interval(map50, w->map50, result->draws);
    result->above = (double)above / result->draws;
    return YT_OK;
}

enum yt_status yt_bootstrap_compare(const struct yt_map *first,
                                    const struct yt_map *second,
                                    const struct yt_bootstrap_options *options,
                                    struct yt_bootstrap_result *result_out)
{
    const int32_t images = yt_map_images(first);
    YT_FAIL_IF(images != yt_map_images(second) ||
                   first->object_count != second->object_count ||
                   first->used != second->used,
               YT_BAD_ARGUMENT,
               "two runs over different images cannot be compared");
    struct yt_bootstrap_result result = {
        .draws = options->draws == 0 ? DEFAULT_DRAWS : options->draws};
    struct work w = {
        .first = first,
        .second = second,
        .times = calloc((size_t)images + 1, sizeof *w.times),
        .used = calloc((size_t)images + 1, sizeof *w.used),
        .map = calloc((size_t)result.draws, sizeof *w.map),
        .map50 = calloc((size_t)result.draws, sizeof *w.map50),
    };
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!w.times || !w.used || !w.map || !w.map50, YT_NO_MEMORY,
                    "no memory for %d draws", result.draws);
    int32_t used = 0;
    for (int32_t i = 0; i < images; i++)
        if (!first->left_out[i])
            w.used[used++] = i;
    YT_TRY_GOTO(run_draws(&w, options, used, &result));
    *result_out = result;
done:
    free(w.times);
    free(w.used);
    free(w.map);
    free(w.map50);
    return status;
}

int yt_interval_decides(const struct yt_interval *interval)
{
    return interval->low > 0 || interval->high < 0;
}
