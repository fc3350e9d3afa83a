#ifndef YT_LAB_H
#define YT_LAB_H

/* Where configurations are measured: models, pictures, the database and a
 * clock. A configuration asked for twice is measured once, now or in an earlier
 * run: what this host, toolchain, data set and name have a row for is taken
 * from there.
 *
 * There are three depths. A probe looks at few pictures and few frames and is
 * good for a rough order; the last depth is what recommendations are made of.
 *
 *      depth            pictures     frames timed for
 *      YT_DEPTH_PROBE   24           0.25 s
 *      YT_DEPTH_SAMPLE  72           0.5 s
 *      YT_DEPTH_FULL    all          1 s
 *
 * Accuracy is that of a product: the best class of a cell, its own suppression,
 * scores from 0.001. `yolotune eval` counts as YOLOv5's val.py does. */

#include "eval/dataset.h"
#include "eval/map.h"
#include "compress/precision/assign.h"
#include "strategies/choice/config.h"
#include "compress/precision/precision.h"
#include "strategies/choice/scenario.h"
#include "tuner/build/engine.h"

enum yt_depth { YT_DEPTH_PROBE, YT_DEPTH_SAMPLE, YT_DEPTH_FULL, YT_DEPTHS };

/** One configuration, measured. Plain data but for the borrowed map. */
struct yt_assessment {
    struct yt_config config;
    char name[YT_CONFIG_NAME_MAX];
    char precision[YT_PRECISION_MAX]; /* of its plan: with the quantisation's
                                         hash */
    enum yt_depth depth;
    struct yt_figures figures;
    double min_ns, median_ns, p95_ns; /* of a picture; p99 is in figures */
    int32_t frames;
    double map50, map75; /* NAN: unknown */
    int32_t images;      /* accuracy was measured on; 0: was not */
    double low, high;    /* of mAP minus the baseline's, 95 of 100 drawings;
                            NAN: unknown */
    int64_t evaluation, plan; /* rows; 0: none */
    int32_t fresh;            /* 1: measured in this run */
    double seconds;           /* measuring took; 0: in an earlier run */
};

struct yt_lab_options {
    struct yt_site_options site;
    struct yt_engine_options engine;
    const char *const *models; /* as yt_graph_read() takes them */
    int32_t model_count;
    const struct yt_dataset_options *data; /* NULL: accuracy stays unknown */
    const struct yt_image *image; /* to time frames with where there is no data
                                     set; borrowed */
    /* What convolutions may compute with, and which pictures to calibrate on;
     * .measured and .chooses are set. NULL: f32. What it points at has to
     * outlive the lab. */
    const struct yt_precision_wish *precision;
    int32_t keep_exportable;
    int32_t background_load; /* busy threads beside everything that is timed */
    const volatile int *stop;
};

struct yt_lab;

/** Open models and data set; nothing is compiled. Precisions whose calibration
 *  is stored are choices at once.
 *  @return YT_OK; YT_NOT_FOUND, YT_BAD_ARGUMENT or YT_UNSUPPORTED when the
 *          precision that was asked for cannot be had; what reading a model,
 *          the data set or the database returned. */
enum yt_status yt_lab_open(const struct yt_lab_options *options,
                           struct yt_lab **lab_out);

/** NULL is fine. */
void yt_lab_close(struct yt_lab *lab);

const struct yt_choices *yt_lab_choices(const struct yt_lab *lab);
const struct yt_site *yt_lab_site(const struct yt_lab *lab);
const struct yt_dataset *yt_lab_dataset(const struct yt_lab *lab); /* or NULL */

/** The models, unbuilt: graph and facts. */
const struct yt_engine *yt_lab_model(const struct yt_lab *lab, int32_t model);

/** What was found out about a model to make integers of it. */
struct yt_lab_calibration {
    struct yt_quantisation *ranges; /* NULL: it is not calibrated */
    int32_t images;
    double seconds; /* calibrating took in this run; 0: it was stored */
    struct yt_assignment assignment; /* layers measured in each type; count 0:
                                        they were not in this run */
    double assign_seconds;           /* that took */
};

/** Calibrate every model that is not yet, on pictures without labels; then its
 *  integers are choices, too. Nothing happens where integers are no choice.
 *  @return YT_OK; as yt_precision_calibrate(). */
enum yt_status yt_lab_calibrate(struct yt_lab *lab);

/** Find mixes of int8 and f32 for a calibrated model, by measuring its layers,
 *  and make some of them choices. What is known already is not measured again.
 *  @param progress NULL, or told how far it is.
 *  @return YT_OK, also when the budget would not do and nothing came of it;
 *          as yt_assign(). */
enum yt_status
yt_lab_mixes(struct yt_lab *lab, int32_t model, uint64_t budget_ns,
             void (*progress)(void *user, int32_t done, int32_t total),
             void *user);

#define YT_LAB_KEPT_MAX 256 /* room for the layers of every network */

/** A layer that a mix keeps out of int8, and why. */
struct yt_lab_kept {
    char layer[YT_LAYER_NAME_MAX];
    enum yt_dtype dtype; /* that it is kept in */
    double loss;         /* of int8 in this layer alone, see assign.h */
    double saved_ns;     /* that int8 would save there */
};

