/* Data sets by a data.yaml: what is read of it, and what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataset_files.h"

static void reads_yaml(void **state)
{
    (void)state;
    write_three();
    struct yt_dataset *d = open_good("data.yaml");
    assert_int_equal(d->image_count, 3);
    assert_int_equal(d->class_count, 2);
    assert_string_equal(d->classes[1], "dog");
    assert_int_equal(d->categories[1], 1);
    assert_string_equal(d->name, "data");
    assert_int_equal(d->unlabelled, 2);
    assert_int_equal(d->problem_count, 0);
    /* Numbers in order, then names. */
    assert_string_equal(d->images[0].name, "9");
    assert_string_equal(d->images[1].name, "10");
    assert_string_equal(d->images[2].name, "a");
    assert_int_equal(d->images[1].id, 10);
    assert_int_equal(d->images[2].id, -1);
    assert_int_equal(yt_dataset_find(d, 10, NULL), 1);
    assert_int_equal(yt_dataset_find(d, 11, NULL), -1);
    assert_int_equal(yt_dataset_find(d, -1, NULL), -1);
    assert_int_equal(yt_dataset_find(d, -1, "a"), 2);
    assert_int_equal(yt_dataset_find(d, -1, "10"), -1);
    /* Shares become pixels once the size is known. */
    assert_int_equal(d->images[1].count, 2);
    assert_ok(yt_dataset_set_size(d, 1, 200, 100));
    const struct yt_truth *t = &d->truths[d->images[1].first];
    assert_int_equal(t->class_id, 1);
    assert_true(t->x == 75 && t->y == 25 && t->w == 50 && t->h == 50);
    assert_true(t->area == 2500 && t->crowd == 0 && t->image == 1);
    assert_int_equal(yt_dataset_set_size(d, 1, 100, 200), YT_BAD_INPUT);
    yt_dataset_close(d);

    /* A folder stands for its .yaml. */
    d = open_good(".");
    assert_string_equal(d->name, "data");
    yt_dataset_close(d);
    write_file("other.yaml", "");
    assert_fails(".", YT_NOT_FOUND, "2 .yaml files");
}

static void reads_splits_lists_and_names(void **state)
{
    (void)state;
    write_three();
    write_file("lists/train.txt", "./more/images/x.jpg\n"
                                  "\r\n  nothing to see\n"
                                  "more/images/y.jpg\r\n");
    write_file("lists/more/images/x.jpg", "");
    write_file("lists/more/images/y.jpg", "");
    write_file("lists/more/labels/x.txt", "0 0.5 0.5 1 1");
    write_file("data.yaml",
               "train: [lists/train.txt, ../images/val]\n"
               "val: images/val\nnc: 3\nnames:\n- cat\n- dog\n- '7'\n");
    struct yt_dataset *d;
    const struct yt_dataset_options options = {.path = at("data.yaml"),
                                               .split = "train"};
    assert_ok(yt_dataset_open(&options, &d));
    assert_int_equal(d->image_count, 5);
    assert_string_equal(d->classes[2], "7");
    const int32_t x = yt_dataset_find(d, -1, "x");
    assert_true(x >= 0 && d->images[x].count == 1);
    yt_dataset_close(d);
    const struct yt_dataset_options none = {.path = at("data.yaml"),
                                            .split = "test"};
    assert_int_equal(yt_dataset_open(&none, &d), YT_NOT_FOUND);
    assert_says(yt_error(), "no 'test'");
    /* Without names classes have numbers. */
    write_file("data.yaml", "val: images/val\nnc: 3\n");
    d = open_good("data.yaml");
    assert_string_equal(d->classes[2], "class2");
    yt_dataset_close(d);
}

/* Where YOLOv5's own files, a site's export and a hand-written one look. */
static void sources_are_found_as_yolov5_finds_them(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text;
    } cases[] = {
        /* yolov5/data/coco.yaml: from the folder above the file's */
        {"yolov5/data/a.yaml", "path: ../sets/x\nval: images\n" NAMES},
        /* from the working folder */
        {"far/away/from/b.yaml", "path: sets/x\nval: images\n" NAMES},
        {"far/away/from/c.yaml", "path: sets\nval: x/images\n" NAMES},
        {"far/away/from/d.yaml", "val: sets/x/images\n" NAMES},
        /* as Roboflow writes it: "../" that has to be passed over */
        {"sets/x/e.yaml", "val: ../images\nnc: 2\nnames: ['cat', 'dog']\n"},
        {"sets/x/f.yaml", "val: [../images]\nnc: 2\nnames: ['cat', 'dog']\n"},
        {"g.yaml", "path: ~/x\nval: images\n" NAMES},
        {"h.yaml", "val: ~/x/images\n" NAMES},
    };
    char *here = getcwd(NULL, 0);
    const char *home = getenv("HOME");
    char *saved = strdup(home ? home : "");
    write_file("sets/x/images/1.jpg", "");
    write_file("sets/x/labels/1.txt", "0 .5 .5 .5 .5\n");
    assert_non_null(here);
    assert_int_equal(setenv("HOME", at("sets"), 1), 0);
    assert_int_equal(chdir(folder), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yt_dataset *d = NULL;
        write_file(cases[i].file, cases[i].text);
        if (open_data(cases[i].file, &d) != YT_OK)
            fail_msg("%s: %s", cases[i].file, yt_error());
        assert_int_equal(d->truth_count, 1);
        yt_dataset_close(d);
    }
    /* The file's own folder comes first. */
    write_file("yolov5/sets/x/images/2.jpg", "");
    write_file("yolov5/sets/x/labels/2.txt", "0 .5 .5 .5 .5\n");
    struct yt_dataset *d = open_good("yolov5/data/a.yaml");
    assert_string_equal(d->images[0].name, "2");
    yt_dataset_close(d);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(setenv("HOME", saved, 1), 0);
    free(saved);
    free(here);
}

