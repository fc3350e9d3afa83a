/* flock(2), because it belongs to the open file and not to the process: forked
 * workers do not lose it, and they end with their parent. Not on the database
 * itself, whose locks are SQLite's. */

#include "tuner/measure/timing_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "db/db.h"

int yt_timing_lock_try(struct yt_timing_lock *lock, const char *db_path)
{
    /* Memory is nobody else's. */
    if (lock->fd >= 0 || strcmp(db_path, YT_DB_MEMORY) == 0)
        return 1;
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s.lock", db_path);
    if (length < 0 || (size_t)length >= sizeof path)
        return 1;
    /* For reading, so that a file of another user will do. */
    const int fd =
        open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return 1;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int busy = errno == EWOULDBLOCK;
        close(fd);
        return !busy;
    }
    lock->fd = fd;
    return 1;
}

void yt_timing_lock_release(struct yt_timing_lock *lock)
{
    if (lock->fd < 0)
        return;
    /* Closing would leave it to a worker that was forked meanwhile. */
    (void)flock(lock->fd, LOCK_UN);
    close(lock->fd);
    lock->fd = -1;
}
