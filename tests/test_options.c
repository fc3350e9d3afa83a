/* Command lines: every kind of value, what is refused, and as many options as a
 * command has. Sentences go to stderr and are read back from there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ARGUMENTS    8

static const struct yt_manual manual = {
    .command = "test",
    .summary = "summary",
    .synopsis = "[OPTION]...",
    .description = "description",
};

/* All kinds, at their defaults. */
struct values {
    int32_t flag, bounded, any;
    const char *text;
    float number;
    double real;
    uint64_t ns;
    struct yt_size size;
    int64_t bytes;
    struct yt_texts list;
};

/* What a call printed on the descriptor while it ran. */
struct capture {
    FILE *stream;
    int descriptor, saved;
    char file[32], text[4096];
};

static void capture_begin(struct capture *c, FILE *stream)
{
    c->stream = stream;
    c->descriptor = fileno(stream);
    fflush(stream);
    strcpy(c->file, "/tmp/yt-options-XXXXXX");
    const int file = mkstemp(c->file);
    assert_true(file >= 0);
    c->saved = dup(c->descriptor);
    assert_true(dup2(file, c->descriptor) >= 0);
    close(file);
}

static void capture_end(struct capture *c)
{
    fflush(c->stream);
    assert_true(dup2(c->saved, c->descriptor) >= 0);
    close(c->saved);
    FILE *file = fopen(c->file, "re");
    assert_non_null(file);
    const size_t length = fread(c->text, 1, sizeof c->text - 1, file);
    c->text[length] = 0;
    fclose(file);
    unlink(c->file);
}

/* @p words end with NULL; what is typed behind the command's name. */
static int parse(struct values *v, const char *const *words, int *operands,
                 struct capture *said, FILE *stream)
{
    const struct yt_option rows[] = {
        {"flag", 'f', YT_OPTION_FLAG, NULL, &v->flag, 0, 0, "A flag."},
        {"bounded", 'b', YT_OPTION_INT, "N", &v->bounded, 1, 9, "1 to 9."},
        {"any", 0, YT_OPTION_INT, "N", &v->any, 0, 0, "Any."},
        {"text", 't', YT_OPTION_TEXT, "WORD", &v->text, 0, 0, "A word."},
        {"number", 0, YT_OPTION_NUMBER, "X", &v->number, 0, 1, "0 to 1."},
        {"real", 0, YT_OPTION_REAL, "X", &v->real, 0, 0, "Any."},
        {"time", 0, YT_OPTION_TIME, "TIME", &v->ns, 0, 0, "A time."},
        {"size",
         0,
         YT_OPTION_SIZE,
         "HxW",
         &v->size,
         0,
         0,
         "A size.",
         {"dims", "extent"},
         1},
        {"bytes", 0, YT_OPTION_BYTES, "N", &v->bytes, 0, 0, "Memory."},
        {"list", 0, YT_OPTION_LIST, "WORD", &v->list, 0, 0, "Words.",
         .more = 2},
    };
    static char room[64][64];
    char *argv[64] = {room[0]};
    int argc = 1, first = 0;
    strcpy(room[0], "test");
    for (; words[argc - 1]; argc++) {
        assert_true(argc < 63);
        snprintf(room[argc], sizeof room[argc], "%s", words[argc - 1]);
        argv[argc] = room[argc];
    }
    memset(v, 0, sizeof *v);
    capture_begin(said, stream);
    const int code =
        yt_options_parse(&manual, rows, COUNT(rows), argc, argv, &first);
    capture_end(said);
    if (operands)
        *operands = argc - first;
    return code;
}

static void every_kind_is_read(void **state)
{
    (void)state;
    struct values v;
    struct capture said;
    int operands;
    static const char *const words[] = {
        "-f",       "-b7",     "--any=-12", "one",    "--text", "two words",
        "--number", "0.25",    "--real",    "-1.5e3", "--time", "500ms",
        "--size",   "384x640", "--bytes",   "1.5KiB", "--list", "a",
        "--list",   "b",       "--",        "-x",     NULL};
    assert_int_equal(parse(&v, words, &operands, &said, stderr), -1);
    assert_string_equal(said.text, "");
    assert_int_equal(v.flag, 1);
    assert_int_equal(v.bounded, 7);
    assert_int_equal(v.any, -12);
    assert_string_equal(v.text, "two words");
    assert_float_equal(v.number, 0.25, 0);
    assert_true(v.real == -1500);
    assert_int_equal(v.ns, 500000000);
    assert_true(v.size.h == 384 && v.size.w == 640);
    assert_int_equal(v.bytes, 1536);
    assert_int_equal(v.list.count, 2);
    assert_string_equal(v.list.items[1], "b");
    assert_int_equal(operands, 2); /* "one" and "-x" */
}

