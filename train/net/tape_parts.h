#ifndef YT_TAPE_PARTS_H
#define YT_TAPE_PARTS_H

/* What the files of the tape share. Tensors are [n][cp/B][h][w][B] with whole
 * blocks of B channels: cp is c rounded up, and what fills up is 0 in values
 * and in gradients, since weights and biases that belong to it are. The image
 * alone is plain, as convolutions like to read it.
 *
 * Pictures of a batch are shared out to workers, which run all nodes for a
 * chunk of theirs, then for the next: no worker waits for another before the
 * end, and a node finds in the caches what the one before it wrote. Values are
 * kept of the whole batch, gradients of a worker's chunk; gradients by weights
 * are summed by each worker, and over workers at the end. */

#include "runtime/pool.h"
#include "train/net/onednn.h"
#include "train/net/tape.h"
#include "train/net/tape_round.h"

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
    dnnl_memory_desc_t gradient_layout, bias_layout;
    struct yt_primitive pack, turn, unpack;
    struct yt_primitive backward_weights;
    float *weight_gradient, *bias_gradient; /* as the node has them */
    /* With a quantisation: */
    struct yt_tape_part parts[YT_TAPE_PARTS_MAX]; /* none: f32 */
    int32_t part_count;
    int32_t reads_copy;            /* its input is stored in another type */
    struct yt_tape_rounding *copy; /* how it is read then */
};

struct yt_tape_node {
    int32_t c, cp, h, w;
    int64_t size;           /* floats of one picture as stored */
    float *value;           /* [batch][size]; of the image: NULL unless needed
                               in blocks */
    int32_t has_gradient;   /* weights are behind it */
    int64_t gradient_first; /* floats into a worker's gradients */
    float *seed;            /* [batch][size]; NULL: never seeded */
    int32_t seeded;
    dnnl_memory_desc_t layout; /* of a chunk */
    uint8_t *workspace;        /* MAXPOOL: which of the window it was */
    size_t workspace_bytes;    /* of a chunk */
    dnnl_memory_desc_t workspace_layout;
    struct yt_primitive forward, backward;
    struct yt_tape_filter *filter; /* CONV */
    /* With a quantisation, of a node whose value is stored: */
    int32_t stored_known;
    enum yt_dtype stored;
    struct yt_tape_rounding *rounding; /* NULL: f32 */
    uint8_t *mask; /* [batch][size] 1: inside the range; with a gradient */
};

/** A node's tensors as a worker sees them. */
struct yt_tape_view {
    dnnl_memory_t value, gradient, spare, workspace;
    dnnl_memory_t copy;   /* CONV, of the input as it is read */
    float *gradient_data; /* NULL: nobody wants it */
    int32_t written;      /* of the chunk's gradient: something came back */
    /* CONV, gradients: summed over the chunks so far, and of one chunk. */
    struct yt_tape_block weight_sum, bias_sum, weight_part, bias_part;
};

struct yt_tape_worker {
    struct yt_tape *tape;
    int32_t first, count; /* pictures that are its */
    int32_t at;           /* first picture of the chunk that runs */
    struct yt_stream stream;
    struct yt_tape_view *views; /* [node_count] */
    dnnl_memory_t image;        /* of the chunk */
    float *gradients;
    float *spare; /* a gradient that is to be added to another */
    float *plain; /* a filter as stored, in plain order */
    float *row;   /* weights that are rounded together */
    int16_t *integers;
    float *copy; /* an input as it is read */
    uint8_t *copy_mask;
    enum yt_status status;
    char sentence[256]; /* of a failure */
};

/** One task of a worker: a node, or a share of the pictures. */
typedef enum yt_status (*yt_tape_job_fn)(struct yt_tape_worker *worker,
                                         int32_t task);

/** What the pool hands to a thread. */
struct yt_tape_job {
    yt_tape_job_fn run;
    struct yt_tape_worker *worker;
};

