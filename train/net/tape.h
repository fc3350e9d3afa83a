#ifndef YT_TAPE_H
#define YT_TAPE_H

/* A graph run forwards and backwards: values of its nodes for a batch of
 * pictures, and from gradients of some of them those of all weights and biases.
 * By oneDNN, which no other folder knows; layouts and primitives are made once.
 *
 * Tensors that cross this border are plain f32, [batch][c][h][w]. Sums are in
 * the same order for the same graph, batch and number of threads, so that a
 * training repeats to the bit. */

#include <stdint.h>

#include "compress/quant/quantisation.h"
#include "model/graph.h"
#include "yolotune/status.h"

struct yt_tape;

struct yt_tape_options {
    int32_t batch, h, w;  /* pictures at once; input size, multiples of the
                            graph's largest stride */
    int32_t threads;      /* 0: the CPUs this process may use */
    int32_t forward_only; /* 1: no gradient will be asked for: a teacher */

    /* What the network will be when it ships: convolutions compute with weights
     * and read values rounded as these integers are, and gradients pass as if
     * they were not (straight-through), but stop at values outside the range.
     * Bias correction and learned rounding are left out: they are of weights
     * that stay. bf16 is computed in f32. Borrowed until destroy; NULL: f32. */
    const struct yt_quantisation *quantisation;
    int32_t weight_max; /* of u8s8: YT_S8_WEIGHT_MAX or _PAIRS; with
                           quantisation */
};

/** @param graph borrowed until destroy. Its weights and biases are read at each
 *               yt_tape_forward(), so that they may change between two.
 *  @return YT_OK; YT_BAD_ARGUMENT for a size that the strides do not divide;
 *          YT_BAD_INPUT for ranges that were not observed; YT_UNSUPPORTED
 *          naming a node that cannot be trained; YT_NO_MEMORY. */
enum yt_status yt_tape_create(const struct yt_graph *graph,
                              const struct yt_tape_options *options,
                              struct yt_tape **tape_out);

/** NULL is fine. */
void yt_tape_destroy(struct yt_tape *tape);

/** Rows and columns of a node's values. */
void yt_tape_shape(const struct yt_tape *tape, int32_t node, int32_t *h_out,
                   int32_t *w_out);

/** Values of all nodes.
 *  @param images [batch][3][h][w], RGB, 0..1. */
enum yt_status yt_tape_forward(struct yt_tape *tape, const float *images);

/** Copy a node's values out.
 *  @pre after yt_tape_forward().
 *  @param values_out [batch][c][h][w] of the node. */
enum yt_status yt_tape_read(struct yt_tape *tape, int32_t node,
                            float *values_out);

/** Gradients of a loss by values of nodes, to begin with; one for each node.
 *  Those of other nodes are 0 but for what comes back to them.
 *  @param gradient [batch][c][h][w] of the node; copied. */
enum yt_status yt_tape_seed(struct yt_tape *tape, int32_t node,
                            const float *gradient);

/** From the seeds, which are used up, gradients by all weights and biases,
 *  instead of what they were.
 *  @pre after yt_tape_forward() and a seed; not forward_only. */
enum yt_status yt_tape_backward(struct yt_tape *tape);

/** The gradient by a CONV node's weights, [c][input c][r][r], and by its bias,
 *  [c]; the tape's until the next backward. */
const float *yt_tape_weight_gradient(const struct yt_tape *tape, int32_t node);
const float *yt_tape_bias_gradient(const struct yt_tape *tape, int32_t node);

/** Bytes of values, gradients and weights. */
int64_t yt_tape_bytes(const struct yt_tape *tape);

#endif
