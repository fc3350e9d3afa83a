/* Exports as products see them: what links, what shows, and that the boxes are
 * those of the plan run in this process, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <jansson.h>

#include "tests/export_toy.h"

#define STRICT "-std=c11 -O2 -Wall -Wextra -Wpedantic -Werror"

/* What examples/detect_image prints about the toy's image. */
static void expected_lines(const struct toy *toy, char *text, size_t text_bytes)
{
    const struct yt_bundle bundle = {&toy->plan, toy->blob};
    struct yt_model *model;
    assert_int_equal(yt_model_open(&bundle, NULL, &model), YT_OK);
    struct yt_model_info info;
    yt_model_describe(model, &info);
    void *workspace =
        aligned_alloc(YT_ALIGN, (info.workspace_bytes + 63) / 64 * 64);
    const struct yt_image image = {.pixels = toy->pixels,
                                   .width = TOY_IMAGE_W,
                                   .height = TOY_IMAGE_H,
                                   .stride_bytes = TOY_IMAGE_W * 3,
                                   .format = YT_PIXEL_RGB};
    static struct yt_box boxes[300];
    size_t count;
    assert_int_equal(yt_model_detect(model, &image, NULL, workspace,
                                     info.workspace_bytes, boxes, 300, &count,
                                     NULL),
                     YT_OK);
    /* Enough for a difference to show. */
    assert_true(count >= 3);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, text_bytes - used,
                                 "toy.ppm: %s %.9g %.9g %.9g %.9g %.9g\n",
                                 toy->classes[boxes[i].class_id],
                                 boxes[i].score, boxes[i].x0, boxes[i].y0,
                                 boxes[i].x1, boxes[i].y1);
        assert_true(used < text_bytes);
    }
    free(workspace);
    yt_model_close(model);
}

static void write_image(const struct toy *toy)
{
    char path[128];
    snprintf(path, sizeof path, "%s/toy.ppm", toy->folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "P6\n# noise\n%d %d\n255\n", TOY_IMAGE_W, TOY_IMAGE_H);
    fwrite(toy->pixels, 1, sizeof toy->pixels, file);
    assert_int_equal(fclose(file), 0);
}

static char expected[16384];

static int setup(void **state)
{
    struct toy *toy = toy_create(1);
    *state = toy;
    write_image(toy);
    expected_lines(toy, expected, sizeof expected);
    /* Exported, then moved: nothing in it may know where it was made. */
    enum yt_status status = toy_export(toy, "parent/made");
    if (status != YT_OK)
        print_message("%s\n", yt_error());
    assert_int_equal(status, YT_OK);
    assert_int_equal(
        toy_shell(toy, "mv parent/made out && rmdir parent", NULL, 0), 0);
    return 0;
}

static int teardown(void **state)
{
    toy_destroy(*state);
    return 0;
}

/* Run a program on the image and compare what it prints. */
static void check_program(const struct toy *toy, const char *program)
{
    char text[16384], command[256];
    snprintf(command, sizeof command, "%s toy.ppm", program);
    assert_int_equal(toy_shell(toy, command, text, sizeof text), 0);
    assert_string_equal(text, expected);
}

/* Skip when a program is not installed. */
static void need(const struct toy *toy, const char *program)
{
    char command[64], text[64];
    snprintf(command, sizeof command, "command -v %s", program);
    if (toy_shell(toy, command, text, sizeof text) != 0) {
        print_message("skipped: there is no %s\n", program);
        skip();
    }
}

static void plain_cc_links_the_archive(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(toy_shell(toy,
                               "cc " STRICT " -DMODEL=toy -Iout/include "
                               "$YT_SOURCE_DIR/examples/detect_image/main.c "
                               "out/lib/libtoy.a -pthread -o with_cc",
                               NULL, 0),
                     0);
    check_program(toy, "./with_cc");
}

