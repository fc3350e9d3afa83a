/* Channels of a group go one after the other, the one that is worth least each
 * time, in all readers at once. */

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/prune/channels.h"
#include "compress/prune/eliminate.h"
#include "runtime/fail.h"

/* A reader's weights in one block of its moments. */
struct part {
    struct yt_elimination e;
    int32_t *where; /* [found of all channels] variables, by channel */
    int32_t *first; /* [c + 1] */
    double energy;  /* of the reader */
};

struct ranking {
    const struct yt_graph *graph;
    const struct yt_channel_groups *groups;
    const struct yt_moments *m;
    int32_t group, c;
    struct part *parts;
    int32_t part_count;
    uint8_t *gone; /* [c] */
};

/* Where a filter meets each channel: at all taps, and several times when the
 * channel was concatenated with what pools made of it. */
static void find_weights(const struct ranking *r, const struct yt_node *reader,
                         int32_t begin, struct part *p)
{
    const int32_t taps = reader->r * reader->r;
    const struct yt_channel *from =
        r->groups->channels + r->groups->first[reader->inputs[0]];
    int32_t count = 0;
    for (int32_t i = 0; i < r->c; i++) {
        p->first[i] = count;
        for (int32_t v = 0; v < p->e.n; v++) {
            const struct yt_channel *at = &from[(begin + v) / taps];
            if (at->group == r->group && at->channel == i)
                p->where[count++] = v;
        }
    }
    p->first[r->c] = count;
}

static int32_t most_of_a_channel(const struct ranking *r,
                                 const struct yt_node *reader)
{
    const int32_t in = reader->inputs[0];
    const struct yt_channel *from = r->groups->channels + r->groups->first[in];
    int32_t times = 0;
    for (int32_t c = 0; c < r->graph->nodes[in].c; c++)
        times += from[c].group == r->group && from[c].channel == 0;
    return times * reader->r * reader->r;
}

static enum yt_status open_part(struct ranking *r, int32_t reader,
                                int32_t begin)
{
    const struct yt_node *node = &r->graph->nodes[reader];
    const struct yt_conv_moments *m = &r->m->convs[reader];
    struct part *p = &r->parts[r->part_count++];
    p->energy = m->energy;
    YT_TRY(yt_elimination_init(m, begin, node->weights, node->c,
                               most_of_a_channel(r, node), &p->e));
    p->where = malloc((size_t)p->e.n * sizeof *p->where);
    p->first = malloc(((size_t)r->c + 1) * sizeof *p->first);
    YT_FAIL_IF(!p->where || !p->first, YT_NO_MEMORY,
               "%s: no memory for %d weights", node->name, p->e.n);
    find_weights(r, node, begin, p);
    return YT_OK;
}

static enum yt_status open_parts(struct ranking *r)
{
    const struct yt_channel_group *g = &r->groups->groups[r->group];
    size_t count = 0;
    for (int32_t i = 0; i < g->reader_count; i++) {
        const struct yt_conv_moments *m = &r->m->convs[g->readers[i]];
        count += (size_t)((m->n + m->block - 1) / m->block);
    }
    r->parts = calloc(count + 1, sizeof *r->parts);
    r->gone = calloc((size_t)r->c, sizeof *r->gone);
    YT_FAIL_IF(!r->parts || !r->gone, YT_NO_MEMORY,
               "no memory to rank %d channels", r->c);
    for (int32_t i = 0; i < g->reader_count; i++) {
        const struct yt_conv_moments *m = &r->m->convs[g->readers[i]];
        for (int32_t begin = 0; begin < m->n && m->energy > 0;
             begin += m->block)
            YT_TRY(open_part(r, g->readers[i], begin));
    }
    return YT_OK;
}

static void close_parts(struct ranking *r)
{
    for (int32_t i = 0; i < r->part_count; i++) {
        yt_elimination_deinit(&r->parts[i].e);
        free(r->parts[i].where);
        free(r->parts[i].first);
    }
    free(r->parts);
    free(r->gone);
}

static double loss_of(const struct ranking *r, int32_t channel)
{
    double loss = 0;
    for (int32_t i = 0; i < r->part_count; i++) {
        struct part *p = &r->parts[i];
        const int32_t *which = p->where + p->first[channel];
        const int32_t count = p->first[channel + 1] - p->first[channel];
        loss += yt_elimination_loss(&p->e, which, count) / p->energy;
    }
    return loss;
}

static void let_go(struct ranking *r, int32_t channel)
{
    r->gone[channel] = 1;
    for (int32_t i = 0; i < r->part_count; i++) {
        struct part *p = &r->parts[i];
        yt_eliminate(&p->e, p->where + p->first[channel],
                     p->first[channel + 1] - p->first[channel]);
    }
}

/* Losses never fall, so that those of least loss are those that went first. */
static void rank(struct ranking *r, double *losses)
{
    double last = 0;
    for (int32_t round = 0; round < r->c; round++) {
        int32_t best = -1;
        double least = INFINITY;
        for (int32_t i = 0; i < r->c; i++) {
            const double loss = r->gone[i] ? INFINITY : loss_of(r, i);
            if (!r->gone[i] && (best < 0 || loss < least)) {
                best = i;
                least = loss;
            }
        }
        losses[best] = last = least > last ? least : last;
        let_go(r, best);
    }
}

enum yt_status yt_channel_losses(const struct yt_graph *graph,
                                 const struct yt_channel_groups *groups,
                                 int32_t group, const struct yt_moments *m,
                                 double *losses_out)
{
    struct ranking r = {.graph = graph,
                        .groups = groups,
                        .m = m,
                        .group = group,
                        .c = groups->groups[group].c};
    enum yt_status status;
    assert(m->node_count == graph->node_count);
    YT_TRY_GOTO(open_parts(&r));
    rank(&r, losses_out);
done:
    close_parts(&r);
    return status;
}
