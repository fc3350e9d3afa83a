#ifndef YT_IN_NETWORK_H
#define YT_IN_NETWORK_H

/* The last word on a schedule: its time inside the running network, where the
 * caches hold what the layers before it left. First all layers change
 * candidates at once, frame by frame, so every frame gives a sample of every
 * layer and drift hits all candidates alike. Then a quarter of the layers
 * changes at a time, among neighbours that are already chosen. */

#include "tuner/build/plan_store.h"
#include "tuner/search/search.h"

/** Choose among the finalists of every subject and set the schedules of the
 *  network (not yet built).
 *
 * @param search of this network's layers, on the site that it is built on.
 * @param frames samples of each finalist in each of the two passes.
 * @param compile_ns time to compile finalists in: fewer take part when it is
 *        short.
 * @param budget_ns time for both passes.
 * @param[out] times [layer_count], the caller's.
 * @return YT_OK; YT_INTERRUPTED when stopped before one round was complete
 *         (nothing is set); YT_COMPILE; YT_NO_MEMORY.
 */
enum yt_status yt_in_network_choose(struct yt_build *build,
                                    const struct yt_search *search,
                                    const struct yt_tune_options *options,
                                    int32_t frames, uint64_t compile_ns,
                                    uint64_t budget_ns,
                                    struct yt_layer_time *times);

#endif
