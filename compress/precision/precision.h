#ifndef YT_PRECISION_H
#define YT_PRECISION_H

/* From a wish, "int8, but these layers in f32", to the quantisation that an
 * engine is opened with. What pictures are needed for is done once:
 * calibrations are kept in the database, for each model, size, settings and set
 * of pictures.
 */

#include "eval/dataset.h"
#include "compress/quant/quantisation.h"
#include "tuner/build/engine.h"

struct yt_precision_wish {
    const char *precision; /* "auto", "fp32", "bf16", "int16" or "int8"; NULL:
                              auto */
    const char *keep_fp32; /* layers, apart by commas, see yt_keep_fp32(); NULL:
                              none */
    const char *calib;     /* a folder or a list of pictures, or a data set, of
                              which the train split is meant if it has one;
                              NULL: default_calib */
    const char *default_calib; /* a data set whose train split is taken; NULL:
                                  there is none */
    const char *method; /* "auto", "minmax", "percentile", "mse", "kl"; NULL:
                           auto */
    int32_t images;     /* most; 0: YT_CALIBRATE_IMAGES */
    int32_t learn_rounding; /* 1: of int8's weights, see yt_calibrate_options */
    int32_t chooses; /* 1: of auto all precisions are tried, not what a stored
                        plan says, so that auto may need pictures, too */
    const struct yt_dataset *measured; /* pictures that are none to calibrate
                                          on; NULL: nothing is measured */
    const volatile int *stop;          /* NULL, or end early */
    /* NULL, or told what calibration does, as "pictures". */
    void (*progress)(void *user, const char *what, int32_t done, int32_t total);
    void *user;
};

/** What came of it. */
struct yt_precision_found {
    struct yt_quantisation *quantisation; /* owned; NULL: f32, or whatever the
                                             preferred plan says */
    int32_t images;   /* calibrated on just now; 0: nothing was */
    double seconds;   /* that took */
    char source[256]; /* where these pictures are */
};

/** Whether the precision is left open: no word, or "auto". */
int yt_precision_is_auto(const struct yt_precision_wish *wish);

/** Whether the wish's word is that of a precision. */
int yt_precision_is_asked(const struct yt_precision_wish *wish,
                          enum yt_precision precision);

/** Whether a wish can be understood at all, before anything is opened.
 *  @return YT_OK; YT_BAD_ARGUMENT naming the option that is off. */
enum yt_status yt_precision_check(const struct yt_precision_wish *wish);

/** Whether a wish may have to be calibrated on pictures, which a site that
 *  writes keeps for the next time. */
int yt_precision_calibrates(const struct yt_precision_wish *wish);

/** Find or make the quantisation of a graph, for a site.
 *
 * @param engine  the size and threads; its quantisation and preferred are set
 *                from what came of it.
 * @param[out] found_out the caller's: yt_precision_deinit(); engine borrows
 *                       from it.
 * @return YT_OK; YT_NOT_FOUND when pictures are needed and none are there;
 *         YT_BAD_ARGUMENT when some of them are to be measured, or for a layer
 *         that is not the model's; YT_UNSUPPORTED when the instruction set
 *         lacks the arithmetic; YT_INTERRUPTED; what lowering, opening the
 *         pictures or the database returned.
 */
enum yt_status yt_precision_find_quantisation(
    const struct yt_site *site, const struct yt_graph *graph,
    struct yt_engine_options *engine, const struct yt_precision_wish *wish,
    struct yt_precision_found *found_out);

/** The pictures that a wish is calibrated on, at most as many as it wants.
 *  @param[out] pictures_out the caller's: yt_dataset_close().
 *  @return YT_OK; YT_NOT_FOUND when there are none; YT_BAD_ARGUMENT when some
 *          are to be measured; what opening them returned. */
enum yt_status yt_precision_pictures(const struct yt_precision_wish *wish,
                                     struct yt_dataset **pictures_out);

/** The ranges of an open model on these pictures: stored ones, or measured now,
 *  at the engine's size, and stored.
 *
 * @param engine     only its graph, size, instruction set and database are
 *                   used.
 * @param only_stored 1: measure nothing.
 * @param[out] found_out the caller's: yt_precision_deinit(). Its types are all
 *                       f32.
 * @return YT_OK; YT_NOT_FOUND with only_stored; as yt_calibrate(). */
enum yt_status yt_precision_calibrate(struct yt_engine *engine,
                                      const struct yt_precision_wish *wish,
                                      const struct yt_dataset *pictures,
                                      int32_t only_stored,
                                      struct yt_precision_found *found_out);

void yt_precision_deinit(struct yt_precision_found *found);

/** Give the layers of a list back their f32.
 *
 * @param layers  names apart by commas, as `analyze` prints them, or the
 *                beginning of some: "model.24" is all of it, "model.9.cv2" one,
 *                "model.2.cv1+cv2" two that run as one.
 * @return YT_OK; YT_BAD_ARGUMENT naming the one that is no convolution's.
 */
enum yt_status yt_keep_fp32(struct yt_quantisation *q,
                            const struct yt_graph *graph, const char *layers);

#endif
