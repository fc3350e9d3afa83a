#ifndef YT_COMPRESS_PARTS_H
#define YT_COMPRESS_PARTS_H

/* What the files behind compress/ratio/compress.h share. */

#include "compress/ratio/appraise.h"
#include "compress/ratio/compress.h"
#include "eval/image.h"

/** Shares of the whole network's time that are tried of a kind, most. */
#define YT_SHARES_MAX 4

/** With the whole network at each size. */
#define YT_CANDIDATES_MAX                                                      \
    (YT_COMPRESS_SIZES_MAX * (1 + YT_RATIO_KINDS * YT_SHARES_MAX))

/** An input size with what the whole network is there. */
struct yt_compress_setting {
    struct yt_ratio_setting how;
    enum yt_precision precision;
    struct yt_appraised dense;  /* the whole network, open */
    double dense_ns, dense_map; /* of held */
    double outside_ns;          /* of a frame, outside of the network */
    double held_ns;             /* what finding boxes in held took */
    float *images;              /* [image_count][3][h][w]; owned */
    int32_t image_count;
    struct yt_ratio_times times[YT_RATIO_KINDS]; /* layers NULL: not yet */
    double *sensitivities[YT_RATIO_KINDS]; /* of the whole network's groups;
                                              NULL: not yet; owned */
};

/** A network that competes. */
struct yt_candidate {
    int32_t setting;
    enum yt_ratio_kind kind;
    double share;           /* of the whole network's time that it may take */
    double target_ns;       /* of a frame */
    int32_t before;         /* candidate that it begins from; -1: the network */
    struct yt_graph *graph; /* the best so far; NULL: not pruned yet; owned */
    double ns;
    double start_map, map; /* of held; NAN: not measured */
    double seconds;        /* of training */
    int64_t pictures;
    int32_t rounds; /* of training that are done */
    int32_t failed; /* 1: no ratio is fast enough */
};

struct yt_compress_work {
    const struct yt_compress_options *o;
    const struct yt_graph *graph; /* the whole network */
    struct yt_compress_setting settings[YT_COMPRESS_SIZES_MAX];
    int32_t setting_count;
    struct yt_candidate *candidates; /* owned */
    int32_t candidate_count;
    struct yt_picture picture;        /* frames are timed on */
    enum yt_precision base_precision; /* of the baseline */
    uint64_t begin_ns;
    int32_t done, planned; /* trainings */
    char wish[33];         /* digest of all that results depend on, but for
                              the budget */
};

/* --------------------------------------------------------- compress.c */

void yt_compress_report(const struct yt_compress_work *w, const char *phase,
                        const char *what, const struct yt_train_event *train,
                        const char *note);

struct yt_image yt_compress_image(const struct yt_compress_work *w);

/** "yolov5n-640x640-int8-channels-0.65". */
void yt_candidate_name(const struct yt_compress_work *w,
                       const struct yt_candidate *candidate,
                       char name_out[YT_COMPRESS_NAME_MAX]);

/** The candidate that serves the wish best among those that were trained; -1:
 *  none was.
 *  @param slack  1: the wish as it is; more: so many times the loss is
 *                forgiven, since training goes on. */
int32_t yt_compress_best(const struct yt_compress_work *w, double slack);

/** Whether nothing of the network has gone: it is trained at its size. */
int yt_candidate_is_whole(const struct yt_candidate *candidate);

/** Whether a candidate keeps the wish, as measured on held. */
int yt_candidate_keeps(const struct yt_compress_work *w,
                       const struct yt_candidate *candidate, double slack);

/** Whether the shortest trainings have the time to find boxes in held before
 *  and after: to be said before anything is pruned.
 *  @return YT_OK; YT_BAD_ARGUMENT. */
enum yt_status yt_compress_check_budget(const struct yt_compress_work *w);

/* ------------------------------------------------------- candidates.c */

/** Measure the whole network at every size, and choose the precision.
 *  @return YT_OK; what building and running returned. */
enum yt_status yt_compress_measure(struct yt_compress_work *w);

/** The candidates that the wish and the budget lead to. */
enum yt_status yt_compress_candidates(struct yt_compress_work *w);

/** Make candidate @p index smaller than what it begins from.
 *  @return YT_OK, also when no ratio is fast enough: it has failed then. */
enum yt_status yt_candidate_prune(struct yt_compress_work *w, int32_t index);

/** Train candidate @p index for a time.
 *  @param qat 1: as integers compute. */
enum yt_status yt_candidate_train(struct yt_compress_work *w, int32_t index,
                                  uint64_t budget_ns, int32_t qat);

/* ----------------------------------------------------------- journal.c */

/** Keep where the work stands, in its folder; nothing without one. */
enum yt_status yt_journal_write(const struct yt_compress_work *w);

/** Keep a candidate's graph. */
enum yt_status yt_journal_graph(const struct yt_compress_work *w,
                                int32_t index);

/** Take up what is kept, candidates and the times they were chosen by; nothing
 *  without a folder or when it is empty.
 *  @return YT_OK; YT_BAD_INPUT for another network's or wish's, or damage. */
enum yt_status yt_journal_read(struct yt_compress_work *w);

/** What candidate @p index had before its last round goes, once the state says
 *  that the round is done. */
void yt_journal_forget_round(const struct yt_compress_work *w, int32_t index);

/** Remove what another run left in a folder. */
void yt_journal_clear(const char *folder);

/** A training's checkpoint; "" without a folder. */
void yt_journal_checkpoint(const struct yt_compress_work *w, int32_t index,
                           char path_out[512]);

/* ------------------------------------------------------------ rivals.c */

/** Measure the result, the whole network and rivals in turn, and say how the
 *  result stands.
 *  @param alone 1: without rivals. */
enum yt_status yt_compress_compare(struct yt_compress_work *w,
                                   struct yt_compress_result *result,
                                   int32_t alone);

/* ------------------------------------------------------------ record.c */

/** Groups before and after. */
enum yt_status yt_compress_groups(const struct yt_compress_work *w,
                                  const struct yt_candidate *candidate,
                                  struct yt_compress_result *result);

/** Store the row; nothing where the site does not write. */
enum yt_status yt_compress_record(const struct yt_compress_work *w,
                                  struct yt_compress_result *result);

#endif
