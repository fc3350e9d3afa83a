/* From a path to a graph: one door for every format. What a file is, its first
 * bytes say; its name is only what the model is called. */

#include "model/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/digest.h"
#include "model/pt_legacy.h"
#include "runtime/fail.h"

#define FILE_MAX_BYTES ((off_t)2 << 30)

/* A copy, not a mapping: a file that shrinks while it is read must end in an
 * error, not in a signal. */
static enum yt_status read_open(int fd, unsigned char **bytes_out,
                                size_t *size_out)
{
    struct stat stat;
    YT_FAIL_IF(fstat(fd, &stat) != 0, YT_IO, "cannot be read: %s",
               strerror(errno));
    YT_FAIL_IF(S_ISDIR(stat.st_mode), YT_BAD_INPUT,
               "is a directory, not a model");
    YT_FAIL_IF(!S_ISREG(stat.st_mode), YT_BAD_INPUT, "is not a regular file");
    YT_FAIL_IF(stat.st_size == 0, YT_BAD_INPUT, "is empty");
    YT_FAIL_IF(stat.st_size > FILE_MAX_BYTES, YT_BAD_INPUT,
               "has %lld bytes; a model has at most %lld",
               (long long)stat.st_size, (long long)FILE_MAX_BYTES);
    const size_t size = (size_t)stat.st_size;
    unsigned char *bytes = malloc(size);
    YT_FAIL_IF(!bytes, YT_NO_MEMORY, "no memory for %zu bytes", size);
    for (size_t at = 0; at < size;) {
        const ssize_t got = read(fd, bytes + at, size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            const char *reason = got < 0 ? strerror(errno) : "it shrank";
            free(bytes);
            return yt_fail(YT_IO, "cannot be read: %s", reason);
        }
        at += (size_t)got;
    }
    *bytes_out = bytes;
    *size_out = size;
    return YT_OK;
}

static enum yt_status read_file(const char *path, unsigned char **bytes_out,
                                size_t *size_out)
{
    /* O_NONBLOCK: a pipe without a writer must not hang the open. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    YT_FAIL_IF(fd < 0,
               errno == ENOENT || errno == ENOTDIR ? YT_NOT_FOUND : YT_IO,
               "cannot be opened: %s", strerror(errno));
    const enum yt_status status = read_open(fd, bytes_out, size_out);
    close(fd);
    return status;
}

/* Whether the first byte is a tag of onnx.proto's ModelProto: ir_version,
 * producer_name, producer_version, domain, model_version, doc_string, graph,
 * opset_import, metadata_props, training_info or functions. */
static int starts_as_onnx(const unsigned char *bytes, size_t size)
{
    static const unsigned char tags[] = {0x08, 0x12, 0x1a, 0x22, 0x28, 0x32,
                                         0x3a, 0x42, 0x72, 0xa2, 0xca};
    return size >= 2 && memchr(tags, bytes[0], sizeof tags) != NULL;
}

/* An ONNX file's other files lie beside it. */
static enum yt_status import_onnx(const char *path, const unsigned char *bytes,
                                  size_t size, struct yt_graph **graph_out)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup(".");
    YT_FAIL_IF(!folder, YT_NO_MEMORY, "no memory for the name of a folder");
    const enum yt_status status =
        yt_import_onnx_in(bytes, size, folder, graph_out);
    free(folder);
    return status;
}

static enum yt_status import_bytes(const char *path, const unsigned char *bytes,
                                   size_t size, struct yt_graph **graph_out)
{
    if ((size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0) ||
        yt_legacy_is(bytes, size))
        return yt_import_pt(bytes, size, graph_out);
    YT_FAIL_IF(size >= 2 && bytes[0] == 0x80 && bytes[1] <= 5, YT_UNSUPPORTED,
               "a pickle that torch.save() did not write; load it in PyTorch "
               "and save it again");
    if (starts_as_onnx(bytes, size))
        return import_onnx(path, bytes, size, graph_out);
    return yt_fail(YT_BAD_INPUT,
                   "is neither a PyTorch checkpoint nor an ONNX model");
}

/* "dir/yolov5n.pt" is "yolov5n". The name is printed and stored, so bytes that
 * are not printable ASCII become '_'. */
static void set_name(struct yt_graph *graph, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    if (length > sizeof graph->name - 1)
        length = sizeof graph->name - 1;
    for (size_t i = 0; i < length; i++)
        graph->name[i] = base[i] >= 0x20 && base[i] <= 0x7e ? base[i] : '_';
    graph->name[length] = 0;
}

/* Of the file and, where others gave data, of those. */
static void set_hash(struct yt_graph *graph, const unsigned char *bytes,
                     size_t size)
{
    char both[2 * sizeof graph->hash];
    const size_t others = strlen(graph->hash);
    memcpy(both, graph->hash, others);
    yt_digest_hex(bytes, size, both + others);
    if (others)
        yt_digest_hex(both, strlen(both), graph->hash);
    else
        memcpy(graph->hash, both, sizeof graph->hash);
}

enum yt_status yt_model_import(const char *path, struct yt_graph **graph_out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    struct yt_graph *graph = NULL;
    enum yt_status status = read_file(path, &bytes, &size);
    if (status == YT_OK)
        status = import_bytes(path, bytes, size, &graph);
    if (graph) {
        set_name(graph, path);
        set_hash(graph, bytes, size);
        *graph_out = graph;
    } else {
        yt_fail_prefix(status, "%s", path);
    }
    free(bytes);
    return status;
}

#define BUILTIN      "builtin:"
#define BUILTIN_SIZE "n"
#define BUILTIN_SEED 5

enum yt_status yt_graph_read(const char *model, struct yt_graph **graph_out)
{
    const size_t prefix = strlen(BUILTIN);
    if (!model)
        return yt_graph_builtin(BUILTIN_SIZE, BUILTIN_SEED, graph_out);
    if (strncmp(model, BUILTIN, prefix) == 0)
        return yt_graph_builtin(model + prefix, BUILTIN_SEED, graph_out);
    return yt_model_import(model, graph_out);
}
