#ifndef YT_GRAPH_H
#define YT_GRAPH_H

/* A YOLOv5 network as an importer leaves it: primitive nodes in execution
 * order, BN already folded, weights in f32. No shapes beyond channels: those
 * follow from an input size (model/net.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/act.h"
#include "runtime/plan.h" /* YT_LEVELS_MAX, YT_ANCHORS_MAX, name lengths */
#include "yolotune/status.h"

enum yt_node_kind {
    YT_NODE_INPUT,    /* the image, 3 channels, RGB, 0..1 */
    YT_NODE_CONV,     /* r x r, stride, pad, bias; groups 1; linear */
    YT_NODE_ACT,      /* an activation, element by element */
    YT_NODE_MAXPOOL,  /* r x r, stride 1, pad r/2 */
    YT_NODE_UPSAMPLE, /* nearest, x2 */
    YT_NODE_CONCAT,   /* along channels */
    YT_NODE_ADD,      /* two inputs of one shape */
    YT_NODE_COUNT
};

#define YT_NODE_INPUTS_MAX 8

struct yt_node {
    enum yt_node_kind kind;
    char name[YT_LAYER_NAME_MAX]; /* dotted module path: "model.2.m.0.cv1" */
    int32_t inputs[YT_NODE_INPUTS_MAX]; /* indices of earlier nodes */
    int32_t input_count;
    int32_t c;           /* output channels */
    int32_t r;           /* CONV, MAXPOOL: window */
    int32_t stride, pad; /* CONV */
    enum yt_act act;     /* ACT: not YT_ACT_NONE */
    int32_t slope;       /* ACT: of a leaky ReLU, in millionths */
    float *weights;      /* CONV: [c][input c][r][r]; owned by the graph */
    float *bias;         /* CONV: [c]; owned by the graph */
};

/** One detection level. With anchors, a 1x1 CONV node with na*(5+nc) channels,
 *  anchor-major: channel a*(5+nc)+{0,1,2,3,4,5..} = {x, y, w, h, objectness,
 *  classes}. Without, a CONCAT node of two 1x1 CONV nodes that nothing else
 *  reads: 4*bins channels (left, top, right, bottom) and nc of classes. */
struct yt_graph_head {
    int32_t node;
    int32_t stride;                   /* input pixels per cell */
    float anchors[YT_ANCHORS_MAX][2]; /* [na] width, height, input pixels;
                                         zeros where there are none */
};

/** Numbers that get codes; lo == hi: of this node none are made. */
struct yt_graph_limits {
    float lo, hi;
};

#define YT_GRAPH_NOTE_MAX 256

struct yt_graph {
    struct yt_node *nodes; /* nodes[0] is the input */
    int32_t node_count, node_cap;
    struct yt_graph_head heads[YT_LEVELS_MAX];
    int32_t head_count;
    int32_t na, nc;
    int32_t bins;   /* 0: heads with anchors; else logits a side of a box has
                       in heads without, and na is 1: runtime/decode.h */
    char **classes; /* [nc] names; owned by the graph */
    int32_t h, w;   /* the size an ONNX file is fixed to; 640 otherwise */
    char *ranges;   /* what it was trained to be quantised with, as its file has
                       it (yt_quantisation_write()); NULL: nothing. Owned; not
                       copied, since filters of a copy may change */
    /* What its file says 8-bit codes of each node's values cover, [node_count];
     * NULL: nothing, or not enough. Owned; not copied. */
    struct yt_graph_limits *limits;
    char note[YT_GRAPH_NOTE_MAX]; /* what of the file is run otherwise than it
                                     says, a sentence's rest; "": nothing */
    char name[YT_LAYER_NAME_MAX]; /* file name without directory, extension */
    char format[16];              /* "pt", "onnx", "built-in" */
    char hash[33]; /* XXH3-128 of the file, hex; of the name if built in; "":
                      made in memory. What it computes: yt_graph_digest() */
};

/** A graph that holds only its input node.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_graph_create(struct yt_graph **graph_out);

/** NULL is fine. */
void yt_graph_destroy(struct yt_graph *graph);

/** A graph of its own with the same nodes, weights included, to be changed:
 *  weights[] and bias[] of its nodes are the caller's to write. It is of no
 *  file any more, so its hash is empty.
 *
 *  Channels are another matter, since shapes follow from them: whoever removes
 *  some creates a graph, adds the nodes that it is to have, fills their
 *  storage, and takes the rest over by yt_graph_copy_facts(). yt_graph_check()
 *  then says whether it is one.
 *
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_graph_copy(const struct yt_graph *from,
                             struct yt_graph **copy_out);

/** Give @p to what is around the nodes of @p from: heads, anchors, classes,
 *  image size and name; not the hash.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_graph_copy_facts(const struct yt_graph *from,
                                   struct yt_graph *to);

/** The identity of what a complete graph computes, in hex: of nodes, how they
 *  are connected, weights, heads and anchors, to the bit. Not of names, files
 *  or the image size. Graphs of one digest have the same outputs; those of
 *  different ones may still, as when a node's order is another. */
