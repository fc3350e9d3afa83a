/* Files that are whole or as they were. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/replace.h"

struct folder {
    char at[64];
    char path[80], beside[96];
};

static int set_up(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    snprintf(f->at, sizeof f->at, "/tmp/yt_replace_XXXXXX");
    if (!mkdtemp(f->at)) {
        free(f);
        return -1;
    }
    snprintf(f->path, sizeof f->path, "%s/file", f->at);
    snprintf(f->beside, sizeof f->beside, "%s.part", f->path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *f = *state;
    unlink(f->path);
    unlink(f->beside);
    const int left = rmdir(f->at);
    free(f);
    return left;
}

static void assert_holds(const char *path, const char *text)
{
    char read[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(read, 1, sizeof read - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(read, text);
}

static void test_new_and_old(void **state)
{
    const struct folder *f = *state;
    assert_int_equal(yt_replace_file(f->path, "first", 5), 0);
    assert_holds(f->path, "first");
    assert_int_equal(yt_replace_file(f->path, "second", 6), 0);
    assert_holds(f->path, "second");
    assert_int_equal(access(f->beside, F_OK), -1);
}

static void test_given_up(void **state)
{
    const struct folder *f = *state;
    struct yt_replace replace;
    assert_int_equal(yt_replace_file(f->path, "first", 5), 0);
    assert_int_equal(yt_replace_begin(f->path, &replace), 0);
    assert_int_equal(yt_replace_write(&replace, "half", 4), 0);
    assert_int_equal(access(f->beside, F_OK), 0);
    assert_int_equal(yt_replace_end(&replace, 0), 0);
    assert_int_equal(access(f->beside, F_OK), -1);
    assert_holds(f->path, "first");
}

/* What a killed process left behind is in nobody's way. */
static void test_leftover(void **state)
{
    const struct folder *f = *state;
    FILE *file = fopen(f->beside, "w");
    assert_non_null(file);
    fputs("a longer text than the new one", file);
    fclose(file);
    assert_int_equal(yt_replace_file(f->path, "new", 3), 0);
    assert_holds(f->path, "new");
}

static void test_no_room(void **state)
{
    const struct folder *f = *state;
    static char large[1 << 16];
    struct rlimit before, small;
    assert_int_equal(yt_replace_file(f->path, "first", 5), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 12;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const int code = yt_replace_file(f->path, large, sizeof large);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(code, EFBIG);
    assert_holds(f->path, "first");
    assert_int_equal(access(f->beside, F_OK), -1);
}

static void test_link(void **state)
{
    const struct folder *f = *state;
    char link[96];
    snprintf(link, sizeof link, "%s/link", f->at);
    assert_int_equal(yt_replace_file(f->path, "first", 5), 0);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(yt_replace_file(link, "second", 6), 0);
    assert_holds(f->path, "second");
    assert_int_equal(unlink(f->path), 0);
    /* What the link led to is gone: it leads nowhere, and still is one. */
    assert_int_equal(access(link, F_OK), -1);
    assert_int_equal(unlink(link), 0);
}

/* What a link leads to that has no name cannot be replaced, and the link is
 * none of ours to replace. */
static void test_dangling_link(void **state)
{
    const struct folder *f = *state;
    char link[96], to[8];
    snprintf(link, sizeof link, "%s/link", f->at);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(yt_replace_file(link, "x", 1), ENOENT);
    assert_int_equal(readlink(link, to, sizeof to), 4);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(unlink(link), 0);
}

/* As of `>> file`: what is there stays, and what comes goes behind it. */
static void test_own_output(void **state)
{
    const struct folder *f = *state;
    assert_int_equal(yt_replace_file(f->path, "first ", 6), 0);
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    FILE *again = fopen(f->path, "a");
    assert_non_null(again);
    assert_int_equal(dup2(fileno(again), STDOUT_FILENO), STDOUT_FILENO);
    printf("printed ");
    const int code = yt_replace_file("/proc/self/fd/1", "written ", 8);
    printf("last");
    fflush(stdout);
    assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    close(kept);
    fclose(again);
    assert_int_equal(code, 0);
    assert_holds(f->path, "first printed written last");
    assert_int_equal(access(f->beside, F_OK), -1);
}

static void test_not_a_file(void **state)
{
    const struct folder *f = *state;
    char missing[96];
    assert_int_equal(yt_replace_file("/dev/null", "x", 1), EEXIST);
    assert_int_equal(yt_replace_file(f->at, "x", 1), EEXIST);
    snprintf(missing, sizeof missing, "%s/none/file", f->at);
    assert_int_equal(yt_replace_file(missing, "x", 1), ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new_and_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftover, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dangling_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
