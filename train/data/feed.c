/* See train/data/feed.h. Three batches have room: one that the caller has, and
 * two that threads make meanwhile, a picture at a time. What is on a picture
 * depends on its place in its batch and the seed alone, so it does not matter
 * who makes it when. */

#include "train/data/feed.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/data/sample.h"
#include "train/data/source.h"

#define ROOMS         3
#define CACHE_DEFAULT ((int64_t)1 << 30)

/* What seeds are for, beside the pictures of a batch. */
#define ORDER_SEED UINT64_MAX

/** Room for a batch. */
struct room {
    int64_t number;              /* of its batch; -1: none */
    float *images;               /* [batch][3][h][w] */
    int32_t *pictures;           /* [batch] of the source */
    struct yt_target_list *made; /* [batch] */
    int32_t begun, running;      /* pictures */
    enum yt_status status;       /* the first failure and its sentence */
    char error[256];
};

struct worker {
    struct yt_feed *feed;
    struct yt_sampler *sampler;
    pthread_t thread;
};

struct yt_feed {
    struct yt_dataset *dataset;
    struct yt_feed_options options;
    struct yt_source *source;
    struct worker *workers;
    int32_t started; /* workers */

    pthread_mutex_t lock;
    pthread_cond_t work; /* pictures are to be begun, or it is the end */
    pthread_cond_t done; /* nothing of a room is being made any more */
    int32_t is_closing;
    struct room rooms[ROOMS];

    /* The caller's thread alone: */
    int32_t *order; /* [pictures] of the epoch */
    int64_t epoch;  /* -1: no order yet */
    struct yt_target_list targets;
};

/* ---------------------------------------------------------------- order */

/* Fisher and Yates. */
static void shuffle(struct yt_feed *feed, int64_t epoch)
{
    if (feed->epoch == epoch)
        return;
    const int32_t count = yt_source_count(feed->source);
    uint64_t random =
        yt_sample_seed(feed->options.seed, ORDER_SEED, (uint64_t)epoch);
    for (int32_t i = 0; i < count; i++) {
        const int32_t j = yt_sample_below(&random, i + 1);
        feed->order[i] = feed->order[j];
        feed->order[j] = i;
    }
    feed->epoch = epoch;
}

int64_t yt_feed_batches_per_epoch(const struct yt_feed *feed)
{
    const int64_t count = yt_source_count(feed->source);
    return (count + feed->options.batch - 1) / feed->options.batch;
}

static void choose_pictures(struct yt_feed *feed, int64_t number,
                            int32_t *pictures)
{
    const int64_t batches = yt_feed_batches_per_epoch(feed);
    const int64_t count = yt_source_count(feed->source);
    const int32_t batch = feed->options.batch;
    shuffle(feed, number / batches);
    for (int32_t i = 0; i < batch; i++)
        pictures[i] = feed->order[(number % batches * batch + i) % count];
}

/* ---------------------------------------------------------------- rooms */

static int is_done(const struct yt_feed *feed, const struct room *room)
{
    return room->begun == feed->options.batch && room->running == 0;
}

/* Locked. Whatever was in the room is given up. */
static void begin_batch(struct yt_feed *feed, struct room *room, int64_t number)
{
    room->begun = feed->options.batch;
    while (room->running > 0)
        pthread_cond_wait(&feed->done, &feed->lock);
    choose_pictures(feed, number, room->pictures);
    for (int32_t i = 0; i < feed->options.batch; i++)
        room->made[i].count = 0;
    room->status = YT_OK;
    room->number = number;
    room->begun = 0;
}

static struct room *find_room(struct yt_feed *feed, int64_t number)
{
    for (int32_t i = 0; i < ROOMS; i++)
        if (feed->rooms[i].number == number)
            return &feed->rooms[i];
    return NULL;
}

/* A room whose batch is not among the ROOMS from a number on. */
static struct room *find_unused(struct yt_feed *feed, int64_t number)
{
    for (int32_t i = 0; i < ROOMS; i++)
        if (feed->rooms[i].number < number ||
            feed->rooms[i].number >= number + ROOMS)
            return &feed->rooms[i];
    assert(!"as many rooms as batches");
    return NULL;
}

/* Locked. Where pictures are to be begun, of the batch needed first; NULL: none
 * are. */
