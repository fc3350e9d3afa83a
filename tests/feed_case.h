#ifndef YT_TEST_FEED_CASE_H
#define YT_TEST_FEED_CASE_H

/* Pictures to feed and what is read off batches. */

#include "dataset_files.h"
#include "eval/image.h"
#include "eval/shapes.h"
#include "train/data/feed.h"

enum { H = 64, W = 96, BATCH = 4 };

static inline struct yt_dataset *open_train(const char *yaml)
{
    const struct yt_dataset_options options = {.path = at(yaml),
                                               .split = "train"};
    struct yt_dataset *dataset;
    assert_ok(yt_dataset_open(&options, &dataset));
    return dataset;
}

static inline struct yt_feed_options feed_options(int32_t threads)
{
    return (struct yt_feed_options){.h = H,
                                    .w = W,
                                    .batch = BATCH,
                                    .threads = threads,
                                    .seed = 3,
                                    .augmentation = yt_augmentation()};
}

static inline struct yt_feed *open_feed(struct yt_dataset *dataset,
                                        const struct yt_feed_options *options)
{
    struct yt_feed *feed;
    assert_ok(yt_feed_open(dataset, options, &feed));
    return feed;
}

static inline struct yt_batch batch_of(struct yt_feed *feed, int64_t number)
{
    struct yt_batch batch;
    assert_ok(yt_feed_batch(feed, number, &batch));
    return batch;
}

static inline uint64_t digest_bytes(uint64_t sum, const void *bytes,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* Of all that a batch is. */
static inline uint64_t digest_of(const struct yt_batch *batch)
{
    const size_t floats = (size_t)BATCH * 3 * H * W;
    const uint64_t sum =
        digest_bytes(UINT64_C(0xcbf29ce484222325), batch->images,
                     floats * sizeof *batch->images);
    return digest_bytes(sum, batch->targets,
                        (size_t)batch->target_count * sizeof *batch->targets);
}

static inline float value_at(const struct yt_batch *batch, int32_t image,
                             int32_t channel, int32_t y, int32_t x)
{
    return batch->images[((image * 3 + channel) * H + y) * W + x];
}

/* A picture of one colour with a rectangle of another; labels/ has its box.
 * w == 0: there is none. */
struct card {
    int32_t width, height;
    uint8_t ground[3], ink[3];
    int32_t x, y, w, h;
};

static inline void write_card(const char *split, int32_t number,
                              const struct card *card)
{
    struct yt_picture picture;
    char name[64], label[128] = "";
    assert_ok(yt_picture_init(card->width, card->height, &picture));
    for (int32_t y = 0; y < card->height; y++)
        for (int32_t x = 0; x < card->width; x++) {
            const int in = x >= card->x && x < card->x + card->w &&
                           y >= card->y && y < card->y + card->h;
            memcpy(picture.rgb + 3 * (y * card->width + x),
                   in ? card->ink : card->ground, 3);
        }
    if (card->w > 0)
        snprintf(label, sizeof label, "%d %.6f %.6f %.6f %.6f\n", number % 2,
                 (card->x + 0.5 * card->w) / card->width,
                 (card->y + 0.5 * card->h) / card->height,
                 (double)card->w / card->width, (double)card->h / card->height);
    snprintf(name, sizeof name, "labels/%s/%d.txt", split, number);
    write_file(name, label);
    snprintf(name, sizeof name, "images/%s/%d.png", split, number);
    write_file(name, "");
    assert_ok(yt_picture_save(&picture, at(name)));
    yt_picture_deinit(&picture);
}

/* Cards told apart by their colour: number i has i * 10 of red. */
static inline void write_cards(int32_t count)
{
    write_file("data.yaml", "path: .\ntrain: images/train\n" NAMES);
    for (int32_t i = 0; i < count; i++) {
        const struct card card = {.width = 40 + 7 * i,
                                  .height = 30 + 11 * (i % 3),
                                  .ground = {(uint8_t)(10 * i), 20, 200},
                                  .ink = {250, 250, 0},
                                  .x = 5,
                                  .y = 4,
                                  .w = i % 4 == 3 ? 0 : 12,
                                  .h = 9};
        write_card("train", i, &card);
    }
}

#endif
