#ifndef YT_DB_H
#define YT_DB_H

/* The results database: what was measured, where, and what followed from it.
 * SQLite stays behind this header. docs/DATABASE.md explains tables and views.
 *
 *   host ─┬─ peaks               model ─┐
 *         ├─ measurement ─ problem, schedule, toolchain
 *         └─ plan ─ layers ─ evaluation ─ recommendation ─ steps
 *
 * Every put is a transaction of its own: once it returned YT_OK, killing the
 * process loses nothing. yt_db_begin()/yt_db_commit() make one transaction of
 * many puts. Several processes may use one file; a struct yt_db belongs to one
 * thread at a time. A forked child must neither use nor close its parent's
 * database, and leaves by _exit().
 *
 * Strings passed in are borrowed for the call. Strings passed to a callback
 * are borrowed until it returns. Where a string is optional, NULL is stored as
 * "". A NAN is stored as "not measured", and read back as NAN.
 *
 * Statuses every function may return, beside those it names:
 *   YT_BUSY          another process held the file longer than the timeout
 *   YT_IO            disk full, read-only file, missing permission, ...
 *   YT_BAD_INPUT     the file is damaged
 *   YT_BAD_ARGUMENT  a value that the schema's CHECKs refuse, an id that does
 *                    not exist
 *   YT_NO_MEMORY
 */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

struct yt_db;

/* ------------------------------------------------------------ open, close */

enum yt_db_mode {
    YT_DB_READ_WRITE, /* folders and file are created, migrations are run */
    YT_DB_READ_ONLY   /* the file must exist; puts fail */
};

/** The path of a database in memory: one for the whole process, gone with the
 *  last handle on it. */
#define YT_DB_MEMORY ":memory:"

/** Write the default path: $XDG_DATA_HOME/yolotune/results.db, or
 *  ~/.local/share/yolotune/results.db when that is unset or not absolute.
 *  @return YT_OK; YT_NOT_FOUND when neither it nor HOME is set;
 *          YT_BAD_ARGUMENT when the path does not fit. */
enum yt_status yt_db_default_path(char *path_out, size_t path_cap);

/** Open a database and bring its schema up to date.
 *
 * @param path  NULL: the default path.
 * @param[out] db_out  owned by the caller: yt_db_close().
 * @return YT_OK; YT_NOT_FOUND for a missing file when reading only;
 *         YT_UNSUPPORTED when a newer yolotune wrote it; YT_BAD_INPUT when it
 *         is another program's database or no database at all.
 */
enum yt_status yt_db_open(const char *path, enum yt_db_mode mode,
                          struct yt_db **db_out);

/** NULL is fine. An open transaction is rolled back. */
void yt_db_close(struct yt_db *db);

/** 1 when puts fail. */
int yt_db_is_read_only(const struct yt_db *db);

/** The path it was opened with; borrowed until yt_db_close(). */
const char *yt_db_path(const struct yt_db *db);

/** How long to wait for other processes' locks; 10,000 after opening. */
void yt_db_set_timeout(struct yt_db *db, int32_t milliseconds);

/** One transaction for the puts that follow; does not nest. */
enum yt_status yt_db_begin(struct yt_db *db);
enum yt_status yt_db_commit(struct yt_db *db);

/** Forget the puts since yt_db_begin(); harmless without it. */
void yt_db_rollback(struct yt_db *db);

/* ----------------------------------------------------------------- hosts */

/** The machine and the code generator that a row is true for. A measurement
 *  made with another pair is stale and no query below returns it. */
struct yt_db_here {
    int64_t host;
    int64_t toolchain; /* LLVM version and generator version */
};

struct yt_db_host {
    const char *fingerprint; /* same text, same host; NULL: made from the CPU
                                facts below by yt_db_host_fingerprint() */
    const char *arch;        /* "x86_64" */
    const char *vendor;      /* "GenuineIntel" */
    const char *brand;
    int32_t family, model, stepping;
    const char *features; /* names apart by one space */
    int32_t physical_cores, logical_cores;
    int32_t l1d_kib, l2_kib, l3_kib; /* 0: unknown */

