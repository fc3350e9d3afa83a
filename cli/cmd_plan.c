/* yolotune plan: a plan as a file that a product's build keeps. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/export_engine.h"
#include "cli/json.h"
#include "cli/opened.h"
#include "codegen/algo.h"
#include "codegen/schedule.h"
#include "db/db.h"
#include "export/export.h"
#include "runtime/fail.h"
#include "strategies/choice/config.h"
#include "tuner/build/plan_store.h"

/* Bytes; a plan has some thousand, and learned roundings a bit a weight. */
#define FILE_MAX (64 << 20)

static const struct yt_manual manual = {
    .command = "plan",
    .summary = "keep a plan in a file, and build from it",
    .synopsis = "show ID|FILE [--db FILE] [--json]\n"
                "export ID [--out FILE] [--db FILE]\n"
                "apply FILE --model FILE [--out DIR] [--name NAME] [--db FILE]",
    .description =
        "A plan is a text: what it is for, the configuration around it, its "
        "quantisation unless all is fp32, and a line per layer with its "
        "problem and its schedule. ID is a plan (p1), "
        "an evaluation (e1) or a recommendation (r1) of the database.\n\n"
        "show prints it, but for the lines of a quantisation, which export and "
        "--json have. export writes it to a file, or to standard output. "
        "apply compiles what the file says for the model, makes it the plan of "
        "this model, size, instruction set and thread count in the database, "
        "and with --out exports the library. Nothing is measured and nothing "
        "chosen: the same file, model and version of yolotune give the same "
        "bytes, on any machine that has the instructions.",
    .examples = " yolotune plan export r3 --out yolov5n.plan\n"
                " yolotune plan apply yolov5n.plan -m yolov5n.pt --out tuned\n",
};

struct job {
    struct yt_cli_engine engine;
    const char *out, *name;
    int32_t json;
};

/* ------------------------------------------------------------------ texts */

static enum yt_status read_file(const char *path, char **text_out)
{
    FILE *file = fopen(path, "re");
    YT_FAIL_IF(!file, YT_NOT_FOUND, "%s: cannot be opened", path);
    char *text = malloc(FILE_MAX + 1);
    const size_t length = text ? fread(text, 1, FILE_MAX, file) : 0;
    const int failed = ferror(file);
    fclose(file);
    if (!text)
        return yt_fail(YT_NO_MEMORY, "%s: no memory to read it", path);
    text[length] = 0;
    if (failed || length == FILE_MAX || strlen(text) != length) {
        free(text);
        return yt_fail(YT_BAD_INPUT, "%s: is no plan", path);
    }
    *text_out = text;
    return YT_OK;
}

/* The configuration goes behind the model's line, unless there is one. */
static enum yt_status with_configuration(char **text, const char *configuration)
{
    char *head_end = strchr(*text, '\n');
    char *line_end = head_end ? strchr(head_end + 1, '\n') : NULL;
    if (!*configuration || !line_end || strstr(*text, "\nconfiguration "))
        return YT_OK;
    const size_t size = strlen(*text) + strlen(configuration) + 32;
    char *whole = malloc(size);
    YT_FAIL_IF(!whole, YT_NO_MEMORY, "no memory for a plan");
    snprintf(whole, size, "%.*sconfiguration %s\n%s",
             (int)(line_end + 1 - *text), *text, configuration, line_end + 1);
    free(*text);
    *text = whole;
    return YT_OK;
}

static enum yt_status read_row(const char *path, const char *id,
                               char **text_out)
{
    struct yt_db *db = NULL;
    char *text = NULL, *configuration = NULL;
    YT_TRY(yt_db_open(path, YT_DB_READ_ONLY, &db));
    enum yt_status status = yt_db_plan_text(db, id, &text, &configuration);
    if (status == YT_OK)
        status = with_configuration(&text, configuration);
    if (status == YT_OK) {
        *text_out = text;
        text = NULL;
    }
    free(text);
    free(configuration);
    yt_db_close(db);
    return status;
}

/* "p1", "e12", "r3"; everything else is a file. */
static int is_id(const char *word)
{
    return strchr("per", word[0]) && word[0] && word[1] &&
           word[1 + strspn(word + 1, "0123456789")] == 0;
}

/* ------------------------------------------------------------------- show */

