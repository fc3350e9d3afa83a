#ifndef YT_OBSERVE_H
#define YT_OBSERVE_H

/* What values a node of the graph has, over images: limits, the mean of each
 * channel, and a histogram that widens as it must. From it follows the range
 * that 8-bit codes are given. */

#include <stdint.h>

#include "yolotune/status.h"

#define YT_OBSERVE_BINS 4096

struct yt_observer {
    int32_t channels;
    double *sums;    /* [channels] */
    int64_t *counts; /* [channels] values in each */
    int64_t *bins;   /* [YT_OBSERVE_BINS] */
    double first;    /* lower edge of the first bin */
    double width;    /* of a bin; 0: no value yet */
    float lo, hi;    /* of all values; lo > hi: none */
    int64_t strange; /* values that are not finite, which count nowhere else */
};

/** @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_observer_init(int32_t channels, struct yt_observer *o);

/** All zeros are fine. */
void yt_observer_deinit(struct yt_observer *o);

/** Add a block of a tensor, values[pixels][lanes], whose first @p used lanes
 *  are channels @p channel, channel + 1 ... */
void yt_observer_add(struct yt_observer *o, int32_t channel,
                     const float *values, int64_t pixels, int32_t lanes,
                     int32_t used);

enum yt_range_method {
    YT_RANGE_AUTO,       /* that of the others which has the least error */
    YT_RANGE_MIN_MAX,    /* all values */
    YT_RANGE_PERCENTILE, /* all but a share of values at each end */
    YT_RANGE_MSE,        /* the least squared error, searched */
    YT_RANGE_ENTROPY,    /* the least divergence of the coded distribution;
                            cuts off most, which detectors do not stand */
    YT_RANGE_COUNT
};

struct yt_range_options {
    enum yt_range_method method;
    double percentile; /* 0: 99.99; with AUTO several are tried */
    float act_least;   /* < 0: of the activation that values come from: where
                          some are negative, the range begins there */
};

/** The range of 256 codes, which holds 0.
 *  @pre a value was added. */
void yt_observer_range(const struct yt_observer *o,
                       const struct yt_range_options *options, float *lo_out,
                       float *hi_out);

/** Squared error per value that 256 codes over a range are expected to make:
 *  a twelfth of the squared step inside it, the distance outside. */
double yt_observer_error(const struct yt_observer *o, double lo, double hi);

/** @param means_out [channels]; 0 for a channel without values. */
void yt_observer_means(const struct yt_observer *o, float *means_out);

#endif
