#ifndef YT_CLI_H
#define YT_CLI_H

/* What the subcommands share: exit codes, the option tables that both
 * getopt_long() and --help are made from, and how failures become one line on
 * stderr. Only files of this folder print or end the process. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

struct yt_engine_options;
struct yt_site_options;
struct yt_isa;
struct yt_picture;

/** What the process answers; documented in README.md. */
enum yt_exit {
    YT_EXIT_OK = 0,
    YT_EXIT_FAILURE = 1,       /* i/o, memory, compiler, a broken database */
    YT_EXIT_USAGE = 2,         /* an option or argument that is off */
    YT_EXIT_INPUT = 3,         /* a file that is missing, damaged, not ours */
    YT_EXIT_UNSATISFIABLE = 4, /* no configuration meets the constraints */
    YT_EXIT_INTERRUPTED = 130  /* by a signal; what was measured is saved */
};

/** The subcommands, one file each: cli/cmd_<name>.c. argv[0] is the
 *  subcommand's own name; each returns an enum yt_exit. */
#define YT_COMMAND(name, summary) int yt_cmd_##name(int argc, char **argv);
#include "cli/commands.inc"
#undef YT_COMMAND

/* ------------------------------------------------------------- failures */

/** The exit code that stands for @p status. */
int yt_cli_exit_code(enum yt_status status);

/** Print "yolotune: " and yt_error() on stderr.
 *  @return the exit code that stands for @p status. */
int yt_cli_fail(enum yt_status status);

/** Print "yolotune: " and a sentence on what is wrong with the command line,
 *  then where to read more. @p command NULL: the program itself.
 *  @return YT_EXIT_USAGE. */
int yt_cli_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A flag that the first SIGINT, SIGTERM or SIGHUP after this call sets, so
 *  that a long job can save and end; the second one ends the process. */
const volatile int *yt_cli_stop_flag(void);

/* -------------------------------------------------------------- options */

enum yt_option_kind {
    YT_OPTION_FLAG,   /* int32_t: set to 1 */
    YT_OPTION_TEXT,   /* const char *: borrowed from argv */
    YT_OPTION_INT,    /* int32_t, min..max */
    YT_OPTION_NUMBER, /* float, min..max */
    YT_OPTION_TIME,   /* uint64_t ns: "500ms", "30s", "5m", "2h", "30" is s */
    YT_OPTION_SIZE,   /* struct yt_size: "640" or "384x640", height first */
    YT_OPTION_REAL,   /* double, min..max */
    YT_OPTION_BYTES,  /* int64_t: "64MiB", "64MB", "1.5G" is GiB */
    YT_OPTION_LIST    /* struct yt_texts: may be given several times */
};

#define YT_TEXTS_MAX 16

/** Texts in the order given; borrowed from argv. */
struct yt_texts {
    const char *items[YT_TEXTS_MAX];
    int32_t count;
};

/** Network input, pixels; 0x0 when not given. */
struct yt_size {
    int32_t h, w;
};

#define YT_OPTION_ALIASES_MAX 3

/** One row: what getopt_long() accepts and what --help says. */
struct yt_option {
    const char *name; /* long name, without dashes */
    char letter;      /* 0: none */
    enum yt_option_kind kind;
    const char *arg;  /* placeholder in --help; NULL for FLAG */
    void *target;     /* as kind says; untouched when the option is absent */
    double min, max;  /* INT, NUMBER, REAL; both 0: any */
    const char *help; /* a sentence or two, wrapped when printed */
    const char *aliases[YT_OPTION_ALIASES_MAX]; /* names that YOLOv5 has for it;
                                                   or NULL */
    int32_t more; /* SIZE, LIST: so many words behind the value belong to it,
                     too, while they are whole numbers and no files, as with
                     argparse's nargs='+': "--imgsz 384 640" */
};

/** A manual page, made with the option rows. Text is wrapped when printed; a
 *  line that starts with a blank is kept as it is. */
struct yt_manual {
    const char *command;     /* "analyze"; NULL: the program itself */
    const char *summary;     /* "show where a model's time goes" */
    const char *synopsis;    /* what follows the command, a line per form */
    const char *description; /* paragraphs apart by an empty line */
    const char *examples;    /* "command\n    what it does" pairs, or NULL */
};

/** Read the options, which may be mixed with operands.
 *
 * --help and -h print the manual. Operands end up in argv[*operand_out] to
 * argv[argc - 1].
 *
 * @return -1 to go on; an exit code when the command is done (help was
 *         printed, or an option was off and a sentence said so).
 */
int yt_options_parse(const struct yt_manual *manual,
                     const struct yt_option *options, size_t option_count,
                     int argc, char **argv, int *operand_out);

/** Read "640" or "384x640", height first.
 *  @return 0 for any other text. */
int yt_options_size(const char *text, struct yt_size *size_out);

