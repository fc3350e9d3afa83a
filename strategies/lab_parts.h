#ifndef YT_LAB_PARTS_H
#define YT_LAB_PARTS_H

/* What lab.c and lab_measure.c share. */

#include <stdio.h>

#include "eval/image.h"
#include "strategies/engines.h"
#include "strategies/lab.h"
#include "strategies/strategy.h"

#define YT_LAB_PICTURES 16

/** A row of evaluation: its texts are copies here and NULL in e. */
struct yt_lab_row {
    struct yt_db_evaluation e;
    int32_t model, h, w;
    char name[YT_CONFIG_NAME_MAX];
    char hash[33];  /* of data set and settings */
    double seconds; /* measuring took in this run; 0: it was there before */
};

struct yt_lab {
    struct yt_choices choices;
    struct yt_choice_model *models; /* [model_count] */
    struct yt_engine **facts;       /* [model_count], unbuilt */
    struct yt_engines engines;
    struct yt_dataset *data[YT_DEPTHS];  /* NULL where the full one serves */
    struct yt_map *base_maps[YT_DEPTHS]; /* the baseline's boxes, matched; NULL
                                            until they are wanted */
    struct yt_picture pictures[YT_LAB_PICTURES];
    struct yt_image images[YT_LAB_PICTURES]; /* of the pictures */
    int32_t image_count;
    struct yt_lab_row *rows; /* oldest first */
    int32_t row_count, row_cap;
    int32_t background_load;
    const volatile int *stop;
};

/** The data set that a depth looks at, or NULL. */
struct yt_dataset *yt_lab_data(const struct yt_lab *lab, enum yt_depth depth);

/** Remember a row, its texts copied. */
enum yt_status yt_lab_add_row(struct yt_lab *lab,
                              const struct yt_db_evaluation *e, int32_t model,
                              int32_t h, int32_t w);

/** Identify (data set, settings) of a configuration's boxes. */
void yt_lab_accuracy_hash(const struct yt_lab *lab,
                          const struct yt_config *config, enum yt_depth depth,
                          char hash_out[33]);

#endif
