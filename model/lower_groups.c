/* Which convolutions run in groups. The graph has them as plain ones that are
 * zero between groups; a kernel that knows skips those zeros, but it needs the
 * channels of a group where the layout has them: one channel a group, which is
 * a lane, or groups of whole blocks. Others stay plain, and whole blocks of
 * zeros are left out (lower_pattern.c). */

#include "model/lower.h"

#include "model/filters.h"

int32_t yt_ir_groups(const struct yt_ir *ir, const struct yt_ir_op *op)
{
    const struct yt_ir_value *in = &ir->values[op->in];
    const struct yt_ir_value *out = &ir->values[op->parts[0].out];
    const int32_t conv = op->parts[0].node;
    if (op->part_count != 1 || conv < 0 || op->in == 0 || in->map ||
        !op->biased || op->addend == YT_ADD_UP2 || out->head >= 0)
        return 0;
    const int32_t groups = yt_filter_groups(ir->graph, conv, ir->options.lanes);
    if (groups == 1)
        return 0;
    /* Channels that fill up the last block are groups of their own. */
    return groups == in->c ? in->cp : groups;
}
