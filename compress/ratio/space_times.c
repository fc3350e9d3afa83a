/* Layers of a space: which groups they depend on, and how long they take. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/ratio/space_parts.h"
#include "runtime/fail.h"
#include "tuner/build/build.h"

#define FRAMES 15 /* timed of each width */

/* The smallest share that is timed; choices below it take as long. */
static const double least_share[YT_RATIO_KINDS] = {
    [YT_RATIO_CHANNELS] = 0.25,
    [YT_RATIO_BLOCKS] = 0.15,
};

void yt_ratio_times_deinit(struct yt_ratio_times *times)
{
    free(times->layers);
    *times = (struct yt_ratio_times){.layers = NULL};
}

/* ------------------------------------------------------------------ layers */

static int is_conv(const struct yt_layer *layer)
{
    return layer->problem.op == YT_OP_CONV2D && layer->conv_nodes;
}

/* The group whose channels a node's value has; -1: it always stays. */
static int32_t group_of(const struct yt_ratio_space *s, int32_t node)
{
    if (s->kind == YT_RATIO_CHANNELS)
        return s->groups.channels[s->groups.first[node]].group;
    for (int32_t g = 0; g < s->table.group_count; g++)
        if (s->nodes[g] == node)
            return g;
    return -1;
}

/* One channel more of a group. */
static void add_channel(struct yt_ratio_part *parts, int32_t *count,
                        int32_t group, double size)
{
    int32_t i = 0;
    while (i < *count && parts[i].group != group)
        i++;
    if (i == *count)
        parts[(*count)++] = (struct yt_ratio_part){.group = group};
    parts[i].size += size;
}

static enum yt_status collect(const struct yt_ratio_space *s,
                              const int32_t *nodes, int32_t channels,
                              double size, struct yt_ratio_part **parts_out,
                              int32_t *count_out)
{
    struct yt_ratio_part *parts = calloc((size_t)channels + 1, sizeof *parts);
    YT_FAIL_IF(!parts, YT_NO_MEMORY,
               "no memory for layers to choose ratios of");
    *parts_out = parts;
    for (int32_t c = 0; c < channels; c++)
        add_channel(parts, count_out, nodes[c] < 0 ? -1 : group_of(s, nodes[c]),
                    size);
    return YT_OK;
}

static enum yt_status add_layer(struct yt_ratio_space *s,
                                const struct yt_layer *layer)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    struct yt_ratio_layer *l = &s->table.layers[s->table.layer_count];
    memcpy(s->names[s->table.layer_count++], layer->name, YT_LAYER_NAME_MAX);
    if (s->kind == YT_RATIO_BLOCKS)
        return collect(s, layer->conv_nodes, p->k, (double)p->c * p->r * p->r,
                       &l->out, &l->out_count);
    YT_TRY(collect(s, layer->in_nodes, p->c, 1, &l->in, &l->in_count));
    return collect(s, layer->conv_nodes, p->k, (double)p->r * p->r, &l->out,
                   &l->out_count);
}

static enum yt_status lower(const struct yt_ratio_space *s,
                            struct yt_net **net_out)
{
    struct yt_quantisation *q = NULL;
    YT_TRY(yt_quantisation_create(s->graph, &q));
    yt_quantisation_set_all(q, s->graph, s->setting.dtype);
    const struct yt_net_options options = {
        .lanes = s->setting.site->isa->lanes,
        .h = s->setting.h,
        .w = s->setting.w,
        .keep_nodes = 1,
        .dtypes = q->dtypes,
    };
    const enum yt_status status = yt_net_lower(s->graph, &options, net_out);
    yt_quantisation_destroy(q);
    return status;
}

