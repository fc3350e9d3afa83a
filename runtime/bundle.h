#ifndef YT_BUNDLE_H
#define YT_BUNDLE_H

/* What yt_model_open() opens: a plan whose kernels are bound, and its
 * constants. The JIT makes one in memory; an export has one as static data. */

#include "runtime/plan.h"

struct yt_bundle {
    const struct yt_plan *plan; /* every kernel non-NULL */
    const void *blob;           /* [plan->blob_bytes], aligned to YT_ALIGN */
};

/** Whether a bundle can run here.
 *
 * @return YT_OK; YT_UNSUPPORTED when this CPU lacks what plan->isa needs;
 *         YT_BAD_ARGUMENT when a kernel is unbound, or a size, a task count or
 *         an offset is out of range.
 */
enum yt_status yt_bundle_check(const struct yt_bundle *bundle);

#endif
