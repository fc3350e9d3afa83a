/* A program for test_export.c: two exports, "toy" and "other", in one process,
 * run by several threads at once. Prints each export's boxes as detect_image
 * does and fails when any thread saw others. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "other.h"
#include "toy.h"

enum { BOXES = 300, THREADS = 4, FRAMES = 5 };

struct frame {
    struct yt_box boxes[BOXES];
    size_t count;
};

/* Both exports through one pair of types. */
struct job {
    struct toy_model *toy;
    struct other_model *other;
    struct yt_image image;
    struct frame seen[2];
    int failed;
};

static void *work(void *arg)
{
    struct job *job = arg;
    struct yt_model_info info[2];
    toy_info(job->toy, &info[0]);
    other_info(job->other, &info[1]);
    for (int m = 0; m < 2; m++) {
        const size_t bytes = (info[m].workspace_bytes + 63) / 64 * 64;
        void *workspace = aligned_alloc(64, bytes);
        for (int i = 0; workspace && i < FRAMES; i++) {
            struct frame *f = &job->seen[m];
            struct frame again;
            memset(&again, 0, sizeof again);
            job->failed |=
                (m == 0
                     ? toy_detect(job->toy, &job->image, NULL, workspace, bytes,
                                  again.boxes, BOXES, &again.count, NULL)
                     : other_detect(job->other, &job->image, NULL, workspace,
                                    bytes, again.boxes, BOXES, &again.count,
                                    NULL)) != YT_OK;
            if (i == 0)
                *f = again;
            job->failed |= memcmp(f, &again, sizeof again) != 0;
        }
        job->failed |= workspace == NULL;
        free(workspace);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const int width = atoi(argv[2]), height = atoi(argv[3]);
    const size_t bytes = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = malloc(bytes);
    FILE *file = fopen(argv[1], "rb");
    if (!file || !pixels || fseek(file, -(long)bytes, SEEK_END) != 0 ||
        fread(pixels, 1, bytes, file) != bytes)
        return 2;
    fclose(file);

    /* The callers' threads do the work: any number may share a model. */
    const struct yt_open_options options = {.threads = 1};
    static struct job jobs[THREADS];
    struct toy_model *toy;
    struct other_model *other;
    if (toy_open(&options, &toy) != YT_OK ||
        other_open(&options, &other) != YT_OK)
        return 3;
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) {
        jobs[t].toy = toy;
        jobs[t].other = other;
        jobs[t].image = (struct yt_image){.pixels = pixels,
                                          .width = width,
                                          .height = height,
                                          .stride_bytes = (int64_t)width * 3,
                                          .format = YT_PIXEL_RGB};
        if (pthread_create(&threads[t], NULL, work, &jobs[t]) != 0)
            return 4;
    }
    int failed = 0;
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        failed |= jobs[t].failed ||
                  memcmp(jobs[t].seen, jobs[0].seen, sizeof jobs[0].seen) != 0;
    }
    struct yt_model_info info;
    toy_info(toy, &info);
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < jobs[0].seen[m].count; i++) {
            const struct yt_box *b = &jobs[0].seen[m].boxes[i];
            printf("%s: %s %.9g %.9g %.9g %.9g %.9g\n", argv[1],
                   info.class_names[b->class_id], b->score, b->x0, b->y0, b->x1,
                   b->y1);
        }
    toy_close(toy);
    other_close(other);
    free(pixels);
    return failed ? 5 : 0;
}
