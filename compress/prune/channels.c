/* Groups are found by following where each channel of each value comes from:
 * a producer, the image or a CONV node, and a channel of it. An add makes one
 * group of two producers. */

#include "compress/prune/channels.h"

#include <stdlib.h>
#include <string.h>

#include "model/filters.h"
#include "runtime/fail.h"

struct finding {
    const struct yt_graph *graph;
    struct yt_channel_groups *out; /* until the end, channels[].group is the
                                      producer's node */
    int32_t *parent; /* [node_count] an earlier node of the group, or itself */
    uint8_t *fixed;  /* [node_count] */
    int32_t *index;  /* [node_count] of a group's first node: the group */
};

static struct yt_channel *channels_of(const struct yt_channel_groups *g,
                                      int32_t node)
{
    return g->channels + g->first[node];
}

static int32_t first_of_group(const struct finding *f, int32_t node)
{
    while (f->parent[node] != node)
        node = f->parent[node];
    return node;
}

static void unite(struct finding *f, int32_t a, int32_t b)
{
    a = first_of_group(f, a);
    b = first_of_group(f, b);
    f->parent[a > b ? a : b] = a > b ? b : a;
}

/* Two values are put together of whole producers in the same way when the
 * producers' channels are counted alike. If they are not, a channel of one
 * producer would go with channels of two. */
static void couple(struct finding *f, int32_t a, int32_t b)
{
    const int32_t c = f->graph->nodes[a].c;
    const struct yt_channel *x = channels_of(f->out, a);
    const struct yt_channel *y = channels_of(f->out, b);
    int alike = 1;
    for (int32_t i = 0; i < c; i++)
        alike &= x[i].channel == y[i].channel;
    for (int32_t i = 0; i < c; i++)
        if (alike)
            unite(f, x[i].group, y[i].group);
        else
            f->fixed[x[i].group] = f->fixed[y[i].group] = 1;
}

/* What a filter in groups reads and makes would have to go together, group by
 * group: all of it stays. */
static void fix_grouped(struct finding *f, int32_t node)
{
    const int32_t in = f->graph->nodes[node].inputs[0];
    if (!yt_filter_is_grouped(f->graph, node))
        return;
    f->fixed[node] = 1;
    for (int32_t c = 0; c < f->graph->nodes[in].c; c++)
        f->fixed[channels_of(f->out, in)[c].group] = 1;
}

static void follow(struct finding *f, int32_t node)
{
    const struct yt_node *n = &f->graph->nodes[node];
    struct yt_channel *to = channels_of(f->out, node);
    if (n->kind == YT_NODE_INPUT || n->kind == YT_NODE_CONV) {
        for (int32_t i = 0; i < n->c; i++)
            to[i] = (struct yt_channel){node, i};
        if (n->kind == YT_NODE_CONV)
            fix_grouped(f, node);
        return;
    }
    if (n->kind == YT_NODE_ADD)
        couple(f, n->inputs[0], n->inputs[1]);
    const int32_t parts = n->kind == YT_NODE_CONCAT ? n->input_count : 1;
    for (int32_t i = 0; i < parts; i++) {
        const size_t c = (size_t)f->graph->nodes[n->inputs[i]].c;
        memcpy(to, channels_of(f->out, n->inputs[i]), c * sizeof *to);
        to += c;
    }
}

static int has_reader(const struct yt_channel_group *group, int32_t node)
{
    return group->reader_count > 0 &&
           group->readers[group->reader_count - 1] == node;
}

/* Room for all nodes that there could be, in one piece for both lists. */
static enum yt_status open_group(struct finding *f, int32_t node)
{
    struct yt_channel_group *group = &f->out->groups[f->out->count];
    const size_t count = (size_t)f->graph->node_count;
    f->index[node] = f->out->count++;
    group->c = f->graph->nodes[node].c;
    group->convs = malloc(2 * count * sizeof *group->convs);
    YT_FAIL_IF(!group->convs, YT_NO_MEMORY, "no memory for groups of channels");
    group->readers = group->convs + count;
    return YT_OK;
}

static enum yt_status list_groups(struct finding *f)
{
    const int32_t count = f->graph->node_count;
    for (int32_t i = 0; i < count; i++) {
        const enum yt_node_kind kind = f->graph->nodes[i].kind;
        f->out->of_node[i] = -1;
        if (kind != YT_NODE_INPUT && kind != YT_NODE_CONV)
            continue;
        const int32_t first = first_of_group(f, i);
        if (first == i)
            YT_TRY(open_group(f, i));
        struct yt_channel_group *group = &f->out->groups[f->index[first]];
        group->fixed |= f->fixed[i];
        if (kind == YT_NODE_INPUT)
            continue;
        f->out->of_node[i] = f->index[first];
        group->convs[group->conv_count++] = i;
    }
    return YT_OK;
}

static void list_readers(struct finding *f)
{
    for (int32_t i = 0; i < f->graph->node_count; i++) {
        const struct yt_node *node = &f->graph->nodes[i];
        struct yt_channel *channels = channels_of(f->out, i);
        for (int32_t c = 0; c < node->c; c++)
            channels[c].group = f->index[first_of_group(f, channels[c].group)];
        if (node->kind != YT_NODE_CONV)
            continue;
        const int32_t in = node->inputs[0];
        for (int32_t c = 0; c < f->graph->nodes[in].c; c++) {
            struct yt_channel_group *group =
                &f->out->groups[channels_of(f->out, in)[c].group];
            if (!has_reader(group, i))
                group->readers[group->reader_count++] = i;
        }
    }
}

static enum yt_status allocate(struct finding *f)
{
    const size_t count = (size_t)f->graph->node_count;
    struct yt_channel_groups *out = f->out;
    f->parent = malloc(count * sizeof *f->parent);
    f->fixed = calloc(count, sizeof *f->fixed);
    f->index = calloc(count, sizeof *f->index);
    out->groups = calloc(count, sizeof *out->groups);
    out->of_node = malloc(count * sizeof *out->of_node);
    out->first = malloc(count * sizeof *out->first);
    int64_t total = 0;
    for (size_t i = 0; out->first && i < count; i++) {
        out->first[i] = total;
        total += f->graph->nodes[i].c;
    }
    out->channels = calloc((size_t)total + 1, sizeof *out->channels);
    YT_FAIL_IF(!f->parent || !f->fixed || !f->index || !out->groups ||
                   !out->of_node || !out->first || !out->channels,
               YT_NO_MEMORY, "no memory for groups of channels");
    return YT_OK;
}

enum yt_status yt_channel_groups_find(const struct yt_graph *graph,
                                      struct yt_channel_groups *groups_out)
{
    struct finding f = {.graph = graph, .out = groups_out};
    enum yt_status status;
    *groups_out = (struct yt_channel_groups){0};
    YT_TRY_GOTO(allocate(&f));
    f.fixed[0] = 1;
    for (int32_t i = 0; i < graph->node_count; i++) {
        f.fixed[i] |= yt_graph_is_head(graph, i);
        f.parent[i] = i;
        follow(&f, i);
    }
    YT_TRY_GOTO(list_groups(&f));
    list_readers(&f);
done:
    free(f.parent);
    free(f.fixed);
    free(f.index);
    if (status != YT_OK)
        yt_channel_groups_deinit(groups_out);
    return status;
}

void yt_channel_groups_deinit(struct yt_channel_groups *groups)
{
    for (int32_t i = 0; i < groups->count; i++)
        free(groups->groups[i].convs);
    free(groups->groups);
    free(groups->of_node);
    free(groups->first);
    free(groups->channels);
    *groups = (struct yt_channel_groups){0};
}
