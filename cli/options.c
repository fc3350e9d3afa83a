/* Command lines from tables: the rows of a subcommand's options become
 * getopt_long()'s arrays and the pages that --help prints, so the two cannot
 * disagree. */

#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "codegen/codegen.h"
#include "runtime/fail.h"
#include "runtime/isa.h"

#define HELP_COLUMNS 78

/* getopt_long() returns FIRST_LONG + row, so that rows need no letter. */
#define FIRST_LONG 256

int yt_cli_exit_code(enum yt_status status)
{
    switch (status) {
    case YT_OK:
        return YT_EXIT_OK;
    case YT_BAD_ARGUMENT:
        return YT_EXIT_USAGE;
    case YT_BAD_INPUT:
    case YT_UNSUPPORTED:
    case YT_NOT_FOUND:
        return YT_EXIT_INPUT;
    case YT_UNSATISFIABLE:
        return YT_EXIT_UNSATISFIABLE;
    case YT_INTERRUPTED:
        return YT_EXIT_INTERRUPTED;
    default:
        return YT_EXIT_FAILURE;
    }
}

int yt_cli_fail(enum yt_status status)
{
    fflush(stdout);
    fprintf(stderr, "yolotune: %s\n",
            *yt_error() ? yt_error() : yt_status_name(status));
    return yt_cli_exit_code(status);
}

int yt_cli_usage(const char *command, const char *format, ...)
{
    fflush(stdout);
    fputs("yolotune: ", stderr);
    if (command)
        fprintf(stderr, "%s: ", command);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see 'yolotune %s%s--help')\n", command ? command : "",
            command ? " " : "");
    return YT_EXIT_USAGE;
}

enum yt_status yt_cli_isa(const char *name, const struct yt_isa **isa_out)
{
    if (!name) {
        *isa_out = yt_codegen_best_isa(yt_cpu_features());
        return YT_OK;
    }
    const struct yt_isa *isa = yt_isa_find(name);
    if (!isa) {
        char known[128];
        struct yt_text text = yt_text_in(known, sizeof known);
        for (int i = 0; i < YT_ISA_COUNT; i++)
            yt_text_add(&text, "%s%s", i ? ", " : "",
                        yt_isa_get((enum yt_isa_id)i)->name);
        return yt_fail(YT_BAD_ARGUMENT,
                       "--isa %s: not an instruction set; known are %s", name,
                       known);
    }
    YT_TRY(yt_isa_check(isa, yt_cpu_features()));
    YT_TRY(yt_codegen_check_host(isa));
    *isa_out = isa;
    return YT_OK;
}

/* ------------------------------------------------------------- values */

/* A whole decimal number; 0 when the text is anything else. */
static int parse_int(const char *text, long *value_out, char **end_out)
{
    if (!isdigit((unsigned char)text[text[0] == '-']))
        return 0;
    errno = 0;
    *value_out = strtol(text, end_out, 10);
    return errno == 0;
}

/* A decimal number; strtod() alone would read "0x10", "inf" and blanks. */
static int parse_number(const char *text, double *value_out, char **end_out)
{
    const char *digits = text + (text[0] == '-');
    if ((!isdigit((unsigned char)digits[0]) && text[0] != '.') ||
        (digits[0] == '0' && (digits[1] | 0x20) == 'x'))
        return 0;
    errno = 0;
    *value_out = strtod(text, end_out);
    return errno == 0 && isfinite(*value_out);
}

static int parse_time(const char *text, uint64_t *ns_out)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {
        {"", 1e9}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
    };
    double value = 0;
    char *end = NULL;
    if (!parse_number(text, &value, &end) || value < 0)
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        if (value * units[i].ns > 1e18)
            return 0;
        *ns_out = (uint64_t)(value * units[i].ns);
        return 1;
    }
    return 0;
}

static int parse_bytes(const char *text, int64_t *bytes_out)
{
    static const struct {
        const char *suffix;
        double bytes;
    } units[] = {
        {"", 1},          {"K", 1 << 10},   {"M", 1 << 20},   {"G", 1 << 30},
        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3},
        {"KB", 1e3},      {"MB", 1e6},      {"GB", 1e9},
    };
    double value = 0;
    char *end = NULL;
    if (!parse_number(text, &value, &end) || value < 0)
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        if (value * units[i].bytes < 1 || value * units[i].bytes > 1e15)
            return 0;
        *bytes_out = (int64_t)(value * units[i].bytes);
        return 1;
    }
    return 0;
}