static void aliases_and_numbers_behind_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *words[8];
        int32_t h, w, listed;
        int operands;
    } rows[] = {
        {{"--dims", "384"}, 384, 384, 0, 0},
        {{"--extent", "384", "640", "x"}, 384, 640, 0, 1},
        {{"x", "--size", "384", "640", "y"}, 384, 640, 0, 2},
        {{"--size", "384", "640", "320"}, 384, 640, 0, 1},
        {{"--size", "384", "-f", "640"}, 384, 384, 0, 1},
        {{"--list", "a", "7", "8", "9"}, 0, 0, 3, 1},
        {{"--list", "a", "b"}, 0, 0, 1, 1},
        {{"--list", "a", "--list", "7"}, 0, 0, 2, 0},
    };
    struct values v;
    struct capture said;
    int operands;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (parse(&v, rows[i].words, &operands, &said, stderr) != -1)
            fail_msg("row %zu: %s", i, said.text);
        assert_int_equal(v.size.h, rows[i].h);
        assert_int_equal(v.size.w, rows[i].w);
        assert_int_equal(v.list.count, rows[i].listed);
        assert_int_equal(operands, rows[i].operands);
    }

    /* A file is a file, whatever it is called. */
    static const char *const words[] = {"--size", "384", "640", NULL};
    char folder[] = "/tmp/yt-options-XXXXXX";
    char *here = getcwd(NULL, 0);
    assert_non_null(here);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("640", 0777), 0);
    assert_int_equal(parse(&v, words, &operands, &said, stderr), -1);
    assert_int_equal(v.size.w, 384);
    assert_int_equal(operands, 1);
    assert_int_equal(rmdir("640"), 0);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(rmdir(folder), 0);
    free(here);
}

static void units_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        double value; /* -1: refused */
    } times[] = {{"30", 30e9}, {"30s", 30e9}, {"1.5m", 90e9}, {"2h", 7.2e12},
                 {"0", 0},     {"", -1},      {"s", -1},      {"-1", -1},
                 {"3 s", -1},  {"1e30", -1},  {"nan", -1},    {"inf", -1},
                 {"0x10", -1}, {"3d", -1}},
      bytes[] = {{"64MiB", 64 << 20},
                 {"64M", 64 << 20},
                 {"64MB", 64e6},
                 {"1", 1},
                 {"1kB", 1000},
                 {"2GiB", 2147483648.0},
                 {"0", -1},
                 {"-1", -1},
                 {"1TB", -1},
                 {"1e20", -1},
                 {"M", -1}},
      sizes[] = {{"640", 640},  {"384x640", 384}, {"0", -1},
                 {"640x", -1},  {"x640", -1},     {"640x640x3", -1},
                 {"99999", -1}, {"-32", -1},      {"32x-32", -1}};
    struct values v;
    struct capture said;
    for (size_t i = 0; i < COUNT(times); i++) {
        const char *const words[] = {"--time", times[i].word, NULL};
        const int code = parse(&v, words, NULL, &said, stderr);
        if (code != (times[i].value < 0 ? YT_EXIT_USAGE : -1) ||
            (code < 0 && (double)v.ns != times[i].value))
            fail_msg("--time %s: %d, %g ns", times[i].word, code, (double)v.ns);
    }
    for (size_t i = 0; i < COUNT(bytes); i++) {
        const char *const words[] = {"--bytes", bytes[i].word, NULL};
        const int code = parse(&v, words, NULL, &said, stderr);
        if (code != (bytes[i].value < 0 ? YT_EXIT_USAGE : -1) ||
            (code < 0 && (double)v.bytes != bytes[i].value))
            fail_msg("--bytes %s: %d, %g", bytes[i].word, code,
                     (double)v.bytes);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const char *const words[] = {"--size", sizes[i].word, NULL};
        const int code = parse(&v, words, NULL, &said, stderr);
        if (code != (sizes[i].value < 0 ? YT_EXIT_USAGE : -1) ||
            (code < 0 && (double)v.size.h != sizes[i].value))
            fail_msg("--size %s: %d, %d", sizes[i].word, code, v.size.h);
    }
}

