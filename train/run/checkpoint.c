/* See train/run/checkpoint.h. A file is
 *
 *   head      magic, version, what follows it: struct head
 *   numbers   struct yt_checkpoint_numbers
 *   arrays    values, momenta, average, best, squares if there are any
 *   checksum  XXH3-64 of all before it
 *
 * in the byte order of the machine. */

#include "train/run/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/replace.h"
#include "runtime/fail.h"

#define PIECE ((size_t)1 << 20) /* bytes read at once */

static const char magic[8] = "YTTRAIN";

struct head {
    char magic[8];
    int32_t version;
    int32_t arrays;
    int64_t count;
    char identity[YT_CHECKPOINT_ID_MAX + 7];
};

#define ARRAYS_MAX 5

/* Those that there are. */
static int32_t arrays_of(const struct yt_checkpoint *c,
                         float *arrays[ARRAYS_MAX])
{
    float *all[ARRAYS_MAX] = {c->values, c->momenta, c->average, c->best,
                              c->squares};
    memcpy(arrays, all, sizeof all);
    return c->squares ? ARRAYS_MAX : ARRAYS_MAX - 1;
}

static struct head head_of(const struct yt_checkpoint *c)
{
    float *arrays[ARRAYS_MAX];
    struct head head = {.version = YT_CHECKPOINT_VERSION,
                        .arrays = arrays_of(c, arrays),
                        .count = c->count};
    memcpy(head.magic, magic, sizeof magic);
    memcpy(head.identity, c->identity, strlen(c->identity));
    return head;
}

enum yt_status yt_checkpoint_init(struct yt_checkpoint *c, const char *identity,
                                  int64_t count, int32_t squares)
{
    assert(strlen(identity) < YT_CHECKPOINT_ID_MAX);
    *c = (struct yt_checkpoint){.count = count};
    memcpy(c->identity, identity, strlen(identity));
    float **arrays[] = {&c->values, &c->momenta, &c->average, &c->best,
                        &c->squares};
    const int wanted = squares ? ARRAYS_MAX : ARRAYS_MAX - 1;
    for (int i = 0; i < wanted; i++) {
        *arrays[i] = calloc(count > 0 ? (size_t)count : 1, sizeof **arrays[i]);
        YT_FAIL_IF(!*arrays[i], YT_NO_MEMORY,
                   "no memory to keep the state of a training in");
    }
    return YT_OK;
}

void yt_checkpoint_deinit(struct yt_checkpoint *c)
{
    free(c->values);
    free(c->momenta);
    free(c->average);
    free(c->best);
    free(c->squares);
    memset(c, 0, sizeof *c);
}

/* ---------------------------------------------------------------- stream */

/* A file that goes through a checksum. */
struct stream {
    const char *path; /* for sentences */
    int fd;
    const struct yt_replace *to; /* when written */
    XXH3_state_t *hash;
};

static enum yt_status stream_begin(struct stream *s, int fd, const char *path)
{
    *s = (struct stream){.path = path, .fd = fd};
    s->hash = XXH3_createState();
    YT_FAIL_IF(!s->hash, YT_NO_MEMORY, "no memory for a checksum");
    XXH3_64bits_reset(s->hash);
    return YT_OK;
}

static void stream_end(struct stream *s)
{
    XXH3_freeState(s->hash);
}

static enum yt_status cannot_write(const char *path, int code)
{
    return yt_fail(YT_IO, "the checkpoint %s cannot be written: %s", path,
                   strerror(code));
}

static enum yt_status put_bytes(const struct stream *s, const void *bytes,
                                size_t size)
{
    const int code = yt_replace_write(s->to, bytes, size);
    return code ? cannot_write(s->path, code) : YT_OK;
}

static enum yt_status put(const struct stream *s, const void *bytes,
                          size_t size)
{
    XXH3_64bits_update(s->hash, bytes, size);
    return put_bytes(s, bytes, size);
}

