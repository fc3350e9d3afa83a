#ifndef YT_CONV_TILES_H
#define YT_CONV_TILES_H

/* The arithmetic of a direct convolution's loops, shared by the generator, the
 * weight packing and the legality rules: plain data, no LLVM. */

#include "codegen/knobs.h"
#include "runtime/isa.h"
#include "runtime/problem.h"

struct yt_conv_tiles {
    int32_t oh, ow;
    int32_t flat;      /* 1: the image is one row of oh*ow pixels */
    int32_t row;       /* pixels of a row (flat: of the image) */
    int32_t rows;      /* rows (flat: 1) */
    int32_t tiles;     /* tiles a row is split into */
    int32_t base;      /* pixels of a small tile; large ones have one more */
    int32_t large;     /* how many of the tiles are large; they come first */
    int32_t ic_block;  /* input channels of a block: lanes, or 3 */
    int32_t ic_blocks; /* that an output reads: of its group */
    int32_t depthwise; /* 1: an output reads one channel, of its own lane */
    int32_t tiles_of_group; /* channel tiles that read the same blocks */
    int32_t per_step; /* input channels that make 4 bytes: one dot product */
    int32_t steps;    /* of a block; of a window's row */
    int32_t window;   /* 1: the padded image of integers or bf16, whose taps of
                         a row are read as one run of [r][3] elements */
    int32_t taps; /* filter columns apart in the weights: r; 1 of a window */
    int32_t k_blocks;     /* vectors of output channels */
    int32_t k_tiles;      /* k_blocks / nr */
    int64_t pixel_groups; /* tasks along pixels */

    /* Strides in bytes. */
    int64_t vec_bytes; /* of accumulators, weights and rows of constants */
    int64_t in_pixel, in_row, in_block;
    int64_t in_group; /* from group to group of channels */
    int64_t out_pixel, out_row, out_block;
    int64_t add_pixel, add_row, add_block; /* up2: of the half-size addend */
    int64_t weight_step;                   /* one step: all taps of one kh */
    int64_t weight_block; /* from channel block to channel block */
    int64_t weight_kh;    /* from filter row to filter row */
    int64_t weight_tile;  /* from channel tile to channel tile */
};

void yt_conv_tiles(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa, struct yt_conv_tiles *t_out);

/** First output pixel of tile @p i. */
int32_t yt_conv_tile_start(const struct yt_conv_tiles *t, int32_t i);

/** Output pixels of tile @p i. */
int32_t yt_conv_tile_pixels(const struct yt_conv_tiles *t, int32_t i);

/** For rows: as yt_algo.tasks and yt_algo.splits_pixels ask, where a task is a
 *  group of pixels of a tile of channels. */
int64_t yt_conv_task_count(const struct yt_problem *p,
                           const struct yt_schedule *s,
                           const struct yt_isa *isa);
int yt_conv_splits_pixels(const struct yt_problem *p,
                          const struct yt_schedule *s,
                          const struct yt_isa *isa);

/** And as yt_algo.row_tasks asks. */
int64_t yt_conv_row_tasks(const struct yt_problem *p,
                          const struct yt_schedule *s,
                          const struct yt_isa *isa);

#endif
