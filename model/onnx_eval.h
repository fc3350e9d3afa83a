#ifndef YT_ONNX_EVAL_H
#define YT_ONNX_EVAL_H

/* Computes single elements of an ONNX graph's values on demand: shapes while
 * the graph is read, and the decode tail when it is asked what it does with
 * chosen head outputs (model/onnx_heads.h). Arithmetic is in double. */

#include "model/onnx_scope.h"

/** What stands in for the elements of feature maps. */
enum yt_onnx_stand_in {
    YT_ONNX_NO_IMAGE, /* reading one is an error */
    YT_ONNX_ZEROS,
    YT_ONNX_NOISE, /* yt_onnx_noise() */
    YT_ONNX_GIVEN  /* the probe's number, for each */
};

struct yt_onnx_probe {
    struct yt_onnx_scope *scope;
    enum yt_onnx_stand_in stand_in;
    double given;
    enum yt_status status; /* of the first failure; results are 0 after it */
    /* The feature map element read last, and how many different ones were read
     * (a square reads one twice). */
    int32_t net;
    int64_t net_index;
    int64_t net_reads;
    int64_t least_index; /* of all that were read */
    /* The softmax asked last and its row: the sum of that. */
    const struct yt_onnx_value *sum_of;
    int64_t sum_row;
    double sum;
};

/** Element @p index (row-major) of value @p v. */
double yt_onnx_eval(struct yt_onnx_probe *probe, int32_t v, int64_t index);

/** A fixed pseudo-random number in [-2, 2) for an element of a feature map. */
double yt_onnx_noise(int32_t net, int64_t index);

/** All elements of a small integer vector (or scalar) that doesn't depend on
 *  the image. YT_OK; YT_UNSUPPORTED or YT_BAD_INPUT, naming the value. */
enum yt_status yt_onnx_ints(struct yt_onnx_scope *scope, int32_t v,
                            int64_t ints[YT_ONNX_RANK_MAX], int32_t *count_out);

/** The same for one number. */
enum yt_status yt_onnx_scalar(struct yt_onnx_scope *scope, int32_t v,
                              double *scalar_out);

#endif
