/* Batches: whatever the split, an image's boxes are yt_model_detect()'s, bit
 * for bit. Run it under ThreadSanitizer too (YT_TSAN). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/batch.h"
#include "runtime/pool.h"
#include "runtime/stages.h"
#include "tests/tiny_plan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { IMAGES = 5, SIDE_MAX = 70, BOXES_MAX = 300 };

static uint8_t pixels[IMAGES][SIDE_MAX * SIDE_MAX * 3];
static struct yt_image images[IMAGES];

/* What each image must give, at a confidence that leaves many boxes. */
static const struct yt_detect_options detect = {.conf = 0.1f};
static struct yt_box want[IMAGES][BOXES_MAX];
static size_t want_counts[IMAGES];

static void make_images(void)
{
    seed = 11;
    for (int i = 0; i < IMAGES; i++) {
        images[i] = (struct yt_image){
            .pixels = pixels[i],
            .width = SIDE_MAX - 7 * i,
            .height = 30 + 9 * i,
            .stride_bytes = SIDE_MAX * 3,
        };
        for (size_t n = 0; n < sizeof pixels[i]; n++)
            pixels[i][n] = (uint8_t)(noise() * 127 + 128);
    }
}

static int setup(void **state)
{
    (void)state;
    make_plan();
    make_images();
    struct yt_model *model = NULL;
    const struct yt_open_options one = {.threads = 1};
    struct yt_model_info info;
    assert_int_equal(yt_model_open(&bundle, &one, &model), YT_OK);
    yt_model_describe(model, &info);
    void *workspace = aligned_alloc(YT_ALIGN, info.workspace_bytes);
    assert_non_null(workspace);
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(yt_model_detect(model, &images[i], &detect, workspace,
                                         info.workspace_bytes, want[i],
                                         BOXES_MAX, &want_counts[i], NULL),
                         YT_OK);
        assert_in_range(want_counts[i], 5, BOXES_MAX);
    }
    free(workspace);
    yt_model_close(model);
    return 0;
}

static struct yt_batch *open_batch(const struct yt_batch_options *options)
{
    struct yt_batch *batch = NULL;
    if (yt_batch_open(&bundle, options, &batch) != YT_OK)
        fail_msg("%s", yt_error());
    return batch;
}

/* Images first, first + 1, ... of the five, going round. */
static void check_run(struct yt_batch *batch, size_t first, size_t count,
                      size_t boxes_cap)
{
    enum { MOST = 2 * IMAGES };
    static struct yt_box boxes[MOST * BOXES_MAX];
    struct yt_image in[MOST] = {0};
    size_t counts[MOST];
    uint64_t times[MOST] = {0};
    memset(boxes, 0, sizeof boxes);
    for (size_t i = 0; i < count; i++)
        in[i] = images[(first + i) % IMAGES];
    if (yt_batch_detect(batch, in, count, &detect, boxes, boxes_cap, counts,
                        times) != YT_OK)
        fail_msg("%s", yt_error());
    for (size_t i = 0; i < count; i++) {
        const size_t image = (first + i) % IMAGES;
        const size_t all = want_counts[image];
        assert_int_equal(counts[i], all < boxes_cap ? all : boxes_cap);
        assert_memory_equal(boxes + i * boxes_cap, want[image],
                            counts[i] * sizeof *boxes);
        assert_true(times[i] > 0);
    }
}

static const struct yt_batch_options splits[] = {
    {.instances = 1},
    {.instances = 1, .threads = 3},
    {.instances = 2},
    {.instances = 3, .threads = 2},
    {.instances = 7},
    {.stages = 2},
    {.stages = 3},
    {.stages = STEPS},
    {.stages = 2, .threads = 2},
    {.instances = 1, .stages = 4, .threads = 2},
};

static void every_split_gives_the_same_boxes(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(splits); s++) {
        struct yt_batch *batch = open_batch(&splits[s]);
        /* Counts below the number of groups, above it, and over again. */
        for (size_t count = 0; count <= IMAGES; count++)
            check_run(batch, count, count, BOXES_MAX);
        check_run(batch, 0, 2 * IMAGES, BOXES_MAX);
        check_run(batch, 3, IMAGES, 4);
        check_run(batch, 1, IMAGES, 0);
        yt_batch_close(batch);
    }
}

static void scratch_and_old_memory_do_not_matter(void **state)
{
    (void)state;
    plan.scratch_bytes = SCRATCH;
    for (size_t s = 0; s < COUNT(splits); s++) {
        struct yt_batch *batch = open_batch(&splits[s]);
        for (int32_t i = 0; i < batch->slot_count; i++)
            memset(batch->slots[i].workspace, 0xff, batch->workspace_bytes);
        check_run(batch, 0, IMAGES, BOXES_MAX);
        yt_batch_close(batch);
    }
    plan.scratch_bytes = 0;
}

