/* Reading a checkpoint's zip with libzip. A zip's sizes are claims: each is
 * held against what its compressed bytes could possibly give before memory is
 * asked for, and all reads together have a cap, so that neither a bomb nor one
 * entry read a thousand times costs more than an honest large model. */

#include "model/pt_archive.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "model/pt_legacy.h"
#include "runtime/fail.h"

#define PICKLE_MAX_BYTES ((uint64_t)64 << 20)
#define TOTAL_MAX_BYTES  ((uint64_t)2 << 30)
#define NAME_MAX_BYTES   256
/* Deflate's best: 258 bytes from 2 bits, https://zlib.net/zlib_tech.html */
#define DEFLATE_RATIO_MAX 1032

struct yt_archive {
    struct yt_legacy *legacy; /* NULL: it is a zip */
    zip_t *zip;
    size_t size;
    uint64_t total_bytes;      /* read so far */
    char root[NAME_MAX_BYTES]; /* NAME, without its slash */
};

static enum yt_status open_zip(struct yt_archive *archive, const void *bytes,
                               size_t size)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    if (source) {
        archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (!archive->zip)
            zip_source_free(source);
    }
    enum yt_status status = YT_OK;
    if (!archive->zip)
        status = yt_fail(
            zip_error_code_zip(&error) == ZIP_ER_MEMORY ? YT_NO_MEMORY
                                                        : YT_BAD_INPUT,
            "the zip archive is damaged: %s", zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
}

static bool has(const struct yt_archive *archive, const char *entry)
{
    char name[2 * NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s/%s", archive->root, entry);
    return zip_name_locate(archive->zip, name, 0) >= 0;
}

/* The one folder that has a data.pkl. */
static enum yt_status find_root(struct yt_archive *archive)
{
    static const char tail[] = "/data.pkl";
    const size_t tail_length = sizeof tail - 1;
    const zip_int64_t count = zip_get_num_entries(archive->zip, 0);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(archive->zip, (zip_uint64_t)i, 0);
        const size_t length = name ? strlen(name) : 0;
        if (length <= tail_length || length >= NAME_MAX_BYTES ||
            strcmp(name + length - tail_length, tail) != 0 ||
            strchr(name, '/') != name + length - tail_length)
            continue;
        memcpy(archive->root, name, length - tail_length);
        archive->root[length - tail_length] = 0;
        YT_FAIL_IF(has(archive, "constants.pkl"), YT_UNSUPPORTED,
                   "a TorchScript file; the checkpoint it was exported from is "
                   "needed");
        return YT_OK;
    }
    return yt_fail(YT_BAD_INPUT,
                   "the zip archive has no data.pkl: not a PyTorch checkpoint");
}

/* Read exactly @p size bytes and the end behind them, where libzip compares
 * the checksum. */
static enum yt_status read_all(zip_file_t *file, const char *name, char *bytes,
                               size_t size)
{
    size_t at = 0;
    for (;;) {
        char end;
        const bool full = at == size;
        const zip_int64_t got =
            zip_fread(file, full ? &end : bytes + at, full ? 1 : size - at);
        YT_FAIL_IF(got < 0, YT_BAD_INPUT, "entry %s is damaged: %s", name,
                   zip_file_strerror(file));
        YT_FAIL_IF(full && got > 0, YT_BAD_INPUT,
                   "entry %s holds more than the %zu bytes it claims", name,
                   size);
        if (full)
            return YT_OK;
        YT_FAIL_IF(got == 0, YT_BAD_INPUT,
                   "entry %s ends after %zu of %zu bytes", name, at, size);
        at += (size_t)got;
    }
}

static enum yt_status check_claim(const struct yt_archive *archive,
                                  const zip_stat_t *stat, uint64_t max_bytes)
{
    YT_FAIL_IF(!(stat->valid & ZIP_STAT_SIZE) ||
                   !(stat->valid & ZIP_STAT_COMP_SIZE) ||
                   !(stat->valid & ZIP_STAT_COMP_METHOD),
               YT_BAD_INPUT, "entry %s has no size", stat->name);
    YT_FAIL_IF(stat->comp_method != ZIP_CM_STORE &&
                   stat->comp_method != ZIP_CM_DEFLATE,
               YT_UNSUPPORTED,
               "entry %s is compressed by method %d; store and deflate are "
               "possible",
               stat->name, (int)stat->comp_method);
    YT_FAIL_IF(stat->comp_size > archive->size, YT_BAD_INPUT,
               "entry %s claims %llu bytes of a file of %zu", stat->name,
               (unsigned long long)stat->comp_size, archive->size);
    const uint64_t most =
        stat->comp_size *
        (stat->comp_method == ZIP_CM_DEFLATE ? DEFLATE_RATIO_MAX : 1);
    YT_FAIL_IF(stat->size > most, YT_BAD_INPUT,
               "entry %s claims to unfold %llu bytes to %llu", stat->name,
               (unsigned long long)stat->comp_size,
               (unsigned long long)stat->size);
    YT_FAIL_IF(stat->size > max_bytes, YT_BAD_INPUT,
               "entry %s has %llu bytes; at most %llu are possible", stat->name,
               (unsigned long long)stat->size, (unsigned long long)max_bytes);
    YT_FAIL_IF(stat->size > TOTAL_MAX_BYTES - archive->total_bytes,
               YT_BAD_INPUT, "the checkpoint unfolds to more than %llu MiB",
               (unsigned long long)(TOTAL_MAX_BYTES >> 20));
    return YT_OK;
}

