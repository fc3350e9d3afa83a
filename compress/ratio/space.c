/* Groups, choices, losses, and graphs of choices. */

#include "compress/ratio/space.h"

#include <stdlib.h>
#include <string.h>

#include "compress/ratio/space_parts.h"
#include "model/filters.h"
#include "runtime/fail.h"

/* Output channels of a block: where vectors are shorter and each product waits
 * for a load, two of them make do with one (model/lower_pattern.c). Bytes that
 * have no dot product need more instructions than loads. */
#define WIDE 16

const char *yt_ratio_kind_name(enum yt_ratio_kind kind)
{
    static const char *const names[YT_RATIO_KINDS] = {"channels", "blocks"};
    return names[kind];
}

struct yt_block yt_ratio_block(const struct yt_isa *isa, enum yt_dtype dtype)
{
    const int narrow = isa->lanes >= WIDE ||
                       (dtype == YT_DTYPE_U8S8 && !(isa->can & YT_CAN_DOT8));
    return (struct yt_block){.k = narrow ? isa->lanes : WIDE,
                             .c = 4 / yt_dtype_bytes(dtype)};
}

void yt_ratio_space_deinit(struct yt_ratio_space *space)
{
    for (int32_t g = 0; space->worth && g < space->table.group_count; g++)
        free(space->worth[g]);
    free(space->worth);
    free(space->nodes);
    free(space->names);
    yt_channel_groups_deinit(&space->groups);
    yt_ratio_table_deinit(&space->table);
    *space = (struct yt_ratio_space){.graph = NULL};
}

/* ----------------------------------------------------------------- choices */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What the least worthy so many lose together, for each choice. */
static enum yt_status predict(struct yt_ratio_space *s, int32_t g)
{
    struct yt_ratio_group *group = &s->table.groups[g];
    const int64_t size = yt_ratio_space_size(s, g);
    double *sorted = malloc((size_t)size * sizeof *sorted);
    YT_FAIL_IF(!sorted, YT_NO_MEMORY, "no memory to choose ratios");
    memcpy(sorted, s->worth[g], (size_t)size * sizeof *sorted);
    qsort(sorted, (size_t)size, sizeof *sorted, by_value);
    double loss = 0;
    int64_t gone = 0;
    for (int32_t c = 0; c < group->choices; c++) {
        for (; gone < size - yt_ratio_space_left(s, g, c); gone++)
            loss += sorted[gone] > 0 ? sorted[gone] : 0;
        group->loss[c] = loss;
    }
    free(sorted);
    return YT_OK;
}

void yt_ratio_space_weigh(struct yt_ratio_space *space,
                          const double *sensitivities)
{
    for (int32_t g = 0; g < space->table.group_count; g++) {
        struct yt_ratio_group *group = &space->table.groups[g];
        for (int32_t c = 0; c < group->choices; c++)
            group->loss[c] *= sensitivities[g];
    }
}

/* Whole vectors of channels, in steps of an eighth where there are many, down
 * to a quarter of the whole network's: what is narrower is a bottleneck. */
static void choose_widths(const struct yt_ratio_space *s, int32_t g)
{
    const int32_t whole = s->setting.whole->nodes[s->nodes[g]].c;
    const int32_t lanes = s->setting.site->isa->lanes;
    const int32_t c = s->groups.groups[g].c;
    const int32_t eighth = (c / 8 + lanes - 1) / lanes * lanes;
    const int32_t step = eighth > lanes ? eighth : lanes;
    struct yt_ratio_group *group = &s->table.groups[g];
    group->kept[0] = 1;
    group->choices = 1;
    for (int32_t left = (c - step + lanes - 1) / lanes * lanes;
         left >= lanes && 4 * left >= whole &&
         group->choices < YT_RATIO_CHOICES_MAX;
         left -= step)
        group->kept[group->choices++] = (double)left / c;
}

