/* yolotune report: what was measured and recommended, as a page or a text. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/replace.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/cli.h"
#include "db/browse.h"
#include "page/page.h"
#include "runtime/fail.h"

static const struct yt_manual manual = {
    .command = "report",
    .summary = "write what was recommended here, and why, as a page",
    .synopsis = "[ID] [--db FILE] [-o FILE.html]",
    .description =
        "With -o FILE.html, writes one HTML page that needs nothing else: the "
        "recommendation in a paragraph, the way to it from the baseline, speed "
        "against accuracy of all configurations, the time of each layer, how "
        "the search went, latency, and the machine. Each figure has the id of "
        "its row; the figures are inside as JSON, too. What was not measured "
        "is said to be so. docs/REPORT.md describes the page.\n\n"
        "Without -o, or with another file, the same recommendation as text: "
        "the paragraph, then what `yolotune db show` prints of it.\n\n"
        "ID is a recommendation, such as r3, of `yolotune db list "
        "recommendations`; without it the newest is taken. The database is "
        "only read. A file that stood there is replaced once the new one is "
        "whole.",
    .examples = " yolotune report\n"
                " yolotune report -o report.html\n"
                " yolotune report r3 --db results.db -o r3.html",
};

struct job {
    const char *db_path, *out;
    int64_t recommendation; /* 0: the newest */
};

/* -1 for what is no id of a recommendation. */
static int64_t parse_id(const char *text)
{
    char *end = NULL;
    if (text[0] != 'r' || text[1] < '1' || text[1] > '9')
        return -1;
    errno = 0;
    const long long id = strtoll(text + 1, &end, 10);
    return *end || errno ? -1 : id;
}

static int ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcasecmp(text + length - tail, end) == 0;
}

static int is_page(const char *path)
{
    return path && (ends_in(path, ".html") || ends_in(path, ".htm"));
}

static enum yt_status
write_text(struct yt_db *db, const struct yt_page_options *options, FILE *to)
{
    struct yt_text summary = {0};
    int64_t id = 0;
    enum yt_status status = yt_page_summary(db, options, &summary, &id);
    if (status == YT_OK) {
        yt_text_put_safe(to, yt_text_get(&summary), summary.length);
        fputc('\n', to);
    }
    if (status == YT_OK && id) {
        char name[32];
        snprintf(name, sizeof name, "r%" PRId64, id);
        fputc('\n', to);
        status = yt_db_show(db, name, YT_DB_TEXT, to);
    }
    yt_text_free(&summary);
    return status;
}

static enum yt_status put_file(const char *path, const char *bytes, size_t size)
{
    const int code = yt_replace_file(path, bytes, size);
    YT_FAIL_IF(code == EEXIST, YT_IO,
               "%s: cannot be written: no ordinary file stands there", path);
    YT_FAIL_IF(code, YT_IO, "%s: cannot be written: %s", path, strerror(code));
    return YT_OK;
}

/* The files of the database. */
static enum yt_status check_place(struct yt_db *db, const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        struct yt_text file = {0};
        yt_text_add(&file, "%s%s", yt_db_path(db), endings[i]);
        const int same = yt_is_same_file(yt_text_get(&file), path);
        const int failed = file.failed;
        yt_text_free(&file);
        YT_FAIL_IF(failed, YT_NO_MEMORY, "%s: out of memory", path);
        YT_FAIL_IF(same, YT_BAD_ARGUMENT,
                   "%s: the report would overwrite the database", path);
    }
    return YT_OK;
}

static enum yt_status put_text(struct yt_db *db,
                               const struct yt_page_options *options,
                               const char *path)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&bytes, &size);
    YT_FAIL_IF(!to, YT_NO_MEMORY, "%s: %s", path, strerror(errno));
    enum yt_status status = write_text(db, options, to);
    if (fclose(to) != 0 && status == YT_OK)
        status = yt_fail(YT_NO_MEMORY, "%s: out of memory", path);
    if (status == YT_OK)
        status = put_file(path, bytes, size);
    free(bytes);
    return status;
}

static enum yt_status run(const struct job *job, struct yt_db *db)
{
    const struct yt_page_options options = {
        .recommendation = job->recommendation, .db = job->db_path};
    if (!job->out)
        return write_text(db, &options, stdout);
    YT_TRY(check_place(db, job->out));
    if (!is_page(job->out))
        return put_text(db, &options, job->out);
    struct yt_text page = {0};
    enum yt_status status = yt_page_make(db, &options, &page);
    if (status == YT_OK)
        status = put_file(job->out, yt_text_get(&page), page.length);
    yt_text_free(&page);
    return status;
}

int yt_cmd_report(int argc, char **argv)
{
    struct job job = {0};
    struct yt_db *db = NULL;
    int operand = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROW_DB(&job.db_path),
        {"out", 'o', YT_OPTION_TEXT, "FILE", &job.out, 0, 0,
         "Write there: a page where the name ends in .html or .htm, else the "
         "text."},
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (argc - operand > 1)
        return yt_cli_usage("report", "takes only one ID");
    if (operand < argc) {
        job.recommendation = parse_id(argv[operand]);
        if (job.recommendation < 0)
            return yt_cli_usage("report",
                                "%s: not the id of a recommendation, such as "
                                "r3",
                                argv[operand]);
    }
    enum yt_status status = yt_db_open(job.db_path, YT_DB_READ_ONLY, &db);
    if (status == YT_OK)
        status = run(&job, db);
    yt_db_close(db);
    return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
}