/* A schedule taken apart; nothing of one that this version does not know. */
static void put_knobs(struct yt_json *doc, json_t *step, const char *problem,
                      const char *schedule)
{
    struct yt_problem p;
    struct yt_schedule s;
    if (yt_problem_parse(problem, &p) != YT_OK ||
        yt_schedule_parse(p.op, schedule, &s) != YT_OK)
        return;
    const struct yt_algo *row = yt_algo_get(s.algo);
    yt_json_text(doc, step, "algorithm", row->name);
    json_t *knobs = yt_json_object(doc, step, "knobs");
    for (int id = 0; id < YT_KNOB_COUNT; id++)
        if (row->knobs >> id & 1)
            yt_json_int(doc, knobs, yt_knob_get((enum yt_knob_id)id)->name,
                        yt_schedule_get(&s, (enum yt_knob_id)id));
}

/* A list of the lines that begin with a word. */
static void put_steps(struct yt_json *doc, const char *list_name,
                      const char *text, const char *word)
{
    json_t *list = yt_json_array(doc, NULL, list_name);
    const size_t length = strlen(word);
    for (const char *at = text; (at = strchr(at, '\n'));) {
        char name[64], problem[96], schedule[64];
        at++;
        if (strncmp(at, word, length) != 0 ||
            sscanf(at + length, "%63s %95s %63s", name, problem, schedule) != 3)
            continue;
        json_t *step = yt_json_element(doc, list);
        yt_json_text(doc, step, "name", name);
        yt_json_text(doc, step, "problem", problem);
        yt_json_text(doc, step, "schedule", schedule);
        put_knobs(doc, step, problem, schedule);
    }
}

static int print_json(const char *text, const struct yt_plan_head *head)
{
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "model", head->model);
    yt_json_text(&doc, NULL, "configuration", head->configuration);
    yt_json_int(&doc, NULL, "height", head->h);
    yt_json_int(&doc, NULL, "width", head->w);
    yt_json_text(&doc, NULL, "isa", head->isa);
    yt_json_int(&doc, NULL, "threads", head->threads);
    yt_json_text(&doc, NULL, "precision", head->precision);
    put_steps(&doc, "steps", text, "step ");
    put_steps(&doc, "frame", text, "frame ");
    yt_json_text(&doc, NULL, "text", text);
    return yt_json_print(&doc);
}

/* Numbers of a quantisation are for programs: they are counted. */
static void print_text(const char *text)
{
    int32_t lines = 0;
    while (*text) {
        const size_t length = strcspn(text, "\n") + 1;
        const int is_quantisation = strncmp(text, "quant ", 6) == 0;
        if (!is_quantisation && lines > 0) {
            printf("quant (%d lines)\n", lines);
            lines = 0;
        }
        lines += is_quantisation;
        if (!is_quantisation)
            printf("%.*s\n", (int)length - 1, text);
        text += text[length - 1] ? length : length - 1;
    }
}

static int show(const struct job *job, const char *what)
{
    struct yt_plan_head head;
    char *text = NULL;
    enum yt_status status = is_id(what) ? read_row(job->engine.db, what, &text)
                                        : read_file(what, &text);
    if (status == YT_OK && yt_plan_text_head(text, &head) != YT_OK)
        status = yt_fail_prefix(YT_BAD_INPUT, "%s", what);
    int code = YT_EXIT_OK;
    if (status != YT_OK)
        code = yt_cli_fail(status);
    else if (job->json)
        code = print_json(text, &head);
    else
        print_text(text);
    free(text);
    return code;
}

/* ----------------------------------------------------------------- export */

static enum yt_status write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    YT_FAIL_IF(!file, YT_IO, "%s: cannot be written", path);
    const int failed = fputs(text, file) == EOF;
    if (fclose(file) != 0 || failed) {
        remove(path);
        return yt_fail(YT_IO, "%s: could not be written whole", path);
    }
    return YT_OK;
}

static int export_plan(const struct job *job, const char *id)
{
    char *text = NULL;
    if (!is_id(id))
        return yt_cli_usage("plan", "%s is no plan: p, e or r and a number",
                            id);
    enum yt_status status = read_row(job->engine.db, id, &text);
    if (status == YT_OK && job->out)
        status = write_file(job->out, text);
    else if (status == YT_OK)
        fputs(text, stdout);
    free(text);
    return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
}

/* ------------------------------------------------------------------ apply */

/* Everything that a plan is applied to; the head says what it has to be. */
struct ground {
    struct yt_graph *graph;
    struct yt_site *site;
    struct yt_engine *engine;
};

static void close_ground(struct ground *ground)
{
    yt_engine_close(ground->engine);
    yt_site_close(ground->site);
    yt_graph_destroy(ground->graph);
}

/* The database's plans are those without; their configuration may be with. */
static int names_bands(const char *configuration)
{
    struct yt_config config;
    return *configuration && yt_config_parse(configuration, &config) == YT_OK &&
           config.bands;
}

