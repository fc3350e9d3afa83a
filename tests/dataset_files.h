#ifndef YT_TEST_DATASET_FILES_H
#define YT_TEST_DATASET_FILES_H

/* A folder of its own for each test of data sets, and what they are read from:
 * pictures are only looked for, so empty files do. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "eval/dataset.h"

/* A sentence of the last failure or problem has this in it. */
static inline void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static char folder[64]; /* of the test that runs */

static inline int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/yt-dataset-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static inline int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command); /* NOLINT(*-env33-c): a path of our own */
}

static inline const char *at(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s", at(name));
    for (char *slash = path + strlen(folder) + 1;
         (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline enum yt_status open_data(const char *name,
                                       struct yt_dataset **out)
{
    const struct yt_dataset_options options = {.path = at(name)};
    *out = NULL;
    return yt_dataset_open(&options, out);
}

static inline struct yt_dataset *open_good(const char *name)
{
    struct yt_dataset *dataset;
    assert_ok(open_data(name, &dataset));
    return dataset;
}

static inline void assert_fails(const char *name, enum yt_status status,
                                const char *part)
{
    struct yt_dataset *dataset;
    assert_int_equal(open_data(name, &dataset), status);
    assert_null(dataset);
    assert_says(yt_error(), part);
}

#define NAMES "names: {0: cat, 1: dog}\n"

/* Three pictures: one with labels, one with an empty file, one with none. */
static inline void write_three(void)
{
    write_file("data.yaml", "path: .\nval: images/val\n" NAMES);
    write_file("images/val/10.jpg", "");
    write_file("images/val/9.png", "");
    write_file("images/val/deep/a.JPEG", "");
    write_file("images/val/notes.md", "");
    write_file("images/val/.hidden.jpg", "");
    write_file("labels/val/10.txt", "1 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.5 1\n");
    write_file("labels/val/9.txt", "\n");
}

/** A test in a folder of its own. */
#define DATASET_TEST(name)                                                     \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

#endif
