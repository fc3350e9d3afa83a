#ifndef YT_QUANTISATION_H
#define YT_QUANTISATION_H

/* Which arithmetic each convolution of a graph uses, and what is needed to
 * make integers of it: data, with a text form that reads back bit for bit.
 * Everything else (weights, steps, zero points) follows from it and the graph
 * by computation alone, so a stored one runs as it was measured.
 *
 * Nodes are the graph's, by index (model/graph.h). A node's range and means
 * are those of the value as it is stored: after the SiLU and the residual add
 * that its convolution joined. */

#include <stdint.h>
#include <stdio.h>

#include "model/graph.h"
#include "runtime/problem.h"

struct yt_node_range {
    float lo, hi; /* real values that get codes; lo > hi: not observed */
    float *means; /* [channels of the node], of the calibration images; NULL:
                     not observed; owned */
};

struct yt_quantisation {
    int32_t node_count;
    uint8_t *dtypes; /* [node_count] enum yt_dtype; of CONV nodes */
    struct yt_node_range *ranges; /* [node_count] */
    int32_t bias_correction;      /* 1: means of the outputs are kept */
    /* Rounding of weights that was learned: one bit a weight in the order of
     * the node's [k][c][r][r], 1 rounds up; NULL: to nearest. Owned. */
    uint8_t **rounding;   /* [node_count] */
    int32_t images;       /* that ranges were measured on */
    char images_hash[33]; /* of those images, hexadecimal; "": unknown */
};

/** All F32, nothing observed. @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_quantisation_create(const struct yt_graph *graph,
                                      struct yt_quantisation **q_out);
enum yt_status yt_quantisation_copy(const struct yt_quantisation *q,
                                    struct yt_quantisation **copy_out);
/** NULL is fine. */
void yt_quantisation_destroy(struct yt_quantisation *q);

/** Give every convolution this type. */
void yt_quantisation_set_all(struct yt_quantisation *q,
                             const struct yt_graph *graph, enum yt_dtype dtype);

/** "fp32", "bf16", "int16", "int8", or "mixed" when several types are used by
 *  the graph's convolutions. */
const char *yt_quantisation_name(const struct yt_quantisation *q,
                                 const struct yt_graph *graph);

/** 16 hexadecimal digits of everything in it: the key of measurements. */
void yt_quantisation_hash(const struct yt_quantisation *q, char hash[17]);

/** Append the text form, lines "quant ...". 0 or -1 (see errno). */
int yt_quantisation_write(const struct yt_quantisation *q,
                          const struct yt_graph *graph, FILE *out);

/** Read such lines back; others, and what follows them, are left alone.
 *  @return YT_OK; YT_NOT_FOUND when there are none; YT_BAD_INPUT naming the
 *          line; YT_STALE when it is another graph's; YT_NO_MEMORY. */
enum yt_status yt_quantisation_read(const struct yt_graph *graph,
                                    const char *text,
                                    struct yt_quantisation **q_out);

#endif
