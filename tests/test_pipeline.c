/* Three stages: every item once and in order, or the newest of live ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "eval/pipeline.h"

struct item {
    int number, worked;
};

struct job {
    int total, live;
    atomic_int read;          /* items */
    int last, given;          /* `last`: its number */
    int slow_work, slow_give; /* microseconds */
    int disorder;
    atomic_int in_work, most; /* items that are worked on at a time */
    struct item items[YT_PIPELINE_SLOTS];
};

static int read_item(void *job_, void *item_)
{
    struct job *job = job_;
    struct item *item = item_;
    if (job->read == job->total)
        return 0;
    *item = (struct item){.number = ++job->read};
    return 1;
}

static void work_item(void *job_, void *item_)
{
    struct job *job = job_;
    struct item *item = item_;
    const int now = atomic_fetch_add(&job->in_work, 1) + 1;
    if (now > atomic_load(&job->most))
        atomic_store(&job->most, now);
    usleep((useconds_t)job->slow_work);
    while (job->live && atomic_load(&job->read) < job->total)
        usleep(100);
    item->worked++;
    atomic_fetch_sub(&job->in_work, 1);
}

static void give_item(void *job_, void *item_,
                      const struct yt_pipeline_times *times)
{
    struct job *job = job_;
    const struct item *item = item_;
    usleep((useconds_t)job->slow_give);
    job->given++;
    job->disorder += item->number <= job->last || item->worked != 1 ||
                     times->given != job->given;
    job->last = item->number;
}

static int may_drop(void *job_, const void *item)
{
    const struct job *job = job_;
    (void)item;
    return job->live;
}

static struct yt_pipeline_times run(struct job *job)
{
    struct yt_pipeline pipeline = {.user = job,
                                   .read = read_item,
                                   .work = work_item,
                                   .give = give_item,
                                   .may_drop = may_drop};
    struct yt_pipeline_times times;
    for (int i = 0; i < YT_PIPELINE_SLOTS; i++)
        pipeline.slots[i] = &job->items[i];
    assert_ok(yt_pipeline_run(&pipeline, &times));
    assert_int_equal(times.given, job->given);
    assert_int_equal(job->disorder, 0);
    assert_int_equal(atomic_load(&job->most), job->total > 0);
    assert_int_equal(job->read, job->total);
    return times;
}

static void every_item_comes_out_in_order(void **state)
{
    (void)state;
    static const int slow[][2] = {{0, 0}, {300, 0}, {0, 300}, {200, 200}};
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        struct job job = {
            .total = 100, .slow_work = slow[i][0], .slow_give = slow[i][1]};
        const struct yt_pipeline_times times = run(&job);
        assert_int_equal(job.given, 100);
        assert_int_equal(times.dropped, 0);
        assert_true(times.work_ns >= 100000u * (unsigned)slow[i][0]);
        assert_true(times.give_ns >= 100000u * (unsigned)slow[i][1]);
        assert_true(times.wall_ns >= times.work_ns);
    }
    for (int total = 0; total < 7; total++) {
        struct job job = {.total = total};
        run(&job);
        assert_int_equal(job.given, total);
    }
}

/* Nothing is done before all is read: old items go, the newest stay. */
static void live_items_give_way(void **state)
{
    (void)state;
    struct job job = {.total = 200, .live = 1};
    const struct yt_pipeline_times times = run(&job);
    assert_int_equal(times.given + times.dropped, 200);
    assert_true(times.given <= YT_PIPELINE_SLOTS);
    assert_int_equal(job.last, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_comes_out_in_order),
        cmocka_unit_test(live_items_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
