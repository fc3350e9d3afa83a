/* Exports of one network against one another, whole frames in turn, as
 * products run them. The boxes of all have to be the same bits.
 *
 *     cc -O2 -Iinclude bench/exports.c -o exports -ldl
 *     ./exports THREADS ROUNDS PIXELS.rgb WIDTH HEIGHT NAME=LIB.so...
 *
 * Each round times a frame of each, beginning with another each time. Printed
 * of each: its workspace, the median of its frames, and of the paired ratios to
 * the first one's frame of the same round the median and the quartiles; below 1
 * it is faster than the first.
 */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yolotune/runtime.h"

#define LIBRARIES_MAX 8
#define BOXES_MAX     300
#define WARM_FRAMES   20

struct library {
    const char *name;
    struct yt_model *model;
    enum yt_status (*open)(const struct yt_open_options *, struct yt_model **);
    void (*info)(const struct yt_model *, struct yt_model_info *);
    enum yt_status (*detect)(struct yt_model *, const struct yt_image *,
                             const struct yt_detect_options *, void *, size_t,
                             struct yt_box *, size_t, size_t *,
                             struct yt_frame_times *);
    const char *(*error)(void);
    void *workspace;
    size_t workspace_bytes, boxes;
    struct yt_box box[BOXES_MAX];
    double *ns; /* [rounds] */
};

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "exports: %s: %s\n", what, why);
    exit(1);
}

static void *find(void *handle, const char *name, const char *function)
{
    char symbol[256];
    snprintf(symbol, sizeof symbol, "%s_%s", name, function);
    void *address = dlsym(handle, symbol);
    if (!address)
        give_up(symbol, "not in the library");
    return address;
}

/* @param word NAME=LIB.so; is written to. */
static void open_library(char *word, int32_t threads, struct library *l)
{
    char *path = strchr(word, '=');
    if (!path)
        give_up(word, "want NAME=LIB.so");
    *path++ = 0;
    l->name = word;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        give_up(path, dlerror());
    *(void **)&l->open = find(handle, word, "open");
    *(void **)&l->info = find(handle, word, "info");
    *(void **)&l->detect = find(handle, word, "detect");
    *(void **)&l->error = find(handle, word, "error");
    const struct yt_open_options options = {.threads = threads, .pin = 0};
    if (l->open(&options, &l->model) != YT_OK)
        give_up(word, l->error());
    struct yt_model_info info;
    l->info(l->model, &info);
    l->workspace_bytes = info.workspace_bytes;
    l->workspace = aligned_alloc(64, (info.workspace_bytes + 63) / 64 * 64);
    if (!l->workspace)
        give_up(word, "no memory");
}

static double frame(struct library *l, const struct yt_image *image)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (l->detect(l->model, image, NULL, l->workspace, l->workspace_bytes,
                  l->box, BOXES_MAX, &l->boxes, NULL) != YT_OK)
        give_up(l->name, l->error());
    clock_gettime(CLOCK_MONOTONIC, &b);
    return 1e9 * (double)(b.tv_sec - a.tv_sec) +
           (double)(b.tv_nsec - a.tv_nsec);
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, int n, double q)
{
    qsort(values, (size_t)n, sizeof *values, rising);
    return values[(int)(q * (n - 1) + 0.5)];
}

static void report(const struct library *first, struct library *l, int rounds)
{
    double *ratios = malloc((size_t)rounds * sizeof *ratios);
    double *sorted = malloc((size_t)rounds * sizeof *sorted);
    if (!ratios || !sorted)
        give_up(l->name, "no memory");
    for (int i = 0; i < rounds; i++)
        ratios[i] = l->ns[i] / first->ns[i];
    memcpy(sorted, l->ns, (size_t)rounds * sizeof *sorted);
    printf("%-24s %9.3f MiB %9.3f ms  %.3f (%.3f-%.3f)  %zu boxes%s\n", l->name,
           (double)l->workspace_bytes / (1 << 20),
           quantile(sorted, rounds, 0.5) / 1e6, quantile(ratios, rounds, 0.5),
           quantile(ratios, rounds, 0.25), quantile(ratios, rounds, 0.75),
           l->boxes,
           l->boxes == first->boxes &&
                   !memcmp(l->box, first->box, l->boxes * sizeof *l->box)
               ? ""
               : ", OTHERS than the first");
    free(ratios);
    free(sorted);
}

int main(int argc, char **argv)
{
    static struct library all[LIBRARIES_MAX];
    const int count = argc - 6;
    if (count < 1 || count > LIBRARIES_MAX)
        give_up("usage",
                "THREADS ROUNDS PIXELS.rgb WIDTH HEIGHT NAME=LIB.so...");
    const int rounds = atoi(argv[2]);
    const int32_t width = atoi(argv[4]), height = atoi(argv[5]);
    if (rounds < 1 || width < 1 || height < 1)
        give_up("usage", "want at least one round and pixel");
    const size_t bytes = 3 * (size_t)width * (size_t)height;
    uint8_t *pixels = malloc(bytes);
    FILE *file = fopen(argv[3], "rb");
    if (!pixels || !file || fread(pixels, 1, bytes, file) != bytes)
        give_up(argv[3], "not so many pixels");
    fclose(file);
    const struct yt_image image = {pixels, width, height, 3 * (int64_t)width,
                                   YT_PIXEL_RGB};
    for (int i = 0; i < count; i++) {
        open_library(argv[6 + i], atoi(argv[1]), &all[i]);
        all[i].ns = calloc((size_t)rounds, sizeof *all[i].ns);
        if (!all[i].ns)
            give_up("rounds", "no memory");
        for (int k = 0; k < WARM_FRAMES; k++)
            frame(&all[i], &image);
    }
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < count; i++) {
            struct library *l = &all[(i + r) % count];
            l->ns[r] = frame(l, &image);
        }
    for (int i = 0; i < count; i++)
        report(&all[0], &all[i], rounds);
    return 0;
}
