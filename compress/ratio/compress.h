#ifndef YT_COMPRESS_H
#define YT_COMPRESS_H

/* A network made smaller for this host: which channels or blocks go is chosen
 * by the time that this host's kernels take and by what is predicted to be
 * lost; what is lost is won back by training; and several ratios compete for
 * the time that there is.
 *
 * Ratios for several frame times are tried from mild to severe, each beginning
 * where the one before ended (gradual pruning). After a short recovery the
 * better half goes on, until one is left, which gets half of the whole time
 * (successive halving). Then the smaller network is set against what is to be
 * had without pruning: smaller inputs, integers, smaller models. */

#include "compress/ratio/space.h"
#include "eval/dataset.h"
#include "model/precisions.h"
#include "train/run/train.h"

#define YT_COMPRESS_SIZES_MAX  4
#define YT_COMPRESS_RIVALS_MAX 16
#define YT_COMPRESS_NAME_MAX   160
#define YT_COMPRESS_TEXT_MAX   512

struct yt_compress_size {
    int32_t h, w;
};

struct yt_compress_event {
    const char *phase;     /* "measuring", "choosing ratios", "recovery",
                              "rivals" */
    const char *what;      /* the candidate, "" where there is none */
    int32_t done, planned; /* candidates that were trained, in all rounds;
                              planned 0: not known yet */
    const struct yt_train_event *train; /* NULL: nothing is trained now */
    double best_fps, best_map;          /* so far; NAN: none */
    double elapsed_s, left_s; /* of the whole; left_s NAN: not known */
    const char *note; /* NULL, or something that happened: one sentence */
};

struct yt_compress_options {
    const struct yt_site *site; /* borrowed; writes rows where it has a
                                   database that is written */
    int32_t threads;            /* 0: the CPUs this process may use */
    uint32_t kinds;             /* bits (1 << enum yt_ratio_kind) */
    int32_t whole; /* 1: the whole network is trained at each input, too: a
                      candidate, from which the others begin */
    /* Inputs; the first is the baseline's. */
    struct yt_compress_size sizes[YT_COMPRESS_SIZES_MAX];
    int32_t size_count;
    int32_t precision; /* enum yt_precision: F32 or INT8; -1: the faster one
                          whose loss is small, as measured */

    /* One of the two; the other is NAN. */
    double max_map_drop; /* at most so much is lost, as fast as can be */
    double min_fps;      /* so fast, with as little lost as can be */

    struct yt_dataset *train; /* pictures, and labels with .labels */
    struct yt_dataset *held;  /* labelled pictures that choose between
                                 candidates */
    struct yt_dataset *test;  /* that figures are reported of; may be held */
    uint64_t budget_ns;       /* of training */
    int32_t epochs; /* of each recovery, whatever time they take; 0: as the
                       budget has it */
    const struct yt_graph *teacher; /* NULL: the network itself */
    int32_t labels;                 /* 1: the detection loss as well */
    int32_t qat;   /* 1: with int8, train as integers compute */
    int32_t batch; /* 0: 16, or all pictures */
    uint64_t seed;
    const struct yt_augmentation *augmentation; /* NULL: YOLOv5's */

    const struct yt_graph *rivals[YT_COMPRESS_RIVALS_MAX]; /* smaller models */
    int32_t rival_count;

    const char *name;   /* what the smaller network is called; NULL: as this one
                       */
    const char *folder; /* where the work is kept; NULL: nowhere. It exists */
    int32_t resume;     /* 1: go on from what is kept there */

    const volatile int *stop;
    void (*progress)(void *user, const struct yt_compress_event *event);
    void *user;
};

/** A network as it was measured. */
struct yt_compress_figures {
    char name[YT_COMPRESS_NAME_MAX]; /* "yolov5n-640x640-fp32" */
    int32_t h, w;
    enum yt_precision precision;
    double ns;        /* a frame, picture to boxes: median, in turn with the
                         others */
    double map;       /* NAN: not measured */
    double low, high; /* of map minus the baseline's, 95 of 100 drawings; NAN:
                         not measured */
    uint64_t parameters, flops;
    int64_t model; /* row; 0: none */
};

/** What became of a group. */
struct yt_compress_group {
    char name[YT_LAYER_NAME_MAX]; /* of its first layer */
    int64_t before, after;        /* channels, or blocks that are not zero */
};

/** A candidate on the way. */
struct yt_compress_trial {
    char name[YT_COMPRESS_NAME_MAX];
    double target_ns, ns;  /* wanted and measured */
    double start_map, map; /* before and after recovery */
    double seconds;
    int64_t pictures;
    int32_t rounds; /* it survived */
};

struct yt_compress_result {
    struct yt_graph *graph; /* the smaller network; owned */
    enum yt_ratio_kind kind;
    int32_t whole; /* 1: nothing is gone: it was trained at its size */
    struct yt_compress_figures base, best;
    struct yt_compress_group *groups; /* owned */
    int32_t group_count;
    struct yt_compress_figures rivals[YT_COMPRESS_RIVALS_MAX];
    int32_t rival_count;
    struct yt_compress_trial *trials; /* owned */
    int32_t trial_count;
    int32_t images; /* of test that count */
    double train_seconds;
    int64_t train_pictures;
    int32_t kept;        /* 1: the wish is kept */
    int32_t interrupted; /* 1: stopped early: the best so far */
    int32_t loses;       /* 1: to the network as it was, or to a rival */
    int32_t beaten;      /* index of the rival that wins; -1: none does */
    char verdict[YT_COMPRESS_TEXT_MAX];
    int64_t id; /* row; 0: none */
};

/** Make a network smaller.
 *
 * @param graph  borrowed.
 * @param[out] result_out the caller's: yt_compress_result_deinit().
 * @return YT_OK, also when the wish is not kept or when stopped after a first
 *         recovery; YT_INTERRUPTED before it; YT_UNSATISFIABLE when no ratio is
 *         fast enough; YT_BAD_ARGUMENT for options that cannot go together, or
 *         as yt_train(); YT_BAD_INPUT for pictures that are both trained and
 *         measured on, or as yt_train(); YT_NOT_FOUND, YT_IO for the folder;
 *         what building, running or the database returned; YT_NO_MEMORY. */
enum yt_status yt_compress(const struct yt_graph *graph,
                           const struct yt_compress_options *options,
                           struct yt_compress_result *result_out);

/** What has gone: "channels", "blocks" or "none". */
const char *yt_compress_kind_name(const struct yt_compress_result *result);

/** Remove what yt_compress() keeps in a folder, and the folder if nothing else
 *  is in it. */
void yt_compress_forget(const char *folder);

/** All zeros are fine. */
void yt_compress_result_deinit(struct yt_compress_result *result);

#endif
