/* yolotune db: look into the results database, take rows out and bring rows of
 * other machines in. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "db/browse.h"
#include "runtime/fail.h"

static const struct yt_manual manual = {
    .command = "db",
    .summary = "look into the results database",
    .synopsis = "list [LIST] [--json]\n"
                "best [--problem NAME] [--json]\n"
                "show ID [--json]\n"
                "export --csv|--json [--out FILE] [TABLE]\n"
                "merge OTHER.db [--json]\n"
                "sql \"SELECT ...\" [--csv|--json] [--out FILE]",
    .description =
        "Everything yolotune measures is kept in one SQLite database: hosts, "
        "models, kernels tried, plans, their speed, and what was recommended. "
        "docs/DATABASE.md explains each table and view.\n\n"
        "list prints a list: hosts, peaks, models, plans, quantisations, "
        "compressions, layer_times, evaluations, recommendations, measurements "
        "or failures; without a "
        "name, the lists and how long they are.\n\n"
        "best prints the fastest kernel of each problem on each host, for "
        "each instruction set and number of threads. Kernels that another "
        "version of LLVM or of the generator made do not count.\n\n"
        "show prints one row and what it refers to. An id is a letter and a "
        "number, as lists print them: h1 a host, n1 a model, m1 a "
        "measurement, p1 a plan, q1 a quantisation, c1 a compression, e1 an "
        "evaluation, r1 a recommendation.\n\n"
        "export writes whole tables, or one table or view: as CSV (the view "
        "measurements when none is named) or as JSON (all tables when none is "
        "named).\n\n"
        "merge adds the rows of another database, all or none. Rows of other "
        "hosts stay apart, rows that are here already are left alone, so "
        "merging twice changes nothing.\n\n"
        "sql runs one statement that only reads.\n\n"
        "All but merge open the database for reading only.",
    .examples =
        " yolotune db list evaluations\n"
        " yolotune db best --problem conv2d-f32-64x80x80-k64r3s1p1-silu\n"
        " yolotune db show p4\n"
        " yolotune db export --csv --out measurements.csv\n"
        " yolotune db merge /media/stick/results.db\n"
        " yolotune db sql \"SELECT * FROM layer_times WHERE plan = 'p4'\"",
};

struct job {
    const char *db_path, *problem, *out_path;
    int32_t json, csv;
    const char *operand; /* what follows the action, or NULL */
    struct yt_db *db;
    FILE *to;
};

static enum yt_db_format format_of(const struct job *job)
{
    if (job->json)
        return YT_DB_JSON;
    return job->csv ? YT_DB_CSV : YT_DB_TEXT;
}

/* ----------------------------------------------------------------- actions */

static enum yt_status run_list(struct job *job)
{
    return yt_db_list(job->db, job->operand, format_of(job), job->to);
}

static enum yt_status run_best(struct job *job)
{
    return yt_db_best(job->db, job->problem, format_of(job), job->to);
}

static enum yt_status run_show(struct job *job)
{
    return yt_db_show(job->db, job->operand, format_of(job), job->to);
}

static enum yt_status run_export(struct job *job)
{
    const char *what = job->operand;
    YT_FAIL_IF(!job->csv && !job->json, YT_BAD_ARGUMENT,
               "db export: needs --csv or --json");
    if (!what && job->csv)
        what = "measurements";
    return yt_db_export(job->db, what, format_of(job), job->to);
}

static enum yt_status run_merge(struct job *job)
{
    struct yt_db_merged merged;
    YT_TRY(yt_db_merge(job->db, job->operand, &merged));
    fprintf(job->to,
            job->json ? "{\"hosts\": %" PRId64 ", \"models\": %" PRId64
                        ", \"measurements\": %" PRId64 ", \"plans\": %" PRId64
                        ", \"evaluations\": %" PRId64
                        ", \"recommendations\": %" PRId64 "}\n"
                      : "added %" PRId64 " hosts, %" PRId64 " models, %" PRId64
                        " measurements, %" PRId64 " plans, %" PRId64
                        " evaluations, %" PRId64 " recommendations\n",
            merged.hosts, merged.models, merged.measurements, merged.plans,
            merged.evaluations, merged.recommendations);
    return YT_OK;
}