/** Print a manual page on stdout. */
void yt_manual_print(const struct yt_manual *manual,
                     const struct yt_option *options, size_t option_count);

/* Rows that read the same everywhere. */
#define YT_OPTION_ROW_MODEL(target)                                            \
    {"model",                                                                  \
     'm',                                                                      \
     YT_OPTION_TEXT,                                                           \
     "FILE",                                                                   \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "The network: a YOLOv5 v1.0-v7.0, YOLOv5u or YOLOv8 checkpoint (.pt) or " \
     "its ONNX export.",                                                       \
     {"weights"}}
#define YT_OPTION_ROW_IMGSZ(target)                                            \
    {"imgsz",                                                                  \
     0,                                                                        \
     YT_OPTION_SIZE,                                                           \
     "N|HxW",                                                                  \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "Network input in pixels, multiples of the model's stride (default: the " \
     "size the model was made for, mostly 640).",                              \
     {"img", "img-size"},                                                      \
     1}
#define YT_OPTION_ROW_THREADS(target)                                          \
    {"threads",                                                                \
     't',                                                                      \
     YT_OPTION_INT,                                                            \
     "N",                                                                      \
     target,                                                                   \
     1,                                                                        \
     256,                                                                      \
     "Threads a frame runs on (default: the CPUs this process may use)."}
#define YT_OPTION_ROW_ISA(target)                                              \
    {"isa",                                                                    \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "NAME",                                                                   \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "Instruction set to generate code for, as `yolotune cpu` lists them: "    \
     "scalar, sse4.2, avx2, avx512, avx512vnni ... "                           \
     "(default: the widest this CPU has)."}
#define YT_OPTION_ROW_DB(target)                                               \
    {"db",                                                                     \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "FILE",                                                                   \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "The results database (default: $XDG_DATA_HOME/yolotune/results.db; "     \
     ":memory: keeps nothing)."}
#define YT_OPTION_ROW_QUIET(target)                                            \
    {"quiet",                                                                  \
     'q',                                                                      \
     YT_OPTION_FLAG,                                                           \
     NULL,                                                                     \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "No progress on standard error."}
#define YT_OPTION_ROW_JSON(target)                                             \
    {"json",                                                                   \
     'j',                                                                      \
     YT_OPTION_FLAG,                                                           \
     NULL,                                                                     \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "Print one JSON document on standard output instead of text."}

/** The options of every command that runs a model. */
struct yt_cli_engine {
    const char *model, *isa, *db;
    struct yt_size imgsz;
    int32_t threads;
    int32_t dense_heads;
    int32_t bands;
};

#define YT_OPTION_ROWS_ENGINE(engine)                                          \
    YT_OPTION_ROW_MODEL(&(engine)->model),                                     \
        YT_OPTION_ROW_IMGSZ(&(engine)->imgsz),                                 \
        YT_OPTION_ROW_THREADS(&(engine)->threads),                             \
        YT_OPTION_ROW_ISA(&(engine)->isa), YT_OPTION_ROW_DB(&(engine)->db),    \
        {"dense-heads",                                                        \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(engine)->dense_heads,                                               \
         0,                                                                    \
         0,                                                                    \
         "Compute the detection heads whole, as other engines do, instead "    \
         "of only where objectness passes the threshold. The boxes are "       \
         "the same; a plan of its own is tuned."}

/** Of the commands that need no layer's tensors whole. */
#define YT_OPTION_ROW_BANDS(engine)                                            \
    {"bands",                                                                  \
     0,                                                                        \
     YT_OPTION_FLAG,                                                           \
     NULL,                                                                     \
     &(engine)->bands,                                                         \
     0,                                                                        \
     0,                                                                        \
     "Run layers together, a few rows at a time, where that takes less "       \
     "memory. The boxes are the same, and so is the plan."}

/** The frame that speed is measured on: a picture, or without @p path a
 *  common camera's 1280x720 pixels of seeded noise.
 *  @return as yt_picture_load(). */
enum yt_status yt_cli_frame(const char *path, struct yt_picture *picture_out);

/** What yt_graph_read() takes: the model that is named, or the default one. */
const char *yt_cli_model(const struct yt_cli_engine *cli);

/** What tuner/build/site.h and engine.h want to know; borrows from @p cli. */
void yt_cli_site_options(const struct yt_cli_engine *cli,
                         struct yt_site_options *options_out);
void yt_cli_engine_options(const struct yt_cli_engine *cli,
                           struct yt_engine_options *options_out);

/** The instruction set that --isa named, NULL: the widest here.
 *  @return YT_OK; YT_BAD_ARGUMENT for an unknown name; YT_UNSUPPORTED when
 *          this CPU lacks it. */
enum yt_status yt_cli_isa(const char *name, const struct yt_isa **isa_out);

#endif
