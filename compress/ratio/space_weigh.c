/* What a loss in one group does to the heads, and one in another. */

#include "compress/prune/sensitivity.h"
#include "compress/ratio/space.h"
#include "runtime/fail.h"

#define SHARE 0.15 /* of a group that goes to see what that does */

static enum yt_status try_blocks(const struct yt_ratio_space *space,
                                 const struct yt_drift *drift,
                                 const volatile int *stop, double *out)
{
    for (int32_t g = 0; g < space->table.group_count; g++) {
        YT_FAIL_IF(stop && *stop, YT_INTERRUPTED, "interrupted");
        YT_TRY(yt_block_sensitivity(drift, space->nodes[g], &space->block,
                                    space->moments, SHARE, &out[g]));
    }
    return YT_OK;
}

enum yt_status yt_ratio_sensitivities(const struct yt_ratio_space *space,
                                      const float *images, int32_t count,
                                      const volatile int *stop, double *out)
{
    const struct yt_ratio_setting *how = &space->setting;
    struct yt_drift *drift = NULL;
    YT_TRY(yt_drift_open(space->graph, how->h, how->w, images, count,
                         how->threads, &drift));
    const enum yt_status status =
        space->kind == YT_RATIO_CHANNELS
            ? yt_channel_sensitivities(drift, &space->groups,
                                       (const double *const *)space->worth,
                                       space->moments, SHARE, out)
            : try_blocks(space, drift, stop, out);
    yt_drift_close(drift);
    return status;
}
