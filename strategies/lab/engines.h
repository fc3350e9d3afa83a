#ifndef YT_ENGINES_H
#define YT_ENGINES_H

/* Networks that were built stay open for a while: configurations that share
 * one come one after the other. All are on one site, so that a kernel that two
 * of them run is compiled once; graphs are read once, by whoever owns them. */

#include "strategies/choice/config.h"
#include "tuner/build/engine.h"

#define YT_ENGINES_MAX 12

/** What configurations that are not f32 mean, once it is known: else a plan
 *  that is stored has to say it. */
struct yt_quantisations {
    struct yt_quantisation_row {
        int32_t model; /* as in the configuration */
        enum yt_precision precision;
        uint32_t mix;
        struct yt_quantisation *quantisation; /* owned */
        char name[YT_PRECISION_MAX];          /* that plans are stored under */
    } *rows;
    int32_t count, cap;
};

/** Keep a quantisation, and name it in a configuration of its model. One that
 *  a configuration of the same name had goes.
 *
 * @param q  taken, also on failure.
 * @param[in,out] config_io  its model says whose; precision and mix are set.
 * @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_quantisations_add(struct yt_quantisations *all,
                                    const struct yt_graph *graph,
                                    struct yt_quantisation *q,
                                    struct yt_config *config_io);

/** Borrowed until the next one is added; NULL for f32 or what is not known. */
const struct yt_quantisation *
yt_quantisations_find(const struct yt_quantisations *all,
                      const struct yt_config *config);

/** What plans of a configuration's network are stored under: "f32",
 *  "int8-HASH"; NULL for what is not known. Borrowed likewise. */
const char *yt_quantisations_name(const struct yt_quantisations *all,
                                  const struct yt_config *config);

/** All zero is fine. */
void yt_quantisations_deinit(struct yt_quantisations *all);

struct yt_engines {
    const struct yt_site *site;       /* borrowed, as are the graphs */
    struct yt_graph *const *graphs;   /* by a configuration's model */
    struct yt_engine_options options; /* of all; h, w, threads... replaced */
    struct yt_quantisations quantisations; /* that engines are opened with */
    struct {
        struct yt_engine *engine;
        int32_t model, h, w, threads, tuned, bands;
        enum yt_precision precision;
        uint32_t mix;
        uint64_t used; /* when, in calls */
    } slots[YT_ENGINES_MAX];
    uint64_t calls;
};

/** The engine of a configuration's network at @p h x @p w, opened when it is
 *  not; the one unused for longest goes when there is no room.
 *  @param[out] engine_out borrowed; valid until YT_ENGINES_MAX - 1 others were
 *                         asked for.
 *  @return YT_OK; what yt_engine_open() returned; YT_NOT_FOUND when tuned
 *          kernels are wanted and no plan is stored, or when neither
 *          quantisations nor a stored plan say what a precision means. */
enum yt_status yt_engines_get(struct yt_engines *engines,
                              const struct yt_config *config, int32_t h,
                              int32_t w, struct yt_engine **engine_out);

/** Close the engines of a configuration's network, in bands and not. */
void yt_engines_forget(struct yt_engines *engines,
                       const struct yt_config *config);

void yt_engines_close(struct yt_engines *engines);

#endif
