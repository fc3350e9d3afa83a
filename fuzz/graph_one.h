#ifndef YT_FUZZ_GRAPH_ONE_H
#define YT_FUZZ_GRAPH_ONE_H

/* The network that texts are read for. */

#include "compress/quant/quantisation.h"
#include "fuzz/place.h"

static const struct yt_graph *graph_one(void)
{
    static struct yt_graph *graph;
    if (!graph && yt_graph_builtin("n", 1, &graph) != YT_OK)
        abort();
    return graph;
}

/* The input as text, in which the first GRAPH is the hash of the network that a
 * quantisation is of. malloc'ed. */
static char *graph_one_text(const uint8_t *data, size_t size)
{
    static char hash[17];
    if (!hash[0]) {
        struct yt_quantisation *q = NULL;
        if (yt_quantisation_create(graph_one(), &q) != YT_OK)
            abort();
        memcpy(hash, q->graph_hash, sizeof hash);
        yt_quantisation_destroy(q);
    }
    const char *word = memmem(data, size, "GRAPH", 5);
    const size_t before = word ? (size_t)(word - (const char *)data) : size;
    const size_t added = word ? sizeof hash - 1 : 0;
    char *text = malloc(size + sizeof hash);
    if (!text)
        abort();
    memcpy(text, data, before);
    memcpy(text + before, hash, added);
    if (word)
        memcpy(text + before + added, word + 5, size - before - 5);
    text[word ? size - 5 + added : size] = '\0';
    return text;
}

#endif
