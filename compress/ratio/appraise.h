#ifndef YT_APPRAISE_H
#define YT_APPRAISE_H

/* A graph built for this host: its boxes over a data set, and its frames timed
 * in turn with those of others. Schedules are those of before any tuning, for
 * all alike, so that what is compared are the networks. */

#include "compress/ratio/space.h"
#include "eval/map.h"
#include "tuner/build/build.h"
#include "yolotune/runtime.h"

struct yt_appraised {
    struct yt_ratio_setting setting;
    struct yt_quantisation *quantisation; /* NULL: f32 */
    struct yt_build *build;
    struct yt_model *model;
    struct yt_map *map; /* NULL: boxes were not asked for */
    double accuracy;    /* mAP; NAN likewise */
};

/** Build and open a graph; with integers its ranges are calibrated first.
 *
 * @param graph    borrowed until close.
 * @param pictures to calibrate on; not looked at for f32.
 * @return YT_OK; as yt_calibrate(), yt_build_create() and yt_build_make(). */
enum yt_status yt_appraise_open(const struct yt_ratio_setting *setting,
                                const struct yt_graph *graph,
                                const struct yt_dataset *pictures,
                                const volatile int *stop,
                                struct yt_appraised *out);

/** Find the boxes of a product (the best class of a cell) and match them.
 *  @return as yt_predict(); YT_BAD_INPUT when nothing is to be found. */
enum yt_status yt_appraise_boxes(struct yt_appraised *appraised,
                                 struct yt_dataset *dataset,
                                 const volatile int *stop);

/** A frame, picture to boxes, from the medians of rounds. */
struct yt_appraised_time {
    double median_ns;
    double least_ns; /* what else a machine does for a while leaves it alone */
};

/** Time frames, models in turn, round after round.
 *
 * @param models    [count].
 * @param image     borrowed.
 * @param frames    of each model in a round.
 * @param times_out [count].
 * @return YT_OK; YT_INTERRUPTED; YT_NO_MEMORY. */
enum yt_status yt_appraise_time(struct yt_model *const *models, int32_t count,
                                const struct yt_image *image, int32_t rounds,
                                int32_t frames, const volatile int *stop,
                                struct yt_appraised_time *times_out);

/** The types that a precision gives the convolutions of a graph, ranges from
 *  pictures; NULL for f32. */
enum yt_status yt_appraise_quantise(const struct yt_ratio_setting *setting,
                                    const struct yt_graph *graph,
                                    const struct yt_dataset *pictures,
                                    const volatile int *stop,
                                    struct yt_quantisation **q_out);

/** How a product makes boxes, for yt_predict(). */
struct yt_predict_options yt_appraise_options(const struct yt_site *site,
                                              const volatile int *stop);

/** All zeros are fine. */
void yt_appraise_close(struct yt_appraised *appraised);

#endif
