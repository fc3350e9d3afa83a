#ifndef YT_ONNX_LAZY_H
#define YT_ONNX_LAZY_H

/* The operators that make values rather than feature maps: constants, shape
 * arithmetic, the decode tail's moves and sums. Also the steps their readers
 * share (model/onnx_lazy.c: elementwise; model/onnx_lazy_sums.c: sums along an
 * axis; model/onnx_moves.c: the rest). */

#include "model/onnx_scope.h"

/** Fill in the outputs of node @p n, whose inputs are known.
 *  @return YT_OK; YT_NOT_FOUND when the operator isn't one of these;
 *          YT_BAD_INPUT, YT_UNSUPPORTED naming the node. */
enum yt_status yt_onnx_lazy_visit(struct yt_onnx_scope *scope, int32_t n);

/** Make value @p v, an initializer, known. */
enum yt_status yt_onnx_lazy_constant(struct yt_onnx_scope *scope, int32_t v);

/** One operator of a table; in_least inputs are there when visit is called. */
struct yt_onnx_op {
    const char *name;
    int32_t in_least;
    enum yt_status (*visit)(struct yt_onnx_scope *scope, int32_t n);
};

/** The operators that move elements, ended by a NULL name. */
extern const struct yt_onnx_op yt_onnx_moves[];

/** The visitor of Softmax (model/onnx_lazy_sums.c).
 *  @return YT_OK; YT_UNSUPPORTED where the opset means something else by the
 *          axis, or it is long; YT_BAD_INPUT. */
enum yt_status yt_onnx_visit_softmax(struct yt_onnx_scope *scope, int32_t n);

/** Whether node @p n, a convolution, reads a softmax, perhaps moved. */
int yt_onnx_reads_softmax(const struct yt_onnx_scope *scope, int32_t n);

/** The visitor of such a convolution.
 *  @return YT_OK; YT_UNSUPPORTED unless it is a plain one of 1x1;
 *          YT_BAD_INPUT. */
enum yt_status yt_onnx_visit_dot(struct yt_onnx_scope *scope, int32_t n);

/** Input @p i of node @p n, or -1 where it's absent. */
int32_t yt_onnx_input(const struct yt_onnx_scope *scope, int32_t n, int32_t i);

/** Whether the first @p least inputs of node @p n are there.
 *  @return YT_OK; YT_BAD_INPUT naming the node. */
enum yt_status yt_onnx_has_inputs(const struct yt_onnx_scope *scope, int32_t n,
                                  int32_t least);

/** Output @p i of node @p n as a LAZY value over the node's inputs, or NULL
 *  where the file left that output out. The caller fills in the shape and
 *  whatever the formula reads, then calls yt_onnx_lazy_end(). */
struct yt_onnx_value *yt_onnx_lazy_begin(struct yt_onnx_scope *scope, int32_t n,
                                         int32_t i,
                                         enum yt_onnx_formula formula);

/** Check the shape and depth; small values free of the image become CONST. */
enum yt_status yt_onnx_lazy_end(struct yt_onnx_scope *scope, int32_t n,
                                struct yt_onnx_value *value);

/** Output @p i of node @p n is one number. */
void yt_onnx_lazy_set_number(struct yt_onnx_scope *scope, int32_t n, int32_t i,
                             double number);

/** Output 0 of node @p n is value @p v under another name. */
void yt_onnx_lazy_alias(struct yt_onnx_scope *scope, int32_t n, int32_t v);

/** Output 0 of node @p n is these integers, a list of rank 1. */
void yt_onnx_lazy_set_ints(struct yt_onnx_scope *scope, int32_t n,
                           const int64_t *ints, int32_t count);

/** Bring @p axis, which may count from the end, into 0..rank-1. */
enum yt_status yt_onnx_axis(const struct yt_onnx_scope *scope, int32_t n,
                            int64_t axis, int32_t rank, int32_t *axis_out);

/** Row-major steps of @p t, in elements. */
void yt_onnx_strides(const struct yt_onnx_tensor *t,
                     int64_t strides[YT_ONNX_RANK_MAX]);

/** Shape *out as the broadcast of itself and @p t (numpy's rule). */
enum yt_status yt_onnx_broadcast(const struct yt_onnx_scope *scope, int32_t n,
                                 const struct yt_onnx_tensor *t,
                                 struct yt_onnx_tensor *out);

/** Steps that read @p t in the shape @p out it was broadcast to. */
void yt_onnx_broadcast_steps(const struct yt_onnx_tensor *t,
                             const struct yt_onnx_tensor *out,
                             int64_t steps[YT_ONNX_RANK_MAX]);

#endif
