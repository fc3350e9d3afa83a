#ifndef YT_PT_MODULES_H
#define YT_PT_MODULES_H

/* YOLOv5's nn.Module tree, or that of Ultralytics' later package, as the pickle
 * left it, to graph nodes. */

#include <stdbool.h>

#include "model/graph.h"
#include "model/pt_archive.h"
#include "model/pt_pickle.h"

struct yt_pt_reader {
    struct yt_archive *archive;
    struct yt_graph *graph;
    int32_t depth;  /* of containers within containers */
    int32_t visits; /* modules seen: they may repeat, and contain themselves */
};

/** A module's path in the tree, "model.2.m.0.cv1": node names and messages. */
struct yt_pt_path {
    char text[YT_LAYER_NAME_MAX];
};

struct yt_pt_path yt_pt_path_child(const struct yt_pt_path *parent,
                                   const char *child);
struct yt_pt_path yt_pt_path_index(const struct yt_pt_path *parent,
                                   int32_t index);

/** nn.Module's _modules: a dict of name, module, ...; NULL when absent. */
const struct yt_pickle_value *
yt_pt_children(const struct yt_pickle_value *module);

/** One child by name; NULL when absent or None. */
const struct yt_pickle_value *yt_pt_child(const struct yt_pickle_value *module,
                                          const char *name);

/** Whether a module is of the class of that name, of torch's where the name has
 *  a dot, else of YOLOv5's or of Ultralytics' package. */
bool yt_pt_is(const struct yt_pickle_value *module, const char *name);

/** Fail unless @p module is of the class, as yt_pt_is() has it. YT_UNSUPPORTED
 *  naming what it is. */
enum yt_status yt_pt_expect(const struct yt_pickle_value *module,
                            const char *class_name,
                            const struct yt_pt_path *path);

/** What is folded into a convolution. All zeros: nothing. */
struct yt_pt_conv_how {
    const struct yt_pickle_value *bn; /* a batch normalisation, or NULL */
    int32_t bn_first; /* its channel that is the convolution's first */
    int32_t bn_more;  /* channels of it that belong to others */
    bool focus;       /* the input is read as YOLOv5's Focus rearranges it */
};

/** pt_conv.c: an nn.Conv2d. */
enum yt_status yt_pt_conv2d(struct yt_pt_reader *r,
                            const struct yt_pickle_value *conv,
                            const struct yt_pt_conv_how *how, int32_t input,
                            const struct yt_pt_path *path, int32_t *node_out);

/** pt_act.c: an activation; nn.Identity is none, so that *node_out is the
 *  input. YT_UNSUPPORTED naming one that cannot run. */
enum yt_status yt_pt_act(struct yt_pt_reader *r,
                         const struct yt_pickle_value *module, int32_t input,
                         const struct yt_pt_path *path, int32_t *node_out);

/** pt_act.c: YOLOv5's Conv: convolution, BN unless fused, activation. */
enum yt_status yt_pt_conv(struct yt_pt_reader *r,
                          const struct yt_pickle_value *module,
                          const int32_t *inputs, int32_t input_count,
                          const struct yt_pt_path *path, int32_t *node_out);

/** pt_c2f.c: C2f of YOLOv8, and C3k2 of YOLO11, which has other blocks. */
enum yt_status yt_pt_c2f(struct yt_pt_reader *r,
                         const struct yt_pickle_value *module,
                         const int32_t *inputs, int32_t input_count,
                         const struct yt_pt_path *path, int32_t *node_out);

/** pt_c2f.c: C2 of YOLOv8's networks of four levels. */
enum yt_status yt_pt_c2(struct yt_pt_reader *r,
                        const struct yt_pickle_value *module,
                        const int32_t *inputs, int32_t input_count,
                        const struct yt_pt_path *path, int32_t *node_out);

/** pt_modules.c: the concat of @p count nodes. */
enum yt_status yt_pt_concat(struct yt_pt_reader *r, const int32_t *inputs,
                            int32_t count, const struct yt_pt_path *path,
                            int32_t *node_out);

/** pt_modules.c: the named child, which is a Conv. */
enum yt_status yt_pt_child_conv(struct yt_pt_reader *r,
                                const struct yt_pickle_value *module,
                                const char *name, int32_t input,
                                const struct yt_pt_path *path,
                                int32_t *node_out);

/** pt_modules.c: any module but Detect.
 *  @return YT_OK; YT_UNSUPPORTED naming a class that cannot run; YT_BAD_INPUT.
 */
enum yt_status yt_pt_module(struct yt_pt_reader *r,
                            const struct yt_pickle_value *module,
                            const int32_t *inputs, int32_t input_count,
                            const struct yt_pt_path *path, int32_t *node_out);

/** pt_detect.c: Detect, the last module: heads, strides, anchors or bins, nc.
 *  The class names are left to the caller. */
enum yt_status yt_pt_detect(struct yt_pt_reader *r,
                            const struct yt_pickle_value *module,
                            const int32_t *inputs, int32_t input_count,
                            const struct yt_pt_path *path, int32_t *nc_out);

#endif
