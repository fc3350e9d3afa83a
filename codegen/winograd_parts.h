#ifndef YT_WINOGRAD_PARTS_H
#define YT_WINOGRAD_PARTS_H

/* What a Winograd convolution is made of: winograd_transform.c has the ways
 * into its products and out of them, the row (codegen/algo/) the products. */

#include "codegen/conv_parts.h"
#include "codegen/cook_toom.h"
#include "codegen/winograd_tiles.h"

struct yt_winograd_emit {
    struct yt_conv_emit c;
    struct yt_winograd_tiles w;
    struct yt_cook_toom t;
    LLVMValueRef zeros, half, results, inputs, products; /* of the scratch */
    LLVMValueRef first, count; /* the task's tiles, i64 */
};

/** Find the scratch and write its zeros. Behind yt_conv_begin(). */
void yt_winograd_scratch(struct yt_winograd_emit *g);

/** All input channels of the task's tiles, transformed: scratch's inputs. */
void yt_winograd_inputs(struct yt_winograd_emit *g);

/** Outputs of the task's tiles and the channel tile that yt_conv_channel_tile()
 *  went to, from scratch's products. */
void yt_winograd_outputs(struct yt_winograd_emit *g);

#endif
