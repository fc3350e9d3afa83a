/* This machine's facts. libcpuid names the CPU; what may be used is what CPUID
 * with XGETBV (runtime/isa.c) and libcpuid agree on; how many CPUs are ours is
 * a matter of affinity, cgroup quota and SMT siblings. */

#include "tuner/build/host.h"

#include <libcpuid/libcpuid.h>

#include <assert.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "runtime/fail.h"

#define PATH_SIZE 4096 /* of a cgroup, and of a line that names one */

static int read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const int ok = fgets(text, (int)size, file) != NULL;
    fclose(file);
    if (ok)
        text[strcspn(text, "\n")] = 0;
    return ok;
}

/* cpu.max of a cgroup v2 folder: "max 100000" or "150000 100000". */
static double quota_v2(const char *folder)
{
    char path[PATH_SIZE + 16], text[128];
    double quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, text, sizeof text) ||
        sscanf(text, "%lf %lf", &quota, &period) != 2 || period <= 0)
        return NAN;
    return quota / period;
}

/* v1: two files, a quota of -1 for none. */
static double quota_v1(const char *folder)
{
    char path[PATH_SIZE + 32], text[128];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_line(path, text, sizeof text))
        return NAN;
    const double quota = strtod(text, NULL);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_line(path, text, sizeof text))
        return NAN;
    const double period = strtod(text, NULL);
    return quota > 0 && period > 0 ? quota / period : NAN;
}

/* The least of a group and all it is in, up to the mount. Inside a container
 * the path may be the host's: folders that are not there limit nothing. */
static double least_quota(const char *mount, const char *group,
                          double (*quota_of)(const char *folder))
{
    char folder[PATH_SIZE];
    const size_t mount_length = strlen(mount);
    const int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof folder)
        return NAN;
    double least = quota_of(folder);
    for (char *slash; (slash = strrchr(folder + mount_length, '/'));) {
        *slash = 0;
        least = fmin(least, quota_of(folder)); /* NAN yields to a number */
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

/* Lines of /proc/self/cgroup: "0::/path" (v2), "4:cpu,cpuacct:/path" (v1); see
 * cgroups(7). */
double yt_host_quota(const char *root)
{
    char v1[PATH_SIZE], v2[PATH_SIZE], line[PATH_SIZE];
    snprintf(v2, sizeof v2, "%s/sys/fs/cgroup", root);
    snprintf(v1, sizeof v1, "%s/sys/fs/cgroup/cpu", root);
    double least = fmin(quota_v2(v2), quota_v1(v1));
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "re");
    if (!file)
        return least;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = 0;
        *group++ = 0;
        if (!*controllers)
            least = fmin(least, least_quota(v2, group, quota_v2));
        else if (lists(controllers, "cpu"))
            least = fmin(least, least_quota(v1, group, quota_v1));
    }
    fclose(file);
    return least;
}

/* Of SMT siblings only the first counts: a second thread on one core's FMA
 * units gains nothing. */
static int is_first_sibling(const char *root, int cpu, const cpu_set_t *allowed)
{
    char path[PATH_SIZE], text[256];
    snprintf(path, sizeof path,
             "%s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
             root, cpu);
    if (!read_line(path, text, sizeof text))
        return 1;
    for (char *at = text; *at;) {
        char *end;
        const long from = strtol(at, &end, 10);
        long to = from;
        if (end == at)
            break;
        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        for (long i = from; i <= to && i < cpu; i++)
            if (i >= 0 && i < CPU_SETSIZE && CPU_ISSET((int)i, allowed))
                return 0;
        at = *end == ',' ? end + 1 : end;
        if (*end != ',')
            break;
    }
    return 1;
}

int32_t yt_host_cores(const char *root, int16_t cpus_out[YT_HOST_CPUS_MAX])
{
    cpu_set_t allowed;
    int32_t count = 0;
    static_assert(CPU_SETSIZE <= YT_HOST_CPUS_MAX, "room for every CPU");
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && is_first_sibling(root, cpu, &allowed))
            cpus_out[count++] = (int16_t)cpu;
    return count;
}

