/* yolotune-serve: one request a line, one JSON document a line. */

#include <stdio.h>

#include "bench/serve/serve.h"
#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/precision_options.h"

static const struct yt_manual manual = {
    .command = "serve",
    .summary = "answer the benchmarks' requests on standard input",
    .synopsis = "[--nms] [--model FILE] [OPTION]...",
    .description =
        "The protocol of the side-by-side benchmarks, see bench/README.md: "
        "this is the program yolotune-serve, which stands beside yolotune in "
        "the build folder and is not installed.",
};

struct job {
    struct yt_cli_engine engine_options;
    struct yt_precision_wish precision;
    int32_t nms;
};

void yt_serve_line(json_t *document)
{
    json_dumpf(document, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(document);
}

void yt_serve_ready(json_t *facts)
{
    json_object_set_new(facts, "name", json_string("yolotune"));
    json_object_set_new(facts, "version", json_string(YT_VERSION));
    fputs("ready ", stdout);
    yt_serve_line(facts);
}

void yt_serve_error(const char *text)
{
    json_t *document = json_object();
    json_object_set_new(document, "error", json_string(text));
    yt_serve_line(document);
}

static int serve_network(const struct job *job)
{
    const struct yt_cli_wanted wanted = {.engine = &job->engine_options,
                                         .precision = &job->precision,
                                         .access = YT_SITE_READS};
    struct yt_cli_opened opened;
    const enum yt_status status = yt_cli_open(&wanted, &opened);
    const int result =
        status == YT_OK ? yt_serve_network(opened.engine) : yt_cli_fail(status);
    yt_cli_close(&opened);
    return result;
}

int main(int argc, char **argv)
{
    struct job job = {.nms = 0};
    int operand = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROWS_ENGINE(&job.engine_options),
        YT_OPTION_ROWS_PRECISION(&job.precision),
        {"nms", 0, YT_OPTION_FLAG, NULL, &job.nms, 0, 0,
         "Suppress the boxes of files instead of running a network; needs no "
         "model."},
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand < argc)
        return yt_cli_usage("serve", "%s: takes no arguments", argv[operand]);
    const int precision = yt_cli_precision_check("serve", &job.precision);
    if (precision >= 0)
        return precision;
    return job.nms ? yt_serve_nms() : serve_network(&job);
}
