#ifndef YT_TEST_LAB_FIXTURE_H
#define YT_TEST_LAB_FIXTURE_H

/* A lab on a built-in network of 64x64 pixels, a folder of pictures, and a
 * database of their own. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "eval/image.h"
#include "strategies/lab/lab_parts.h"

#define PICTURES 6

struct fixture {
    char folder[64], db[96], yaml[96], only_val[96];
    const char *models[1];
    struct yt_dataset_options data;
    struct yt_picture frame;
    struct yt_image image;
};

static inline void make_picture(const struct fixture *f, const char *split,
                                int i, uint32_t seed)
{
    struct yt_picture picture;
    char path[160];
    assert_ok(yt_picture_init(80, 60, &picture));
    yt_picture_noise(&picture, seed);
    snprintf(path, sizeof path, "%s/images/%s/p%d.png", f->folder, split, i);
    assert_ok(yt_picture_save(&picture, path));
    yt_picture_deinit(&picture);
}

static inline void make_yaml(const struct fixture *f, const char *path,
                             const char *train)
{
    FILE *yaml = fopen(path, "we");
    assert_non_null(yaml);
    fprintf(yaml, "path: %s\n%sval: images/val\nnc: 80\nnames: [", f->folder,
            train);
    for (int i = 0; i < 80; i++)
        fprintf(yaml, "%sclass%d", i ? ", " : "", i);
    fprintf(yaml, "]\n");
    fclose(yaml);
}

/* Pictures of noise with a labelled box each. The network's boxes mean nothing;
 * what is tested is how they are counted and kept. */
static inline void make_pictures(struct fixture *f)
{
    char path[320];
    snprintf(path, sizeof path,
             "mkdir -p '%s/images/val' '%s/images/train' '%s/labels/val'",
             f->folder, f->folder, f->folder);
    assert_int_equal(system(path), 0);
    for (int i = 0; i < PICTURES; i++) {
        make_picture(f, "train", i, (uint32_t)i + 101);
        make_picture(f, "val", i, (uint32_t)i + 1);
        snprintf(path, sizeof path, "%s/labels/val/p%d.txt", f->folder, i);
        FILE *labels = fopen(path, "we");
        assert_non_null(labels);
        fprintf(labels, "%d 0.5 0.5 0.9 0.9\n", i % 3);
        fclose(labels);
    }
    make_yaml(f, f->yaml, "train: images/train\n");
    make_yaml(f, f->only_val, "");
}

static inline int lab_setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/yt-advisor-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.db, sizeof f.db, "%s/results.db", f.folder);
    snprintf(f.yaml, sizeof f.yaml, "%s/data.yaml", f.folder);
    snprintf(f.only_val, sizeof f.only_val, "%s/only_val.yaml", f.folder);
    make_pictures(&f);
    f.models[0] = "builtin:n";
    f.data.path = f.yaml;
    assert_ok(yt_picture_init(80, 60, &f.frame));
    yt_picture_noise(&f.frame, 9);
    f.image = (struct yt_image){
        .pixels = f.frame.rgb, .width = 80, .height = 60, .stride_bytes = 240};
    *state = &f;
    return 0;
}

static inline int lab_teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    yt_picture_deinit(&f->frame);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command);
}

static inline enum yt_status try_lab(struct fixture *f, int with_data,
                                     const struct yt_precision_wish *wish,
                                     const volatile int *stop,
                                     struct yt_lab **lab)
{
    const struct yt_lab_options options = {
        .site = {.db = f->db},
        .engine = {.h = 64, .w = 64, .threads = 2},
        .models = f->models,
        .model_count = 1,
        .data = with_data ? &f->data : NULL,
        .precision = wish,
        .image = &f->image,
        .stop = stop,
    };
    return yt_lab_open(&options, lab);
}

static inline struct yt_lab *open_lab(struct fixture *f, int with_data,
                                      const volatile int *stop)
{
    const struct yt_precision_wish wish = {.default_calib =
                                               with_data ? f->yaml : NULL};
    struct yt_lab *lab = NULL;
    assert_ok(try_lab(f, with_data, &wish, stop, &lab));
    return lab;
}

#endif