static enum yt_status init_channels(struct yt_ratio_space *s)
{
    for (int32_t g = 0; g < s->table.group_count; g++) {
        const struct yt_channel_group *group = &s->groups.groups[g];
        s->nodes[g] = group->conv_count > 0 ? group->convs[0] : 0;
        s->table.groups[g].choices = 1;
        s->table.groups[g].kept[0] = 1;
        if (group->fixed || group->c <= s->setting.site->isa->lanes)
            continue;
        s->worth[g] = calloc((size_t)group->c, sizeof **s->worth);
        YT_FAIL_IF(!s->worth[g], YT_NO_MEMORY, "no memory to choose ratios");
        if (s->moments)
            YT_TRY(yt_channel_losses(s->graph, &s->groups, g, s->moments,
                                     s->worth[g]));
        choose_widths(s, g);
        YT_TRY(predict(s, g));
    }
    return YT_OK;
}

/* Shares of a filter's blocks that stay. */
static const double densities[] = {1, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1};
#define DENSITIES ((int32_t)(sizeof densities / sizeof densities[0]))

static enum yt_status init_blocks(struct yt_ratio_space *s)
{
    for (int32_t g = 0; g < s->table.group_count; g++) {
        const int32_t node = s->nodes[g];
        struct yt_ratio_group *group = &s->table.groups[g];
        const double had = 1 - yt_block_zeros(s->graph, node, &s->block);
        group->kept[0] = 1;
        group->choices = 1;
        for (int32_t i = 1; i < DENSITIES; i++)
            if (densities[i] < had)
                group->kept[group->choices++] = densities[i];
        s->worth[g] =
            calloc((size_t)yt_ratio_space_size(s, g), sizeof **s->worth);
        YT_FAIL_IF(!s->worth[g], YT_NO_MEMORY, "no memory to choose ratios");
        YT_TRY(yt_block_losses(s->graph, node, &s->block, s->moments,
                               s->worth[g]));
        YT_TRY(predict(s, g));
        group->kept[0] = had;
    }
    return YT_OK;
}

/* ------------------------------------------------------------------ groups */

/* Convolutions whose blocks may go: none that reads the image, is a head or is
 * in groups. The whole network tells groups: one that blocks went from before
 * may look as if it had some. */
static int32_t find_filters(const struct yt_graph *graph,
                            const struct yt_graph *whole, int32_t *nodes)
{
    int32_t count = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_CONV &&
            !yt_graph_is_head(graph, i) && graph->nodes[i].inputs[0] != 0 &&
            !yt_filter_is_grouped(whole, i))
            nodes[count++] = i;
    return count;
}

static enum yt_status allocate(struct yt_ratio_space *s)
{
    YT_TRY(yt_channel_groups_find(s->graph, &s->groups));
    const size_t most = (size_t)s->groups.count + (size_t)s->graph->node_count;
    s->nodes = calloc(most, sizeof *s->nodes);
    s->worth = calloc(most, sizeof *s->worth);
    s->table.groups = calloc(most, sizeof *s->table.groups);
    YT_FAIL_IF(!s->nodes || !s->worth || !s->table.groups, YT_NO_MEMORY,
               "no memory to choose ratios");
    s->table.group_count =
        s->kind == YT_RATIO_CHANNELS
            ? s->groups.count
            : find_filters(s->graph, s->setting.whole, s->nodes);
    return YT_OK;
}

static int has_choice(const struct yt_ratio_space *s)
{
    for (int32_t g = 0; g < s->table.group_count; g++)
        if (s->table.groups[g].choices > 1)
            return 1;
    return 0;
}

