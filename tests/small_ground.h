/* The ground of ground.h with a network of a few layers, whose kernels are made
 * in no time, and a picture to run it on. */
#ifndef YT_TEST_SMALL_GROUND_H
#define YT_TEST_SMALL_GROUND_H

#include <stdlib.h>
#include <unistd.h>

#include "ground.h"
#include "random_graph.h"

enum { SMALL_SIDE = 32 };

struct small_ground {
    struct ground on;
    char folder[64];
    char db[128];
    uint8_t pixels[3 * SMALL_SIDE * SMALL_SIDE];
    struct yt_image image; /* of the pixels */
};

/* Two convolutions of different problems, and a head. */
static inline struct yt_graph *small_graph(void)
{
    struct random_graph r;
    begin_graph(&r, 7);
    const int32_t first = add_conv_silu(&r, 0, 8, 6, 2);
    const int32_t inputs[] = {add_conv_silu(&r, first, 16, 3, 2)};
    end_graph(&r, inputs, 1, 1, 2);
    snprintf(r.graph->name, sizeof r.graph->name, "small");
    snprintf(r.graph->format, sizeof r.graph->format, "built-in");
    return r.graph;
}

static inline void small_ground_open(struct small_ground *g, int32_t threads)
{
    memset(g, 0, sizeof *g);
    strcpy(g->folder, "/tmp/yt-ground-XXXXXX");
    if (!mkdtemp(g->folder))
        fail_msg("no folder");
    snprintf(g->db, sizeof g->db, "%s/results.db", g->folder);
    const struct yt_site_options site = {.db = g->db};
    const struct yt_engine_options small = {
        .h = SMALL_SIDE, .w = SMALL_SIDE, .threads = threads};
    g->on.graph = small_graph();
    if (yt_site_open(&site, &g->on.site) != YT_OK ||
        yt_engine_open(g->on.site, g->on.graph, &small, &g->on.engine) != YT_OK)
        fail_msg("%s", yt_error());
    for (size_t i = 0; i < sizeof g->pixels; i++)
        g->pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    g->image = (struct yt_image){.pixels = g->pixels,
                                 .width = SMALL_SIDE,
                                 .height = SMALL_SIDE,
                                 .stride_bytes = 3 * (int64_t)SMALL_SIDE};
}

static inline void small_ground_close(struct small_ground *g)
{
    char command[128];
    ground_close(&g->on);
    snprintf(command, sizeof command, "rm -rf '%s'", g->folder);
    assert_int_equal(system(command), 0);
}

#endif
