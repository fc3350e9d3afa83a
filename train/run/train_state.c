/* See train/run/train_state.h. */

#include "train/run/train_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "runtime/fail.h"

static struct yt_checkpoint_numbers at_the_start(void)
{
    return (struct yt_checkpoint_numbers){
        .evaluated = -1,
        .rate_factor = 1,
        .start_map = NAN,
        .best_map = NAN,
        .start_loss = NAN,
        .loss = NAN,
    };
}

/* From the kept state to the one that is trained. */
static void take(struct yt_training *t)
{
    const size_t bytes = (size_t)t->kept.count * sizeof(float);
    struct yt_optimiser_state *optimiser = t->optimiser;
    t->now = t->kept.numbers;
    optimiser->updates = t->now.step;
    yt_optimiser_restore(optimiser, t->kept.values);
    memcpy(optimiser->momenta, t->kept.momenta, bytes);
    memcpy(optimiser->average, t->kept.average, bytes);
    if (optimiser->squares)
        memcpy(optimiser->squares, t->kept.squares, bytes);
}

static void keep(struct yt_training *t)
{
    const size_t bytes = (size_t)t->kept.count * sizeof(float);
    const struct yt_optimiser_state *optimiser = t->optimiser;
    t->now.seconds = yt_training_seconds(t);
    t->kept.numbers = t->now;
    yt_optimiser_save(optimiser, t->kept.values);
    memcpy(t->kept.momenta, optimiser->momenta, bytes);
    memcpy(t->kept.average, optimiser->average, bytes);
    if (optimiser->squares)
        memcpy(t->kept.squares, optimiser->squares, bytes);
}

/* Begin, or go on from a file. */
static enum yt_status begin(struct yt_training *t)
{
    t->now = at_the_start();
    yt_optimiser_save(t->optimiser, t->kept.best);
    keep(t);
    if (!t->options.resume || !t->options.checkpoint)
        return YT_OK;
    const enum yt_status status =
        yt_checkpoint_read(&t->kept, t->options.checkpoint);
    if (status == YT_NOT_FOUND)
        return YT_OK;
    YT_TRY(status);
    take(t);
    t->seconds_before = t->now.seconds;
    t->resumed = 1;
    return YT_OK;
}

static enum yt_status open_optimiser(struct yt_training *t)
{
    const struct yt_train_options *o = &t->options;
    const struct yt_optimiser_options optimiser = {
        .kind = o->optimiser,
        .momentum = o->momentum,
        .decay = o->decay,
        .clip = o->clip,
        .masks = t->masks.of_node,
    };
    return yt_optimiser_create(t->graph, &optimiser, &t->optimiser);
}

enum yt_status yt_training_open(const struct yt_graph *start,
                                struct yt_dataset *dataset,
                                const struct yt_train_options *options,
                                struct yt_training *t)
{
    char identity[YT_CHECKPOINT_ID_MAX];
    *t = (struct yt_training){.begin_ns = yt_now_ns(), .last_map = NAN};
    YT_TRY(yt_graph_wants_anchors(start, "training"));
    YT_TRY(yt_train_resolve(start, dataset, options, &t->options));
    /* Before pictures that cannot be read are left out of the data set. */
    YT_TRY(yt_train_identity(start, dataset, &t->options, identity));
    YT_TRY(yt_graph_copy(start, &t->graph));
    YT_TRY(yt_graph_copy(start, &t->candidate));
    YT_TRY(yt_train_masks_open(start, t->options.masks, &t->masks));
    YT_TRY(open_optimiser(t));
    YT_TRY(yt_checkpoint_init(&t->kept, identity, t->optimiser->count,
                              t->optimiser->squares != NULL));
    YT_TRY(begin(t));
    YT_TRY(yt_train_step_open(t->graph, dataset, &t->options, &t->step));
    t->batches = yt_feed_batches_per_epoch(t->step.feed);
    YT_TRY(yt_training_plan_resumed(t));
    t->gradients =
        calloc((size_t)t->optimiser->parameter_count, sizeof *t->gradients);
    YT_FAIL_IF(!t->gradients, YT_NO_MEMORY, "no memory to train in");
    return YT_OK;
}

void yt_training_close(struct yt_training *t)
{
    free(t->gradients);
    yt_train_step_close(&t->step);
    yt_checkpoint_deinit(&t->kept);
    yt_optimiser_destroy(t->optimiser);
    yt_train_masks_close(&t->masks);
    yt_graph_destroy(t->candidate);
    yt_graph_destroy(t->graph);
    memset(t, 0, sizeof *t);
}

double yt_training_seconds(const struct yt_training *t)
{
    return t->seconds_before + 1e-9 * (double)(yt_now_ns() - t->begin_ns);
}

enum yt_status yt_training_keep(struct yt_training *t)
{
    keep(t);
    if (!t->options.checkpoint)
        return YT_OK;
    return yt_checkpoint_write(&t->kept, t->options.checkpoint);
}

void yt_training_go_back(struct yt_training *t)
{
    const double factor = t->now.rate_factor / 2;
    const int64_t halved = t->now.halved + 1;
    take(t);
    t->now.rate_factor = factor;
    t->now.halved = halved;
}

enum yt_status yt_training_best(const struct yt_training *t,
                                struct yt_graph **graph_out)
{
    YT_TRY(yt_graph_copy(t->graph, graph_out));
    yt_optimiser_put(t->optimiser, t->kept.best, *graph_out);
    return YT_OK;
}