void yt_graph_digest(const struct yt_graph *graph, char digest_out[33]);

/** Append a node: c and the rules of its kind are filled in and checked
 *  (inputs exist, channels agree, sizes are sane). weights and bias are left
 *  NULL for the caller to hand over (yt_graph_conv_storage()).
 *
 * @param node  borrowed template; its weights and bias are ignored.
 * @param[out] index_out  the new node's index.
 * @return YT_OK; YT_BAD_INPUT naming node and rule; YT_NO_MEMORY.
 */
enum yt_status yt_graph_add(struct yt_graph *graph, const struct yt_node *node,
                            int32_t *index_out);

/** Allocate a CONV node's weights and bias, zeroed. */
enum yt_status yt_graph_conv_storage(struct yt_graph *graph, int32_t node);

/** Whether a name may go to terminals, JSON and C strings: UTF-8 (RFC 3629,
 *  section 4) without control characters. */
bool yt_graph_name_prints(const char *text);

/** Part the output channels of the last node, a CONV with its storage filled:
 *  it keeps the first @p c, a new node called @p name has the rest.
 *  @return YT_OK; YT_BAD_INPUT unless both have some; YT_NO_MEMORY. */
enum yt_status yt_graph_part_conv(struct yt_graph *graph, int32_t c,
                                  const char *name, int32_t *rest_out);

/** Set the class names; copies them. NULL names become "class0", ... */
enum yt_status yt_graph_set_classes(struct yt_graph *graph, int32_t nc,
                                    const char *const *names);

/** The same network for other classes: boxes and objectness of the heads stay,
 *  and so do the channels of names that @p from knows. Those of new names begin
 *  as the mean of all old ones with a little seeded noise; a single new class
 *  is taken as certain, since YOLOv5's loss trains none.
 *
 *  @param names [nc]; NULL: "class0", ...
 *  @return YT_OK; YT_BAD_ARGUMENT for nc < 1; YT_BAD_INPUT for names that do
 *          not print, or more classes than are possible; YT_UNSUPPORTED when
 *          another node reads a head, or heads have no anchors; YT_NO_MEMORY.
 */
enum yt_status yt_graph_with_classes(const struct yt_graph *from, int32_t nc,
                                     const char *const *names, uint64_t seed,
                                     struct yt_graph **graph_out);

/** Whether a node is a head's convolution, or one of the two it has. */
int yt_graph_is_head(const struct yt_graph *graph, int32_t node);

/** YT_UNSUPPORTED, with a sentence that begins with @p what, for a graph whose
 *  heads have no anchors. */
enum yt_status yt_graph_wants_anchors(const struct yt_graph *graph,
                                      const char *what);

/** The rules a complete graph keeps: heads present and shaped as above, every
 *  conv has weights, all finite; strides are powers of two and consistent with
 *  the convs and upsamples on the way. YT_BAD_INPUT otherwise. */
enum yt_status yt_graph_check(const struct yt_graph *graph);

/** Largest stride: input sizes are multiples of it. */
int32_t yt_graph_max_stride(const struct yt_graph *graph);

/** A YOLOv5 of the given size ("n", "s", "m", "l", "x") with seeded random
 *  weights: real speed, meaningless boxes.
 *  @return YT_OK; YT_NOT_FOUND for another size; YT_NO_MEMORY. */
enum yt_status yt_graph_builtin(const char *size, uint64_t seed,
                                struct yt_graph **graph_out);

/** Read a model file; the format is told by its content, not its name.
 *  @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT (damaged, hostile);
 *          YT_UNSUPPORTED (a model that is not ours to run; says what). */
enum yt_status yt_model_import(const char *path, struct yt_graph **graph_out);

/** What users name: a model file, or "builtin:n" (s, m, l, x), a graph with
 *  seeded weights whose speed is real and whose boxes are not; NULL: builtin:n.
 *  @return as yt_model_import(), yt_graph_builtin(). */
enum yt_status yt_graph_read(const char *model, struct yt_graph **graph_out);

/** The readers behind it, over bytes in memory (borrowed for the call). They
 *  fill everything but name and hash. */
enum yt_status yt_import_pt(const void *bytes, size_t size,
                            struct yt_graph **graph_out);
enum yt_status yt_import_onnx(const void *bytes, size_t size,
                              struct yt_graph **graph_out);

/** The same of a model whose tensors may keep their data in other files.
 *  @param folder where the model lies; the others lie in it or below.
 *  @param[out] graph_out hash is the digest of what other files gave; "":
 *                        none did. */
enum yt_status yt_import_onnx_in(const void *bytes, size_t size,
                                 const char *folder,
                                 struct yt_graph **graph_out);

#endif
