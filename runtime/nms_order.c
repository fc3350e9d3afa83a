/* Keys are dealt into about as many buckets as there are keys, by the leading
 * bits that tell them apart, and buckets are sorted when their turn comes.
 * Scores crowd (near the threshold, or many alike), so a bucket may hold any
 * number: short ones are sorted by insertion, long ones digit by digit. */

#include "runtime/nms_order.h"

#include <assert.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS     (1 << DIGIT_BITS)
#define PASSES     3 /* 33 bits cover the key */

/* Below this, clearing and summing histograms costs more than it saves. */
#define INSERTION_MAX 48
#define BUCKETS_MAX   8192

/* Up to here, or where one in WANTED_SHARE is wanted, all are sorted at once,
 * digit by digit: the branches of so many short buckets, another way each
 * frame, cost more than looking at all keys. Of 10,000 all of which are looked
 * at, NMS takes 132 us instead of 210 (Zen 5). */
#define AT_ONCE_MAX  2048
#define WANTED_SHARE 4

int32_t yt_nms_order_buckets(int64_t count)
{
    int32_t buckets = 1;
    while (buckets < count && buckets < BUCKETS_MAX)
        buckets *= 2;
    return buckets;
}

static void insertion_sort(uint64_t *keys, int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        const uint64_t key = keys[i];
        int32_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* Sort by the upper half; equal ones keep their order. */
static void radix_sort(uint64_t *keys, uint64_t *spare, int32_t count)
{
    uint32_t starts[PASSES][DIGITS];
    uint64_t *from = keys;
    uint64_t *to = spare;
    memset(starts, 0, sizeof starts);
    for (int32_t i = 0; i < count; i++)
        for (int pass = 0; pass < PASSES; pass++)
            starts[pass][keys[i] >> (32 + pass * DIGIT_BITS) & (DIGITS - 1)]++;
    for (int pass = 0; pass < PASSES; pass++) {
        const int shift = 32 + pass * DIGIT_BITS;
        uint32_t *start = starts[pass];
        /* A digit all agree on is no work. */
        if (start[from[0] >> shift & (DIGITS - 1)] == (uint32_t)count)
            continue;
        uint32_t sum = 0;
        for (int digit = 0; digit < DIGITS; digit++) {
            const uint32_t n = start[digit];
            start[digit] = sum;
            sum += n;
        }
        for (int32_t i = 0; i < count; i++)
            to[start[from[i] >> shift & (DIGITS - 1)]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)count * sizeof *keys);
}

static uint32_t score_bits(const float *score)
{
    uint32_t bits;
    memcpy(&bits, score, sizeof bits);
    assert(bits >> 31 == 0);
    return bits;
}

static uint64_t key_of(uint32_t bits, int32_t candidate)
{
    return (uint64_t)~bits << 32 | (uint32_t)candidate;
}

/* Scores' bits lie between two bounds; buckets divide what is between. */
struct division {
    uint32_t highest;
    int shift;
};

static struct division divide(const float *score, int32_t count,
                              int32_t buckets)
{
    uint32_t low = UINT32_MAX;
    struct division d = {0, 0};
    for (int32_t i = 0; i < count; i++) {
        const uint32_t bits = score_bits(&score[i]);
        low = bits < low ? bits : low;
        d.highest = bits > d.highest ? bits : d.highest;
    }
    while ((d.highest - low) >> d.shift >= (uint32_t)buckets)
        d.shift++;
    return d;
}

/* Into buckets, in which keys keep the order of candidates. */
static void deal(struct yt_nms_order *order, const float *score)
{
    const struct division d = divide(score, order->count, order->buckets);
    int32_t *at = order->ends;
    memset(at, 0, (size_t)order->buckets * sizeof *at);
    for (int32_t i = 0; i < order->count; i++)
        at[(d.highest - score_bits(&score[i])) >> d.shift]++;
    int32_t sum = 0;
    for (int32_t b = 0; b < order->buckets; b++) {
        const int32_t n = at[b];
        at[b] = sum;
        sum += n;
    }
    /* Each place moves from its bucket's start to its end. */
    for (int32_t i = 0; i < order->count; i++) {
        const uint32_t bits = score_bits(&score[i]);
        order->keys[at[(d.highest - bits) >> d.shift]++] = key_of(bits, i);
    }
}

void yt_nms_order_begin(struct yt_nms_order *order, const float *score,
                        int32_t count, int32_t wanted, uint64_t *keys,
                        uint64_t *spare, int32_t *ends)
{
    *order = (struct yt_nms_order){
        .keys = keys,
        .spare = spare,
        .ends = ends,
        .count = count,
        .buckets = yt_nms_order_buckets(count),
    };
    if (count > AT_ONCE_MAX && wanted < count / WANTED_SHARE) {
        deal(order, score);
        return;
    }
    for (int32_t i = 0; i < count; i++)
        keys[i] = key_of(score_bits(&score[i]), i);
    if (count > INSERTION_MAX)
        radix_sort(keys, spare, count);
    else
        insertion_sort(keys, count);
    order->ready = count;
}

void yt_nms_order_advance(struct yt_nms_order *order, int32_t more)
{
    const int32_t from = order->ready;
    while (order->ready < order->count && order->ready - from < more) {
        const int32_t begin = order->ready;
        const int32_t n = order->ends[order->bucket++] - begin;
        if (n > INSERTION_MAX)
            radix_sort(order->keys + begin, order->spare, n);
        else
            insertion_sort(order->keys + begin, n);
        order->ready = begin + n;
    }
}
