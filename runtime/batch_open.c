/* Opens and closes batches; what runs them allocates nothing. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/batch.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/pool.h"
#include "runtime/stages.h"

/* Keeps sums of costs finite. */
#define COST_MAX 1e18

/* --------------------------------------------------------------- arguments */

static enum yt_status check_costs(const struct yt_batch_options *options,
                                  int32_t items)
{
    if (options->step_costs == NULL)
        return YT_OK;
    YT_FAIL_IF(options->step_cost_count != items, YT_BAD_ARGUMENT,
               "%d costs of steps: the plan has %d steps, want two more",
               options->step_cost_count, items - 2);
    for (int32_t i = 0; i < items; i++) {
        const double cost = options->step_costs[i];
        /* Written so that a NaN fails. */
        YT_FAIL_IF(!(cost >= 0 && cost <= COST_MAX), YT_BAD_ARGUMENT,
                   "cost %d of a step is %g: want 0..%g", i, cost, COST_MAX);
    }
    return YT_OK;
}

/* How many groups of how many threads. */
static enum yt_status resolve(const struct yt_batch_options *options,
                              const struct yt_plan *plan,
                              struct yt_batch *batch)
{
    const int32_t cpus = yt_pool_cpus(), most = YT_POOL_THREADS_MAX;
    const int32_t threads = options->threads == 0 ? 1 : options->threads;
    const int32_t stages = options->stages == 0 ? 1 : options->stages;
    int32_t instances = options->instances;
    YT_FAIL_IF(threads < 1 || threads > most, YT_BAD_ARGUMENT,
               "threads=%d: want 1..%d", threads, most);
    YT_FAIL_IF(stages < 1 || (stages > 1 && stages > plan->step_count),
               YT_BAD_ARGUMENT, "stages=%d: want 1..%d, the layers", stages,
               plan->step_count);
    if (instances == 0)
        instances = stages > 1 || cpus < threads ? 1 : cpus / threads;
    YT_FAIL_IF(instances < 1 || (instances > 1 && stages > 1), YT_BAD_ARGUMENT,
               "instances=%d, stages=%d: want 1 of one of the two", instances,
               stages);
    const int32_t groups = stages > 1 ? stages : instances;
    YT_FAIL_IF(groups > most / threads, YT_BAD_ARGUMENT,
               "%d groups of %d threads: want at most %d threads", groups,
               threads, most);
    const int32_t allowed = yt_pool_allowed_cpus();
    YT_FAIL_IF(options->pin && groups * threads > allowed, YT_BAD_ARGUMENT,
               "pinned, %d groups of %d threads want %d CPUs: %d may be used",
               groups, threads, groups * threads, allowed);
    YT_TRY(check_costs(options, yt_stages_items(plan)));
    batch->instances = instances;
    batch->threads = threads;
    batch->stages = stages;
    batch->pin = options->pin;
    batch->group_count = groups;
    /* A workspace a stage: one more in the ring would let a stage that ends a
     * little early go on, but gave no more frames in two stages, measured, and
     * longer waits between them. */
    batch->slot_count = groups;
    batch->spin = groups * threads <= cpus;
    return YT_OK;
}

/* ----------------------------------------------------------------- opening */

static void *zeroed(size_t count, size_t bytes)
{
    void *memory = aligned_alloc(YT_CACHE_LINE, count * bytes);
    if (memory != NULL)
        memset(memory, 0, count * bytes);
    return memory;
}

static enum yt_status no_memory(const struct yt_plan *plan)
{
    return yt_fail(YT_NO_MEMORY, "no memory for a batch of '%s'", plan->model);
}

/* Which steps each group runs. */
static enum yt_status cut_stages(struct yt_batch *batch,
                                 const struct yt_batch_options *options,
                                 const struct yt_plan *plan)
{
    const int32_t items = yt_stages_items(plan);
    const int32_t steps = plan->step_count;
    double *estimate = malloc((size_t)items * sizeof *estimate);
    int32_t *firsts = malloc(((size_t)batch->stages + 1) * sizeof *firsts);
    enum yt_status status = YT_OK;
    if (estimate == NULL || firsts == NULL) {
        status = no_memory(plan);
        goto done;
    }
    yt_stages_estimate(plan, estimate);
    yt_stages_cut(options->step_costs ? options->step_costs : estimate, items,
                  batch->stages, firsts);
    for (int32_t i = 0; i < batch->group_count; i++) {
        const int32_t stage = batch->stages > 1 ? i : 0;
        const int32_t first = firsts[stage] - 1, last = firsts[stage + 1] - 1;
        batch->groups[i].first = first < 0 ? 0 : first;
        batch->groups[i].last = last > steps ? steps : last;
    }
done:
    free(estimate);
    free(firsts);
    return status;
}

