/* Features of (problem, schedule), and trees over them. */

#include "tuner/search/cost_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/math.h"
#include "codegen/pack.h"
#include "runtime/fail.h"
#include "runtime/op.h"
#include "tuner/search/boost.h"

#define FEATURES_MAX    64
#define ROWS_LEAST      150  /* fewer teach nothing */
#define ROWS_MOST       8000 /* of more, some: learning takes a second then */
#define GROUPS_MOST     1024 /* problems on so many threads */
#define WORST           0.7f /* half the best's speed: how bad past that is no matter */
#define OF_AN_ALGORITHM 3 /* candidates that are tried whatever is thought */
#define OF_A_SHAPE      3 /* proposals with one register tile */

/* From when on a problem's own trials say what the model is worth there. */
#define TRIALS_LEAST 12

/* Of a server core, where the CPU does not say. */
#define L1_KIB 32
#define L2_KIB 1024

struct yt_cost_model {
    const struct yt_isa *isa;
    double l1_bytes, l2_bytes;
    struct yt_boost *boost;
    int32_t rows;
};

/* --------------------------------------------------------------- features */

struct features {
    float x[FEATURES_MAX];
    int32_t count;
};

static void add(struct features *f, double x)
{
    if (f->count < FEATURES_MAX)
        f->x[f->count++] = (float)x;
}

static void add_log(struct features *f, double x)
{
    add(f, log2(1 + x));
}

/* How much more is computed than wanted when @p n is cut into pieces. */
static double waste(int64_t n, int64_t piece)
{
    return (double)(yt_ceil_div(n, piece) * piece) / (double)n;
}

static void add_problem(struct features *f, const struct yt_problem *p,
                        int32_t threads)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const double sizes[] = {v->c, v->k, yt_conv2d_out_h(v), yt_conv2d_out_w(v)};
    const double kinds[] = {v->r,   v->stride,  v->act,  v->add,  v->lazy > 0,
                            p->out, v->outputs, threads, p->dtype};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        add_log(f, sizes[i]);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        add(f, kinds[i]);
    add_log(f, 1e-6 * (double)yt_problem_flops(p));
}

static void add_schedule(struct features *f, const struct yt_schedule *s)
{
    add(f, s->algo);
    for (int id = 0; id < YT_KNOB_COUNT; id++) {
        const int32_t value = yt_schedule_get(s, (enum yt_knob_id)id);
        if (yt_knob_get((enum yt_knob_id)id)->kind == YT_KIND_NUMBER)
            add_log(f, value);
        else
            add(f, value);
    }
}

/* Edges of register tiles and of squares of outputs. */
static void add_waste(struct features *f, const struct yt_problem *p,
                      const struct yt_schedule *s, const struct yt_isa *isa)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int64_t h = yt_conv2d_out_h(v), w = yt_conv2d_out_w(v);
    const double tile = s->mr * s->nr;
    add(f, waste(v->k, (int64_t)isa->lanes * s->nr));
    add(f, waste(w, s->mr));
    add(f, waste(h * w, s->mr));
    add(f, waste(w, s->edge) * waste(h, s->edge));
    add(f, tile);
    add(f, (tile + s->nr + 1) / isa->regs);
    add(f, (s->mr + s->nr) / tile); /* loads for a multiply-add */
}

/* Working sets against the caches, and what a thread gets. */
static void add_memory(struct features *f, const struct yt_cost_model *m,
                       const struct yt_problem *p, const struct yt_schedule *s,
                       int32_t threads)
{
    const struct yt_isa *isa = m->isa;
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    const double weights = (double)yt_pack_weight_bytes(p, s, isa);
    const double in = (double)yt_tensor_bytes(&t.in, isa->lanes);
    const double out = (double)yt_tensor_bytes(&t.out, isa->lanes);
    const double scratch = (double)yt_schedule_scratch_bytes(p, s, isa);
    const double tasks = (double)yt_schedule_tasks(p, s, isa);
    const double channels = (double)s->nr * isa->lanes / p->u.conv2d.k;
    add_log(f, weights / m->l2_bytes);
    add_log(f, in / m->l2_bytes);
    add_log(f, out / m->l2_bytes);
    add_log(f, scratch / m->l2_bytes);
    add_log(f, weights * channels / m->l1_bytes); /* of a channel tile */
    add_log(f, (in + out) / tasks / m->l1_bytes);
    add_log(f, (in + out) / tasks / m->l2_bytes);
    add_log(f, tasks / threads);
    add(f, ceil(tasks / threads) * threads / tasks);
    add(f, yt_schedule_splits_pixels(p, s, isa));
}

