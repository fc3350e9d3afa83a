#ifndef YT_RATIO_SPACE_H
#define YT_RATIO_SPACE_H

/* What can go of a graph, what each choice costs this host and what it is
 * predicted to lose: the table of compress/ratio/solve.h, and the graph that a
 * solution of it stands for.
 *
 * Times are measured, not counted: the whole network is built at several
 * widths (or densities), the same share of each group, and its layers are
 * timed as they run one after the other. Between those, a layer's time is read
 * off by its work. */

#include "compress/precision/loss.h"
#include "compress/prune/blocks.h"
#include "compress/prune/channels.h"
#include "compress/ratio/solve.h"
#include "tuner/build/site.h"

enum yt_ratio_kind { YT_RATIO_CHANNELS, YT_RATIO_BLOCKS, YT_RATIO_KINDS };

/** "channels", "blocks". */
const char *yt_ratio_kind_name(enum yt_ratio_kind kind);

/** How a network runs here. */
struct yt_ratio_setting {
    const struct yt_site *site;   /* borrowed */
    const struct yt_graph *whole; /* that all others are made from; borrowed */
    int32_t h, w;                 /* input, pixels */
    int32_t threads;
    enum yt_dtype dtype; /* of the convolutions' arithmetic */
};

/** Times of a network's layers at several amounts of work, which hold for every
 *  graph that is made smaller from the one they were measured of. */
struct yt_ratio_times {
    struct yt_ratio_timed {
        char layer[YT_LAYER_NAME_MAX];
        struct yt_ratio_layer points; /* only these */
    } *layers;                        /* owned */
    int32_t count;
    double fixed_ns; /* of a frame, all that is no convolution */
};

/** All zeros are fine. */
void yt_ratio_times_deinit(struct yt_ratio_times *times);

struct yt_ratio_space {
    enum yt_ratio_kind kind;
    struct yt_ratio_setting setting;
    const struct yt_graph *graph;     /* borrowed */
    const struct yt_moments *moments; /* borrowed */
    struct yt_block block;            /* of YT_RATIO_BLOCKS */
    struct yt_channel_groups groups;
    int32_t *nodes; /* [table.group_count] a CONV node of each; owned */
    double **worth; /* [table.group_count] what each channel or block is worth;
                       NULL for a group without a choice; owned */
    char (*names)[YT_LAYER_NAME_MAX]; /* [table.layer_count]; owned */
    struct yt_ratio_table table;      /* times are all zero until
                                         yt_ratio_space_use() */
};

/** Find groups, choices and predicted losses.
 *
 * Widths are whole vectors of the instruction set, at most eight steps down
 * from what there is. Of a graph whose blocks went before, a choice counts
 * those in.
 *
 * @param graph   borrowed until the space's end.
 * @param moments likewise. Without them, which is enough for timing, losses say
 *                nothing.
 * @return YT_OK; YT_UNSUPPORTED when nothing can go; YT_NO_MEMORY. */
enum yt_status yt_ratio_space_init(enum yt_ratio_kind kind,
                                   const struct yt_ratio_setting *setting,
                                   const struct yt_graph *graph,
                                   const struct yt_moments *moments,
                                   struct yt_ratio_space *space_out);

/** All zeros are fine. */
void yt_ratio_space_deinit(struct yt_ratio_space *space);

/** How far the heads move for what each group is said to lose, so that losses
 *  of different groups can be compared: see compress/prune/sensitivity.h.
 *
 * @param space   with moments.
 * @param images  [count][3][h][w], 0..1.
 * @param[out] out [table.group_count]; 0 for a group without a choice.
 * @return YT_OK; YT_INTERRUPTED; what pruning and running returned. */
enum yt_status yt_ratio_sensitivities(const struct yt_ratio_space *space,
                                      const float *images, int32_t count,
                                      const volatile int *stop, double *out);

/** Predict losses as multiples of these, [table.group_count], which those of a
 *  graph that this one was made from may be. */
void yt_ratio_space_weigh(struct yt_ratio_space *space,
                          const double *sensitivities);

/** The graph of a solution.
 *  @param refit 1: what stays makes up for what goes, by least squares. */
enum yt_status yt_ratio_space_apply(const struct yt_ratio_space *space,
                                    const int32_t *choices, int32_t refit,
                                    struct yt_graph **graph_out);

/** What a group has, and has left with a choice: channels or blocks. */
int64_t yt_ratio_space_size(const struct yt_ratio_space *space, int32_t group);
int64_t yt_ratio_space_left(const struct yt_ratio_space *space, int32_t group,
                            int32_t choice);

/** Measure.
 *
 * @param quantisation of the space's graph, whose types and ranges smaller
 *                     graphs are timed with; NULL: f32.
 * @param loss         of the space's graph at the setting: the pictures that
 *                     frames are timed with.
 * @param points       of a layer, 2..YT_RATIO_POINTS_MAX.
 * @param outside_ns   what a frame takes outside of the network.
 * @return YT_OK; YT_INTERRUPTED; what building or running returned. */
enum yt_status
yt_ratio_times_measure(const struct yt_ratio_space *space,
                       const struct yt_quantisation *quantisation,
                       const struct yt_loss *loss, int32_t points,
                       double outside_ns, const volatile int *stop,
                       struct yt_ratio_times *times_out);

/** Take times, measured of this graph or of one that it was made from, into the
 *  table, all of them scaled so that the whole graph takes what it does.
 *  @param frame_ns of the whole graph, image to boxes.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_ratio_space_use(struct yt_ratio_space *space,
                                  const struct yt_ratio_times *times,
                                  double frame_ns);

/** The ranges and types of a quantisation for a graph of as many nodes whose
 *  channels are other ones: good enough to time it with.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_ratio_carry_ranges(const struct yt_quantisation *from,
                                     const struct yt_graph *graph,
                                     struct yt_quantisation **q_out);

/** Weights that are zero because whole blocks are, one byte a weight, 0: it
 *  stays zero, as struct yt_train_options takes them; nodes without such blocks
 *  are NULL.
 *  @param[out] masks_out [node_count]; the caller's: yt_ratio_masks_free(). */
enum yt_status yt_ratio_masks(const struct yt_graph *graph,
                              const struct yt_block *block,
                              uint8_t ***masks_out);
void yt_ratio_masks_free(uint8_t **masks, int32_t node_count);

/** The blocks that kernels of a type skip on an instruction set. */
struct yt_block yt_ratio_block(const struct yt_isa *isa, enum yt_dtype dtype);

#endif