static enum yt_status open_ground(const struct job *job, const char *text,
                                  const struct yt_plan_head *head,
                                  struct ground *ground)
{
    struct yt_site_options site;
    struct yt_engine_options options;
    struct yt_quantisation *q = NULL;
    yt_cli_site_options(&job->engine, &site);
    yt_cli_engine_options(&job->engine, &options);
    YT_TRY(yt_graph_read(yt_cli_model(&job->engine), &ground->graph));
    YT_FAIL_IF(strcmp(head->model, ground->graph->name) != 0, YT_STALE,
               "plan: made for the model %s, not %s", head->model,
               ground->graph->name);
    YT_TRY(yt_plan_text_quantisation(ground->graph, text, &q));
    site.isa = head->isa;
    options.h = head->h;
    options.w = head->w;
    options.threads = head->threads;
    options.bands |= head->bands || names_bands(head->configuration);
    options.unbuilt = 1;
    options.untuned = 1;
    options.quantisation = q;
    enum yt_status status = yt_site_open(&site, &ground->site);
    if (status == YT_OK)
        status = yt_engine_open(ground->site, ground->graph, &options,
                                &ground->engine);
    yt_quantisation_destroy(q);
    return status;
}

static enum yt_status apply_text(const struct job *job, const char *text,
                                 struct ground *ground, int64_t *row_out)
{
    struct yt_plan_head head;
    YT_TRY(yt_plan_text_head(text, &head));
    YT_TRY(open_ground(job, text, &head, ground));
    struct yt_engine *engine = ground->engine;
    YT_TRY(yt_plan_text_read(engine->build, text));
    YT_TRY(yt_engine_reopen(engine));
    YT_TRY(yt_plan_store(engine, engine->build, YT_DB_TUNED, NULL, row_out));
    return job->out
               ? yt_cli_export(engine, job->name, job->out,
                               *head.configuration ? head.configuration : NULL)
               : YT_OK;
}

static int apply(const struct job *job, const char *path)
{
    struct ground ground = {NULL, NULL, NULL};
    char *text = NULL;
    int64_t row = 0;
    if (!job->engine.model)
        return yt_cli_usage("plan", "apply: --model is missing");
    enum yt_status status = read_file(path, &text);
    if (status == YT_OK) {
        status = apply_text(job, text, &ground, &row);
        if (status != YT_OK)
            status = yt_fail_prefix(status == YT_STALE ? YT_BAD_INPUT : status,
                                    "%s", path);
    }
    int code = YT_EXIT_OK;
    char precision[YT_PRECISION_WORD_MAX];
    const struct yt_engine *engine = ground.engine;
    if (status != YT_OK)
        code = yt_cli_fail(status);
    else
        printf("p%lld is the plan of %s at %dx%d, %s, %s, %d thread%s%s%s\n",
               (long long)row, engine->graph->name, engine->build->plan.h,
               engine->build->plan.w, engine->build->isa->name,
               yt_cli_precision(engine, precision), engine->threads,
               engine->threads == 1 ? "" : "s",
               job->out ? "; its library is in " : "",
               job->out ? job->out : "");
    free(text);
    close_ground(&ground);
    return code;
}

/* ---------------------------------------------------------------- command */

int yt_cmd_plan(int argc, char **argv)
{
    struct job job;
    memset(&job, 0, sizeof job);
    const struct yt_option options[] = {
        YT_OPTION_ROW_MODEL(&job.engine.model),
        {"out", 'o', YT_OPTION_TEXT, "PATH", &job.out, 0, 0,
         "export: the file to write. apply: the folder of the library."},
        {"name", 'n', YT_OPTION_TEXT, "NAME", &job.name, 0, 0,
         "apply: the library's name (default: the model's)."},
        YT_OPTION_ROW_DB(&job.engine.db),
        YT_OPTION_ROW_JSON(&job.json),
    };
    int first = 0;
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &first);
    if (code >= 0)
        return code;
    if (argc - first != 2)
        return yt_cli_usage("plan", "an action and one plan are needed: show "
                                    "p1, export r1 or apply FILE");
    if (job.name && yt_export_name_check(job.name) != YT_OK)
        return yt_cli_usage("plan", "%s", yt_error());
    const char *action = argv[first], *what = argv[first + 1];
    if (strcmp(action, "show") == 0)
        return show(&job, what);
    if (strcmp(action, "export") == 0)
        return export_plan(&job, what);
    if (strcmp(action, "apply") == 0)
        return apply(&job, what);
    return yt_cli_usage("plan", "%s: not show, export or apply", action);
}
