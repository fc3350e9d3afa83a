#ifndef YT_CONFIG_H
#define YT_CONFIG_H

/* A configuration: every choice about how pictures become boxes, made. Which
 * model at which input size, how a picture is brought to it, how boxes suppress
 * each other, how many pictures run at once, whose kernels. Plain data with a
 * printed name; the name and the models' hashes are its identity.
 *
 *   yolov5n-480x640-f32-tuned-throughput-2x1-stretch-iou0.6
 *   yolov5n-640x640-mixed.1a2b3c4d-tuned-latency-1x2
 *
 * What is left at its default is not named. */

#include <stdint.h>

#include "model/precisions.h"
#include "yolotune/runtime.h"

enum yt_parallel {
    YT_LATENCY,    /* all threads on one picture */
    YT_THROUGHPUT, /* groups of threads, a picture each */
    YT_PIPELINE,   /* groups of threads, a part of the layers each */
    YT_PARALLEL_COUNT
};

enum yt_tta {
    YT_TTA_NONE,
    YT_TTA_FLIP,   /* and the mirrored picture */
    YT_TTA_SCALES, /* as YOLOv5's --augment: three scales, one mirrored */
    YT_TTA_COUNT
};

struct yt_config {
    int32_t model; /* index into yt_choices.models */
    int32_t h, w;  /* network input, pixels */
    enum yt_precision precision;
    uint32_t mix;  /* of MIXED: the first 8 digits of its quantisation's hash,
                      which tell one mix from another; else 0 */
    int32_t tuned; /* 0: the first legal schedules */
    enum yt_parallel parallel;
    int32_t groups, threads; /* of each group */
    int32_t pin;
    int32_t bands; /* 1: layers run in bands where that takes less memory */
    enum yt_tta augment;
    enum yt_fit fit;
    enum yt_filter filter;
    float iou;          /* boxes that overlap more suppress each other */
    int32_t agnostic;   /* 1: across classes, too */
    int32_t candidates; /* most boxes that enter suppression; 0: all */
    int32_t max_det;    /* most boxes of a picture */
};

#define YT_CONFIG_IOU     0.45f
#define YT_CONFIG_MAX_DET 300

struct yt_choice_model {
    const char *name; /* borrowed */
    int32_t h, w;     /* the size it was made for */
    int32_t stride;   /* inputs are multiples of it */
};

/** What a model's convolutions may compute with besides f32. */
struct yt_choice_precision {
    int32_t model;
    enum yt_precision precision;
    uint32_t mix;
    const char *detail; /* "52 of 60 convolutions in int8, ..."; borrowed; NULL:
                           the precision's word says all */
};

/** What there is to choose from. */
struct yt_choices {
    const struct yt_choice_model *models; /* the first is the baseline's */
    int32_t model_count;
    int32_t threads;         /* most to use at the same time */
    double aspect;           /* pictures' usual height / width; 1 if unknown */
    int32_t h, w;            /* input size that was asked for; 0: any */
    int32_t keep_boxes;      /* 1: accuracy cannot be measured, so nothing that
                                changes boxes is a choice */
    int32_t keep_exportable; /* 1: only what an exported library can do */
    const struct yt_choice_precision *precisions; /* by model */
    int32_t precision_count;
    int32_t precision_asked; /* 1: f32 is no choice, only the baseline */
};

#define YT_CONFIG_NAME_MAX 160

/** The first model as it was made: its size, default schedules, all threads on
 *  one picture. */
struct yt_config yt_config_baseline(const struct yt_choices *choices);

/** Where the search begins: the baseline in the precision that was asked for,
 *  where one was. */
struct yt_config yt_config_start(const struct yt_choices *choices);

/** Print the name, cut to fit. */
void yt_config_name(const struct yt_config *config,
                    const struct yt_choices *choices,
                    char name_out[YT_CONFIG_NAME_MAX]);

/** Read what follows the model's name in a configuration's name; the model is
 *  left at 0.
 *  @return YT_OK; YT_BAD_INPUT naming the part that is not understood. */
enum yt_status yt_config_parse(const char *name, struct yt_config *config_out);

/** What a configuration computes with besides f32; NULL: f32, or nothing that
 *  the model can choose. */
const struct yt_choice_precision *
yt_config_find_precision(const struct yt_config *config,
                         const struct yt_choices *choices);

/** Whether a mixture of settings can run at all: the stride divides the size,
 *  the model has the precision, and several passes over a picture are made by
 *  all threads. */
int yt_config_valid(const struct yt_config *config,
                    const struct yt_choices *choices);

int yt_config_same(const struct yt_config *a, const struct yt_config *b);

/** Whether both give the same boxes but for rounding. */
int yt_config_same_boxes(const struct yt_config *a, const struct yt_config *b);

#endif