/** The layers that a configuration keeps out of int8, in order of execution; 0
 *  when they were not measured in this run.
 *  @return how many, at most @p cap. */
int32_t yt_lab_kept(const struct yt_lab *lab, const struct yt_config *config,
                    struct yt_lab_kept *out, int32_t cap);

const struct yt_lab_calibration *yt_lab_calibration(const struct yt_lab *lab,
                                                    int32_t model);
const struct yt_dataset *yt_lab_calib(const struct yt_lab *lab); /* or NULL */
const struct yt_precision_wish *
yt_lab_wish(const struct yt_lab *lab); /* same */

/** Why integers are no choice, in a sentence; "": they are, or were not
 *  wanted. */
const char *yt_lab_precision_note(const struct yt_lab *lab);

/** Make sure that a row's configuration can be opened as it was measured: what
 *  it computes with is read from its plan where it is not known.
 *  @return YT_OK; YT_NOT_FOUND, YT_BAD_INPUT or YT_STALE when the plan does not
 *          say. */
enum yt_status yt_lab_restore(struct yt_lab *lab,
                              const struct yt_assessment *trial);

/** The key under which plans of a configuration's network are stored.
 *  @return YT_OK; YT_NOT_FOUND when it is not known what it computes with.
 *  @param[out] name_out keeps the key's precision. */
enum yt_status yt_lab_plan_key(const struct yt_lab *lab,
                               const struct yt_config *config,
                               char name_out[YT_PRECISION_MAX],
                               struct yt_db_plan_key *key_out);

/** Pictures that a depth looks at; 0 without a data set. */
int32_t yt_lab_images(const struct yt_lab *lab, enum yt_depth depth);

/** Whether a depth looks at no fewer pictures than the last one. */
int yt_lab_is_full(const struct yt_lab *lab, enum yt_depth depth);

/** Rows that are known, of this run and of earlier ones here, oldest first. */
int32_t yt_lab_row_count(const struct yt_lab *lab);

/** What row @p index is of.
 *  @return YT_OK; YT_BAD_INPUT when its name is not understood. */
enum yt_status yt_lab_row_config(const struct yt_lab *lab, int32_t index,
                                 struct yt_config *config_out);

/** Look a configuration up.
 *  @return YT_OK; YT_NOT_FOUND. */
enum yt_status yt_lab_find(struct yt_lab *lab, const struct yt_config *config,
                           enum yt_depth depth,
                           struct yt_assessment *trial_out);

/** Look a configuration up, else measure and store it.
 *
 * @param base NULL, or the baseline's trial at the same depth, for the interval
 *             of the difference.
 * @return YT_OK; YT_INTERRUPTED; YT_NO_MEMORY; what compiling, running or the
 *         database returned.
 */
enum yt_status yt_lab_measure(struct yt_lab *lab,
                              const struct yt_config *config,
                              enum yt_depth depth,
                              const struct yt_assessment *base,
                              struct yt_assessment *trial_out);

/** Time configurations in turn, round after round, so that drift hits all
 *  alike, and store what came out as new rows.
 *  @param trials [count] measured before; speeds are replaced.
 *  @return YT_OK, also when stopped early: then speeds stay as they were. */
enum yt_status yt_lab_time_in_turn(struct yt_lab *lab,
                                   struct yt_assessment *trials, int32_t count,
                                   uint64_t budget_ns);

/** The engine of a configuration's network, for tuning; borrowed. Afterwards
 *  call yt_lab_forget() so that its plan is read again. */
enum yt_status yt_lab_engine(struct yt_lab *lab, const struct yt_config *config,
                             struct yt_engine **engine_out);
void yt_lab_forget(struct yt_lab *lab, const struct yt_config *config);

#define YT_LAB_NETWORKS 3 /* most that a configuration runs */

/** The networks that a configuration runs one after the other, each as itself
 *  at that network's size; the first is its own.
 *  @return how many, 1..YT_LAB_NETWORKS. */
int32_t yt_lab_networks(const struct yt_lab *lab,
                        const struct yt_config *config,
                        struct yt_config networks_out[YT_LAB_NETWORKS]);

/** Whether a tuned plan is stored for a configuration's network. */
int yt_lab_is_tuned(struct yt_lab *lab, const struct yt_config *config);

int32_t yt_lab_background(const struct yt_lab *lab);

/** The picture that tuning times frames with. */
const struct yt_image *yt_lab_image(const struct yt_lab *lab);

/** Pictures of the data set, or that one alone.
 *  @return how many. */
int32_t yt_lab_pictures(const struct yt_lab *lab,
                        const struct yt_image **images_out);

/** A trial from its row, for what an earlier run recommended.
 *  @return YT_OK; YT_NOT_FOUND when the row is not of this host, toolchain and
 *          these models. */
enum yt_status yt_lab_assessment_of(struct yt_lab *lab, int64_t evaluation,
                                    struct yt_assessment *trial_out);

#endif