static void opening_and_closing_is_enough(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        yt_batch_close(open_batch(&splits[(size_t)i % COUNT(splits)]));
    yt_batch_close(NULL);
}

static void info_says_what_was_opened(void **state)
{
    (void)state;
    struct yt_batch_info info;
    struct yt_batch *batch = open_batch(NULL);
    yt_batch_describe(batch, &info);
    assert_int_equal(info.instances, yt_pool_cpus());
    assert_int_equal(info.threads, 1);
    assert_int_equal(info.stages, 1);
    assert_int_equal(info.workspaces, info.instances);
    const size_t each = info.workspace_bytes / (size_t)info.workspaces;
    assert_true(each > (size_t)plan.arena_bytes);
    yt_batch_close(batch);

    batch = open_batch(&(struct yt_batch_options){.stages = 3});
    yt_batch_describe(batch, &info);
    assert_int_equal(info.instances, 1);
    assert_int_equal(info.threads, 1);
    assert_int_equal(info.stages, 3);
    assert_int_equal(info.workspaces, 3);
    assert_int_equal(info.workspace_bytes, 3 * each);
    yt_batch_close(batch);

    batch = open_batch(&(struct yt_batch_options){.threads = 200});
    yt_batch_describe(batch, &info);
    assert_int_equal(info.threads, 200);
    assert_in_range(info.instances, 1, YT_POOL_THREADS_MAX / 200);
    yt_batch_close(batch);
}

static void pinned_threads_give_the_same_boxes(void **state)
{
    (void)state;
    if (yt_pool_cpus() < 2) {
        print_message("skipped: this process may use one CPU\n");
        skip();
    }
    const struct yt_batch_options pinned[] = {
        {.pin = 1},
        {.instances = 2, .pin = 1},
        {.instances = 1, .threads = 2, .pin = 1},
        {.stages = 2, .pin = 1},
    };
    for (size_t s = 0; s < COUNT(pinned); s++) {
        struct yt_batch *batch = open_batch(&pinned[s]);
        check_run(batch, 0, IMAGES, BOXES_MAX);
        yt_batch_close(batch);
    }
    struct yt_batch *batch = NULL;
    const struct yt_batch_options wide = {.instances = yt_pool_cpus() + 1,
                                          .pin = 1};
    if (wide.instances > YT_POOL_THREADS_MAX)
        return;
    assert_int_equal(yt_batch_open(&bundle, &wide, &batch), YT_BAD_ARGUMENT);
    assert_null(batch);
    assert_non_null(strstr(yt_error(), "CPUs"));
}

/* ------------------------------------------------------------ refused calls */