static enum yt_status read_entry(struct yt_archive *archive, const char *entry,
                                 uint64_t max_bytes, void **bytes_out,
                                 size_t *size_out)
{
    char name[2 * NAME_MAX_BYTES];
    zip_stat_t stat;
    snprintf(name, sizeof name, "%s/%s", archive->root, entry);
    zip_stat_init(&stat);
    YT_FAIL_IF(zip_stat(archive->zip, name, 0, &stat) != 0, YT_BAD_INPUT,
               "the checkpoint has no entry %s", name);
    YT_TRY(check_claim(archive, &stat, max_bytes));

    const size_t size = (size_t)stat.size;
    char *bytes = malloc(size ? size : 1);
    YT_FAIL_IF(!bytes, YT_NO_MEMORY, "entry %s: no memory for %zu bytes", name,
               size);
    zip_file_t *file = zip_fopen_index(archive->zip, stat.index, 0);
    enum yt_status status;
    if (file) {
        status = read_all(file, name, bytes, size);
        zip_fclose(file);
    } else {
        status = yt_fail(YT_BAD_INPUT, "entry %s is damaged: %s", name,
                         zip_strerror(archive->zip));
    }
    if (status != YT_OK) {
        free(bytes);
        return status;
    }
    archive->total_bytes += size;
    *bytes_out = bytes;
    *size_out = size;
    return YT_OK;
}

static enum yt_status check_byteorder(struct yt_archive *archive)
{
    if (!has(archive, "byteorder"))
        return YT_OK;
    void *bytes = NULL;
    size_t size = 0;
    YT_TRY(read_entry(archive, "byteorder", 64, &bytes, &size));
    const bool little = size >= 6 && memcmp(bytes, "little", 6) == 0;
    free(bytes);
    YT_FAIL_IF(!little, YT_UNSUPPORTED,
               "the checkpoint's numbers are not little-endian");
    return YT_OK;
}

enum yt_status yt_archive_open(const void *bytes, size_t size,
                               struct yt_archive **archive_out)
{
    struct yt_archive *archive = calloc(1, sizeof *archive);
    YT_FAIL_IF(!archive, YT_NO_MEMORY, "no memory for an archive");
    archive->size = size;
    enum yt_status status;
    if (yt_legacy_is(bytes, size)) {
        status = yt_legacy_open(bytes, size, &archive->legacy);
    } else {
        status = open_zip(archive, bytes, size);
        if (status == YT_OK)
            status = find_root(archive);
        if (status == YT_OK)
            status = check_byteorder(archive);
    }
    if (status != YT_OK) {
        yt_archive_close(archive);
        return status;
    }
    *archive_out = archive;
    return YT_OK;
}

void yt_archive_close(struct yt_archive *archive)
{
    if (!archive)
        return;
    if (archive->zip)
        zip_discard(archive->zip);
    yt_legacy_close(archive->legacy);
    free(archive);
}

/* A copy of bytes of the file; all of them together have a cap. */
static enum yt_status copy(struct yt_archive *archive, const void *bytes,
                           size_t size, void **bytes_out)
{
    YT_FAIL_IF(size > TOTAL_MAX_BYTES - archive->total_bytes, YT_BAD_INPUT,
               "the checkpoint unfolds to more than %llu MiB",
               (unsigned long long)(TOTAL_MAX_BYTES >> 20));
    void *kept = malloc(size ? size : 1);
    YT_FAIL_IF(!kept, YT_NO_MEMORY, "no memory for %zu bytes", size);
    memcpy(kept, bytes, size);
    archive->total_bytes += size;
    *bytes_out = kept;
    return YT_OK;
}

/* How long the pickle is, its reader finds out. */
static enum yt_status read_old_pickle(struct yt_archive *archive,
                                      void **bytes_out, size_t *size_out)
{
    const void *bytes = yt_legacy_pickle(archive->legacy, size_out);
    if (*size_out > PICKLE_MAX_BYTES)
        *size_out = PICKLE_MAX_BYTES;
    return copy(archive, bytes, *size_out, bytes_out);
}

enum yt_status yt_archive_index(struct yt_archive *archive,
                                const struct yt_pickle *pickle)
{
    return archive->legacy ? yt_legacy_index(archive->legacy, pickle) : YT_OK;
}

enum yt_status yt_archive_read_pickle(struct yt_archive *archive,
                                      void **bytes_out, size_t *size_out)
{
    if (archive->legacy)
        return read_old_pickle(archive, bytes_out, size_out);
    return read_entry(archive, "data.pkl", PICKLE_MAX_BYTES, bytes_out,
                      size_out);
}

enum yt_status yt_archive_read_storage(struct yt_archive *archive,
                                       const char *key, size_t key_length,
                                       size_t size, void **bytes_out)
{
    char entry[NAME_MAX_BYTES];
    size_t got = 0;
    YT_FAIL_IF(key_length > NAME_MAX_BYTES / 2 || memchr(key, 0, key_length),
               YT_BAD_INPUT, "a storage's key is not a name");
    snprintf(entry, sizeof entry, "data/%.*s", (int)key_length, key);
    void *bytes = NULL;
    if (archive->legacy) {
        const void *elems = NULL;
        YT_TRY(yt_legacy_find(archive->legacy, key, key_length, &elems, &got));
        YT_TRY(copy(archive, elems, got, &bytes));
    } else {
        YT_TRY(read_entry(archive, entry, TOTAL_MAX_BYTES, &bytes, &got));
    }
    if (got != size) {
        free(bytes);
        return yt_fail(YT_BAD_INPUT,
                       "storage %s has %zu bytes, its tensor claims %zu", entry,
                       got, size);
    }
    *bytes_out = bytes;
    return YT_OK;
}