int yt_options_size(const char *text, struct yt_size *size_out)
{
    long h = 0;
    long w = 0;
    char *end = NULL;
    if (!parse_int(text, &h, &end))
        return 0;
    if (*end == 0)
        w = h;
    else if (*end != 'x' || !parse_int(end + 1, &w, &end) || *end != 0)
        return 0;
    if (h < 1 || h > 32768 || w < 1 || w > 32768)
        return 0;
    size_out->h = (int32_t)h;
    size_out->w = (int32_t)w;
    return 1;
}

static int store_item(const char *command, const struct yt_option *o,
                      const char *text)
{
    struct yt_texts *texts = o->target;
    if (!*text)
        return yt_cli_usage(command, "--%s is empty", o->name);
    if (texts->count == YT_TEXTS_MAX)
        return yt_cli_usage(command, "--%s: at most %d of them", o->name,
                            YT_TEXTS_MAX);
    texts->items[texts->count++] = text;
    return -1;
}

/* The width behind a height: "384 640". */
static int store_width(const char *command, const struct yt_option *o,
                       const char *text)
{
    struct yt_size *size = o->target;
    struct yt_size width;
    if (!yt_options_size(text, &width))
        return yt_cli_usage(command, "--%s %d %s: not a size", o->name, size->h,
                            text);
    size->w = width.w;
    return -1;
}

static int store_whole(const char *command, const struct yt_option *o,
                       const char *text)
{
    const int bounded = o->min != 0 || o->max != 0;
    char *end = NULL;
    long whole = 0;
    if (!parse_int(text, &whole, &end) || *end || whole < INT32_MIN ||
        whole > INT32_MAX)
        return yt_cli_usage(command, "--%s %s: not a whole number", o->name,
                            text);
    if (bounded && ((double)whole < o->min || (double)whole > o->max))
        return yt_cli_usage(command, "--%s %s: must be %.0f to %.0f", o->name,
                            text, o->min, o->max);
    *(int32_t *)o->target = (int32_t)whole;
    return -1;
}

static int store_number(const char *command, const struct yt_option *o,
                        const char *text)
{
    const int bounded = o->min != 0 || o->max != 0;
    char *end = NULL;
    double number = 0;
    if (!parse_number(text, &number, &end) || *end)
        return yt_cli_usage(command, "--%s %s: not a number", o->name, text);
    if (bounded && (number < o->min || number > o->max))
        return yt_cli_usage(command, "--%s %s: must be %g to %g", o->name, text,
                            o->min, o->max);
    if (o->kind == YT_OPTION_REAL)
        *(double *)o->target = number;
    else
        *(float *)o->target = (float)number;
    return -1;
}

/* Store an option's value; an exit code when it is off, -1 otherwise. */
static int store(const char *command, const struct yt_option *o,
                 const char *text)
{
    switch (o->kind) {
    case YT_OPTION_FLAG:
        *(int32_t *)o->target = 1;
        return -1;
    case YT_OPTION_TEXT:
        if (!*text)
            return yt_cli_usage(command, "--%s is empty", o->name);
        *(const char **)o->target = text;
        return -1;
    case YT_OPTION_INT:
        return store_whole(command, o, text);
    case YT_OPTION_NUMBER:
    case YT_OPTION_REAL:
        return store_number(command, o, text);
    case YT_OPTION_TIME:
        if (!parse_time(text, o->target))
            return yt_cli_usage(command,
                                "--%s %s: not a time; write 30s, 5m or 500ms",
                                o->name, text);
        return -1;
    case YT_OPTION_SIZE:
        if (!yt_options_size(text, o->target))
            return yt_cli_usage(command,
                                "--%s %s: not a size; write 640 or 384x640",
                                o->name, text);
        return -1;
    case YT_OPTION_BYTES:
        if (!parse_bytes(text, o->target))
            return yt_cli_usage(
                command, "--%s %s: not a size; write 64MiB, 64MB or 1.5GiB",
                o->name, text);
        return -1;
    case YT_OPTION_LIST:
        return store_item(command, o, text);
    }
    return -1;
}

/* ---------------------------------------------------------------- help */

