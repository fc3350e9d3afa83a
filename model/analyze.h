#ifndef YT_ANALYZE_H
#define YT_ANALYZE_H

/* What a network costs before anything was measured: arithmetic, memory, and
 * the ratio of the two, layer by layer. Data only; printing is up to others. */

#include <stdint.h>

#include "model/net.h"

enum yt_analysis_order {
    YT_BY_EXECUTION,
    YT_BY_FLOPS, /* nominal */
    YT_BY_PARAMETERS,
    YT_BY_BYTES,     /* moved */
    YT_BY_INTENSITY, /* lowest first: where memory is likely to bound */
    YT_ANALYSIS_ORDER_COUNT
};

/** One step of the network. Shapes and bytes are those that run: channels are
 *  rounded up to whole blocks of lanes, so the sums follow the ISA. */
struct yt_layer_analysis {
    char name[YT_LAYER_NAME_MAX];
    char kind[32]; /* "conv 3x3 s2", "sppf 5x5", "upsample 2x", "convert to
                      u8s8" */
    enum yt_dtype dtype, out; /* of its input and arithmetic; of its output */
    int32_t in_c, in_h, in_w;
    int32_t out_c, out_h, out_w; /* SPPF: of its three outputs together */
    uint64_t parameters;         /* of the model's convs inside, folded */
    uint64_t flops;              /* nominal: of the model's convs inside */
    uint64_t run_flops;          /* what the step does: filled-up channels
                                    cost, split upsamples and blocks of zeros
                                    save */
    double density;              /* share of the filter in blocks that are not
                                    all zeros; 1: dense, or none */
    uint64_t weight_bytes;       /* kept of the filter, 4 per output channel */
    uint64_t in_bytes, out_bytes, add_bytes; /* feature maps */
    uint64_t moved_bytes; /* sum of the above: each byte once, no cache reuse
                             from layer to layer */
    double intensity;     /* run_flops / moved_bytes */
    double flops_share;   /* of the network's, 0..1 */
};

/** What is of one type: layers by their arithmetic, features as they are
 *  written. */
struct yt_type_analysis {
    int32_t layers;
    uint64_t weight_bytes, feature_bytes;
    double flops_share; /* of the network's, 0..1 */
};

struct yt_analysis {
    struct yt_layer_analysis *layers;        /* in order of execution */
    int32_t *order[YT_ANALYSIS_ORDER_COUNT]; /* [layer_count] indexes */
    int32_t layer_count;
    struct yt_type_analysis types[YT_DTYPE_COUNT];
    int32_t lanes, h, w;
    uint64_t parameters;                           /* of the model, folded */
    uint64_t flops;                                /* of the model, nominal */
    uint64_t run_flops, weight_bytes, moved_bytes; /* sums over the layers */
    uint64_t arena_bytes;     /* memory all feature maps share */
    uint64_t floor_bytes;     /* most of it needed at one time */
    uint64_t feature_bytes;   /* what they would take unshared */
    uint64_t parameter_bytes; /* of the model, 4 per parameter */
    double intensity;
};

/** Analyse a network; nothing is borrowed from it.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_analyze(const struct yt_net *net,
                          struct yt_analysis **analysis_out);

/** NULL is fine. */
void yt_analysis_destroy(struct yt_analysis *analysis);

/** "flops", ... as --sort takes it; and back: -1 when there is none. */
const char *yt_analysis_order_name(enum yt_analysis_order order);
int yt_analysis_order_find(const char *name);

#endif
