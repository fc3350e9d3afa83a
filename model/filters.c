/* See filters.h. */

#include "model/filters.h"

#include <string.h>

/* Tap (y, x) of quarter (i, j) is tap (2y + i, 2x + j). */
void yt_focus_filter(const float *small, const struct yt_focus_part *order,
                     int32_t k, int32_t c, int32_t r, float *filter_out)
{
    const int64_t wide = 2 * (int64_t)r;
    for (int32_t o = 0; o < k; o++)
        for (int32_t part = 0; part < YT_FOCUS_PARTS; part++)
            for (int32_t i = 0; i < c; i++) {
                float *to = filter_out + ((int64_t)o * c + i) * wide * wide;
                for (int32_t y = 0; y < r; y++)
                    for (int32_t x = 0; x < r; x++)
                        to[(2 * y + order[part].y) * wide + 2 * x +
                           order[part].x] = *small++;
            }
}

void yt_spread_filter(const float *small, int64_t planes,
                      const struct yt_filter_taps *taps, int32_t r,
                      float *filter_out)
{
    for (int64_t plane = 0; plane < planes; plane++, filter_out += r * r)
        for (int32_t y = 0; y < taps->rows; y++)
            for (int32_t x = 0; x < taps->columns; x++)
                filter_out[(taps->top + y * taps->row_step) * r + taps->left +
                           x * taps->column_step] = *small++;
}

void yt_grouped_filter(const float *small, int32_t groups, int32_t k, int32_t c,
                       int32_t taps, float *filter_out)
{
    const int64_t share = (int64_t)(c / groups) * taps;
    for (int32_t o = 0; o < k; o++) {
        const int64_t group = o / (k / groups);
        memcpy(filter_out + (int64_t)o * c * taps + group * share,
               small + o * share, (size_t)share * sizeof *small);
    }
}

/* Whether no output of a filter [k][c][taps] reads outside its group. */
static int lie_apart(const float *filter, int32_t groups, int32_t k, int32_t c,
                     int32_t taps)
{
    const int64_t row = (int64_t)c * taps;
    const int64_t share = row / groups;
    for (int32_t o = 0; o < k; o++) {
        const int64_t first = o / (k / groups) * share;
        for (int64_t i = 0; i < row; i++)
            if (filter[o * row + i] != 0 && (i < first || i >= first + share))
                return 0;
    }
    return 1;
}

int32_t yt_filter_groups(const struct yt_graph *graph, int32_t node,
                         int32_t unit)
{
    const struct yt_node *conv = &graph->nodes[node];
    const int32_t c = graph->nodes[conv->inputs[0]].c;
    const int32_t taps = conv->r * conv->r;
    if (c == conv->c && c > 1 && lie_apart(conv->weights, c, c, c, taps))
        return c;
    for (int32_t groups = c / unit; groups > 1; groups--)
        if (c % groups == 0 && conv->c % groups == 0 &&
            c / groups % unit == 0 && conv->c / groups % unit == 0 &&
            lie_apart(conv->weights, groups, conv->c, c, taps))
            return groups;
    return 1;
}

int64_t yt_filter_size(const struct yt_graph *graph, int32_t node)
{
    const struct yt_node *conv = &graph->nodes[node];
    return (int64_t)conv->c * graph->nodes[conv->inputs[0]].c * conv->r *
           conv->r;
}

/* Input channels that an output reads. */
static int32_t count_read(const float *row, int32_t c, int32_t taps)
{
    int32_t count = 0;
    for (int32_t i = 0; i < c; i++) {
        int any = 0;
        for (int32_t tap = 0; tap < taps; tap++)
            any |= *row++ != 0;
        count += any;
    }
    return count;
}

int yt_filter_is_grouped(const struct yt_graph *graph, int32_t node)
{
    const struct yt_node *conv = &graph->nodes[node];
    const int32_t c = graph->nodes[conv->inputs[0]].c;
    const int32_t taps = conv->r * conv->r;
    int32_t most = 0;
    for (int32_t k = 0; k < conv->c && 2 * most <= c; k++) {
        const int32_t count =
            count_read(conv->weights + (int64_t)k * c * taps, c, taps);
        most = count > most ? count : most;
    }
    return most > 0 && 2 * most <= c;
}
