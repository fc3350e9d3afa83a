#ifndef YT_RATIO_SOLVE_H
#define YT_RATIO_SOLVE_H

/* How much of each group goes, so that a network takes a given time and loses
 * as little as can be predicted. Plain arrays.
 *
 * A group is what goes together: the channels of coupled layers, or the blocks
 * of one convolution. What a layer costs depends on the groups that it reads
 * and on those that it makes, so the times of two choices do not add up, and
 * there is no knapsack to solve: a greedy descent asks at each step which
 * choice of which group loses least for each nanosecond that is saved now. */

#include <stdint.h>

#include "yolotune/status.h"

#define YT_RATIO_CHOICES_MAX 9
#define YT_RATIO_POINTS_MAX  6

struct yt_ratio_group {
    int32_t choices;                   /* the first keeps all */
    double kept[YT_RATIO_CHOICES_MAX]; /* share of the group, falling; 0..1 */
    double loss[YT_RATIO_CHOICES_MAX]; /* predicted; the first is 0 */
};

/** Part of what a layer reads or makes. */
struct yt_ratio_part {
    int32_t group; /* -1: all of it always stays */
    double size;
};

/** What a layer costs at an amount of work: what is kept of what it reads times
 *  what is kept of what it makes. Times between two measured ones are
 *  interpolated, beyond them those of the nearest. */
struct yt_ratio_layer {
    struct yt_ratio_part *in, *out; /* none at all: 1; owned */
    int32_t in_count, out_count;
    struct {
        double work, ns;
    } points[YT_RATIO_POINTS_MAX]; /* by work, falling */
    int32_t point_count;
};

struct yt_ratio_table {
    struct yt_ratio_group *groups; /* owned */
    int32_t group_count;
    struct yt_ratio_layer *layers; /* owned */
    int32_t layer_count;
    double fixed_ns; /* of a frame, whatever is chosen */
};

/** All zeros are fine. */
void yt_ratio_table_deinit(struct yt_ratio_table *table);

/** A layer's work that is left. @param choices [group_count]. */
double yt_ratio_work(const struct yt_ratio_table *table, int32_t layer,
                     const int32_t *choices);

/** Nanoseconds of a frame, as the table has it. */
double yt_ratio_ns(const struct yt_ratio_table *table, const int32_t *choices);

/** The sum of what the groups lose. */
double yt_ratio_loss(const struct yt_ratio_table *table,
                     const int32_t *choices);

/** Choose for a time.
 *
 * @param target_ns of a frame.
 * @param[in,out] choices_io [group_count] where the descent begins; all 0 is
 *                the whole network. No group comes back with more than before.
 * @return YT_OK; YT_UNSATISFIABLE saying what the least time is, which is in
 *         choices_io then; YT_NO_MEMORY. */
enum yt_status yt_ratio_solve(const struct yt_ratio_table *table,
                              double target_ns, int32_t *choices_io);

#endif
