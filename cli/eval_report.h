#ifndef YT_EVAL_REPORT_H
#define YT_EVAL_REPORT_H

/* What `yolotune eval` says about its runs, as text and as JSON. */

#include "cli/opened.h"
#include "eval/bootstrap.h"
#include "eval/predict.h"

/** One run over the data set. */
struct yt_eval_run {
    const char *source; /* the model or results file as given; borrowed */
    char name[128];     /* of it, without folders and ending */
    struct yt_cli_opened opened; /* all zero: results were read from a file */
    struct yt_engine *engine;    /* opened's, or NULL */
    struct yt_results results;
    struct yt_map *map;
    struct yt_map_summary summary;
    double seconds;     /* from the first picture to the last */
    int64_t evaluation; /* row of the database; 0: none */
};

struct yt_eval_report {
    const struct yt_dataset *dataset;
    struct yt_predict_options options; /* resolved */
    const struct yt_eval_run *runs;    /* the first is what was asked for */
    int run_count;
    const struct yt_bootstrap_result *difference; /* of two runs; or NULL */
    int32_t per_class; /* 1: the text has a table of classes */
};

void yt_eval_print_text(const struct yt_eval_report *report);

/** @return an enum yt_exit, as yt_json_print(). */
int yt_eval_print_json(const struct yt_eval_report *report);

#endif