static void describe(const struct yt_cost_model *m, const struct yt_problem *p,
                     const struct yt_schedule *s, int32_t threads,
                     struct features *f)
{
    f->count = 0;
    add_problem(f, p, threads);
    add_schedule(f, s);
    add_waste(f, p, s, m->isa);
    add_memory(f, m, p, s, threads);
}

/* --------------------------------------------------------------- learning */

/* A problem on so many threads, and its best time so far. */
struct group {
    char problem[YT_PROBLEM_NAME_MAX];
    int32_t threads;
    float best;
};

struct lesson {
    struct yt_cost_model *model;
    const char *except;
    float *x; /* [cap][features] */
    float *y;
    int32_t *group;       /* [cap] */
    struct group *groups; /* [GROUPS_MOST] */
    int32_t group_count;
    int32_t count, cap, features; /* the last is known with the first row */
};

static enum yt_status grow(struct lesson *l)
{
    const int32_t cap = l->cap ? 2 * l->cap : 1024;
    float *x = realloc(l->x, (size_t)cap * (size_t)l->features * sizeof *l->x);
    l->x = x ? x : l->x;
    float *y = x ? realloc(l->y, (size_t)cap * sizeof *l->y) : NULL;
    l->y = y ? y : l->y;
    int32_t *group =
        y ? realloc(l->group, (size_t)cap * sizeof *l->group) : NULL;
    l->group = group ? group : l->group;
    YT_FAIL_IF(!group, YT_NO_MEMORY, "no memory to learn of %d rows", cap);
    l->cap = cap;
    return YT_OK;
}

/* Rows come problem by problem: the last ones are looked at first.
 * @return -1: there is no room for another. */
static int32_t group_of(struct lesson *l, const struct yt_db_measurement *row)
{
    for (int32_t i = l->group_count - 1; i >= 0; i--)
        if (l->groups[i].threads == row->threads &&
            strcmp(l->groups[i].problem, row->problem) == 0)
            return i;
    if (l->group_count == GROUPS_MOST ||
        strlen(row->problem) >= sizeof l->groups[0].problem)
        return -1;
    struct group *group = &l->groups[l->group_count];
    memcpy(group->problem, row->problem, strlen(row->problem) + 1);
    group->threads = row->threads;
    group->best = INFINITY;
    return l->group_count++;
}

/* How much slower than the best of its problem a row is. */
static void compare_with_best(struct lesson *l)
{
    for (int32_t i = 0; i < l->count; i++) {
        const float past = l->y[i] - l->groups[l->group[i]].best;
        l->y[i] = past < WORST ? past : WORST;
    }
}

/* Some of too many, of all problems. */
static void thin_out(struct lesson *l)
{
    const size_t features = (size_t)l->features;
    int32_t kept = 0;
    for (int64_t i = 0; i < l->count && l->count > ROWS_MOST; i++) {
        if (i * ROWS_MOST / l->count < kept)
            continue;
        memmove(l->x + (size_t)kept * features, l->x + (size_t)i * features,
                features * sizeof *l->x);
        l->y[kept++] = l->y[i];
    }
    l->count = kept ? kept : l->count;
}

static enum yt_status take_row(void *user, const struct yt_db_measurement *row)
{
    struct lesson *l = user;
    struct yt_problem p;
    struct yt_schedule s;
    struct features f;
    if (row->outcome != YT_DB_OK || !(row->min_ns > 0) ||
        (l->except && strcmp(row->problem, l->except) == 0))
        return YT_OK;
    if (yt_problem_parse(row->problem, &p) != YT_OK ||
        !yt_cost_model_knows(&p) ||
        yt_schedule_parse(p.op, row->schedule, &s) != YT_OK ||
        !yt_schedule_applies(&p, &s, l->model->isa))
        return YT_OK;
    const int32_t group = group_of(l, row);
    if (group < 0)
        return YT_OK;
    describe(l->model, &p, &s, row->threads, &f);
    l->features = f.count;
    if (l->count == l->cap)
        YT_TRY(grow(l));
    memcpy(l->x + (size_t)l->count * (size_t)f.count, f.x,
           (size_t)f.count * sizeof f.x[0]);
    const float y = (float)log(row->min_ns);
    if (y < l->groups[group].best)
        l->groups[group].best = y;
    l->group[l->count] = group;
    l->y[l->count++] = y;
    return YT_OK;
}

