/* Training as a whole, on a network of three convolutions and a few pictures:
 * that it learns, holds zeros, goes on as if nothing had happened, and says
 * what is wrong. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "base/now.h"
#include "eval/shapes.h"
#include "model/filters.h"
#include "random_graph.h"
#include "train/run/train.h"

#define SIDE  64
#define BATCH 4

struct fixture {
    char folder[64], checkpoint[96];
    struct yt_dataset *pictures;
    struct yt_graph *graph;
};

/* Three classes of shapes, one head of stride 8. */
static struct yt_graph *small_network(uint64_t seed, int32_t nc)
{
    struct random_graph r;
    begin_graph(&r, seed);
    int32_t node = add_conv_silu(&r, 0, 8, 6, 2);
    node = add_conv_silu(&r, node, 12, 3, 2);
    const int32_t inputs[] = {add_conv_silu(&r, node, 16, 3, 2)};
    end_graph(&r, inputs, 1, 2, nc);
    for (int a = 0; a < 2; a++)
        for (int side = 0; side < 2; side++)
            r.graph->heads[0].anchors[a][side] = 14.0f + 10.0f * (float)a;
    return r.graph;
}

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/yt-train-XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.checkpoint, sizeof f.checkpoint, "%s/training.ckpt", f.folder);
    char set[96];
    snprintf(set, sizeof set, "%s/set", f.folder);
    const struct yt_shapes_options shapes = {
        .train = 12, .val = 1, .test = 1, .h = SIDE, .w = SIDE, .seed = 3};
    assert_ok(yt_shapes_write(set, &shapes));
    const struct yt_dataset_options options = {.path = set, .split = "train"};
    assert_ok(yt_dataset_open(&options, &f.pictures));
    f.graph = small_network(5, 3);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    yt_graph_destroy(f->graph);
    yt_dataset_close(f->pictures);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command); /* NOLINT(*-env33-c): a path of our own */
}

/* What a test wants to happen while training, and what it saw. */
struct watch {
    const char *note;
    int notes;
    int64_t stop_at, kill_at, poison_at; /* steps; 0: never */
    volatile int stop;
    struct yt_graph *poisoned;
    float healthy;
    struct yt_train_event last;
};

static void on_progress(void *user, const struct yt_train_event *event)
{
    struct watch *w = user;
    w->last = *event;
    if (event->note) {
        w->notes++;
        w->note = event->note;
        w->poisoned->nodes[1].bias[0] = w->healthy;
    }
    if (w->stop_at > 0 && event->step >= w->stop_at)
        w->stop = 1;
    if (w->kill_at > 0 && event->step >= w->kill_at)
        raise(SIGKILL);
    if (w->poison_at > 0 && event->step >= w->poison_at) {
        w->poison_at = 0;
        w->healthy = w->poisoned->nodes[1].bias[0];
        w->poisoned->nodes[1].bias[0] = NAN;
    }
}

/* A figure that depends on all weights and nothing else, and jumps about, so
 * that the best is somewhere on the way. */
static enum yt_status measure(void *user, const struct yt_graph *graph,
                              double *map_out)
{
    double sum = 0;
    (void)user;
    for (int32_t i = 0; i < graph->node_count; i++)
        for (int32_t j = 0; graph->nodes[i].bias && j < graph->nodes[i].c; j++)
            sum += (double)graph->nodes[i].bias[j] * (j + 1);
    *map_out = 0.5 + 0.4 * sin(100 * sum);
    return YT_OK;
}

static struct yt_train_options options_for(const struct fixture *f,
                                           struct watch *watch)
{
    (void)f;
    return (struct yt_train_options){
        .h = SIDE,
        .w = SIDE,
        .batch = BATCH,
        .threads = 1,
        .seed = 11,
        .rate = 3e-3,
        .epochs = 6,
        .labels = 1,
        .progress = on_progress,
        .user = watch,
        .stop = &watch->stop,
    };
}

/* ------------------------------------------------------------- goes on */

