#ifndef YT_FUZZ_DATASET_ONE_H
#define YT_FUZZ_DATASET_ONE_H

/* One file of a data set of two pictures, the rest of which is in order. */

#include "eval/dataset.h"
#include "fuzz/place.h"

static void dataset_write(const char *name, const char *text)
{
    fuzz_write(name, (const uint8_t *)text, strlen(text));
}

/* images/, labels/ and data.yaml, once. */
static void dataset_begin(void)
{
    static int begun;
    if (begun++)
        return;
    mkdir(fuzz_path("images"), 0777);
    mkdir(fuzz_path("labels"), 0777);
    dataset_write("images/1.jpg", "");
    dataset_write("images/2.jpg", "");
    dataset_write("labels/2.txt", "0 0.5 0.5 0.2 0.2\n");
    dataset_write("list.txt", "images/1.jpg\n./images/2.jpg\n");
    dataset_write("data.yaml", "val: images\nnames: [cat, dog, bus]\n");
}

/* Open it, tell sizes, and look at every object. */
static void dataset_try(const char *path)
{
    const struct yt_dataset_options options = {.path = path};
    struct yt_dataset *dataset = NULL;
    const enum yt_status status = yt_dataset_open(&options, &dataset);
    fuzz_check(status);
    if (status != YT_OK && dataset)
        abort();
    for (int32_t i = 0; dataset && i < dataset->image_count; i++)
        fuzz_check(yt_dataset_set_size(dataset, i, 640, 480));
    for (int32_t i = 0; dataset && i < dataset->truth_count; i++) {
        const struct yt_truth *truth = &dataset->truths[i];
        if (truth->image < 0 || truth->image >= dataset->image_count ||
            truth->class_id < 0 || truth->class_id >= dataset->class_count)
            abort();
    }
    yt_dataset_close(dataset);
}

#endif
