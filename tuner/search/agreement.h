#ifndef YT_AGREEMENT_H
#define YT_AGREEMENT_H

/* Whether a network of inexact kernels still is the network. Each kernel keeps
 * its own tolerance before it is timed, on made-up data; what many of them in a
 * row make of real weights is seen at the heads only. There the plan is held
 * against the one of default schedules in the same types, on noise and on
 * pictures, and as long as it is too far off, algorithms are given up. */

#include "tuner/build/plan_store.h"
#include "tuner/search/search.h"

/** How far heads may be off, of their largest value. */
#define YT_AGREEMENT_LIMIT 1e-3

/** Pictures that are looked at, of those that there are. */
#define YT_AGREEMENT_PICTURES 3

struct yt_agreement {
    int32_t inexact;   /* distinct problems that had an inexact kernel; 0:
                          nothing was run */
    double error;      /* of the heads as it was chosen; INFINITY: no numbers */
    double kept_error; /* as it is now */
    int32_t given_up;  /* choices taken back, each by one step */
    char why[320];     /* the sentence on them; "": there are none */
};

/** Compare and, where need be, give up: of the problem whose kernels alone move
 *  the heads most, the fastest candidate that is nearer to the reference comes
 *  in, and so on until the heads are within the limit. Both builds are made.
 *
 * @param build with the schedules that were chosen.
 * @param exact of the same network with default schedules.
 * @param search of this network's layers.
 * @param images [image_count] real pictures beside the noise; may be none.
 * @param[in,out] times [layer_count]: zeros for layers that changed.
 * @return YT_OK; YT_COMPILE; YT_NO_MEMORY.
 */
enum yt_status yt_agreement_reach(struct yt_build *build,
                                  struct yt_build *exact,
                                  const struct yt_search *search,
                                  const struct yt_image *images,
                                  int32_t image_count,
                                  struct yt_layer_time *times,
                                  struct yt_agreement *agreement_out);

#endif
