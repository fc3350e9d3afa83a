#ifndef YT_DETECTION_H
#define YT_DETECTION_H

/* How a model is to be run over a data set: data of eval/predict.h. */

#include "runtime/bundle.h"
#include "yolotune/runtime.h"

struct yt_predict_options {
    int32_t workers; /* pictures at the same time; 0: 1 */
    float conf;      /* boxes score more; 0: 0.001 */
    double iou;      /* 0: 0.6 */
    int32_t max_det; /* boxes of a picture; 0: 300 */

    /* How candidates become boxes; all 0: as YOLOv5's val.py does it. */
    int32_t single_label;   /* 1: the best class of a cell alone, as products */
    int32_t exact_nms;      /* 1: products' suppression: classes apart by lists,
                               not by an offset, and no limit of candidates */
    int32_t class_agnostic; /* 1: boxes suppress across classes */

    /* As in struct yt_detect_options. */
    enum yt_fit fit;
    enum yt_filter filter;
    int32_t candidates;
    int32_t flip;
    int32_t augment; /* 1: the passes of yt_augment_scales, which are given to
                        yt_predict_passes() */

    const volatile int *stop; /* NULL, or ends the work when set */
    void (*progress)(void *user, int32_t done, int32_t total); /* or NULL;
                                 called on the caller's thread, now and then */
    void *user;
};

/** One pass over each picture. */
struct yt_predict_pass {
    const struct yt_bundle *bundle; /* borrowed; each worker opens it with one
                                       thread */
    int32_t flip;                   /* 1: the mirror image; the first pass: 0 */
};

#endif
