#ifndef YT_NMS_ORDER_H
#define YT_NMS_ORDER_H

/* Candidates by descending score, equal ones in their own order, put in order
 * as far as is asked for: most of them are never asked for. */

#include <stdint.h>

/** A key: the complement of the score's bits above, the candidate below. Scores
 *  are positive floats, whose bits order as integers. */
struct yt_nms_order {
    uint64_t *keys;  /* [count], sorted up to ready */
    uint64_t *spare; /* [count] */
    int32_t *ends;   /* [buckets] ends of the buckets in keys */
    int32_t count;
    int32_t buckets, bucket; /* those before bucket are sorted */
    int32_t ready;
};

/** Entries of ends that yt_nms_order_begin() needs for @p count candidates. */
int32_t yt_nms_order_buckets(int64_t count);

/** Begin with nothing sorted.
 *
 * @param score  [count], positive.
 * @param wanted how many may be asked for; where that is most of them, all are
 *               sorted at once.
 * @param keys  [count], holds the order; spare [count] and ends
 *              [yt_nms_order_buckets(count)] are worked in.
 */
void yt_nms_order_begin(struct yt_nms_order *order, const float *score,
                        int32_t count, int32_t wanted, uint64_t *keys,
                        uint64_t *spare, int32_t *ends);

/** Sort at least @p more keys behind those that are ready, or all. */
void yt_nms_order_advance(struct yt_nms_order *order, int32_t more);

#endif
