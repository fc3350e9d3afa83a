#ifndef YT_ASSIGN_H
#define YT_ASSIGN_H

/* Which layer computes with what: the least time for a given loss.
 *
 * For each convolution and type two things are measured: the time it takes in
 * the network, and the loss, isolated: how far the network's detections move
 * on some pictures when this layer alone computes so. A knapsack over the table
 * gives an assignment for each bound on the sum of losses, and those are
 * measured jointly, since losses need not add up. Labels are not looked at.
 *
 * The loss is the mean, over the cells that f32 gives a score of YT_LOSS_SCORE
 * or more, of
 *
 *      |score - score of f32| + score of f32 * (1 - overlap with f32's box)
 *
 * with the best class's score, and what cells beyond those are over it now; 0
 * is the same detections. */

#include "eval/dataset.h"
#include "compress/quant/quantisation.h"
#include "tuner/build/engine.h"

#define YT_ASSIGN_IMAGES 8

/** A convolution of the graph (or several that run as one) in one type. */
struct yt_sensitivity {
    char layer[YT_LAYER_NAME_MAX]; /* as `analyze` prints it */
    enum yt_dtype dtype;
    double ns;   /* median, in the network where all compute so */
    double loss; /* isolated; 0 for F32 */
};

/** One solution. */
struct yt_mix {
    struct yt_quantisation *quantisation; /* owned */
    double ns;        /* sum of the table's, conversions included */
    double predicted; /* sum of isolated losses */
    double loss;      /* measured, all layers together */
    double flops;     /* share of the convolutions' that are in U8S8, 0..1 */
};

struct yt_assignment {
    struct yt_sensitivity *table; /* [count], by layer in order of execution */
    int32_t count;
    struct yt_mix *mixes; /* [mix_count], fastest first: all in the fastest
                             types down to all in the most precise ones */
    int32_t mix_count;
};

struct yt_assign_options {
    int32_t images;        /* 0: YT_ASSIGN_IMAGES */
    int32_t mixes_max;     /* 0: 8 */
    uint32_t dtypes;       /* bit (1 << enum yt_dtype) of those that may be used
                              besides F32; 0: U8S8 and S16 */
    const char *keep_fp32; /* layers that stay F32, or NULL */
    const volatile int *stop;
    void (*progress)(void *user, int32_t done, int32_t total); /* or NULL */
    void *user;
};

/** Measure and solve.
 *
 * @param engine     opened, f32 and built: its graph, ISA, size, threads, and
 *                   its database, whose measured schedules times are taken
 *                   with.
 * @param calibrated ranges; its types are not looked at.
 * @param pictures   to run on; the calibration's, never those that accuracy is
 *                   then measured on.
 * @param[out] out   the caller's: yt_assignment_deinit().
 * @return YT_OK; YT_INTERRUPTED; YT_NO_MEMORY; what building or running
 *         returned.
 */
enum yt_status yt_assign(const struct yt_engine *engine,
                         const struct yt_quantisation *calibrated,
                         const struct yt_dataset *pictures,
                         const struct yt_assign_options *options,
                         struct yt_assignment *out);

void yt_assignment_deinit(struct yt_assignment *a);

#endif
