/* A program for test_export.c: parts of one picture through the export "toy",
 * one by one and as batches. Fails when a batch gives other boxes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toy.h"

enum { IMAGES = 5, BOXES = 300 };

static struct yt_image images[IMAGES];
static struct yt_box want[IMAGES * BOXES], got[IMAGES * BOXES];
static size_t want_counts[IMAGES], got_counts[IMAGES];

static int run_singly(void)
{
    const struct yt_open_options one = {.threads = 1};
    struct yt_model_info info;
    struct toy_model *model;
    if (toy_open(&one, &model) != YT_OK)
        return 0;
    toy_info(model, &info);
    const size_t bytes = (info.workspace_bytes + 63) / 64 * 64;
    void *workspace = aligned_alloc(64, bytes);
    int fine = workspace != NULL;
    for (int i = 0; fine && i < IMAGES; i++)
        fine =
            toy_detect(model, &images[i], NULL, workspace, bytes,
                       want + i * BOXES, BOXES, &want_counts[i], NULL) == YT_OK;
    free(workspace);
    toy_close(model);
    return fine;
}

static int run_batch(const struct yt_batch_options *options)
{
    struct yt_batch_info info;
    struct toy_batch *batch;
    uint64_t times[IMAGES];
    if (toy_batch_open(options, &batch) != YT_OK)
        return 0;
    toy_batch_info(batch, &info);
    int fine = info.workspace_bytes > 0;
    for (int round = 0; fine && round < 3; round++) {
        memset(got, 0, sizeof got);
        fine = toy_batch_detect(batch, images, IMAGES, NULL, got, BOXES,
                                got_counts, times) == YT_OK &&
               memcmp(got_counts, want_counts, sizeof got_counts) == 0 &&
               memcmp(got, want, sizeof got) == 0;
    }
    toy_batch_close(batch);
    return fine;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const int width = atoi(argv[2]), height = atoi(argv[3]);
    const size_t bytes = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = malloc(bytes);
    FILE *file = fopen(argv[1], "rb");
    if (!file || !pixels || fseek(file, -(long)bytes, SEEK_END) != 0 ||
        fread(pixels, 1, bytes, file) != bytes)
        return 2;
    fclose(file);
    for (int i = 0; i < IMAGES; i++)
        images[i] = (struct yt_image){.pixels = pixels,
                                      .width = width - 5 * i,
                                      .height = height - 9 * i,
                                      .stride_bytes = (int64_t)width * 3};

    static const struct yt_batch_options splits[] = {
        {.instances = 1}, {.instances = 3}, {.instances = 2, .threads = 2},
        {.stages = 2},    {.stages = 3},
    };
    int fine = run_singly() && run_batch(NULL) && want_counts[0] > 0;
    for (size_t i = 0; fine && i < sizeof splits / sizeof splits[0]; i++)
        fine = run_batch(&splits[i]);
    if (!fine)
        fprintf(stderr, "%s\n", toy_error());
    free(pixels);
    return fine ? 0 : 5;
}
