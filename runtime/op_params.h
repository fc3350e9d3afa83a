#ifndef YT_OP_PARAMS_H
#define YT_OP_PARAMS_H

/* What each operator has to be told: a problem's data, apart from what is done
 * with it (runtime/problem.h) and from what is known of each operator
 * (runtime/op.h).
 *
 * A problem is plain data: no pointers, no ownership, copied by assignment.
 * Two problems are the same when their names are the same. Compare names and
 * never bytes: struct padding is indeterminate.
 *
 * Every size counts elements. Activations live in the blocked layout
 *
 *      [ceil(c / B)][h][w][B]      B = lanes of the ISA (see runtime/isa.h)
 *
 * so a slice of channels that starts at a multiple of B is an address. Channels
 * between c and the next multiple of B hold zeros, or what the activation
 * before makes of zeros.
 */

#include <stddef.h>
#include <stdint.h>

#include "runtime/act.h"
#include "runtime/dtype.h"

enum yt_op {
#define YT_OP(id, name) YT_OP_##id,
#include "runtime/ops.inc"
#undef YT_OP
    YT_OP_COUNT
};

/** What the second operand of a convolution does. */
enum yt_addend {
    YT_ADD_NONE,
    YT_ADD_RESIDUAL, /* [k][oh][ow], added after the activation */
    YT_ADD_UP2,      /* [k][oh/2][ow/2], read twice each side, added before
                        the bias and the activation */
    YT_ADD_COUNT
};

/** 2D convolution, bias, activation and addend in one pass.
 *
 *      input   [c][h][w]            blocked; c == 3: interleaved [h][w][3],
 *                                   in other types than f32 with its padding
 *                                   in memory: [h + 2 pad][w + 2 pad][3]
 *      filter  [k][c / groups][kh][kw], packed as the schedule asks
 *      bias    [k]
 *      output  [k][oh][ow]          blocked
 */
struct yt_conv2d {
    int32_t c, h, w; /* input; c is 3 or a multiple of the ISA's lanes */
    int32_t k;       /* output channels, >= 1 */
    int32_t r;       /* filter rows and columns, in taps */
    int32_t stride;  /* output step in input pixels, both axes */
    int32_t pad;     /* zeros on each of the four sides, < r */
    int32_t act;     /* enum yt_act */
    int32_t slope;   /* of a leaky ReLU, in millionths; 0 of all others */
    int32_t add;     /* enum yt_addend */
    int32_t lazy;    /* 0, or the anchors of a detection head: channels other
                        than objectness, a*(k/lazy) + 4, are needed only at
                        pixels where some anchor's objectness is over
                        yt_args.threshold; others may be left unwritten */
    /* Of a filter that is zero in blocks of some output channels x as many
     * input channels as 4 bytes hold, at one tap; 0 where it is dense. */
    int32_t kept;    /* weights in blocks that are not all zero, blocks counted
                        whole */
    int32_t outputs; /* output channels of a block, >= 1 */
    int32_t pattern; /* digest of which blocks are kept, > 0 */
    /* Rows that are in memory of each tensor's channel blocks, where it is not
     * all of them (runtime/band.h): blocks are so many rows apart, and the
     * tensor's address is where its row 0 would be. 0: all rows. */
    int32_t in_rows, out_rows, add_rows;
    int32_t groups; /* 0: each output reads all of the input. Else at least 2,
                        each of which reads and writes its share of channels
                        in order; k and c are multiples */
};

/** Input channels that an output channel reads. */
int32_t yt_conv2d_reads(const struct yt_conv2d *p);

/** Whether each output channel reads the input channel of its number alone. */
int yt_conv2d_is_depthwise(const struct yt_conv2d *p);

/** Max-pool of an odd window, stride 1, "same" size. SPPF chains three and
 *  writes them one after the other: output [3][c][h][w]. */
struct yt_pool2d {
    int32_t c, h, w;
    int32_t r; /* window rows and columns, odd */
};

struct yt_upsample {
    int32_t c, h, w; /* input; the output is [c][2h][2w] */
};

/** A tensor from one type to another: [c][h][w], blocked. */
struct yt_convert {
    int32_t c, h, w;
};

/** Image of any size to the network's input: interleaved, values 0..255 (the
 *  1/255 is folded into the first layer's weights), zeros around it:
 *  [h + 2 pad][w + 2 pad][3]. */
struct yt_letterbox {
    int32_t h, w; /* the network's input */
    int32_t pad;  /* rows and columns of zeros on each side, >= 0 */
};

/** One detection level's raw tensor [yt_head_channels()][h][w] to candidates:
 *  a head with anchors (YOLOv5), or one without that says by @c bins how far
 *  each side of a box is. */
struct yt_decode {
    int32_t na, nc, h, w, stride;
    int32_t bins; /* 0: anchors; else how many logits a side has, na is 1 */
    int32_t rows; /* of each channel block in memory, as in_rows above */
};

/** Non-maximum suppression (runtime/nms.h) where candidates are about as many;
 *  any number can be had. */
struct yt_nms {
    int32_t classes;
    int32_t count; /* candidates */
};

struct yt_problem {
    enum yt_op op;       /* selects the member of u */
    enum yt_dtype dtype; /* of the input, and so of the arithmetic */
    enum yt_dtype out;   /* of the output and of a residual addend; an up2
                            addend is f32. Only CONV2D and CONVERT change it */
    union {
        struct yt_conv2d conv2d;
        struct yt_pool2d pool; /* SPPF and MAXPOOL */
        struct yt_upsample upsample;
        struct yt_convert convert;
        struct yt_letterbox letterbox;
        struct yt_decode decode;
        struct yt_nms nms;
    } u;
};

/** Most bins a side of an anchor-free head has; they come in sixteens, so that
 *  whole vectors hold them whatever the instruction set. */
#define YT_BINS_STEP 16
#define YT_BINS_MAX  64

/** Channels of a level's raw tensor: na*(5+nc), or with bins 4*bins+nc. */
static inline int64_t yt_head_channels(int32_t na, int32_t nc, int32_t bins)
{
    return bins ? 4 * (int64_t)bins + nc : (int64_t)na * (5 + (int64_t)nc);
}

/** "conv2d", ...; "?" when there is no such operator. */
const char *yt_op_name(enum yt_op op);

/** Output rows and columns: (h + 2*pad - r) / stride + 1, rounded down. */
int32_t yt_conv2d_out_h(const struct yt_conv2d *p);
int32_t yt_conv2d_out_w(const struct yt_conv2d *p);

/** Whether only some rows of some tensor are in memory. */
static inline int yt_conv2d_holds_rows(const struct yt_conv2d *p)
{
    return p->in_rows || p->out_rows || p->add_rows;
}

#endif
