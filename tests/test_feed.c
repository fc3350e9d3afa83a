/* Batches to train with: the same whoever asks when, each picture once an
 * epoch, whatever can be wrong with pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <cmocka.h>

#include "feed_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BATCHES = 9 };

static void write_shapes(void)
{
    const struct yt_shapes_options options = {
        .train = 14, .h = 80, .w = 110, .seed = 5};
    assert_ok(yt_shapes_write(at("set"), &options));
}

/* Digests of batches, asked for in the order given. */
static void digest_batches(const struct yt_feed_options *options,
                           const int64_t *numbers, int32_t count,
                           uint64_t *digests_out)
{
    struct yt_dataset *dataset = open_train("set/shapes.yaml");
    struct yt_feed *feed = open_feed(dataset, options);
    for (int32_t i = 0; i < count; i++) {
        const struct yt_batch batch = batch_of(feed, numbers[i]);
        digests_out[i] = digest_of(&batch);
    }
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

static void a_number_is_a_batch(void **state)
{
    (void)state;
    static const int64_t in_order[BATCHES] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const int64_t mixed[BATCHES] = {8, 3, 4, 4, 0, 7, 2, 1, 0};
    uint64_t expected[BATCHES], found[BATCHES];
    write_shapes();
    struct yt_feed_options options = feed_options(1);
    digest_batches(&options, in_order, BATCHES, expected);
    for (int i = 1; i < BATCHES; i++)
        assert_int_not_equal(expected[i], expected[i - 1]);

    /* No picture kept; some; all. */
    static const int64_t cache[] = {1, 60000, 0};
    for (size_t c = 0; c < COUNT(cache); c++)
        for (int32_t threads = 1; threads <= 3; threads++) {
            options = feed_options(threads);
            options.cache_bytes = cache[c];
            digest_batches(&options, mixed, BATCHES, found);
            for (int i = 0; i < BATCHES; i++)
                assert_int_equal(found[i], expected[mixed[i]]);
        }
    options.seed++;
    digest_batches(&options, in_order, 1, found);
    assert_int_not_equal(found[0], expected[0]);
}

/* The cards of an epoch, told by their colour. */
static void read_cards(struct yt_feed *feed, int64_t epoch, int32_t *cards)
{
    const int64_t batches = yt_feed_batches_per_epoch(feed);
    for (int64_t b = 0; b < batches; b++) {
        const struct yt_batch batch = batch_of(feed, epoch * batches + b);
        for (int32_t i = 0; i < BATCH; i++)
            cards[b * BATCH + i] = (int32_t)lroundf(
                value_at(&batch, i, 0, H / 2, W / 2) * 255 / 10);
    }
}

static void a_picture_comes_once_an_epoch(void **state)
{
    (void)state;
    enum { CARDS = 10, SLOTS = 12, EPOCHS = 3 };
    int32_t cards[EPOCHS][SLOTS];
    write_cards(CARDS);
    struct yt_dataset *dataset = open_train("data.yaml");
    struct yt_feed_options options = feed_options(2);
    options.augmentation = (struct yt_augmentation){0};
    struct yt_feed *feed = open_feed(dataset, &options);
    assert_int_equal(yt_feed_batches_per_epoch(feed), SLOTS / BATCH);
    for (int e = 0; e < EPOCHS; e++) {
        int32_t times[CARDS] = {0};
        read_cards(feed, e, cards[e]);
        for (int i = 0; i < CARDS; i++)
            times[cards[e][i]]++;
        for (int i = 0; i < CARDS; i++)
            assert_int_equal(times[i], 1);
        for (int i = CARDS; i < SLOTS; i++)
            assert_int_equal(cards[e][i], cards[e][i - CARDS]);
    }
    assert_memory_not_equal(cards[0], cards[1], sizeof cards[0]);
    assert_memory_not_equal(cards[1], cards[2], sizeof cards[0]);
    for (int i = 0; i < CARDS; i++) {
        assert_int_equal(dataset->images[i].width, 40 + 7 * i);
        assert_false(dataset->images[i].in_shares);
    }
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

static void a_batch_may_be_more_than_an_epoch(void **state)
{
    (void)state;
    int32_t cards[BATCH];
    write_cards(1);
    struct yt_dataset *dataset = open_train("data.yaml");
    struct yt_feed_options options = feed_options(1);
    options.augmentation = (struct yt_augmentation){0};
    struct yt_feed *feed = open_feed(dataset, &options);
    assert_int_equal(yt_feed_batches_per_epoch(feed), 1);
    read_cards(feed, 5, cards);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(cards[i], 0);
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

/* ------------------------------------------------------- what is wrong */

/* Digests of an epoch and what the data set is told. */
static int32_t digest_broken(int32_t threads, int64_t first,
                             uint64_t digests_out[3])
{
    struct yt_dataset *dataset = open_train("data.yaml");
    const struct yt_feed_options options = feed_options(threads);
    struct yt_feed *feed = open_feed(dataset, &options);
    for (int64_t i = 0; i < 3; i++) {
        const int64_t number = (first + i) % 3;
        const struct yt_batch batch = batch_of(feed, number);
        digests_out[number] = digest_of(&batch);
    }
    yt_feed_close(feed);
    const int32_t problems = dataset->problem_count;
    assert_int_equal(yt_dataset_used(dataset), 10 - problems);
    for (int32_t i = 0; i < problems; i++)
        assert_true(strstr(dataset->problems[i], "/0.png: ") ||
                    strstr(dataset->problems[i], "/6.png: "));
    yt_dataset_close(dataset);
    return problems;
}

static void broken_pictures_are_left_out(void **state)
{
    (void)state;
    uint64_t digests[3], others[3];
    write_cards(10);
    write_file("images/train/0.png", "no picture");
    write_file("images/train/6.png", "\x89PNG\r\n\x1a\n");
    assert_int_equal(digest_broken(1, 0, digests), 2);
    assert_int_equal(digest_broken(3, 2, others), 2);
    assert_memory_equal(digests, others, sizeof digests);
}

static void another_size_than_stated_is_a_problem(void **state)
{
    (void)state;
    write_cards(5);
    struct yt_dataset *dataset = open_train("data.yaml");
    dataset->images[2].width = dataset->images[2].height = 17;
    const struct yt_feed_options options = feed_options(1);
    struct yt_feed *feed = open_feed(dataset, &options);
    batch_of(feed, 0);
    batch_of(feed, 1);
    yt_feed_close(feed);
    assert_int_equal(dataset->problem_count, 1);
    assert_says(dataset->problems[0], "2.png: 54x52 pixels, but the data set "
                                      "says 17x17");
    assert_true(dataset->images[2].left_out);
    yt_dataset_close(dataset);
}

static void nothing_to_read_is_a_failure(void **state)
{
    (void)state;
    write_cards(2);
    write_file("images/train/0.png", "no picture");
    write_file("images/train/1.png", "");
    struct yt_dataset *dataset = open_train("data.yaml");
    const struct yt_feed_options options = feed_options(1);
    struct yt_feed *feed = NULL;
    assert_int_equal(yt_feed_open(dataset, &options, &feed), YT_BAD_INPUT);
    assert_says(yt_error(), "data: no picture could be read");
    assert_int_equal(dataset->problem_count, 2);
    assert_int_equal(yt_feed_open(dataset, &options, &feed), YT_BAD_INPUT);
    assert_says(yt_error(), "data: no picture to train with");
    assert_null(feed);
    yt_dataset_close(dataset);
}

static void labels_are_not_needed(void **state)
{
    (void)state;
    write_cards(5);
    const struct yt_dataset_options only = {.path = at("images/train"),
                                            .only_pictures = 1};
    struct yt_dataset *dataset;
    assert_ok(yt_dataset_open(&only, &dataset));
    const struct yt_feed_options options = feed_options(1);
    struct yt_feed *feed = open_feed(dataset, &options);
    assert_int_equal(batch_of(feed, 0).target_count, 0);
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

static void crowds_are_no_targets(void **state)
{
    (void)state;
    write_cards(4);
    struct yt_dataset *dataset = open_train("data.yaml");
    assert_int_equal(dataset->truth_count, 3);
    dataset->truths[0].crowd = 1;
    dataset->truths[2].w = 0;
    struct yt_feed_options options = feed_options(1);
    options.augmentation = (struct yt_augmentation){0};
    struct yt_feed *feed = open_feed(dataset, &options);
    const struct yt_batch batch = batch_of(feed, 0);
    assert_int_equal(batch.target_count, 1);
    assert_int_equal(batch.targets[0].class_id, 1);
    yt_feed_close(feed);
    yt_dataset_close(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(a_number_is_a_batch),
        DATASET_TEST(a_picture_comes_once_an_epoch),
        DATASET_TEST(a_batch_may_be_more_than_an_epoch),
        DATASET_TEST(broken_pictures_are_left_out),
        DATASET_TEST(another_size_than_stated_is_a_problem),
        DATASET_TEST(nothing_to_read_is_a_failure),
        DATASET_TEST(labels_are_not_needed),
        DATASET_TEST(crowds_are_no_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