static enum yt_status learn(struct yt_cost_model *model,
                            const struct yt_site *site, struct lesson *lesson)
{
    const struct yt_db_measurement_query query = {
        .here = site->here, .isa = site->isa->name, .setting = ""};
    YT_TRY(yt_db_measurements(site->db, &query, take_row, lesson));
    YT_FAIL_IF(lesson->count < ROWS_LEAST, YT_NOT_FOUND,
               "%d measurements are too few to learn from", lesson->count);
    model->rows = lesson->count;
    compare_with_best(lesson);
    thin_out(lesson);
    const struct yt_boost_rows rows = {
        .x = lesson->x,
        .y = lesson->y,
        .count = lesson->count,
        .features = lesson->features,
    };
    return yt_boost_fit(&rows, &model->boost);
}

enum yt_status yt_cost_model_learn(const struct yt_site *site,
                                   const char *except,
                                   struct yt_cost_model **model_out)
{
    const struct yt_cpu_facts *cpu = &site->host.cpu;
    struct yt_cost_model *model = NULL;
    struct lesson lesson = {.except = except};
    enum yt_status status;
    YT_FAIL_IF(!site->db, YT_NOT_FOUND, "no database to learn from");
    model = calloc(1, sizeof *model);
    YT_FAIL_IF(!model, YT_NO_MEMORY, "no memory for a cost model");
    model->isa = site->isa;
    model->l1_bytes = 1024.0 * (cpu->l1d_kib ? cpu->l1d_kib : L1_KIB);
    model->l2_bytes = 1024.0 * (cpu->l2_kib ? cpu->l2_kib : L2_KIB);
    lesson.model = model;
    lesson.groups = calloc(GROUPS_MOST, sizeof *lesson.groups);
    status = lesson.groups
                 ? learn(model, site, &lesson)
                 : yt_fail(YT_NO_MEMORY, "no memory for a cost model");
    free(lesson.x);
    free(lesson.y);
    free(lesson.group);
    free(lesson.groups);
    if (status != YT_OK) {
        yt_cost_model_destroy(model);
        return status;
    }
    *model_out = model;
    return YT_OK;
}

/* ---------------------------------------------------------------- advice */

int yt_cost_model_knows(const struct yt_problem *p)
{
    return p->op == YT_OP_CONV2D;
}

double yt_cost_model_value(const struct yt_cost_model *model,
                           const struct yt_problem *p,
                           const struct yt_schedule *s, int32_t threads)
{
    struct features f;
    describe(model, p, s, threads, &f);
    return yt_boost_value(model->boost, f.x);
}

struct rated {
    struct yt_schedule schedule;
    double value;
};

struct rating {
    const struct yt_cost_model *model;
    const struct yt_space *space;
    struct rated *items;
    int64_t count, cap;
};

static enum yt_status rate(void *user, const struct yt_schedule *s)
{
    struct rating *r = user;
    if (r->count == r->cap) {
        const int64_t cap = r->cap ? 2 * r->cap : 1024;
        struct rated *items = realloc(r->items, (size_t)cap * sizeof *items);
        YT_FAIL_IF(!items, YT_NO_MEMORY, "no memory to rate candidates");
        r->items = items;
        r->cap = cap;
    }
    r->items[r->count++] =
        (struct rated){*s, yt_cost_model_value(r->model, r->space->problem, s,
                                               r->space->threads)};
    return YT_OK;
}

