#ifndef YT_MEASURED_H
#define YT_MEASURED_H

/* What the database knows of a network's layers on this machine, set against
 * the machine's measured peak and bandwidth. */

#include "model/analyze.h"
#include "tuner/build/engine.h"

struct yt_measured_layer {
    double ns;            /* median inside the running network; NAN: none */
    double frame_share;   /* of all layers, pre- and postprocessing; 0..1 */
    double gflops;        /* run_flops / ns */
    double peak_share;    /* of the peak of its arithmetic, 0..1; above where
                             the algorithm multiplies less */
    double product_share; /* the same of what the schedule multiplies */
    char schedule[YT_SCHEDULE_NAME_MAX]; /* that was timed */
    int32_t memory_bound; /* 1: at this intensity bandwidth would end before
                             arithmetic does */
};

struct yt_measured {
    struct yt_measured_layer *layers; /* [layer_count], as in the analysis */
    int32_t *by_time;                 /* [layer_count] indexes, slowest first */
    int32_t layer_count;
    int32_t threads;              /* that the layers were timed on */
    double peaks[YT_DTYPE_COUNT]; /* GFLOP/s of that many threads; 0: no
                                     layer computes so */
    double bandwidth_gbs;         /* of that many threads */
    double conv_peak_share;       /* time at their peaks / time, of all
                                     convolutions */
    double layers_ns;             /* sum over the layers */
    double pre_ns, network_ns, post_ns, frame_ns; /* medians of the newest
                                                     evaluation; NAN: none */
};

/** Read the stored plan's layer times and put them beside @p analysis.
 *
 * @param engine   open, with a database.
 * @param analysis of the engine's network.
 * @return YT_OK; YT_NOT_FOUND when the network was not tuned here; YT_STALE
 *         when the stored plan is for other layers; as yt_peak_get().
 */
enum yt_status yt_measured_read(const struct yt_engine *engine,
                                const struct yt_analysis *analysis,
                                struct yt_measured **measured_out);

/** NULL is fine. */
void yt_measured_destroy(struct yt_measured *measured);

#endif
