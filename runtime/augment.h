#ifndef YT_AUGMENT_H
#define YT_AUGMENT_H

/* Test-time augmentation: an image is searched several times, at other sizes
 * and mirrored, and the candidates of all passes go through one NMS. A pass is
 * a model, so a size is a model of its own, opened from a bundle of that size;
 * passes run one after the other.
 *
 * Candidates are merged in the pixels of the first pass's input: thresholds and
 * roundings are then those of a frame without augmentation. */

#include "yolotune/runtime.h"

#define YT_AUGMENT_PASSES_MAX 8

struct yt_augment_pass {
    struct yt_model *model; /* borrowed */
    int32_t flip;           /* 1: the mirror image; the first pass: 0 */
};

struct yt_augment {
    struct yt_augment_pass passes[YT_AUGMENT_PASSES_MAX];
    int32_t count; /* 1..YT_AUGMENT_PASSES_MAX */
};

/** What YOLOv5's --augment does, a row per pass; the first is the image as it
 *  is. */
#define YT_AUGMENT_SCALES 3

struct yt_augment_scale {
    double scale; /* of the network's input, 0..1 */
    int32_t flip;
};

extern const struct yt_augment_scale yt_augment_scales[YT_AUGMENT_SCALES];

/** A side of a pass's input: size * scale, rounded up to the stride. */
int32_t yt_augment_side(int32_t size, double scale, int32_t stride);

/** The passes that yt_detect_options.flip stands for. */
struct yt_augment yt_augment_flip(struct yt_model *model);

/** What one yt_augment_detect() needs. The tensors of the passes share it. */
size_t yt_augment_workspace_bytes(const struct yt_augment *augment);

/** yt_model_detect() over all passes.
 *
 * @param augment  borrowed; models of the same number of classes.
 * @param options  as there, but for flip, which is 0.
 * @param[out] times_out as there, summed over the passes.
 * @return as there; YT_BAD_ARGUMENT also for passes that break a rule.
 */
enum yt_status yt_augment_detect(const struct yt_augment *augment,
                                 const struct yt_image *image,
                                 const struct yt_detect_options *options,
                                 void *workspace, size_t workspace_bytes,
                                 struct yt_box *boxes, size_t boxes_cap,
                                 size_t *count_out,
                                 struct yt_frame_times *times_out);

/** The same without a check.
 *
 * @param options  resolved.
 * @return boxes written.
 */
size_t yt_augment_run(const struct yt_augment *augment,
                      const struct yt_image *image,
                      const struct yt_detect_options *options, void *workspace,
                      struct yt_box *boxes, size_t boxes_cap,
                      struct yt_frame_times *times_out);

#endif
