/* A site, a graph and an engine of it, for tests of what runs there. */
#ifndef YT_TEST_GROUND_H
#define YT_TEST_GROUND_H

#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/fail.h"
#include "tuner/build/engine.h"

struct ground {
    struct yt_site *site;
    struct yt_graph *graph;
    struct yt_engine *engine; /* NULL: none was opened */
};

/** @p model as yt_graph_read() takes it. */
static inline struct ground ground_open(const struct yt_site_options *options,
                                        const char *model)
{
    struct ground g = {NULL, NULL, NULL};
    if (yt_graph_read(model, &g.graph) != YT_OK ||
        yt_site_open(options, &g.site) != YT_OK)
        fail_msg("%s", yt_error());
    return g;
}

static inline struct ground engine_open(const struct yt_site_options *site,
                                        const char *model,
                                        const struct yt_engine_options *options)
{
    struct ground g = ground_open(site, model);
    if (yt_engine_open(g.site, g.graph, options, &g.engine) != YT_OK)
        fail_msg("%s", yt_error());
    return g;
}

static inline void ground_close(struct ground *g)
{
    yt_engine_close(g->engine);
    yt_graph_destroy(g->graph);
    yt_site_close(g->site);
    memset(g, 0, sizeof *g);
}

#endif
