/* What labelling tools export, as it is: layouts of Roboflow, CVAT and Label
 * Studio, made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataset_files.h"

#define BOX "1 0.5 0.5 0.25 0.5\n"

/* Two pictures, of which the first has a dog. */
static void check(const char *name, const char *split)
{
    char *path = strdup(at(name));
    const struct yt_dataset_options options = {.path = path, .split = split};
    struct yt_dataset *d = NULL;
    assert_ok(yt_dataset_open(&options, &d));
    assert_int_equal(d->image_count, 2);
    assert_int_equal(d->problem_count, 0);
    assert_int_equal(d->class_count, 2);
    assert_string_equal(d->classes[0], "cat");
    assert_string_equal(d->classes[1], "dog");
    assert_int_equal(d->truth_count, 1);
    assert_int_equal(d->truths[0].class_id, 1);
    assert_int_equal(d->images[d->truths[0].image].count, 1);
    yt_dataset_close(d);
    free(path);
}

/* In every split the same. */
static void write_roboflow(const char *split)
{
    char name[64];
    snprintf(name, sizeof name, "%s/images/a_jpg.rf.01.jpg", split);
    write_file(name, "");
    snprintf(name, sizeof name, "%s/images/b_jpg.rf.02.jpg", split);
    write_file(name, "");
    snprintf(name, sizeof name, "%s/labels/a_jpg.rf.01.txt", split);
    write_file(name, BOX);
    snprintf(name, sizeof name, "%s/labels/b_jpg.rf.02.txt", split);
    write_file(name, "");
}

static void roboflow_yolov5(void **state)
{
    (void)state;
    write_roboflow("train");
    write_roboflow("valid");
    write_roboflow("test");
    write_file("README.roboflow.txt", "x");
    write_file("data.yaml",
               "train: ../train/images\nval: ../valid/images\n"
               "test: ../test/images\n\nnc: 2\nnames: ['cat', 'dog']\n\n"
               "roboflow:\n  workspace: w\n  project: p\n  version: 1\n"
               "  license: CC BY 4.0\n  url: https://example.com\n");
    check("data.yaml", NULL);
    check("data.yaml", "train");
    check("data.yaml", "test");
    check("", NULL);
}

/* Its first category is what the others are kinds of. */
static void roboflow_coco(void **state)
{
    (void)state;
    write_file("valid/a.jpg", "");
    write_file("valid/b.jpg", "");
    write_file("valid/_annotations.coco.json",
               "{\"info\": {\"year\": \"2024\"}, \"licenses\": [], "
               "\"categories\": [{\"id\": 0, \"name\": \"pets\", "
               "\"supercategory\": \"none\"}, {\"id\": 1, \"name\": \"cat\", "
               "\"supercategory\": \"pets\"}, {\"id\": 2, \"name\": \"dog\", "
               "\"supercategory\": \"pets\"}], \"images\": [{\"id\": 0, "
               "\"file_name\": \"a.jpg\", \"height\": 64, \"width\": 64}, "
               "{\"id\": 1, \"file_name\": \"b.jpg\", \"height\": 64, "
               "\"width\": 64}], \"annotations\": [{\"id\": 0, \"image_id\": 0,"
               " \"category_id\": 2, \"bbox\": [1, 2, 3, 4], \"area\": 12, "
               "\"segmentation\": [], \"iscrowd\": 0}]}");
    check("valid/_annotations.coco.json", NULL);
}

