#ifndef YT_TRAIN_TERMS_H
#define YT_TRAIN_TERMS_H

/* What losses are sums of, each with its derivative, in double: a batch has
 * hundreds of thousands of terms, and gradients are checked against differences
 * of sums. */

/** A term and its derivative by the logit that it was made from. */
struct yt_term {
    double value, slope;
};

/** 1 / (1 + exp(-logit)). */
double yt_logistic(double logit);

/** Binary cross entropy of a logit with @p aim, 0..1.
 *  @param positive weight of what counts towards 1. */
struct yt_term yt_cross_entropy(double logit, double aim, double positive);

/** A cross entropy less where the logit is right already (Lin et al., Focal
 *  Loss for Dense Object Detection, with alpha 0.25), as YOLOv5 has it.
 *  @param gamma > 0. */
struct yt_term yt_focal(struct yt_term entropy, double logit, double aim,
                        double gamma);

enum { YT_BOX_X, YT_BOX_Y, YT_BOX_W, YT_BOX_H, YT_BOX_SIDES };

/** How well two boxes agree, at most 1: their intersection over union, less the
 *  distance of centres and the difference of shapes (Zheng et al., Enhancing
 *  Geometric Factors: CIoU). The weight of the shapes counts as a constant in
 *  the gradient, as YOLOv5 does it.
 *
 * @param box          centre and size, in any unit.
 * @param aim          likewise.
 * @param gradient_out by the four of @p box. */
double yt_ciou(const double box[YT_BOX_SIDES], const double aim[YT_BOX_SIDES],
               double gradient_out[YT_BOX_SIDES]);

#endif
