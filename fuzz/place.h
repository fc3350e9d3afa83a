#ifndef YT_FUZZ_PLACE_H
#define YT_FUZZ_PLACE_H

/* What is read from files: a folder of this process, which its end removes, and
 * inputs written into it. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/fail.h"

static char fuzz_folder[64];

static void fuzz_remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", fuzz_folder);
    if (system(command) != 0) /* NOLINT(*-env33-c): a path of our own */
        fprintf(stderr, "%s is left\n", fuzz_folder);
}

/* A path in the folder, good until the next call but one. */
static inline const char *fuzz_path(const char *name)
{
    static char paths[2][256];
    static int which;
    if (!fuzz_folder[0]) {
        const char *room = getenv("TMPDIR");
        snprintf(fuzz_folder, sizeof fuzz_folder, "%.40s/yt-fuzz-XXXXXX",
                 room ? room : "/tmp");
        if (!mkdtemp(fuzz_folder))
            abort();
        atexit(fuzz_remove_folder);
    }
    which = !which;
    snprintf(paths[which], sizeof paths[which], "%s/%s", fuzz_folder, name);
    return paths[which];
}

/* @return the path of the file. */
static inline const char *fuzz_write(const char *name, const uint8_t *data,
                                     size_t size)
{
    const char *path = fuzz_path(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    return path;
}

/* Every refusal has its sentence. */
static inline void fuzz_check(enum yt_status status)
{
    if (status != YT_OK && !yt_error()[0])
        abort();
}

#endif
