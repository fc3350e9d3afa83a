#ifndef YT_STATS_H
#define YT_STATS_H

/* What a number of samples say. */

#include <stdint.h>

struct yt_stats {
    double min_ns, median_ns, mad_ns, p50_ns, p95_ns, p99_ns;
    int32_t samples;
};

/** Sort @p samples in place and describe them. count >= 1. */
void yt_stats_of(double *samples, int32_t count, struct yt_stats *stats_out);

#endif
