/* Exports that cannot be made: one sentence, and a folder left as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/export_toy.h"

static int setup(void **state)
{
    *state = toy_create(1);
    return 0;
}

static int teardown(void **state)
{
    toy_destroy(*state);
    return 0;
}

static void check_failure(enum yt_status got, enum yt_status want,
                          const char *says)
{
    if (got != want || !strstr(yt_error(), says))
        print_message("%s: %s\n", yt_status_name(got), yt_error());
    assert_int_equal(got, want);
    assert_non_null(strstr(yt_error(), says));
    assert_null(strchr(yt_error(), '\n'));
}

/* Nothing called @p name is in the toy's folder. */
static void check_absent(const struct toy *toy, const char *name)
{
    char path[256];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", toy->folder, name);
    assert_int_equal(lstat(path, &info), -1);
}

static const char *const variables[] = {"CC", "LD", "OBJCOPY", "AR"};

static void a_missing_tool_is_named(void **state)
{
    const struct toy *toy = *state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        setenv(variables[i], "no-such-tool-x", 1);
        enum yt_status status = toy_export(toy, "made/deep");
        unsetenv(variables[i]);
        check_failure(status, YT_NOT_FOUND, "'no-such-tool-x' was not found");
        check_failure(status, YT_NOT_FOUND, variables[i]);
        check_absent(toy, "made");
    }
}

static void an_empty_path_names_cc(void **state)
{
    const struct toy *toy = *state;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", toy->folder, 1);
    enum yt_status status = toy_export(toy, "made");
    setenv("PATH", path, 1);
    free(path);
    check_failure(status, YT_NOT_FOUND, "'cc' was not found");
    check_absent(toy, "made");
}

static void a_failing_tool_is_quoted(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(
        toy_shell(toy,
                  "printf '#!/bin/sh\\necho a note; echo error: it rains >&2; "
                  "echo more; exit 3\\n' >rain && chmod +x rain",
                  NULL, 0),
        0);
    char program[128];
    snprintf(program, sizeof program, "%s/rain", toy->folder);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        setenv(variables[i], program, 1);
        enum yt_status status = toy_export(toy, "made");
        unsetenv(variables[i]);
        check_failure(status, YT_COMPILE, "error: it rains");
        check_failure(status, YT_COMPILE, program);
        check_absent(toy, "made");
    }
}

static void a_signal_that_ends_a_tool_is_told(void **state)
{
    const struct toy *toy = *state;
    static const struct {
        const char *signal;
        enum yt_status status;
        const char *says;
    } ends[] = {
        {"INT", YT_INTERRUPTED, "interrupted"},
        {"KILL", YT_COMPILE, "killed by signal 9"},
    };
    for (size_t i = 0; i < 2; i++) {
        char command[256], program[128];
        snprintf(command, sizeof command,
                 "printf '#!/bin/sh\\nkill -%s $$\\n' >end && chmod +x end",
                 ends[i].signal);
        assert_int_equal(toy_shell(toy, command, NULL, 0), 0);
        snprintf(program, sizeof program, "%s/end", toy->folder);
        setenv("OBJCOPY", program, 1);
        enum yt_status status = toy_export(toy, "made");
        unsetenv("OBJCOPY");
        check_failure(status, ends[i].status, ends[i].says);
        check_absent(toy, "made");
    }
}

static void a_compiler_may_have_arguments(void **state)
{
    const struct toy *toy = *state;
    setenv("CC", "  cc  -Wall -Wextra -Wpedantic -Werror ", 1);
    enum yt_status status = toy_export(toy, "arguments");
    unsetenv("CC");
    if (status != YT_OK)
        print_message("%s\n", yt_error());
    assert_int_equal(status, YT_OK);
}

static void the_runtime_must_be_there(void **state)
{
    const struct toy *toy = *state;
    setenv("YOLOTUNE_RUNTIME_DIR", toy->folder, 1);
    enum yt_status status = toy_export(toy, "made");
    unsetenv("YOLOTUNE_RUNTIME_DIR");
    check_failure(status, YT_NOT_FOUND, "libyt_runtime.a");
    check_absent(toy, "made");
}

static void a_file_is_no_folder(void **state)
{
    const struct toy *toy = *state;
    check_failure(toy_export(toy, "toy.so"), YT_BAD_ARGUMENT,
                  "toy.so: not a folder");
    check_failure(toy_export(toy, "toy.so/below"), YT_BAD_ARGUMENT,
                  "toy.so: not a folder");
    check_failure(yt_export_write(&toy->input, ""), YT_BAD_ARGUMENT, "empty");
    /* No file system lets anybody create this. */
    check_failure(yt_export_write(&toy->input, "/proc/yolotune/out"), YT_IO,
                  "/proc/yolotune: cannot create the folder");
    check_failure(yt_export_write(&toy->input, "/proc"), YT_IO,
                  "/proc: cannot write into this folder");
}