static enum yt_status run_sql(struct job *job)
{
    return yt_db_sql(job->db, job->operand, format_of(job), job->to);
}

static const struct action {
    const char *name;
    enum yt_status (*run)(struct job *job);
    const char *operand; /* its name; NULL: takes none */
    int needs_operand;
    int takes_csv, takes_problem, writes;
} actions[] = {
    /* name, run, operand, needed, --csv, --problem, writes */
    {"list", run_list, "LIST", 0, 1, 0, 0},
    {"best", run_best, NULL, 0, 1, 1, 0},
    {"show", run_show, "ID", 1, 0, 0, 0},
    {"export", run_export, "TABLE", 0, 1, 0, 0},
    {"merge", run_merge, "OTHER.db", 1, 0, 0, 1},
    {"sql", run_sql, "STATEMENT", 1, 1, 0, 0},
};

#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* -------------------------------------------------------------------- main */

/** A sentence on what is off about the command line: the exit code; -1. */
static int check_usage(const struct job *job, const struct action *action,
                       int operand_count)
{
    const char *name = action->name;
    if (action->needs_operand && operand_count == 0)
        return yt_cli_usage("db", "%s needs %s", name, action->operand);
    if (operand_count > (action->operand ? 1 : 0))
        return yt_cli_usage("db", "%s takes %s %s", name,
                            action->operand ? "only one" : "no",
                            action->operand ? action->operand : "operand");
    if (job->csv && job->json)
        return yt_cli_usage("db", "--csv and --json exclude each other");
    if (job->csv && !action->takes_csv)
        return yt_cli_usage("db", "%s has no --csv", name);
    if (job->problem && !action->takes_problem)
        return yt_cli_usage("db", "%s has no --problem", name);
    return -1;
}

static enum yt_status run(struct job *job, const struct action *action)
{
    YT_TRY(yt_db_open(job->db_path,
                      action->writes ? YT_DB_READ_WRITE : YT_DB_READ_ONLY,
                      &job->db));
    job->to = job->out_path ? fopen(job->out_path, "w") : stdout;
    YT_FAIL_IF(!job->to, YT_IO, "%s: cannot be written: %s", job->out_path,
               strerror(errno));
    enum yt_status status = action->run(job);
    if (job->out_path && fclose(job->to) != 0 && status == YT_OK)
        status = yt_fail(YT_IO, "%s: cannot be written: %s", job->out_path,
                         strerror(errno));
    return status;
}

int yt_cmd_db(int argc, char **argv)
{
    struct job job = {0};
    int operand = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROW_DB(&job.db_path),
        {"problem", 'p', YT_OPTION_TEXT, "NAME", &job.problem, 0, 0,
         "best: only this problem's kernels."},
        YT_OPTION_ROW_JSON(&job.json),
        {"csv", 0, YT_OPTION_FLAG, NULL, &job.csv, 0, 0,
         "Print comma-separated values with a header line."},
        {"out", 'o', YT_OPTION_TEXT, "FILE", &job.out_path, 0, 0,
         "Write there instead of to standard output."},
    };
    int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand >= argc)
        return yt_cli_usage("db", "what to do? list, best, show, export, merge "
                                  "or sql");
    const struct action *action = find_action(argv[operand]);
    if (!action)
        return yt_cli_usage("db",
                            "%s is not one of list, best, show, export, "
                            "merge and sql",
                            argv[operand]);
    const int operand_count = argc - operand - 1;
    code = check_usage(&job, action, operand_count);
    if (code >= 0)
        return code;
    job.operand = operand_count ? argv[operand + 1] : NULL;

    const enum yt_status status = run(&job, action);
    yt_db_close(job.db);
    return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
}
