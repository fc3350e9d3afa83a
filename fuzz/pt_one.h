#ifndef YT_PT_ONE_H
#define YT_PT_ONE_H

/* One input of the checkpoint fuzzer; tests run the corpus through it too.
 *
 * Bytes that start like a zip go to the importer as they are. All others are
 * taken for a data.pkl: zipped here with one storage of zeros, so that
 * mutations reach the pickle machine and the modules instead of dying at a
 * checksum. */

#include <stdint.h>
#include <stdlib.h>
#include <zip.h>

#include "model/graph.h"

#define PT_ONE_STORAGE_BYTES 4096

static zip_int64_t pt_one_add(zip_t *zip, const char *name, const void *bytes,
                              size_t size)
{
    zip_source_t *source = zip_source_buffer(zip, bytes, size, 0);
    const zip_int64_t index = zip_file_add(zip, name, source, 0);
    if (index < 0)
        zip_source_free(source);
    else
        zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0);
    return index;
}

/* A zip of the pickle; NULL when libzip fails. */
static void *pt_one_wrap(const uint8_t *pickle, size_t size, size_t *size_out)
{
    unsigned char storage[PT_ONE_STORAGE_BYTES] = {0};
    for (int i = 0; i < PT_ONE_STORAGE_BYTES / 2; i++)
        storage[2 * i + 1] = (unsigned char)(i < 8 ? 0x40 + 4 * i : 0x3c);
    void *bytes = NULL;
    zip_stat_t stat;
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, NULL);
    if (!archive)
        return NULL;
    zip_t *zip = zip_open_from_source(archive, ZIP_TRUNCATE, NULL);
    if (!zip) {
        zip_source_free(archive);
        return NULL;
    }
    zip_source_keep(archive);
    if (pt_one_add(zip, "archive/data.pkl", pickle, size) < 0 ||
        pt_one_add(zip, "archive/data/0", storage, sizeof storage) < 0 ||
        zip_close(zip) != 0) {
        zip_discard(zip);
        zip_source_free(archive);
        return NULL;
    }
    zip_stat_init(&stat);
    if (zip_source_stat(archive, &stat) == 0 && zip_source_open(archive) == 0) {
        bytes = malloc((size_t)stat.size);
        if (bytes && zip_source_read(archive, bytes, stat.size) !=
                         (zip_int64_t)stat.size) {
            free(bytes);
            bytes = NULL;
        }
        zip_source_close(archive);
        *size_out = (size_t)stat.size;
    }
    zip_source_free(archive);
    return bytes;
}

static enum yt_status pt_one(const uint8_t *bytes, size_t size)
{
    struct yt_graph *graph = NULL;
    void *wrapped = NULL;
    if (size == 0 || bytes[0] != 'P') {
        wrapped = pt_one_wrap(bytes, size, &size);
        if (!wrapped)
            return YT_NO_MEMORY;
        bytes = wrapped;
    }
    const enum yt_status status = yt_import_pt(bytes, size, &graph);
    yt_graph_destroy(graph);
    free(wrapped);
    return status;
}

#endif