enum yt_status yt_ratio_space_layers(struct yt_ratio_space *space)
{
    struct yt_net *net = NULL;
    YT_TRY(lower(space, &net));
    const size_t count = (size_t)net->layer_count + 1;
    enum yt_status status = YT_OK;
    space->table.layers = calloc(count, sizeof *space->table.layers);
    space->names = calloc(count, sizeof *space->names);
    if (!space->table.layers || !space->names)
        status =
            yt_fail(YT_NO_MEMORY, "no memory for layers to choose ratios of");
    for (int32_t i = 0; status == YT_OK && i < net->layer_count; i++)
        if (is_conv(&net->layers[i]))
            status = add_layer(space, &net->layers[i]);
    yt_net_destroy(net);
    return status;
}

/* ------------------------------------------------------------------- times */

enum yt_status yt_ratio_carry_ranges(const struct yt_quantisation *from,
                                     const struct yt_graph *graph,
                                     struct yt_quantisation **q_out)
{
    struct yt_quantisation *q = NULL;
    YT_TRY(yt_quantisation_create(graph, &q));
    const int32_t count = from->node_count < graph->node_count
                              ? from->node_count
                              : graph->node_count;
    for (int32_t i = 0; i < count; i++) {
        q->dtypes[i] = from->dtypes[i];
        q->ranges[i] = from->ranges[i];
        q->ranges[i].means = NULL;
    }
    *q_out = q;
    return YT_OK;
}

/* Of each group the choice that is nearest to a share. */
static void choose_all(const struct yt_ratio_table *table, double share,
                       int32_t *choices)
{
    for (int32_t g = 0; g < table->group_count; g++) {
        const struct yt_ratio_group *group = &table->groups[g];
        choices[g] = 0;
        for (int32_t c = 1; c < group->choices; c++)
            if (fabs(group->kept[c] - share) <
                fabs(group->kept[choices[g]] - share))
                choices[g] = c;
    }
}

struct timing {
    const struct yt_ratio_space *space;
    const struct yt_quantisation *quantisation;
    const struct yt_loss *loss;
    struct yt_ratio_times *times;
    int32_t *choices; /* [group_count] */
    int32_t whole;    /* 1: nothing has gone yet */
};

static void take_layer(struct timing *t, const struct yt_layer *layer,
                       double ns)
{
    const struct yt_ratio_space *s = t->space;
    for (int32_t i = 0; i < s->table.layer_count; i++) {
        if (strcmp(s->names[i], layer->name) != 0)
            continue;
        struct yt_ratio_layer *points = &t->times->layers[i].points;
        const double work = yt_ratio_work(&s->table, i, t->choices);
        const int32_t last = points->point_count - 1;
        if (last >= 0 && points->points[last].work <= work)
            return; /* no less of it: it has been timed */
        points->points[points->point_count].work = work;
        points->points[points->point_count++].ns = ns;
        return;
    }
}

static enum yt_status build_graph(const struct timing *t,
                                  const struct yt_graph *graph,
                                  const struct yt_quantisation *q,
                                  struct yt_build **build_out)
{
    const struct yt_ratio_setting *setting = &t->space->setting;
    const struct yt_build_options options = {
        .isa = setting->site->isa,
        .h = setting->h,
        .w = setting->w,
        .threads = setting->threads,
        .keep_nodes = 1,
        .quantisation = q,
        .kernels = setting->site->kernels,
    };
    YT_TRY(yt_build_create(graph, &options, build_out));
    return yt_build_make(*build_out, setting->site->host.threads);
}

