#ifndef YT_TRAIN_DISTILL_H
#define YT_TRAIN_DISTILL_H

/* A student made to say what a teacher says, without labels: on the heads, and
 * on maps between. */

#include <stdint.h>

#include "model/graph.h"
#include "yolotune/status.h"

/** Weights of the parts, as multiples of those in YOLOv5's own loss
 *  (yt_detection_gains()), so that the two are of one size;
 *  yt_distill_gains() has the defaults. */
struct yt_distill_gains {
    double objectness, classes, box;
};

struct yt_distill_gains yt_distill_gains(void);

/** Loss and gradient of the heads of a batch: cross entropy of objectness with
 *  the teacher's for every cell; of classes with the teacher's and 1 - CIoU of
 *  the boxes, means over the cells where the teacher sees something, weighted
 *  with its objectness. Of the cross entropies the teacher's own is taken off,
 *  so that a loss of 0 is a student that says the same.
 *
 * @param student   one [batch][na*(5+nc)][h/stride][w/stride] for each head,
 *                  raw; both graphs have the same na, nc, strides and anchors:
 *                  yt_distill_check().
 * @param teacher   likewise.
 * @param gradients likewise; replaced.
 * @param[out] loss_out of which gradients are: a mean over pictures times
 *                 their number, as in YOLOv5's loss.
 * @return YT_OK. */
enum yt_status yt_distill_heads(const struct yt_graph *graph, int32_t batch,
                                int32_t h, int32_t w,
                                const float *const *student,
                                const float *const *teacher,
                                const struct yt_distill_gains *gains,
                                float *const *gradients, double *loss_out);

/** Whether one can teach the other.
 *  @return YT_OK; YT_BAD_ARGUMENT saying what differs: classes, their names,
 *          anchors, strides. */
enum yt_status yt_distill_check(const struct yt_graph *student,
                                const struct yt_graph *teacher);

/** The mean squared difference of two maps of the same shape, divided by the
 *  mean square of the teacher's. One of nothing but zeros teaches nothing.
 *  @param count values of each.
 *  @param gradient [count]; replaced. */
void yt_distill_map(const float *student, const float *teacher, int64_t count,
                    double gain, float *gradient, double *loss_out);

#endif
