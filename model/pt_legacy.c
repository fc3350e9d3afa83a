/* See model/pt_legacy.h. Sizes are claims: each is held against what is left of
 * the file. */

#include "model/pt_legacy.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

#define PROTOCOL    1001
#define KEYS_MAX    65536
#define KEY_MAX     128 /* bytes */
#define COUNT_BYTES 8

/* torch/serialization.py: MAGIC_NUMBER, pickled with protocol 2. */
static const unsigned char magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c,
                                      0xfc, 0x9c, 0x46, 0xf9, 0x20,
                                      0x6a, 0xa8, 0x50, 0x19, '.'};

static const struct {
    const char *storage;
    size_t bytes; /* of an element */
} types[] = {
    {"torch.HalfStorage", 2},  {"torch.BFloat16Storage", 2},
    {"torch.FloatStorage", 4}, {"torch.DoubleStorage", 8},
    {"torch.LongStorage", 8},  {"torch.IntStorage", 4},
    {"torch.ShortStorage", 2}, {"torch.CharStorage", 1},
    {"torch.ByteStorage", 1},  {"torch.BoolStorage", 1},
};
#define TYPES (sizeof types / sizeof types[0])

struct storage {
    const char *key; /* not terminated */
    size_t key_length;
    size_t elem_bytes;
    const unsigned char *elems; /* NULL until it was found */
    size_t size;                /* bytes */
};

struct yt_legacy {
    const unsigned char *bytes;
    size_t size, pickle_at;
    struct storage *storages; /* by key */
    size_t count;
};

bool yt_legacy_is(const void *bytes, size_t size)
{
    return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

/* The pickle at *at, which is moved behind it. */
static enum yt_status read_next(const struct yt_legacy *legacy, size_t *at,
                                struct yt_pickle **pickle_out)
{
    YT_TRY(yt_pickle_read(legacy->bytes + *at, legacy->size - *at, pickle_out));
    *at += yt_pickle_end(*pickle_out);
    return YT_OK;
}

static enum yt_status read_preface(struct yt_legacy *legacy)
{
    size_t at = sizeof magic;
    int64_t protocol = 0, little = 0;
    struct yt_pickle *pickle = NULL;
    YT_TRY(read_next(legacy, &at, &pickle));
    (void)yt_pickle_int(yt_pickle_root(pickle), &protocol);
    yt_pickle_destroy(pickle);
    YT_FAIL_IF(protocol != PROTOCOL, YT_UNSUPPORTED,
               "saved by protocol %lld; %d is read", (long long)protocol,
               PROTOCOL);
    YT_TRY(read_next(legacy, &at, &pickle));
    (void)yt_pickle_int(yt_pickle_get(yt_pickle_root(pickle), "little_endian"),
                        &little);
    yt_pickle_destroy(pickle);
    YT_FAIL_IF(!little, YT_UNSUPPORTED,
               "the checkpoint's numbers are not little-endian");
    legacy->pickle_at = at;
    return YT_OK;
}

enum yt_status yt_legacy_open(const void *bytes, size_t size,
                              struct yt_legacy **legacy_out)
{
    struct yt_legacy *legacy = calloc(1, sizeof *legacy);
    YT_FAIL_IF(!legacy, YT_NO_MEMORY, "no memory for a checkpoint");
    legacy->bytes = bytes;
    legacy->size = size;
    const enum yt_status status = read_preface(legacy);
    if (status != YT_OK) {
        yt_legacy_close(legacy);
        return status;
    }
    *legacy_out = legacy;
    return YT_OK;
}

void yt_legacy_close(struct yt_legacy *legacy)
{
    if (legacy)
        free(legacy->storages);
    free(legacy);
}

const void *yt_legacy_pickle(const struct yt_legacy *legacy, size_t *size_out)
{
    *size_out = legacy->size - legacy->pickle_at;
    return legacy->bytes + legacy->pickle_at;
}

static int by_key(const void *a_, const void *b_)
{
    const struct storage *a = a_, *b = b_;
    const size_t least =
        a->key_length < b->key_length ? a->key_length : b->key_length;
    const int order = memcmp(a->key, b->key, least);
    return order ? order
                 : (a->key_length > b->key_length) -
                       (a->key_length < b->key_length);
}

static struct storage *find(const struct yt_legacy *legacy, const char *key,
                            size_t key_length)
{
    const struct storage wanted = {.key = key, .key_length = key_length};
    return legacy->count ? bsearch(&wanted, legacy->storages, legacy->count,
                                   sizeof wanted, by_key)
                         : NULL;
}

/* A storage as a tensor names it: its key and type. */
static enum yt_status name_storage(const struct yt_pickle_value *id,
                                   struct storage *storage)
{
    const struct yt_pickle_value *tuple = id->args;
    YT_FAIL_IF(tuple->kind != YT_PICKLE_TUPLE || tuple->count < 5 ||
                   tuple->items[2]->kind != YT_PICKLE_STRING ||
                   tuple->items[2]->length > KEY_MAX,
               YT_BAD_INPUT, "a storage is not described as torch does");
    *storage = (struct storage){.key = tuple->items[2]->text,
                                .key_length = tuple->items[2]->length};
    for (size_t i = 0; i < TYPES; i++)
        if (yt_pickle_is_global(tuple->items[1], types[i].storage))
            storage->elem_bytes = types[i].bytes;
    char text[96];
    YT_FAIL_IF(!storage->elem_bytes, YT_UNSUPPORTED,
               "a storage of %s cannot be read",
               yt_pickle_describe(tuple->items[1], text));
    YT_FAIL_IF(tuple->count > 5 && tuple->items[5]->kind != YT_PICKLE_NONE,
               YT_UNSUPPORTED,
               "storage %.*s is a view of another, which is not read",
               (int)storage->key_length, storage->key);
    return YT_OK;
}

/* All that tensors name, each once. */
static enum yt_status list_storages(struct yt_legacy *legacy,
                                    const struct yt_pickle *pickle)
{
    size_t count = 0, kept = 0;
    const struct yt_pickle_value *last = yt_pickle_last_persid(pickle);
    for (const struct yt_pickle_value *id = last; id; id = id->state)
        count++;
    YT_FAIL_IF(count < 1, YT_BAD_INPUT, "the checkpoint has no tensors");
    struct storage *all = calloc(count, sizeof *all);
    YT_FAIL_IF(!all, YT_NO_MEMORY, "no memory for %zu storages", count);
    legacy->storages = all;
    count = 0;
    for (const struct yt_pickle_value *id = last; id; id = id->state)
        YT_TRY(name_storage(id, &all[count++]));
    qsort(all, count, sizeof *all, by_key);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || by_key(&all[kept - 1], &all[i]) != 0)
            all[kept++] = all[i];
        else
            YT_FAIL_IF(all[kept - 1].elem_bytes != all[i].elem_bytes,
                       YT_BAD_INPUT, "storage %.*s has two types",
                       (int)all[i].key_length, all[i].key);
    YT_FAIL_IF(kept > KEYS_MAX, YT_BAD_INPUT,
               "%zu storages; at most %d are possible", kept, KEYS_MAX);
    legacy->count = kept;
    return YT_OK;
}