    /* May change from run to run: the last seen ones are kept. */
    int32_t allowed_cpus; /* by affinity */
    double quota_cpus;    /* by cgroup; NAN: no quota */
    const char *governor; /* "" : unknown */
    const char *llvm_version;
    const char *generator_version; /* yt_codegen_version() */
};

#define YT_DB_FINGERPRINT_MAX 256

/** Write "<arch>-<vendor>-<family>.<model>.<stepping>-<physical>c<logical>t-
 *  <hash of brand, features and caches>". Quota, affinity, governor and
 *  versions do not take part: they change while the host stays. */
void yt_db_host_fingerprint(const struct yt_db_host *host,
                            char fingerprint_out[YT_DB_FINGERPRINT_MAX]);

/** Find or add the host and its toolchain; what may change is updated. */
enum yt_status yt_db_host_put(struct yt_db *db, const struct yt_db_host *host,
                              struct yt_db_here *here_out);

/** The same for a database that is only read: what it does not know has id 0.
 */
enum yt_status yt_db_host_find(struct yt_db *db, const struct yt_db_host *host,
                               struct yt_db_here *here_out);

/** What this host can do at best, as measured. */
struct yt_db_peak {
    const char *isa;       /* "avx512" */
    const char *precision; /* "f32" */
    int32_t threads;
    double gflops;
    double bandwidth_gbs; /* 1e9 bytes/s from memory; NAN: not measured */
    int64_t created_ms;   /* since 1970, UTC; 0 in a put: now */
};

/** Add or replace the figures of (host, isa, precision, threads). */
enum yt_status yt_db_peak_put(struct yt_db *db, int64_t host,
                              const struct yt_db_peak *peak);

/** @param[in,out] peak  isa, precision and threads say which; the rest is
 *                       filled in.
 *  @return YT_OK; YT_NOT_FOUND when it was not measured yet. */
enum yt_status yt_db_peak_find(struct yt_db *db, int64_t host,
                               struct yt_db_peak *peak);

/* ------------------------------------- models, problems, schedules by name */

struct yt_db_model {
    const char *digest; /* of what it computes: same digest, same model; NULL:
                           unknown, as in rows of older versions */
    const char *hash;   /* of the file it comes from; "": none */
    const char *name;
    const char *format; /* "pt", "onnx", "built-in" */
    int64_t params;     /* after folding */
    int64_t flops;      /* of one frame of the size it runs at */
    int32_t imgsz;      /* the longer side it was made for */
    int32_t nc;         /* classes */
};

/** Find, as yt_db_model_find() does, or add; digest, name, format and figures
 *  become the given ones. The row keeps the hash that it was added with, which
 *  is the digest where there is no file, or where the file was read differently
 *  then. */
enum yt_status yt_db_model_put(struct yt_db *db,
                               const struct yt_db_model *model,
                               int64_t *id_out);

/** Find only: the row of this digest, of several the one that has the file's
 *  hash, or else a row without a digest that has it.
 *  @return YT_OK; YT_NOT_FOUND. */
enum yt_status yt_db_model_find(struct yt_db *db, const char *digest,
                                const char *hash, int64_t *id_out);

/** Find or add. @p name as yt_problem_name() prints it.
 *  @return YT_BAD_ARGUMENT for any other text. */
enum yt_status yt_db_problem_put(struct yt_db *db, const char *name,
                                 int64_t *id_out);

/** Find or add. @p name as yt_schedule_name() prints it; not checked here. */
enum yt_status yt_db_schedule_put(struct yt_db *db, const char *name,
                                  int64_t *id_out);

/* ---------------------------------------------------------- measurements */