static void bad_images_are_refused_before_any_runs(void **state)
{
    (void)state;
    static struct yt_box boxes[IMAGES];
    for (size_t s = 0; s < COUNT(splits); s++) {
        struct yt_batch *batch = open_batch(&splits[s]);
        struct yt_image in[IMAGES];
        size_t counts[IMAGES];
        memcpy(in, images, sizeof in);
        in[3].width = 0;
        for (int i = 0; i < IMAGES; i++)
            counts[i] = 77;
        assert_int_equal(
            yt_batch_detect(batch, in, IMAGES, NULL, boxes, 1, counts, NULL),
            YT_BAD_ARGUMENT);
        assert_non_null(strstr(yt_error(), "image 3 of 5"));
        const struct yt_detect_options bad = {.conf = 2};
        assert_int_equal(yt_batch_detect(batch, images, IMAGES, &bad, boxes, 1,
                                         counts, NULL),
                         YT_BAD_ARGUMENT);
        assert_int_equal(
            yt_batch_detect(batch, NULL, 1, NULL, boxes, 1, counts, NULL),
            YT_BAD_ARGUMENT);
        assert_int_equal(
            yt_batch_detect(batch, images, 1, NULL, NULL, 1, counts, NULL),
            YT_BAD_ARGUMENT);
        assert_int_equal(
            yt_batch_detect(batch, images, 1, NULL, boxes, 1, NULL, NULL),
            YT_BAD_ARGUMENT);
        for (int i = 0; i < IMAGES; i++)
            assert_int_equal(counts[i], 77);
        /* None of it leaves anything behind. */
        check_run(batch, 0, IMAGES, BOXES_MAX);
        yt_batch_close(batch);
    }
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    static const double costs[STEPS + 2] = {1, 1, -1};
    static const struct {
        struct yt_batch_options options;
        const char *says;
    } bad[] = {
        {{.threads = -1}, "threads"},
        {{.threads = YT_POOL_THREADS_MAX + 1}, "threads"},
        {{.instances = -1}, "instances"},
        {{.instances = 129, .threads = 2}, "at most"},
        {{.stages = -1}, "stages"},
        {{.stages = STEPS + 1}, "stages"},
        {{.stages = 2, .instances = 2}, "instances"},
        {{.stages = 2, .step_costs = costs, .step_cost_count = STEPS}, "costs"},
        {{.stages = 2, .step_costs = costs, .step_cost_count = STEPS + 2},
         "cost 2"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct yt_batch *batch = (struct yt_batch *)pixels;
        assert_int_equal(yt_batch_open(&bundle, &bad[i].options, &batch),
                         YT_BAD_ARGUMENT);
        assert_null(batch);
        if (strstr(yt_error(), bad[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", yt_error(), bad[i].says);
    }
    struct yt_batch *batch = NULL;
    steps[2].kernel = NULL;
    assert_int_equal(yt_batch_open(&bundle, NULL, &batch), YT_BAD_ARGUMENT);
    make_plan();
}

/* ------------------------------------------------------------------ sources */

struct feed {
    struct yt_box boxes[8][BOXES_MAX]; /* by workspace */
    size_t counts[8];
    atomic_llong given;
    int64_t most;
};

static int next_of_feed(void *user, int64_t index, int32_t workspace,
                        struct yt_batch_frame *frame_out)
{
    struct feed *e = user;
    assert_in_range(workspace, 0, 7);
    if (index >= e->most)
        return 0;
    atomic_fetch_add(&e->given, 1);
    e->counts[workspace] = 0;
    *frame_out = (struct yt_batch_frame){
        .image = &images[index % IMAGES],
        .boxes = e->boxes[workspace],
        .boxes_cap = BOXES_MAX,
        .count_out = &e->counts[workspace],
    };
    return 1;
}

static void a_source_feeds_every_split(void **state)
{
    (void)state;
    static struct feed e;
    for (size_t s = 0; s < COUNT(splits); s++) {
        struct yt_batch *batch = open_batch(&splits[s]);
        atomic_store(&e.given, 0);
        e.most = 40;
        const struct yt_batch_source source = {next_of_feed, &e};
        assert_int_equal(yt_batch_run(batch, &detect, &source), YT_OK);
        assert_int_equal(atomic_load(&e.given), 40);
        yt_batch_close(batch);
    }
}

struct caller {
    struct yt_batch *batch;
    struct yt_box boxes[IMAGES * BOXES_MAX];
    size_t counts[IMAGES];
    enum yt_status status;
};

static void *call_often(void *argument)
{
    struct caller *c = argument;
    for (int i = 0; i < 3 && c->status == YT_OK; i++)
        c->status = yt_batch_detect(c->batch, images, IMAGES, &detect, c->boxes,
                                    BOXES_MAX, c->counts, NULL);
    return NULL;
}

static void callers_take_turns(void **state)
{
    (void)state;
    static struct caller callers[3];
    struct yt_batch *batch = open_batch(&splits[2]);
    pthread_t ids[COUNT(callers)];
    for (size_t i = 0; i < COUNT(callers); i++) {
        callers[i].batch = batch;
        assert_int_equal(pthread_create(&ids[i], NULL, call_often, &callers[i]),
                         0);
    }
    for (size_t i = 0; i < COUNT(callers); i++) {
        pthread_join(ids[i], NULL);
        assert_int_equal(callers[i].status, YT_OK);
        assert_memory_equal(callers[i].counts, want_counts, sizeof want_counts);
        for (size_t n = 0; n < IMAGES; n++)
            assert_memory_equal(callers[i].boxes + n * BOXES_MAX, want[n],
                                want_counts[n] * sizeof(struct yt_box));
    }
    yt_batch_close(batch);
}

/* --------------------------------------------------------------------- cuts */

static double dearest(const double *costs, const int32_t *firsts, int32_t n)
{
    double most = 0;
    for (int32_t s = 0; s < n; s++) {
        double sum = 0;
        for (int32_t i = firsts[s]; i < firsts[s + 1]; i++)
            sum += costs[i];
        most = sum > most ? sum : most;
    }
    return most;
}

/* The best of all cuts of items [first, items) into @p stages. */
static double best_cut(const double *costs, int32_t first, int32_t items,
                       int32_t stages)
{
    double sum = 0, best = -1;
    for (int32_t end = first + 1; end <= items; end++) {
        sum += costs[end - 1];
        if (stages == 1 ? end < items : items - end < stages - 1)
            continue;
        double most = stages == 1 ? 0 : best_cut(costs, end, items, stages - 1);
        most = sum > most ? sum : most;
        best = best < 0 || most < best ? most : best;
    }
    return best;
}

static void cuts_are_as_even_as_can_be(void **state)
{
    (void)state;
    enum { ITEMS = 9 };
    seed = 3;
    for (int round = 0; round < 200; round++) {
        double costs[ITEMS];
        for (int i = 0; i < ITEMS; i++)
            costs[i] = noise() > 0.5f ? 0 : 1 + (double)noise();
        for (int32_t stages = 1; stages <= ITEMS; stages++) {
            int32_t firsts[ITEMS + 1];
            yt_stages_cut(costs, ITEMS, stages, firsts);
            assert_int_equal(firsts[0], 0);
            assert_int_equal(firsts[stages], ITEMS);
            for (int32_t s = 0; s < stages; s++)
                assert_true(firsts[s] < firsts[s + 1]);
            const double best = best_cut(costs, 0, ITEMS, stages);
            assert_float_equal(dearest(costs, firsts, stages), best,
                               best * 1e-6);
        }
    }
}

static void given_costs_move_the_cut(void **state)
{
    (void)state;
    double costs[STEPS + 2] = {0};
    for (int32_t at = 0; at <= STEPS; at++) {
        memset(costs, 0, sizeof costs);
        costs[at] = costs[at + 1] = 1;
        struct yt_batch *batch = open_batch(&(struct yt_batch_options){
            .stages = 2, .step_costs = costs, .step_cost_count = STEPS + 2});
        assert_int_equal(batch->groups[0].first, 0);
        assert_int_equal(batch->groups[0].last, at);
        assert_int_equal(batch->groups[1].first, at);
        assert_int_equal(batch->groups[1].last, STEPS);
        check_run(batch, 0, IMAGES, BOXES_MAX);
        yt_batch_close(batch);
    }
}

/* ------------------------------------------------------------------ forks */

static int batch_is_right(struct yt_batch *batch)
{
    static struct yt_box boxes[IMAGES][BOXES_MAX];
    size_t counts[IMAGES];
    if (yt_batch_detect(batch, images, IMAGES, &detect, boxes[0], BOXES_MAX,
                        counts, NULL) != YT_OK)
        return 0;
    for (int i = 0; i < IMAGES; i++)
        if (counts[i] != want_counts[i] ||
            memcmp(boxes[i], want[i], counts[i] * sizeof boxes[i][0]) != 0)
            return 0;
    return 1;
}

static int model_is_right(struct yt_model *model)
{
    static struct yt_box boxes[BOXES_MAX];
    struct yt_model_info info;
    size_t count = 0;
    yt_model_describe(model, &info);
    void *workspace = aligned_alloc(YT_ALIGN, info.workspace_bytes);
    const int right = workspace != NULL &&
                      yt_model_detect(model, &images[0], &detect, workspace,
                                      info.workspace_bytes, boxes, BOXES_MAX,
                                      &count, NULL) == YT_OK &&
                      count == want_counts[0] &&
                      memcmp(boxes, want[0], count * sizeof boxes[0]) == 0;
    free(workspace);
    return right;
}

/* A child detects, closes and leaves; the parent goes on. */
static void check_fork(struct yt_model *model, struct yt_batch *batch)
{
    int status = -1;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(120);
        const int right = (model == NULL || model_is_right(model)) &&
                          (batch == NULL || batch_is_right(batch));
        yt_batch_close(batch);
        yt_model_close(model);
        _exit(!right);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(model == NULL || model_is_right(model));
    assert_true(batch == NULL || batch_is_right(batch));
}

static void forked_children_find_the_same_boxes(void **state)
{
    (void)state;
    struct yt_model *model = NULL;
    const struct yt_open_options two = {.threads = 2};
    assert_int_equal(yt_model_open(&bundle, &two, &model), YT_OK);
    check_fork(model, NULL);
    for (size_t i = 0; i < COUNT(splits); i++) {
        struct yt_batch *batch = open_batch(&splits[i]);
        check_fork(model, batch);
        check_fork(NULL, batch);
        yt_batch_close(batch);
    }
    yt_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same_boxes),
        cmocka_unit_test(scratch_and_old_memory_do_not_matter),
        cmocka_unit_test(opening_and_closing_is_enough),
        cmocka_unit_test(info_says_what_was_opened),
        cmocka_unit_test(pinned_threads_give_the_same_boxes),
        cmocka_unit_test(bad_images_are_refused_before_any_runs),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_source_feeds_every_split),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(cuts_are_as_even_as_can_be),
        cmocka_unit_test(given_costs_move_the_cut),
        cmocka_unit_test(forked_children_find_the_same_boxes),
    };
    return cmocka_run_group_tests_name("batch", tests, setup, NULL);
}
