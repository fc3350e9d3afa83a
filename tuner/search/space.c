/* The search policy. Each stage lists candidates in a fixed order; the first
 * that was not tried yet is next. Cheap: a stage is at most some dozens. */

#include "tuner/search/space.h"

#include <assert.h>
#include <stdlib.h>

#include "codegen/conv_tiles.h"

#define MR_MAX    32
#define NR_MAX    8
#define SIZES_MAX 16 /* of task groups */
#define FINALISTS 3

/* Every tile of both algorithms with every task shape, and the default. */
#define LIST_MAX (2 * MR_MAX * NR_MAX * YT_ORDER_COUNT * SIZES_MAX + 1)

struct list {
    struct yt_schedule items[LIST_MAX];
    int32_t count;
};

static const int32_t unrolls[] = {1, 2, 3, 4, 5, 8, 9, 16};
#define UNROLLS ((int32_t)(sizeof unrolls / sizeof unrolls[0]))

static int32_t ceil_div(int32_t a, int32_t b)
{
    return (a + b - 1) / b;
}

/* Accumulators, the weights of one step and one broadcast live at once; with
 * one vector per pixel the broadcast is part of the multiplication. */
static int fits_registers(const struct yt_isa *isa, int32_t mr, int32_t nr)
{
    return mr * nr + nr + (nr > 1 || !isa->fma || isa->lanes < 16) <= isa->regs;
}

/* Threads finish together: the longest share is within 1/16 of the mean. */
static int shares_out(const struct yt_space *space, const struct yt_schedule *s)
{
    const int64_t tasks = yt_schedule_tasks(space->problem, s, space->isa);
    const int64_t longest = (tasks + space->threads - 1) / space->threads;
    return 16 * longest * space->threads <= 17 * tasks;
}

static void add(const struct yt_space *space, struct list *list,
                const struct yt_schedule *s, int must_share)
{
    if (!yt_schedule_applies(space->problem, s, space->isa) ||
        (must_share && !shares_out(space, s)))
        return;
    assert(list->count < LIST_MAX);
    list->items[list->count++] = *s;
}

/* Groups of rows (flat: of tiles) per task that divide the work in different
 * ways: all of it, halves, quarters ... and small fixed numbers. */
static int32_t group_sizes(const struct yt_space *space,
                           const struct yt_schedule *s,
                           int32_t sizes[SIZES_MAX])
{
    struct yt_conv_tiles t;
    yt_conv_tiles(space->problem, s, space->isa, &t);
    const int32_t units = t.flat ? t.tiles : t.rows;
    int32_t count = 0;
    sizes[count++] = 0;
    int32_t last = units;
    for (int32_t parts = 2; parts <= 64 && count < 12; parts *= 2) {
        const int32_t size = ceil_div(units, parts);
        if (size < last)
            sizes[count++] = size;
        last = size;
    }
    for (int32_t size = 4; size >= 1 && count < SIZES_MAX; size /= 2)
        if (size < last)
            sizes[count++] = last = size;
    return count;
}

/* A task shape to begin with: the coarsest that shares out, image outside. */
static void default_tasks(const struct yt_space *space, struct yt_schedule *s)
{
    int32_t sizes[SIZES_MAX];
    struct yt_schedule best = *s;
    int found = 0;
    struct yt_conv_tiles t;
    yt_conv_tiles(space->problem, s, space->isa, &t);
    const enum yt_task_order outer =
        s->algo == YT_ALGO_LAZY || t.k_tiles == 1 /* the order of one */
            ? YT_ORDER_PIXELS
            : YT_ORDER_CHANNELS;
    s->order = outer;
    const int32_t count = group_sizes(space, s, sizes);
    for (int32_t i = 0; i < count && !found; i++) {
        s->tiles = sizes[i];
        if (yt_schedule_applies(space->problem, s, space->isa) &&
            shares_out(space, s)) {
            best = *s;
            found = 1;
        }
    }
    if (!found) { /* nothing shares out: as fine as it gets */
        best.order = outer;
        best.tiles = 1;
        if (!yt_schedule_applies(space->problem, &best, space->isa))
            best.tiles = 0;
    }
    *s = best;
}

/* Pixels of the tiles that a row is really split into. */
static int32_t canonical_mr(const struct yt_space *space,
                            const struct yt_schedule *s)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(space->problem, s, space->isa, &t);
    return t.base + (t.large > 0);
}

