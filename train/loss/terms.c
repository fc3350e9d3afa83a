/* Terms of losses, derived by hand. */

#include "train/loss/terms.h"

#include <math.h>

#define FOCAL_ALPHA 0.25
#define CIOU_EPS    1e-7 /* keeps divisors off zero */

double yt_logistic(double logit)
{
    return 1 / (1 + exp(-logit));
}

/* log(1 + exp(x)), which neither overflows nor loses small values. */
static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

struct yt_term yt_cross_entropy(double logit, double aim, double positive)
{
    const double p = yt_logistic(logit);
    return (struct yt_term){
        .value =
            positive * aim * softplus(-logit) + (1 - aim) * softplus(logit),
        .slope = (1 - aim) * p - positive * aim * (1 - p),
    };
}

struct yt_term yt_focal(struct yt_term entropy, double logit, double aim,
                        double gamma)
{
    const double p = yt_logistic(logit), q = yt_logistic(-logit);
    const double wrong = aim * q + (1 - aim) * p;
    if (wrong <= 0)
        return (struct yt_term){0, 0};
    const double alpha = aim * FOCAL_ALPHA + (1 - aim) * (1 - FOCAL_ALPHA);
    const double factor = alpha * pow(wrong, gamma);
    const double factor_slope = factor * gamma / wrong * (1 - 2 * aim) * p * q;
    return (struct yt_term){
        .value = entropy.value * factor,
        .slope = entropy.slope * factor + entropy.value * factor_slope,
    };
}

/* 1 below, 0 above, half of each where the two are equal: what automatic
 * differentiation makes of a minimum. */
static double is_below(double a, double b)
{
    return a < b ? 1 : a > b ? 0 : 0.5;
}

/* Two intervals: what they share, what both lie in, and the derivatives of the
 * two by centre and size of the first. */
struct sides {
    double shared, span;
    double shared_by[2], span_by[2];
};

static struct sides compare_sides(double centre, double size, double aim_centre,
                                  double aim_size)
{
    const double low = centre - size / 2, high = centre + size / 2;
    const double aim_low = aim_centre - aim_size / 2;
    const double aim_high = aim_centre + aim_size / 2;
    const double shared = fmin(high, aim_high) - fmax(low, aim_low);
    const double high_inside = is_below(high, aim_high);
    const double low_inside = is_below(aim_low, low);
    struct sides sides = {
        .shared = fmax(shared, 0),
        .span = fmax(high, aim_high) - fmin(low, aim_low),
        .span_by = {low_inside - high_inside,
                    1 - (high_inside + low_inside) / 2},
    };
    if (shared >= 0) {
        sides.shared_by[0] = high_inside - low_inside;
        sides.shared_by[1] = (high_inside + low_inside) / 2;
    }
    return sides;
}

/* The squared difference of two boxes' angles, scaled to 0..1, with its
 * derivatives by width and height of the first. */
static double compare_shapes(const double box[YT_BOX_SIDES],
                             const double aim[YT_BOX_SIDES],
                             double gradient_out[2])
{
    const double w = box[YT_BOX_W], h = box[YT_BOX_H];
    const double scale = 4 / (M_PI * M_PI);
    const double turn = atan2(aim[YT_BOX_W], aim[YT_BOX_H]) - atan2(w, h);
    const double square = w * w + h * h;
    const double slope = square > 0 ? -2 * scale * turn / square : 0;
    gradient_out[0] = slope * h;
    gradient_out[1] = -slope * w;
    return scale * turn * turn;
}

double yt_ciou(const double box[YT_BOX_SIDES], const double aim[YT_BOX_SIDES],
               double gradient_out[YT_BOX_SIDES])
{
    const double w = box[YT_BOX_W], h = box[YT_BOX_H];
    const struct sides x =
        compare_sides(box[YT_BOX_X], w, aim[YT_BOX_X], aim[YT_BOX_W]);
    const struct sides y =
        compare_sides(box[YT_BOX_Y], h, aim[YT_BOX_Y], aim[YT_BOX_H]);
    const double dx = box[YT_BOX_X] - aim[YT_BOX_X];
    const double dy = box[YT_BOX_Y] - aim[YT_BOX_Y];
    const double inter = x.shared * y.shared;
    const double all = w * h + aim[YT_BOX_W] * aim[YT_BOX_H] - inter + CIOU_EPS;
    const double far = dx * dx + dy * dy;
    const double span = x.span * x.span + y.span * y.span + CIOU_EPS;
    const double iou = inter / all;
    double shape_by[2];
    const double shape = compare_shapes(box, aim, shape_by);
    const double alpha = shape / (shape - iou + 1 + CIOU_EPS);

    /* By x, y, w, h. */
    const double inter_by[] = {
        x.shared_by[0] * y.shared, y.shared_by[0] * x.shared,
        x.shared_by[1] * y.shared, y.shared_by[1] * x.shared};
    const double area_by[] = {0, 0, h, w};
    const double far_by[] = {2 * dx, 2 * dy, 0, 0};
    const double span_by[] = {
        2 * x.span * x.span_by[0], 2 * y.span * y.span_by[0],
        2 * x.span * x.span_by[1], 2 * y.span * y.span_by[1]};
    const double shapes_by[] = {0, 0, shape_by[0], shape_by[1]};
    for (int i = 0; i < YT_BOX_SIDES; i++)
        gradient_out[i] =
            (inter_by[i] - iou * (area_by[i] - inter_by[i])) / all -
            (far_by[i] - far / span * span_by[i]) / span - alpha * shapes_by[i];
    return iou - far / span - alpha * shape;
}
