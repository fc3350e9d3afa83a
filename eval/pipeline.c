/* See eval/pipeline.h. Queues are rings of as many places as there are slots,
 * so they never overflow; one lock keeps them all. */

#include "eval/pipeline.h"

#include <assert.h>
#include <pthread.h>

#include "base/now.h"
#include "runtime/fail.h"

struct queue {
    void *slots[YT_PIPELINE_SLOTS];
    int first, count;
    int ended; /* nothing more is put into it */
};

struct run {
    const struct yt_pipeline *pipeline;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct queue idle, filled, done;
    struct yt_pipeline_times times;
    uint64_t begin_ns;
};

static void put(struct queue *queue, void *slot)
{
    assert(queue->count < YT_PIPELINE_SLOTS);
    queue->slots[(queue->first + queue->count++) % YT_PIPELINE_SLOTS] = slot;
}

static void *take(struct queue *queue)
{
    void *slot = queue->slots[queue->first];
    queue->first = (queue->first + 1) % YT_PIPELINE_SLOTS;
    queue->count--;
    return slot;
}

static void put_locked(struct run *run, struct queue *queue, void *slot)
{
    pthread_mutex_lock(&run->lock);
    put(queue, slot);
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void end_locked(struct run *run, struct queue *queue)
{
    pthread_mutex_lock(&run->lock);
    queue->ended = 1;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

/* The next slot of a queue; NULL: it has ended. */
static void *wait_for(struct run *run, struct queue *queue)
{
    pthread_mutex_lock(&run->lock);
    while (queue->count == 0 && !queue->ended)
        pthread_cond_wait(&run->changed, &run->lock);
    void *slot = queue->count > 0 ? take(queue) : NULL;
    pthread_mutex_unlock(&run->lock);
    return slot;
}

static int is_stale(const struct run *run)
{
    const struct yt_pipeline *p = run->pipeline;
    return run->filled.count > 0 &&
           p->may_drop(p->user, run->filled.slots[run->filled.first]);
}

/* A slot to read into: a free one, or that of an item which is old. */
static void *find_idle(struct run *run)
{
    void *slot = NULL;
    pthread_mutex_lock(&run->lock);
    while (run->idle.count == 0 && !is_stale(run))
        pthread_cond_wait(&run->changed, &run->lock);
    if (run->idle.count > 0) {
        slot = take(&run->idle);
    } else {
        slot = take(&run->filled);
        run->times.dropped++;
    }
    pthread_mutex_unlock(&run->lock);
    return slot;
}

/* A stage's time, and what it stands at for all. */
static void add_time(struct run *run, uint64_t *ns, uint64_t since_ns)
{
    const uint64_t now = yt_now_ns();
    pthread_mutex_lock(&run->lock);
    *ns += now - since_ns;
    run->times.wall_ns = now - run->begin_ns;
    pthread_mutex_unlock(&run->lock);
}

static void *read_all(void *run_)
{
    struct run *run = run_;
    const struct yt_pipeline *p = run->pipeline;
    for (int more = 1; more;) {
        void *slot = find_idle(run);
        const uint64_t since_ns = yt_now_ns();
        more = p->read(p->user, slot);
        add_time(run, &run->times.read_ns, since_ns);
        put_locked(run, more ? &run->filled : &run->idle, slot);
    }
    end_locked(run, &run->filled);
    return NULL;
}

static void work_all(struct run *run)
{
    const struct yt_pipeline *p = run->pipeline;
    for (void *slot; (slot = wait_for(run, &run->filled)) != NULL;) {
        const uint64_t since_ns = yt_now_ns();
        p->work(p->user, slot);
        add_time(run, &run->times.work_ns, since_ns);
        put_locked(run, &run->done, slot);
    }
    end_locked(run, &run->done);
}

static struct yt_pipeline_times times_so_far(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    run->times.given++;
    const struct yt_pipeline_times times = run->times;
    pthread_mutex_unlock(&run->lock);
    return times;
}

static void *give_all(void *run_)
{
    struct run *run = run_;
    const struct yt_pipeline *p = run->pipeline;
    for (void *slot; (slot = wait_for(run, &run->done)) != NULL;) {
        const struct yt_pipeline_times times = times_so_far(run);
        const uint64_t since_ns = yt_now_ns();
        p->give(p->user, slot, &times);
        add_time(run, &run->times.give_ns, since_ns);
        put_locked(run, &run->idle, slot);
    }
    return NULL;
}

/* The giving thread first: it waits for others, so it can be called off. */
static enum yt_status run_threads(struct run *run)
{
    pthread_t reader;
    pthread_t giver;
    YT_FAIL_IF(pthread_create(&giver, NULL, give_all, run) != 0, YT_IO,
               "a thread cannot be started");
    const int failed = pthread_create(&reader, NULL, read_all, run);
    if (failed)
        end_locked(run, &run->done);
    else
        work_all(run);
    if (!failed)
        pthread_join(reader, NULL);
    pthread_join(giver, NULL);
    YT_FAIL_IF(failed, YT_IO, "a thread cannot be started");
    return YT_OK;
}

enum yt_status yt_pipeline_run(const struct yt_pipeline *pipeline,
                               struct yt_pipeline_times *times_out)
{
    struct run run = {.pipeline = pipeline, .begin_ns = yt_now_ns()};
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    for (int i = 0; i < YT_PIPELINE_SLOTS; i++)
        put(&run.idle, pipeline->slots[i]);
    const enum yt_status status = run_threads(&run);
    *times_out = run.times;
    pthread_cond_destroy(&run.changed);
    pthread_mutex_destroy(&run.lock);
    return status;
}