/** How a candidate ended: YT_DB_OUTCOME(id, name). */
#define YT_DB_OUTCOME_LIST(X)                                                  \
    X(OK, "ok")                                                                \
    X(WRONG, "wrong")     /* disagrees with the reference */                   \
    X(CRASHED, "crashed") /* its worker died */                                \
    X(TIMEOUT, "timeout") /* its worker passed the deadline */                 \
    X(COMPILE, "compile") /* LLVM refused */                                   \
    X(SPILLS, "spills")   /* rejected: spills in its inner loop */

enum yt_db_outcome {
#define YT_DB_OUTCOME_ENUM(id, name) YT_DB_##id,
    YT_DB_OUTCOME_LIST(YT_DB_OUTCOME_ENUM)
#undef YT_DB_OUTCOME_ENUM
        YT_DB_OUTCOME_COUNT
};

const char *yt_db_outcome_name(enum yt_db_outcome outcome);

/** One candidate tried once. Times are of the problem shared by `threads`: in a
 *  network the whole step; alone (setting "") the share of one thread. */
struct yt_db_measurement {
    struct yt_db_here here;
    const char *problem;  /* name */
    const char *schedule; /* name */
    const char *isa;      /* name */
    int32_t threads;
    const char *setting; /* "": timed alone; else where in a network, e.g.
                            "yolov5s-640x640:model.2.cv1+cv2" */
    enum yt_db_outcome outcome;
    const char *detail; /* the sentence, when outcome is not YT_DB_OK */

    /* Of YT_DB_OK only; stored as "not measured" otherwise. */
    double min_ns, median_ns, mad_ns; /* mad: median absolute deviation */
    int64_t iterations;               /* calls in a sample */
    int32_t samples;

    double max_error;   /* against the reference; NAN: was not compared */
    int64_t code_bytes; /* 0: was not compiled */
    int32_t spills;     /* stack accesses inside its loops */

    /* Filled in by queries; put ignores id, and created_ms 0 means now. */
    int64_t id;
    int64_t created_ms;
    size_t problem_index; /* into the query's problems; 0 if it named none */
};

/** Add one measurement (and its problem and schedule, when new). */
enum yt_status yt_db_measurement_put(struct yt_db *db,
                                     const struct yt_db_measurement *m,
                                     int64_t *id_out /* or NULL */);

struct yt_db_measurement_query {
    struct yt_db_here here;
    const char *isa;             /* NULL: any */
    int32_t threads;             /* 0: any */
    const char *setting;         /* NULL: any; "": timed alone */
    const char *const *problems; /* names; NULL: all */
    size_t problem_count;

    /* 0: every row of any outcome, by problem, oldest first. N > 0: of each
     * problem the N fastest schedules, fastest first, one row each: its lowest
     * min_ns. A schedule whose newest row is not YT_DB_OK is left out. */
    int32_t best;
};

/** Called once per row. Anything but YT_OK ends the query, which returns it.
 *  The callback must not call functions on the same db. */
typedef enum yt_status (*yt_db_measurement_fn)(
    void *user, const struct yt_db_measurement *m);

/** Read measurements of one host and toolchain. No rows is YT_OK. */
enum yt_status yt_db_measurements(struct yt_db *db,
                                  const struct yt_db_measurement_query *query,
                                  yt_db_measurement_fn fn, void *user);

/* ------------------------------------------------------------------ plans */

enum yt_db_role {
    YT_DB_TUNED,
    YT_DB_BASELINE, /* default schedules: what tuning is compared with */
    YT_DB_ROLE_COUNT
};

const char *yt_db_role_name(enum yt_db_role role);

/** One step of a plan, timed inside the running network. */
struct yt_db_layer {
    const char *name;         /* "model.2.cv1+cv2" */
    const char *problem;      /* name */
    const char *schedule;     /* name */
    double median_ns, mad_ns; /* NAN: was not measured */
    int64_t flops;
    const char *ties; /* schedules within the noise, apart by one space */
};

/** Which network a plan runs, and how. */
struct yt_db_plan_key {
    struct yt_db_here here;
    int64_t model;
    int32_t h, w; /* network input, pixels */
    const char *isa;
    int32_t threads;
    const char *precision; /* "f32" */
    enum yt_db_role role;
};

