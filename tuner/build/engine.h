#ifndef YT_ENGINE_H
#define YT_ENGINE_H

/* A graph that runs on a site, as the site's database says: the best plan that
 * is stored for it is taken, the network is built with that and opened. No
 * LLVM, no SQLite in this header. */

#include "tuner/build/plan_text.h"
#include "tuner/build/site.h"
#include "yolotune/runtime.h"

struct yt_engine_options {
    int32_t h, w;        /* 0: the graph's own size */
    int32_t threads;     /* 0: the CPUs this process may use */
    int32_t untuned;     /* 1: default schedules even if a plan is stored */
    int32_t pin;         /* 1: pin the model's threads */
    int32_t unbuilt;     /* 1: only look things up: nothing is compiled and
                            there is no model to run */
    int32_t dense_heads; /* 1: compute detection heads whole, as other engines
                            do; the boxes are the same */
    int32_t bands;       /* 1: run layers in bands where that takes less memory
                            (model/net.h); plans are those without */
    /* Which arithmetic each convolution uses, of this very model; borrowed for
     * the call; NULL: f32 everywhere. */
    const struct yt_quantisation *quantisation;
    /* Without a quantisation, that of the stored plan to run: the recommended
     * one of those whose precision begins so, "" for any; see
     * yt_db_plan_preferred(). Borrowed; NULL: f32. */
    const char *preferred;
};

/** What a precision ends in where detection heads are computed whole. */
#define YT_PRECISION_DENSE "-dense-heads"

#define YT_NOTE_MAX 512

struct yt_engine {
    const struct yt_site *site;   /* borrowed */
    const struct yt_graph *graph; /* borrowed */
    struct yt_build *build;       /* owned; built unless .unbuilt */
    struct yt_model *model;       /* owned; NULL if .unbuilt */
    int32_t threads;              /* asked for; the plan may use fewer */
    int32_t dense_heads;
    int64_t model_id; /* row of the graph in the database; 0: none */
    char precision[YT_PRECISION_MAX]; /* "f32", "f32-dense-heads", "int8-HASH":
                                         keeps plans apart in the database */
    int32_t tuned;                    /* 1: schedules came from a stored plan */
    int64_t plan_id;                  /* row of that plan; 0: none */
    int64_t plan_ms;                  /* when it was stored, since 1970 */
    int64_t plan_limit_bytes;    /* that it was made to fit, as in yt_db_plan */
    char plan_note[YT_NOTE_MAX]; /* why the stored plan is not used; "": it is,
                                    or there is none */
};

/** Build and open @p graph; site and graph outlive the engine.
 *  @return YT_OK; what lowering, compiling, opening or the database returned.
 */
enum yt_status yt_engine_open(const struct yt_site *site,
                              const struct yt_graph *graph,
                              const struct yt_engine_options *options,
                              struct yt_engine **engine_out);

/** Read the stored plan of this engine's model, size, ISA and threads.
 *  @return YT_OK: the schedules are set (not built); YT_NOT_FOUND; YT_STALE
 *          when it is another toolchain's, or its text is not one of this
 *          network or none at all: plan_note then says which. */
enum yt_status yt_engine_load_plan(struct yt_engine *engine);

/** Build again with the schedules as they are now, and open the model. */
enum yt_status yt_engine_reopen(struct yt_engine *engine);

/** NULL is fine. */
void yt_engine_close(struct yt_engine *engine);

/** The key under which the engine's plans are stored. */
struct yt_db_plan_key yt_engine_plan_key(const struct yt_engine *engine,
                                         enum yt_db_role role);

#endif
