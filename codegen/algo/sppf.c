/* Three max-pools, one after the other, on one channel block per task. */

#include "codegen/pool.h"

static void generate(struct yt_emit *e, const struct yt_problem *p,
                     const struct yt_schedule *s)
{
    (void)s;
    yt_generate_pools(e, p, 3, 0);
}

const struct yt_algo yt_algo_sppf = {
    .name = "rows",
    .op = YT_OP_SPPF,
    .knobs = YT_KNOB_BIT(TUNE),
    .bodies = {YT_KNOB_TUNE},
    .body_count = 1,
    .tasks = yt_pool_tasks,
    .generate = generate,
};
