#ifndef YT_QUOTA_H
#define YT_QUOTA_H

/* CPU time that the cgroups of this process allow. Threads past it do not wait
 * for a CPU, they are stopped for what remains of the period: in the middle of
 * a frame, while the others wait for them. */

#include <stdint.h>

/** CPU time per wall time, the least of all groups that the process is in, of
 *  both versions of cgroups.
 *  @param root "", or a folder to take /proc and /sys in, for tests.
 *  @return thousandths of a CPU; 0: no limit. */
int64_t yt_quota_millicpus(const char *root);

/** How many of @p threads a quota can keep running all the time; at least 1.
 *  @param millicpus as above. */
int32_t yt_quota_threads(int64_t millicpus, int32_t threads);

#endif
