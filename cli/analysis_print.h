#ifndef YT_ANALYSIS_PRINT_H
#define YT_ANALYSIS_PRINT_H

/* A model's analysis as a page and as a document, for cli/cmd_analyze.c and
 * the main job's report. */

#include "tuner/measure/measured.h"
#include "tuner/measure/nms_curve.h"
#include "tuner/measure/profile.h"

#define YT_NMS_POINTS 4

/** Everything is borrowed. */
struct yt_analysis_report {
    struct yt_engine *engine;
    struct yt_analysis *analysis;
    struct yt_measured *measured; /* NULL: not tuned here */
    uint64_t published_flops;     /* as Ultralytics counts; 0: unknown */
    const int32_t *order;         /* [layer_count] indexes of the rows */
    struct yt_nms_point nms[YT_NMS_POINTS]; /* boxes 0: was not measured */
    struct yt_profile profile;              /* frames 0: was not asked for */
    double profile_peaks[YT_DTYPE_COUNT];   /* GFLOP/s of its threads, measured
                                               beside it; 0: not needed */
};

/** Both return an enum yt_exit. */
int yt_analysis_print_text(const struct yt_analysis_report *report);
int yt_analysis_print_json(const struct yt_analysis_report *report);

#endif