/* Print text at an indent, wrapped; lines that start with a blank as is. */
static void print_wrapped(const char *text, int indent)
{
    int column = 0;
    while (*text) {
        if (*text == '\n') {
            const int blank_line = text[1] == '\n';
            putchar('\n');
            if (blank_line)
                putchar('\n');
            text += 1 + blank_line;
            column = 0;
            continue;
        }
        if (column == 0 && *text == ' ') {
            const size_t length = strcspn(text, "\n");
            printf("%*s%.*s", indent, "", (int)length, text);
            text += length;
            continue;
        }
        const int length = (int)strcspn(text, " \n");
        if (length == 0) {
            text++;
            continue;
        }
        if (column && indent + column + 1 + length > HELP_COLUMNS) {
            putchar('\n');
            column = 0;
        }
        printf("%*s%.*s", column ? 1 : indent, "", length, text);
        column += length + (column ? 1 : 0);
        text += length;
    }
    putchar('\n');
}

static void print_synopsis(const struct yt_manual *manual)
{
    puts("\nSYNOPSIS");
    const char *line = manual->synopsis;
    while (*line) {
        const int length = (int)strcspn(line, "\n");
        printf("    yolotune%s%s %.*s\n", manual->command ? " " : "",
               manual->command ? manual->command : "", length, line);
        line += length;
        line += *line == '\n';
    }
}

static const char *const exit_status_text =
    " 0    done\n"
    " 1    failure: i/o, memory, compiler, database\n"
    " 2    the command line is off\n"
    " 3    an input is missing, damaged or not supported\n"
    " 4    no configuration satisfies the constraints\n"
    " 130  interrupted; what was measured is saved";

/* Shown where the option is one of the page's. */
static const struct {
    const char *option, *name, *help;
} environment[] = {
    {"db", "XDG_DATA_HOME",
     "Folder of the results database's folder (default: ~/.local/share)."},
    {"model", "YT_DUMP=ir,asm",
     "Write the IR, the assembly or both of each kernel that is compiled into "
     "the folder $YT_DUMP_DIR (default: the working directory)."},
    {"model", "YT_PERF=1",
     "Tell perf(1) the kernels' names, in /tmp/perf-PID.map."},
};

static void print_environment(const struct yt_option *options, size_t count)
{
    const char *title = "\nENVIRONMENT\n";
    for (size_t e = 0; e < sizeof environment / sizeof environment[0]; e++) {
        size_t i = 0;
        while (i < count && strcmp(options[i].name, environment[e].option) != 0)
            i++;
        if (i == count)
            continue;
        printf("%s    %s\n", title, environment[e].name);
        print_wrapped(environment[e].help, 8);
        title = "";
    }
}

static void print_aliases(const struct yt_option *o)
{
    for (int i = 0; i < YT_OPTION_ALIASES_MAX && o->aliases[i]; i++)
        printf("%s--%s", i == 0 ? " (also " : ", ", o->aliases[i]);
    puts(o->aliases[0] ? ")" : "");
}

void yt_manual_print(const struct yt_manual *manual,
                     const struct yt_option *options, size_t option_count)
{
    char name[256];
    snprintf(name, sizeof name, "yolotune%s%s - %s", manual->command ? " " : "",
             manual->command ? manual->command : "", manual->summary);
    puts("NAME");
    print_wrapped(name, 4);
    print_synopsis(manual);
    puts("\nDESCRIPTION");
    print_wrapped(manual->description, 4);
    puts("\nOPTIONS");
    for (size_t i = 0; i < option_count; i++) {
        const struct yt_option *o = &options[i];
        if (o->letter)
            printf("    -%c, --%s%s%s", o->letter, o->name, o->arg ? " " : "",
                   o->arg ? o->arg : "");
        else
            printf("    --%s%s%s", o->name, o->arg ? " " : "",
                   o->arg ? o->arg : "");
        print_aliases(o);
        print_wrapped(o->help, 8);
    }
    puts("    -h, --help\n        Print this page.");
    puts("\nEXIT STATUS");
    print_wrapped(exit_status_text, 3);
    print_environment(options, option_count);
    if (manual->examples) {
        puts("\nEXAMPLES");
        print_wrapped(manual->examples, 3);
    }
}

/* --------------------------------------------------------------- parse */

struct getopt_arrays {
    struct option *longs; /* names of rows, --help, and the end */
    char *shorts;         /* ":h", then a letter and a colon each */
};

