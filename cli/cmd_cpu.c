/* yolotune cpu: what the tuner knows of this machine before it measures. */

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/report.h"
#include "runtime/isa.h"

static const struct yt_manual manual = {
    .command = "cpu",
    .summary = "show this machine's CPU as the tuner sees it",
    .synopsis = "[--json]",
    .description =
        "Prints the instruction sets that kernels can be generated for, "
        "whether this CPU and its operating system can run each, and how many "
        "CPUs this process may use.\n\n"
        "The widest set that can run is what every command uses unless --isa "
        "names another.",
    .examples = "yolotune cpu\n",
};

static int usable_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void print_table(const struct yt_isa *best, int cpus)
{
    struct yt_table table;
    yt_table_init(&table, "lisa|rf32 lanes|rvector registers|lusable");
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        char lanes[16];
        char regs[16];
        snprintf(lanes, sizeof lanes, "%d", isa->lanes);
        snprintf(regs, sizeof regs, "%d", isa->regs);
        const int usable = yt_isa_check(isa, yt_cpu_features()) == YT_OK;
        yt_table_row(&table, (const char *[]){isa->name, lanes, regs,
                                              isa == best ? "yes, the default"
                                              : usable    ? "yes"
                                                          : "no"});
    }
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
    printf("\nCPUs this process may use: %d\n", cpus);
}

static int print_json(const struct yt_isa *best, int cpus)
{
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "isa", best->name);
    yt_json_int(&doc, NULL, "cpus", cpus);
    json_t *list = yt_json_array(&doc, NULL, "isas");
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        json_t *row = yt_json_element(&doc, list);
        yt_json_text(&doc, row, "name", isa->name);
        yt_json_int(&doc, row, "lanes", isa->lanes);
        yt_json_int(&doc, row, "registers", isa->regs);
        yt_json_bool(&doc, row, "usable",
                     yt_isa_check(isa, yt_cpu_features()) == YT_OK);
    }
    return yt_json_print(&doc);
}

int yt_cmd_cpu(int argc, char **argv)
{
    int32_t json = 0;
    int operand = 0;
    const struct yt_option options[] = {YT_OPTION_ROW_JSON(&json)};
    const int code =
        yt_options_parse(&manual, options, 1, argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand < argc)
        return yt_cli_usage("cpu", "%s: takes no arguments", argv[operand]);

    const struct yt_isa *best = yt_isa_best(yt_cpu_features());
    const int cpus = usable_cpus();
    if (json)
        return print_json(best, cpus);
    print_table(best, cpus);
    return YT_EXIT_OK;
}
