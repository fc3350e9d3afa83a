#ifndef YT_ENGINE_SET_H
#define YT_ENGINE_SET_H

/* The engines of a frame: one, or with test-time augmentation one a scale, each
 * at a size and with a plan of its own (runtime/augment.h). */

#include "runtime/augment.h"
#include "tuner/build/engine.h"

struct yt_engine_set {
    struct yt_engine *engines[YT_AUGMENT_SCALES]; /* [count], owned */
    int32_t count;
};

/** Open one engine, or with @p augment one for each of yt_augment_scales, on a
 *  site and of a graph that outlive them.
 *
 * @param options  of the first; the others differ in h and w, and have the
 *                 first's quantisation.
 * @param[out] set_out the caller's to close; all zero on failure.
 * @return as yt_engine_open().
 */
enum yt_status yt_engine_set_open(const struct yt_site *site,
                                  const struct yt_graph *graph,
                                  const struct yt_engine_options *options,
                                  int32_t augment,
                                  struct yt_engine_set *set_out);

/** All zero is fine. */
void yt_engine_set_close(struct yt_engine_set *set);

/** The passes, models borrowed from the set: what yt_augment_detect() takes. */
struct yt_augment yt_engine_set_passes(const struct yt_engine_set *set);

#endif