/* The storage at *at, which is moved behind it. */
static enum yt_status place(const struct yt_legacy *legacy,
                            struct storage *storage, size_t *at)
{
    uint64_t elems = 0;
    const size_t left = legacy->size - *at;
    const int length = (int)storage->key_length;
    YT_FAIL_IF(left < COUNT_BYTES, YT_BAD_INPUT,
               "the file ends before storage %.*s", length, storage->key);
    for (size_t i = COUNT_BYTES; i-- > 0;)
        elems = elems << 8 | legacy->bytes[*at + i];
    YT_FAIL_IF(elems > (left - COUNT_BYTES) / storage->elem_bytes, YT_BAD_INPUT,
               "storage %.*s claims %llu elements of a file that has %zu bytes "
               "left",
               length, storage->key, (unsigned long long)elems,
               left - COUNT_BYTES);
    YT_FAIL_IF(storage->elems, YT_BAD_INPUT, "storage %.*s is there twice",
               length, storage->key);
    storage->elems = legacy->bytes + *at + COUNT_BYTES;
    storage->size = (size_t)elems * storage->elem_bytes;
    *at += COUNT_BYTES + storage->size;
    return YT_OK;
}

static enum yt_status place_all(const struct yt_legacy *legacy,
                                const struct yt_pickle_value *keys, size_t at)
{
    YT_FAIL_IF(keys->kind != YT_PICKLE_LIST, YT_BAD_INPUT,
               "the checkpoint has no list of its storages");
    for (size_t i = 0; i < keys->count; i++) {
        const struct yt_pickle_value *key = keys->items[i];
        struct storage *storage = key->kind == YT_PICKLE_STRING
                                      ? find(legacy, key->text, key->length)
                                      : NULL;
        YT_FAIL_IF(!storage, YT_BAD_INPUT,
                   "storage %zu of the file is of no tensor", i);
        YT_TRY(place(legacy, storage, &at));
    }
    return YT_OK;
}

enum yt_status yt_legacy_index(struct yt_legacy *legacy,
                               const struct yt_pickle *pickle)
{
    size_t at = legacy->pickle_at + yt_pickle_end(pickle);
    struct yt_pickle *keys = NULL;
    YT_TRY(list_storages(legacy, pickle));
    YT_TRY(read_next(legacy, &at, &keys));
    const enum yt_status status = place_all(legacy, yt_pickle_root(keys), at);
    yt_pickle_destroy(keys);
    return status;
}

enum yt_status yt_legacy_find(const struct yt_legacy *legacy, const char *key,
                              size_t key_length, const void **bytes_out,
                              size_t *size_out)
{
    const struct storage *storage = find(legacy, key, key_length);
    YT_FAIL_IF(!storage || !storage->elems, YT_BAD_INPUT,
               "the checkpoint has no storage %.*s",
               (int)(key_length < KEY_MAX ? key_length : KEY_MAX), key);
    *bytes_out = storage->elems;
    *size_out = storage->size;
    return YT_OK;
}