struct yt_db_plan {
    struct yt_db_plan_key key;
    const char *text; /* the plan's text form */
    const struct yt_db_layer *layers;
    int32_t layer_count;
    double head_error;    /* of the largest value, against default schedules; 0:
                          no kernel of it is inexact */
    const char *given_up; /* what was taken back for accuracy, a sentence; NULL
                             or "": nothing */
    int64_t limit_bytes;  /* that weights, code and scratch had to fit; 0: none
                           */

    /* Filled in by queries; put ignores id, and created_ms 0 means now. */
    int64_t id;
    int64_t created_ms;
};

/** Add a plan with its layers. */
enum yt_status yt_db_plan_put(struct yt_db *db, const struct yt_db_plan *plan,
                              int64_t *id_out);

/** The newest plan of exactly this key.
 *
 * @param[out] plan_out  owned by the caller, strings and layers included:
 *                       yt_db_plan_destroy().
 * @return YT_OK; YT_NOT_FOUND; YT_STALE when there are only plans that another
 *         toolchain made.
 */
enum yt_status yt_db_plan_find(struct yt_db *db,
                               const struct yt_db_plan_key *key,
                               struct yt_db_plan **plan_out);

/** The text of the plan that a printed id leads to: p1 itself, or what e1 or r1
 *  is about.
 *  @param[out] text_out malloc'ed, the caller's.
 *  @param[out] configuration_out malloc'ed, the caller's; "": none is stored.
 *  @return YT_OK; YT_BAD_ARGUMENT for what is no such id; YT_NOT_FOUND. */
enum yt_status yt_db_plan_text(struct yt_db *db, const char *id,
                               char **text_out, char **configuration_out);

/** NULL is fine. */
void yt_db_plan_destroy(struct yt_db_plan *plan);

/** The precision of the tuned plan to run when none is named: of the plan that
 *  a recommendation was made of last, else of the f32 plan, else of the newest.
 *
 * @param key  its precision: NULL for any, or how it begins, as "int8-", for
 * the newest of those.
 * @param[out] text_out malloc'ed, the caller's: the plan's text.
 * @return YT_OK; YT_NOT_FOUND.
 */
enum yt_status yt_db_plan_preferred(struct yt_db *db,
                                    const struct yt_db_plan_key *key,
                                    char **text_out);

/* ---------------------------------------------------------- quantisations */

/** A model calibrated: which ranges its tensors have on some pictures. True on
 *  every host. */
struct yt_db_quantisation {
    int64_t model;
    int32_t h, w;            /* network input, pixels */
    const char *settings;    /* how it was made, in words */
    int32_t images;          /* of the pictures it was made on */
    const char *images_hash; /* of those */
    const char *text; /* compress/quant/quantisation.h's; not of a query */
};

/** Add it, or replace that of the same model, size, settings and images. */
enum yt_status
yt_db_quantisation_put(struct yt_db *db,
                       const struct yt_db_quantisation *quantisation,
                       int64_t *id_out /* or NULL */);

/** The newest of a model at a size.
 *  @param which  its settings and images_hash may be NULL: any.
 *  @param[out] text_out malloc'ed, the caller's.
 *  @return YT_OK; YT_NOT_FOUND. */
enum yt_status yt_db_quantisation_find(struct yt_db *db,
                                       const struct yt_db_quantisation *which,
                                       char **text_out);

/* ------------------------------------------------------------ evaluations */

/** Over the frames of one evaluation; all NAN: not measured. */
struct yt_db_times {
    double min_ns, median_ns, p95_ns, p99_ns;
};

struct yt_db_evaluation {
    int64_t plan;
    struct yt_db_times pre; /* letterbox, packing */
    struct yt_db_times network;
    struct yt_db_times post; /* decode, NMS */
    struct yt_db_times total;
    double fps;
    int32_t samples; /* frames */
    int64_t arena_bytes, blob_bytes;
    int64_t rss_bytes; /* of the process; 0: unknown */

