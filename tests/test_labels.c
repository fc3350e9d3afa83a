/* Label files as YOLOv5 v7.0's detect.py writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataset_files.h"
#include "eval/labels.h"

static const struct yt_box boxes[] = {
    {.x0 = 10, .y0 = 20, .x1 = 30, .y1 = 70, .score = 0.75f, .class_id = 2},
    {.x0 = 0, .y0 = 0, .x1 = 300, .y1 = 1, .score = 0.5f, .class_id = 11},
};

static void assert_file(const char *name, const char *want)
{
    char text[256];
    FILE *file = fopen(at(name), "r");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    assert_string_equal(text, want);
}

/* '%g ' of class, centre, size and score, the last box first. */
static void lines_are_yolov5s(void **state)
{
    (void)state;
    assert_ok(yt_labels_save(at("a.txt"), boxes, 2, 300, 100, 0));
    assert_file("a.txt", "11 0.5 0.005 1 0.01\n"
                         "2 0.0666667 0.45 0.0666667 0.5\n");
    assert_ok(yt_labels_save(at("a.txt"), boxes, 2, 300, 100, 1));
    assert_file("a.txt", "11 0.5 0.005 1 0.01 0.5\n"
                         "2 0.0666667 0.45 0.0666667 0.5 0.75\n");
}

static void without_boxes_there_is_no_file(void **state)
{
    (void)state;
    assert_ok(yt_labels_save(at("a.txt"), boxes, 1, 300, 100, 0));
    assert_ok(yt_labels_save(at("a.txt"), boxes, 0, 300, 100, 0));
    assert_int_equal(access(at("a.txt"), F_OK), -1);
    assert_ok(yt_labels_save(at("a.txt"), boxes, 0, 300, 100, 0));
}

static void what_cannot_be_written_is_told(void **state)
{
    (void)state;
    assert_int_equal(yt_labels_save(at("no/a.txt"), boxes, 1, 9, 9, 0), YT_IO);
    assert_says(yt_error(), "no/a.txt: cannot write: No such file");
    write_file("b.txt/x", "");
    assert_int_equal(yt_labels_save(at("b.txt"), boxes, 0, 9, 9, 0), YT_IO);
    assert_says(yt_error(), "b.txt: ");
    /* A link to a device that is always full: the link goes, not the device. */
    assert_int_equal(symlink("/dev/full", at("full.txt")), 0);
    assert_int_equal(yt_labels_save(at("full.txt"), boxes, 1, 9, 9, 0), YT_IO);
    assert_says(yt_error(), "cannot write all of it");
    assert_int_equal(access(at("full.txt"), F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(lines_are_yolov5s),
        DATASET_TEST(without_boxes_there_is_no_file),
        DATASET_TEST(what_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