/* CVAT's files want to lie in a folder data/, and do not. */
static void cvat_yolo(void **state)
{
    (void)state;
    write_file("obj.data", "classes = 2\ntrain = data/train.txt\n"
                           "valid = data/valid.txt\nnames = data/obj.names\n"
                           "backup = backup/\n");
    write_file("obj.names", "cat\ndog\n");
    write_file("train.txt", "data/obj_train_data/frame_1.PNG\n"
                            "data/obj_train_data/frame_2.PNG\n");
    write_file("valid.txt", "data/obj_valid_data/a.png\r\n"
                            "data/obj_valid_data/b.png\r\n");
    write_file("obj_train_data/frame_1.PNG", "");
    write_file("obj_train_data/frame_1.txt", BOX);
    write_file("obj_train_data/frame_2.PNG", "");
    write_file("obj_valid_data/a.png", "");
    write_file("obj_valid_data/a.txt", BOX);
    write_file("obj_valid_data/b.png", "");
    check("obj.data", "train");
    check("obj.data", NULL);
    check("", NULL);
    write_file("obj.data", "classes = 3\nvalid = valid.txt\n"
                           "names = obj.names\n");
    assert_fails("obj.data", YT_BAD_INPUT, "classes is 3, but there are 2");
    write_file("obj.data", "classes = 2\ntrain = train.txt\n"
                           "names = obj.names\n");
    assert_fails("obj.data", YT_NOT_FOUND, "no 'valid' that names pictures");
    write_file("obj.data", "valid = valid.txt\n");
    assert_fails("obj.data", YT_NOT_FOUND, "no 'names' of classes");
}

static void cvat_ultralytics(void **state)
{
    (void)state;
    write_file("data.yaml", "names:\n  0: cat\n  1: dog\npath: .\n"
                            "train: train.txt\n");
    write_file("train.txt", "data/images/train/a.jpg\n"
                            "data/images/train/b.jpg\n");
    write_file("images/train/a.jpg", "");
    write_file("images/train/b.jpg", "");
    write_file("labels/train/a.txt", BOX);
    check("data.yaml", "train");
    write_file("train.txt", "images/train/a.jpg\nimages/train/b.jpg\n");
    check("data.yaml", "train");
}

/* Names of files begin with @p below, categories at @p first. */
static void write_coco(const char *name, const char *below, int first)
{
    char text[2048];
    const int dog = first + 1;
    snprintf(text, sizeof text,
             "{\"images\": [{\"id\": 1, \"file_name\": \"%sa.jpg\", "
             "\"width\": 64, \"height\": 64}, {\"id\": 2, \"file_name\": "
             "\"%sb.jpg\", \"width\": 64, \"height\": 64}], \"categories\":"
             " [{\"id\": %d, \"name\": \"cat\", \"supercategory\": \"\"}, "
             "{\"id\": %d, \"name\": \"dog\", \"supercategory\": \"\"}], "
             "\"annotations\": [{\"id\": 1, \"image_id\": 1, "
             "\"category_id\": %d, \"segmentation\": [], \"area\": 12.0, "
             "\"bbox\": [1.0, 2.0, 3.0, 4.0], \"iscrowd\": 0, \"ignore\": "
             "0, \"attributes\": {\"occluded\": false}}]}",
             below, below, first, dog, dog);
    write_file(name, text);
}

static void cvat_coco(void **state)
{
    (void)state;
    write_coco("annotations/instances_default.json", "", 1);
    write_file("images/a.jpg", "");
    write_file("images/b.jpg", "");
    check("annotations/instances_default.json", NULL);
    remove(at("images/a.jpg"));
    remove(at("images/b.jpg"));
    write_file("images/default/a.jpg", "");
    write_file("images/default/b.jpg", "");
    check("annotations/instances_default.json", NULL);
}

static void label_studio_yolo(void **state)
{
    (void)state;
    write_file("classes.txt", "cat\ndog\n");
    write_file("notes.json", "{\"categories\": [{\"id\": 0, \"name\": \"cat\"}"
                             "]}");
    write_file("images/5a1b-a.jpg", "");
    write_file("images/5a1c-b.jpg", "");
    write_file("labels/5a1b-a.txt", BOX);
    write_file("labels/5a1c-b.txt", "");
    check("", NULL);
    check("classes.txt", NULL);
}

static void label_studio_coco(void **state)
{
    (void)state;
    write_coco("result.json", "images/", 0);
    write_file("images/a.jpg", "");
    write_file("images/b.jpg", "");
    check("result.json", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(roboflow_yolov5),   DATASET_TEST(roboflow_coco),
        DATASET_TEST(cvat_yolo),         DATASET_TEST(cvat_ultralytics),
        DATASET_TEST(cvat_coco),         DATASET_TEST(label_studio_yolo),
        DATASET_TEST(label_studio_coco),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
