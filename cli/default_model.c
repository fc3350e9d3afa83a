/* See cli/default_model.h. */

#include "cli/default_model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARE "share/yolotune/default"

struct place {
    char folder[PATH_MAX]; /* "": not installed */
    char model[PATH_MAX + 64], data[PATH_MAX + 64];
    int looked;
};

static int try_folder(struct place *place, const char *base, const char *below)
{
    const int length =
        snprintf(place->folder, sizeof place->folder, "%s%s", base, below);
    if (length < 0 || (size_t)length >= sizeof place->folder)
        return 0;
    snprintf(place->model, sizeof place->model, "%s/" YT_DEFAULT_MODEL_FILE,
             place->folder);
    snprintf(place->data, sizeof place->data, "%s/" YT_DEFAULT_DATA_FILE,
             place->folder);
    return access(place->model, R_OK) == 0 && access(place->data, R_OK) == 0;
}

static void look(struct place *place)
{
    const char *named = getenv("YOLOTUNE_DEFAULT_DIR");
    char executable[PATH_MAX];
    place->looked = 1;
    if (named && *named) {
        if (!try_folder(place, named, ""))
            place->folder[0] = 0;
        return;
    }
    const ssize_t length =
        readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length > 0) {
        executable[length] = 0;
        char *slash = strrchr(executable, '/');
        if (slash)
            *slash = 0;
        if (try_folder(place, executable, "/" SHARE) ||
            try_folder(place, executable, "/../" SHARE))
            return;
    }
    place->folder[0] = 0;
}

/* Once; commands ask on one thread. */
static const struct place *found(void)
{
    static struct place place;
    if (!place.looked)
        look(&place);
    return place.folder[0] ? &place : NULL;
}

const char *yt_default_model(void)
{
    const struct place *place = found();
    return place ? place->model : NULL;
}

const char *yt_default_data(void)
{
    const struct place *place = found();
    return place ? place->data : NULL;
}
