#ifndef YT_BENCH_SERVE_H
#define YT_BENCH_SERVE_H

/* The program yolotune-serve: the line protocol by which bench/ measures
 * yolotune and its peers in one interleaved run; described in bench/README.md.
 * It stands beside yolotune because only benchmarks need it. */

#include <jansson.h>

struct yt_engine;

#define YT_SERVE_LINE_MAX 4352 /* bytes of a request: a path, a word or two */
#define YT_SERVE_RUNS_MAX 100000

/** Print "ready" and the facts, with this program's name and version; takes
 *  @p facts. */
void yt_serve_ready(json_t *facts);

/** Print one answer; takes @p document. */
void yt_serve_line(json_t *document);

void yt_serve_error(const char *text);

/** Answer "run K" lines with the times of K frames of the network alone, until
 *  the input ends. @return an enum yt_exit. */
int yt_serve_network(struct yt_engine *engine);

/** Answer "nms FILE K" lines with times and kept rows, until the input ends.
 *  @return an enum yt_exit. */
int yt_serve_nms(void);

#endif
