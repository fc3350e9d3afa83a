#ifndef YT_CALIBRATE_H
#define YT_CALIBRATE_H

/* Measuring what a quantisation needs: a model runs in f32 over some pictures,
 * and every tensor between convolutions is observed. Labels are not looked at.
 *
 * What was not on the pictures is not in the ranges: values beyond are cut off
 * when integers run. A single picture, or black ones, give ranges that fit no
 * other; a hundred like those to come are enough. */

#include "eval/dataset.h"
#include "compress/quant/observe.h"
#include "compress/quant/quantisation.h"
#include "runtime/isa.h"
#include "tuner/build/kernels.h"

#define YT_CALIBRATE_IMAGES 128

/** What is being done, for progress. */
enum yt_calibrate_phase {
    YT_CALIBRATE_COMPILE, /* 0 of 1 */
    YT_CALIBRATE_OBSERVE, /* pictures */
    YT_CALIBRATE_COLLECT, /* pictures, inputs of the convolutions to round */
    YT_CALIBRATE_ROUND,   /* convolutions rounded */
    YT_CALIBRATE_PHASES
};

struct yt_calibrate_options {
    struct yt_range_options range; /* .act_least is not used */
    int32_t images_max;            /* 0: YT_CALIBRATE_IMAGES */
    int32_t bias_correction;       /* kept in the result */
    int32_t learn_rounding; /* 1: round u8s8 weights so that outputs stay, for
                               instruction sets with this one's weight_max;
                               takes seconds for n, minutes for x */
    struct yt_kernels *kernels; /* to share, borrowed; NULL: its own */
    const volatile int *stop;   /* NULL, or ends the work when set */
    void (*progress)(void *user, enum yt_calibrate_phase phase, int32_t done,
                     int32_t total); /* or NULL */
    void *user;
};

/** Observe a graph on at most images_max pictures of a data set, which are
 *  always the same, evenly spread. Pictures that cannot be read do not count.
 *
 * @param h        rows, and w columns, of the network's input, which ranges are
 *                 meant for.
 * @param dataset  borrowed; nothing in it changes.
 * @param options  NULL: all defaults.
 * @param[out] q_out ranges and means of all nodes, types all F32, rounding
 * where asked for; the caller's.
 * @return YT_OK; YT_INTERRUPTED; YT_BAD_INPUT when no picture could be read or
 *         a layer's values are not finite; as yt_build_create() and
 *         yt_build_make(); YT_NO_MEMORY.
 */
enum yt_status yt_calibrate(const struct yt_graph *graph,
                            const struct yt_isa *isa, int32_t h, int32_t w,
                            int32_t threads, const struct yt_dataset *dataset,
                            const struct yt_calibrate_options *options,
                            struct yt_quantisation **q_out);

#endif
