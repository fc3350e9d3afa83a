/* Data sets by a COCO file of instances: what is read, what is left out with
 * which sentence, what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "dataset_files.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(reads_coco),
        DATASET_TEST(bad_annotations_leave_their_picture_out),
        DATASET_TEST(bad_coco_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
