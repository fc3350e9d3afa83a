#ifndef YT_FIT_H
#define YT_FIT_H

/* Schedules that are fast may be large: transformed filters, unrolled code,
 * scratch. Under a limit some of that speed is given back. */

#include "tuner/build/plan_store.h"
#include "tuner/search/search.h"

/** Exchange schedules until they fit, each time where the least time is lost
 *  for the bytes gained. Ends with the smallest there is where nothing fits.
 *
 * @param build with the schedules that were chosen; it need not be made.
 * @param max_bytes of packed constants, of the layers' code, and of the scratch
 *        of the plan's threads; 0: any will do, nothing changes.
 * @param copies workspaces, each with such scratch.
 * @param[in,out] times [layer_count]: zeros for layers that changed.
 * @param[out] changed_out exchanges.
 * @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_fit(struct yt_build *build, const struct yt_search *search,
                      int64_t max_bytes, int32_t copies,
                      struct yt_layer_time *times, int32_t *changed_out);

#endif
