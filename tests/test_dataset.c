/* What is done with data sets: pictures without labels, classes matched, parts,
 * hashes; and that both forms of real data agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataset_files.h"

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

    yt_dataset_close(val);
    yt_dataset_close(train);
    yt_dataset_close(all);
    yt_dataset_close(listed);
    assert_fails("list.txt", YT_BAD_ARGUMENT, "a data set is a data.yaml");
    assert_fails("images", YT_NOT_FOUND, "0 .yaml files");
}

static int32_t count_same(const struct yt_dataset *a,
                          const struct yt_dataset *b, const char *example)
{
    int32_t same = -1, first = -2;
    assert_ok(yt_dataset_same_content(a, b, &same, &first));
    if (example)
        assert_says(b->images[first].path, example);
    else
        assert_int_equal(first, -1);
    int32_t again = -1;
    assert_ok(yt_dataset_same_content(a, b, &again, NULL));
    assert_int_equal(again, same);
    return same;
}

static void pictures_are_told_by_content(void **state)
{
    (void)state;
    write_file("val/a.jpg", "first picture");
    write_file("val/b.jpg", "other picture");
    write_file("val/c.jpg", "a longer picture");
    write_file("val/empty.jpg", "");
    write_file("train/1.jpg", "third picture"); /* of the same size */
    write_file("train/2.jpg", "short");
    write_file("train/3.jpg", "");
    struct yt_dataset *val = open_pictures("val", NULL);
    struct yt_dataset *train = open_pictures("train", NULL);
    assert_int_equal(count_same(val, train, NULL), 0);
    assert_int_equal(count_same(val, val, "val/a.jpg"), 4);
    yt_dataset_close(train);

    /* Copies under other names, two of one, and a link. */
    write_file("train/4.jpg", "other picture");
    write_file("train/deep/5.jpg", "other picture");
    write_file("train/6.jpg", "a longer picture");
    char path[256];
    snprintf(path, sizeof path, "%s", at("val/a.jpg"));
    assert_int_equal(symlink(path, at("train/7.jpg")), 0);
    train = open_pictures("train", NULL);
    assert_int_equal(count_same(val, train, "train/4.jpg"), 4);
    assert_int_equal(count_same(train, val, "val/a.jpg"), 3);
    /* What is left out is not looked at. */
    assert_ok(yt_dataset_leave_out(train, yt_dataset_find(train, 4, NULL), ""));
    assert_int_equal(count_same(val, train, "train/deep/5.jpg"), 3);
    yt_dataset_close(train);
    yt_dataset_close(val);
}

/* Larger than what is read at once; they differ in the last byte. */
static void large_pictures_are_read_whole(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    write_file("val/a.jpg", text);
    write_file("train/same.jpg", text);
    text[SIZE - 1] = 'y';
    write_file("train/other.jpg", text);
    free(text);
    struct yt_dataset *val = open_pictures("val", NULL);
    struct yt_dataset *train = open_pictures("train", NULL);
    assert_int_equal(count_same(val, train, "train/same.jpg"), 1);
    yt_dataset_close(train);
    yt_dataset_close(val);
}

/* It may be any. A folder is what nobody can read as a file. */
static void a_picture_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    write_file("val/a.jpg", "a picture");
    write_file("train/b.jpg", "a picture");
    struct yt_dataset *val = open_pictures("val", NULL);
    struct yt_dataset *train = open_pictures("train", NULL);
    struct stat info;
    int32_t same, example;
    assert_int_equal(unlink(at("train/b.jpg")), 0);
    assert_int_equal(mkdir(at("train/b.jpg"), 0777), 0);
    assert_int_equal(stat(at("train/b.jpg"), &info), 0);
    assert_int_equal(truncate(at("val/a.jpg"), info.st_size), 0);
    const enum yt_status status =
        yt_dataset_same_content(val, train, &same, &example);
    yt_dataset_close(val);
    yt_dataset_close(train);
    if (info.st_size == 0)
        skip(); /* folders have no size on some file systems */
    assert_int_equal(status, YT_IO);
    assert_says(yt_error(), "train/b.jpg: cannot be");
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

static void fewer_classes_become_the_models(void **state)
{
    (void)state;
    const char *const more[] = {"cow", "dog", "hen", "cat", "cat"};
    const char *const others[] = {"cow", "dog", "hen"};
    write_three();
    struct yt_dataset *d = open_good("data.yaml");
    const struct yt_truth *t = &d->truths[d->images[1].first];
    assert_int_equal(yt_dataset_adopt_classes(d, 3, others), YT_BAD_INPUT);
    assert_says(yt_error(), "class 'cat' of the data set data is none of the "
                            "model's 3");
    assert_int_equal(yt_dataset_adopt_classes(d, 1, more), YT_BAD_INPUT);
    assert_says(yt_error(), "knows 1 classes, the data set data names 2");
    assert_int_equal(d->class_count, 2); /* as it was */

    assert_ok(yt_dataset_adopt_classes(d, 5, more));
    static const int64_t categories[] = {YT_NO_CATEGORY, 1, YT_NO_CATEGORY, 0,
                                         YT_NO_CATEGORY};
    assert_int_equal(d->class_count, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(d->classes[i], more[i]);
        assert_true(d->categories[i] == categories[i]);
    }
    assert_int_equal(t[0].class_id, 1);
    assert_int_equal(t[1].class_id, 3);
    /* A second model of the same classes changes nothing. */
    assert_ok(yt_dataset_adopt_classes(d, 5, more));
    assert_true(d->categories[1] == 1);
    struct yt_dataset *part = NULL;
    assert_ok(yt_dataset_subset(d, 2, &part));
    assert_true(part->categories[0] == YT_NO_CATEGORY);
    yt_dataset_close(part);
    yt_dataset_close(d);

    write_file("data.yaml", "path: .\nval: images/val\nnames: [dog, dog]\n");
    d = open_good("data.yaml");
    assert_int_equal(yt_dataset_adopt_classes(d, 5, more), YT_BAD_INPUT);
    assert_says(yt_error(), "two classes of the data set data are called");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(missing_pictures_are_left_out),
        DATASET_TEST(pictures_need_no_labels),
        DATASET_TEST(pictures_are_told_by_content),
        DATASET_TEST(large_pictures_are_read_whole),
        DATASET_TEST(a_picture_that_cannot_be_read_is_told),
        DATASET_TEST(classes_are_matched),
        DATASET_TEST(fewer_classes_become_the_models),
        DATASET_TEST(a_part_is_a_data_set),
        DATASET_TEST(hash_follows_what_counts),
        DATASET_TEST(real_data_of_both_forms_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