static int cheaper_first(const void *a, const void *b)
{
    const struct rated *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? -1 : 1;
    char name_x[YT_SCHEDULE_NAME_MAX], name_y[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(&x->schedule, name_x);
    yt_schedule_name(&y->schedule, name_y);
    return strcmp(name_x, name_y);
}

static int same_tile(const struct yt_schedule *a, const struct yt_schedule *b)
{
    int same = a->algo == b->algo;
    for (int id = 0; id < YT_KNOB_COUNT && same; id++)
        same = yt_knob_get((enum yt_knob_id)id)->part != YT_PART_TILE ||
               id == YT_KNOB_KU ||
               yt_schedule_get(a, (enum yt_knob_id)id) ==
                   yt_schedule_get(b, (enum yt_knob_id)id);
    return same;
}

/* Whether one more of its kind is wanted among those that were picked. */
static int is_wanted(const struct yt_schedule *picked, int32_t count,
                     const struct yt_schedule *s, int32_t most,
                     int (*same_kind)(const struct yt_schedule *a,
                                      const struct yt_schedule *b))
{
    int32_t like = 0;
    for (int32_t j = 0; j < count; j++) {
        if (yt_schedule_same(&picked[j], s))
            return 0;
        like += same_kind(&picked[j], s);
    }
    return like < most;
}

static int same_algorithm(const struct yt_schedule *a,
                          const struct yt_schedule *b)
{
    return a->algo == b->algo;
}

static int32_t pick_kinds(const struct rating *r, int32_t cap, int32_t most,
                          int (*same_kind)(const struct yt_schedule *a,
                                           const struct yt_schedule *b),
                          int32_t count, struct yt_schedule *schedules_out)
{
    for (int64_t i = 0; i < r->count && count < cap; i++)
        if (is_wanted(schedules_out, count, &r->items[i].schedule, most,
                      same_kind))
            schedules_out[count++] = r->items[i].schedule;
    return count;
}

/* One error of the model is one tile's or one algorithm's: not all eggs into
 * it. The best come first, what else is wanted takes what room is left. */
static int32_t pick(const struct rating *r, int32_t cap,
                    struct yt_schedule *schedules_out)
{
    int32_t count =
        pick_kinds(r, cap - cap / 4, OF_A_SHAPE, same_tile, 0, schedules_out);
    count = pick_kinds(r, cap, OF_AN_ALGORITHM, same_algorithm, count,
                       schedules_out);
    return pick_kinds(r, cap, OF_A_SHAPE, same_tile, count, schedules_out);
}

enum yt_status yt_cost_model_propose(const struct yt_cost_model *model,
                                     const struct yt_space *space, int32_t cap,
                                     struct yt_schedule *schedules_out,
                                     int32_t *count_out)
{
    struct rating r = {.model = model, .space = space};
    enum yt_status status = YT_OK;
    *count_out = 0;
    if (!yt_cost_model_knows(space->problem))
        return YT_OK;
    status = yt_space_each(space, rate, &r);
    if (status == YT_OK && r.count) {
        qsort(r.items, (size_t)r.count, sizeof *r.items, cheaper_first);
        *count_out = pick(&r, cap, schedules_out);
    }
    free(r.items);
    return status;
}

void yt_cost_model_doubt(const struct yt_cost_model *model,
                         const struct yt_space *space,
                         const struct yt_trials *trials, double gain,
                         double margin, struct yt_cost_doubt *doubt_out)
{
    double sum = 0, squares = 0, best = INFINITY;
    int32_t count = 0, tried[YT_ALGO_COUNT] = {0};
    for (int32_t i = 0; i < trials->count; i++) {
        const struct yt_trial *trial = &trials->items[i];
        tried[trial->schedule.algo]++;
        if (!trial->ok)
            continue;
        const double value = log(trial->min_ns);
        const double off =
            value - yt_cost_model_value(model, space->problem, &trial->schedule,
                                        space->threads);
        best = fmin(best, value);
        sum += off;
        squares += off * off;
        count++;
    }
    const double mean = count ? sum / count : 0;
    const double spread =
        count ? sqrt(fmax(0, squares / count - mean * mean)) : 0;
    *doubt_out = (struct yt_cost_doubt){
        .model = model,
        .problem = space->problem,
        .threads = space->threads,
        .limit = count >= TRIALS_LEAST ? best - mean + gain + margin * spread
                                       : INFINITY,
    };
    memcpy(doubt_out->tried, tried, sizeof tried);
}

int yt_cost_model_worth(void *user, const struct yt_schedule *s)
{
    const struct yt_cost_doubt *doubt = user;
    return doubt->tried[s->algo] < OF_AN_ALGORITHM ||
           yt_cost_model_value(doubt->model, doubt->problem, s,
                               doubt->threads) <= doubt->limit;
}

int32_t yt_cost_model_rows(const struct yt_cost_model *model)
{
    return model->rows;
}

void yt_cost_model_destroy(struct yt_cost_model *model)
{
    if (!model)
        return;
    yt_boost_destroy(model->boost);
    free(model);
}
