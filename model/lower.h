#ifndef YT_LOWER_H
#define YT_LOWER_H

/* What the passes behind yt_net_lower() share: an intermediate network of
 * values, stores and ops, and the rules that keep it right.
 *
 *   value  a tensor, written by one op (a leaf), or a concat of leaves
 *   store  where a value lies: either memory of its own (a root) or a range
 *          inside another store. A concat is a store its parts are put into,
 *          so are values that take over each other's memory.
 *   op     one step to run
 *
 * Passes only propose: they change stores and ops, ask yt_ir_valid(), and
 * yt_ir_restore() what was not legal.
 */

#include <stdint.h>

#include "model/graph.h"
#include "model/net.h"

struct yt_ir_shape {
    int32_t c, h, w;
};

struct yt_ir_value {
    int32_t c, h, w;
    int32_t cp; /* physical channels: c rounded up to lanes; image: 3 */
    enum yt_dtype dtype; /* as it is stored; F32 until yt_ir_type() */
    int32_t pad;         /* zeros in memory around it; only the image has any */
    int32_t store;
    const int32_t *map;   /* [c] physical channel of each; NULL: the same */
    int32_t node;         /* whose value it is; -1: no node's (up2 addends) */
    int32_t like;         /* value that its channels were taken over from, as
                             pools and copies do, and their ranges; -1: none */
    const int32_t *nodes; /* [c] whose range each channel has; NULL unless
                             options.dtypes or keep_nodes ask for them */
    int32_t first_leaf;   /* of yt_ir.leaves, for a concat */
    int32_t leaf_count;   /* 0: a leaf itself */
    int32_t head;         /* detection level, -1: none */
    int32_t first, last;  /* ops that write it and read it last; image: -1 */
};

struct yt_ir_store {
    int32_t parent; /* -1: a root */
    int64_t offset; /* bytes into the parent */
    int64_t bytes;
};

#define YT_IR_PARTS_MAX 4

/** One of the tensors an op writes; they follow one another in memory. */
struct yt_ir_part {
    int32_t node; /* CONV node whose filter makes it; -1: the identity */
    int32_t
        c_first; /* input channel of that filter that meets the op's first */
    int32_t out; /* value */
    int32_t add; /* value, -1: none; those of an op follow one another */
};

struct yt_ir_op {
    enum yt_op op;
    int32_t named_after; /* node */
    const char *suffix;  /* of the name */
    int32_t in;          /* value */
    struct yt_ir_part parts[YT_IR_PARTS_MAX];
    int32_t part_count;
    int32_t r, stride, pad; /* CONV2D; r also of the pools */
    enum yt_act act;
    int32_t slope;
    int32_t biased; /* 0: another op adds the nodes' bias */
    enum yt_addend addend;
};

/** Ops that run together, see runtime/band.h. */
struct yt_ir_band {
    int32_t first, count;
    int32_t rows;
    int32_t letterbox; /* 1: it is a member */
    int32_t level;     /* 0: none; i + 1: decoding of level i is a member */
};

struct yt_ir {
    const struct yt_graph *graph;
    struct yt_net_options options;
    struct yt_ir_shape *shapes; /* [node_count] */

    struct yt_ir_value *values; /* values[0]: the image, in stores[0] */
    struct yt_ir_store *stores;
    struct yt_ir_op *ops;
    int32_t value_count, store_count, op_count, cap;

    struct yt_ir_band bands[YT_BANDS_MAX]; /* by first */
    int32_t band_count;

    int32_t *leaves;
    int32_t leaf_count, leaf_cap;
    int32_t **maps; /* owned; values share them */
    int32_t map_count;
    int32_t *nodes; /* owned; those of all values */

    struct yt_ir_store *saved_stores;
    struct yt_ir_op *saved_ops;
    int32_t saved_store_count, saved_op_count;
};

/** Output shape of each node for an input size. @p shapes has node_count.
 *  @return YT_OK; YT_BAD_INPUT when operands disagree or a size reaches 0;
 *          YT_UNSUPPORTED when a tensor exceeds what int32_t indexes. */
enum yt_status yt_graph_shapes(const struct yt_graph *graph, int32_t h,
                               int32_t w, struct yt_ir_shape *shapes);

/* lower_ir.c */

/** An intermediate network that holds the image alone. */
enum yt_status yt_ir_init(struct yt_ir *ir, const struct yt_graph *graph,
                          const struct yt_net_options *options);
void yt_ir_deinit(struct yt_ir *ir);

/** Channels rounded up to whole blocks. */
int32_t yt_ir_round(const struct yt_ir *ir, int32_t c);

/** A leaf with memory of its own. @p map may be NULL. */
int32_t yt_ir_add_value(struct yt_ir *ir, struct yt_ir_shape shape, int32_t cp,
                        const int32_t *map);
int32_t yt_ir_add_store(struct yt_ir *ir, int64_t bytes);

/** The concat of values, each of which yt_ir_embed() accepts. */
enum yt_status yt_ir_add_concat(struct yt_ir *ir, const int32_t *parts,
                                int32_t count, int32_t *value_out);

