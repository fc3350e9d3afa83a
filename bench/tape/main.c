/* yolotune-tape: for each line on standard input one forward and one
 * backward pass of a batch, whose seconds are printed. Stands beside yolotune
 * in the build folder and is not installed; see bench/train_speed.py. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "base/random.h"
#include "train/net/tape.h"

struct speed {
    struct yt_graph *graph;
    struct yt_tape *tape;
    float *images;
    float *seeds[YT_LEVELS_MAX];
};

static float *make_floats(int64_t count)
{
    uint32_t state = 1;
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = yt_random_unit(&state);
    return values;
}

static enum yt_status prepare(const struct yt_tape_options *options,
                              const char *model, struct speed *speed)
{
    enum yt_status status = yt_graph_read(model, &speed->graph);
    if (status == YT_OK)
        status = yt_tape_create(speed->graph, options, &speed->tape);
    if (status != YT_OK)
        return status;
    const int64_t batch = options->batch;
    speed->images = make_floats(batch * 3 * options->h * options->w);
    status = speed->images ? YT_OK : YT_NO_MEMORY;
    for (int32_t i = 0; i < speed->graph->head_count; i++) {
        const int32_t node = speed->graph->heads[i].node;
        int32_t h, w;
        yt_tape_shape(speed->tape, node, &h, &w);
        speed->seeds[i] =
            make_floats(batch * speed->graph->nodes[node].c * h * w);
        if (!speed->seeds[i])
            status = YT_NO_MEMORY;
    }
    return status;
}

static enum yt_status step(struct speed *speed)
{
    enum yt_status status = yt_tape_forward(speed->tape, speed->images);
    for (int32_t i = 0; i < speed->graph->head_count && status == YT_OK; i++)
        status = yt_tape_seed(speed->tape, speed->graph->heads[i].node,
                              speed->seeds[i]);
    return status == YT_OK ? yt_tape_backward(speed->tape) : status;
}

static enum yt_status serve(struct speed *speed)
{
    char line[64];
    printf("ready %lld\n", (long long)yt_tape_bytes(speed->tape));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const uint64_t begin = yt_now_ns();
        const enum yt_status status = step(speed);
        if (status != YT_OK)
            return status;
        printf("%.6f\n", (double)(yt_now_ns() - begin) * 1e-9);
        fflush(stdout);
    }
    return YT_OK;
}

int main(int argc, char **argv)
{
    struct speed speed = {0};
    if (argc != 5) {
        fprintf(stderr, "usage: yolotune-tape MODEL BATCH SIZE "
                        "THREADS\n");
        return 2;
    }
    const int32_t size = (int32_t)strtol(argv[3], NULL, 10);
    const struct yt_tape_options options = {
        .batch = (int32_t)strtol(argv[2], NULL, 10),
        .h = size,
        .w = size,
        .threads = (int32_t)strtol(argv[4], NULL, 10)};
    enum yt_status status = prepare(&options, argv[1], &speed);
    if (status == YT_OK)
        status = serve(&speed);
    if (status != YT_OK)
        fprintf(stderr, "yolotune-tape: %s\n", yt_error());
    yt_tape_destroy(speed.tape);
    yt_graph_destroy(speed.graph);
    free(speed.images);
    for (int i = 0; i < YT_LEVELS_MAX; i++)
        free(speed.seeds[i]);
    return status == YT_OK ? 0 : 1;
}