static enum yt_status time_graph(struct timing *t, const struct yt_graph *graph)
{
    struct yt_quantisation *q = NULL;
    struct yt_build *build = NULL;
    struct yt_stats *ns = NULL;
    enum yt_status status = YT_OK;
    if (t->quantisation)
        YT_TRY_GOTO(yt_ratio_carry_ranges(t->quantisation, graph, &q));
    YT_TRY_GOTO(build_graph(t, graph, q, &build));
    ns = malloc((size_t)build->net->layer_count * sizeof *ns);
    YT_FAIL_IF_GOTO(!ns, YT_NO_MEMORY, "no memory to time layers");
    YT_TRY_GOTO(yt_loss_time(t->loss, build, FRAMES, ns));
    for (int32_t i = 0; i < build->net->layer_count; i++)
        if (is_conv(&build->net->layers[i]))
            take_layer(t, &build->net->layers[i], ns[i].min_ns);
        else if (t->whole)
            t->times->fixed_ns += ns[i].min_ns;
done:
    free(ns);
    yt_build_destroy(build);
    yt_quantisation_destroy(q);
    return status;
}

static enum yt_status time_share(struct timing *t, double share)
{
    struct yt_graph *graph = NULL;
    choose_all(&t->space->table, share, t->choices);
    YT_TRY(yt_ratio_space_apply(t->space, t->choices, 0, &graph));
    const enum yt_status status = time_graph(t, graph);
    yt_graph_destroy(graph);
    return status;
}

enum yt_status
yt_ratio_times_measure(const struct yt_ratio_space *space,
                       const struct yt_quantisation *quantisation,
                       const struct yt_loss *loss, int32_t points,
                       double outside_ns, const volatile int *stop,
                       struct yt_ratio_times *times_out)
{
    struct yt_ratio_times times = {.count = space->table.layer_count,
                                   .fixed_ns = outside_ns};
    struct timing t = {space, quantisation, loss, &times, NULL, 1};
    enum yt_status status = YT_OK;
    t.choices = calloc((size_t)space->table.group_count + 1, sizeof *t.choices);
    times.layers = calloc((size_t)times.count + 1, sizeof *times.layers);
    YT_FAIL_IF_GOTO(!t.choices || !times.layers, YT_NO_MEMORY,
                    "no memory to time layers");
    for (int32_t i = 0; i < times.count; i++)
        memcpy(times.layers[i].layer, space->names[i], YT_LAYER_NAME_MAX);
    for (int32_t i = 0; i < points; i++) {
        YT_FAIL_IF_GOTO(stop && *stop, YT_INTERRUPTED,
                        "timing widths was interrupted");
        t.whole = i == 0;
        YT_TRY_GOTO(time_share(&t, 1 - i * (1 - least_share[space->kind]) /
                                           (points - 1)));
    }
done:
    free(t.choices);
    if (status != YT_OK)
        yt_ratio_times_deinit(&times);
    else
        *times_out = times;
    return status;
}

static void take_times(struct yt_ratio_space *space,
                       const struct yt_ratio_times *times)
{
    struct yt_ratio_table *table = &space->table;
    for (int32_t i = 0; i < table->layer_count; i++)
        for (int32_t j = 0; j < times->count; j++) {
            const struct yt_ratio_layer *from = &times->layers[j].points;
            if (strcmp(times->layers[j].layer, space->names[i]) != 0)
                continue;
            memcpy(table->layers[i].points, from->points, sizeof from->points);
            table->layers[i].point_count = from->point_count;
        }
    table->fixed_ns = times->fixed_ns;
}

static void scale_times(struct yt_ratio_table *table, double factor)
{
    table->fixed_ns *= factor;
    for (int32_t i = 0; i < table->layer_count; i++)
        for (int32_t p = 0; p < table->layers[i].point_count; p++)
            table->layers[i].points[p].ns *= factor;
}

enum yt_status yt_ratio_space_use(struct yt_ratio_space *space,
                                  const struct yt_ratio_times *times,
                                  double frame_ns)
{
    int32_t *whole =
        calloc((size_t)space->table.group_count + 1, sizeof *whole);
    YT_FAIL_IF(!whole, YT_NO_MEMORY, "no memory to choose ratios");
    take_times(space, times);
    const double ns = yt_ratio_ns(&space->table, whole);
    if (ns > 0)
        scale_times(&space->table, frame_ns / ns);
    free(whole);
    return YT_OK;
}
