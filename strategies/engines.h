#ifndef YT_ENGINES_H
#define YT_ENGINES_H

/* Networks that were compiled stay open for a while: configurations that share
 * one come one after the other. */

#include "strategies/config.h"
#include "tuner/engine.h"

#define YT_ENGINES_MAX 12

struct yt_engines {
    struct yt_engine_options options; /* of all; model, h, w, ... replaced */
    const char *const *models;
    struct {
        struct yt_engine *engine;
        int32_t model, h, w, threads, tuned;
        uint64_t used; /* when, in calls */
    } slots[YT_ENGINES_MAX];
    uint64_t calls;
};

/** The engine of a configuration's network at @p h x @p w, opened when it is
 *  not; the one unused for longest goes when there is no room.
 *  @param[out] engine_out borrowed; valid until YT_ENGINES_MAX - 1 others were
 *                         asked for.
 *  @return YT_OK; what yt_engine_open() returned; YT_NOT_FOUND when tuned
 *          kernels are wanted and no plan is stored. */
enum yt_status yt_engines_get(struct yt_engines *engines,
                              const struct yt_config *config, int32_t h,
                              int32_t w, struct yt_engine **engine_out);

/** Close the engines of a configuration's network. */
void yt_engines_forget(struct yt_engines *engines,
                       const struct yt_config *config);

void yt_engines_close(struct yt_engines *engines);

#endif