static void pkg_config_links_the_shared_library(void **state)
{
    const struct toy *toy = *state;
    need(toy, "pkg-config");
    assert_int_equal(
        toy_shell(toy,
                  "export PKG_CONFIG_PATH=$PWD/out/lib/pkgconfig && "
                  "cc " STRICT " -DMODEL=toy "
                  "$YT_SOURCE_DIR/examples/detect_image/main.c "
                  "$(pkg-config --cflags --libs toy) -Wl,-rpath,$PWD/out/lib "
                  "-o with_pc && readelf -d with_pc | grep -q libtoy.so",
                  NULL, 0),
        0);
    check_program(toy, "./with_pc");
}

static void cmake_finds_both_libraries(void **state)
{
    const struct toy *toy = *state;
    need(toy, "cmake");
    for (int shared = 0; shared < 2; shared++) {
        char command[512];
        snprintf(command, sizeof command,
                 "cmake -S $YT_SOURCE_DIR/examples/detect_image -B cmake%d "
                 "-DCMAKE_PREFIX_PATH=$PWD/out -DMODEL=toy "
                 "-DBUILD_SHARED_LIBS=%s && cmake --build cmake%d && "
                 "readelf -d cmake%d/detect_image >dynamic && "
                 "%s grep -q libtoy.so dynamic",
                 shared, shared ? "ON" : "OFF", shared, shared,
                 shared ? "" : "!");
        assert_int_equal(toy_shell(toy, command, NULL, 0), 0);
        snprintf(command, sizeof command, "cmake%d/detect_image", shared);
        check_program(toy, command);
    }
}

/* The headers in a language where a struct's name is a type's, and a function
 * of that name hides it. */
static void check_cplusplus(const struct toy *toy, const char *compiler,
                            const char *source, const char *library)
{
    char command[512];
    need(toy, compiler);
    snprintf(command, sizeof command,
             "%s -std=c++17 -O1 -Wall -Wextra -Wshadow -Wpedantic -Werror "
             "-Iout/include $YT_SOURCE_DIR/tests/%s "
             "out/lib/libtoy.%s -pthread -Wl,-rpath,$PWD/out/lib -o with_cpp",
             compiler, source, library);
    assert_int_equal(toy_shell(toy, command, NULL, 0), 0);
    check_program(toy, "./with_cpp");
}

static void gnu_cplusplus_links_and_runs(void **state)
{
    check_cplusplus(*state, "g++", "export_cpp.cc", "a");
    check_cplusplus(*state, "g++", "export_cpp.cc", "so");
    check_cplusplus(*state, "g++", "export_hpp.cc", "a");
}

static void clang_cplusplus_links_and_runs(void **state)
{
    check_cplusplus(*state, "clang++-19", "export_cpp.cc", "a");
    check_cplusplus(*state, "clang++-19", "export_cpp.cc", "so");
    check_cplusplus(*state, "clang++-19", "export_hpp.cc", "a");
}

static const char api[] =
    "toy_batch_close\ntoy_batch_detect\ntoy_batch_info\ntoy_batch_open\n"
    "toy_close\ntoy_detect\ntoy_error\ntoy_info\ntoy_open\n"
    "toy_status_name\n";

static void only_the_api_is_visible(void **state)
{
    const struct toy *toy = *state;
    char text[4096];
    toy_shell(toy,
              "nm -g --defined-only --format=posix out/lib/libtoy.a | "
              "grep -v : | cut -d' ' -f1 | LC_ALL=C sort",
              text, sizeof text);
    assert_string_equal(text, api);
    toy_shell(toy,
              "nm -D --defined-only --format=posix out/lib/libtoy.so | "
              "cut -d' ' -f1 | LC_ALL=C sort",
              text, sizeof text);
    assert_string_equal(text, api);
    /* What the archive asks of others is not ours. */
    toy_shell(toy,
              "nm -u --format=posix out/lib/libtoy.a | grep -E '^(yt_|toy)'",
              text, sizeof text);
    assert_string_equal(text, "");
}

