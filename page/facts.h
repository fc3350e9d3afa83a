#ifndef YT_PAGE_FACTS_H
#define YT_PAGE_FACTS_H

/* What a page says, read from the database: rows as JSON, which the page also
 * carries whole. docs/REPORT.md names them. */

#include <stdint.h>

#include <jansson.h>

#include "db/db.h"

/* Most points that a picture gets, and rows that a list of others gets. */
#define YT_PAGE_POINTS 800
#define YT_PAGE_OTHERS 20

/** Members are arrays of rows; borrowed from `root`. NULL rows: there is
 *  none. */
struct yt_facts {
    json_t *root;              /* an object; owned */
    json_t *recommendation;    /* the row, or NULL: nothing was recommended */
    json_t *choice, *baseline; /* evaluations, or NULL */
    json_t *host;              /* or NULL: the database is empty */
    json_t *plan;              /* whose layers these are, or NULL */
    json_t *steps, *rivals, *layers, *latency;
    json_t *points;  /* configurations with speed and accuracy */
    json_t *trials;  /* configurations in the order they were measured */
    json_t *kernels; /* kernels that were faster than those before */
    json_t *peaks, *models, *others;
};

/** Read them.
 *  @param named  the file that --db named, for commands; NULL: none.
 *  @param recommendation  0: the newest.
 *  @param[out] facts_out  yt_facts_deinit() it, also after a failure.
 *  @return YT_NOT_FOUND when there is no such recommendation. */
enum yt_status yt_facts_read(struct yt_db *db, const char *named,
                             int64_t recommendation,
                             struct yt_facts *facts_out);

void yt_facts_deinit(struct yt_facts *facts);

/** The number in a printed id: 12 of "e12"; 0 for none. */
int64_t yt_facts_number(const char *id);

#endif