static void what_is_off_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *says;
    } rows[] = {
        {{"--bounded", "10"}, "--bounded 10: must be 1 to 9"},
        {{"--bounded", "0"}, "--bounded 0: must be 1 to 9"},
        {{"--bounded", "x"}, "--bounded x: not a whole number"},
        {{"--any", "3000000000"}, "not a whole number"},
        {{"--any", "1.5"}, "not a whole number"},
        {{"--number", "1.01"}, "--number 1.01: must be 0 to 1"},
        {{"--real", "1e999"}, "--real 1e999: not a number"},
        {{"--text", ""}, "--text is empty"},
        {{"--list", ""}, "--list is empty"},
        {{"--dims", "0"}, "--size 0: not a size"},
        {{"--size", "640", "0"}, "--size 640 0: not a size"},
        {{"--text"}, "--text needs a value"},
        {{"-t"}, "-t needs a value"},
        {{"--flag=1"}, "--flag=1: takes no value"},
        {{"--nothing"}, "--nothing is not an option"},
        {{"-x"}, "-x is not an option"},
    };
    struct values v;
    struct capture said;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(parse(&v, rows[i].words, NULL, &said, stderr),
                         YT_EXIT_USAGE);
        if (!strstr(said.text, rows[i].says) ||
            !strstr(said.text, "see 'yolotune test --help'"))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, said.text,
                     rows[i].says);
    }
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    const char *words[2 * (YT_TEXTS_MAX + 1) + 1] = {NULL};
    struct values v;
    struct capture said;
    for (int i = 0; i < YT_TEXTS_MAX; i++) {
        words[2 * i] = "--list";
        words[2 * i + 1] = "w";
    }
    assert_int_equal(parse(&v, words, NULL, &said, stderr), -1);
    assert_int_equal(v.list.count, YT_TEXTS_MAX);
    words[2 * YT_TEXTS_MAX] = "--list";
    words[2 * YT_TEXTS_MAX + 1] = "w";
    assert_int_equal(parse(&v, words, NULL, &said, stderr), YT_EXIT_USAGE);
    assert_non_null(strstr(said.text, "--list: at most 16 of them"));
}

static void help_names_every_option(void **state)
{
    (void)state;
    static const char *const words[] = {"--help", NULL};
    static const char *const names[] = {"-f, --flag",
                                        "-b, --bounded N",
                                        "--any N",
                                        "-t, --text WORD",
                                        "--number X",
                                        "--time TIME",
                                        "--size HxW (also --dims, --extent)",
                                        "--bytes N",
                                        "--list WORD",
                                        "-h, --help",
                                        "EXIT STATUS",
                                        "yolotune test"};
    struct values v;
    struct capture said;
    assert_int_equal(parse(&v, words, NULL, &said, stdout), YT_EXIT_OK);
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strstr(said.text, names[i]))
            fail_msg("--help does not say '%s'", names[i]);
}

/* A command with more options than any array has room for by itself. */
static void no_option_is_left_out(void **state)
{
    (void)state;
    enum { MANY = 200 };
    static struct yt_option rows[MANY];
    static char names[MANY][16];
    static int32_t values[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "option-%03d", i);
        rows[i] = (struct yt_option){
            names[i], 0, YT_OPTION_INT, "N", &values[i], 0, 0, "Help."};
    }
    for (int i = 0; i < MANY; i++) {
        char program[] = "test", word[32];
        snprintf(word, sizeof word, "--option-%03d=%d", i, i + 1);
        char *argv[] = {program, word, NULL};
        int operand = 0;
        assert_int_equal(
            yt_options_parse(&manual, rows, MANY, 2, argv, &operand), -1);
        assert_int_equal(values[i], i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(aliases_and_numbers_behind_are_read),
        cmocka_unit_test(units_are_understood),
        cmocka_unit_test(what_is_off_is_said),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(no_option_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
