#ifndef YT_ONNX_BUILD_H
#define YT_ONNX_BUILD_H

/* ONNX messages put together piece by piece. They live in blocks that are freed
 * together, and may point to weights of the caller's. Running out of memory
 * sticks: pieces after it are dropped, and yt_onnx_build_pack() says so. */

#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"
#include "yolotune/status.h"

struct yt_onnx_build {
    YtOnnx__ModelProto model;
    YtOnnx__GraphProto graph;
    size_t node_cap, initializer_cap, metadata_cap;
    YtOnnx__NodeProto *last; /* what attributes and outputs are added to */
    void *blocks;            /* owned */
    int failed;              /* 1: out of memory */
};

/** An empty model of an opset. The struct must stay where it is.
 *  @param nodes        at most so many nodes,
 *  @param initializers and so many initialisers. */
void yt_onnx_build_begin(struct yt_onnx_build *build, int64_t opset,
                         size_t nodes, size_t initializers);

/** Release what was built. */
void yt_onnx_build_end(struct yt_onnx_build *build);

/** A text that lives as long as the model. */
const char *yt_onnx_build_text(struct yt_onnx_build *build, const char *format,
                               ...) __attribute__((format(printf, 2, 3)));

/** Append a node.
 *  @param name   a number is appended where a node has it already.
 *  @param inputs [count]; "" is one that is not given.
 *  @return its first output's name, NAME_output_0. */
const char *yt_onnx_build_node(struct yt_onnx_build *build, const char *op,
                               const char *name, const char *const *inputs,
                               size_t count);

/** A further output of the last node. */
const char *yt_onnx_build_output(struct yt_onnx_build *build);

/** Call the first output of the last node otherwise. */
void yt_onnx_build_rename(struct yt_onnx_build *build, const char *name);

/** Attributes of the last node. */
void yt_onnx_build_int(struct yt_onnx_build *build, const char *name,
                       int64_t value);
void yt_onnx_build_float(struct yt_onnx_build *build, const char *name,
                         float value);
void yt_onnx_build_ints(struct yt_onnx_build *build, const char *name,
                        const int64_t *values, size_t count);
void yt_onnx_build_word(struct yt_onnx_build *build, const char *name,
                        const char *value);

/** A constant of f32; @p values are borrowed until the end.
 *  @return its name, with a number where another has it. */
const char *yt_onnx_build_floats(struct yt_onnx_build *build, const char *name,
                                 const int64_t *dims, size_t rank,
                                 const float *values);

/** Room for @p count floats that live as long as the model; NULL: none. */
float *yt_onnx_build_room(struct yt_onnx_build *build, size_t count);

/** A list of numbers as a constant. */
const char *yt_onnx_build_list(struct yt_onnx_build *build, const char *name,
                               const int64_t *values, size_t count);

/** The image, and what comes out: f32 of a shape. */
void yt_onnx_build_input(struct yt_onnx_build *build, const char *name,
                         const int64_t *dims, size_t rank);
void yt_onnx_build_result(struct yt_onnx_build *build, const char *name,
                          const int64_t *dims, size_t rank);

void yt_onnx_build_metadata(struct yt_onnx_build *build, const char *key,
                            const char *value);

/** The file's bytes.
 *  @param[out] bytes_out the caller's, to be freed.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_onnx_build_pack(const struct yt_onnx_build *build,
                                  unsigned char **bytes_out, size_t *size_out);

#endif
