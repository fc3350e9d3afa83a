#ifndef YT_TIMING_LOCK_H
#define YT_TIMING_LOCK_H

/* One process at a time measures for a database: two would time each other.
 * The lock is a file beside the database, "<path>.lock", which stays; the
 * kernel lets go of it when its holder ends, however that happens. */

struct yt_timing_lock {
    int fd; /* -1: not held */
};

#define YT_TIMING_LOCK_INIT {-1}

/** Take it unless another process has it; does not wait.
 *  @return 1: go ahead: it is held, or there can be none here, such as in a
 *          folder that cannot be written; 0: another process has it. */
int yt_timing_lock_try(struct yt_timing_lock *lock, const char *db_path);

/** Let go, if it is held. */
void yt_timing_lock_release(struct yt_timing_lock *lock);

#endif
