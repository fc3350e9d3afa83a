#ifndef YT_PIPELINE_H
#define YT_PIPELINE_H

/* A job in three stages that overlap: reading, working, giving out, each on a
 * thread of its own, the middle one on the caller's. Items go round in a few
 * slots, so memory is that of the slots however long the job is:
 *
 *      free ──read──► filled ──work──► done ──give──► free
 *
 * Order is kept. Where an item is of a live source and no slot is free, the
 * oldest item that nobody works on yet gives way to the new one. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

#define YT_PIPELINE_SLOTS 4

struct yt_pipeline_times {
    int64_t given, dropped;             /* items */
    uint64_t wall_ns;                   /* from the beginning to the end */
    uint64_t read_ns, work_ns, give_ns; /* inside the functions below */
};

struct yt_pipeline {
    void *user;
    void *slots[YT_PIPELINE_SLOTS]; /* borrowed; what they hold is the user's */

    /* Fill a slot. 0: there are no more items, and the slot is as it was. What
     * fails is an item, too. */
    int (*read)(void *user, void *slot);
    void (*work)(void *user, void *slot);
    /* The last stage; @p times are those until then. */
    void (*give)(void *user, void *slot, const struct yt_pipeline_times *times);
    /* 1: a filled slot's item is old once there is a newer one. */
    int (*may_drop)(void *user, const void *slot);
};

/** Run until there are no more items and all are given out.
 *
 * @param pipeline   borrowed; each function is called by one thread at a time.
 * @param[out] times_out what it took, also on failure.
 * @return YT_OK; YT_IO when a thread cannot be started: nothing has run then.
 */
enum yt_status yt_pipeline_run(const struct yt_pipeline *pipeline,
                               struct yt_pipeline_times *times_out);

#endif
