#ifndef YT_CALIBRATE_PARTS_H
#define YT_CALIBRATE_PARTS_H

/* What the two halves of a calibration share: a model that runs step by step
 * over pictures, calibrate.c and calibrate_rounding.c. */

#include "runtime/model.h"
#include "compress/precision/calibrate.h"
#include "tuner/build/build.h"

struct yt_calibration {
    const struct yt_graph *graph;
    const struct yt_calibrate_options *options;
    struct yt_dataset *images;
    struct yt_build *build;
    struct yt_model *model;
    char *workspace; /* the arena comes first */
    size_t workspace_bytes;
    struct yt_observer *observers; /* [node_count], initialised when needed */
    struct yt_calibration_group *group; /* of calibrate_rounding.c, or NULL */
};

/** Run @p visit on every picture that can be read, which is in the network's
 *  input then. @return YT_OK; YT_INTERRUPTED; what visit returned. */
enum yt_status yt_calibration_run(
    struct yt_calibration *work, enum yt_calibrate_phase phase,
    enum yt_status (*visit)(struct yt_calibration *, int32_t image));

/** Tell progress. @return YT_OK; YT_INTERRUPTED. */
enum yt_status yt_calibration_report(const struct yt_calibration *work,
                                     enum yt_calibrate_phase phase,
                                     int32_t done, int32_t total);

/** Learn the rounding of all convolutions that yt_rounding_applies() to.
 *  @param q with ranges. */
enum yt_status yt_calibration_round(struct yt_calibration *work,
                                    struct yt_quantisation *q);

#endif