enum yt_status yt_ratio_space_init(enum yt_ratio_kind kind,
                                   const struct yt_ratio_setting *setting,
                                   const struct yt_graph *graph,
                                   const struct yt_moments *moments,
                                   struct yt_ratio_space *space_out)
{
    struct yt_ratio_space s = {
        .kind = kind,
        .setting = *setting,
        .graph = graph,
        .moments = moments,
        .block = yt_ratio_block(setting->site->isa, setting->dtype),
    };
    enum yt_status status = allocate(&s);
    if (status == YT_OK)
        status =
            kind == YT_RATIO_CHANNELS ? init_channels(&s) : init_blocks(&s);
    if (status == YT_OK)
        status = yt_ratio_space_layers(&s);
    if (status == YT_OK && !has_choice(&s))
        status = yt_fail(YT_UNSUPPORTED, "%s: no %s of it can go", graph->name,
                         yt_ratio_kind_name(kind));
    if (status != YT_OK) {
        yt_ratio_space_deinit(&s);
        return status;
    }
    *space_out = s;
    return YT_OK;
}

int64_t yt_ratio_space_size(const struct yt_ratio_space *space, int32_t group)
{
    return space->kind == YT_RATIO_CHANNELS
               ? space->groups.groups[group].c
               : yt_block_count(space->graph, space->nodes[group],
                                &space->block);
}

int64_t yt_ratio_space_left(const struct yt_ratio_space *space, int32_t group,
                            int32_t choice)
{
    return (int64_t)(space->table.groups[group].kept[choice] *
                         (double)yt_ratio_space_size(space, group) +
                     0.5);
}

/* ------------------------------------------------------------------- graphs */

struct worth {
    double value;
    int32_t index;
};

