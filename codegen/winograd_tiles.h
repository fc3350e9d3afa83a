#ifndef YT_WINOGRAD_TILES_H
#define YT_WINOGRAD_TILES_H

/* The arithmetic of a Winograd convolution's loops, shared by the generator,
 * the weight packing and the rules: plain data, no LLVM.
 *
 * The output is cut into squares, tiles, of edge x edge pixels, those at the
 * right and at the bottom smaller where it does not come out even. A tile's
 * inputs overlap its neighbours' by two rows and columns. Tiles are counted row
 * by row; a task is a block of them x a group of channel tiles.
 */

#include "codegen/knobs.h"
#include "runtime/isa.h"
#include "runtime/problem.h"

struct yt_winograd_tiles {
    int32_t edge;    /* outputs along an edge of a tile */
    int32_t size;    /* inputs along it: edge + 2 */
    int32_t points;  /* products of a tile and a pair of channels: size^2 */
    int32_t columns; /* tiles of a row */
    int32_t tiles;   /* of the image */
    int32_t block;   /* tiles of a task; the last block may have fewer */
    int32_t last;    /* of the last block */
    int32_t blocks;
    int32_t group; /* channel tiles of a task; the last group may have fewer */
    int32_t groups;
    int32_t k_tiles;

    /* Packed weights, [k tile][point][input channel][nr * lanes], and steps
     * from one to the next, in bytes. */
    int64_t weight_channel, weight_point, weight_tile;

    /* Scratch: where its parts are, and steps within, in bytes.
     *
     *      zeros     [size]                      what is outside the image
     *      half      [size][size]                a tile, transformed one way
     *      results   [nr][edge][edge]            of a tile
     *      inputs    [point][channel block][tile of the block]
     *      products  [point][nr][tile of the block]
     *
     * each of a vector. From point to point there is a cache line more than
     * that, so that a tile's points do not all fall into one set of a cache. */
    int64_t zeros, half, results, inputs, products, scratch_bytes;
    int64_t block_bytes; /* a vector for each tile of a block */
    int64_t input_point, product_point;
};

void yt_winograd_tiles(const struct yt_problem *p, const struct yt_schedule *s,
                       const struct yt_isa *isa,
                       struct yt_winograd_tiles *w_out);

#endif
