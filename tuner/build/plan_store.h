#ifndef YT_PLAN_STORE_H
#define YT_PLAN_STORE_H

/* Plans as rows: what an engine runs, with its layers and their times. */

#include "tuner/build/engine.h"

/** What was measured of one layer. */
struct yt_layer_time {
    double median_ns, mad_ns;            /* of the schedule chosen */
    char ties[3 * YT_SCHEDULE_NAME_MAX]; /* others within the noise, apart by
                                            one space */
};

/** What a plan's row says beside the plan. */
struct yt_plan_facts {
    const struct yt_layer_time *times; /* [layer_count]; NULL: not timed */
    double head_error;    /* as in struct yt_db_plan, like the others */
    const char *given_up; /* NULL: nothing */
    int64_t limit_bytes;
};

/** Store the plan of @p build, the engine's own or another of its model, size
 *  and ISA.
 *  @param facts NULL: nothing was measured of it.
 *  @return YT_OK; YT_NO_MEMORY; what the database returned. */
enum yt_status yt_plan_store(const struct yt_engine *engine,
                             const struct yt_build *build, enum yt_db_role role,
                             const struct yt_plan_facts *facts,
                             int64_t *id_out);

/** The row of the plan that the engine runs, stored when it is not there yet:
 *  the tuned one, or default schedules as a baseline.
 *  @return as above; YT_NOT_FOUND without a database. */
enum yt_status yt_plan_row(const struct yt_engine *engine, int64_t *id_out);

#endif
