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
        DATASET_TEST(classes_are_matched),
        DATASET_TEST(a_part_is_a_data_set),
        DATASET_TEST(hash_follows_what_counts),
        DATASET_TEST(real_data_of_both_forms_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