struct yt_tape {
    const struct yt_graph *graph;
    struct yt_tape_options options;
    struct yt_onednn onednn;
    struct yt_pool *pool;
    struct yt_tape_node *nodes;     /* [node_count] */
    struct yt_tape_worker *workers; /* [worker_count] */
    struct yt_tape_job *jobs;       /* [worker_count] */
    const void **job_pointers;      /* [worker_count], for the pool */
    int32_t worker_count;
    int32_t chunk;          /* pictures; divides those of each worker */
    float *image;           /* [batch][3][h][w] */
    int64_t gradient_count; /* floats of a worker's gradients */
    int64_t row_count;      /* weights of the longest row that is rounded */
    int64_t copy_count;     /* floats of the largest copy */
    int32_t rounds_image;
    int64_t bytes;
    void **blocks; /* all memory of ours */
    int32_t block_count, block_cap;
};

/* tape_memory.c */

/** Zeroed memory that is the tape's; counted in bytes. */
enum yt_status yt_tape_allocate(struct yt_tape *tape, int64_t bytes,
                                void *block_out);
enum yt_status yt_tape_allocate_floats(struct yt_tape *tape, int64_t count,
                                       float **floats_out);
enum yt_status yt_tape_allocate_block(struct yt_tape *tape,
                                      const dnnl_memory_desc_t *layout,
                                      struct yt_tape_block *block_out);

/** Give the gradients of nodes places in a worker's memory: that of a node is
 *  needed from its last reader's turn to its own. */
enum yt_status yt_tape_place_gradients(struct yt_tape *tape);

/** Memory and names of one worker; after all primitives were made. */
enum yt_status yt_tape_worker_init(struct yt_tape *tape,
                                   struct yt_tape_worker *worker);
void yt_tape_worker_deinit(struct yt_tape_worker *worker);

/** Let all names of values mean those of the chunk that begins with picture
 *  @p at. */
void yt_tape_turn_to(struct yt_tape_worker *worker, int32_t at);

/* tape.c */

/** Whether a CONV node reads the image as it is. */
int yt_tape_reads_image(const struct yt_tape *tape, int32_t node);

/** Where the gradient by an input goes: its own memory if it is the first, or
 *  the spare; then to be given to yt_tape_took(). NULL: nobody wants it. */
dnnl_memory_t yt_tape_target(const struct yt_tape_worker *worker,
                             int32_t input);
void yt_tape_took(struct yt_tape_worker *worker, int32_t input);

/* tape_conv.c */

enum yt_status yt_tape_conv_create(struct yt_tape *tape, int32_t node);
void yt_tape_conv_destroy(struct yt_tape_filter *filter);

/** Take over the node's weights and bias as they are now. */
enum yt_status yt_tape_conv_load(struct yt_tape_worker *worker, int32_t node);
enum yt_status yt_tape_conv_forward(struct yt_tape_worker *worker,
                                    int32_t node);
enum yt_status yt_tape_conv_backward(struct yt_tape_worker *worker,
                                     int32_t node);

/** Gradients by weights, of all workers, as the node has them. */
enum yt_status yt_tape_conv_finish(struct yt_tape_worker *worker, int32_t node);

/* tape_nodes.c: all other kinds */

enum yt_status yt_tape_node_create(struct yt_tape *tape, int32_t node);
enum yt_status yt_tape_node_forward(struct yt_tape_worker *worker,
                                    int32_t node);
enum yt_status yt_tape_node_backward(struct yt_tape_worker *worker,
                                     int32_t node);

/* tape_layout.c */

/** Between plain tensors and blocks, of pictures [first, last) of a batch. */
void yt_tape_to_blocks(const struct yt_tape *tape, int32_t node, int32_t first,
                       int32_t last, const float *plain, float *blocks);
void yt_tape_to_plain(const struct yt_tape *tape, int32_t node, int32_t first,
                      int32_t last, const float *blocks, float *plain);

/** to[i] += from[i]. */
void yt_tape_add(float *restrict to, const float *restrict from, int64_t count);

#endif
