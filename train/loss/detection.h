#ifndef YT_TRAIN_DETECTION_H
#define YT_TRAIN_DETECTION_H

/* YOLOv5's own loss, as YOLOv5 v7.0 computes it (utils/loss.py, ComputeLoss):
 * anchors matched by the ratio of sides, each object given to its cell and the
 * two nearest ones; CIoU for boxes, binary cross entropy for objectness (whose
 * aim is the box's overlap) and classes. */

#include <stdint.h>

#include "model/graph.h"
#include "yolotune/status.h"

/** An object of a picture of a batch; its box is in shares of the input, 0..1:
 *  centre and size. */
struct yt_label {
    int32_t image; /* of the batch */
    int32_t class_id;
    float x, y, w, h;
};

/** Weights of the parts; yt_detection_gains() has YOLOv5's. */
struct yt_detection_gains {
    double box, objectness, classes;
    double class_positive, objectness_positive; /* of the cross entropies */
    double label_smoothing;
    double anchor_ratio;           /* most between sides of box and anchor */
    double focal_gamma;            /* of both entropies; 0: no focal loss */
    double balance[YT_LEVELS_MAX]; /* of objectness, by level */
};

/** Those of hyp.scratch-low.yaml, scaled as train.py does it for the number of
 *  levels and classes and the size of the input. */
struct yt_detection_gains yt_detection_gains(const struct yt_graph *graph,
                                             int32_t h, int32_t w);

struct yt_detection_loss {
    double box, objectness, classes; /* weighted means over the batch */
    double total; /* their sum times the batch, what gradients are of */
};

/** Loss and gradient of a batch.
 *
 * @param heads    one [batch][na*(5+nc)][h/stride][w/stride] for each head of
 *                 the graph, raw.
 * @param targets  [count], classes below the graph's nc.
 * @param gradients likewise; replaced.
 * @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_detection_loss(const struct yt_graph *graph, int32_t batch,
                                 int32_t h, int32_t w,
                                 const float *const *heads,
                                 const struct yt_label *targets, int32_t count,
                                 const struct yt_detection_gains *gains,
                                 float *const *gradients,
                                 struct yt_detection_loss *loss_out);

#endif
