#ifndef YT_ENGINE_H
#define YT_ENGINE_H

/* What a subcommand needs to run a model here, in one call: the graph is read
 * (or built in), this host is looked up, the best plan that the database holds
 * for it is taken, and the network is built and opened. No LLVM, no SQLite in
 * this header. */

#include "db/db.h"
#include "model/graph.h"
#include "tuner/build/host.h"
#include "tuner/build/network.h"
#include "yolotune/runtime.h"

struct yt_engine_options {
    const char *model;   /* path; or "builtin:n" (s, m, l, x): a graph with
                            seeded weights, whose speed is real and whose boxes
                            are not. NULL: builtin:n */
    const char *isa;     /* name; NULL: the widest this CPU has */
    int32_t h, w;        /* 0: the graph's own size */
    int32_t threads;     /* 0: the CPUs this process may use */
    const char *db;      /* path; NULL: the default one */
    int32_t no_db;       /* 1: neither read nor write a database */
    int32_t read_only;   /* 1: write nothing into it; none is no error then */
    int32_t untuned;     /* 1: default schedules even if a plan is stored */
    int32_t pin;         /* 1: pin the model's threads */
    int32_t unbuilt;     /* 1: only look things up: nothing is compiled and
                            there is no model to run */
    int32_t dense_heads; /* 1: compute detection heads whole, as other engines
                            do; the boxes are the same */
    /* Which arithmetic each convolution uses, of this very model; borrowed for
     * the call; NULL: f32 everywhere. */
    const struct yt_quantisation *quantisation;
    /* Without a quantisation, that of the stored plan to run: the recommended
     * one of those whose precision begins so, "" for any; see
     * yt_db_plan_preferred(). Borrowed; NULL: f32. */
    const char *preferred;
};

/** Longest name of a precision, with its terminating zero. */
#define YT_PRECISION_MAX 48

/** What it ends in where detection heads are computed whole. */
#define YT_PRECISION_DENSE "-dense-heads"

#define YT_NOTE_MAX 512

struct yt_engine {
    struct yt_graph *graph;
    struct yt_network *network; /* built */
    struct yt_model *model;     /* opened */
    struct yt_db *db;           /* NULL: none */
    struct yt_db_here here;
    int64_t model_id; /* row in db */
    int32_t threads;  /* asked for; the plan may use fewer */
    struct yt_host host;
    int64_t plan_ms; /* when plan_id was stored, since 1970 */
    int64_t plan_id; /* row of the plan in use; 0: none */
    int32_t dense_heads;
    char precision[YT_PRECISION_MAX]; /* "f32", "f32-dense-heads", "int8-HASH":
                                         keeps plans apart in the database */
    int32_t tuned;                    /* 1: schedules came from a stored plan */
    char plan_note[YT_NOTE_MAX]; /* why the stored plan is not used; "": it is,
                                    or there is none */
};

/** @return YT_OK; what reading, lowering, compiling or opening returned. */
enum yt_status yt_engine_open(const struct yt_engine_options *options,
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

/** Read a model as yt_engine_open() does: a path, or "builtin:n"; NULL is that,
 *  too. @return as yt_model_import(). */
enum yt_status yt_engine_graph(const char *model, struct yt_graph **graph_out);

/** The name that plans of a quantisation are stored under: "f32" for NULL or
 *  when all is f32, else "int8-" (bf16-, int16-, mixed-) and its hash. */
void yt_precision_name(const struct yt_quantisation *q,
                       const struct yt_graph *graph,
                       char name_out[YT_PRECISION_MAX]);

/** The plan as text, one line per step; parses back with yt_plan_text_read().
 *  A quantisation is part of it.
 *  @param configuration the choices around it, as a line of their own, or NULL.
 *  malloc'ed, the caller's to free; NULL when out of memory. */
char *yt_plan_text_write(const struct yt_network *network,
                         const char *configuration);

/** The key under which the engine's plans are stored. */
struct yt_db_plan_key yt_engine_plan_key(const struct yt_engine *engine,
                                         enum yt_db_role role);

/** What a plan's text is for: its first lines. */
struct yt_plan_head {
    char model[64];
    char configuration[192]; /* "": none is named */
    char isa[16];
    int32_t h, w, threads;
    char precision[YT_PRECISION_MAX]; /* yt_precision_name(); "f32": the text
                                         has no quantisation */
};

/** @return YT_OK; YT_BAD_INPUT naming the line that is not understood. */
enum yt_status yt_plan_text_head(const char *text,
                                 struct yt_plan_head *head_out);

/** The quantisation that a plan's text holds: what a network that is to run the
 *  plan has to be created with.
 *  @param[out] q_out the caller's; NULL: all is f32.
 *  @return YT_OK; YT_BAD_INPUT naming the line, or when it is not what the head
 *          says; YT_STALE when it is another graph's; YT_NO_MEMORY. */
enum yt_status yt_plan_text_quantisation(const struct yt_graph *graph,
                                         const char *text,
                                         struct yt_quantisation **q_out);

/** Set the schedules and threads a plan's text names; layers are matched by
 *  their problems, in order.
 *  @return YT_OK; YT_BAD_INPUT naming the line; YT_STALE when the plan is for
 *          another network, size, ISA or precision. Nothing is set unless
 *          YT_OK. */
enum yt_status yt_plan_text_read(struct yt_network *network, const char *text);

#endif
