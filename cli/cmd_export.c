/* yolotune export: the model as it runs here, for a product to link. */

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/export_engine.h"
#include "cli/json.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "cli/report.h"
#include "export/export.h"

static const struct yt_manual manual = {
    .command = "export",
    .summary = "write a library with a C API that runs a model as tuned here",
    .synopsis = "--out DIR [--model FILE] [--name NAME] [options]",
    .description =
        "Writes libNAME.a, libNAME.so and NAME.h, with pkg-config and CMake "
        "files, a manifest and the plan. The library holds code, weights and "
        "executor; it needs libc and pthreads only, and its boxes are those "
        "of `yolotune detect`, bit for bit.\n\n"
        "The plan is the best one that the database holds for this model, "
        "input size, instruction set and number of threads on this host. "
        "Without one the export works, but slower than it could; tune first "
        "to change that.\n\n"
        "An older export in DIR is replaced when the new one is complete. "
        "A C compiler and binutils must be installed; CC, LD, OBJCOPY and AR "
        "name others than cc, ld, objcopy and ar.",
    .examples = " yolotune export --model yolov5n.pt --out tuned\n"
                "     writes tuned/lib/libyolov5n.a and its companions\n"
                " cc product.c -Ituned/include tuned/lib/libyolov5n.a "
                "-pthread\n"
                "     links it",
};

static void print_text(const struct yt_engine *engine, const char *name,
                       const char *dir)
{
    printf("%s/lib/lib%s.a\n%s/lib/lib%s.so\n%s/include/%s.h\n", dir, name, dir,
           name, dir, name);
    char precision[YT_PRECISION_WORD_MAX], bytes[YT_TEXT_MAX];
    const struct yt_plan *plan = &engine->build->plan;
    printf("\n%s, %dx%d, %s, %s, %s of weights\n", plan->model, plan->h,
           plan->w, plan->isa->name, yt_cli_precision(engine, precision),
           yt_text_bytes((uint64_t)plan->blob_bytes, bytes));
    if (!engine->tuned)
        printf("\nNo stored plan fits: this export uses default schedules. "
               "Tune the model first to make it faster.\n");
}

static int print_json(const struct yt_engine *engine, const char *name,
                      const char *dir)
{
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "name", name);
    yt_json_text(&doc, NULL, "dir", dir);
    yt_json_text(&doc, NULL, "model", engine->graph->name);
    yt_json_text(&doc, NULL, "isa", engine->build->isa->name);
    yt_json_int(&doc, NULL, "threads", engine->build->plan.threads);
    char precision[YT_PRECISION_WORD_MAX];
    yt_json_text(&doc, NULL, "precision", yt_cli_precision(engine, precision));
    yt_json_bool(&doc, NULL, "tuned", engine->tuned);
    yt_json_int(&doc, NULL, "weight_bytes", engine->build->plan.blob_bytes);
    return yt_json_print(&doc);
}

/* @p name NULL: made from the model's. */
static int write_library(const struct yt_engine *engine, const char *name,
                         const char *out, int32_t json)
{
    char made[YT_EXPORT_NAME_MAX];
    yt_cli_engine_notes(engine);
    if (!name) {
        yt_export_name(engine->graph->name, made);
        name = made;
    }
    const enum yt_status status = yt_cli_export(engine, name, out, NULL);
    if (status != YT_OK)
        return yt_cli_fail(status);
    if (json)
        return print_json(engine, name, out);
    print_text(engine, name, out);
    return YT_EXIT_OK;
}

int yt_cmd_export(int argc, char **argv)
{
    struct yt_cli_engine cli;
    struct yt_precision_wish precision = {0};
    memset(&cli, 0, sizeof cli);
    const char *out = NULL;
    const char *name = NULL;
    int32_t json = 0;
    int operand = 0;
    const struct yt_option options[] = {
        {"out", 'o', YT_OPTION_TEXT, "DIR", &out, 0, 0,
         "Where to write; created when absent. Required."},
        {"name", 'n', YT_OPTION_TEXT, "NAME", &name, 0, 0,
         "Prefix of the functions and name of the library, a C identifier "
         "(default: made from the model's name)."},
        YT_OPTION_ROWS_ENGINE(&cli),
        YT_OPTION_ROW_BANDS(&cli),
        YT_OPTION_ROWS_PRECISION(&precision),
        YT_OPTION_ROW_JSON(&json),
    };
    int code =
        yt_options_parse(&manual, options, sizeof options / sizeof *options,
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand < argc)
        return yt_cli_usage("export", "%s: takes no arguments", argv[operand]);
    if (!out)
        return yt_cli_usage("export", "--out DIR is missing");
    if (name && yt_export_name_check(name) != YT_OK)
        return yt_cli_usage("export", "%s", yt_error());
    code = yt_cli_precision_check("export", &precision);
    if (code >= 0)
        return code;

    const struct yt_cli_wanted wanted = {
        .engine = &cli, .precision = &precision, .access = YT_SITE_READS};
    struct yt_cli_opened opened;
    enum yt_status status = yt_cli_open(&wanted, &opened);
    int exit_code = YT_EXIT_OK;
    if (status == YT_OK)
        exit_code = write_library(opened.engine, name, out, json);
    else
        exit_code = yt_cli_fail(status);
    yt_cli_close(&opened);
    return exit_code;
}
