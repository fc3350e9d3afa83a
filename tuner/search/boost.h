#ifndef YT_BOOST_H
#define YT_BOOST_H

/* Gradient-boosted regression trees for some thousand rows of some dozen
 * features: squared error, trees of a fixed depth over features cut into bins.
 * Source: J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting
 * Machine", Annals of Statistics 29(5), 2001. No randomness: the same rows give
 * the same trees. */

#include <stdint.h>

#include "yolotune/status.h"

/** A feature is what a row of floats has at its place; all are finite. */
struct yt_boost_rows {
    const float *x; /* [count][features] */
    const float *y; /* [count] */
    int32_t count, features;
};

struct yt_boost;

/** Fit @p rows, borrowed for the call.
 *  @return YT_OK; YT_BAD_ARGUMENT for no rows; YT_NO_MEMORY. */
enum yt_status yt_boost_fit(const struct yt_boost_rows *rows,
                            struct yt_boost **boost_out);

/** What is expected of a row x[features]. */
double yt_boost_value(const struct yt_boost *boost, const float *x);

/** NULL is fine. */
void yt_boost_destroy(struct yt_boost *boost);

#endif
