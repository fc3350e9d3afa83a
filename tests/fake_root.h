/* A folder to take /proc and /sys in: the state of a test. */
#ifndef YT_TEST_FAKE_ROOT_H
#define YT_TEST_FAKE_ROOT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static inline int make(void **state)
{
    static char root[64];
    strcpy(root, "/tmp/yt-host-XXXXXX");
    assert_non_null(mkdtemp(root));
    *state = root;
    return 0;
}

static inline int unmake(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    return system(command);
}

static inline void put(const char *root, const char *folder, const char *file,
                       const char *text)
{
    char command[512], path[512];
    snprintf(command, sizeof command, "mkdir -p '%s/%s'", root, folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/%s/%s", root, folder, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

#endif