static struct room *find_work(struct yt_feed *feed)
{
    struct room *first = NULL;
    for (int32_t i = 0; i < ROOMS; i++) {
        struct room *room = &feed->rooms[i];
        if (room->number >= 0 && room->begun < feed->options.batch &&
            (first == NULL || room->number < first->number))
            first = room;
    }
    return first;
}

static int64_t floats_per_picture(const struct yt_feed_options *options)
{
    return 3 * (int64_t)options->h * options->w;
}

/* ------------------------------------------------------------- threads */

static enum yt_status make_picture(struct worker *worker, struct room *room,
                                   int32_t slot)
{
    const struct yt_feed_options *options = &worker->feed->options;
    const uint64_t seed =
        yt_sample_seed(options->seed, (uint64_t)room->number, (uint64_t)slot);
    return yt_sampler_make(worker->sampler, seed, room->pictures[slot], slot,
                           room->images + slot * floats_per_picture(options),
                           &room->made[slot]);
}

/* Locked. */
static void note_failure(struct yt_feed *feed, struct room *room,
                         enum yt_status status)
{
    if (room->status != YT_OK)
        return;
    room->status = status;
    snprintf(room->error, sizeof room->error, "%s", yt_error());
    room->begun = feed->options.batch;
}

static void *work(void *worker_)
{
    struct worker *worker = worker_;
    struct yt_feed *feed = worker->feed;
    pthread_mutex_lock(&feed->lock);
    while (!feed->is_closing) {
        struct room *room = find_work(feed);
        if (room == NULL) {
            pthread_cond_wait(&feed->work, &feed->lock);
            continue;
        }
        const int32_t slot = room->begun++;
        room->running++;
        pthread_mutex_unlock(&feed->lock);
        const enum yt_status status = make_picture(worker, room, slot);
        pthread_mutex_lock(&feed->lock);
        room->running--;
        if (status != YT_OK)
            note_failure(feed, room, status);
        if (is_done(feed, room))
            pthread_cond_broadcast(&feed->done);
    }
    pthread_mutex_unlock(&feed->lock);
    return NULL;
}

/* Signals are the other threads' to handle. */
static enum yt_status start_workers(struct yt_feed *feed)
{
    sigset_t all, before;
    enum yt_status status = YT_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int32_t i = 0; i < feed->options.threads && status == YT_OK; i++) {
        struct worker *worker = &feed->workers[i];
        worker->feed = feed;
        status =
            yt_sampler_open(feed->source, &feed->options.augmentation,
                            feed->options.h, feed->options.w, &worker->sampler);
        if (status == YT_OK &&
            pthread_create(&worker->thread, NULL, work, worker) != 0)
            status = yt_fail(YT_NO_MEMORY, "no thread to prepare batches");
        feed->started += status == YT_OK;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static void stop_workers(struct yt_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    feed->is_closing = 1;
    pthread_cond_broadcast(&feed->work);
    pthread_mutex_unlock(&feed->lock);
    for (int32_t i = 0; i < feed->started; i++)
        pthread_join(feed->workers[i].thread, NULL);
}

/* --------------------------------------------------------- open, close */

static enum yt_status make_rooms(struct yt_feed *feed)
{
    const size_t batch = (size_t)feed->options.batch;
    const size_t floats = (size_t)floats_per_picture(&feed->options);
    int failed = 0;
    for (int32_t i = 0; i < ROOMS; i++) {
        struct room *room = &feed->rooms[i];
        room->images = malloc(batch * floats * sizeof *room->images);
        room->pictures = calloc(batch, sizeof *room->pictures);
        room->made = calloc(batch, sizeof *room->made);
        failed |= !room->images || !room->pictures || !room->made;
    }
    feed->workers =
        calloc((size_t)feed->options.threads, sizeof *feed->workers);
    feed->order =
        calloc((size_t)yt_source_count(feed->source), sizeof *feed->order);
    YT_FAIL_IF(failed || feed->workers == NULL || feed->order == NULL,
               YT_NO_MEMORY, "no memory for batches of %d pictures of %dx%d",
               feed->options.batch, feed->options.w, feed->options.h);
    return YT_OK;
}

/* Whether there is a picture that can be read. */
static enum yt_status check_pictures(struct yt_feed *feed)
{
    struct yt_source_picture picture;
    const enum yt_status status = yt_source_take(feed->source, 0, &picture);
    if (status == YT_OK)
        yt_source_give_back(&picture);
    else if (status != YT_BAD_INPUT)
        return status;
    const enum yt_status told = yt_source_report(feed->source, feed->dataset);
    if (status != YT_OK)
        return yt_fail(status, "%s: no picture could be read",
                       feed->dataset->name);
    return told;
}

static enum yt_status fill(struct yt_feed *feed)
{
    const struct yt_feed_options *options = &feed->options;
    YT_TRY(yt_source_open(feed->dataset, options->h, options->w,
                          options->cache_bytes, &feed->source));
    YT_TRY(check_pictures(feed));
    YT_TRY(make_rooms(feed));
    return start_workers(feed);
}

enum yt_status yt_feed_open(struct yt_dataset *dataset,
                            const struct yt_feed_options *options,
                            struct yt_feed **feed_out)
{
    assert(options->h > 0 && options->w > 0 && options->batch > 0);
    struct yt_feed *feed = calloc(1, sizeof *feed);
    YT_FAIL_IF(feed == NULL, YT_NO_MEMORY, "no memory for batches");
    feed->dataset = dataset;
    feed->options = *options;
    if (options->threads == 0)
        feed->options.threads = 1;
    if (options->cache_bytes == 0)
        feed->options.cache_bytes = CACHE_DEFAULT;
    feed->epoch = -1;
    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->work, NULL);
    pthread_cond_init(&feed->done, NULL);
    for (int32_t i = 0; i < ROOMS; i++) {
        feed->rooms[i].number = -1;
        feed->rooms[i].begun = feed->options.batch;
    }
    const enum yt_status status = fill(feed);
    if (status != YT_OK) {
        yt_feed_close(feed);
        return status;
    }
    *feed_out = feed;
    return YT_OK;
}

