/* See train/data/augment.h. */

#include "train/data/augment.h"

struct yt_augmentation yt_augmentation(void)
{
    return (struct yt_augmentation){
        .hue = 0.015,
        .saturation = 0.7,
        .value = 0.4,
        .translate = 0.1,
        .scale = 0.5,
        .flip_lr = 0.5,
        .mosaic = 1,
    };
}
