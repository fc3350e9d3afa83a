/* Candidates as rows hand them on. */

#include "codegen/propose.h"

#include "codegen/schedule.h"

void yt_propose(const struct yt_ask *ask, const struct yt_schedule *s)
{
    if (yt_schedule_applies(ask->problem, s, ask->isa))
        ask->take(ask->user, s);
}

int yt_shares_out(const struct yt_ask *ask, const struct yt_schedule *s)
{
    if (!yt_schedule_applies(ask->problem, s, ask->isa))
        return 0;
    const int64_t tasks = yt_schedule_tasks(ask->problem, s, ask->isa);
    const int64_t longest = (tasks + ask->threads - 1) / ask->threads;
    return 16 * longest * ask->threads <= 17 * tasks;
}