static void only_libc_is_needed(void **state)
{
    const struct toy *toy = *state;
    char text[4096];
    /* ld-linux is libc's own half: __tls_get_addr lives there. */
    toy_shell(toy,
              "readelf -d out/lib/libtoy.so | grep NEEDED | "
              "grep -v -e '\\[libc\\.so\\.6\\]' -e '\\[libpthread\\.so\\.0\\]' "
              "-e '\\[ld-linux-x86-64\\.so\\.2\\]'",
              text, sizeof text);
    assert_string_equal(text, "");
    toy_shell(toy, "readelf -d out/lib/libtoy.so | grep -c 'soname.*libtoy.so'",
              text, sizeof text);
    assert_string_equal(text, "1\n");
    toy_shell(toy, "readelf -lW out/lib/libtoy.so | grep -c 'GNU_STACK.*RW '",
              text, sizeof text);
    assert_string_equal(text, "1\n");
}

static void no_path_of_the_build_remains(void **state)
{
    const struct toy *toy = *state;
    char text[4096];
    toy_shell(toy, "grep -rl -e \"$YT_SOURCE_DIR\" -e \"$PWD\" out", text,
              sizeof text);
    assert_string_equal(text, "");
    /* Nothing hidden stays behind either. */
    toy_shell(toy, "find out -name '.*' | grep -v '^out$'", text, sizeof text);
    assert_string_equal(text, "");
}

static void the_header_is_cplusplus_too(void **state)
{
    const struct toy *toy = *state;
    need(toy, "c++");
    assert_int_equal(
        toy_shell(toy,
                  "printf '#include \"toy.h\"\\nint main() { struct toy_model "
                  "*m = 0; toy_close(m); return toy_CLASSES != 3; }\\n' "
                  ">use.cpp && c++ -Wall -Wextra -Wpedantic -Werror "
                  "-Iout/include use.cpp out/lib/libtoy.a -pthread -o with_cxx "
                  "&& ./with_cxx",
                  NULL, 0),
        0);
}

static void the_documented_example_builds(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(
        toy_shell(toy,
                  "sed -n '/^```c$/,/^```$/p' $YT_SOURCE_DIR/docs/EXPORT.md | "
                  "sed -e '/^```/d' -e s/yolov5n/toy/g >documented.c && "
                  "printf 'int main(void) { static uint8_t rgb[70 * 100 * 3]; "
                  "return count_objects(rgb, 100, 70) < 0; }\\n' "
                  ">>documented.c && cc -std=c11 -O2 -Wall -Wextra -Wpedantic "
                  "-Werror -Iout/include documented.c out/lib/libtoy.a "
                  "-pthread -o documented && ./documented",
                  NULL, 0),
        0);
}

static void two_exports_share_a_program(void **state)
{
    struct toy *toy = *state;
    struct toy *other = toy_create(77);
    other->input.name = "other";
    char command[1024], *both = malloc(2 * sizeof expected);
    static char text[2 * sizeof expected];
    assert_non_null(both);
    memcpy(other->pixels, toy->pixels, sizeof toy->pixels);
    strcpy(both, expected);
    expected_lines(other, both + strlen(both), sizeof expected);
    assert_string_not_equal(both + strlen(expected), expected);

    assert_int_equal(toy_export(other, "out"), YT_OK);
    snprintf(command, sizeof command,
             "for link in '%s/out/lib/libother.a out/lib/libtoy.a' "
             "'-L%s/out/lib -Lout/lib -lother -ltoy "
             "-Wl,-rpath,%s/out/lib:'$PWD/out/lib; do cc " STRICT
             " -D_GNU_SOURCE -Iout/include -I%s/out/include "
             "$YT_SOURCE_DIR/tests/export_two.c $link -pthread -o two || "
             "exit 1; ./two toy.ppm %d %d >>two.txt || exit 1; done",
             other->folder, other->folder, other->folder, other->folder,
             TOY_IMAGE_W, TOY_IMAGE_H);
    assert_int_equal(toy_shell(toy, command, NULL, 0), 0);
    toy_shell(toy, "head -n $(($(wc -l <two.txt) / 2)) two.txt", text,
              sizeof text);
    assert_string_equal(text, both);
    toy_shell(toy, "tail -n $(($(wc -l <two.txt) / 2)) two.txt", text,
              sizeof text);
    assert_string_equal(text, both);
    free(both);
    toy_destroy(other);
}

