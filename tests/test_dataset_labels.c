/* Labels as YOLOv5 writes them: what is read, and which sentence a bad one
 * leaves its picture out with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dataset_files.h"

/* As YOLOv5: duplicates once, an outline's box, a bad file loses its picture.
 */
static void reads_labels_as_yolov5(void **state)
{
    (void)state;
    write_three();
    write_file("labels/val/10.txt", "1 .5 .5 .25 .5\n\n1 0.5 0.5 0.25 0.5\r\n"
                                    "0 .5 .5 .25 .5\n");
    write_file("labels/val/9.txt",
               "0 0.25 0.5 0.75 0.5 0.5 1\n1 0.5 0.5 0.5 0.75\n");
    struct yt_dataset *d = open_good("data.yaml");
    assert_int_equal(d->duplicates, 1);
    assert_int_equal(d->images[1].count, 2);
    assert_int_equal(d->truths[d->images[1].first].class_id, 1);
    assert_int_equal(d->images[0].count, 2);
    const struct yt_truth *t = &d->truths[d->images[0].first];
    assert_true(t[0].x == 0.25 && t[0].y == 0.5 && t[0].w == 0.5 &&
                t[0].h == 0.5);
    /* Five numbers are a box, beside outlines, too. */
    assert_true(t[1].x == 0.25 && t[1].y == 0.125 && t[1].w == 0.5 &&
                t[1].h == 0.75);
    yt_dataset_close(d);
}

/* Whatever Python's splitlines() takes for the end of a line. */
static void label_lines_end_in_many_ways(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n", "\r", "\r\n", "\v", "\f", "\x1c"};
    write_three();
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "0 .5 .5 .5 .5%s1 .5 .5 .25 .5%s%s0 .2 .2 "
                 ".1 .1 9%s",
                 ends[i], ends[i], ends[i], ends[i]);
        write_file("labels/val/9.txt", text);
        struct yt_dataset *d = open_good("data.yaml");
        assert_int_equal(d->problem_count, 1);
        assert_says(d->problems[0], "9.txt:4: 6 numbers");
        yt_dataset_close(d);
        text[strlen(text) - 2 - strlen(ends[i])] = '\0';
        write_file("labels/val/9.txt", text);
        d = open_good("data.yaml");
        assert_int_equal(d->problem_count, 0);
        assert_int_equal(d->images[0].count, 3);
        yt_dataset_close(d);
    }
}

/* An outline's point may lie a little outside; its box may not be off. */
static void outlines_may_touch_the_edge(void **state)
{
    (void)state;
    write_three();
    write_file("labels/val/9.txt", "0 0.5 0 1.000001 0 1.000001 1 0.5 1\n");
    struct yt_dataset *d = open_good("data.yaml");
    assert_int_equal(d->problem_count, 0);
    assert_float_equal(d->truths[d->images[0].first].w, 0.500001, 1e-7);
    yt_dataset_close(d);
    write_file("labels/val/9.txt", "0 -1 0 0.5 0 0.5 1\n");
    d = open_good("data.yaml");
    assert_int_equal(d->problem_count, 1);
    assert_says(d->problems[0], "9.txt:1: -0.25: coordinates");
    yt_dataset_close(d);
}

static void bad_labels_leave_their_picture_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"0 0.5 0.5 0.5\n", "9.txt:1: 4 numbers, neither the five"},
        {"0 .5 .5 .5 .5\n0 .5 .5 .5 .5 1\n", "9.txt:2: 6 numbers"},
        {"0 .5 .5 .5 1.5\n", "9.txt:1: 1.5: coordinates are shares"},
        {"\n\n0 .5 -.5 .5 .5\n", "9.txt:3: -0.5: coordinates"},
        {"2 .5 .5 .5 .5\n", "9.txt:1: class 2: the data set has classes 0 to"},
        {"-1 .5 .5 .5 .5\n", "9.txt:1: class -1"},
        {"0.5 .5 .5 .5 .5\n", "9.txt:1: class 0.5"},
        {"0 .5 .5 nan .5\n", "9.txt:1: 'nan' is not a number"},
        {"cat .5 .5 .5 .5\n", "9.txt:1: 'cat' is not a number"},
        {"0 0 0 1 1 1 0\n0 0 0 1\n", "9.txt:2: 4 numbers, neither"},
        {"0 0 0 1 1 1 0\n0 0 0 1 1 1 0 1\n", "9.txt:2: 8 numbers, neither"},
        {"0 .5 .5 .5 1.000001\n", "9.txt:1: 1.00000095: coordinates"},
    };
    write_three();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("labels/val/9.txt", cases[i].text);
        struct yt_dataset *d = open_good("data.yaml");
        assert_int_equal(d->problem_count, 1);
        assert_says(d->problems[0], cases[i].sentence);
        assert_int_equal(d->images[0].left_out, 1);
        assert_int_equal(yt_dataset_used(d), 2);
        yt_dataset_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(reads_labels_as_yolov5),
        DATASET_TEST(label_lines_end_in_many_ways),
        DATASET_TEST(outlines_may_touch_the_edge),
        DATASET_TEST(bad_labels_leave_their_picture_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