static enum yt_status get_bytes(const struct stream *s, void *bytes,
                                size_t size)
{
    char *at = bytes;
    while (size > 0) {
        const ssize_t n = read(s->fd, at, size < PIECE ? size : PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        YT_FAIL_IF(n < 0, YT_IO, "the checkpoint %s cannot be read: %s",
                   s->path, strerror(errno));
        YT_FAIL_IF(n == 0, YT_BAD_INPUT, "the checkpoint %s is cut off",
                   s->path);
        at += n;
        size -= (size_t)n;
    }
    return YT_OK;
}

static enum yt_status get(const struct stream *s, void *bytes, size_t size)
{
    YT_TRY(get_bytes(s, bytes, size));
    XXH3_64bits_update(s->hash, bytes, size);
    return YT_OK;
}

/* ----------------------------------------------------------------- write */

static enum yt_status put_all(const struct stream *s,
                              const struct yt_checkpoint *c)
{
    const struct head head = head_of(c);
    float *arrays[ARRAYS_MAX];
    const int32_t count = arrays_of(c, arrays);
    YT_TRY(put(s, &head, sizeof head));
    YT_TRY(put(s, &c->numbers, sizeof c->numbers));
    for (int32_t i = 0; i < count; i++)
        YT_TRY(put(s, arrays[i], (size_t)c->count * sizeof *arrays[i]));
    const uint64_t sum = XXH3_64bits_digest(s->hash);
    return put_bytes(s, &sum, sizeof sum);
}

enum yt_status yt_checkpoint_write(const struct yt_checkpoint *c,
                                   const char *path)
{
    struct yt_replace replace;
    struct stream stream;
    int code = yt_replace_begin(path, &replace);
    if (code)
        return cannot_write(path, code);
    enum yt_status status = stream_begin(&stream, replace.fd, path);
    stream.to = &replace;
    if (status == YT_OK)
        status = put_all(&stream, c);
    stream_end(&stream);
    code = yt_replace_end(&replace, status == YT_OK);
    return status == YT_OK && code ? cannot_write(path, code) : status;
}

/* ------------------------------------------------------------------ read */

static int64_t size_of(const struct head *head)
{
    return (int64_t)(sizeof *head + sizeof(struct yt_checkpoint_numbers) +
                     sizeof(uint64_t)) +
           head->arrays * head->count * (int64_t)sizeof(float);
}

/* What the first bytes say, before anything else is looked at. */
static enum yt_status check_format(const struct stream *s,
                                   const struct head *head)
{
    YT_FAIL_IF(memcmp(head->magic, magic, sizeof magic) != 0, YT_BAD_INPUT,
               "%s is no checkpoint of a training", s->path);
    YT_FAIL_IF(head->version > YT_CHECKPOINT_VERSION, YT_BAD_INPUT,
               "the checkpoint %s is of version %d, written by a newer "
               "yolotune: this one reads %d",
               s->path, head->version, YT_CHECKPOINT_VERSION);
    YT_FAIL_IF(head->version != YT_CHECKPOINT_VERSION, YT_BAD_INPUT,
               "the checkpoint %s is damaged: version %d", s->path,
               head->version);
    return YT_OK;
}

static enum yt_status get_sum(const struct stream *s)
{
    const uint64_t sum = XXH3_64bits_digest(s->hash);
    uint64_t written = 0;
    YT_TRY(get_bytes(s, &written, sizeof written));
    YT_FAIL_IF(sum != written, YT_BAD_INPUT,
               "the checkpoint %s is damaged: its checksum is off", s->path);
    return YT_OK;
}

static enum yt_status get_all(const struct stream *s, struct yt_checkpoint *c)
{
    struct head head;
    const struct head expected = head_of(c);
    struct stat about;
    YT_TRY(get(s, &head, sizeof head));
    YT_TRY(check_format(s, &head));
    YT_FAIL_IF(
        memcmp(head.identity, expected.identity, sizeof head.identity) != 0 ||
            head.count != expected.count || head.arrays != expected.arrays,
        YT_BAD_INPUT,
        "the checkpoint %s is of another training: of another model, "
        "data set, teacher or other options",
        s->path);
    YT_FAIL_IF(fstat(s->fd, &about) != 0, YT_IO, "%s cannot be read: %s",
               s->path, strerror(errno));
    YT_FAIL_IF(about.st_size < size_of(&head), YT_BAD_INPUT,
               "the checkpoint %s is cut off", s->path);
    YT_FAIL_IF(about.st_size > size_of(&head), YT_BAD_INPUT,
               "the checkpoint %s is damaged: longer than it was written",
               s->path);
    float *arrays[ARRAYS_MAX];
    YT_TRY(get(s, &c->numbers, sizeof c->numbers));
    for (int32_t i = 0; i < arrays_of(c, arrays); i++)
        YT_TRY(get(s, arrays[i], (size_t)c->count * sizeof *arrays[i]));
    return get_sum(s);
}

enum yt_status yt_checkpoint_read(struct yt_checkpoint *c, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    YT_FAIL_IF(fd < 0, errno == ENOENT ? YT_NOT_FOUND : YT_IO,
               "the checkpoint %s cannot be read: %s", path, strerror(errno));
    struct stream stream;
    enum yt_status status = stream_begin(&stream, fd, path);
    if (status == YT_OK)
        status = get_all(&stream, c);
    stream_end(&stream);
    close(fd);
    return status;
}