static void list_tiles(const struct yt_space *space, struct list *list,
                       int32_t divisor)
{
    const struct yt_conv2d *p = &space->problem->u.conv2d;
    for (int32_t nr = 1; nr <= NR_MAX; nr++) {
        int32_t widest = 0;
        for (int32_t mr = 1; mr <= MR_MAX; mr++)
            if (fits_registers(space->isa, mr, nr))
                widest = mr;
        int32_t before = 0;
        for (int32_t mr = widest; mr >= 1; mr--) {
            /* Fewer than 8 accumulators cannot hide the FMA's latency. */
            if (divisor && (divisor * mr < widest || mr * nr < 8) &&
                mr != widest)
                break;
            struct yt_schedule s = {
                .algo = YT_ALGO_DIRECT,
                .mr = mr,
                .nr = nr,
                .ku = p->c == 3   ? 1
                      : p->r == 1 ? 4
                                  : 1,
                .launder = p->r > 1,
                .coarse = yt_schedule_may_be_coarse(space->problem),
            };
            if (!yt_schedule_applies(space->problem, &s, space->isa)) {
                /* A row narrower than the tile: its whole width is one. */
                struct yt_conv_tiles t;
                yt_conv_tiles(space->problem, &s, space->isa, &t);
                if (mr <= t.row || t.k_blocks % nr)
                    continue;
                s.mr = t.row;
            }
            s.mr = canonical_mr(space, &s);
            if (s.mr == before)
                continue;
            before = s.mr;
            default_tasks(space, &s);
            add(space, list, &s, 0);
            if (p->lazy && nr == 1) {
                s.algo = YT_ALGO_LAZY;
                s.order = YT_ORDER_PIXELS;
                s.coarse = 0;
                default_tasks(space, &s);
                add(space, list, &s, 0);
            }
        }
    }
}

static void list_bodies(const struct yt_space *space, struct list *list,
                        const struct yt_schedule *base)
{
    struct yt_schedule s;
    for (int32_t i = 0; i < UNROLLS; i++) {
        s = *base;
        s.ku = unrolls[i];
        add(space, list, &s, 0);
    }
    for (int tune = 0; tune < YT_TUNE_COUNT; tune++) {
        s = *base;
        s.tune = (enum yt_tune_cpu)tune;
        add(space, list, &s, 0);
    }
    s = *base;
    s.ic_outer = !s.ic_outer;
    add(space, list, &s, 0);
    s = *base;
    s.coarse = !s.coarse;
    add(space, list, &s, 0);
    if (space->problem->u.conv2d.r > 1) {
        s = *base;
        s.launder = !s.launder;
        add(space, list, &s, 0);
    }
}

static void list_tasks(const struct yt_space *space, struct list *list,
                       const struct yt_schedule *base)
{
    int32_t sizes[SIZES_MAX];
    struct yt_conv_tiles t;
    yt_conv_tiles(space->problem, base, space->isa, &t);
    const int32_t count = group_sizes(space, base, sizes);
    for (int order = 0; order < YT_ORDER_COUNT; order++) {
        if (order && t.k_tiles == 1)
            continue; /* the order of one */
        for (int32_t i = 0; i < count; i++) {
            struct yt_schedule s = *base;
            s.order = (enum yt_task_order)order;
            s.tiles = sizes[i];
            add(space, list, &s, 1);
        }
    }
}

static void list_neighbours(const struct yt_space *space, struct list *list,
                            const struct yt_schedule *base)
{
    for (int32_t step = -1; step <= 1; step += 2) {
        struct yt_schedule s = *base;
        s.mr += step;
        if (s.mr >= 1 && fits_registers(space->isa, s.mr, s.nr)) {
            s.mr = yt_schedule_applies(space->problem, &s, space->isa)
                       ? canonical_mr(space, &s)
                       : s.mr;
            add(space, list, &s, 0);
        }
    }
    list_bodies(space, list, base);
    list_tasks(space, list, base);
}

/* The shapes of an exhaustive search: each tile with each of its task shapes,
 * and with its default one where none shares out. */
static void list_shapes(const struct yt_space *space, struct list *shapes)
{
    struct list *tiles = malloc(sizeof *tiles);
    shapes->count = 0;
    if (!tiles)
        return;
    tiles->count = 0;
    list_tiles(space, tiles, 0);
    for (int32_t i = 0; i < tiles->count; i++) {
        const int32_t before = shapes->count;
        list_tasks(space, shapes, &tiles->items[i]);
        if (shapes->count == before)
            add(space, shapes, &tiles->items[i], 0);
    }
    free(tiles);
}

/* What a shape is crossed with: unrolling, scheduling model, loop order, and
 * laundering of more than one tap. */
static int32_t bodies_of_shape(const struct yt_space *space)
{
    const int launders = space->problem->u.conv2d.r > 1 ? 2 : 1;
    return UNROLLS * YT_TUNE_COUNT * 2 * launders;
}

