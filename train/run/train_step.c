/* A batch of pictures becomes a loss and the gradients by all weights. */

#include "train/run/train_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/pool.h"

/* ------------------------------------------------------------------- open */

static enum yt_status open_tapes(struct yt_train_step *step)
{
    const struct yt_train_options *o = step->options;
    struct yt_tape_options tape = {
        .batch = o->batch,
        .h = o->h,
        .w = o->w,
        .threads = o->threads,
        .quantisation = o->quantisation,
        .weight_max = o->weight_max,
    };
    YT_TRY(yt_tape_create(step->graph, &tape, &step->student));
    if (!o->teacher)
        return YT_OK;
    tape.quantisation = NULL;
    tape.forward_only = 1;
    return yt_tape_create(o->teacher, &tape, &step->teacher);
}

static int64_t count_values(const struct yt_tape *tape,
                            const struct yt_graph *graph, int32_t node,
                            int32_t batch)
{
    int32_t h = 0, w = 0;
    yt_tape_shape(tape, node, &h, &w);
    return (int64_t)batch * graph->nodes[node].c * h * w;
}

static int has_map(const struct yt_train_step *step, int32_t node)
{
    for (int32_t i = 0; i < step->map_count; i++)
        if (step->maps[i].student == node)
            return 1;
    return 0;
}

/* Heads read a map each, or share one; those that both networks have in the
 * same shape. @return values of the largest. */
static int64_t find_maps(struct yt_train_step *step)
{
    const struct yt_train_options *o = step->options;
    const struct yt_graph *graph = step->graph;
    int64_t largest = 0;
    for (int32_t i = 0; o->maps > 0 && i < graph->head_count; i++) {
        const int32_t student = graph->nodes[graph->heads[i].node].inputs[0];
        const int32_t teacher =
            o->teacher->nodes[o->teacher->heads[i].node].inputs[0];
        if (student == 0 || has_map(step, student) ||
            graph->nodes[student].c != o->teacher->nodes[teacher].c)
            continue;
        const int64_t count =
            count_values(step->student, graph, student, o->batch);
        step->maps[step->map_count++] = (struct yt_train_map){
            .student = student, .teacher = teacher, .count = count};
        largest = count > largest ? count : largest;
    }
    return largest;
}

static enum yt_status allocate(float **out, int64_t count)
{
    *out = malloc((size_t)count * sizeof **out);
    YT_FAIL_IF(!*out, YT_NO_MEMORY, "no memory to train in");
    return YT_OK;
}

static enum yt_status open_buffers(struct yt_train_step *step)
{
    const struct yt_train_options *o = step->options;
    for (int32_t i = 0; i < step->graph->head_count; i++) {
        step->counts[i] = count_values(step->student, step->graph,
                                       step->graph->heads[i].node, o->batch);
        YT_TRY(allocate(&step->said[i], step->counts[i]));
        YT_TRY(allocate(&step->gradients[i], step->counts[i]));
        if (!o->teacher)
            continue;
        YT_TRY(allocate(&step->taught[i], step->counts[i]));
        YT_TRY(allocate(&step->more[i], step->counts[i]));
    }
    const int64_t largest = o->teacher ? find_maps(step) : 0;
    if (largest == 0)
        return YT_OK;
    YT_TRY(allocate(&step->map_said, largest));
    YT_TRY(allocate(&step->map_taught, largest));
    return allocate(&step->map_gradient, largest);
}

/* Cores that train from what one thread prepares: about ten times as many
 * pictures, while they are in memory. */
#define CORES_A_FEEDER 8

enum yt_status yt_train_step_open(const struct yt_graph *graph,
                                  struct yt_dataset *dataset,
                                  const struct yt_train_options *options,
                                  struct yt_train_step *step)
{
    *step = (struct yt_train_step){.options = options, .graph = graph};
    const int32_t cores = options->threads ? options->threads : yt_pool_cpus();
    const struct yt_feed_options feed = {
        .h = options->h,
        .w = options->w,
        .batch = options->batch,
        .threads = (cores + CORES_A_FEEDER - 1) / CORES_A_FEEDER,
        .seed = options->seed,
        .augmentation = options->augmentation,
    };
    YT_TRY(yt_feed_open(dataset, &feed, &step->feed));
    YT_TRY(open_tapes(step));
    return open_buffers(step);
}