static void batches_give_the_same_boxes(void **state)
{
    const struct toy *toy = *state;
    char command[512];
    snprintf(command, sizeof command,
             "for library in out/lib/libtoy.a '-Lout/lib -ltoy "
             "-Wl,-rpath,'$PWD/out/lib; do cc " STRICT
             " -D_GNU_SOURCE -Iout/include $YT_SOURCE_DIR/tests/export_batch.c "
             "$library -pthread -o batch && ./batch toy.ppm %d %d || exit 1; "
             "done",
             TOY_IMAGE_W, TOY_IMAGE_H);
    assert_int_equal(toy_shell(toy, command, NULL, 0), 0);
}

static void the_same_plan_gives_the_same_bytes(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(toy_export(toy, "again"), YT_OK);
    assert_int_equal(toy_shell(toy, "diff -r out again", NULL, 0), 0);
    /* And over itself. */
    assert_int_equal(toy_export(toy, "again"), YT_OK);
    assert_int_equal(toy_shell(toy, "diff -r out again", NULL, 0), 0);
}

static void the_name_follows_the_model(void **state)
{
    struct toy *toy = *state;
    toy->input.name = NULL;
    enum yt_status status = toy_export(toy, "named");
    toy->input.name = "toy";
    assert_int_equal(status, YT_OK);
    assert_int_equal(
        toy_shell(toy,
                  "test -s named/lib/libtoy_net_v1.a && "
                  "test -s named/lib/libtoy_net_v1.so && "
                  "test -s named/lib/pkgconfig/toy_net_v1.pc && "
                  "test -s named/lib/cmake/toy_net_v1/toy_net_v1Config.cmake "
                  "&& grep -q 'toy_net_v1_detect' named/include/toy_net_v1.h",
                  NULL, 0),
        0);
}

/* A file of the export has so many bytes. */
static void assert_size(const struct toy *toy, const char *name, int bytes)
{
    char path[128];
    struct stat info;
    snprintf(path, sizeof path, "%s/out/lib/%s", toy->folder, name);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(bytes, info.st_size);
}

static void the_manifest_says_what_it_was_built_from(void **state)
{
    const struct toy *toy = *state;
    char path[128], plan[64];
    snprintf(path, sizeof path, "%s/out/manifest.json", toy->folder);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    assert_non_null(root);
    const char *name, *model, *hash, *isa, *llvm, *generator, *compiler;
    int format, width, height, threads, archive, shared, constants;
    json_t *layers, *kernels, *classes;
    assert_int_equal(
        json_unpack(root,
                    "{s:i, s:s, s:{s:s, s:s}, s:{s:i, s:i}, s:o, s:s, s:i,"
                    " s:{s:s, s:s, s:s}, s:{s:i, s:i, s:i}, s:o, s:o}",
                    "format", &format, "name", &name, "model", "name", &model,
                    "hash", &hash, "input", "width", &width, "height", &height,
                    "classes", &classes, "isa", &isa, "threads", &threads,
                    "built_with", "llvm", &llvm, "generator", &generator,
                    "compiler", &compiler, "bytes", "archive", &archive,
                    "shared", &shared, "constants", &constants, "layers",
                    &layers, "kernels", &kernels),
        0);
    assert_int_equal(format, 1);
    assert_string_equal(name, "toy");
    assert_string_equal(model, toy->plan.model);
    assert_string_equal(hash, "0123456789abcdef");
    assert_string_equal(isa, "scalar");
    assert_string_equal(llvm, "19.1.7");
    assert_string_equal(generator, "g1");
    assert_true(strlen(compiler) > 0);
    assert_int_equal(width, 64);
    assert_int_equal(height, 64);
    assert_int_equal(threads, 2);
    assert_int_equal(constants, TOY_BLOB_BYTES);
    assert_size(toy, "libtoy.a", archive);
    assert_size(toy, "libtoy.so", shared);

    assert_int_equal(json_array_size(classes), 3);
    assert_string_equal(json_string_value(json_array_get(classes, 1)),
                        toy->classes[1]);
    /* Letterbox, three steps, decode, IoU; two kernels are compiled ones. */
    assert_int_equal(json_array_size(layers), 6);
    json_t *pool = json_array_get(layers, 3);
    assert_string_equal(json_string_value(json_object_get(pool, "problem")),
                        "maxpool-f32-16x8x8-r3");
    assert_string_equal(json_string_value(json_object_get(pool, "schedule")),
                        "rows-toy");
    assert_string_equal(json_string_value(json_object_get(pool, "symbol")),
                        "toy_pool");
    assert_int_equal(json_object_size(kernels), 2);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(kernels, "toy_pool"), "object_bytes")),
                     toy->pool.size);
    json_decref(root);

    toy_shell(toy, "cat out/plan.txt", plan, sizeof plan);
    assert_string_equal(plan, "plan toy\n");
}