static void assert_same_training(const struct yt_graph *a,
                                 const struct yt_train_result *ra,
                                 const struct yt_graph *b,
                                 const struct yt_train_result *rb)
{
    char digests[2][33];
    yt_graph_digest(a, digests[0]);
    yt_graph_digest(b, digests[1]);
    assert_string_equal(digests[0], digests[1]);
    assert_int_equal(ra->steps, rb->steps);
    assert_int_equal(ra->best_step, rb->best_step);
    /* As bits: what was not measured is not a number. */
    assert_memory_equal(&ra->best_map, &rb->best_map, sizeof ra->best_map);
    assert_memory_equal(&ra->start_map, &rb->start_map, sizeof ra->start_map);
    assert_true(ra->end_loss == rb->end_loss);
}

/* Without evaluation the last weights come back, with it the best. */
static void resumes_to_the_bit(const struct fixture *f, int evaluates,
                               enum yt_optimiser kind)
{
    struct watch whole = {0}, first = {.stop_at = 7}, second = {0};
    struct yt_train_options o = options_for(f, &whole);
    struct yt_train_result results[3];
    struct yt_graph *graphs[3] = {NULL};
    o.augmentation = yt_augmentation();
    o.optimiser = kind;
    o.evaluate = evaluates ? measure : NULL;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graphs[0], &results[0]));
    assert_int_equal(results[0].steps, 18);
    assert_false(results[0].interrupted);
    o.checkpoint = f->checkpoint;
    o.user = &first;
    o.stop = &first.stop;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graphs[1], &results[1]));
    assert_true(results[1].interrupted);
    assert_int_equal(results[1].steps, 7);
    o.user = &second;
    o.stop = &second.stop;
    o.resume = 1;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graphs[2], &results[2]));
    assert_true(results[2].resumed && !results[1].resumed);
    assert_same_training(graphs[0], &results[0], graphs[2], &results[2]);
    for (int i = 0; i < 3; i++)
        yt_graph_destroy(graphs[i]);
    unlink(f->checkpoint);
}

static void resume_equals_no_interruption(void **state)
{
    resumes_to_the_bit(*state, 0, YT_ADAM);
    resumes_to_the_bit(*state, 1, YT_ADAM);
    resumes_to_the_bit(*state, 1, YT_SGD);
}

/* The first of the tests: a child of a process whose threads have worked could
 * not use them. */
static void a_killed_training_goes_on(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {.kill_at = 8}, none = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result results[2];
    struct yt_graph *graphs[2] = {NULL};
    o.evaluate = measure;
    o.checkpoint = f->checkpoint;
    const pid_t child = fork();
    if (child == 0) {
        yt_train(f->graph, f->pictures, &o, &graphs[0], &results[0]);
        _exit(0);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
    o.user = &none;
    o.resume = 1;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graphs[0], &results[0]));
    assert_true(results[0].resumed);
    o.resume = 0;
    o.checkpoint = NULL;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graphs[1], &results[1]));
    assert_same_training(graphs[0], &results[0], graphs[1], &results[1]);
    yt_graph_destroy(graphs[0]);
    yt_graph_destroy(graphs[1]);
}

static void checkpoints_of_others_are_refused(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {.stop_at = 3};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *graph = NULL;
    o.checkpoint = f->checkpoint;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graph, &result));
    yt_graph_destroy(graph);
    o.resume = 1;
    o.rate = 1e-4;
    assert_int_equal(yt_train(f->graph, f->pictures, &o, &graph, &result),
                     YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "is of another training"));
}

/* What was learned is not lost with the disk. */
static void a_disk_that_fails_keeps_the_best(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *graph = NULL;
    o.checkpoint = "/no/such/folder/training.ckpt";
    assert_int_equal(yt_train(f->graph, f->pictures, &o, &graph, &result),
                     YT_IO);
    assert_non_null(graph);
    assert_ok(yt_graph_check(graph));
    yt_graph_destroy(graph);
}

/* -------------------------------------------------------------- learns */

static void losses_fall(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    static const enum yt_optimiser kinds[] = {YT_ADAM, YT_SGD};
    for (int k = 0; k < 2; k++) {
        struct yt_graph *graph = NULL;
        o.optimiser = kinds[k];
        o.epochs = 40;
        assert_ok(yt_train(f->graph, f->pictures, &o, &graph, &result));
        if (!(result.end_loss < 0.8 * result.start_loss))
            fail_msg("loss from %g to %g", result.start_loss, result.end_loss);
        assert_int_equal(result.steps, 120);
        assert_int_equal(result.pictures, 480);
        assert_int_equal(result.epochs, 40);
        assert_int_equal(result.halved, 0);
        assert_true(isnan(result.best_map));
        yt_graph_destroy(graph);
    }
}

