/* What rows of convolutions propose to a search: tiles that fill the registers,
 * the ways to cut the work. Measured on the networks of docs/BENCHMARKS.md. */

#include "base/math.h"
#include "codegen/conv_rows.h"
#include "codegen/propose.h"
#include "codegen/schedule.h"
#include "codegen/silu_tables.h"

#define SIZES_MAX 16 /* of task groups */

/* Fewer accumulators cannot hide the latency of a multiply-add. */
#define ACCUMULATORS_MIN 8

static const int32_t unrolls[] = {1, 2, 3, 4, 5, 8, 9, 16};
#define UNROLLS ((int32_t)(sizeof unrolls / sizeof unrolls[0]))

/* Accumulators, the weights of one step and one broadcast live at once; with
 * one vector per pixel the broadcast is part of the multiplication. */
static int fits_registers(const struct yt_isa *isa, int32_t mr, int32_t nr)
{
    const int apart = nr > 1 || !(isa->can & YT_CAN_BROADCAST_OPERAND);
    return mr * nr + nr + apart <= isa->regs;
}

/* Groups of rows (flat: of tiles) per task that divide the work in different
 * ways: all of it, halves, quarters ... and small fixed numbers. */
static int32_t group_sizes(const struct yt_ask *ask,
                           const struct yt_schedule *s,
                           int32_t sizes[SIZES_MAX])
{
    struct yt_conv_tiles t;
    yt_conv_tiles(ask->problem, s, ask->isa, &t);
    const int32_t units = t.flat ? t.tiles : t.rows;
    int32_t count = 0;
    sizes[count++] = 0;
    int32_t last = units;
    for (int32_t parts = 2; parts <= 64 && count < 12; parts *= 2) {
        const int32_t size = yt_ceil_div(units, parts);
        if (size < last)
            sizes[count++] = size;
        last = size;
    }
    for (int32_t size = 4; size >= 1 && count < SIZES_MAX; size /= 2)
        if (size < last)
            sizes[count++] = last = size;
    return count;
}

/* How many ways tasks can walk pixels and channel tiles: of one tile there is
 * one. */
static int orders(const struct yt_ask *ask, const struct yt_schedule *s)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(ask->problem, s, ask->isa, &t);
    const uint32_t knobs = yt_algo_get(s->algo)->knobs;
    return t.k_tiles > 1 && (knobs & YT_KNOB_BIT(ORDER)) ? YT_ORDER_COUNT : 1;
}

/* Tasks to begin with: the coarsest that share out, image outside. */
static void begin_tasks(const struct yt_ask *ask, struct yt_schedule *s)
{
    int32_t sizes[SIZES_MAX];
    s->order = orders(ask, s) > 1 ? YT_ORDER_CHANNELS : YT_ORDER_PIXELS;
    const int32_t count = group_sizes(ask, s, sizes);
    for (int32_t i = 0; i < count; i++) {
        s->tiles = sizes[i];
        if (yt_shares_out(ask, s))
            return;
    }
    s->tiles = 1; /* nothing shares out: as fine as it gets */
    if (!yt_schedule_applies(ask->problem, s, ask->isa))
        s->tiles = 0;
}

static void propose_tasks(const struct yt_ask *ask,
                          const struct yt_schedule *base)
{
    int32_t sizes[SIZES_MAX];
    const int32_t count = group_sizes(ask, base, sizes);
    for (int order = 0; order < orders(ask, base); order++)
        for (int32_t i = 0; i < count; i++) {
            struct yt_schedule s = *base;
            s.order = order;
            s.tiles = sizes[i];
            if (yt_shares_out(ask, &s))
                yt_propose(ask, &s);
        }
}

/* A shape with each of its tasks, and with its first where none shares out. */
static void propose_all_tasks(const struct yt_ask *ask,
                              const struct yt_schedule *shape)
{
    if (yt_shares_out(ask, shape))
        propose_tasks(ask, shape);
    else
        yt_propose(ask, shape);
}

/* Pixels of the tiles that a row is really split into. */
static int32_t canonical_mr(const struct yt_ask *ask,
                            const struct yt_schedule *s)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(ask->problem, s, ask->isa, &t);
    return t.base + (t.large > 0);
}

