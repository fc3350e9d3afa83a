/* See product_dir.h. */

#include "export/product_dir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/fail.h"

/* From the executable's folder: the build's top, its tests, PREFIX/bin. */
static const char *const places[] = {
    "product",
    "../product",
    "../lib/yolotune",
};

static int is_complete(const char *path)
{
    static const char *const needed[] = {
        "libyt_runtime.a",
        "include/runtime/bundle.h",
        "include/yolotune/runtime.h",
        "include/yolotune/status.h",
    };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        char file[PATH_MAX + 64];
        snprintf(file, sizeof file, "%s/%s", path, needed[i]);
        if (access(file, R_OK) != 0)
            return 0;
    }
    return 1;
}

enum yt_status yt_export_find_runtime(char **path_out)
{
    char *found = NULL;
    const char *forced = getenv("YOLOTUNE_RUNTIME_DIR");
    if (forced && forced[0]) {
        found = realpath(forced, NULL);
        if (!found || !is_complete(found)) {
            free(found);
            return yt_fail(YT_NOT_FOUND,
                           "YOLOTUNE_RUNTIME_DIR=%s: there is no "
                           "libyt_runtime.a with its headers",
                           forced);
        }
        *path_out = found;
        return YT_OK;
    }

    char executable[PATH_MAX];
    const ssize_t length =
        readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length > 0) {
        executable[length] = 0;
        *strrchr(executable, '/') = 0;
        for (size_t i = 0; !found && i < sizeof places / sizeof places[0];
             i++) {
            char path[PATH_MAX + 32];
            snprintf(path, sizeof path, "%s/%s", executable, places[i]);
            found = realpath(path, NULL);
            if (found && !is_complete(found)) {
                free(found);
                found = NULL;
            }
        }
    }
    YT_FAIL_IF(!found, YT_NOT_FOUND,
               "libyt_runtime.a and its headers are not beside this "
               "executable: reinstall yolotune, or set YOLOTUNE_RUNTIME_DIR");
    *path_out = found;
    return YT_OK;
}