/* A teacher of another width, no labels. */
static void teachers_are_followed(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *teacher = small_network(9, 3), *graph = NULL;
    o.labels = 0;
    o.teacher = teacher;
    o.maps = 1;
    o.epochs = 40;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graph, &result));
    if (!(result.end_loss < 0.6 * result.start_loss))
        fail_msg("loss from %g to %g", result.start_loss, result.end_loss);
    yt_graph_destroy(graph);
    yt_graph_destroy(teacher);
}

static void zeros_stay(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *graph = NULL;
    const struct yt_node *conv = &f->graph->nodes[3];
    assert_int_equal(conv->kind, YT_NODE_CONV);
    const int32_t count = conv->c * 8 * 3 * 3;
    uint8_t *mask = malloc((size_t)count);
    assert_non_null(mask);
    const uint8_t *masks[16] = {NULL};
    for (int32_t i = 0; i < count; i++)
        mask[i] = (uint8_t)(i % 5 < 2);
    masks[3] = mask;
    o.masks = masks;
    o.evaluate = measure;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graph, &result));
    for (int32_t i = 0; i < count; i++)
        assert_true((graph->nodes[3].weights[i] == 0) == !mask[i]);
    yt_graph_destroy(graph);
    free(mask);
}

/* Nobody names the zeros between groups; those that are named stay as well. */
static void groups_stay(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *start = NULL, *graph = NULL;
    enum { NODE = 3, K = 12, C = 8, GROUPS = 4, TAPS = 9, ALL = K * C * TAPS };
    assert_ok(yt_graph_copy(f->graph, &start));
    float *weights = start->nodes[NODE].weights;
    float small[ALL];
    uint8_t mask[ALL];
    const uint8_t *masks[16] = {[NODE] = mask};
    assert_int_equal(yt_filter_size(start, NODE), ALL);
    memcpy(small, weights, sizeof small);
    memset(weights, 0, sizeof small);
    yt_grouped_filter(small, GROUPS, K, C, TAPS, weights);
    for (int32_t i = 0; i < ALL; i++)
        mask[i] = (uint8_t)(i % 5 < 2);
    for (int with_masks = 0; with_masks < 2; with_masks++) {
        int32_t changed = 0;
        o.masks = with_masks ? masks : NULL;
        assert_ok(yt_train(start, f->pictures, &o, &graph, &result));
        const float *now = graph->nodes[NODE].weights;
        for (int32_t i = 0; i < ALL; i++) {
            const int stays = weights[i] != 0 && (!with_masks || mask[i]);
            assert_true((now[i] != 0) == stays);
            changed += stays && now[i] != weights[i];
        }
        assert_true(changed > 0);
        yt_graph_destroy(graph);
    }
    yt_graph_destroy(start);
}

/* -------------------------------------------------------------- not finite */

static void a_loss_that_is_not_finite_halves_the_rate(void **state)
{
    const struct fixture *f = *state;
    struct yt_graph *teacher = small_network(9, 3), *graph = NULL;
    struct watch watch = {.poison_at = 9, .poisoned = teacher};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    o.labels = 0;
    o.teacher = teacher;
    o.evaluate = measure;
    assert_ok(yt_train(f->graph, f->pictures, &o, &graph, &result));
    assert_int_equal(result.halved, 1);
    assert_int_equal(watch.notes, 1);
    assert_non_null(strstr(watch.note, "halved"));
    assert_int_equal(result.steps, 18);
    assert_float_equal(watch.last.rate, 0.5 * 3e-3 * 0.01, 1e-9);
    assert_ok(yt_graph_check(graph));
    yt_graph_destroy(graph);
    yt_graph_destroy(teacher);
}

static void a_loss_that_stays_so_ends_the_training(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {.poisoned = f->graph};
    watch.healthy = f->graph->nodes[1].bias[0];
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *graph = NULL;
    o.rate = 1e30;
    o.optimiser = YT_SGD;
    assert_int_equal(yt_train(f->graph, f->pictures, &o, &graph, &result),
                     YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "not finite"));
    assert_int_equal(watch.notes, 5);
    assert_null(graph);
}

/* ------------------------------------------------------------------ budget */

/* Time passes with each look at the clock, so this takes as many steps on any
 * machine. */
