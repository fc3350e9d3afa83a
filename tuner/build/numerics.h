#ifndef YT_NUMERICS_H
#define YT_NUMERICS_H

/* Which plans compute the same values, up to the order of sums: what is known
 * of a plan's boxes holds for those, and for no others. */

#include "db/db.h"
#include "tuner/build/build.h"

/** yt_schedule_tolerance() where it is not that of the problem's default
 *  schedule, in figure or in rule, so that values differ by more than the order
 *  of sums; else 0: the schedule is exact. */
double yt_schedule_inexactness(const struct yt_problem *p,
                               const struct yt_schedule *s,
                               const struct yt_isa *isa);

#define YT_NUMERICS_MAX 17

/** A digest of which layers compute inexactly, and by what; "" where none
 *  does. */
enum yt_status yt_numerics_of(const struct yt_build *build,
                              char numerics_out[YT_NUMERICS_MAX]);

/** One digest of several networks that one result comes from: "" where all
 *  are exact, and the only one's own. */
void yt_numerics_join(const char (*each)[YT_NUMERICS_MAX], int32_t count,
                      char numerics_out[YT_NUMERICS_MAX]);

#endif
