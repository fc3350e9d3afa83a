/* Three max-pools, one after the other, on one channel block per task, a row at
 * a time: what goes down the columns stays in a row of scratch until it has
 * gone along, and the output is written once. */

#include "codegen/pool.h"

static int64_t scratch_bytes(const struct yt_problem *p,
                             const struct yt_schedule *s,
                             const struct yt_isa *isa)
{
    (void)s;
    return yt_pool_row_bytes(p, isa);
}

static void generate(struct yt_emit *e, const struct yt_problem *p,
                     const struct yt_schedule *s)
{
    (void)s;
    yt_generate_pools(e, p, 3, 1);
}

const struct yt_algo yt_algo_strips = {
    .name = "strips",
    .op = YT_OP_SPPF,
    .knobs = YT_KNOB_BIT(TUNE),
    .bodies = {YT_KNOB_TUNE},
    .body_count = 1,
    .tasks = yt_pool_tasks,
    .scratch_bytes = scratch_bytes,
    .generate = generate,
};
