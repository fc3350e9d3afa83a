#ifndef YT_CLI_DETECT_TALLY_H
#define YT_CLI_DETECT_TALLY_H

/* How many pictures and frames went through detect, how fast, and where the
 * time went: a line while it runs, a table at the end. */

#include "cli/detect_files.h"
#include "cli/json.h"
#include "cli/report.h"
#include "eval/pipeline.h"

struct yt_detect_tally {
    struct yt_progress progress;
    struct yt_pipeline_times times;
    int64_t pictures, frames; /* that were read; the rest failed */
    uint64_t letterbox_ns, network_ns, nms_ns;
    int32_t networks; /* built, one for each shape */
};

/** @param quiet 1: nothing is shown. */
void yt_detect_tally_begin(struct yt_detect_tally *tally, int quiet);

/** One more is done.
 *  @param times of the pipeline so far. */
void yt_detect_tally_add(struct yt_detect_tally *tally,
                         const struct yt_detected *found,
                         const struct yt_pipeline_times *times);

/** Show the rate, if it is time to. */
void yt_detect_tally_show(struct yt_detect_tally *tally,
                          const struct yt_detected *found);

/** The table on standard error, where there is more than one picture. */
void yt_detect_tally_print(const struct yt_detect_tally *tally);

/** The same as members of a document. */
void yt_detect_tally_json(const struct yt_detect_tally *tally,
                          struct yt_json *doc);

#endif
