/* See onnx_external.h. What a tensor says of its place is hostile: it may lead
 * nowhere but into a regular file below the folder, by links neither, and to
 * bytes that are there. */

#include "model/onnx_external.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/digest.h"
#include "runtime/fail.h"

/* Of all tensors of a model: as many as a file of it may have. */
#define BYTES_MAX ((int64_t)2 << 30)

struct reader {
    const char *folder;
    char *digest;       /* [33] */
    int64_t left_bytes; /* of BYTES_MAX */
};

struct place {
    const char *tensor, *location;
    int64_t offset, length; /* length -1: up to the end */
};

/* A number of digits alone. */
static int parse_count(const char *text, int64_t *count_out)
{
    char *end;
    errno = 0;
    const long long count = strtoll(text, &end, 10);
    *count_out = count;
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0;
}

static enum yt_status read_place(const YtOnnx__TensorProto *proto,
                                 struct place *place)
{
    *place =
        (struct place){.tensor = proto->name ? proto->name : "", .length = -1};
    for (size_t i = 0; i < proto->n_external_data; ++i) {
        const char *key = proto->external_data[i]->key;
        const char *value = proto->external_data[i]->value;
        int64_t *count = NULL;
        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0)
            place->location = value;
        if (strcmp(key, "offset") == 0)
            count = &place->offset;
        if (strcmp(key, "length") == 0)
            count = &place->length;
        YT_FAIL_IF(count && !parse_count(value, count), YT_BAD_INPUT,
                   "tensor '%.80s': the %s of its data is '%.40s'",
                   place->tensor, key, value);
    }
    YT_FAIL_IF(!place->location || !place->location[0], YT_BAD_INPUT,
               "tensor '%.80s' doesn't say which file its data are in",
               place->tensor);
    return YT_OK;
}

/* Whether a path as it is written stays below where it starts. */
static int stays_inside(const char *path)
{
    if (path[0] == '/')
        return 0;
    for (const char *part = path; *part;) {
        const size_t length = strcspn(part, "/");
        if (length == 2 && memcmp(part, "..", 2) == 0)
            return 0;
        part += length + (part[length] == '/');
    }
    return 1;
}

/* Whether a path without links is the folder's or below it. */
static int is_below(const char *folder, const char *path)
{
    size_t length = strlen(folder);
    length -= folder[length - 1] == '/'; /* the root alone ends so */
    return strncmp(path, folder, length) == 0 &&
           (path[length] == '/' || path[length] == 0);
}

/* The file's path without links, which may lead anywhere. */
static enum yt_status resolve(const struct reader *r, const struct place *place,
                              const char *path, char real_out[PATH_MAX])
{
    char folder[PATH_MAX];
    YT_FAIL_IF(!realpath(r->folder, folder), YT_IO,
               "'%.80s' cannot be looked into: %s", r->folder, strerror(errno));
    YT_FAIL_IF(!realpath(path, real_out),
               errno == ENOENT ? YT_NOT_FOUND : YT_IO,
               "tensor '%.80s': its data are in '%.80s', which cannot be "
               "opened: %s",
               place->tensor, place->location, strerror(errno));
    YT_FAIL_IF(!is_below(folder, real_out), YT_BAD_INPUT,
               "tensor '%.80s': its data are in '%.80s', a link that leads out "
               "of the model's folder",
               place->tensor, place->location);
    return YT_OK;
}

static enum yt_status open_file(const struct reader *r,
                                const struct place *place, int *fd_out)
{
    char path[PATH_MAX], real[PATH_MAX];
    YT_FAIL_IF(!stays_inside(place->location), YT_BAD_INPUT,
               "tensor '%.80s': its data are in '%.80s', outside of the "
               "model's folder",
               place->tensor, place->location);
    const int length =
        snprintf(path, sizeof path, "%s/%s", r->folder, place->location);
    YT_FAIL_IF(length < 0 || (size_t)length >= sizeof path, YT_BAD_INPUT,
               "tensor '%.80s': the name of its file is too long",
               place->tensor);
    YT_TRY(resolve(r, place, path, real));
    *fd_out = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    YT_FAIL_IF(*fd_out < 0, errno == ENOENT ? YT_NOT_FOUND : YT_IO,
               "tensor '%.80s': its data are in '%.80s', which cannot be "
               "opened: %s",
               place->tensor, place->location, strerror(errno));
    return YT_OK;
}

