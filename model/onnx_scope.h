#ifndef YT_ONNX_SCOPE_H
#define YT_ONNX_SCOPE_H

/* Everything the ONNX importer knows about a graph while it reads it.
 *
 * Every name of the file is a value. The nodes are visited in an order in
 * which inputs come first; each visit tells what its outputs are:
 *
 *   CONST  a tensor of the file, or a few numbers computed from such
 *   NET    a feature map [1][c][h][w] the network computes (struct yt_onnx_net)
 *   LAZY   anything else, as a formula over other values: shape arithmetic,
 *          the decode tail. Nothing of it is stored; single elements are
 *          computed on demand (model/onnx_eval.h).
 */

#include "model/filters.h"
#include "model/graph.h"
#include "model/onnx_file.h"

/* Bounds the memory of hostile files; yolov5x6 unsimplified has about 3000. */
#define YT_ONNX_NODES_MAX 32768
#define YT_ONNX_FOLD_MAX  YT_ONNX_RANK_MAX

enum yt_onnx_kind {
    YT_ONNX_UNKNOWN, /* not visited yet */
    YT_ONNX_CONST,
    YT_ONNX_NET,
    YT_ONNX_LAZY
};

/* The formulas of a LAZY value; in[] are indices into its inputs. */
enum yt_onnx_formula {
    YT_ONNX_VIEW,    /* in[0] at base + sum(index[d] * steps[0][d]) */
    YT_ONNX_UNARY,   /* fn.unary(in[0]) elementwise; fn NULL: in[0] itself */
    YT_ONNX_BINARY,  /* fn.binary(in[0], in[1]), broadcast by steps[0..1] */
    YT_ONNX_CLIP,    /* in[0] limited to low..high, elementwise */
    YT_ONNX_LEAKY,   /* in[0], times slope where negative, elementwise */
    YT_ONNX_SELECT,  /* in[0] ? in[1] : in[2], broadcast by steps[0..2] */
    YT_ONNX_JOIN,    /* in[*] one after another along axis */
    YT_ONNX_GATHER,  /* in[0] at in[1] along axis */
    YT_ONNX_RANGE,   /* start + i * delta */
    YT_ONNX_SOFTMAX, /* e^in[0] by the sum of such along axis */
    YT_ONNX_DOT,     /* in[0] summed along axis 1, weighed by in[1] */
    /* in[0] to codes, and codes to numbers, by the scale in[1] and the zero
     * point in[2], which may be absent; steps[1..2] are theirs */
    YT_ONNX_QUANTISE, /* limited to low..high */
    YT_ONNX_DEQUANTISE
};

/** What a value of a quantised network stands for (model/onnx_codes.h). The
 *  importer computes with the numbers that codes are of, so that a code's value
 *  differs from a number's in nothing but who may read it. */
enum yt_onnx_code {
    YT_ONNX_NUMBERS,    /* what it says: numbers, or codes of a constant */
    YT_ONNX_CODES,      /* codes of a feature map, by scale and zero */
    YT_ONNX_SUMS,       /* sums of products of such codes and weights */
    YT_ONNX_CODE_SCALE, /* what is measured while the network runs: a scale */
    YT_ONNX_CODE_ZERO   /* and a zero point */
};

struct yt_onnx_value {
    const char *name;
    enum yt_onnx_kind kind;
    int32_t producer; /* node, or -1 */
    const YtOnnx__TensorProto *initializer;
    int is_graph_input;

    int is_int;
    struct yt_onnx_tensor t; /* rank, dims, count of every kind; CONST: data */

    int32_t net; /* NET: index into nets */

    enum yt_onnx_formula formula; /* LAZY, from here on */
    const char *op;               /* the ONNX operator it came from */
    const int32_t *in;            /* value indices, borrowed from the scope */
    int32_t in_count;
    int32_t as_net; /* index into nets of the feature map it is; 0: none */
    int32_t depth;  /* of the formula tree */
    int is_pure;    /* does not depend on the image */
    int32_t axis;
    int64_t base;
    int64_t steps[3][YT_ONNX_RANK_MAX];
    double start, delta;
    double low, high, slope;
    union {
        double (*unary)(double);
        double (*binary)(double, double);
    } fn;
    double fold[YT_ONNX_FOLD_MAX]; /* data of a CONST that was computed */

