#ifndef YT_TRAIN_H
#define YT_TRAIN_H

/* Training: a graph's weights made better on pictures, for a time. */

#include <stdint.h>

#include "compress/quant/quantisation.h"
#include "eval/dataset.h"
#include "model/graph.h"
#include "train/data/feed.h"
#include "train/loss/detection.h"
#include "train/loss/distill.h"
#include "train/run/optimiser.h"

/** Where the work stands. */
struct yt_train_event {
    int64_t step, steps; /* done; planned, 0: as many as the budget allows */
    int32_t epoch, epochs;
    int64_t pictures; /* seen so far */
    double loss;      /* a moving mean */
    double rate;      /* learning rate now */
    double pictures_per_s;
    double map, best_map; /* NAN: not measured yet */
    int64_t best_step;
    double elapsed_s, left_s; /* left_s NAN: not known */
    const char *note; /* NULL, or something that happened: one sentence */
};

struct yt_train_options {
    int32_t h, w, batch; /* batch 0: 16 */
    int32_t threads;     /* 0: the CPUs this process may use */
    uint64_t seed;
    enum yt_optimiser optimiser;
    double rate;             /* highest; 0: a default of the optimiser's */
    double final_rate;       /* share of it at the end of the cosine; 0: 0.01 */
    double momentum;         /* SGD's, Adam's beta1; 0: 0.937 */
    double decay;            /* of weights, not biases; < 0: none; 0: 0.0005 */
    double warm_up;          /* epochs, at least 100 steps at most a fifth of
                                all; 0: 3 */
    double clip;             /* most norm of the gradient; 0: 10 */
    double ema;              /* decay of the moving average; 0: 0.9999, less in
                                short trainings: yt_rate_average() */
    int32_t epochs;          /* 0: as many as the budget allows */
    uint64_t budget_ns;      /* 0: none; one of the two is needed */
    double evaluate_every_s; /* 0: ten times over the whole */

    struct yt_augmentation augmentation;
    const struct yt_graph *teacher;  /* NULL: none; borrowed */
    struct yt_distill_gains distill; /* with a teacher; all 0: the defaults */
    double maps;    /* gain of distillation on the maps that lead to
                                the heads, where both graphs have them in the
                                same shape; 0: none */
    int32_t labels; /* 1: YOLOv5's detection loss as well */
    struct yt_detection_gains gains; /* weights of parts all 0: the defaults */

    /* [node_count] of each CONV node one byte a weight: 0 keeps it at zero;
     * NULL nodes and a NULL array: all are free, but for zeros between groups
     * (model/filters.h), which stay without being named. Borrowed. */
    const uint8_t *const *masks;

    /* Train as these integers will compute; NULL: f32. Borrowed. */
    const struct yt_quantisation *quantisation;
    int32_t weight_max;

    const char *measured; /* the hash of what evaluate measures on; NULL: none.
                             Borrowed */

    /* Accuracy of a candidate, 0..1, on pictures that are not trained on; NULL:
     * the last weights are the best. A failure ends the training. */
    enum yt_status (*evaluate)(void *user, const struct yt_graph *graph,
                               double *map_out);
    void (*progress)(void *user, const struct yt_train_event *event);
    void *user;
    const volatile int *stop;

    const char *checkpoint; /* file, replaced after each evaluation by a whole
                               new one or left as it was; NULL: none */
    int32_t resume;         /* 1: go on from that file when it is there */
};

struct yt_train_result {
    double start_map, best_map; /* NAN: not measured */
    double start_loss, end_loss;
    int64_t steps, pictures, best_step;
    int32_t epochs; /* whole ones */
    int32_t halved; /* times the rate was, after a loss that was not finite */
    int32_t interrupted, resumed;
    double seconds; /* of all runs together */
};

/** Train.
 *
 * @param start    borrowed; where training begins.
 * @param dataset  borrowed; pictures, and objects with options.labels.
 * @param[out] graph_out the best by evaluate, the moving average's weights; of
 *                 the start's structure; the caller's.
 * @return YT_OK, also when stopped after a first evaluation; YT_INTERRUPTED
 *         before it; YT_BAD_ARGUMENT for options that cannot go together, a
 *         budget too short for a step and an evaluation; YT_BAD_INPUT for a
 *         data set without what is needed, a checkpoint of another training or
 *         a damaged one, or a loss that stays not finite; YT_IO for a
 *         checkpoint that cannot be written: what was trained so far is in
 *         graph_out then too; YT_NO_MEMORY. */
enum yt_status yt_train(const struct yt_graph *start,
                        struct yt_dataset *dataset,
                        const struct yt_train_options *options,
                        struct yt_graph **graph_out,
                        struct yt_train_result *result_out);

#endif
