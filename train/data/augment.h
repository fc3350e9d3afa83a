#ifndef YT_AUGMENT_PICTURES_H
#define YT_AUGMENT_PICTURES_H

/* How pictures are changed before a network learns from them. */

/** What is 0 is not done. yt_augmentation() has the defaults of YOLOv5's
 *  hyp.scratch-low.yaml. */
struct yt_augmentation {
    double hue, saturation, value; /* most change, as shares, up to 1 */
    double degrees;                /* most turn to either side */
    double translate;              /* most move, as a share of the input */
    double scale;   /* most change of size, as a share, below 1 */
    double shear;   /* degrees, either side and direction */
    double flip_lr; /* probability */
    double flip_ud;
    double mosaic; /* probability of four pictures in one */
};

struct yt_augmentation yt_augmentation(void);

#endif
