#ifndef YT_NET_H
#define YT_NET_H

/* A graph lowered to the steps that run: an input size and a block size are
 * fixed, BN+conv+SiLU, residual adds, concats, upsamples and C3's twin 1x1 are
 * fused, and every tensor has its place in one arena. What remains to decide
 * is HOW each layer's problem is solved: its schedule. */

#include <stdint.h>

#include "model/graph.h"
#include "runtime/integers.h"
#include "runtime/plan.h"
#include "runtime/problem.h"

/** One step. Tensors with memory of their own start at multiples of YT_ALIGN;
 *  those inside a concat at whole channel blocks, h * w * lanes elements apart,
 *  which may be multiples of lanes elements only: of 16 bytes for 16 lanes of
 *  u8s8, of 4 for 4. A residual addend may be the very tensor that is written
 *  (add == out). */
struct yt_layer {
    char name[YT_LAYER_NAME_MAX]; /* "model.2.cv1+cv2" */
    struct yt_problem problem;    /* physical channels: multiples of lanes */
    float *weights; /* [k][c / groups][r][r] of the problem, owned; NULL: no
                       filter */
    float *bias;    /* [k], owned; NULL: no filter */
    /* Where the input or the output is of integers: the graph's node whose
     * range each physical channel has (a pool's or an upsample's is that of
     * its input), -1 for channels that only fill up a block and for all of an
     * up2 addend. A node's channels are in order and all there. Owned; else
     * NULL. */
    int32_t *in_nodes;    /* [c] */
    int32_t *out_nodes;   /* [k]; SPPF: [3][c]; UPSAMPLE, CONVERT: [c] */
    int32_t *add_nodes;   /* [k], of a residual addend */
    int32_t *conv_nodes;  /* [k] of CONV2D, the CONV node whose filter makes
                             it; -1: the identity's, or fills up */
    int32_t filter_first; /* input channel of those filters that meets the
                             layer's first */
    struct yt_integers
        *integers;        /* filled by compress/quant/quantise.h; owned */
    int64_t in, out, add; /* bytes into the arena; -1: none */
    int32_t in_buffer, out_buffer, add_buffer; /* as in struct yt_step */
    int32_t head;        /* detection level whose tensor this conv writes, or a
                            half of; -1: none */
    uint64_t parameters; /* of the graph's convs inside, folded: w + b */
    uint64_t flops;      /* nominal: of the graph's convs inside */
};

struct yt_net {
    int32_t lanes;
    int32_t h, w;
    int64_t input; /* bytes into the arena: the image, values 0..255; if not
                      f32, 64 bytes that nobody needs follow it */
    enum yt_dtype input_dtype;
    int32_t input_pad;       /* zeros around it, see struct yt_letterbox */
    int32_t input_buffer;    /* of a band, then input is into it; 0: arena */
    struct yt_layer *layers; /* in order of execution */
    int32_t layer_count;
    struct {
        int64_t offset; /* raw head tensor: see runtime/decode.h */
        int32_t h, w, stride;
        int32_t buffer; /* of a band, then offset is into it; 0: arena */
    } heads[YT_LEVELS_MAX];
    int32_t head_count;
    struct yt_band bands[YT_BANDS_MAX]; /* steps are layers */
    int32_t band_count;
    int64_t band_bytes;    /* of scratch that bands need for each thread */
    int64_t arena_bytes;   /* what the placement needs */
    int64_t floor_bytes;   /* most bytes live at once: no placement is below */
    int64_t feature_bytes; /* sum of all tensors, as if none were shared */
    uint64_t parameters;   /* folded weights and biases of the whole graph */
    uint64_t flops;        /* nominal, 2 per multiply-add */
};

struct yt_net_options {
    int32_t lanes;            /* 4, 8 or 16 */
    int32_t h, w;             /* multiples of yt_graph_max_stride() */
    int32_t no_fuse_upsample; /* 1: an UPSAMPLE step instead of the split 1x1 */
    int32_t dense_heads;   /* 1: heads are computed whole, see yt_conv2d.lazy */
    int32_t no_fuse_twin;  /* 1: C3's cv1 and cv2 stay two convs */
    int32_t bands;         /* 1: layers run in bands (runtime/band.h) where
                              that takes less memory; the outputs are the same
                              bits */
    int32_t keep_nodes;    /* 1: layers tell their nodes in all types */
    const uint8_t *dtypes; /* [node_count] enum yt_dtype of each CONV node's
                              arithmetic; NULL: all F32. Those that read the
                              image have theirs if they agree on it and on
                              their padding and nothing else reads it; else
                              F32 */
};

/** Lower a checked graph.
 *  @return YT_OK; YT_BAD_ARGUMENT for a size that the stride does not divide
 *          or an unknown type; YT_UNSUPPORTED when a tensor would be too
 *          large; YT_NO_MEMORY. */
enum yt_status yt_net_lower(const struct yt_graph *graph,
                            const struct yt_net_options *options,
                            struct yt_net **net_out);

/** Frees the arrays. */
void yt_integers_deinit(struct yt_integers *integers);

/** NULL is fine. */
void yt_net_destroy(struct yt_net *net);

#endif
