/* Reads /proc/self/cgroup and the limits of the groups it names; see cgroups(7)
 * and the kernel's admin-guide/cgroup-v2, scheduler/sched-bwc. Ships in
 * products, so without stdio's files. */

#include "runtime/quota.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096 /* of a folder */
#define FILE_SIZE 8192 /* of a list of groups; what is longer is cut */

/* The text of a small file; 0 when it cannot be read. */
static int read_file(const char *folder, const char *name, char *text,
                     size_t size)
{
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size &&
           (got = read(file, text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    close(file);
    text[used] = 0;
    return used > 0;
}

/* Quotas of 0 and below stand for none in both versions. */
static int64_t ratio(long long quota_us, long long period_us)
{
    if (quota_us <= 0 || period_us <= 0 || quota_us > INT64_MAX / 1000)
        return 0;
    const int64_t rounded = quota_us * 1000 / period_us;
    return rounded > 0 ? rounded : 1;
}

/* cpu.max: "max 100000" or "150000 100000". */
static int64_t quota_v2(const char *folder)
{
    char text[128], *end;
    if (!read_file(folder, "cpu.max", text, sizeof text))
        return 0;
    const long quota = strtol(text, &end, 10);
    return ratio(quota, strtol(end, NULL, 10));
}

static int64_t quota_v1(const char *folder)
{
    char quota[128], period[128];
    if (!read_file(folder, "cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_file(folder, "cpu.cfs_period_us", period, sizeof period))
        return 0;
    return ratio(strtol(quota, NULL, 10), strtol(period, NULL, 10));
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The least of a group and all it is in, up to the mount. Inside a container
 * the path may be the host's: folders that are not there limit nothing. */
static int64_t least_quota(const char *mount, const char *group,
                           int64_t (*quota_of)(const char *folder))
{
    char folder[PATH_SIZE];
    const size_t mount_length = strlen(mount);
    const int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof folder)
        return 0;
    int64_t least = quota_of(folder);
    for (size_t at = (size_t)length; at-- > mount_length;)
        if (folder[at] == '/') {
            folder[at] = 0;
            least = lesser(least, quota_of(folder));
        }
    return least;
}

/* Whether @p name is one of "cpu,cpuacct". */
static int lists(const char *controllers, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = controllers; *at;) {
        const size_t size = strcspn(at, ",");
        if (size == length && strncmp(at, name, size) == 0)
            return 1;
        at += size + (at[size] == ',');
    }
    return 0;
}

/* "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1). */
static int64_t quota_of_line(char *line, const char *v1, const char *v2)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return 0;
    *controllers++ = 0;
    *group++ = 0;
    if (!*controllers)
        return least_quota(v2, group, quota_v2);
    return lists(controllers, "cpu") ? least_quota(v1, group, quota_v1) : 0;
}

int64_t yt_quota_millicpus(const char *root)
{
    char v1[PATH_SIZE / 2], v2[PATH_SIZE / 2], groups[FILE_SIZE];
    snprintf(v2, sizeof v2, "%s/sys/fs/cgroup", root);
    snprintf(v1, sizeof v1, "%s/sys/fs/cgroup/cpu", root);
    int64_t least = lesser(quota_v2(v2), quota_v1(v1));
    char folder[PATH_SIZE / 2];
    snprintf(folder, sizeof folder, "%s/proc/self", root);
    if (!read_file(folder, "cgroup", groups, sizeof groups))
        return least;
    for (char *line = groups; *line;) {
        const size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');
        line[length] = 0;
        least = lesser(least, quota_of_line(line, v1, v2));
        line = next;
    }
    return least;
}

int32_t yt_quota_threads(int64_t millicpus, int32_t threads)
{
    if (millicpus == 0 || millicpus / 1000 >= threads)
        return threads;
    return millicpus >= 1000 ? (int32_t)(millicpus / 1000) : 1;
}
