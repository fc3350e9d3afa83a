/* NAME: prefix of an export's functions, stem of its files. It must be a C
 * identifier and must shadow nothing that a product includes or links: with
 * -I DIR/include, an export called "math" would answer <math.h>. */

#include <stdio.h>
#include <string.h>

#include "export/export.h"
#include "runtime/fail.h"

/* Headers and libraries of C and POSIX, and the CMake packages that the
 * export's own package asks for. */
static const char *const taken[] = {
    "aio",         "assert",  "c",        "complex", "crypt",    "ctype",
    "dirent",      "dl",      "dlfcn",    "endian",  "errno",    "fcntl",
    "features",    "fenv",    "float",    "gcc",     "gcc_s",    "glob",
    "grp",         "iconv",   "inttypes", "iso646",  "limits",   "locale",
    "m",           "malloc",  "math",     "memory",  "netdb",    "poll",
    "pthread",     "pwd",     "regex",    "resolv",  "rt",       "sched",
    "semaphore",   "setjmp",  "signal",   "spawn",   "stdalign", "stdarg",
    "stdatomic",   "stdbool", "stddef",   "stdint",  "stdio",    "stdlib",
    "stdnoreturn", "string",  "strings",  "syslog",  "termios",  "tgmath",
    "threads",     "Threads", "time",     "uchar",   "unistd",   "util",
    "utime",       "wchar",   "wctype",   "wordexp",
};

static const char *const taken_by_python[] = {
#include "export/python_names.inc"
};

static int is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

static int is_taken(const char *name)
{
    return is_among(name, taken, sizeof taken / sizeof taken[0]);
}

int yt_export_name_suits_python(const char *name)
{
    const size_t length = strlen(name);
    return length && name[length - 1] != '_' &&
           !is_among(name, taken_by_python,
                     sizeof taken_by_python / sizeof taken_by_python[0]);
}

/* isalnum() asks the locale. */
static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The runtime's own symbols start like this. */
static int is_ours(const char *name)
{
    return strcmp(name, "yt") == 0 || strncmp(name, "yt_", 3) == 0;
}

/* NAME_batch_open() opens a batch of NAME, not a model of NAME_batch. */
static int is_of_batch(const char *name)
{
    static const char suffix[] = "_batch";
    const size_t length = strlen(name), tail = sizeof suffix - 1;
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

void yt_export_name(const char *model, char name[YT_EXPORT_NAME_MAX])
{
    /* Identifiers that start with '_' belong to the implementation; a run of
     * other characters becomes one '_'. */
    char stem[YT_EXPORT_NAME_MAX - 1]; /* room for one more in front */
    size_t length = 0;
    int gap = 0;
    for (const char *c = model; *c && length + 2 < sizeof stem; c++) {
        const int keep = is_word(*c) || (*c == '_' && length > 0);
        if (keep && gap && length > 0)
            stem[length++] = '_';
        if (keep)
            stem[length++] = *c;
        gap = !keep;
    }
    stem[length] = 0;
    if (length == 0 || is_taken(stem) || is_of_batch(stem))
        snprintf(name, YT_EXPORT_NAME_MAX, "%.32s%s", stem,
                 length ? "_model" : "model");
    else
        snprintf(name, YT_EXPORT_NAME_MAX, "%s%s",
                 is_digit(stem[0]) || is_ours(stem) ? "m" : "", stem);
}

enum yt_status yt_export_name_check(const char *name)
{
    const size_t length = strlen(name);
    YT_FAIL_IF(length == 0, YT_BAD_ARGUMENT, "the export's name is empty");
    YT_FAIL_IF(length >= YT_EXPORT_NAME_MAX, YT_BAD_ARGUMENT,
               "the export's name has %zu characters: at most %d fit", length,
               YT_EXPORT_NAME_MAX - 1);
    for (const char *c = name; *c; c++)
        YT_FAIL_IF(!is_word(*c) && *c != '_', YT_BAD_ARGUMENT,
                   "'%s': an export's name is a C identifier: letters, digits "
                   "and '_'",
                   name);
    YT_FAIL_IF(is_digit(name[0]) || name[0] == '_', YT_BAD_ARGUMENT,
               "'%s': an export's name starts with a letter", name);
    YT_FAIL_IF(is_ours(name), YT_BAD_ARGUMENT,
               "'%s': names that start with yt_ belong to the runtime", name);
    YT_FAIL_IF(is_of_batch(name), YT_BAD_ARGUMENT,
               "'%s': names that end in _batch belong to another export's "
               "batches",
               name);
    YT_FAIL_IF(is_taken(name), YT_BAD_ARGUMENT,
               "'%s' is a header, library or package of the system: choose "
               "another name",
               name);
    return YT_OK;
}