/* Where the data end, by the file. */
static enum yt_status check_place(const struct reader *r, int fd,
                                  struct place *place)
{
    struct stat stat;
    YT_FAIL_IF(fstat(fd, &stat) != 0, YT_IO, "'%.80s' cannot be read: %s",
               place->location, strerror(errno));
    YT_FAIL_IF(!S_ISREG(stat.st_mode), YT_BAD_INPUT,
               "'%.80s' is not a regular file", place->location);
    const int64_t size = stat.st_size;
    if (place->length < 0)
        place->length = place->offset <= size ? size - place->offset : 0;
    YT_FAIL_IF(place->offset > size || place->length > size - place->offset,
               YT_BAD_INPUT,
               "tensor '%.80s': its data are %lld bytes from byte %lld on in "
               "'%.80s', which has %lld",
               place->tensor, (long long)place->length,
               (long long)place->offset, place->location, (long long)size);
    YT_FAIL_IF(place->length > r->left_bytes, YT_BAD_INPUT,
               "tensor '%.80s': with its data the model has more than %lld "
               "bytes",
               place->tensor, (long long)BYTES_MAX);
    return YT_OK;
}

static enum yt_status read_bytes(int fd, const struct place *place,
                                 uint8_t *bytes)
{
    for (int64_t at = 0; at < place->length;) {
        const ssize_t got = pread(fd, bytes + at, (size_t)(place->length - at),
                                  place->offset + at);
        if (got < 0 && errno == EINTR)
            continue;
        YT_FAIL_IF(got <= 0, YT_IO, "'%.80s' cannot be read: %s",
                   place->location, got < 0 ? strerror(errno) : "it shrank");
        at += got;
    }
    return YT_OK;
}

/* The digest so far and the bytes make the digest that includes them. */
static void chain(char digest[33], const uint8_t *bytes, size_t size)
{
    char next[33], both[2 * sizeof next];
    yt_digest_hex(bytes, size, next);
    snprintf(both, sizeof both, "%s%s", digest, next);
    yt_digest_hex(both, strlen(both), digest);
}

static enum yt_status load_open(struct reader *r, int fd, struct place *place,
                                YtOnnx__TensorProto *proto)
{
    YT_TRY(check_place(r, fd, place));
    const size_t size = (size_t)place->length;
    uint8_t *bytes = malloc(size ? size : 1);
    YT_FAIL_IF(!bytes, YT_NO_MEMORY, "no memory for %zu bytes of '%.80s'", size,
               place->tensor);
    const enum yt_status status = read_bytes(fd, place, bytes);
    if (status != YT_OK) {
        free(bytes);
        return status;
    }
    chain(r->digest, bytes, size);
    r->left_bytes -= place->length;
    free(proto->raw_data.data);
    proto->has_raw_data = 1;
    proto->raw_data.data = bytes;
    proto->raw_data.len = size;
    proto->data_location = 0;
    return YT_OK;
}

static enum yt_status load_tensor(struct reader *r, YtOnnx__TensorProto *proto)
{
    struct place place;
    int fd = -1;
    if (proto->data_location != 1)
        return YT_OK;
    YT_TRY(read_place(proto, &place));
    YT_TRY(open_file(r, &place, &fd));
    const enum yt_status status = load_open(r, fd, &place, proto);
    close(fd);
    return status;
}

enum yt_status yt_onnx_external_load(YtOnnx__ModelProto *model,
                                     const char *folder, char digest_out[33])
{
    struct reader reader = {
        .folder = folder, .digest = digest_out, .left_bytes = BYTES_MAX};
    const YtOnnx__GraphProto *graph = model->graph;
    digest_out[0] = 0;
    for (size_t i = 0; graph && i < graph->n_initializer; ++i)
        YT_TRY(load_tensor(&reader, graph->initializer[i]));
    return YT_OK;
}