static void read_cpus(struct yt_host *host)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    host->logical_cores = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    host->allowed_cpus = sched_getaffinity(0, sizeof allowed, &allowed) == 0
                             ? CPU_COUNT(&allowed)
                             : host->logical_cores;
    const int32_t cores = yt_host_cores("", host->cpus);
    host->threads = cores ? cores : host->logical_cores;
    if (host->threads > YT_HOST_CPUS_MAX)
        host->threads = YT_HOST_CPUS_MAX;
    for (int32_t i = cores; i < YT_HOST_CPUS_MAX; i++)
        host->cpus[i] = -1;
    host->quota_cpus = yt_host_quota("");
    if (!isnan(host->quota_cpus) && host->quota_cpus < host->threads)
        host->threads = host->quota_cpus >= 1 ? (int32_t)host->quota_cpus : 1;
    if (host->threads < 1)
        host->threads = 1;
    if (!read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                   host->governor, sizeof host->governor))
        host->governor[0] = 0;
}

static void append_feature(struct yt_host *host, const char *name)
{
    const size_t used = strlen(host->features);
    if (used + strlen(name) + 2 < sizeof host->features)
        snprintf(host->features + used, sizeof host->features - used, "%s%s",
                 used ? " " : "", name);
}

static int32_t positive(int value)
{
    return value > 0 ? value : 0;
}

enum yt_status yt_host_read(struct yt_host *host_out)
{
    struct yt_host host;
    struct cpu_raw_data_t raw;
    struct cpu_id_t id;
    memset(&host, 0, sizeof host);
    memset(&id, 0, sizeof id);
    YT_FAIL_IF(cpuid_get_raw_data(&raw) < 0, YT_UNSUPPORTED,
               "libcpuid cannot read this CPU: %s", cpuid_error());
    /* An unknown model is no obstacle: only its code name is missing. */
    if (cpu_identify(&raw, &id) < 0 && id.vendor_str[0] == 0)
        return yt_fail(YT_UNSUPPORTED, "libcpuid cannot identify this CPU: %s",
                       cpuid_error());
    snprintf(host.vendor, sizeof host.vendor, "%s", id.vendor_str);
    snprintf(host.brand, sizeof host.brand, "%s", id.brand_str);
    snprintf(host.arch, sizeof host.arch, "x86_64");
    host.family = id.ext_family;
    host.model = id.ext_model;
    host.stepping = id.stepping;
    host.l1d_kib = positive(id.l1_data_cache);
    host.l2_kib = positive(id.l2_cache);
    host.l3_kib = positive(id.l3_cache);
    host.physical_cores = positive(id.num_cores);
    for (int i = 0; i < NUM_CPU_FEATURES; i++)
        if (id.flags[i])
            append_feature(&host, cpu_feature_str((cpu_feature_t)i));
    read_cpus(&host);
    if (host.physical_cores < 1)
        host.physical_cores = host.threads;

    host.cpu_bits = yt_cpu_features();
    if (!id.flags[CPU_FEATURE_AVX2] || !id.flags[CPU_FEATURE_FMA3])
        host.cpu_bits &= ~(uint32_t)(YT_CPU_AVX2_FMA | YT_CPU_AVX512);
    if (!id.flags[CPU_FEATURE_AVX512F])
        host.cpu_bits &= ~(uint32_t)YT_CPU_AVX512;
    *host_out = host;
    return YT_OK;
}

void yt_host_row(const struct yt_host *host, struct yt_db_host *row_out)
{
    *row_out = (struct yt_db_host){
        .arch = host->arch,
        .vendor = host->vendor,
        .brand = host->brand,
        .family = host->family,
        .model = host->model,
        .stepping = host->stepping,
        .features = host->features,
        .physical_cores = host->physical_cores,
        .logical_cores = host->logical_cores,
        .l1d_kib = host->l1d_kib,
        .l2_kib = host->l2_kib,
        .l3_kib = host->l3_kib,
        .allowed_cpus = host->allowed_cpus,
        .quota_cpus = host->quota_cpus,
        .governor = host->governor,
        .llvm_version = yt_codegen_llvm_version(),
        .generator_version = yt_codegen_version(),
    };
}
