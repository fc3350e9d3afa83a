/* The search policy over the rows of an operator. Each stage lists candidates
 * in a fixed order; the first that was not tried yet is next. Cheap: a stage is
 * at most some dozens. */

#include "tuner/search/space.h"

#include <stdlib.h>

#include "codegen/algo.h"
#include "codegen/propose.h"
#include "runtime/fail.h"

#define FINALISTS 3

/* Candidates as rows propose them. The first failure sticks. */
struct list {
    struct yt_schedule *items;
    int32_t count, cap;
    enum yt_status status;
};

static void take(void *user, const struct yt_schedule *s)
{
    struct list *list = user;
    if (list->status != YT_OK)
        return;
    if (list->count == list->cap) {
        const int32_t cap = list->cap ? 2 * list->cap : 64;
        struct yt_schedule *items =
            realloc(list->items, (size_t)cap * sizeof *items);
        if (!items) {
            list->status =
                yt_fail(YT_NO_MEMORY, "no memory for %d candidates", cap);
            return;
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = *s;
}

static void list_deinit(struct list *list)
{
    free(list->items);
}

static struct yt_ask ask_of(const struct yt_space *space, enum yt_stage stage,
                            const struct yt_schedule *base, struct list *list)
{
    return (struct yt_ask){
        .problem = space->problem,
        .isa = space->isa,
        .threads = space->threads,
        .stage = stage,
        .base = base,
        .take = take,
        .user = list,
    };
}

/* --------------------------------------------------------------- stages */

static void list_of_row(const struct yt_space *space, enum yt_algo_id id,
                        enum yt_stage stage, struct list *list)
{
    const struct yt_algo *row = yt_algo_get(id);
    const struct yt_ask ask = ask_of(space, stage, NULL, list);
    struct yt_schedule only;
    if (row->propose)
        row->propose(&ask);
    else if (yt_algo_first(id, space->problem, space->isa, &only))
        yt_propose(&ask, &only);
}

/* What tuning is compared with; then the shapes of all rows, a row's first
 * beside the other rows' first, so that time that runs out does so for all. */
static void list_shapes(const struct yt_space *space, struct list *list)
{
    struct list rows[YT_ALGO_COUNT] = {{NULL}};
    const enum yt_op op = space->problem->op;
    struct yt_schedule untuned;
    yt_schedule_default(space->problem, space->isa, &untuned);
    take(list, &untuned);
    enum yt_algo_id id = yt_algo_next(op, YT_ALGO_COUNT);
    int32_t longest = 0;
    for (; id != YT_ALGO_COUNT; id = yt_algo_next(op, id)) {
        list_of_row(space, id, YT_STAGE_SHAPES, &rows[id]);
        longest = rows[id].count > longest ? rows[id].count : longest;
    }
    for (int32_t i = 0; i < longest; i++)
        for (int row = 0; row < YT_ALGO_COUNT; row++)
            if (i < rows[row].count)
                take(list, &rows[row].items[i]);
    for (int row = 0; row < YT_ALGO_COUNT; row++) {
        if (list->status == YT_OK)
            list->status = rows[row].status;
        list_deinit(&rows[row]);
    }
}

static void list_bodies(const struct yt_space *space, struct list *list,
                        const struct yt_schedule *base)
{
    const struct yt_algo *row = yt_algo_get(base->algo);
    for (int32_t i = 0; i < row->body_count; i++) {
        const enum yt_knob_id knob = row->bodies[i];
        int32_t values[YT_VALUES_MAX];
        const int32_t count =
            yt_algo_values(row, space->problem, space->isa, knob, values);
        for (int32_t j = 0; j < count; j++) {
            struct yt_schedule s = *base;
            yt_schedule_put(&s, knob, values[j]);
            if (knob == YT_KNOB_COARSE && !values[j])
                yt_schedule_put(&s, YT_KNOB_HALVES, 0); /* a coarse kind */
            if (yt_schedule_applies(space->problem, &s, space->isa))
                take(list, &s);
        }
    }
}

static void list_asked(const struct yt_space *space, struct list *list,
                       enum yt_stage stage, const struct yt_schedule *base)
{
    const struct yt_algo *row = yt_algo_get(base->algo);
    const struct yt_ask ask = ask_of(space, stage, base, list);
    if (row->propose)
        row->propose(&ask);
}

static void list_tasks(const struct yt_space *space, struct list *list,
                       const struct yt_schedule *base)
{
    list_asked(space, list, YT_STAGE_TASKS, base);
}

static void list_neighbours(const struct yt_space *space, struct list *list,
                            const struct yt_schedule *base)
{
    list_asked(space, list, YT_STAGE_NEIGHBOURS, base);
    list_bodies(space, list, base);
    list_tasks(space, list, base);
}

/* ----------------------------------------------------------- everything */

/* Of one row: each shape, with its tasks, crossed with each body. */
struct part {
    const struct yt_algo *row;
    struct list shapes;
    int32_t values[YT_BODIES_MAX][YT_VALUES_MAX];
    int32_t value_count[YT_BODIES_MAX];
    int64_t bodies; /* product of the counts */
};

struct everything {
    struct part parts[YT_ALGO_COUNT];
    int32_t count;
    int64_t size; /* over all parts, with what does not apply */
};

static enum yt_status part_init(const struct yt_space *space,
                                enum yt_algo_id id, struct part *part)
{
    part->row = yt_algo_get(id);
    part->bodies = 1;
    list_of_row(space, id, YT_STAGE_ALL, &part->shapes);
    for (int32_t i = 0; i < part->row->body_count; i++) {
        part->value_count[i] =
            yt_algo_values(part->row, space->problem, space->isa,
                           part->row->bodies[i], part->values[i]);
        part->bodies *= part->value_count[i];
    }
    return part->shapes.status;
}

static void everything_deinit(struct everything *all)
{
    for (int32_t i = 0; i < all->count; i++)
        list_deinit(&all->parts[i].shapes);
}

/* @return YT_OK; YT_NO_MEMORY: it holds nothing then. */
static enum yt_status everything_init(const struct yt_space *space,
                                      struct everything *all)
{
    const enum yt_op op = space->problem->op;
    enum yt_algo_id id = yt_algo_next(op, YT_ALGO_COUNT);
    enum yt_status status = YT_OK;
    *all = (struct everything){.count = 0};
    for (; id != YT_ALGO_COUNT && status == YT_OK; id = yt_algo_next(op, id)) {
        struct part *part = &all->parts[all->count++];
        status = part_init(space, id, part);
        all->size += part->shapes.count * part->bodies;
    }
    if (status != YT_OK)
        everything_deinit(all);
    return status;
}

/* Number @p index of everything; 0 when it does not apply. */
static int nth(const struct yt_space *space, const struct everything *all,
               int64_t index, struct yt_schedule *s_out)
{
    const struct part *part = all->parts;
    for (; index >= part->shapes.count * part->bodies; part++)
        index -= part->shapes.count * part->bodies;
    struct yt_schedule s = part->shapes.items[index / part->bodies];
    int64_t body = index % part->bodies;
    for (int32_t i = 0; i < part->row->body_count; i++) {
        yt_schedule_put(&s, part->row->bodies[i],
                        part->values[i][body % part->value_count[i]]);
        body /= part->value_count[i];
    }
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

static enum yt_status rest_of_space(const struct yt_space *space,
                                    const struct yt_trials *trials,
                                    int *any_out, struct yt_schedule *next_out)
{
    struct everything all;
    YT_TRY(everything_init(space, &all));
    const int64_t stride = stride_of(all.size);
    int64_t at = 0;
    for (int64_t i = 0; i < all.size && !*any_out; i++) {
        *any_out =
            nth(space, &all, at, next_out) && !yt_trials_find(trials, next_out);
        at = (at + stride) % all.size;
    }
    everything_deinit(&all);
    return YT_OK;
}

enum yt_status yt_space_each(const struct yt_space *space,
                             enum yt_status (*fn)(void *user,
                                                  const struct yt_schedule *s),
                             void *user)
{
    struct everything all;
    struct yt_schedule s;
    enum yt_status status = YT_OK;
    YT_TRY(everything_init(space, &all));
    for (int64_t i = 0; i < all.size && status == YT_OK; i++)
        if (nth(space, &all, i, &s))
            status = fn(user, &s);
    everything_deinit(&all);
    return status;
}

static enum yt_status count_one(void *user, const struct yt_schedule *s)
{
    (void)s;
    (*(int64_t *)user)++;
    return YT_OK;
}

enum yt_status yt_space_size(const struct yt_space *space, int64_t *size_out)
{
    int64_t size = 0;
    YT_TRY(yt_space_each(space, count_one, &size));
    *size_out = size;
    return YT_OK;
}

/* --------------------------------------------------------------- policy */

/* @param sure so many at the begin are tried in any case. */
static int first_untried(const struct yt_space *space, const struct list *list,
                         int32_t sure, const struct yt_trials *trials,
                         struct yt_schedule *next_out)
{
    for (int32_t i = 0; i < list->count; i++) {
        if (!yt_trials_find(trials, &list->items[i]) &&
            (i < sure || !space->worth ||
             space->worth(space->user, &list->items[i]))) {
            *next_out = list->items[i];
            return 1;
        }
    }
    return 0;
}

/* Whether two schedules differ in bodies and tasks alone. */
static int same_shape(const struct yt_schedule *a, const struct yt_schedule *b)
{
    const struct yt_algo *row = yt_algo_get(a->algo);
    struct yt_schedule like_a = *b;
    for (int id = 0; id < YT_KNOB_COUNT; id++)
        if (yt_knob_get((enum yt_knob_id)id)->part == YT_PART_TASKS)
            yt_schedule_put(&like_a, (enum yt_knob_id)id,
                            yt_schedule_get(a, (enum yt_knob_id)id));
    for (int32_t i = 0; i < row->body_count; i++)
        yt_schedule_put(&like_a, row->bodies[i],
                        yt_schedule_get(a, row->bodies[i]));
    return yt_schedule_same(a, &like_a);
}

/* The indices of the fastest trials whose shapes differ when @p per_shape. */
static int32_t fastest(const struct yt_trials *trials, int per_shape,
                       int32_t best[FINALISTS])
{
    int32_t found = 0;
    while (found < FINALISTS) {
        int32_t at = -1;
        for (int32_t i = 0; i < trials->count; i++) {
            int taken = !trials->items[i].ok;
            for (int32_t j = 0; j < found && !taken; j++)
                taken =
                    best[j] == i ||
                    (per_shape && same_shape(&trials->items[best[j]].schedule,
                                             &trials->items[i].schedule));
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

/* What a stage lists around one of the fastest. */
typedef void (*around_fn)(const struct yt_space *space, struct list *list,
                          const struct yt_schedule *base);

/* The first untried around the fastest @p most trials, best first. */
static void look_around(const struct yt_space *space,
                        const struct yt_trials *trials, around_fn around,
                        int32_t most, int per_shape, struct list *list,
                        int *any_out, struct yt_schedule *next_out)
{
    int32_t best[FINALISTS];
    const int32_t found = fastest(trials, per_shape, best);
    for (int32_t i = 0; i < found && i < most && !*any_out; i++) {
        list->count = 0;
        around(space, list, &trials->items[best[i]].schedule);
        *any_out = first_untried(space, list, 0, trials, next_out);
    }
}

enum yt_status yt_space_next(const struct yt_space *space,
                             const struct yt_trials *trials, int *any_out,
                             struct yt_schedule *next_out)
{
    static const struct {
        around_fn around;
        int32_t most;
        int per_shape;
    } stages[] = {
        {list_bodies, FINALISTS, 1},
        {list_tasks, FINALISTS, 0},
        {list_neighbours, 1, 0},
    };
    struct list list = {.count = 0};
    struct yt_schedule untuned;
    yt_schedule_default(space->problem, space->isa, &untuned);
    take(&list, &untuned);
    for (int32_t i = 0; i < space->proposed_count; i++)
        take(&list, &space->proposed[i]);
    list_shapes(space, &list);
    const int32_t sure = space->sceptical ? 1 : 1 + space->proposed_count;
    *any_out = first_untried(space, &list, sure, trials, next_out);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0] && !*any_out; i++)
        look_around(space, trials, stages[i].around, stages[i].most,
                    stages[i].per_shape, &list, any_out, next_out);
    const enum yt_status status = list.status;
    list_deinit(&list);
    if (status != YT_OK || *any_out || !space->exhaustive)
        return status;
    return rest_of_space(space, trials, any_out, next_out);
}
