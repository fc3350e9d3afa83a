#ifndef YT_ONEDNN_H
#define YT_ONEDNN_H

/* The part of oneDNN's C API that the tape is made of, with failures as
 * sentences. Primitives are shared by threads; what changes while one runs is a
 * thread's own: its stream and its scratch memory, one for all primitives. */

#include <oneapi/dnnl/dnnl.h>
#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

struct yt_onednn {
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attributes; /* scratch memory is the caller's */
    int32_t threads;                  /* of each primitive */
    int32_t block; /* channels that lie side by side in a tensor: 8 or 16 */
    size_t scratch_bytes; /* of the primitive that needs most */
};

/** A thread that runs primitives. All zeros: none. */
struct yt_stream {
    dnnl_stream_t stream;
    dnnl_memory_t scratch;
};

/** All zeros: none. */
struct yt_primitive {
    dnnl_primitive_t primitive;
    int32_t needs_scratch;
};

/** @param threads that each primitive runs on.
 *  @return YT_OK; YT_NO_MEMORY; YT_UNSUPPORTED when oneDNN does not start. */
enum yt_status yt_onednn_init(int32_t threads, struct yt_onednn *o);

/** All zeros are fine. */
void yt_onednn_deinit(struct yt_onednn *o);

/** A status of oneDNN as ours; @p what says what failed. */
enum yt_status yt_onednn_status(dnnl_status_t status, const char *what);

/** An f32 tensor of [n][c][h][w] in blocks of o->block channels.
 *  @pre o->block divides c. */
enum yt_status yt_onednn_blocked(const struct yt_onednn *o,
                                 const dnnl_dims_t nchw,
                                 dnnl_memory_desc_t *desc_out);

/** A name for memory that is the caller's, or is given later (NULL).
 *  @param[out] memory_out to be given to dnnl_memory_destroy(). */
enum yt_status yt_onednn_memory(const struct yt_onednn *o,
                                const dnnl_memory_desc_t *desc, void *data,
                                dnnl_memory_t *memory_out);

/** The primitive of an operation.
 *
 * @param operation a dnnl_..._desc_t.
 * @param hint      the forward primitive of a backward one, or NULL.
 * @param what      for failures.
 */
enum yt_status yt_onednn_primitive(struct yt_onednn *o, const void *operation,
                                   const struct yt_primitive *hint,
                                   const char *what,
                                   struct yt_primitive *primitive_out);

/** The primitive that copies from one layout into another. */
enum yt_status yt_onednn_reorder(struct yt_onednn *o,
                                 const dnnl_memory_desc_t *from,
                                 const dnnl_memory_desc_t *to,
                                 struct yt_primitive *primitive_out);

/** All zeros are fine. */
void yt_primitive_deinit(struct yt_primitive *primitive);

/** What a primitive's argument looks like, such as dnnl_query_weights_md. */
const dnnl_memory_desc_t *
yt_primitive_layout(const struct yt_primitive *primitive, dnnl_query_t which);

/** After the last primitive was made.
 *  @param scratch o->scratch_bytes, borrowed. */
enum yt_status yt_stream_init(const struct yt_onednn *o, void *scratch,
                              struct yt_stream *stream);

/** All zeros are fine. */
void yt_stream_deinit(struct yt_stream *stream);

/** Let the primitives that the calling thread makes or runs next take
 *  o->threads threads. */
void yt_onednn_enter(const struct yt_onednn *o);

#define YT_PRIMITIVE_ARGUMENTS_MAX 6

/** Run to the end. @param count at most YT_PRIMITIVE_ARGUMENTS_MAX. */
enum yt_status yt_primitive_run(const struct yt_stream *stream,
                                const struct yt_primitive *primitive,
                                const dnnl_exec_arg_t *arguments, int count);

#endif
