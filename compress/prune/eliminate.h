#ifndef YT_ELIMINATE_H
#define YT_ELIMINATE_H

/* Weights taken away one after the other, those that are left refitted each
 * time: what a weight is worth depends on which others are still there to make
 * up for it. Of two inputs that are the same, either one is worth nothing, and
 * then the other one all the more. */

#include "compress/prune/moments.h"

/** Rows of a filter that lose the same weights, in one block of its moments. */
struct yt_elimination {
    int32_t n, rows; /* variables of the block */
    int32_t left;    /* of them */
    double *inverse; /* [n][n], of the covariance of those left, which come
                         first */
    double *weights; /* [rows][n] */
    int32_t *at;     /* [n] place of each variable; of those left: < left */
    int32_t *holder; /* [n] variable at each place */

    double *factor;   /* [most][most] of those that go: work space, as the */
    double *part;     /* [rows][most]    others are */
    double *coupling; /* [most][n] */
    double *column;   /* [most] */
};

/** @param weights  [rows][m->n]; borrowed for the call.
 *  @param first    variable of m that the block begins with.
 *  @param most     variables that are ever named at once.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_elimination_init(const struct yt_conv_moments *m,
                                   int32_t first, const float *weights,
                                   int32_t rows, int32_t most,
                                   struct yt_elimination *e);

/** All zeros are fine. */
void yt_elimination_deinit(struct yt_elimination *e);

/** Variance of the outputs' error that comes on top when variables go.
 *  @param which  [count] in the block, left. */
double yt_elimination_loss(struct yt_elimination *e, const int32_t *which,
                           int32_t count);

/** Let them go.
 *  @return the loss. */
double yt_eliminate(struct yt_elimination *e, const int32_t *which,
                    int32_t count);

#endif