/* Best first; of equals the earlier one. */
static int by_worth(const void *a, const void *b)
{
    const struct worth *x = a;
    const struct worth *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static enum yt_status keep_best(const struct yt_ratio_space *s, int32_t g,
                                int32_t left, uint8_t **keep_out)
{
    const int32_t c = s->groups.groups[g].c;
    struct worth *order = malloc((size_t)c * sizeof *order);
    uint8_t *keep = calloc((size_t)c, 1);
    *keep_out = keep;
    if (!order || !keep) {
        free(order);
        return yt_fail(YT_NO_MEMORY, "no memory to remove channels");
    }
    for (int32_t i = 0; i < c; i++)
        order[i] = (struct worth){s->worth[g][i], i};
    qsort(order, (size_t)c, sizeof *order, by_worth);
    for (int32_t i = 0; i < left; i++)
        keep[order[i].index] = 1;
    free(order);
    return YT_OK;
}

static enum yt_status narrow(const struct yt_ratio_space *s,
                             const int32_t *choices,
                             const struct yt_moments *moments,
                             struct yt_graph **graph_out)
{
    const int32_t count = s->table.group_count;
    enum yt_status status = YT_OK;
    uint8_t **keep = calloc((size_t)count + 1, sizeof *keep);
    YT_FAIL_IF(!keep, YT_NO_MEMORY, "no memory to remove channels");
    for (int32_t g = 0; status == YT_OK && g < count; g++)
        if (choices[g] > 0)
            status = keep_best(
                s, g, (int32_t)yt_ratio_space_left(s, g, choices[g]), &keep[g]);
    if (status == YT_OK)
        status =
            yt_prune_channels(s->graph, &s->groups,
                              (const uint8_t *const *)keep, moments, graph_out);
    for (int32_t g = 0; g < count; g++)
        free(keep[g]);
    free(keep);
    return status;
}

static enum yt_status thin(const struct yt_ratio_space *s,
                           const int32_t *choices,
                           const struct yt_moments *moments,
                           struct yt_graph **graph_out)
{
    uint8_t **masks = NULL;
    YT_TRY(yt_ratio_masks(s->graph, &s->block, &masks));
    enum yt_status status = YT_OK;
    for (int32_t g = 0; status == YT_OK && g < s->table.group_count; g++) {
        const int32_t node = s->nodes[g];
        if (choices[g] == 0)
            continue; /* what went before stays gone */
        if (!masks[node])
            masks[node] = malloc((size_t)yt_filter_size(s->graph, node));
        status = masks[node]
                     ? yt_block_mask(s->graph, node, &s->block, s->moments,
                                     1 - s->table.groups[g].kept[choices[g]], 1,
                                     masks[node])
                     : yt_fail(YT_NO_MEMORY, "no memory to remove blocks");
    }
    if (status == YT_OK)
        status = yt_prune_weights(s->graph, (const uint8_t *const *)masks,
                                  moments, graph_out);
    yt_ratio_masks_free(masks, s->graph->node_count);
    return status;
}

enum yt_status yt_ratio_space_apply(const struct yt_ratio_space *space,
                                    const int32_t *choices, int32_t refit,
                                    struct yt_graph **graph_out)
{
    const struct yt_moments *moments = refit ? space->moments : NULL;
    return space->kind == YT_RATIO_CHANNELS
               ? narrow(space, choices, moments, graph_out)
               : thin(space, choices, moments, graph_out);
}

/* -------------------------------------------------------------------- masks */

/* The weights of a block at one tap. */
struct block_at {
    int32_t k, k_end, c, c_end, tap;
};

static struct block_at block_at(const struct yt_node *node, int32_t in_c,
                                const struct yt_block *block, int32_t k,
                                int32_t c, int32_t tap)
{
    return (struct block_at){
        .k = k,
        .k_end = k + block->k < node->c ? k + block->k : node->c,
        .c = c,
        .c_end = c + block->c < in_c ? c + block->c : in_c,
        .tap = tap,
    };
}

static size_t weight_at(const struct yt_node *node, int32_t in_c, int32_t k,
                        int32_t c, int32_t tap)
{
    return ((size_t)k * (size_t)in_c + (size_t)c) *
               (size_t)(node->r * node->r) +
           (size_t)tap;
}

static int is_zero(const struct yt_node *node, int32_t in_c, struct block_at b)
{
    for (int32_t k = b.k; k < b.k_end; k++)
        for (int32_t c = b.c; c < b.c_end; c++)
            if (node->weights[weight_at(node, in_c, k, c, b.tap)] != 0)
                return 0;
    return 1;
}

static void clear(const struct yt_node *node, int32_t in_c, struct block_at b,
                  uint8_t *mask)
{
    for (int32_t k = b.k; k < b.k_end; k++)
        for (int32_t c = b.c; c < b.c_end; c++)
            mask[weight_at(node, in_c, k, c, b.tap)] = 0;
}

/* @return whether anything is masked. */
static int mask_node(const struct yt_node *node, int32_t in_c,
                     const struct yt_block *block, uint8_t *mask)
{
    int any = 0;
    for (int32_t k = 0; k < node->c; k += block->k)
        for (int32_t c = 0; c < in_c; c += block->c)
            for (int32_t tap = 0; tap < node->r * node->r; tap++) {
                const struct block_at b =
                    block_at(node, in_c, block, k, c, tap);
                if (!is_zero(node, in_c, b))
                    continue;
                any = 1;
                clear(node, in_c, b, mask);
            }
    return any;
}

enum yt_status yt_ratio_masks(const struct yt_graph *graph,
                              const struct yt_block *block,
                              uint8_t ***masks_out)
{
    uint8_t **masks = calloc((size_t)graph->node_count, sizeof *masks);
    YT_FAIL_IF(!masks, YT_NO_MEMORY, "no memory for masks");
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind != YT_NODE_CONV)
            continue;
        const size_t size = (size_t)yt_filter_size(graph, i);
        masks[i] = malloc(size);
        if (!masks[i]) {
            yt_ratio_masks_free(masks, graph->node_count);
            return yt_fail(YT_NO_MEMORY, "no memory for masks");
        }
        memset(masks[i], 1, size);
        if (!mask_node(node, graph->nodes[node->inputs[0]].c, block,
                       masks[i])) {
            free(masks[i]);
            masks[i] = NULL;
        }
    }
    *masks_out = masks;
    return YT_OK;
}

void yt_ratio_masks_free(uint8_t **masks, int32_t node_count)
{
    for (int32_t i = 0; masks && i < node_count; i++)
        free(masks[i]);
    free(masks);
}
