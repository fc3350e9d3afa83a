/* Which pictures two data sets have in common, by what is in the files: those
 * that are learned from must not be those that are measured on, whatever they
 * are called. */

#include "eval/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "runtime/fail.h"

#define PIECE_BYTES 65536

struct file {
    int64_t size;
    dev_t device;
    ino_t number;
    const char *path;
    int32_t image;
    int32_t is_read; /* 1: hash is known */
    XXH128_hash_t hash;
};

struct files {
    struct file *list;
    size_t count;
};

static int compare_sizes(const void *a_, const void *b_)
{
    const struct file *a = a_, *b = b_;
    return (a->size > b->size) - (a->size < b->size);
}

/* Those that are there, by size. */
static enum yt_status list_files(const struct yt_dataset *dataset,
                                 struct files *files)
{
    files->list = calloc((size_t)dataset->image_count + 1, sizeof *files->list);
    YT_FAIL_IF(!files->list, YT_NO_MEMORY, "no memory for the data set");
    for (int32_t i = 0; i < dataset->image_count; i++) {
        const char *path = dataset->images[i].path;
        struct stat info;
        if (!dataset->images[i].left_out && stat(path, &info) == 0)
            files->list[files->count++] = (struct file){
                .size = info.st_size,
                .device = info.st_dev,
                .number = info.st_ino,
                .path = path,
                .image = i,
            };
    }
    qsort(files->list, files->count, sizeof *files->list, compare_sizes);
    return YT_OK;
}

static enum yt_status hash_stream(FILE *stream, const char *path,
                                  XXH3_state_t *state, XXH128_hash_t *hash_out)
{
    char piece[PIECE_BYTES];
    size_t got;
    XXH3_128bits_reset(state);
    do {
        got = fread(piece, 1, sizeof piece, stream);
        XXH3_128bits_update(state, piece, got);
    } while (got == sizeof piece);
    YT_FAIL_IF(ferror(stream), YT_IO, "%s: cannot be read: %s", path,
               strerror(errno));
    *hash_out = XXH3_128bits_digest(state);
    return YT_OK;
}

static enum yt_status read_file(struct file *file)
{
    if (file->is_read)
        return YT_OK;
    FILE *stream = fopen(file->path, "rbe");
    YT_FAIL_IF(!stream, YT_IO, "%s: cannot be opened: %s", file->path,
               strerror(errno));
    XXH3_state_t *state = XXH3_createState();
    const enum yt_status status =
        state ? hash_stream(stream, file->path, state, &file->hash)
              : yt_fail(YT_NO_MEMORY, "no memory for a hash");
    XXH3_freeState(state);
    (void)fclose(stream);
    file->is_read = status == YT_OK;
    return status;
}

static enum yt_status compare_files(struct file *a, struct file *b,
                                    int *same_out)
{
    *same_out = a->device == b->device && a->number == b->number;
    if (*same_out || a->size == 0)
        return YT_OK;
    YT_TRY(read_file(a));
    YT_TRY(read_file(b));
    *same_out = XXH128_isEqual(a->hash, b->hash);
    return YT_OK;
}

/* The first that is not smaller. */
static size_t find_size(const struct files *files, int64_t size)
{
    size_t low = 0, high = files->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (files->list[middle].size < size)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum yt_status count_same(struct files *a, struct files *b,
                                 int32_t *same_out, int32_t *example_out)
{
    for (size_t i = 0; i < b->count; i++) {
        struct file *file = &b->list[i];
        int same = 0;
        for (size_t k = find_size(a, file->size);
             !same && k < a->count && a->list[k].size == file->size; k++)
            YT_TRY(compare_files(&a->list[k], file, &same));
        /* The first in the data set's order is the example. */
        if (same && (*example_out < 0 || file->image < *example_out))
            *example_out = file->image;
        *same_out += same;
    }
    return YT_OK;
}

enum yt_status yt_dataset_same_content(const struct yt_dataset *a,
                                       const struct yt_dataset *b,
                                       int32_t *same_out, int32_t *example_out)
{
    struct files ours = {NULL, 0}, theirs = {NULL, 0};
    int32_t same = 0, example = -1;
    enum yt_status status = list_files(a, &ours);
    if (status == YT_OK)
        status = list_files(b, &theirs);
    if (status == YT_OK)
        status = count_same(&ours, &theirs, &same, &example);
    free(ours.list);
    free(theirs.list);
    YT_TRY(status);
    *same_out = same;
    if (example_out)
        *example_out = example;
    return YT_OK;
}
