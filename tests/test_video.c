/* Videos written and read back: counted, in order, upright, and cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataset_files.h"
#include "eval/video.h"

#define WIDTH  96
#define HEIGHT 64
#define FRAMES 30
#define FPS    25.0

/* Frame i is one grey, with a bright top left quarter. */
static int grey_of(int64_t i)
{
    return 20 + 4 * (int)i;
}

#define BRIGHT 235

static void draw(struct yt_picture *picture, int i)
{
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            memset(picture->rgb + 3 * (y * picture->width + x),
                   x < picture->width / 2 && y < picture->height / 2
                       ? BRIGHT
                       : grey_of(i),
                   3);
}

/* Skips where this was built without. */
static void make_video(const char *name, int width, int height)
{
    struct yt_video_writer *writer = NULL;
    struct yt_picture picture = {0};
    const enum yt_status status =
        yt_video_create(at(name), width, height, FPS, &writer);
    if (status == YT_UNSUPPORTED) {
        assert_says(yt_error(), "video");
        print_message("skipped: %s\n", yt_error());
        skip();
    }
    assert_ok(status);
    assert_ok(yt_picture_init(width, height, &picture));
    for (int i = 0; i < FRAMES; i++) {
        draw(&picture, i);
        assert_ok(yt_video_add(writer, &picture, i / FPS));
    }
    assert_ok(yt_video_finish(writer));
    yt_picture_deinit(&picture);
}

/* Pixel in the middle of quarter (right, below). */
static int quarter(const struct yt_picture *p, int right, int below)
{
    const int x = (2 * right + 1) * p->width / 4;
    const int y = (2 * below + 1) * p->height / 4;
    return p->rgb[3 * (y * p->width + x)];
}

static void assert_near(int value, int want)
{
    if (value < want - 6 || value > want + 6)
        fail_msg("%d, not %d", value, want);
}

/* Read to the end.
 * @return what ended it. */
static enum yt_status count_frames(const char *name, int64_t *count_out)
{
    struct yt_video *video = NULL;
    struct yt_picture picture = {0};
    struct yt_video_frame frame = {0};
    enum yt_status status = yt_video_open(at(name), NULL, &video);
    *count_out = 0;
    while (status == YT_OK) {
        status = yt_video_next(video, &picture, &frame);
        *count_out += status == YT_OK;
    }
    yt_video_close(video);
    yt_picture_deinit(&picture);
    return status;
}

static void frames_come_back_in_order(void **state)
{
    (void)state;
    make_video("a.mp4", WIDTH, HEIGHT);
    for (int stride = 1; stride <= 4; stride++) {
        const struct yt_video_options options = {.stride = stride};
        struct yt_video *video = NULL;
        struct yt_picture picture = {0};
        struct yt_video_frame frame = {0};
        assert_ok(yt_video_open(at("a.mp4"), &options, &video));
        const struct yt_video_info *info = yt_video_describe(video);
        assert_int_equal(info->frames, FRAMES / stride);
        assert_true(info->fps * stride > FPS - 0.5 &&
                    info->fps * stride < FPS + 0.5);
        assert_false(info->live);
        for (int i = 1; i <= FRAMES / stride; i++) {
            assert_ok(yt_video_next(video, &picture, &frame));
            assert_int_equal(picture.width, WIDTH);
            assert_int_equal(picture.height, HEIGHT);
            assert_int_equal(frame.number, i);
            const double at_seconds = (i - 1) * stride / FPS;
            assert_true(frame.seconds > at_seconds - 0.01 &&
                        frame.seconds < at_seconds + 0.01);
            assert_near(quarter(&picture, 1, 1), grey_of(i * stride - 1));
            assert_near(quarter(&picture, 0, 0), BRIGHT);
        }
        for (int again = 0; again < 2; again++)
            assert_int_equal(yt_video_next(video, &picture, &frame),
                             YT_NOT_FOUND);
        yt_video_close(video);
        yt_picture_deinit(&picture);
    }
}

