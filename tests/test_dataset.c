/* Data sets of both forms: what is read, what is left out with which sentence,
 * what fails. Pictures are only looked for, so empty files do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "eval/dataset.h"
#include "eval/results.h"

#define assert_ok(call)                                                        \
    do {                                                                       \
        const enum yt_status assert_ok_status_ = (call);                       \
        if (assert_ok_status_ != YT_OK)                                        \
            fail_msg("%s: %s", yt_status_name(assert_ok_status_), yt_error()); \
    } while (0)

/* A sentence of the last failure or problem has this in it. */
static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

/* ------------------------------------------------------------------ files */

static char folder[64]; /* of the test that runs */

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/yt-dataset-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command); /* NOLINT(*-env33-c): a path of our own */
}

static const char *at(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s", at(name));
    for (char *slash = path + strlen(folder) + 1;
         (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum yt_status open_data(const char *name, struct yt_dataset **out)
{
    const struct yt_dataset_options options = {.path = at(name)};
    *out = NULL;
    return yt_dataset_open(&options, out);
}

static struct yt_dataset *open_good(const char *name)
{
    struct yt_dataset *dataset;
    assert_ok(open_data(name, &dataset));
    return dataset;
}

static void assert_fails(const char *name, enum yt_status status,
                         const char *part)
{
    struct yt_dataset *dataset;
    assert_int_equal(open_data(name, &dataset), status);
    assert_null(dataset);
    assert_says(yt_error(), part);
}

#define NAMES "names: {0: cat, 1: dog}\n"

/* Three pictures: one with labels, one with an empty file, one with none. */
static void write_three(void)
{
    write_file("data.yaml", "path: .\nval: images/val\n" NAMES);
    write_file("images/val/10.jpg", "");
    write_file("images/val/9.png", "");
    write_file("images/val/deep/a.JPEG", "");
    write_file("images/val/notes.md", "");
    write_file("images/val/.hidden.jpg", "");
    write_file("labels/val/10.txt", "1 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.5 1\n");
    write_file("labels/val/9.txt", "\n");
}

/* ------------------------------------------------------------- Ultralytics */

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

static void missing_pictures_are_left_out(void **state)
{
    (void)state;
    write_three();
    write_file("list.txt", "images/val/10.jpg\nimages/val/gone.jpg\n");
    write_file("data.yaml", "val: list.txt\n" NAMES);
    struct yt_dataset *d = open_good("data.yaml");
    assert_int_equal(yt_dataset_used(d), 1);
    assert_int_equal(d->problem_count, 1);
    assert_says(d->problems[0], "gone.jpg: No such file");
    yt_dataset_close(d);
    write_file("list.txt", "images/val/gone.jpg\n");
    assert_fails("data.yaml", YT_NOT_FOUND, "none of 1 pictures can be used");
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
        {"val: gone\n" NAMES, YT_NOT_FOUND, "data.yaml:1: "},
        {"path: gone\nval: images\n" NAMES, YT_NOT_FOUND, "path: "},
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

static struct yt_dataset *open_pictures(const char *name, const char *split)
{
    const struct yt_dataset_options options = {
        .path = at(name), .split = split, .only_pictures = 1};
    struct yt_dataset *d = NULL;
    assert_ok(yt_dataset_open(&options, &d));
    return d;
}

/* Calibration looks at pictures alone, in whatever form they come. */
static void pictures_need_no_labels(void **state)
{
    (void)state;
    write_three();
    write_file("data.yaml",
               "path: .\nval: images/val\ntrain: images/train\n" NAMES);
    write_file("images/train/1.jpg", "x");
    write_file("images/train/2.jpg", "xy");
    write_file("list.txt", "./images/train/2.jpg\n./images/val/9.png\n");
    struct yt_dataset *val = open_pictures("data.yaml", NULL);
    struct yt_dataset *train = open_pictures("data.yaml", "train");
    struct yt_dataset *all = open_pictures("images", NULL);
    struct yt_dataset *listed = open_pictures("list.txt", NULL);
    assert_int_equal(val->image_count, 3);
    assert_int_equal(val->truth_count, 0);
    assert_int_equal(train->image_count, 2);
    assert_int_equal(all->image_count, 5);
    assert_int_equal(listed->image_count, 2);
    assert_string_not_equal(val->hash, train->hash);

    const struct {
        const struct yt_dataset *a, *b;
        int32_t shared;
    } pairs[] = {{val, train, 0}, {val, all, 3},    {all, val, 3},
                 {all, all, 5},   {listed, val, 1}, {train, listed, 1}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int32_t shared = -1;
        assert_ok(yt_dataset_shared(pairs[i].a, pairs[i].b, &shared));
        assert_int_equal(shared, pairs[i].shared);
    }
    yt_dataset_close(val);
    yt_dataset_close(train);
    yt_dataset_close(all);
    yt_dataset_close(listed);
    assert_fails("list.txt", YT_BAD_ARGUMENT, "a data set is a data.yaml");
    assert_fails("images", YT_NOT_FOUND, "0 .yaml files");
}

static void classes_are_matched(void **state)
{
    (void)state;
    const char *const same[] = {"cat", "dog"};
    const char *const turned[] = {"dog", "cat"};
    const char *const others[] = {"cat", "hound"};
    const char *const more[] = {"cat", "dog", "cow"};
    write_three();
    struct yt_dataset *d = open_good("data.yaml");
    const struct yt_truth *t = &d->truths[d->images[1].first];
    assert_ok(yt_dataset_match_classes(d, 2, same));
    assert_int_equal(t->class_id, 1);
    assert_int_equal(yt_dataset_match_classes(d, 3, more), YT_BAD_INPUT);
    assert_says(yt_error(), "knows 3 classes, the data set data names 2");
    assert_int_equal(d->problem_count, 0);
    assert_ok(yt_dataset_match_classes(d, 2, turned));
    assert_int_equal(t->class_id, 0);
    assert_string_equal(d->classes[0], "dog");
    assert_int_equal(d->categories[0], 1);
    assert_ok(yt_dataset_match_classes(d, 2, others));
    assert_int_equal(d->problem_count, 1);
    assert_says(d->problems[0], "matched by position");
    yt_dataset_close(d);
}

static void a_part_is_a_data_set(void **state)
{
    (void)state;
    write_three();
    struct yt_dataset *whole = open_good("data.yaml");
    struct yt_dataset *part = NULL, *all = NULL;
    assert_ok(yt_dataset_subset(whole, 2, &part));
    assert_int_equal(part->image_count, 2);
    /* Images 9, 10, a in order: the first of each half. */
    assert_string_equal(part->images[0].name, whole->images[0].name);
    assert_string_equal(part->images[1].name, whole->images[1].name);
    assert_int_equal(part->truth_count, 2);
    for (int32_t i = 0; i < part->truth_count; i++) {
        assert_int_equal(part->truths[i].image, 1);
        assert_int_equal(part->truths[i].class_id, whole->truths[i].class_id);
    }
    assert_int_equal(part->class_count, whole->class_count);
    assert_string_equal(part->name, whole->name);
    assert_string_not_equal(part->hash, whole->hash);
    assert_ok(yt_dataset_subset(whole, 99, &all));
    assert_int_equal(all->image_count, 3);
    assert_string_not_equal(part->hash, all->hash);
    yt_dataset_close(all);
    yt_dataset_close(part);
    yt_dataset_close(whole);
}

static void hash_follows_what_counts(void **state)
{
    (void)state;
    write_three();
    struct yt_dataset *a = open_good("data.yaml");
    struct yt_dataset *b = open_good("data.yaml");
    assert_string_equal(a->hash, b->hash);
    assert_int_equal(strlen(a->hash), 32);
    yt_dataset_close(b);
    write_file("labels/val/10.txt", "1 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.5 .9\n");
    b = open_good("data.yaml");
    assert_string_not_equal(a->hash, b->hash);
    yt_dataset_close(b);
    write_three();
    write_file("images/val/9.png", "pixels");
    b = open_good("data.yaml");
    assert_string_not_equal(a->hash, b->hash);
    yt_dataset_close(b);
    yt_dataset_close(a);
}

/* -------------------------------------------------------------------- COCO */

#define COCO_IMAGES                                                            \
    "{\"images\": [{\"id\": 30, \"file_name\": \"b.jpg\", \"width\": 50, "     \
    "\"height\": 40}, {\"id\": 2, \"file_name\": \"a.jpg\"}],"
#define COCO_CLASSES                                                           \
    "\"categories\": [{\"id\": 18, \"name\": \"dog\"}, {\"id\": 17, "          \
    "\"name\": \"cat\"}],"

static void write_coco(const char *annotations)
{
    char text[4096];
    snprintf(text, sizeof text,
             COCO_IMAGES COCO_CLASSES "\"annotations\": [%s]}", annotations);
    write_file("annotations/instances_v.json", text);
    write_file("images/v/a.jpg", "");
    write_file("images/v/b.jpg", "");
}

#define GOOD_BOX                                                               \
    "{\"id\": 5, \"image_id\": 30, \"category_id\": 18, \"bbox\": [1, 2.5, "   \
    "3, 4], \"area\": 7.5, \"iscrowd\": 0}"

static void reads_coco(void **state)
{
    (void)state;
    write_coco(GOOD_BOX ", {\"id\": 6, \"image_id\": 2, \"category_id\": 17, "
                        "\"bbox\": [0, 0, 9, 9], \"iscrowd\": 1}"
                        ", {\"id\": 7, \"image_id\": 30, \"category_id\": 17, "
                        "\"bbox\": [0, 0, 8, 9]}"
                        ", {\"id\": 8, \"image_id\": 31, \"category_id\": 17, "
                        "\"bbox\": [0, 0, 8, 9]}");
    struct yt_dataset *d = open_good("annotations/instances_v.json");
    assert_int_equal(d->image_count, 2);
    assert_int_equal(d->images[0].id, 2);
    assert_int_equal(d->images[1].width, 50);
    assert_string_equal(d->classes[0], "cat");
    assert_int_equal(d->categories[1], 18);
    assert_int_equal(d->images[1].count, 2);
    const struct yt_truth *t = &d->truths[d->images[1].first];
    assert_true(t->x == 1 && t->y == 2.5 && t->w == 3 && t->h == 4);
    assert_true(t->area == 7.5 && t->class_id == 1 && t->crowd == 0);
    assert_true(t[1].area == 72 && t[1].class_id == 0);
    assert_int_equal(d->truths[d->images[0].first].crowd, 1);
    /* An annotation of an image that is not there is told. */
    assert_int_equal(d->problem_count, 1);
    assert_says(d->problems[0], "1 annotations are of images");
    assert_ok(yt_dataset_set_size(d, 1, 50, 40));
    assert_int_equal(yt_dataset_set_size(d, 1, 40, 50), YT_BAD_INPUT);
    assert_says(yt_error(), "40x50 pixels, but the data set says 50x40");
    yt_dataset_close(d);

    /* Elsewhere, told where. */
    char images[256];
    snprintf(images, sizeof images, "%s", at("images/v"));
    const struct yt_dataset_options options = {
        .path = at("annotations/instances_v.json"), .images = images};
    assert_ok(yt_dataset_open(&options, &d));
    assert_int_equal(yt_dataset_used(d), 2);
    yt_dataset_close(d);
}

static void bad_annotations_leave_their_picture_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"id\": 9, \"image_id\": 2, \"category_id\": 3, \"bbox\": "
         "[1,1,1,1]}",
         "annotation 9 of image 2: its category_id"},
        {"{\"id\": 9, \"image_id\": 2, \"bbox\": [1,1,1,1]}", "category_id"},
        {"{\"id\": 9, \"image_id\": 2, \"category_id\": 17}", "bbox"},
        {"{\"id\": 9, \"image_id\": 2, \"category_id\": 17, \"bbox\": "
         "[1,1,1]}",
         "bbox"},
        {"{\"id\": 9, \"image_id\": 2, \"category_id\": 17, \"bbox\": "
         "[1,1,-1,1]}",
         "bbox"},
        {"{\"id\": 9, \"image_id\": 2, \"category_id\": 17, \"bbox\": "
         "[1,1,1,1], \"area\": \"big\"}",
         "area is not a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, GOOD_BOX ", %s", cases[i].text);
        write_coco(text);
        struct yt_dataset *d = open_good("annotations/instances_v.json");
        assert_int_equal(d->problem_count, 1);
        assert_says(d->problems[0], cases[i].sentence);
        assert_int_equal(d->images[0].left_out, 1);
        assert_int_equal(yt_dataset_used(d), 1);
        yt_dataset_close(d);
    }
}

static void bad_coco_fails(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum yt_status status;
        const char *sentence;
    } cases[] = {
        {"{\n\"images\": [1,\n", YT_BAD_INPUT, "x.json:"},
        {"[]", YT_BAD_INPUT, "no list of images"},
        {"{\"images\": [1]}", YT_BAD_INPUT, "no list of annotations"},
        {COCO_IMAGES "\"annotations\": []}", YT_BAD_INPUT,
         "no list of categories"},
        {"{\"images\": []," COCO_CLASSES "\"annotations\": []}", YT_BAD_INPUT,
         "no images"},
        {COCO_IMAGES "\"categories\": [], \"annotations\": []}", YT_BAD_INPUT,
         "no categories"},
        {COCO_IMAGES "\"categories\": [{\"id\": 1}], \"annotations\": []}",
         YT_BAD_INPUT, "category 0 has no id or no name"},
        {COCO_IMAGES "\"categories\": [{\"id\": 1, \"name\": \"a\"}, {\"id\": "
                     "1, \"name\": \"b\"}], \"annotations\": []}",
         YT_BAD_INPUT, "two categories have the id 1"},
        {"{\"images\": [{\"id\": \"x\", \"file_name\": "
         "\"a.jpg\"}]," COCO_CLASSES "\"annotations\": []}",
         YT_BAD_INPUT, "image 0 has no id"},
        {"{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}, {\"id\": 1, "
         "\"file_name\": \"b.jpg\"}]," COCO_CLASSES "\"annotations\": []}",
         YT_BAD_INPUT, "two images have the id 1"},
        {"{\"images\": [{\"id\": 1, \"file_name\": \"z.jpg\"}]," COCO_CLASSES
         "\"annotations\": []}",
         YT_NOT_FOUND, "its pictures are not beside it"},
        {COCO_IMAGES COCO_CLASSES "\"annotations\": [{\"id\": 1}]}",
         YT_BAD_INPUT, "annotation 0 has no image_id"},
        {COCO_IMAGES COCO_CLASSES "\"annotations\": []}", YT_NOT_FOUND,
         "no labels for any of 2"},
    };
    write_file("images/a.jpg", "");
    write_file("images/b.jpg", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("x.json", cases[i].text);
        assert_fails("x.json", cases[i].status, cases[i].sentence);
    }
}

/* ----------------------------------------------------------------- results */

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

/* --------------------------------------------------------------- real data */

static void real_data_of_both_forms_agree(void **state)
{
    (void)state;
    const char *data = getenv("YOLOTUNE_TEST_DATA");
    const char *source = getenv("YT_SOURCE_DIR");
    char yaml[512], json[512];
    const char *base = data ? data : source ? source : ".";
    const char *rest = data ? "" : "/../shared/data";
    snprintf(yaml, sizeof yaml, "%s%s/coco-val/coco-val.yaml", base, rest);
    snprintf(json, sizeof json, "%s%s/coco-val/instances_val2017.json", base,
             rest);
    if (access(yaml, R_OK) != 0 || access(json, R_OK) != 0) {
        print_message("coco-val is absent: skipped\n");
        skip();
    }
    struct yt_dataset *a, *b;
    assert_ok(yt_dataset_open(&(struct yt_dataset_options){.path = yaml}, &a));
    assert_ok(yt_dataset_open(&(struct yt_dataset_options){.path = json}, &b));
    assert_int_equal(a->image_count, 216);
    assert_int_equal(b->image_count, 216);
    assert_int_equal(b->truth_count, 1918);
    assert_int_equal(b->categories[79], 90);
    assert_int_equal(a->problem_count + b->problem_count, 0);
    for (int32_t i = 0; i < 80; i++)
        assert_string_equal(a->classes[i], b->classes[i]);
    for (int32_t i = 0; i < 216; i++) {
        assert_int_equal(a->images[i].id, b->images[i].id);
        /* Crowds are not in the label files. */
        assert_true(a->images[i].count <= b->images[i].count);
    }
    yt_dataset_close(a);
    yt_dataset_close(b);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_yaml),
        TEST(reads_splits_lists_and_names),
        TEST(reads_labels_as_yolov5),
        TEST(label_lines_end_in_many_ways),
        TEST(outlines_may_touch_the_edge),
        TEST(bad_labels_leave_their_picture_out),
        TEST(missing_pictures_are_left_out),
        TEST(bad_yaml_fails),
        TEST(pictures_need_no_labels),
        TEST(classes_are_matched),
        TEST(a_part_is_a_data_set),
        TEST(hash_follows_what_counts),
        TEST(reads_coco),
        TEST(bad_annotations_leave_their_picture_out),
        TEST(bad_coco_fails),
        TEST(results_survive_a_file),
        TEST(bad_results_fail),
        TEST(real_data_of_both_forms_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
