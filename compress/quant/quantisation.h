#ifndef YT_QUANTISATION_H
#define YT_QUANTISATION_H

/* Which arithmetic each convolution of a graph uses, and what is needed to
 * make integers of it: data, with a text form that reads back bit for bit.
 * Everything else (weights, steps, zero points) follows from it and the graph
 * by computation alone, so a stored one runs as it was measured.
 *
 * Nodes are the graph's, by index (model/graph.h). A node's range and means
 * are those of the value as it is stored: after the SiLU and the residual add
 * that its convolution joined; the image's means are of 0..255. A pool has
 * means of its own, its range is that of its input. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/graph.h"
#include "model/precisions.h"
#include "runtime/problem.h"

struct yt_node_range {
    /* Real values that get codes of 8 bits, perhaps less than all there were;
     * lo > hi: not observed. */
    float lo, hi;
    /* All values there were, which is what 16 bits cover; seen_lo > seen_hi:
     * the same as lo and hi. */
    float seen_lo, seen_hi;
    float *means; /* [channels], of the calibration images; NULL: not observed;
                     owned */
};

struct yt_quantisation {
    char graph_hash[17]; /* of the graph's structure and filters */
    int32_t node_count;
    int32_t *channels;      /* [node_count] of each node */
    int64_t *filter_counts; /* [node_count] weights of a CONV node, else 0 */
    uint8_t *dtypes;        /* [node_count] enum yt_dtype; of CONV nodes */
    struct yt_node_range *ranges; /* [node_count] */
    int32_t bias_correction;      /* 1: means of the outputs are kept */
    /* Rounding of u8s8 weights that was learned: one bit a weight in the order
     * of the node's [k][c][r][r], the lowest of a byte first, 1 rounds up;
     * NULL: to nearest. Owned. */
    uint8_t **rounding;          /* [node_count] */
    int32_t rounding_weight_max; /* that bits were learned for: with others
                                    weights are rounded to nearest */
    int32_t images;              /* that ranges were measured on */
    char images_hash[33];        /* of those images, hexadecimal; "": unknown */
};

/** All F32, nothing observed. @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_quantisation_create(const struct yt_graph *graph,
                                      struct yt_quantisation **q_out);
enum yt_status yt_quantisation_copy(const struct yt_quantisation *q,
                                    struct yt_quantisation **copy_out);

/** The same for a graph of the same nodes with other filters, as training
 *  leaves it. What was learned for the filters there were is not taken over.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_quantisation_move(const struct yt_quantisation *q,
                                    const struct yt_graph *graph,
                                    struct yt_quantisation **moved_out);

/** What the graph's file says of it: the ranges that it was trained with, or
 *  those that a quantised file has. Types are those there, or all f32.
 *  @return YT_OK; YT_NOT_FOUND when it says nothing; as yt_quantisation_read().
 */
enum yt_status yt_quantisation_own(const struct yt_graph *graph,
                                   struct yt_quantisation **q_out);

/** NULL is fine. */
void yt_quantisation_destroy(struct yt_quantisation *q);

/** Give every convolution this type. */
void yt_quantisation_set_all(struct yt_quantisation *q,
                             const struct yt_graph *graph, enum yt_dtype dtype);

/** What the graph's convolutions compute with, YT_PRECISION_MIXED when several
 *  types are used. */
enum yt_precision yt_quantisation_precision(const struct yt_quantisation *q,
                                            const struct yt_graph *graph);

/** 16 hexadecimal digits of everything in it: the key of measurements. */
void yt_quantisation_hash(const struct yt_quantisation *q, char hash[17]);

/** Bytes of a node's rounding bits. */
size_t yt_quantisation_rounding_bytes(const struct yt_quantisation *q,
                                      int32_t node);

/* quantisation_text.c. A text is lines that begin with "quant ", the first of
 * them "quant begin ..." and the last "quant end", each of at most
 * YT_QUANTISATION_LINE characters without the end of line. Numbers are integers
 * or bits, so that locales and roundings do not matter:
 *
 *   quant begin 1 GRAPH-HASH NODES
 *   quant images COUNT HASH               HASH is - where unknown
 *   quant options BIAS-CORRECTION ROUNDING-WEIGHT-MAX
 *   quant type NODE u8s8                  convolutions that are not f32
 *   quant range NODE LO HI SEEN-LO SEEN-HI   bits of f32, hexadecimal
 *   quant means NODE FIRST BASE64         f32, from channel FIRST
 *   quant rounding NODE FIRST BASE64      bytes of bits, from byte FIRST
 *   quant end
 *
 * Floats are little endian. */
#define YT_QUANTISATION_LINE 400

/** Append the text form. @return 0 or -1 (see errno). */
int yt_quantisation_write(const struct yt_quantisation *q,
                          const struct yt_graph *graph, FILE *out);

/** The same in memory.
 *  @param[out] text_out the caller's: free().
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_quantisation_text(const struct yt_quantisation *q,
                                    const struct yt_graph *graph,
                                    char **text_out);

/** Read the first such text back; lines before it and what follows its end are
 *  left alone.
 *  @return YT_OK; YT_NOT_FOUND when there is none; YT_BAD_INPUT naming the
 *          line; YT_STALE when it is another graph's; YT_NO_MEMORY. */
enum yt_status yt_quantisation_read(const struct yt_graph *graph,
                                    const char *text,
                                    struct yt_quantisation **q_out);

#endif
