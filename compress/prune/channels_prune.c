#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "compress/prune/channels.h"
#include "compress/prune/refit.h"
#include "runtime/fail.h"

struct narrowing {
    const struct yt_graph *from;
    const struct yt_channel_groups *groups;
    const uint8_t *const *keep;
    const struct yt_moments *m;
    struct yt_graph *to;
};

static int stays(const struct narrowing *n, int32_t node, int32_t c)
{
    const struct yt_channel *at =
        &n->groups->channels[n->groups->first[node] + c];
    return !n->keep || !n->keep[at->group] || n->keep[at->group][at->channel];
}

static int32_t count_kept(const struct narrowing *n, int32_t node)
{
    int32_t count = 0;
    for (int32_t c = 0; c < n->from->nodes[node].c; c++)
        count += stays(n, node, c);
    return count;
}

/* The filters of channels that stay, [kept][n], with all inputs still; and
 * which of those stay. */
struct filters {
    float *weights, *bias;
    uint8_t *keep; /* [n] */
    int32_t count, n, taps;
};

static enum yt_status take_filters(const struct narrowing *s, int32_t node,
                                   struct filters *f)
{
    const struct yt_node *from = &s->from->nodes[node];
    const int32_t in = from->inputs[0];
    f->taps = from->r * from->r;
    f->n = s->from->nodes[in].c * f->taps;
    const size_t n = (size_t)f->n;
    f->weights = malloc((size_t)from->c * n * sizeof *f->weights);
    f->bias = malloc((size_t)from->c * sizeof *f->bias);
    f->keep = malloc(n);
    YT_FAIL_IF(!f->weights || !f->bias || !f->keep, YT_NO_MEMORY,
               "%s: no memory for its weights", from->name);
    for (int32_t i = 0; i < f->n; i++)
        f->keep[i] = (uint8_t)stays(s, in, i / f->taps);
    for (int32_t k = 0; k < from->c; k++) {
        if (!stays(s, node, k))
            continue;
        memcpy(f->weights + (size_t)f->count * n, from->weights + (size_t)k * n,
               n * sizeof *f->weights);
        f->bias[f->count++] = from->bias[k];
    }
    return YT_OK;
}

static enum yt_status fill_conv(const struct narrowing *s, int32_t node)
{
    struct filters f = {0};
    enum yt_status status;
    YT_TRY_GOTO(take_filters(s, node, &f));
    if (s->m && memchr(f.keep, 0, (size_t)f.n))
        YT_TRY_GOTO(
            yt_refit(&s->m->convs[node], f.keep, f.weights, f.bias, f.count));
    YT_TRY_GOTO(yt_graph_conv_storage(s->to, node));
    const struct yt_node *to = &s->to->nodes[node];
    float *w = to->weights;
    for (int64_t i = 0; i < (int64_t)f.count * f.n; i++)
        if (f.keep[i % f.n])
            *w++ = f.weights[i];
    memcpy(to->bias, f.bias, (size_t)f.count * sizeof *f.bias);
done:
    free(f.weights);
    free(f.bias);
    free(f.keep);
    return status;
}

static enum yt_status narrow(struct narrowing *s)
{
    memcpy(s->to->nodes[0].name, s->from->nodes[0].name,
           sizeof s->to->nodes[0].name);
    for (int32_t i = 1; i < s->from->node_count; i++) {
        struct yt_node node = s->from->nodes[i];
        int32_t index = -1;
        if (node.kind == YT_NODE_CONV)
            node.c = count_kept(s, i);
        YT_TRY(yt_graph_add(s->to, &node, &index));
        assert(index == i);
        if (node.kind == YT_NODE_CONV)
            YT_TRY(fill_conv(s, i));
    }
    YT_TRY(yt_graph_copy_facts(s->from, s->to));
    return yt_graph_check(s->to);
}

static enum yt_status check(const struct narrowing *s)
{
    for (int32_t i = 0; s->keep && i < s->groups->count; i++) {
        const struct yt_channel_group *group = &s->groups->groups[i];
        int32_t kept = 0;
        if (!s->keep[i])
            continue;
        for (int32_t c = 0; c < group->c; c++)
            kept += s->keep[i][c] != 0;
        YT_FAIL_IF(kept == 0, YT_BAD_ARGUMENT,
                   "group %d of channels would lose all %d", i, group->c);
        YT_FAIL_IF(group->fixed && kept < group->c, YT_BAD_ARGUMENT,
                   "group %d of channels is one that all %d are needed of", i,
                   group->c);
    }
    return YT_OK;
}

enum yt_status yt_prune_channels(const struct yt_graph *graph,
                                 const struct yt_channel_groups *groups,
                                 const uint8_t *const *keep,
                                 const struct yt_moments *m,
                                 struct yt_graph **graph_out)
{
    struct narrowing s = {
        .from = graph, .groups = groups, .keep = keep, .m = m};
    assert(!m || m->node_count == graph->node_count);
    YT_TRY(check(&s));
    YT_TRY(yt_graph_create(&s.to));
    const enum yt_status status = narrow(&s);
    if (status != YT_OK) {
        yt_graph_destroy(s.to);
        return status;
    }
    *graph_out = s.to;
    return YT_OK;
}
