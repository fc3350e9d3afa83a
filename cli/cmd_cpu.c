/* yolotune cpu: what the tuner knows of this machine. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/report.h"
#include "tuner/build/host.h"

static const struct yt_manual manual = {
    .command = "cpu",
    .summary = "show this machine's CPU as the tuner sees it",
    .synopsis = "[--measure] [--json]",
    .description =
        "Prints the CPU, its caches, how many threads this process may use "
        "(by affinity, cgroup quota and physical cores), and the instruction "
        "sets that kernels can be generated for, each with what keeps it from "
        "running here: an instruction that the CPU says it lacks (CPUID), or "
        "registers that the operating system does not save (XCR0). The last "
        "set that is usable is what every command uses unless --isa names "
        "another.\n\n"
        "With --measure the arithmetic peak and the memory bandwidth of one "
        "thread and of all are measured too, in about a second: the figures "
        "that kernels are compared with.",
    .examples = " yolotune cpu\n"
                " yolotune cpu --measure --isa avx2",
};

struct job {
    int32_t json, measure, threads;
    const char *isa_name;
    const struct yt_isa *isa;
    struct yt_host host;
    struct yt_peak peaks[YT_DTYPE_COUNT]; /* with --measure; threads 0: the
                                             ISA lacks the type */
};

static void print_isas(const struct job *job)
{
    struct yt_table table;
    yt_table_init(&table, "lisa|rf32 lanes|rvector registers|lusable");
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        char lanes[16];
        char regs[16];
        char usable[YT_FACTS_TEXT_MAX];
        snprintf(lanes, sizeof lanes, "%d", isa->lanes);
        snprintf(regs, sizeof regs, "%d", isa->regs);
        yt_cpu_facts_usable(&job->host.cpu, isa, usable);
        yt_table_row(&table, (const char *[]){isa->name, lanes, regs, usable});
    }
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

/* "  2 threads  431.0 GFLOP/s f32, ...," of all types that are there. */
static void print_peaks(const struct job *job, int32_t threads)
{
    printf("  %d thread%s ", threads, threads == 1 ? " " : "s");
    for (int t = 0; t < YT_DTYPE_COUNT; t++) {
        const struct yt_peak *p = &job->peaks[t];
        if (p->threads)
            printf(" %.1f%s %s,", threads == 1 ? p->gflops_1 : p->gflops_n,
                   t ? "" : " GFLOP/s", yt_dtype_name((enum yt_dtype)t));
    }
}

static void print_text(const struct job *job)
{
    const struct yt_host *h = &job->host;
    const struct yt_cpu_facts *cpu = &h->cpu;
    char line[YT_FACTS_TEXT_MAX];
    yt_cpu_facts_line(cpu, line);
    printf("%s\n", line);
    printf("caches    L1d %d KiB, L2 %d KiB, L3 %d KiB\n", cpu->l1d_kib,
           cpu->l2_kib, cpu->l3_kib);
    printf("cores     %d physical, %d logical, %d allowed", h->physical_cores,
           h->logical_cores, h->allowed_cpus);
    if (!isnan(h->quota_cpus))
        printf(", quota of %.2f", h->quota_cpus);
    printf("\nthreads   %d by default\n", h->threads);
    if (*h->governor)
        printf("governor  %s\n", h->governor);
    printf("isa       %s by default\n\n", yt_isa_best(cpu->can.usable)->name);
    print_isas(job);
    if (!job->measure)
        return;
    const struct yt_peak *p = &job->peaks[YT_DTYPE_F32];
    printf("\nmeasured, %s:\n", job->isa->name);
    print_peaks(job, 1);
    printf(" %.1f GB/s from memory\n", p->gbs_1);
    print_peaks(job, p->threads);
    printf(" %.1f GB/s from memory\n", p->gbs_n);
}

static void put_isas(struct yt_json *doc, const struct yt_cpu_facts *cpu)
{
    json_t *list = yt_json_array(doc, NULL, "isas");
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        json_t *row = yt_json_element(doc, list);
        char obstacle[YT_FACTS_TEXT_MAX];
        yt_cpu_facts_obstacle(cpu, isa, obstacle);
        yt_json_text(doc, row, "name", isa->name);
        yt_json_int(doc, row, "lanes", isa->lanes);
        yt_json_int(doc, row, "registers", isa->regs);
        yt_json_bool(doc, row, "usable", !*obstacle);
        yt_json_text(doc, row, "obstacle", obstacle);
    }
}