static int32_t widest_tile(const struct yt_isa *isa, int32_t nr)
{
    int32_t mr = yt_knob_get(YT_KNOB_MR)->most;
    while (mr > 0 && !fits_registers(isa, mr, nr))
        mr--;
    return mr;
}

/* The tile as it is; a whole row where that is narrower; 0: none. */
static int fit_row(const struct yt_ask *ask, struct yt_schedule *s)
{
    struct yt_conv_tiles t;
    if (yt_schedule_applies(ask->problem, s, ask->isa))
        return 1;
    yt_conv_tiles(ask->problem, s, ask->isa, &t);
    if (s->mr <= t.row || t.k_blocks % s->nr)
        return 0;
    s->mr = t.row;
    return 1;
}

/* Tiles of nr vectors, widest first; a search that does not want all stops at
 * half the registers. */
static void propose_width(const struct yt_ask *ask,
                          const struct yt_schedule *start, int32_t nr)
{
    const int all = ask->stage == YT_STAGE_ALL;
    const int32_t widest = widest_tile(ask->isa, nr);
    int32_t before = 0;
    for (int32_t mr = widest; mr >= 1; mr--) {
        struct yt_schedule s = *start;
        s.mr = mr;
        s.nr = nr;
        if (!all && mr != widest &&
            (2 * mr < widest || mr * nr < ACCUMULATORS_MIN))
            break;
        if (!fit_row(ask, &s))
            continue;
        s.mr = canonical_mr(ask, &s);
        if (s.mr == before)
            continue;
        before = s.mr;
        begin_tasks(ask, &s);
        if (all)
            propose_all_tasks(ask, &s);
        else
            yt_propose(ask, &s);
    }
}

static void propose_neighbours(const struct yt_ask *ask)
{
    for (int32_t step = -1; step <= 1; step += 2) {
        struct yt_schedule s = *ask->base;
        s.mr += step;
        if (s.mr < 1 || !fits_registers(ask->isa, s.mr, s.nr) ||
            !yt_schedule_applies(ask->problem, &s, ask->isa))
            continue;
        s.mr = canonical_mr(ask, &s);
        yt_propose(ask, &s);
    }
}

struct yt_schedule yt_conv_start_from(const struct yt_problem *p,
                                      const struct yt_isa *isa,
                                      enum yt_algo_id algo)
{
    struct yt_schedule s = yt_schedule_blank(algo);
    struct yt_conv_tiles t;
    yt_conv_tiles(p, &s, isa, &t);
    s.ku = p->u.conv2d.r == 1 && p->u.conv2d.c != 3 ? 4 : 1;
    while (t.steps % s.ku)
        s.ku /= 2;
    return s;
}

void yt_conv_propose(const struct yt_ask *ask, const struct yt_schedule *start,
                     int32_t widest)
{
    switch (ask->stage) {
    case YT_STAGE_SHAPES:
    case YT_STAGE_ALL:
        for (int32_t nr = 1; nr <= widest; nr++)
            propose_width(ask, start, nr);
        break;
    case YT_STAGE_TASKS:
        propose_tasks(ask, ask->base);
        break;
    case YT_STAGE_NEIGHBOURS:
        propose_neighbours(ask);
        break;
    }
}

static int32_t one_or_both(int both, int32_t values[YT_VALUES_MAX])
{
    values[0] = 0;
    values[1] = 1;
    return both ? 2 : 1;
}

int32_t yt_conv_values(const struct yt_problem *p, const struct yt_isa *isa,
                       enum yt_knob_id knob, int32_t values[YT_VALUES_MAX])
{
    switch (knob) {
    case YT_KNOB_KU:
        for (int32_t i = 0; i < UNROLLS; i++)
            values[i] = unrolls[i];
        return UNROLLS;
    case YT_KNOB_TUNE:
        for (int32_t i = 0; i < YT_TUNE_COUNT; i++)
            values[i] = i;
        return YT_TUNE_COUNT;
    case YT_KNOB_COARSE:
        return one_or_both(yt_conv_may_be_coarse(p), values);
    case YT_KNOB_HALVES:
        return one_or_both(yt_silu_tables_apply(p, isa), values);
    case YT_KNOB_LAUNDER: /* of one tap there is nothing to merge */
        return one_or_both(p->u.conv2d.r > 1, values);
    default:
        return one_or_both(1, values);
    }
}