/* Number @p index of shapes x bodies; 0 when it does not apply. */
static int nth(const struct yt_space *space, const struct list *shapes,
               int64_t index, struct yt_schedule *s_out)
{
    const int32_t bodies = bodies_of_shape(space);
    struct yt_schedule s = shapes->items[index / bodies];
    int32_t body = (int32_t)(index % bodies);
    s.ku = unrolls[body % UNROLLS];
    body /= UNROLLS;
    s.tune = (enum yt_tune_cpu)(body % YT_TUNE_COUNT);
    body /= YT_TUNE_COUNT;
    s.ic_outer = body % 2;
    body /= 2;
    if (space->problem->u.conv2d.r > 1)
        s.launder = body % 2;
    *s_out = s;
    return yt_schedule_applies(space->problem, &s, space->isa);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A stride that meets every number below @p size once, and spreads: near the
 * golden section, without a common divisor. */
static int64_t stride_of(int64_t size)
{
    int64_t stride = (int64_t)(0.6180339887 * (double)size);
    if (stride < 1)
        stride = 1;
    while (gcd(stride, size) != 1)
        stride++;
    return stride;
}

static int rest_of_space(const struct yt_space *space, struct list *shapes,
                         const struct yt_trials *trials,
                         struct yt_schedule *next_out)
{
    list_shapes(space, shapes);
    const int64_t size = (int64_t)shapes->count * bodies_of_shape(space);
    const int64_t stride = stride_of(size);
    int64_t at = 0;
    for (int64_t i = 0; i < size; i++) {
        if (nth(space, shapes, at, next_out) &&
            !yt_trials_find(trials, next_out))
            return 1;
        at = (at + stride) % size;
    }
    return 0;
}

static int first_untried(const struct list *list,
                         const struct yt_trials *trials,
                         struct yt_schedule *next_out)
{
    for (int32_t i = 0; i < list->count; i++) {
        if (!yt_trials_find(trials, &list->items[i])) {
            *next_out = list->items[i];
            return 1;
        }
    }
    return 0;
}

/* The indices of the fastest trials whose tiles differ when @p per_tile. */
static int32_t fastest(const struct yt_trials *trials, int per_tile,
                       int32_t best[FINALISTS])
{
    int32_t found = 0;
    while (found < FINALISTS) {
        int32_t at = -1;
        for (int32_t i = 0; i < trials->count; i++) {
            int taken = !trials->items[i].ok;
            for (int32_t j = 0; j < found && !taken; j++) {
                const struct yt_schedule *a = &trials->items[best[j]].schedule;
                const struct yt_schedule *b = &trials->items[i].schedule;
                taken = best[j] == i ||
                        (per_tile && a->mr == b->mr && a->nr == b->nr);
            }
            if (!taken &&
                (at < 0 || trials->items[i].min_ns < trials->items[at].min_ns))
                at = i;
        }
        if (at < 0)
            break;
        best[found++] = at;
    }
    return found;
}

int yt_space_next(const struct yt_space *space, const struct yt_trials *trials,
                  struct yt_schedule *next_out)
{
    struct yt_schedule only;
    if (space->problem->op != YT_OP_CONV2D) {
        yt_schedule_default(space->problem, space->isa, &only);
        if (yt_trials_find(trials, &only))
            return 0;
        *next_out = only;
        return 1;
    }
    struct list *list = malloc(sizeof *list);
    if (!list)
        return 0;
    list->count = 0;
    yt_schedule_default(space->problem, space->isa, &only);
    list->items[list->count++] = only; /* what tuning is compared with */
    list_tiles(space, list, 2);
    int found = first_untried(list, trials, next_out);

    int32_t best[FINALISTS];
    int32_t finalists = fastest(trials, 1, best);
    for (int32_t i = 0; i < finalists && !found; i++) {
        list->count = 0;
        list_bodies(space, list, &trials->items[best[i]].schedule);
        found = first_untried(list, trials, next_out);
    }
    finalists = fastest(trials, 0, best);
    for (int32_t i = 0; i < finalists && !found; i++) {
        list->count = 0;
        list_tasks(space, list, &trials->items[best[i]].schedule);
        found = first_untried(list, trials, next_out);
    }
    if (!found && finalists) {
        list->count = 0;
        list_neighbours(space, list, &trials->items[best[0]].schedule);
        found = first_untried(list, trials, next_out);
    }
    if (!found && space->exhaustive)
        found = rest_of_space(space, list, trials, next_out);
    free(list);
    return found;
}

int32_t yt_space_size(const struct yt_space *space)
{
    if (space->problem->op != YT_OP_CONV2D)
        return 1;
    struct list *list = malloc(sizeof *list);
    if (!list)
        return 0;
    list_shapes(space, list);
    const int64_t all = (int64_t)list->count * bodies_of_shape(space);
    int32_t size = 0;
    struct yt_schedule s;
    for (int64_t i = 0; i < all; i++)
        size += nth(space, list, i, &s);
    free(list);
    return size;
}
