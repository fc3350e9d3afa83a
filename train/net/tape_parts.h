#ifndef YT_TAPE_PARTS_H
#define YT_TAPE_PARTS_H

/* What the files of the tape share. Tensors are [n][cp/B][h][w][B] with whole
 * blocks of B channels: cp is c rounded up, and what fills up is 0 in values
 * and in gradients, since weights and biases that belong to it are. The image
 * alone is plain, as convolutions like to read it.
 *
 * A batch is run in chunks of pictures: all nodes of one, then of the next, so
 * that a node finds in the caches what the one before it wrote. Values are kept
 * of the whole batch, gradients of a chunk. */

#include "train/net/onednn.h"
#include "train/net/tape.h"

/** A tensor in memory of the tape's. */
struct yt_tape_block {
    float *data;
    int64_t count; /* floats */
    dnnl_memory_t memory;
};

/** The filter of a CONV node in the layouts that oneDNN chose. */
struct yt_tape_filter {
    int32_t c, k;        /* channels in and out as stored; of the image: 3 */
    int32_t taps;        /* r * r */
    dnnl_memory_t plain; /* [k][c][r][r] */
    struct yt_tape_block weights, bias;
    struct yt_tape_block turned; /* weights for the gradient by the input */
    /* Gradients: summed over the chunks so far, and of one chunk. */
    struct yt_tape_block weight_sum, bias_sum, weight_part, bias_part;
    struct yt_primitive pack, turn, unpack;
    struct yt_primitive backward_weights;
    float *weight_gradient, *bias_gradient; /* as the node has them */
};

struct yt_tape_node {
    int32_t c, cp, h, w;
    int64_t size;    /* floats of one picture as stored */
    float *value;    /* [batch][size] */
    float *gradient; /* [chunk][size]; NULL: nobody wants it */
    float *seed;     /* [batch][size]; NULL: never seeded */
    int32_t seeded;
    int32_t has_gradient;      /* of the chunk: something came back already */
    dnnl_memory_desc_t layout; /* of a chunk */
    dnnl_memory_t value_memory, gradient_memory, spare_memory;
    dnnl_memory_t workspace_memory; /* MAXPOOL: which of the window it was */
    uint8_t *workspace;
    size_t workspace_bytes; /* of a chunk */
    struct yt_primitive forward, backward;
    struct yt_tape_filter *filter; /* CONV */
};

struct yt_tape {
    const struct yt_graph *graph;
    struct yt_tape_options options;
    struct yt_onednn onednn;
    struct yt_tape_node *nodes; /* [node_count] */
    int32_t chunk;              /* pictures; divides the batch */
    float *image;               /* [batch][3][h][w] */
    dnnl_memory_t image_memory; /* of a chunk */
    float *spare; /* a gradient of a chunk that is to be added to another */
    float *plain; /* a filter that is padded */
    int64_t bytes;
    void **blocks; /* all memory of ours */
    int32_t block_count, block_cap;
};

/** Zeroed memory that is the tape's; counted in bytes. */
enum yt_status yt_tape_allocate(struct yt_tape *tape, int64_t bytes,
                                void *block_out);

/** Whether a CONV node reads the image as it is. */
int yt_tape_reads_image(const struct yt_tape *tape, int32_t node);

/** Where the gradient by an input goes: its own memory if it is the first, or
 *  the spare, to be given to yt_tape_took(). NULL when nobody wants it. */
dnnl_memory_t yt_tape_target(struct yt_tape *tape, int32_t input);
void yt_tape_took(struct yt_tape *tape, int32_t input);

/* tape_conv.c */

enum yt_status yt_tape_conv_create(struct yt_tape *tape, int32_t node);
void yt_tape_conv_destroy(struct yt_tape_filter *filter);

/** Take over the node's weights and bias as they are now. */
enum yt_status yt_tape_conv_load(struct yt_tape *tape, int32_t node);
enum yt_status yt_tape_conv_forward(struct yt_tape *tape, int32_t node);

/** @param first 1: gradients by weights begin with this chunk's. */
enum yt_status yt_tape_conv_backward(struct yt_tape *tape, int32_t node,
                                     int first);

/** Gradients by weights as the node has them. */
enum yt_status yt_tape_conv_finish(struct yt_tape *tape, int32_t node);

/* tape_nodes.c: all other kinds */

enum yt_status yt_tape_node_create(struct yt_tape *tape, int32_t node);
enum yt_status yt_tape_node_forward(struct yt_tape *tape, int32_t node,
                                    int32_t chunk);
enum yt_status yt_tape_node_backward(struct yt_tape *tape, int32_t node);

/* tape_layout.c: between plain tensors and blocks */

void yt_tape_to_blocks(const struct yt_tape *tape, int32_t node,
                       const float *plain, float *blocks);
void yt_tape_to_plain(const struct yt_tape *tape, int32_t node,
                      const float *blocks, float *plain);

/** to[i] += from[i]. */
void yt_tape_add(float *restrict to, const float *restrict from, int64_t count);

#endif
