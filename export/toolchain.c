/* See toolchain.h. */

#include "export/toolchain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/fail.h"

extern char **environ;

static const struct {
    const char *variable, *program, *package;
} tools[YT_TOOL_COUNT] = {
    [YT_TOOL_CC] = {"CC", "cc", "gcc"},
    [YT_TOOL_LD] = {"LD", "ld", "binutils"},
    [YT_TOOL_OBJCOPY] = {"OBJCOPY", "objcopy", "binutils"},
    [YT_TOOL_AR] = {"AR", "ar", "binutils"},
};

/** Arguments and environment of one child; words point into text or are the
 *  caller's. */
struct command {
    char *text;         /* $CC, cut into words */
    char *resolved;     /* words[0] made absolute, or NULL */
    const char **words; /* NULL at the end */
    char **environment; /* environ with LC_ALL=C */
};

static void command_deinit(struct command *c)
{
    free(c->text);
    free(c->resolved);
    free(c->words);
    free(c->environment);
}

static const char *tool_text(enum yt_tool tool)
{
    const char *text = getenv(tools[tool].variable);
    return text && text[strspn(text, " ")] ? text : tools[tool].program;
}

static int command_init(struct command *c, enum yt_tool tool,
                        const char *const *args)
{
    memset(c, 0, sizeof *c);
    c->text = strdup(tool_text(tool));
    if (!c->text)
        return 0;
    size_t arg_count = 0;
    while (args[arg_count])
        arg_count++;
    c->words = calloc(strlen(c->text) / 2 + arg_count + 2, sizeof *c->words);
    size_t variables = 0;
    while (environ[variables])
        variables++;
    c->environment = calloc(variables + 2, sizeof *c->environment);
    if (!c->words || !c->environment)
        return 0;

    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(c->text, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest))
        c->words[count++] = word;
    if (count == 0)
        return 0;
    /* The child starts in another folder. */
    if (strchr(c->words[0], '/') && (c->resolved = realpath(c->words[0], NULL)))
        c->words[0] = c->resolved;
    memcpy(c->words + count, args, arg_count * sizeof *args);

    static char c_locale[] = "LC_ALL=C";
    size_t kept = 0;
    c->environment[kept++] = c_locale;
    for (size_t i = 0; i < variables; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            c->environment[kept++] = environ[i];
    return 1;
}

/* What it prints goes to @p log. 0, or the errno of what failed. */
static int start(const struct command *c, const char *folder, int log,
                 pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (!error)
        error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
                                                 O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, log, 1);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, log, 2);
    if (!error)
        error = posix_spawnp(pid_out, c->words[0], &actions, NULL,
                             (char *const *)c->words, c->environment);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Whether a line of a compiler or linker names the cause. */
static int is_cause(const char *line)
{
    return strstr(line, "error") || strstr(line, "undefined reference");
}

/* The log's first line that names the cause, else its first line. */
static void read_log(int log, char *line, size_t line_bytes)
{
    line[0] = 0;
    char text[16384];
    const ssize_t length = pread(log, text, sizeof text - 1, 0);
    if (length <= 0)
        return;
    text[length] = 0;
    char *rest = NULL;
    for (char *next = strtok_r(text, "\n", &rest); next;
         next = strtok_r(NULL, "\n", &rest)) {
        const int cause = is_cause(next);
        if (cause || line[0] == 0)
            snprintf(line, line_bytes, "%s", next);
        if (cause)
            break;
    }
}

/* yt_toolchain_run() with a place for what the tool prints. */
static enum yt_status run(enum yt_tool tool, const char *folder,
                          const char *const *args, const char *purpose, int log)
{
    enum yt_status status = YT_OK;
    struct command c;
    YT_FAIL_IF_GOTO(!command_init(&c, tool, args), YT_NO_MEMORY,
                    "out of memory while exporting");
    const char *name = c.words[0];
    pid_t pid;
    const int error = start(&c, folder, log, &pid);
    YT_FAIL_IF_GOTO(error == ENOENT || error == EACCES, YT_NOT_FOUND,
                    "the program '%s' was not found: an export needs a C "
                    "compiler and binutils (Debian: apt-get install %s), or "
                    "set %s",
                    name, tools[tool].package, tools[tool].variable);
    YT_FAIL_IF_GOTO(error, YT_IO, "cannot start '%s': %s", name,
                    strerror(error));

    int answer;
    while (waitpid(pid, &answer, 0) < 0)
        YT_FAIL_IF_GOTO(errno != EINTR, YT_IO, "lost sight of '%s': %s", name,
                        strerror(errno));
    const int stopped = WIFSIGNALED(answer) && (WTERMSIG(answer) == SIGINT ||
                                                WTERMSIG(answer) == SIGTERM ||
                                                WTERMSIG(answer) == SIGHUP);
    YT_FAIL_IF_GOTO(stopped, YT_INTERRUPTED,
                    "interrupted while '%s' was making %s", name, purpose);
    YT_FAIL_IF_GOTO(WIFSIGNALED(answer), YT_COMPILE,
                    "'%s' was killed by signal %d while making %s", name,
                    WTERMSIG(answer), purpose);
    if (WEXITSTATUS(answer) != 0) {
        char line[256];
        read_log(log, line, sizeof line);
        status = yt_fail(YT_COMPILE, "'%s' could not make %s: %s", name,
                         purpose, line[0] ? line : "it does not say why");
    }
done:
    command_deinit(&c);
    return status;
}

/* Memory, not a file: a full disk must not swallow its own message. */
static int open_log(void)
{
    return memfd_create("tool-log", MFD_CLOEXEC);
}

enum yt_status yt_toolchain_run(enum yt_tool tool, const char *folder,
                                const char *const *args, const char *purpose)
{
    const int log = open_log();
    YT_FAIL_IF(log < 0, YT_IO, "cannot keep what a tool prints: %s",
               strerror(errno));
    enum yt_status status = run(tool, folder, args, purpose, log);
    close(log);
    return status;
}

void yt_toolchain_version(const char *folder, char *text, size_t text_bytes)
{
    static const char *const args[] = {"--version", NULL};
    text[0] = 0;
    const int log = open_log();
    if (log < 0)
        return;
    if (run(YT_TOOL_CC, folder, args, "its version", log) == YT_OK)
        read_log(log, text, text_bytes);
    close(log);
}