static enum yt_status create_arrays(size_t count, struct getopt_arrays *arrays)
{
    arrays->longs =
        calloc(count * (1 + YT_OPTION_ALIASES_MAX) + 2, sizeof *arrays->longs);
    arrays->shorts = calloc(2 * count + 3, 1);
    YT_FAIL_IF(!arrays->longs || !arrays->shorts, YT_NO_MEMORY,
               "no memory for options");
    return YT_OK;
}

static void destroy_arrays(struct getopt_arrays *arrays)
{
    free(arrays->longs);
    free(arrays->shorts);
}

static void fill_arrays(const struct yt_option *options, size_t count,
                        struct getopt_arrays *arrays)
{
    char *letter = arrays->shorts;
    struct option *next = arrays->longs;
    *letter++ = ':'; /* a missing argument is told apart, nothing is printed */
    *letter++ = 'h';
    for (size_t i = 0; i < count; i++) {
        const int has_arg =
            options[i].kind == YT_OPTION_FLAG ? no_argument : required_argument;
        const int value = FIRST_LONG + (int)i;
        *next++ = (struct option){options[i].name, has_arg, NULL, value};
        for (int k = 0; k < YT_OPTION_ALIASES_MAX && options[i].aliases[k]; k++)
            *next++ =
                (struct option){options[i].aliases[k], has_arg, NULL, value};
        if (options[i].letter) {
            *letter++ = options[i].letter;
            if (has_arg)
                *letter++ = ':';
        }
    }
    *next = (struct option){"help", no_argument, NULL, 'h'};
}

static const struct yt_option *find_row(const struct yt_option *options,
                                        size_t count, int value)
{
    if (value >= FIRST_LONG)
        return &options[value - FIRST_LONG];
    for (size_t i = 0; i < count; i++)
        if (options[i].letter && options[i].letter == value)
            return &options[i];
    return NULL;
}

/* What getopt_long() stumbled over. optopt is the letter of an unknown short
 * option, and a row's value when a flag was given "=value". */
static int refuse(const char *command, const char *word)
{
    if (optopt > 0 && optopt < FIRST_LONG && optopt != 'h')
        return yt_cli_usage(command, "-%c is not an option", optopt);
    return yt_cli_usage(
        command, optopt ? "%s: takes no value" : "%s is not an option", word);
}

static int is_number(const char *word)
{
    return *word && strspn(word, "0123456789") == strlen(word) &&
           access(word, F_OK) != 0;
}

/* The words behind a value that belong to it, too. */
static int store_more(const char *command, const struct yt_option *o, int argc,
                      char **argv)
{
    int code = -1;
    for (int32_t i = 0;
         i < o->more && code < 0 && optind < argc && is_number(argv[optind]);
         i++)
        code = o->kind == YT_OPTION_SIZE
                   ? store_width(command, o, argv[optind++])
                   : store_item(command, o, argv[optind++]);
    return code;
}

/* One that getopt_long() returned; an exit code, or -1 to go on. */
static int take(const struct yt_manual *manual, const struct yt_option *options,
                size_t count, int value, int argc, char **argv)
{
    const char *word = argv[optind - 1];
    if (value == 'h') {
        yt_manual_print(manual, options, count);
        return YT_EXIT_OK;
    }
    if (value == ':')
        return yt_cli_usage(manual->command, "%s needs a value", word);
    const struct yt_option *row =
        value == '?' ? NULL : find_row(options, count, value);
    if (!row)
        return refuse(manual->command, word);
    const int code = store(manual->command, row, optarg);
    return code < 0 ? store_more(manual->command, row, argc, argv) : code;
}

int yt_options_parse(const struct yt_manual *manual,
                     const struct yt_option *options, size_t option_count,
                     int argc, char **argv, int *operand_out)
{
    struct getopt_arrays arrays;
    int value, code = -1;
    if (create_arrays(option_count, &arrays) != YT_OK) {
        destroy_arrays(&arrays);
        return yt_cli_fail(YT_NO_MEMORY);
    }
    fill_arrays(options, option_count, &arrays);
    optind = 0; /* glibc: forget what an earlier call scanned */
    opterr = 0;
    while (code < 0 && (value = getopt_long(argc, argv, arrays.shorts,
                                            arrays.longs, NULL)) != -1)
        code = take(manual, options, option_count, value, argc, argv);
    destroy_arrays(&arrays);
    *operand_out = optind;
    return code;
}