static void bad_yaml_fails(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum yt_status status;
        const char *sentence;
    } cases[] = {
        {"val: [images\n", YT_BAD_INPUT, "data.yaml:"},
        {"\tval: x\n", YT_BAD_INPUT, "data.yaml:1: "},
        {"- a\n- b\n", YT_BAD_INPUT, "not a data set"},
        {"", YT_BAD_INPUT, "not a data set"},
        {"train: images\n" NAMES, YT_NOT_FOUND, "no 'val'"},
        {"val: images/val\n", YT_NOT_FOUND, "no 'names'"},
        {"val: gone\n" NAMES, YT_NOT_FOUND, "data.yaml:1: gone: not in /"},
        {"path: gone\nval: images\n" NAMES, YT_NOT_FOUND,
         "path: gone: not there from this file's folder"},
        {"path: [a]\nval: images\n" NAMES, YT_BAD_INPUT, "want one folder"},
        {"val: {a: b}\n" NAMES, YT_BAD_INPUT, "data.yaml:1: want the name"},
        {"val: images/val\nnames: cat\n", YT_BAD_INPUT, "want a list or a map"},
        {"val: images/val\nnames: []\n", YT_BAD_INPUT, "no class"},
        {"val: images/val\nnames: {0: a, 2: b}\n", YT_BAD_INPUT,
         "'2': 2 classes have to be numbered 0 to 1"},
        {"val: images/val\nnames: {0: a, 0: b}\n", YT_BAD_INPUT, "'0': 2"},
        {"val: images/val\nnames: [a, [b]]\n", YT_BAD_INPUT, "one name"},
        {"val: images/val\nnc: 3\nnames: [a, b]\n", YT_BAD_INPUT,
         "nc is 3, but there are 2 names"},
        {"val: images/val\nnc: many\n" NAMES, YT_BAD_INPUT, ":2: nc: want"},
        {"val: images/val/notes.md\n" NAMES, YT_NOT_FOUND, "no line of this"},
        {"val: labels\n" NAMES, YT_NOT_FOUND, "no pictures"},
    };
    write_three();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("data.yaml", cases[i].text);
        assert_fails("data.yaml", cases[i].status, cases[i].sentence);
    }
    assert_fails("gone.yaml", YT_NOT_FOUND, "gone.yaml");
    assert_fails("images/val/notes.md", YT_BAD_ARGUMENT, "a data set is a");
    write_three();
    unlink(at("labels/val/10.txt"));
    assert_fails("data.yaml", YT_NOT_FOUND, "no labels for any of 3");
}

/* "../" over and over, wherever files are named. */
/* Of two links to the folder that they are in, each level has twice as many. */
static void circles_of_links_are_refused(void **state)
{
    (void)state;
    write_file("circle/1.jpg", "");
    assert_int_equal(symlink(".", at("circle/a")), 0);
    assert_int_equal(symlink("../circle", at("circle/b")), 0);
    write_file("circle.yaml", "val: circle\nnames: [a]\n");
    assert_fails("circle.yaml", YT_BAD_INPUT,
                 "a link to a folder that it is in");
    /* One folder twice is none. */
    write_file("twice/x/1.jpg", "");
    write_file("twice/x/1.txt", "0 .5 .5 .1 .1\n");
    assert_int_equal(symlink("x", at("twice/y")), 0);
    write_file("circle.yaml", "val: twice\nnames: [a]\n");
    yt_dataset_close(open_good("circle.yaml"));
}

static void endless_names_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } cases[] = {
        {NAMES "val: ", "data.yaml:2: "},
        {NAMES "val:\n- images/val\n- ", "data.yaml:4: "},
        {NAMES "val: images/val\npath: ", "data.yaml:3: "},
    };
    static const char up[] = "../";
    enum { TIMES = 1 << 20 };
    write_three();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t head = strlen(cases[i].text);
        char *text = malloc(head + TIMES * strlen(up) + 1);
        assert_non_null(text);
        char *to = stpcpy(text, cases[i].text);
        for (int k = 0; k < TIMES; k++)
            to = stpcpy(to, up);
        write_file("data.yaml", text);
        free(text);
        assert_fails("data.yaml", YT_BAD_INPUT, cases[i].line);
        assert_says(yt_error(), "a name of 3145728 bytes: want at most 4095");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(reads_yaml),
        DATASET_TEST(reads_splits_lists_and_names),
        DATASET_TEST(sources_are_found_as_yolov5_finds_them),
        DATASET_TEST(bad_yaml_fails),
        DATASET_TEST(circles_of_links_are_refused),
        DATASET_TEST(endless_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