static void a_read_only_folder_is_named(void **state)
{
    const struct toy *toy = *state;
    if (geteuid() == 0) {
        print_message("skipped: nothing is read-only to root\n");
        skip();
    }
    assert_int_equal(toy_shell(toy, "mkdir -m 555 locked", NULL, 0), 0);
    check_failure(toy_export(toy, "locked"), YT_IO, "locked: cannot write");
    check_failure(toy_export(toy, "locked/below"), YT_IO, "locked/below");
}

static void a_folder_in_the_way_stops_everything(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(toy_shell(toy,
                               "mkdir -p way/include/toy.h && find way >before",
                               NULL, 0),
                     0);
    check_failure(toy_export(toy, "way"), YT_BAD_ARGUMENT, "include/toy.h");
    assert_int_equal(
        toy_shell(toy, "find way >after && cmp before after", NULL, 0), 0);
}

static void names_and_numbers_are_checked(void **state)
{
    struct toy *toy = *state;
    toy->input.name = "a-b";
    enum yt_status status = toy_export(toy, "made");
    toy->input.name = "toy";
    check_failure(status, YT_BAD_ARGUMENT, "'a-b'");

    toy->plan.levels[0].anchors[1][0] = (float)NAN;
    status = toy_export(toy, "made");
    toy->plan.levels[0].anchors[1][0] = 16.0f / 3;
    check_failure(status, YT_UNSUPPORTED, "anchor");

    toy->plan.blob_bytes = (INT64_C(1) << 30) + 1;
    status = toy_export(toy, "made");
    toy->plan.blob_bytes = TOY_BLOB_BYTES;
    check_failure(status, YT_UNSUPPORTED, "1 GiB");

    toy->input.nms[0].symbol = "yt-nms";
    status = toy_export(toy, "made");
    toy->input.nms[0].symbol = "yt_nms_c";
    check_failure(status, YT_BAD_ARGUMENT, "'yt-nms'");
    check_absent(toy, "made");
}

static void a_kernel_nobody_has_is_found_out(void **state)
{
    struct toy *toy = *state;
    toy->input.nms[0].symbol = "yt_nms_of_tomorrow";
    enum yt_status status = toy_export(toy, "made");
    toy->input.nms[0].symbol = "yt_nms_c";
    check_failure(status, YT_COMPILE, "libtoy.so");
    check_failure(status, YT_COMPILE, "yt_nms_of_tomorrow");
    check_absent(toy, "made");
}

static void a_failure_keeps_the_older_export(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(toy_export(toy, "kept"), YT_OK);
    static const char sums[] =
        "find kept -type f -exec cksum {} + | LC_ALL=C sort";
    static char before[8192], after[8192];
    assert_int_equal(toy_shell(toy, sums, before, sizeof before), 0);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        setenv(variables[i], "false", 1);
        enum yt_status status = toy_export(toy, "kept");
        unsetenv(variables[i]);
        check_failure(status, YT_COMPILE, "does not say why");
        assert_int_equal(toy_shell(toy, sums, after, sizeof after), 0);
        assert_string_equal(after, before);
    }
}

/* A file-size limit stands for a full disk: the same calls fail. */
static void a_full_disk_is_told(void **state)
{
    const struct toy *toy = *state;
    static const rlim_t limits[] = {0, 1024, 8192, TOY_BLOB_BYTES, 20000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            const struct rlimit limit = {limits[i], limits[i]};
            signal(SIGXFSZ, SIG_IGN); /* the tools inherit this */
            setrlimit(RLIMIT_FSIZE, &limit);
            const enum yt_status status = toy_export(toy, "full");
            const int told =
                strchr(yt_error(), '\n') == NULL && strlen(yt_error()) > 20;
            _exit((status == YT_IO || status == YT_COMPILE) && told ? 0 : 1);
        }
        int answer;
        assert_int_equal(waitpid(child, &answer, 0), child);
        assert_int_equal(answer, 0);
        check_absent(toy, "full");
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_tool_is_named),
        cmocka_unit_test(an_empty_path_names_cc),
        cmocka_unit_test(a_failing_tool_is_quoted),
        cmocka_unit_test(a_signal_that_ends_a_tool_is_told),
        cmocka_unit_test(a_compiler_may_have_arguments),
        cmocka_unit_test(the_runtime_must_be_there),
        cmocka_unit_test(a_file_is_no_folder),
        cmocka_unit_test(a_read_only_folder_is_named),
        cmocka_unit_test(a_folder_in_the_way_stops_everything),
        cmocka_unit_test(names_and_numbers_are_checked),
        cmocka_unit_test(a_kernel_nobody_has_is_found_out),
        cmocka_unit_test(a_failure_keeps_the_older_export),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