static enum yt_status open_group(struct yt_batch *batch, int32_t index,
                                 const struct yt_bundle *bundle)
{
    const struct yt_pool_options options = {
        .threads = batch->threads,
        .pin = batch->pin,
        .first = index * batch->threads,
        .stride = 1,
        .others = (batch->group_count - 1) * batch->threads,
    };
    struct yt_pool *pool = NULL;
    YT_TRY(yt_pool_create_beside(&options, &pool));
    return yt_model_open_on(bundle, pool, &batch->groups[index].model);
}

static enum yt_status open_slots(struct yt_batch *batch,
                                 const struct yt_plan *plan)
{
    struct yt_model_info info;
    yt_model_describe(batch->groups[0].model, &info);
    batch->workspace_bytes = info.workspace_bytes;
    for (int32_t i = 0; i < batch->slot_count; i++) {
        batch->slots[i].workspace = yt_memory_alloc(info.workspace_bytes);
        if (batch->slots[i].workspace == NULL)
            return no_memory(plan);
    }
    return YT_OK;
}

static enum yt_status open_drivers(struct yt_batch *batch)
{
    const struct yt_pool_options options = {
        .threads = batch->group_count,
        .pin = batch->pin,
        .stride = batch->threads,
        .others = batch->group_count * (batch->threads - 1),
    };
    return yt_pool_create_beside(&options, &batch->drivers);
}

static enum yt_status open_into(struct yt_batch *batch,
                                const struct yt_bundle *bundle,
                                const struct yt_batch_options *options)
{
    const struct yt_plan *plan = bundle->plan;
    YT_TRY(resolve(options, plan, batch));
    batch->groups = zeroed((size_t)batch->group_count, sizeof *batch->groups);
    batch->slots = calloc((size_t)batch->slot_count, sizeof *batch->slots);
    if (batch->groups == NULL || batch->slots == NULL)
        return no_memory(plan);
    for (int32_t i = 0; i < batch->group_count; i++) {
        atomic_init(&batch->groups[i].passed, 0);
        yt_wait_init(&batch->groups[i].wait);
    }
    YT_TRY(cut_stages(batch, options, plan));
    for (int32_t i = 0; i < batch->group_count; i++)
        YT_TRY(open_group(batch, i, bundle));
    YT_TRY(open_slots(batch, plan));
    return open_drivers(batch);
}

enum yt_status yt_batch_open(const struct yt_bundle *bundle,
                             const struct yt_batch_options *options,
                             struct yt_batch **batch_out)
{
    const struct yt_batch_options defaults = {0};
    *batch_out = NULL;
    YT_TRY(yt_bundle_check(bundle));
    struct yt_batch *batch = zeroed(1, sizeof *batch);
    if (batch == NULL)
        return no_memory(bundle->plan);
    pthread_mutex_init(&batch->lock, NULL);
    atomic_init(&batch->taken, 0);
    const enum yt_status status =
        open_into(batch, bundle, options ? options : &defaults);
    if (status != YT_OK) {
        yt_batch_close(batch);
        return status;
    }
    *batch_out = batch;
    return YT_OK;
}

void yt_batch_close(struct yt_batch *batch)
{
    if (batch == NULL)
        return;
    yt_pool_destroy(batch->drivers);
    for (int32_t i = 0; batch->slots != NULL && i < batch->slot_count; i++)
        yt_memory_free(batch->slots[i].workspace, batch->workspace_bytes);
    for (int32_t i = 0; batch->groups != NULL && i < batch->group_count; i++) {
        yt_model_close(batch->groups[i].model);
        yt_wait_deinit(&batch->groups[i].wait);
    }
    free(batch->slots);
    free(batch->groups);
    pthread_mutex_destroy(&batch->lock);
    free(batch);
}
