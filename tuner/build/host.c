/* This machine's facts. What the CPU is and can do it says itself, by CPUID; a
 * library's table of CPUs is older than the CPU (libcpuid 0.6.2 knows no
 * AVX-512 of AMD's, and takes a Zen 5 for a K10), so libcpuid only counts
 * cores. How many CPUs are ours is a matter of affinity, cgroup quota and SMT
 * siblings. */

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
#include "runtime/quota.h"

#define PATH_SIZE 4096

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
    const int32_t online = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    host->logical_cores = online > 0 ? online : 1;
    host->allowed_cpus = sched_getaffinity(0, sizeof allowed, &allowed) == 0
                             ? CPU_COUNT(&allowed)
                             : host->logical_cores;
    const int32_t cores = yt_host_cores("", host->cpus);
    host->threads = cores ? cores : host->logical_cores;
    if (host->threads > YT_HOST_CPUS_MAX)
        host->threads = YT_HOST_CPUS_MAX;
    for (int32_t i = cores; i < YT_HOST_CPUS_MAX; i++)
        host->cpus[i] = -1;
    const int64_t quota = yt_quota_millicpus("");
    host->quota_cpus = quota ? (double)quota / 1000 : NAN;
    host->threads = yt_quota_threads(quota, host->threads);
    if (!read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                   host->governor, sizeof host->governor))
        host->governor[0] = 0;
}

/* Of a package; 0: unknown. It counts for CPUs that it has no name for, too. */
static int32_t count_cores(void)
{
    struct cpu_raw_data_t raw;
    struct cpu_id_t id;
    memset(&id, 0, sizeof id);
    if (cpuid_get_raw_data(&raw) < 0 || cpu_identify(&raw, &id) < 0 ||
        id.num_cores < 0)
        return 0;
    return id.num_cores;
}

/* Where cores differ, the first of those that may be used speaks for all:
 * asking whichever runs this would give one machine two names. */
static void read_cpuid(struct yt_cpuid *raw_out, struct yt_cpu_facts *facts_out)
{
    cpu_set_t allowed, one;
    yt_cpuid_read(raw_out);
    yt_cpu_facts_decode(raw_out, facts_out);
    if (!facts_out->hybrid ||
        sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    int first = 0;
    while (first + 1 < CPU_SETSIZE && !CPU_ISSET(first, &allowed))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return;
    yt_cpuid_read(raw_out);
    sched_setaffinity(0, sizeof allowed, &allowed);
    yt_cpu_facts_decode(raw_out, facts_out);
}

enum yt_status yt_host_read(struct yt_host *host_out)
{
    struct yt_host host;
    struct yt_cpuid raw;
    memset(&host, 0, sizeof host);
    read_cpuid(&raw, &host.cpu);
    YT_FAIL_IF(raw.count == 0, YT_UNSUPPORTED,
               "this is no CPU that yolotune knows: it is not x86-64");
    snprintf(host.arch, sizeof host.arch, "x86_64");
    host.physical_cores = count_cores();
    read_cpus(&host);
    if (host.physical_cores < 1)
        host.physical_cores = host.threads;
    *host_out = host;
    return YT_OK;
}

void yt_host_row(const struct yt_host *host, struct yt_db_host *row_out)
{
    *row_out = (struct yt_db_host){
        .arch = host->arch,
        .vendor = host->cpu.vendor,
        .brand = host->cpu.brand,
        .family = host->cpu.family,
        .model = host->cpu.model,
        .stepping = host->cpu.stepping,
        .features = host->cpu.features,
        .physical_cores = host->physical_cores,
        .logical_cores = host->logical_cores,
        .l1d_kib = host->cpu.l1d_kib,
        .l2_kib = host->cpu.l2_kib,
        .l3_kib = host->cpu.l3_kib,
        .allowed_cpus = host->allowed_cpus,
        .quota_cpus = host->quota_cpus,
        .governor = host->governor,
        .llvm_version = yt_codegen_llvm_version(),
        .generator_version = yt_codegen_version(),
    };
}
