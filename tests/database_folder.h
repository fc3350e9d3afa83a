/* A folder with a place for a database: the state of a test. */
#ifndef YT_TEST_DATABASE_FOLDER_H
#define YT_TEST_DATABASE_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct database_folder {
    char folder[64];
    char path[128];
};

static inline int setup(void **state)
{
    static struct database_folder f;
    strcpy(f.folder, "/tmp/yt-database-XXXXXX");
    if (!mkdtemp(f.folder))
        return 1;
    snprintf(f.path, sizeof f.path, "%s/results.db", f.folder);
    *state = &f;
    return 0;
}

static inline int teardown(void **state)
{
    struct database_folder *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command) != 0;
}

#endif
