#ifndef YT_BUNDLE_H
#define YT_BUNDLE_H

/* What yt_model_open() opens: a plan whose kernels are bound, and its
 * constants. The JIT makes one in memory; an export has one as static data. */

#include "runtime/plan.h"

struct yt_bundle {
    const struct yt_plan *plan; /* every kernel non-NULL */
    const void *blob;           /* [plan->blob_bytes], aligned to YT_ALIGN */
};

#endif