void yt_train_step_close(struct yt_train_step *step)
{
    for (int32_t i = 0; i < YT_LEVELS_MAX; i++) {
        free(step->said[i]);
        free(step->taught[i]);
        free(step->gradients[i]);
        free(step->more[i]);
    }
    free(step->map_said);
    free(step->map_taught);
    free(step->map_gradient);
    yt_tape_destroy(step->student);
    yt_tape_destroy(step->teacher);
    yt_feed_close(step->feed);
    memset(step, 0, sizeof *step);
}

/* -------------------------------------------------------------------- run */

static enum yt_status read_heads(struct yt_tape *tape,
                                 const struct yt_graph *graph,
                                 float *const *values)
{
    for (int32_t i = 0; i < graph->head_count; i++)
        YT_TRY(yt_tape_read(tape, graph->heads[i].node, values[i]));
    return YT_OK;
}

static enum yt_status forward(struct yt_train_step *step, const float *images)
{
    const struct yt_train_options *o = step->options;
    YT_TRY(yt_tape_forward(step->student, images));
    YT_TRY(read_heads(step->student, step->graph, step->said));
    if (!o->teacher)
        return YT_OK;
    YT_TRY(yt_tape_forward(step->teacher, images));
    return read_heads(step->teacher, o->teacher, step->taught);
}

static void add_gradients(const struct yt_train_step *step)
{
    for (int32_t i = 0; i < step->graph->head_count; i++)
        for (int64_t j = 0; j < step->counts[i]; j++)
            step->gradients[i][j] += step->more[i][j];
}

/* Of the heads, into step->gradients. */
static enum yt_status head_loss(struct yt_train_step *step,
                                const struct yt_batch *batch, double *loss_out)
{
    const struct yt_train_options *o = step->options;
    double taught = 0;
    struct yt_detection_loss labelled = {0};
    if (o->labels)
        YT_TRY(yt_detection_loss(step->graph, o->batch, o->h, o->w,
                                 (const float *const *)step->said,
                                 batch->targets, batch->target_count, &o->gains,
                                 step->gradients, &labelled));
    if (o->teacher)
        YT_TRY(yt_distill_heads(
            step->graph, o->batch, o->h, o->w, (const float *const *)step->said,
            (const float *const *)step->taught, &o->distill,
            o->labels ? step->more : step->gradients, &taught));
    if (o->labels && o->teacher)
        add_gradients(step);
    *loss_out = labelled.total + taught;
    return YT_OK;
}

/* A map's gain is of a mean, the others' losses are sums over the batch. */
static enum yt_status map_loss(struct yt_train_step *step, double *loss)
{
    const double gain = step->options->maps * step->options->batch;
    for (int32_t i = 0; i < step->map_count; i++) {
        const struct yt_train_map *map = &step->maps[i];
        double part = 0;
        YT_TRY(yt_tape_read(step->student, map->student, step->map_said));
        YT_TRY(yt_tape_read(step->teacher, map->teacher, step->map_taught));
        yt_distill_map(step->map_said, step->map_taught, map->count, gain,
                       step->map_gradient, &part);
        YT_TRY(yt_tape_seed(step->student, map->student, step->map_gradient));
        *loss += part;
    }
    return YT_OK;
}

enum yt_status yt_train_step_run(struct yt_train_step *step, int64_t number,
                                 double *loss_out)
{
    struct yt_batch batch;
    double loss = 0;
    YT_TRY(yt_feed_batch(step->feed, number, &batch));
    YT_TRY(forward(step, batch.images));
    YT_TRY(head_loss(step, &batch, &loss));
    if (isfinite(loss)) {
        for (int32_t i = 0; i < step->graph->head_count; i++)
            YT_TRY(yt_tape_seed(step->student, step->graph->heads[i].node,
                                step->gradients[i]));
        YT_TRY(map_loss(step, &loss));
        YT_TRY(yt_tape_backward(step->student));
    }
    *loss_out = loss / step->options->batch;
    return YT_OK;
}
