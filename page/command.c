#include "page/command.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "page/rows.h"
#include "runtime/fail.h"
#include "strategies/choice/config.h"

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                            "wxyz0123456789._:/=+-";

void yt_command_word(struct yt_text *to, const char *word)
{
    if (*word && !word[strspn(word, plain)]) {
        yt_text_add(to, "%s", word);
        return;
    }
    yt_text_add(to, "'");
    for (; *word; word++)
        yt_text_add(to, *word == '\'' ? "'\\''" : "%c", *word);
    yt_text_add(to, "'");
}

/* yolov5n.pt; builtin:n of what the program makes itself. */
static void add_model(struct yt_text *to, const json_t *row)
{
    static const char family[] = "yolov5";
    const char *name = yt_row_text(row, "model");
    const char *format = yt_row_text(row, "format");
    struct yt_text file = {0};
    if (strcmp(format, "built-in") != 0)
        yt_text_add(&file, "%s.%s", name, format);
    else if (strncmp(name, family, strlen(family)) == 0)
        yt_text_add(&file, "builtin:%s", name + strlen(family));
    else
        yt_text_add(&file, "%s", name);
    yt_command_word(to, yt_text_get(&file));
    to->failed |= file.failed;
    yt_text_free(&file);
}

/* Plans of a mix are found without a word for it. */
static void add_precision(struct yt_text *to, const char *precision)
{
    static const char *const known[] = {"int8", "int16", "bf16"};
    if (strncmp(precision, "f32", 3) == 0)
        yt_text_add(to, " --precision fp32");
    if (strcmp(precision, "f32-dense-heads") == 0)
        yt_text_add(to, " --dense-heads");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const size_t length = strlen(known[i]);
        if (strncmp(precision, known[i], length) == 0 &&
            precision[length] == '-')
            yt_text_add(to, " --precision %s", known[i]);
    }
}

/* @return whether the command has an option for all that was asked for: of what
 * is done to a picture before and behind the network it has none. */
static int add_arrangement(struct yt_text *to, const char *configuration)
{
    struct yt_config config;
    if (!*configuration || yt_config_parse(configuration, &config) != YT_OK)
        return 1;
    if (config.augment != YT_TTA_NONE || config.fit != YT_FIT_LETTERBOX ||
        config.filter != YT_FILTER_BILINEAR || config.agnostic ||
        config.candidates || config.max_det != YT_CONFIG_MAX_DET ||
        fabsf(config.iou - YT_CONFIG_IOU) > 1e-6f)
        return 0;
    if (config.bands)
        yt_text_add(to, " --bands");
    if (config.parallel != YT_LATENCY)
        yt_text_add(to, " --parallel %s:%dx%d",
                    config.parallel == YT_THROUGHPUT ? "throughput"
                                                     : "pipeline",
                    config.groups, config.threads);
    if (config.pin)
        yt_text_add(to, " --pin");
    return 1;
}

enum yt_status yt_command_add(json_t *row, const char *db)
{
    struct yt_text text = {0};
    if (!row)
        return YT_OK;
    yt_text_add(&text, "yolotune bench --model ");
    add_model(&text, row);
    yt_text_add(
        &text, " --imgsz %" PRId64 "x%" PRId64 " --threads %" PRId64 " --isa ",
        yt_row_int(row, "h"), yt_row_int(row, "w"), yt_row_int(row, "threads"));
    yt_command_word(&text, yt_row_text(row, "isa"));
    add_precision(&text, yt_row_text(row, "precision"));
    const int is_whole =
        add_arrangement(&text, yt_row_text(row, "configuration"));
    if (yt_row_int(row, "background_load"))
        yt_text_add(&text, " --background-load %" PRId64,
                    yt_row_int(row, "background_load"));
    if (db) {
        yt_text_add(&text, " --db ");
        yt_command_word(&text, db);
    }
    json_t *value = json_string(is_whole ? yt_text_get(&text) : "");
    if (!value) /* a path that is not UTF-8 */
        value = json_string("");
    const int failed =
        text.failed || json_object_set_new(row, "command", value) != 0;
    yt_text_free(&text);
    YT_FAIL_IF(failed, YT_NO_MEMORY, "a command: out of memory");
    return YT_OK;
}

enum yt_status yt_commands_add(json_t *rows, const char *db)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) YT_TRY(yt_command_add(row, db));
    return YT_OK;
}
