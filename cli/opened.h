#ifndef YT_OPENED_H
#define YT_OPENED_H

/* A model as command-line options name it, opened to be run: what most
 * commands begin with. */

#include "cli/cli.h"
#include "compress/precision/precision.h"
#include "tuner/build/engine_set.h"

struct yt_cli_wanted {
    const struct yt_cli_engine *engine;
    const struct yt_precision_wish *precision;
    /* Of the database; calibrations are kept where that is possible, also with
     * YT_SITE_READS. */
    enum yt_site_access access;
    int32_t augment; /* 1: an engine for each scale */
    int32_t unbuilt; /* 1: looked up only, as struct yt_engine_options has it */
    /* Where another model was opened, which outlives this one; NULL: a site of
     * its own. Borrowed. */
    struct yt_site *site;
};

struct yt_cli_opened {
    struct yt_site *site;     /* own_site, or the one that was given */
    struct yt_graph *graph;   /* owned */
    struct yt_engine_set set; /* owned, of one or more */
    struct yt_engine *engine; /* the set's first */
    struct yt_site *own_site;
};

/** A calibration that had to be made is told on standard error.
 *  @param[out] opened_out the caller's: yt_cli_close(), also on failure.
 *  @return as yt_graph_read(), yt_site_open(), yt_precision_find_quantisation()
 *          and yt_engine_set_open(). */
enum yt_status yt_cli_open(const struct yt_cli_wanted *wanted,
                           struct yt_cli_opened *opened_out);

/** All zero is fine. */
void yt_cli_close(struct yt_cli_opened *opened);

#define YT_PRECISION_WORD_MAX 16

/** "f32", "int8", ...: what an engine's network computes with. */
const char *yt_cli_precision(const struct yt_engine *engine,
                             char word_out[YT_PRECISION_WORD_MAX]);

/** Say on stderr what of a model's file is run otherwise than it says. */
void yt_cli_graph_notes(const struct yt_graph *graph);

/** Say on stderr what opening an engine had to do without. */
void yt_cli_engine_notes(const struct yt_engine *engine);

/** Say on stderr where results are kept when it is not where they belong. */
void yt_cli_site_notes(const struct yt_site *site);

#endif
