#ifndef YT_OPTIMISER_H
#define YT_OPTIMISER_H

/* From gradients to new weights: of all convolutions of a graph, filters and
 * biases, in place. Plain loops in a fixed order, so that a training repeats to
 * the bit.
 *
 * The networks have their batch normalisation folded into the filters, and
 * train without: a filter's size matters then, and rates are smaller than
 * YOLOv5's own (0.01 for SGD). */

#include <stdint.h>

#include "model/graph.h"
#include "yolotune/status.h"

enum yt_optimiser {
    /** Adam with decoupled decay (AdamW, Loshchilov and Hutter 2019): beta2
     *  0.999, epsilon 1e-8. */
    YT_ADAM,
    /** Gradients with Nesterov's momentum as PyTorch's SGD has it, the decay a
     *  part of the gradient. */
    YT_SGD
};

/** Highest rates where none is given. */
#define YT_RATE_ADAM 5e-4
#define YT_RATE_SGD  1e-3

struct yt_optimiser_options {
    enum yt_optimiser kind;
    double momentum; /* SGD's; Adam's beta1 */
    double decay;    /* of weights, not of biases; 0: none */
    double clip;     /* most norm of the gradient of all; 0: any */
    /* [node_count] of each CONV node one byte a weight: 0 keeps it at zero;
     * NULL nodes and a NULL array: all are free. Borrowed. */
    const uint8_t *const *masks;
};

/** The filters or the biases of a convolution. */
struct yt_parameter {
    float *values; /* [count], the graph's */
    int64_t first; /* where they are in arrays of all values */
    int64_t count;
    const uint8_t *mask; /* [count]; NULL: all are free */
    int32_t node;
    int32_t is_bias;
};

struct yt_optimiser_state {
    struct yt_optimiser_options options;
    struct yt_parameter *parameters; /* [parameter_count], by node, filters
                                        before biases */
    int32_t parameter_count;
    int64_t count;  /* of all values */
    float *momenta; /* [count] SGD's momentum, Adam's mean of gradients */
    float *squares; /* [count] Adam's mean of their squares; NULL: SGD */
    float *average; /* [count] the moving average of values */
    int64_t updates;
};

/** Begin with a graph's weights; masked ones become zero there and then.
 *
 * @param graph     borrowed until destroy, its weights are what changes.
 * @param options   copied.
 * @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_optimiser_create(struct yt_graph *graph,
                                   const struct yt_optimiser_options *options,
                                   struct yt_optimiser_state **state_out);

/** NULL is fine. */
void yt_optimiser_destroy(struct yt_optimiser_state *state);

/** Change all values once.
 *
 * @param gradients [parameter_count] of each [count], borrowed.
 * @param rate      learning rate.
 * @param keep      share of the average so far in the moving average.
 * @return the norm of the gradient before clipping, of what no mask holds; not
 *         finite: nothing was changed. */
double yt_optimiser_update(struct yt_optimiser_state *state,
                           const float *const *gradients, double rate,
                           double keep);

/** Copy all values to @p values_out, [count], or from there. */
void yt_optimiser_save(const struct yt_optimiser_state *state,
                       float *values_out);
void yt_optimiser_restore(struct yt_optimiser_state *state,
                          const float *values);

/** Put [count] values, such as the average, into the same convolutions of a
 *  graph of the same structure. */
void yt_optimiser_put(const struct yt_optimiser_state *state,
                      const float *values, struct yt_graph *graph);

#endif