    enum yt_onnx_code code;
    double code_scale, code_zero;
    int32_t code_node; /* the node that measures scale and zero; -1: none */
};

struct yt_onnx_node {
    const YtOnnx__NodeProto *proto;
    int32_t *in, *out; /* value indices; -1 for an absent optional one */
    int32_t in_count, out_count;
};

/** One node of the network to come. */
struct yt_onnx_net {
    enum yt_node_kind kind;
    int32_t node; /* ONNX node it is named after; -1 for the image */
    int32_t inputs[YT_NODE_INPUTS_MAX];
    int32_t input_count;
    int64_t c, h, w;
    int32_t r, stride, pad;
    struct yt_filter_taps taps; /* CONV: of r x r those that the weights have;
                                   rows 0: all */
    int is_padding;   /* CONV: what a Pad makes, for others to read through */
    int32_t zeros[4]; /* that it adds: above, left, below, right */
    enum yt_act act;  /* ACT */
    int32_t slope;
    int32_t weights, bias; /* CONV: values; bias -1 is none. Weights -1: an
                              output is the mean of one channel's window */
    int32_t picks;         /* of those: index into the scope's picks of its
                              channels, one for each output; -1: its own */
    int32_t groups;        /* CONV: >= 1, but of the identity */
    int32_t first; /* CONV: of the filters in weights, the first it has */
    int is_focus;  /* CONV: of the input's quarters */
    struct yt_focus_part focus[YT_FOCUS_PARTS];
    int has_norm;       /* CONV: a batch normalisation follows, of */
    int32_t norm[4];    /* values scale, shift, mean, variance; -1: that of
                           which there is nothing to see */
    int32_t norm_first; /* whose channel it is that is the first here */
    double norm_eps;
    int needed;
    double lo, hi; /* what 8-bit codes are of; lo == hi: none are made of it */
};

struct yt_onnx_scope {
    const YtOnnx__GraphProto *graph;
    int64_t opset;
    struct yt_onnx_value *values;
    int32_t value_count;
    int32_t *by_name; /* [name_count] value indices, sorted by name */
    int32_t name_count;
    struct yt_onnx_node *nodes;
    int32_t node_count;
    int32_t *ids;   /* storage of all in[] and out[] */
    int32_t *order; /* needed nodes, inputs first, else as in the file */
    int32_t order_count;
    struct yt_onnx_net *nets; /* nets[0] is the image */
    int32_t net_count, net_cap;
    int32_t *picks; /* channels of nets that some nets choose */
    int32_t pick_count;
    int64_t batch;       /* images that the file runs at once; one is taken */
    uint64_t steps_left; /* element evaluations until we give up */
    int is_quantised;    /* feature maps have codes */
    int is_measured;     /* some by scales that are measured as they come */
};

/** Name all values, find the nodes the outputs need, and order them.
 *  @param scope  deinitialised by the caller, also after a failure.
 *  @return YT_OK; YT_BAD_INPUT for names defined twice or never, cycles;
 *          YT_UNSUPPORTED beyond YT_ONNX_NODES_MAX; YT_NO_MEMORY. */
enum yt_status yt_onnx_scope_init(struct yt_onnx_scope *scope,
                                  const YtOnnx__GraphProto *graph);
void yt_onnx_scope_deinit(struct yt_onnx_scope *scope);

/** Index of the value called @p name, or -1. */
int32_t yt_onnx_scope_find(const struct yt_onnx_scope *scope, const char *name);

/** How messages name a node: "node '/model.0/Relu' (Relu)". @p text has room
 *  for YT_ONNX_WHO_MAX bytes and is returned. */
#define YT_ONNX_WHO_MAX 160
const char *yt_onnx_who(const struct yt_onnx_scope *scope, int32_t node,
                        char *text);

/** Append to nets; *index_out is its index. YT_OK; YT_NO_MEMORY. */
enum yt_status yt_onnx_net_add(struct yt_onnx_scope *scope,
                               const struct yt_onnx_net *net,
                               int32_t *index_out);

/** Make value @p v the feature map of net @p net. */
void yt_onnx_value_set_net(struct yt_onnx_scope *scope, int32_t v, int32_t net);

#endif
