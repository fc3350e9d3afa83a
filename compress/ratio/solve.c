/* See compress/ratio/solve.h. */

#include "compress/ratio/solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

void yt_ratio_table_deinit(struct yt_ratio_table *table)
{
    for (int32_t i = 0; i < table->layer_count; i++) {
        free(table->layers[i].in);
        free(table->layers[i].out);
    }
    free(table->layers);
    free(table->groups);
    *table = (struct yt_ratio_table){.groups = NULL};
}

/* ------------------------------------------------------------------- times */

static double kept_of(const struct yt_ratio_table *table,
                      const struct yt_ratio_part *parts, int32_t count,
                      const int32_t *choices)
{
    double kept = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t g = parts[i].group;
        kept += parts[i].size * (g < 0 ? 1 : table->groups[g].kept[choices[g]]);
    }
    return count > 0 ? kept : 1;
}

double yt_ratio_work(const struct yt_ratio_table *table, int32_t layer,
                     const int32_t *choices)
{
    const struct yt_ratio_layer *l = &table->layers[layer];
    return kept_of(table, l->in, l->in_count, choices) *
           kept_of(table, l->out, l->out_count, choices);
}

static double interpolate(const struct yt_ratio_layer *layer, double work)
{
    const int32_t count = layer->point_count;
    if (count == 0)
        return 0;
    int32_t i = 0;
    while (i < count && layer->points[i].work > work)
        i++;
    if (i == 0 || i == count)
        return layer->points[i == 0 ? 0 : count - 1].ns;
    const double above = layer->points[i - 1].work;
    const double below = layer->points[i].work;
    const double t = (work - below) / (above - below);
    return layer->points[i].ns +
           t * (layer->points[i - 1].ns - layer->points[i].ns);
}

static double layer_ns(const struct yt_ratio_table *table, int32_t layer,
                       const int32_t *choices)
{
    return interpolate(&table->layers[layer],
                       yt_ratio_work(table, layer, choices));
}

double yt_ratio_ns(const struct yt_ratio_table *table, const int32_t *choices)
{
    double ns = table->fixed_ns;
    for (int32_t i = 0; i < table->layer_count; i++)
        ns += layer_ns(table, i, choices);
    return ns;
}

double yt_ratio_loss(const struct yt_ratio_table *table, const int32_t *choices)
{
    double loss = 0;
    for (int32_t g = 0; g < table->group_count; g++)
        loss += table->groups[g].loss[choices[g]];
    return loss;
}

/* ----------------------------------------------------------------- descent */

/* Which layers a group's choice has a say in. */
struct touched {
    int32_t *layers; /* [layer_count] */
    int32_t count;
};

struct descent {
    const struct yt_ratio_table *table;
    int32_t *choices;
    struct touched *touched; /* [group_count] */
    double ns;
};

static int has_group(const struct yt_ratio_part *parts, int32_t count,
                     int32_t group)
{
    for (int32_t i = 0; i < count; i++)
        if (parts[i].group == group)
            return 1;
    return 0;
}

static enum yt_status find_touched(struct descent *d)
{
    const struct yt_ratio_table *t = d->table;
    d->touched = calloc((size_t)t->group_count + 1, sizeof *d->touched);
    YT_FAIL_IF(!d->touched, YT_NO_MEMORY, "no memory to choose ratios");
    for (int32_t g = 0; g < t->group_count; g++) {
        struct touched *touched = &d->touched[g];
        touched->layers =
            calloc((size_t)t->layer_count + 1, sizeof *touched->layers);
        YT_FAIL_IF(!touched->layers, YT_NO_MEMORY,
                   "no memory to choose ratios");
        for (int32_t i = 0; i < t->layer_count; i++) {
            const struct yt_ratio_layer *l = &t->layers[i];
            if (has_group(l->in, l->in_count, g) ||
                has_group(l->out, l->out_count, g))
                touched->layers[touched->count++] = i;
        }
    }
    return YT_OK;
}

/* What a frame takes less when a group's choice becomes another one. */
static double saved_ns(const struct descent *d, int32_t group, int32_t choice)
{
    const struct touched *touched = &d->touched[group];
    const int32_t before = d->choices[group];
    double saved = 0;
    for (int32_t i = 0; i < touched->count; i++)
        saved += layer_ns(d->table, touched->layers[i], d->choices);
    d->choices[group] = choice;
    for (int32_t i = 0; i < touched->count; i++)
        saved -= layer_ns(d->table, touched->layers[i], d->choices);
    d->choices[group] = before;
    return saved;
}

static void take(struct descent *d, int32_t group, int32_t choice)
{
    d->ns -= saved_ns(d, group, choice);
    d->choices[group] = choice;
}

/* The step that loses least for what it saves; several choices down at once
 * where the next one alone saves little. A step is worth no more than what is
 * missing. 0: none saves anything. */
static int step_down(struct descent *d, double target_ns)
{
    const struct yt_ratio_table *t = d->table;
    double best = INFINITY;
    int32_t group = -1, choice = 0;
    for (int32_t g = 0; g < t->group_count; g++) {
        const struct yt_ratio_group *of = &t->groups[g];
        for (int32_t c = d->choices[g] + 1; c < of->choices; c++) {
            const double saved =
                fmin(saved_ns(d, g, c), fmax(d->ns - target_ns, 1e-9));
            const double lost = of->loss[c] - of->loss[d->choices[g]];
            if (saved > 0 && lost / saved < best) {
                best = lost / saved;
                group = g;
                choice = c;
            }
        }
    }
    if (group < 0)
        return 0;
    take(d, group, choice);
    return 1;
}

/* The step back that regains most and still keeps the time; 0: none. */
static int step_up(struct descent *d, double target_ns, const int32_t *from)
{
    const struct yt_ratio_table *t = d->table;
    double best = 0;
    int32_t group = -1, choice = 0;
    for (int32_t g = 0; g < t->group_count; g++)
        for (int32_t c = from[g]; c < d->choices[g]; c++) {
            const double gained =
                t->groups[g].loss[d->choices[g]] - t->groups[g].loss[c];
            if (gained > best && d->ns - saved_ns(d, g, c) <= target_ns) {
                best = gained;
                group = g;
                choice = c;
            }
        }
    if (group < 0)
        return 0;
    take(d, group, choice);
    return 1;
}

static enum yt_status descend(struct descent *d, double target_ns,
                              const int32_t *from)
{
    while (d->ns > target_ns && step_down(d, target_ns))
        ;
    YT_FAIL_IF(d->ns > target_ns, YT_UNSATISFIABLE,
               "the smallest network takes %.3f ms of a frame, more than the "
               "%.3f ms that are wanted",
               1e-6 * d->ns, 1e-6 * target_ns);
    while (step_up(d, target_ns, from))
        ;
    return YT_OK;
}

enum yt_status yt_ratio_solve(const struct yt_ratio_table *table,
                              double target_ns, int32_t *choices_io)
{
    struct descent d = {
        .table = table,
        .choices = choices_io,
        .ns = yt_ratio_ns(table, choices_io),
    };
    const size_t bytes = ((size_t)table->group_count + 1) * sizeof *choices_io;
    int32_t *from = malloc(bytes);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!from, YT_NO_MEMORY, "no memory to choose ratios");
    memcpy(from, choices_io, bytes - sizeof *choices_io);
    YT_TRY_GOTO(find_touched(&d));
    status = descend(&d, target_ns, from);
done:
    for (int32_t g = 0; d.touched && g < table->group_count; g++)
        free(d.touched[g].layers);
    free(d.touched);
    free(from);
    return status;
}
