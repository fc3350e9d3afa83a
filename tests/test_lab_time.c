/* Configurations timed in turn, on a clock that a look moves on: how many
 * frames and rounds there are follows from it alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assert_ok.h"
#include "base/now.h"
#include "eval/image.h"
#include "strategies/lab/lab.h"

#define LOOK_NS 10000000u /* a frame's look at the clock: a turn is 25 */

struct fixture {
    char folder[64], db[96];
    const char *models[1];
    struct yt_picture frame;
    struct yt_image image;
    int stop;
    struct yt_lab *lab;
    struct yt_assessment trials[2]; /* the baseline, and another size */
};

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/yt-lab-time-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.db, sizeof f.db, "%s/results.db", f.folder);
    f.models[0] = "builtin:n";
    assert_ok(yt_picture_init(80, 60, &f.frame));
    f.image = (struct yt_image){
        .pixels = f.frame.rgb, .width = 80, .height = 60, .stride_bytes = 240};
    const struct yt_lab_options options = {
        .site = {.db = f.db},
        .engine = {.h = 64, .w = 64, .threads = 1},
        .models = f.models,
        .model_count = 1,
        .image = &f.image,
        .stop = &f.stop,
    };
    assert_ok(yt_lab_open(&options, &f.lab));
    yt_fake_clock(1, LOOK_NS);
    struct yt_config config = yt_config_baseline(yt_lab_choices(f.lab));
    assert_ok(
        yt_lab_measure(f.lab, &config, YT_DEPTH_FULL, NULL, &f.trials[0]));
    config.w = 96;
    assert_ok(
        yt_lab_measure(f.lab, &config, YT_DEPTH_FULL, NULL, &f.trials[1]));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    yt_fake_clock_end();
    yt_lab_close(f->lab);
    yt_picture_deinit(&f->frame);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command);
}

static void a_median_takes_three_rounds(void **state)
{
    struct fixture *f = *state;
    struct yt_assessment few[2], many[2];
    memcpy(few, f->trials, sizeof few);
    memcpy(many, f->trials, sizeof many);
    assert_ok(yt_lab_time_in_turn(f->lab, few, 2, 1));
    assert_ok(yt_lab_time_in_turn(f->lab, many, 2, UINT64_C(1) << 60));
    for (int i = 0; i < 2; i++) {
        /* 25 frames a turn; rounds: three however little time there is, and
         * nine however much. */
        assert_in_range(few[i].frames, 3 * 24, 3 * 26);
        assert_int_equal(many[i].frames, 3 * few[i].frames);
        assert_true(few[i].fresh && few[i].figures.fps > 0);
    }
}

static void rounds_end_with_the_budget(void **state)
{
    struct fixture *f = *state;
    /* A round of two turns is about half a second: the fifth passes two. */
    assert_ok(yt_lab_time_in_turn(f->lab, f->trials, 2, UINT64_C(2200000000)));
    assert_in_range(f->trials[0].frames, 4 * 24, 5 * 26);
    assert_int_equal(f->trials[0].frames, f->trials[1].frames);
}

/* On this clock every configuration is as fast as any other. */
static void drift_hits_all_alike(void **state)
{
    struct fixture *f = *state;
    assert_ok(yt_lab_time_in_turn(f->lab, f->trials, 2, 1));
    assert_float_equal(f->trials[0].figures.fps, f->trials[1].figures.fps,
                       1e-9);
    assert_true(f->trials[0].figures.fps > 80 &&
                f->trials[0].figures.fps <= 100); /* a look a frame, and two */
}

static void what_comes_out_is_kept(void **state)
{
    struct fixture *f = *state;
    const int32_t rows = yt_lab_row_count(f->lab);
    struct yt_assessment found;
    struct yt_config config;
    const int64_t before = f->trials[1].evaluation;
    yt_fake_clock(1, LOOK_NS / 2); /* twice as fast */
    assert_ok(yt_lab_time_in_turn(f->lab, f->trials, 2, 1));
    assert_int_equal(yt_lab_row_count(f->lab), rows + 2);
    for (int i = 0; i < 2; i++) {
        assert_true(f->trials[i].evaluation > before);
        assert_ok(yt_lab_row_config(f->lab, rows + i, &config));
        assert_true(yt_config_same(&config, &f->trials[i].config));
        assert_ok(
            yt_lab_find(f->lab, &f->trials[i].config, YT_DEPTH_FULL, &found));
        assert_int_equal(found.evaluation, f->trials[i].evaluation);
        assert_float_equal(found.figures.fps, f->trials[i].figures.fps, 1e-9);
        assert_true(found.figures.fps > 160);
    }
}

static void stopped_early_speeds_stay(void **state)
{
    struct fixture *f = *state;
    struct yt_assessment before[2];
    memcpy(before, f->trials, sizeof before);
    const int32_t rows = yt_lab_row_count(f->lab);
    f->stop = 1;
    assert_ok(yt_lab_time_in_turn(f->lab, f->trials, 2, 1));
    assert_int_equal(yt_lab_row_count(f->lab), rows);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f->trials[i].evaluation, before[i].evaluation);
        assert_float_equal(f->trials[i].figures.fps, before[i].figures.fps, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_median_takes_three_rounds), TEST(rounds_end_with_the_budget),
        TEST(drift_hits_all_alike),        TEST(what_comes_out_is_kept),
        TEST(stopped_early_speeds_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