static void budgets_are_kept(void **state)
{
    const struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result result;
    struct yt_graph *graph = NULL;
    o.epochs = 0;
    o.budget_ns = 4000000000u;
    o.evaluate = measure;
    yt_fake_clock(1000, 10000000);
    const enum yt_status status =
        yt_train(f->graph, f->pictures, &o, &graph, &result);
    yt_fake_clock_end();
    assert_ok(status);
    assert_true(result.steps > 10);
    assert_true(result.seconds < 4.2 && result.seconds > 3);
    assert_int_equal(watch.last.step, result.steps);
    assert_true(watch.last.rate < 0.2 * o.rate);
    yt_graph_destroy(graph);
    o.budget_ns = 1;
    assert_int_equal(yt_train(f->graph, f->pictures, &o, &graph, &result),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "too short"));
}

/* What was over goes on when there is more time, and only then. */
static void a_longer_budget_goes_on(void **state)
{
    struct fixture *f = *state;
    struct watch watch = {0};
    struct yt_train_options o = options_for(f, &watch);
    struct yt_train_result first, again, longer;
    const uint64_t budgets[] = {4000000000u, 4000000000u, 8000000000u};
    struct yt_train_result *results[] = {&first, &again, &longer};
    o.epochs = 0;
    o.evaluate = measure;
    o.checkpoint = f->checkpoint;
    o.resume = 1;
    for (int i = 0; i < 3; i++) {
        struct yt_graph *graph = NULL;
        o.budget_ns = budgets[i];
        yt_fake_clock(1000, 10000000);
        const enum yt_status status =
            yt_train(f->graph, f->pictures, &o, &graph, results[i]);
        yt_fake_clock_end();
        assert_ok(status);
        yt_graph_destroy(graph);
    }
    assert_true(again.resumed && longer.resumed);
    assert_true(again.steps - first.steps <= 2);
    assert_true(longer.steps > first.steps + 10);
    assert_true(longer.seconds > 7 && longer.seconds < 8.4);
    assert_true(watch.last.rate < 0.2 * o.rate);
}

/* ------------------------------------------------------------------ refused */

static void assert_refused(const struct fixture *f,
                           const struct yt_train_options *o,
                           enum yt_status status, const char *part)
{
    struct yt_train_result result;
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_train(f->graph, f->pictures, o, &graph, &result),
                     status);
    if (!strstr(yt_error(), part))
        fail_msg("'%s' does not say '%s'", yt_error(), part);
    assert_null(graph);
}

static void what_cannot_work_is_refused(void **state)
{
    struct fixture *f = *state;
    struct watch watch = {0};
    const struct yt_train_options good = options_for(f, &watch);
    struct yt_train_options o = good;
    o.labels = 0;
    assert_refused(f, &o, YT_BAD_ARGUMENT, "neither labels nor a teacher");
    o = good;
    o.epochs = 0;
    assert_refused(f, &o, YT_BAD_ARGUMENT, "epochs or a budget");
    o = good;
    o.w = 60;
    assert_refused(f, &o, YT_BAD_ARGUMENT, "multiples of the model's stride");
    o = good;
    o.batch = 13;
    assert_refused(f, &o, YT_BAD_INPUT, "12 pictures are too few");
    o = good;
    watch.stop = 1;
    assert_refused(f, &o, YT_INTERRUPTED, "before the first evaluation");
    watch.stop = 0;

    struct yt_graph *others = small_network(9, 4), *three = f->graph;
    o = good;
    o.teacher = others;
    assert_refused(f, &o, YT_BAD_ARGUMENT, "class");
    f->graph = others;
    assert_refused(f, &good, YT_BAD_INPUT, "3 classes, the model 4");
    f->graph = three;
    yt_graph_destroy(others);

    const int32_t truths = f->pictures->truth_count;
    f->pictures->truth_count = 0;
    assert_refused(f, &good, YT_BAD_INPUT, "no picture has labels");
    f->pictures->truth_count = truths;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_training_goes_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(resume_equals_no_interruption, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(checkpoints_of_others_are_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_keeps_the_best, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(losses_fall, setup, teardown),
        cmocka_unit_test_setup_teardown(teachers_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(zeros_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_loss_that_is_not_finite_halves_the_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loss_that_stays_so_ends_the_training,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(budgets_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_longer_budget_goes_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_cannot_work_is_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