    /* Accuracy; NAN and "" where it was not measured. */
    double map, map50, map75; /* 0..1 */
    const char *dataset;
    const char *dataset_hash;
    int32_t images; /* 0 when accuracy was not measured */

    /* The choices around the plan, as yt_config_name() prints them; NULL or "":
     * a plan alone, one image at a time. */
    const char *configuration;
    int64_t memory_bytes;    /* a product holds: tensors, weights, code */
    int64_t size_bytes;      /* of weights and code in a library */
    int32_t background_load; /* busy threads beside it */
    int64_t compared;        /* evaluation of the same images; 0: none */
    double difference_low;   /* of 100 drawings of images, 95 have this map */
    double difference_high;  /* minus the compared one's in between */
    const char *numerics; /* digest of what ran inexactly; NULL or "": nothing
                              */

    /* Filled in by queries; put ignores id, and created_ms 0 means now. */
    int64_t id;
    int64_t created_ms;
};

enum yt_status yt_db_evaluation_put(struct yt_db *db,
                                    const struct yt_db_evaluation *evaluation,
                                    int64_t *id_out);

/** Which evaluations; 0, NULL: any. */
struct yt_db_evaluation_query {
    struct yt_db_here here; /* always compared */
    int64_t model;
    int32_t h, w;
    const char *isa;
    int32_t threads;
    const char *precision;
    int32_t only_newest; /* 1: of each plan key the newest row only */
};

/** As yt_db_measurement_fn. @p key is that of the evaluated plan. */
typedef enum yt_status (*yt_db_evaluation_fn)(
    void *user, const struct yt_db_evaluation *evaluation,
    const struct yt_db_plan_key *key);

/** Read evaluations, oldest first. No rows is YT_OK. */
enum yt_status yt_db_evaluations(struct yt_db *db,
                                 const struct yt_db_evaluation_query *query,
                                 yt_db_evaluation_fn fn, void *user);

/* -------------------------------------------------------- recommendations */

/** One strategy on the way from the baseline to the recommendation. */
struct yt_db_recommendation_step {
    const char *strategy; /* "precision", "kernels", ... */
    const char *detail;   /* what was done, in a sentence */
    int64_t evaluation;   /* measured after it; 0: not measured */
};

/** Another configuration worth knowing: on the Pareto front, or close. */
struct yt_db_recommendation_rival {
    int64_t evaluation;
    const char *note; /* what would make it the choice */
};

struct yt_db_recommendation {
    const char *scenario;         /* "realtime" */
    const char *constraints_json; /* NULL: {} */
    int64_t evaluation;           /* the one recommended */
    int64_t baseline;             /* evaluation it is compared with; 0: none */
    const char *reasons_json;     /* NULL: [] */
    const struct yt_db_recommendation_step *steps;
    int32_t step_count;
    const struct yt_db_recommendation_rival *rivals;
    int32_t rival_count;
    int64_t created_ms; /* 0: now */
};

/** Add a recommendation with its steps and rivals.
 *  @return YT_BAD_ARGUMENT also for texts that are not JSON. */
enum yt_status
yt_db_recommendation_put(struct yt_db *db,
                         const struct yt_db_recommendation *recommendation,
                         int64_t *id_out);

/** What is read of a recommendation; texts are borrowed for the call. */
struct yt_db_recommendation_reader {
    void *user;
    void (*found)(void *user, int64_t id,
                  const struct yt_db_recommendation *recommendation);
    void (*step)(void *user, const struct yt_db_recommendation_step *step);
    void (*rival)(void *user, const struct yt_db_recommendation_rival *rival);
};

/** Read the newest recommendation that this host and toolchain made for exactly
 *  these texts: found() once, then each step and each rival in order.
 *  @return YT_OK; YT_NOT_FOUND. */
enum yt_status
yt_db_recommendation_find(struct yt_db *db, const struct yt_db_here *here,
                          const char *scenario, const char *constraints_json,
                          const struct yt_db_recommendation_reader *reader);

#endif
