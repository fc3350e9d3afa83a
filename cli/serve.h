#ifndef YT_CLI_SERVE_H
#define YT_CLI_SERVE_H

/* `yolotune bench --serve` and `--serve-nms`: the line protocol by which
 * bench/ measures yolotune and its peers in one interleaved run; described in
 * bench/README.md. */

struct yt_engine;

/** Answer "run K" lines with the times of K frames of the network alone, until
 *  the input ends. @return an enum yt_exit. */
int yt_cli_serve_network(struct yt_engine *engine);

/** Answer "nms FILE K" lines with times and kept rows, until the input ends.
 *  @return an enum yt_exit. */
int yt_cli_serve_nms(void);

#endif
