/* What words of a command line stand for, and files that would share a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataset_files.h"
#include "eval/sources.h"

static void write_some(void)
{
    write_file("in/b.JPG", "");
    write_file("in/a.png", "");
    write_file("in/c.gif", "");
    write_file("in/v.MP4", "");
    write_file("in/.hidden.png", "");
    write_file("in/notes.md", "");
    write_file("in/deep/d.png", "");
    write_file("odd[1].png", "");
    write_file("empty/notes.md", "");
    write_file("all.streams", "rtsp://h/1?a=[x]\n0\n/dev/video1\nin/v.MP4\n");
    write_file("list.txt", "in/b.JPG\n\n  ./in/a.png \r\nin/*.gif\nin/deep\n"
                           "gone.png\n");
}

/* The paths' file names, a blank apart. */
static void names_of(const struct yt_sources *s, char *text, size_t size)
{
    text[0] = '\0';
    for (int32_t i = 0; i < s->count; i++) {
        const char *slash = strrchr(s->paths[i], '/');
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", i ? " " : "",
                 slash ? slash + 1 : s->paths[i]);
    }
}

static void words_become_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *what, *names;
    } rows[] = {
        {"in", "a.png b.JPG c.gif v.MP4"}, /* not below it */
        {"in/*", "a.png b.JPG c.gif v.MP4"},
        {"in/[ab].*", "a.png b.JPG"},
        {"*/?.png", "a.png"},
        {"odd[1].png", "odd[1].png"}, /* a file is no pattern */
        {"list.txt", "b.JPG a.png c.gif d.png gone.png"},
        {"all.streams", "1?a=[x] 0 video1 v.MP4"},
        {"gone.jpg", "gone.jpg"}, /* who opens it says what is wrong */
        {"in/notes.md", "notes.md"},
    };
    write_some();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_sources s = {0};
        char names[256];
        assert_ok(yt_sources_add(&s, at(rows[i].what)));
        names_of(&s, names, sizeof names);
        assert_string_equal(names, rows[i].names);
        yt_sources_deinit(&s);
    }
    struct yt_sources s = {0};
    assert_ok(yt_sources_add(&s, "-"));
    assert_ok(yt_sources_add(&s, at("in")));
    assert_int_equal(s.count, 5);
    assert_string_equal(s.paths[0], "-");
    yt_sources_deinit(&s);
}

static void words_say_what_opens_them(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum yt_source_kind kind;
    } rows[] = {
        {"a.jpg", YT_SOURCE_PICTURE},
        {"-", YT_SOURCE_PICTURE},
        {"a.gif", YT_SOURCE_PICTURE},
        {"", YT_SOURCE_PICTURE},
        {"a.Mp4", YT_SOURCE_VIDEO},
        {"a.b/c.mkv", YT_SOURCE_VIDEO},
        {"a.mp4.jpg", YT_SOURCE_PICTURE},
        {"mp4", YT_SOURCE_PICTURE},
        {"0", YT_SOURCE_CAMERA},
        {"12", YT_SOURCE_CAMERA},
        {"0x", YT_SOURCE_PICTURE},
        {"/dev/video0", YT_SOURCE_CAMERA},
        {"/dev/video", YT_SOURCE_PICTURE},
        {"/dev/videox", YT_SOURCE_PICTURE},
        {"rtsp://a", YT_SOURCE_ADDRESS},
        {"HTTP://a/b.jpg", YT_SOURCE_ADDRESS},
        {"://a.jpg", YT_SOURCE_PICTURE},
        {"a/b://c.mp4", YT_SOURCE_VIDEO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (yt_source_kind(rows[i].path) != rows[i].kind)
            fail_msg("%s", rows[i].path);
    struct yt_sources s = {0};
    assert_int_equal(yt_sources_add(&s, "screen"), YT_UNSUPPORTED);
    assert_int_equal(yt_sources_add(&s, "screen 0 1 1 9 9"), YT_UNSUPPORTED);
    assert_says(yt_error(), "record it into a video");
    assert_ok(yt_sources_add(&s, "http://host/a?b=[c]*"));
    assert_string_equal(s.paths[0], "http://host/a?b=[c]*");
    yt_sources_deinit(&s);
}

static void what_has_no_picture_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum yt_status status;
        const char *says;
    } rows[] = {
        {"empty", YT_NOT_FOUND, "empty: no picture or video in this folder"},
        {"in/*.tif", YT_NOT_FOUND,
         "in/*.tif: no picture or video is called like this"},
        {"in/*.md", YT_NOT_FOUND, "no picture or video is called like this"},
        {"blank.txt", YT_NOT_FOUND, "blank.txt: this list names no picture"},
        {"bad.txt", YT_NOT_FOUND, "bad.txt: "},
    };
    write_some();
    write_file("blank.txt", "\n \n");
    write_file("bad.txt", "in/a.png\nempty\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_sources s = {0};
        assert_int_equal(yt_sources_add(&s, at(rows[i].what)), rows[i].status);
        assert_says(yt_error(), rows[i].says);
        yt_sources_deinit(&s);
    }
}

static void shared_names_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *paths[4];
        int stems, twice;
    } rows[] = {
        {{"a/x.jpg", "b/x.jpg"}, 0, 1}, {{"a/x.jpg", "b/x.png"}, 0, 0},
        {{"a/x.jpg", "b/x.png"}, 1, 1}, {{"x.1.jpg", "x.2.jpg", "y.jpg"}, 1, 0},
        {{"a", "ab", "abc"}, 1, 0},     {{"q.png", "a/x", "r.png", "x"}, 1, 1},
        {{".png", "a.png"}, 1, 0},      {{NULL}, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_sources s = {0};
        const char *a = NULL, *b = NULL;
        for (int k = 0; k < 4 && rows[i].paths[k]; k++)
            assert_ok(yt_sources_add(&s, rows[i].paths[k]));
        assert_ok(yt_sources_twice(&s, rows[i].stems, &a, &b));
        if ((a != NULL) != rows[i].twice || (a && !b) || (a && a == b))
            fail_msg("row %zu", i);
        yt_sources_deinit(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATASET_TEST(words_become_pictures),
        cmocka_unit_test(words_say_what_opens_them),
        DATASET_TEST(what_has_no_picture_is_told),
        cmocka_unit_test(shared_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
