#ifndef YT_CONV_PARTS_H
#define YT_CONV_PARTS_H

/* What convolutions on register tiles are made of: conv_walk.c goes over the
 * tiles, the algorithm's row sums, conv_finish.c turns sums into outputs. */

#include "codegen/constants.h"
#include "codegen/conv_tiles.h"
#include "codegen/emit.h"

#define YT_CONV_MR_MAX 32
#define YT_CONV_NR_MAX 8

struct yt_conv_emit;
struct yt_conv_place;

/** Add to the accumulators what a tile's taps give. */
typedef void (*yt_conv_sum)(struct yt_conv_emit *c,
                            const struct yt_conv_place *at);

struct yt_conv_emit {
    struct yt_emit *e;
    enum yt_dtype dtype, out;
    const struct yt_conv2d *p;
    const struct yt_schedule *s;
    struct yt_conv_tiles t;
    struct yt_constants l;
    yt_conv_sum accumulate;
    LLVMValueRef in, output, weights, constants, add; /* of the kernel */
    /* Of the channel tile; constants stand at row 0. */
    LLVMValueRef k_tile, k_in, k_weights, k_constants, k_out, k_add;
    LLVMValueRef acc[YT_CONV_MR_MAX][YT_CONV_NR_MAX]; /* variables */
};

/** Where a tile stands: row oh, first pixel ow (flat: oh is 0). */
struct yt_conv_place {
    LLVMValueRef oh, ow;
    int32_t pixels;
    int32_t example; /* index of a tile with this shape */
};

/** What a kernel is about: sizes, no code. */
void yt_conv_open(struct yt_conv_emit *c, struct yt_emit *e,
                  const struct yt_problem *problem,
                  const struct yt_schedule *s);

/** Load the kernel's pointers and make the accumulators. */
void yt_conv_begin(struct yt_conv_emit *c);

/** Go to a tile of nr vectors of output channels: its number and pointers. */
void yt_conv_channel_tile(struct yt_conv_emit *c, LLVMValueRef k_tile);

/** Emit the whole kernel. */
void yt_conv_walk(struct yt_conv_emit *c, yt_conv_sum accumulate);

/** Address of the first tap of a tile's first pixel, and which filter rows
 *  [kh0, kh1) fall inside the image. The address may lie outside of it. */
LLVMValueRef yt_conv_origin(struct yt_conv_emit *c,
                            const struct yt_conv_place *at, LLVMValueRef *kh0,
                            LLVMValueRef *kh1);

/** Whether tap kw of pixel m of tile @p tile falls inside the image. */
int yt_conv_tap_inside(const struct yt_conv_emit *c, int32_t tile, int32_t m,
                       int32_t kw);

/** Set the accumulators to what sums start from. */
void yt_conv_start(struct yt_conv_emit *c, const struct yt_conv_place *at);

/** Scale, activation, addend, and the store of a tile. */
void yt_conv_finish(struct yt_conv_emit *c, const struct yt_conv_place *at);

#endif
