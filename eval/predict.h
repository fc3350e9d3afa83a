#ifndef YT_PREDICT_H
#define YT_PREDICT_H

/* A model over a data set: every picture is read, resized, run and decoded as a
 * product does it, one picture a core at a time. With several passes a picture
 * is searched by each of them, as runtime/augment.h does it. */

#include "eval/results.h"
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

/** The options with their defaults filled in. */
struct yt_predict_options
yt_predict_resolve(const struct yt_predict_options *options);

/** Find the objects of every picture that is not left out. Pictures that cannot
 *  be read are then left out, with a problem each, and sizes are set.
 *
 * @param bundle   borrowed; each worker opens it with one thread. A second pass
 *                 over the mirror image follows with options.flip.
 * @param options  without augment.
 * @param[out] results_out sorted; the caller's to deinit.
 * @return YT_OK; YT_INTERRUPTED; YT_BAD_INPUT when no picture could be read;
 *         what opening the bundle returned; YT_NO_MEMORY.
 */
enum yt_status yt_predict(const struct yt_bundle *bundle,
                          struct yt_dataset *dataset,
                          const struct yt_predict_options *options,
                          struct yt_results *results_out);

/** The same with passes.
 *
 * @param passes   [count], 1..YT_AUGMENT_PASSES_MAX, with the same number of
 *                 classes.
 * @param options  flip and augment say what the passes are, for
 *                 yt_accuracy_hash(), and do nothing here.
 * @return as yt_predict(); YT_BAD_ARGUMENT for passes that break a rule.
 */
enum yt_status yt_predict_passes(const struct yt_predict_pass *passes,
                                 int32_t count, struct yt_dataset *dataset,
                                 const struct yt_predict_options *options,
                                 struct yt_results *results_out);

/** Only set the sizes of pictures, for results that others computed. */
enum yt_status yt_predict_sizes(struct yt_dataset *dataset);

#endif