static void free_room(struct room *room, int32_t batch)
{
    for (int32_t i = 0; room->made != NULL && i < batch; i++)
        yt_target_list_deinit(&room->made[i]);
    free(room->made);
    free(room->pictures);
    free(room->images);
}

void yt_feed_close(struct yt_feed *feed)
{
    if (feed == NULL)
        return;
    stop_workers(feed);
    for (int32_t i = 0; feed->workers != NULL && i < feed->options.threads; i++)
        yt_sampler_close(feed->workers[i].sampler);
    for (int32_t i = 0; i < ROOMS; i++)
        free_room(&feed->rooms[i], feed->options.batch);
    yt_target_list_deinit(&feed->targets);
    yt_source_close(feed->source);
    pthread_mutex_destroy(&feed->lock);
    pthread_cond_destroy(&feed->work);
    pthread_cond_destroy(&feed->done);
    free(feed->workers);
    free(feed->order);
    free(feed);
}

/* -------------------------------------------------------------- batches */

/* Have a batch made, and those behind it begun. */
static struct room *wait_for(struct yt_feed *feed, int64_t number)
{
    pthread_mutex_lock(&feed->lock);
    for (int64_t next = number; next < number + ROOMS; next++)
        if (find_room(feed, next) == NULL)
            begin_batch(feed, find_unused(feed, number), next);
    pthread_cond_broadcast(&feed->work);
    struct room *room = find_room(feed, number);
    while (!is_done(feed, room))
        pthread_cond_wait(&feed->done, &feed->lock);
    pthread_mutex_unlock(&feed->lock);
    return room;
}

/* It is made anew when it is asked for again. */
static enum yt_status give_up(struct yt_feed *feed, struct room *room)
{
    pthread_mutex_lock(&feed->lock);
    room->number = -1;
    pthread_mutex_unlock(&feed->lock);
    return yt_fail(room->status, "%s", room->error);
}

static enum yt_status gather_targets(struct yt_feed *feed,
                                     const struct room *room)
{
    feed->targets.count = 0;
    for (int32_t i = 0; i < feed->options.batch; i++)
        for (int32_t j = 0; j < room->made[i].count; j++)
            YT_TRY(yt_target_list_add(&feed->targets, &room->made[i].items[j]));
    return YT_OK;
}

enum yt_status yt_feed_batch(struct yt_feed *feed, int64_t number,
                             struct yt_batch *batch_out)
{
    assert(number >= 0);
    struct room *room = wait_for(feed, number);
    YT_TRY(yt_source_report(feed->source, feed->dataset));
    if (room->status != YT_OK)
        return give_up(feed, room);
    YT_TRY(gather_targets(feed, room));
    *batch_out = (struct yt_batch){
        .images = room->images,
        .targets = feed->targets.items,
        .target_count = feed->targets.count,
    };
    return YT_OK;
}