/* The display matrix of an MP4 file, 16.16 fixed point, in its track header. */
static void set_matrix(const char *name, const int32_t matrix[4])
{
    static char bytes[1 << 20];
    FILE *file = fopen(at(name), "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    char *header = memmem(bytes, size, "tkhd", 4);
    assert_non_null(header);
    static const int places[4] = {0, 1, 3, 4}; /* of 3x3 */
    for (int i = 0; i < 4; i++) {
        const uint32_t value = (uint32_t)matrix[i] << 16;
        unsigned char *to = (unsigned char *)header + 44 + 4 * places[i];
        for (int k = 0; k < 4; k++)
            to[k] = (unsigned char)(value >> (24 - 8 * k));
    }
    file = fopen(at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void frames_are_upright(void **state)
{
    (void)state;
    static const struct {
        int32_t matrix[4];
        int lies, right, below; /* where the bright quarter comes to lie */
    } rows[] = {
        {{1, 0, 0, 1}, 0, 0, 0},
        {{0, 1, -1, 0}, 1, 1, 0}, /* a quarter clockwise, as phones write */
        {{-1, 0, 0, -1}, 0, 1, 1},
        {{0, -1, 1, 0}, 1, 0, 1},
    };
    make_video("a.mp4", WIDTH, HEIGHT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_video *video = NULL;
        struct yt_picture picture = {0};
        struct yt_video_frame frame;
        set_matrix("a.mp4", rows[i].matrix);
        assert_ok(yt_video_open(at("a.mp4"), NULL, &video));
        assert_ok(yt_video_next(video, &picture, &frame));
        assert_int_equal(picture.width, rows[i].lies ? HEIGHT : WIDTH);
        assert_int_equal(picture.height, rows[i].lies ? WIDTH : HEIGHT);
        for (int k = 0; k < 4; k++)
            assert_near(quarter(&picture, k & 1, k >> 1),
                        (k & 1) == rows[i].right && k >> 1 == rows[i].below
                            ? BRIGHT
                            : grey_of(0));
        yt_video_close(video);
        yt_picture_deinit(&picture);
    }
}

/* Odd sizes lose a row or column, other frames are scaled to the first. */
static void sizes_are_made_to_fit(void **state)
{
    (void)state;
    int64_t count;
    make_video("odd.mp4", WIDTH + 1, HEIGHT + 1);
    assert_int_equal(count_frames("odd.mp4", &count), YT_NOT_FOUND);
    assert_int_equal(count, FRAMES);
    struct yt_video_writer *writer = NULL;
    assert_ok(yt_video_create(at("b.mp4"), WIDTH, HEIGHT, 0, &writer));
    assert_true(strlen(yt_video_encoder(writer)) > 0);
    for (int i = 0; i < 3; i++) {
        struct yt_picture picture = {0};
        assert_ok(yt_picture_init(WIDTH * (i + 1), HEIGHT, &picture));
        draw(&picture, i);
        assert_ok(yt_video_add(writer, &picture, 0)); /* time stands still */
        yt_picture_deinit(&picture);
    }
    assert_ok(yt_video_finish(writer));
    assert_int_equal(count_frames("b.mp4", &count), YT_NOT_FOUND);
    assert_int_equal(count, 3);
    assert_int_equal(yt_video_create(at("c.mp4"), 1, 9, 0, &writer),
                     YT_BAD_ARGUMENT);
    assert_int_equal(yt_video_create(at("no/c.mp4"), 9, 9, 0, &writer), YT_IO);
}

/* Whatever is cut off, changed or no video ends in a sentence. */
static void damage_is_told(void **state)
{
    (void)state;
    int64_t count;
    make_video("a.mp4", WIDTH, HEIGHT);
    struct stat info;
    assert_int_equal(stat(at("a.mp4"), &info), 0);
    int refused = 0;
    for (off_t size = 0; size < info.st_size; size += info.st_size / 9 + 1) {
        assert_int_equal(truncate(at("a.mp4"), info.st_size - 1 - size), 0);
        const enum yt_status status = count_frames("a.mp4", &count);
        /* The last box describes, but does not hold, frames. */
        assert_true(status == YT_BAD_INPUT || status == YT_IO ||
                    (status == YT_NOT_FOUND && count == FRAMES));
        assert_says(yt_error(), "a.mp4: ");
        refused += status != YT_NOT_FOUND;
    }
    assert_true(refused >= 8);
    write_file("b.mp4", "no video, but for its name");
    assert_int_equal(count_frames("b.mp4", &count), YT_BAD_INPUT);
    assert_says(yt_error(), "b.mp4: ");
    write_file("c.mp4", "");
    assert_int_equal(count_frames("c.mp4", &count), YT_BAD_INPUT);
    assert_int_equal(count_frames("gone.mp4", &count), YT_NOT_FOUND);
    /* A playlist does not lead out of the machine. */
    write_file("d.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n");
    assert_true(count_frames("d.mp4", &count) != YT_OK);
    assert_int_equal(count, 0);
}

/* The index in front of the frames: what is there is read, then it is told. */
static void what_came_before_is_kept(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    make_video("a.mp4", WIDTH, HEIGHT);
    FILE *file = fopen(at("a.mp4"), "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    /* Frames become zeros from the middle of their box on. */
    const char *frames = memmem(bytes, size, "mdat", 4);
    const char *index = memmem(bytes, size, "moov", 4);
    assert_true(frames && index && frames < index);
    memset(bytes + (frames - bytes + (index - bytes)) / 2, 0,
           (size_t)(index - 4 - frames) / 2);
    file = fopen(at("a.mp4"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    int64_t count;
    assert_int_equal(count_frames("a.mp4", &count), YT_BAD_INPUT);
    assert_true(count > 0);
    assert_says(yt_error(), "a.mp4: it is damaged");
}

static void reading_stops_when_told(void **state)
{
    (void)state;
    make_video("a.mp4", WIDTH, HEIGHT);
    volatile int stop = 0;
    const struct yt_video_options options = {.stop = &stop};
    struct yt_video *video = NULL;
    struct yt_picture picture = {0};
    struct yt_video_frame frame;
    assert_ok(yt_video_open(at("a.mp4"), &options, &video));
    assert_ok(yt_video_next(video, &picture, &frame));
    stop = 1;
    assert_int_equal(yt_video_next(video, &picture, &frame), YT_INTERRUPTED);
    yt_video_close(video);
    yt_picture_deinit(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(frames_come_back_in_order),
        DATASET_TEST(frames_are_upright),
        DATASET_TEST(sizes_are_made_to_fit),
        DATASET_TEST(damage_is_told),
        DATASET_TEST(what_came_before_is_kept),
        DATASET_TEST(reading_stops_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