static int print_json(const struct job *job)
{
    const struct yt_host *h = &job->host;
    const struct yt_cpu_facts *cpu = &h->cpu;
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "brand", cpu->brand);
    yt_json_text(&doc, NULL, "vendor", cpu->vendor);
    yt_json_text(&doc, NULL, "arch", h->arch);
    yt_json_int(&doc, NULL, "family", cpu->family);
    yt_json_int(&doc, NULL, "model", cpu->model);
    yt_json_int(&doc, NULL, "stepping", cpu->stepping);
    yt_json_bool(&doc, NULL, "hybrid", cpu->hybrid);
    yt_json_bool(&doc, NULL, "virtual", cpu->hypervisor);
    yt_json_int(&doc, NULL, "l1d_bytes", cpu->l1d_kib * 1024ll);
    yt_json_int(&doc, NULL, "l2_bytes", cpu->l2_kib * 1024ll);
    yt_json_int(&doc, NULL, "l3_bytes", cpu->l3_kib * 1024ll);
    yt_json_int(&doc, NULL, "physical_cores", h->physical_cores);
    yt_json_int(&doc, NULL, "logical_cores", h->logical_cores);
    yt_json_int(&doc, NULL, "allowed_cpus", h->allowed_cpus);
    yt_json_real(&doc, NULL, "quota_cpus", h->quota_cpus);
    yt_json_int(&doc, NULL, "threads", h->threads);
    yt_json_text(&doc, NULL, "governor", h->governor);
    yt_json_text(&doc, NULL, "features", cpu->features);
    yt_json_text(&doc, NULL, "isa", yt_isa_best(cpu->can.usable)->name);
    put_isas(&doc, cpu);
    if (job->measure) {
        json_t *peak = yt_json_object(&doc, NULL, "peak");
        yt_json_text(&doc, peak, "isa", job->isa->name);
        const struct yt_peak *f32 = &job->peaks[YT_DTYPE_F32];
        yt_json_real(&doc, peak, "gflops_1", f32->gflops_1);
        yt_json_real(&doc, peak, "gbs_1", f32->gbs_1);
        yt_json_int(&doc, peak, "threads", f32->threads);
        yt_json_real(&doc, peak, "gflops_n", f32->gflops_n);
        yt_json_real(&doc, peak, "gbs_n", f32->gbs_n);
        for (int t = 1; t < YT_DTYPE_COUNT; t++)
            if (job->peaks[t].threads) {
                json_t *type =
                    yt_json_object(&doc, peak, yt_dtype_name((enum yt_dtype)t));
                yt_json_real(&doc, type, "gflops_1", job->peaks[t].gflops_1);
                yt_json_real(&doc, type, "gflops_n", job->peaks[t].gflops_n);
            }
    }
    return yt_json_print(&doc);
}

static enum yt_status read_facts(struct job *job)
{
    enum yt_status status = yt_host_read(&job->host);
    if (status == YT_OK)
        status = yt_cli_isa(job->isa_name, &job->isa);
    if (status != YT_OK || !job->measure)
        return status;
    const int32_t threads = job->threads ? job->threads : job->host.threads;
    for (int t = 0; status == YT_OK && t < YT_DTYPE_COUNT; t++)
        if (yt_isa_computes(job->isa, (enum yt_dtype)t))
            status = yt_peak_measure(job->isa, (enum yt_dtype)t, threads,
                                     &job->peaks[t]);
    return status;
}

int yt_cmd_cpu(int argc, char **argv)
{
    struct job job = {0};
    int operand = 0;
    const struct yt_option options[] = {
        {"measure", 0, YT_OPTION_FLAG, NULL, &job.measure, 0, 0,
         "Measure peak and bandwidth."},
        YT_OPTION_ROW_ISA(&job.isa_name),
        YT_OPTION_ROW_THREADS(&job.threads),
        YT_OPTION_ROW_JSON(&job.json),
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand < argc)
        return yt_cli_usage("cpu", "%s: takes no arguments", argv[operand]);

    const enum yt_status status = read_facts(&job);
    if (status != YT_OK)
        return yt_cli_fail(status);
    if (job.json)
        return print_json(&job);
    print_text(&job);
    return YT_EXIT_OK;
}
