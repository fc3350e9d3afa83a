/* See train/net/onednn.h. */

#include "train/net/onednn.h"

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"

/* oneDNN runs on the threads of GCC's OpenMP library. Not every compiler has
 * its header. */
void omp_set_num_threads(int threads);

enum yt_status yt_onednn_status(dnnl_status_t status, const char *what)
{
    switch (status) {
    case dnnl_success:
        return YT_OK;
    case dnnl_out_of_memory:
        return yt_fail(YT_NO_MEMORY, "oneDNN: no memory for %s", what);
    case dnnl_unimplemented:
        return yt_fail(YT_UNSUPPORTED, "oneDNN does not compute %s", what);
    default:
        return yt_fail(YT_UNSUPPORTED, "oneDNN refuses %s (status %d)", what,
                       (int)status);
    }
}

enum yt_status yt_onednn_init(int32_t threads, struct yt_onednn *o)
{
    memset(o, 0, sizeof *o);
    o->threads = threads;
    o->block = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) ==
                       dnnl_cpu_isa_avx512_core
                   ? 16
                   : 8;
    yt_onednn_enter(o);
    YT_TRY(yt_onednn_status(dnnl_engine_create(&o->engine, dnnl_cpu, 0),
                            "an engine on this CPU"));
    YT_TRY(yt_onednn_status(dnnl_primitive_attr_create(&o->attributes),
                            "attributes"));
    return yt_onednn_status(dnnl_primitive_attr_set_scratchpad_mode(
                                o->attributes, dnnl_scratchpad_mode_user),
                            "scratch memory of ours");
}

void yt_onednn_deinit(struct yt_onednn *o)
{
    if (o->attributes)
        dnnl_primitive_attr_destroy(o->attributes);
    if (o->engine)
        dnnl_engine_destroy(o->engine);
    memset(o, 0, sizeof *o);
}

void yt_onednn_enter(const struct yt_onednn *o)
{
    omp_set_num_threads((int)o->threads);
}

enum yt_status yt_onednn_blocked(const struct yt_onednn *o,
                                 const dnnl_dims_t nchw,
                                 dnnl_memory_desc_t *desc_out)
{
    assert(nchw[1] % o->block == 0);
    return yt_onednn_status(dnnl_memory_desc_init_by_tag(
                                desc_out, 4, nchw, dnnl_f32,
                                o->block == 16 ? dnnl_nChw16c : dnnl_nChw8c),
                            "a tensor in blocks of channels");
}

enum yt_status yt_onednn_memory(const struct yt_onednn *o,
                                const dnnl_memory_desc_t *desc, void *data,
                                dnnl_memory_t *memory_out)
{
    return yt_onednn_status(dnnl_memory_create(memory_out, desc, o->engine,
                                               data ? data : DNNL_MEMORY_NONE),
                            "a tensor");
}

static const_dnnl_primitive_desc_t
description_of(const struct yt_primitive *primitive)
{
    const_dnnl_primitive_desc_t description = NULL;
    if (primitive)
        dnnl_primitive_get_primitive_desc(primitive->primitive, &description);
    return description;
}

static enum yt_status make_primitive(struct yt_onednn *o,
                                     const_dnnl_primitive_desc_t description,
                                     const char *what,
                                     struct yt_primitive *primitive_out)
{
    YT_TRY(yt_onednn_status(
        dnnl_primitive_create(&primitive_out->primitive, description), what));
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    const size_t bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    primitive_out->needs_scratch = bytes > 0;
    if (bytes > o->scratch_bytes)
        o->scratch_bytes = bytes;
    return YT_OK;
}

enum yt_status yt_onednn_primitive(struct yt_onednn *o, const void *operation,
                                   const struct yt_primitive *hint,
                                   const char *what,
                                   struct yt_primitive *primitive_out)
{
    dnnl_primitive_desc_t description = NULL;
    YT_TRY(yt_onednn_status(dnnl_primitive_desc_create(&description, operation,
                                                       o->attributes, o->engine,
                                                       description_of(hint)),
                            what));
    const enum yt_status status =
        make_primitive(o, description, what, primitive_out);
    dnnl_primitive_desc_destroy(description);
    return status;
}

enum yt_status yt_onednn_reorder(struct yt_onednn *o,
                                 const dnnl_memory_desc_t *from,
                                 const dnnl_memory_desc_t *to,
                                 struct yt_primitive *primitive_out)
{
    dnnl_primitive_desc_t description = NULL;
    YT_TRY(yt_onednn_status(
        dnnl_reorder_primitive_desc_create(&description, from, o->engine, to,
                                           o->engine, o->attributes),
        "a copy into another layout"));
    const enum yt_status status = make_primitive(
        o, description, "a copy into another layout", primitive_out);
    dnnl_primitive_desc_destroy(description);
    return status;
}

void yt_primitive_deinit(struct yt_primitive *primitive)
{
    if (primitive->primitive)
        dnnl_primitive_destroy(primitive->primitive);
    memset(primitive, 0, sizeof *primitive);
}

const dnnl_memory_desc_t *
yt_primitive_layout(const struct yt_primitive *primitive, dnnl_query_t which)
{
    return dnnl_primitive_desc_query_md(description_of(primitive), which, 0);
}

enum yt_status yt_stream_init(const struct yt_onednn *o, void *scratch,
                              struct yt_stream *stream)
{
    const dnnl_dims_t bytes = {(dnnl_dim_t)o->scratch_bytes};
    dnnl_memory_desc_t layout;
    YT_TRY(yt_onednn_status(dnnl_stream_create(&stream->stream, o->engine,
                                               dnnl_stream_default_flags),
                            "a stream"));
    if (o->scratch_bytes == 0)
        return YT_OK;
    YT_TRY(yt_onednn_status(
        dnnl_memory_desc_init_by_tag(&layout, 1, bytes, dnnl_u8, dnnl_x),
        "scratch memory"));
    return yt_onednn_memory(o, &layout, scratch, &stream->scratch);
}

void yt_stream_deinit(struct yt_stream *stream)
{
    if (stream->scratch)
        dnnl_memory_destroy(stream->scratch);
    if (stream->stream)
        dnnl_stream_destroy(stream->stream);
    memset(stream, 0, sizeof *stream);
}

enum yt_status yt_primitive_run(const struct yt_stream *stream,
                                const struct yt_primitive *primitive,
                                const dnnl_exec_arg_t *arguments, int count)
{
    dnnl_exec_arg_t all[YT_PRIMITIVE_ARGUMENTS_MAX + 1];
    assert(count <= YT_PRIMITIVE_ARGUMENTS_MAX);
    memcpy(all, arguments, (size_t)count * sizeof *all);
    if (primitive->needs_scratch)
        all[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, stream->scratch};
    YT_TRY(yt_onednn_status(dnnl_primitive_execute(primitive->primitive,
                                                   stream->stream, count, all),
                            "a step of the network"));
    return yt_onednn_status(dnnl_stream_wait(stream->stream),
                            "a step of the network");
}
