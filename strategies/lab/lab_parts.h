#ifndef YT_LAB_PARTS_H
#define YT_LAB_PARTS_H

/* What the files of the laboratory share. */

#include <stdio.h>

#include "eval/image.h"
#include "strategies/lab/engines.h"
#include "strategies/lab/lab.h"
#include "strategies/choice/strategy.h"
#include "tuner/build/numerics.h"

#define YT_LAB_PICTURES 16

/** A row of evaluation: its texts are copies here and NULL in e. */
struct yt_lab_row {
    struct yt_db_evaluation e;
    int32_t model, h, w;
    char name[YT_CONFIG_NAME_MAX];
    char precision[YT_PRECISION_MAX]; /* of its plan */
    char hash[33];                    /* of data set and settings */
    char numerics[YT_NUMERICS_MAX];   /* of the networks that ran */
    double seconds; /* measuring took in this run; 0: it was there before */
};

struct yt_lab {
    struct yt_choices choices;
    struct yt_choice_model *models; /* [model_count] */
    struct yt_site *site;           /* of all engines */
    struct yt_graph **graphs;       /* [model_count] */
    struct yt_engine **facts;       /* [model_count], unbuilt */
    struct yt_engines engines;
    struct yt_precision_wish wish; /* of precisions; meant if has_wish */
    int32_t has_wish;
    struct yt_dataset *calib;                /* to calibrate on; NULL: none */
    struct yt_lab_calibration *calibrations; /* [model_count] */
    struct yt_choice_precision *precisions;  /* choices'; details are owned */
    char precision_note[400];
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
                              const struct yt_db_evaluation *e,
                              const char *precision, int32_t model, int32_t h,
                              int32_t w);

/** lab_precision.c: what models may compute with, as far as it is stored. */
enum yt_status yt_lab_open_precisions(struct yt_lab *lab,
                                      const struct yt_precision_wish *wish);
void yt_lab_close_precisions(struct yt_lab *lab);

/** What a stored plan computes with.
 *  @param[out] q_out the caller's.
 *  @return YT_OK; YT_NOT_FOUND, YT_BAD_INPUT or YT_STALE when it does not say.
 */
enum yt_status yt_lab_plan_quantisation(const struct yt_lab *lab, int32_t model,
                                        int64_t plan,
                                        struct yt_quantisation **q_out);

/** lab_mixes.c: mixes that rows were measured of become choices. */
enum yt_status yt_lab_restore_mixes(struct yt_lab *lab);

/** Keep a quantisation of a model as a choice.
 *  @param q taken, also on failure.
 *  @param[out] config_out the baseline of that model that computes so. */
enum yt_status yt_lab_add_quantisation(struct yt_lab *lab, int32_t model,
                                       struct yt_quantisation *q,
                                       struct yt_config *config_out);

/** What rows of a configuration are stored under: its network's precision.
 *  @return 0 when that is not known. */
int yt_lab_precision_of(const struct yt_lab *lab,
                        const struct yt_config *config,
                        char name_out[YT_PRECISION_MAX]);

/** Identify (data set, settings) of a configuration's boxes. */
void yt_lab_accuracy_hash(const struct yt_lab *lab,
                          const struct yt_config *config, enum yt_depth depth,
                          char hash_out[33]);

#endif