static void another_cpu_is_refused_at_open(void **state)
{
    struct toy *toy = *state;
    toy->isa.needs = UINT32_C(1) << 31; /* of a CPU still to be invented */
    enum yt_status status = toy_export(toy, "wrong");
    toy->isa.needs = 0;
    assert_int_equal(status, YT_OK);
    char text[4096];
    assert_int_not_equal(
        toy_shell(toy,
                  "cc " STRICT " -DMODEL=toy -Iwrong/include "
                  "$YT_SOURCE_DIR/examples/detect_image/main.c "
                  "wrong/lib/libtoy.a -pthread -o wrong_cpu || exit 9; "
                  "./wrong_cpu toy.ppm",
                  text, sizeof text),
        0);
    assert_non_null(strstr(text, "lacks"));
}

static void the_example_refuses_bad_pictures(void **state)
{
    const struct toy *toy = *state;
    assert_int_equal(toy_shell(toy,
                               "cc " STRICT " -DMODEL=toy -Iout/include "
                               "$YT_SOURCE_DIR/examples/detect_image/main.c "
                               "out/lib/libtoy.a -pthread -o strict_pictures",
                               NULL, 0),
                     0);
    static const struct {
        const char *make, *says;
    } bad[] = {
        {":", "No such file"},
        {"printf 'P5 1 1 255 x' >bad.ppm", "not a binary PPM"},
        {"printf 'P6 2 2 255\\nxyz' >bad.ppm", "cut short"},
        {"printf 'P6 99999999999 2 255\\nxyz' >bad.ppm", "not a binary PPM"},
        {"printf 'P6 40000 1 255\\n' >bad.ppm; "
         "head -c 120000 /dev/zero >>bad.ppm",
         "32768"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char command[256], text[1024];
        snprintf(command, sizeof command, "%s; ./strict_pictures bad.ppm",
                 bad[i].make);
        assert_int_not_equal(toy_shell(toy, command, text, sizeof text), 0);
        assert_non_null(strstr(text, bad[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_cc_links_the_archive),
        cmocka_unit_test(pkg_config_links_the_shared_library),
        cmocka_unit_test(cmake_finds_both_libraries),
        cmocka_unit_test(gnu_cplusplus_links_and_runs),
        cmocka_unit_test(clang_cplusplus_links_and_runs),
        cmocka_unit_test(only_the_api_is_visible),
        cmocka_unit_test(only_libc_is_needed),
        cmocka_unit_test(no_path_of_the_build_remains),
        cmocka_unit_test(the_header_is_cplusplus_too),
        cmocka_unit_test(the_documented_example_builds),
        cmocka_unit_test(two_exports_share_a_program),
        cmocka_unit_test(batches_give_the_same_boxes),
        cmocka_unit_test(the_same_plan_gives_the_same_bytes),
        cmocka_unit_test(the_name_follows_the_model),
        cmocka_unit_test(the_manifest_says_what_it_was_built_from),
        cmocka_unit_test(another_cpu_is_refused_at_open),
        cmocka_unit_test(the_example_refuses_bad_pictures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
