#ifndef YT_BOOTSTRAP_H
#define YT_BOOTSTRAP_H

/* How sure a difference in mAP is. The images are a sample: others would have
 * given another difference. Drawing as many images from them, with repetition,
 * again and again, and taking both runs' difference on each draw, shows how far
 * it wanders (the paired bootstrap, percentile interval). */

#include "eval/map.h"

struct yt_bootstrap_options {
    int32_t draws;            /* 0: 1000 */
    uint64_t seed;            /* of the draws; the same one, the same result */
    const volatile int *stop; /* NULL, or ends the work when set */
};

/** A figure and where 95 of 100 draws lie. */
struct yt_interval {
    double value, low, high;
};

struct yt_bootstrap_result {
    struct yt_interval map, map50; /* second run minus first */
    double above; /* share of draws in which the second has the larger mAP */
    int32_t draws;
};

/** Compare two runs over the same images of one data set.
 *  @return YT_OK; YT_NO_MEMORY; YT_INTERRUPTED; YT_BAD_ARGUMENT when the two
 *          are not of one data set. */
enum yt_status yt_bootstrap_compare(const struct yt_map *first,
                                    const struct yt_map *second,
                                    const struct yt_bootstrap_options *options,
                                    struct yt_bootstrap_result *result_out);

/** Whether the interval leaves no doubt about the sign. */
int yt_interval_decides(const struct yt_interval *interval);

#endif