/** Store a value as this type, with as much padding around it. Whatever holds
 *  it, or lies in it, has to become the same type. */
void yt_ir_set_dtype(struct yt_ir *ir, int32_t value, enum yt_dtype dtype,
                     int32_t pad);

/** Append an op; asserts that there is room. */
void yt_ir_add_op(struct yt_ir *ir, const struct yt_ir_op *op);
void yt_ir_insert_op(struct yt_ir *ir, int32_t index,
                     const struct yt_ir_op *op);
void yt_ir_remove_op(struct yt_ir *ir, int32_t index);

struct yt_ir_place {
    int32_t root;
    int64_t offset, bytes;
};

struct yt_ir_place yt_ir_locate(const struct yt_ir *ir, int32_t value);

/** Whether value @p b starts where @p a ends. */
int yt_ir_adjacent(const struct yt_ir *ir, int32_t a, int32_t b);

/** Put a root store into another. @return 1; 0 when it is no root, is the
 *  image's, would hold itself or would not fit. */
int yt_ir_embed(struct yt_ir *ir, int32_t store, int32_t into, int64_t offset);

/** Recompute first and last of all values. */
void yt_ir_liveness(struct yt_ir *ir);

/** Whether no op writes over a value of this root that is still needed. An op
 *  may write over the very tensor it adds (element by element), nothing else
 *  it reads. Uses fresh liveness. */
int yt_ir_valid(struct yt_ir *ir, int32_t root);

/** Keep stores and ops, to be brought back when a proposal is not legal. */
void yt_ir_save(struct yt_ir *ir);
void yt_ir_restore(struct yt_ir *ir);

/* The passes, in order. */

/** Graph to ops: conv + SiLU + residual add, concat by address, upsample split
 *  (lower_select.c). */
enum yt_status yt_ir_select(struct yt_ir *ir);

/** Types of values, and conversions where an op needs another than its input
 *  is stored as (lower_types.c). From here on the arithmetic of an op is the
 *  type of its input. */
enum yt_status yt_ir_type(struct yt_ir *ir);

/** Values that take over memory, twins, SPPF (lower_fuse.c). */
void yt_ir_fuse(struct yt_ir *ir);

/** Bands, where they take less memory (lower_bands.c). */
enum yt_status yt_ir_band(struct yt_ir *ir);

/** The band that has all of a root to itself: index, -1: none. Uses the
 *  liveness of yt_ir_liveness(). */
int32_t yt_ir_root_band(const struct yt_ir *ir, int32_t root);

/** When an op runs: those of a band at once, with decoding last of all.
 *  @param op -1: the letterbox; op_count: behind all others. */
int32_t yt_ir_time(const struct yt_ir *ir, int32_t op);

/** The bands with their buffers, and where band members' tensors lie, into a
 *  network that yt_ir_emit() filled (lower_bands.c). */
enum yt_status yt_ir_emit_bands(const struct yt_ir *ir, struct yt_net *net);

/** Ops to layers with physical filters, at the places yt_ir_place() gave
 *  (lower_emit.c). */
enum yt_status yt_ir_emit(const struct yt_ir *ir, const int64_t *offsets,
                          struct yt_net *net);

/** A layer's in_nodes and so on, if it has integers in it (lower_nodes.c). */
enum yt_status yt_ir_emit_nodes(const struct yt_ir *ir,
                                const struct yt_ir_op *op,
                                struct yt_layer *layer);

/** Groups of physical channels of a convolution, as its problem has them: one
 *  a channel, or of whole blocks; 0: none, or not to be told in the layout of
 *  its input (lower_groups.c). */
int32_t yt_ir_groups(const struct yt_ir *ir, const struct yt_ir_op *op);

/** How much a layer's filter keeps, and its pattern, where whole blocks of it
 *  are zero; otherwise it stays dense (lower_pattern.c). */
enum yt_status yt_ir_emit_pattern(const struct yt_ir *ir,
                                  const struct yt_ir_op *op,
                                  struct yt_layer *layer);

/* place.c */

/** A tensor to be placed: needed from step first to step last, both in. */
struct yt_place_item {
    int64_t bytes;
    int32_t first, last;
    int64_t offset; /* out */
};

/** Give items that are needed at the same time disjoint ranges that start at
 *  multiples of YT_ALIGN.
 *  @param[out] total_out bytes of the arena.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_place(struct yt_place_item *items, int32_t count,
                        int64_t *total_out);

/** Place an intermediate network's roots; each lives as long as anything in it.
 *
 * @param offsets [store_count], the caller's: arena bytes of each root; -1 for
 *                stores inside others and those in bands' buffers.
 * @param[out] floor_out the most bytes of roots at one time.
 */
enum yt_status yt_ir_place(const struct yt_ir *ir, int64_t *offsets,
                           int64_t *total_out, int64_t *floor_out);

/** Most bytes needed at one step: no placement is smaller. */
int64_t yt_place_floor(const struct yt_place_item *items, int32_t count);

#endif
