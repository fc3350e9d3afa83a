/* Results in a file: what is written comes back, and what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "dataset_files.h"
#include "eval/results.h"

static void results_survive_a_file(void **state)
{
    (void)state;
    write_three();
    struct yt_dataset *d = open_good("data.yaml");
    struct yt_results results = {0}, back = {0};
    const struct yt_result items[] = {
        {1.0 / 3, 2, 3, 4, 0.1, 2, 1},
        {-1e-7, 1e7, 0.1, 0, (double)0.7f, 0, 0},
        {5, 6, 7, 8, 0.9, 2, 0},
    };
    for (size_t i = 0; i < 3; i++)
        assert_ok(yt_results_add(&results, &items[i]));
    assert_ok(yt_results_sort(&results));
    assert_int_equal(results.items[0].image, 0);
    assert_true(results.items[1].score == 0.1); /* order of equals is kept */
    assert_ok(yt_results_save(&results, d, at("found.json")));
    assert_ok(yt_results_load(at("found.json"), d, &back));
    assert_int_equal(back.count, 3);
    for (int64_t i = 0; i < 3; i++) {
        const struct yt_result *a = &results.items[i], *b = &back.items[i];
        assert_true(a->x == b->x && a->y == b->y && a->w == b->w &&
                    a->h == b->h && a->score == b->score);
        assert_true(a->image == b->image && a->class_id == b->class_id);
    }
    yt_results_deinit(&back);
    assert_ok(yt_dataset_leave_out(d, 2, "broken"));
    assert_ok(yt_results_load(at("found.json"), d, &back));
    assert_int_equal(back.count, 1);
    yt_results_deinit(&back);
    yt_results_deinit(&results);
    assert_ok(yt_results_save(&results, d, at("none.json")));
    assert_ok(yt_results_load(at("none.json"), d, &back));
    assert_int_equal(back.count, 0);
    assert_int_equal(yt_results_save(&results, d, at("gone/none.json")), YT_IO);
    yt_dataset_close(d);
}

static void bad_results_fail(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[1,", "found.json:1: "},
        {"{}", "not a list"},
        {"[3]", "entry 0: want"},
        {"[{\"image_id\": 9, \"category_id\": 0, \"bbox\": [1,2,3], \"score\": "
         "1}]",
         "entry 0: want"},
        {"[{\"image_id\": 8, \"category_id\": 0, \"bbox\": [1,2,3,4], "
         "\"score\": 1}]",
         "its image_id is not in the data set"},
        {"[{\"image_id\": 9, \"category_id\": 2, \"bbox\": [1,2,3,4], "
         "\"score\": 1}]",
         "its category_id is not in the data set"},
    };
    write_three();
    struct yt_dataset *d = open_good("data.yaml");
    struct yt_results back = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("found.json", cases[i].text);
        assert_int_equal(yt_results_load(at("found.json"), d, &back),
                         YT_BAD_INPUT);
        assert_says(yt_error(), cases[i].sentence);
    }
    assert_int_equal(yt_results_load(at("gone.json"), d, &back), YT_NOT_FOUND);
    yt_dataset_close(d);
    /* Pictures of one name in two folders. */
    write_file("images/val/deep/9.jpg", "");
    d = open_good("data.yaml");
    assert_string_equal(yt_dataset_ambiguous(d), "9");
    assert_int_equal(yt_results_save(&back, d, at("found.json")), YT_BAD_INPUT);
    assert_says(yt_error(), "two images are called 9");
    yt_dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(results_survive_a_file),
        DATASET_TEST(bad_results_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
