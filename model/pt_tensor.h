#ifndef YT_PT_TENSOR_H
#define YT_PT_TENSOR_H

/* A torch tensor as its pickle describes it: a window on a storage. */

#include "model/pt_archive.h"
#include "model/pt_pickle.h"

#define YT_TENSOR_RANK_MAX 8

struct yt_tensor {
    int32_t format;  /* row of pt_tensor.c's table */
    const char *key; /* of the storage; borrowed from the pickle */
    size_t key_length;
    int64_t storage_elems;
    int64_t offset; /* elements */
    int32_t rank;
    int64_t dims[YT_TENSOR_RANK_MAX];    /* each >= 1 */
    int64_t strides[YT_TENSOR_RANK_MAX]; /* elements, each >= 0 */
    int64_t elems;                       /* product of dims */
};

/** Describe a pickled tensor or parameter; the window lies in its storage.
 *
 * @param what  its name in messages.
 * @return YT_OK; YT_BAD_INPUT; YT_UNSUPPORTED for a type that is not f16, bf16,
 *         f32 or f64.
 */
enum yt_status yt_tensor_parse(const struct yt_pickle_value *value,
                               const char *what, struct yt_tensor *tensor_out);

/** Read the elements, row-major, as f32: @p values has room for
 *  tensor->elems. */
enum yt_status yt_tensor_load(const struct yt_tensor *tensor,
                              struct yt_archive *archive, const char *what,
                              float *values);

#endif
