/* `yolotune export` from end to end: what the exported library finds in a
 * picture is what the JIT finds in this process, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ground.h"
#include "eval/image.h"
#include "runtime/plan.h"
#include "tuner/build/engine.h"

#define BOXES_MAX 300

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/yt-cmd-export-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Run a shell command in the folder and keep what it prints. */
static int shell(const char *command, char *text, size_t text_bytes)
{
    char line[2048];
    snprintf(line, sizeof line, "cd '%s' && { %s; } 2>&1", folder, command);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    text[fread(text, 1, text_bytes - 1, pipe)] = 0;
    return pclose(pipe);
}

/* A file of the test data; skips when it is absent. */
static void find_data(const char *name, char *path, size_t path_bytes)
{
    const char *data = getenv("YOLOTUNE_TEST_DATA");
    if (data)
        snprintf(path, path_bytes, "%s/%s", data, name);
    else
        snprintf(path, path_bytes, "%s/../shared/data/%s",
                 getenv("YT_SOURCE_DIR"), name);
    if (access(path, R_OK) != 0) {
        print_message("skipped: there is no %s\n", path);
        skip();
    }
}

/* What the exported plan says the network computes with; NULL: f32. */
static struct yt_quantisation *exported_quantisation(const char *model)
{
    static char plan[1 << 20];
    struct yt_graph *graph = NULL;
    struct yt_quantisation *q = NULL;
    assert_int_equal(shell("cat out/plan.txt", plan, sizeof plan), 0);
    assert_int_equal(yt_graph_read(model, &graph), YT_OK);
    assert_int_equal(yt_plan_text_quantisation(graph, plan, &q), YT_OK);
    yt_graph_destroy(graph);
    return q;
}

/* What examples/detect_image prints about picture.ppm. @return boxes. */
static size_t expected_lines(const char *model, const struct yt_picture *p,
                             char *text, size_t text_bytes)
{
    struct yt_quantisation *q = exported_quantisation(model);
    char db[128];
    snprintf(db, sizeof db, "%s/results.db", folder);
    const struct yt_site_options site = {.db = db};
    const struct yt_engine_options options = {
        .h = 320, .w = 320, .threads = 2, .quantisation = q};
    struct ground ground = engine_open(&site, model, &options);
    struct yt_engine *engine = ground.engine;
    yt_quantisation_destroy(q);

    struct yt_model_info info;
    yt_model_describe(engine->model, &info);
    void *workspace =
        aligned_alloc(YT_ALIGN, (info.workspace_bytes + 63) / 64 * 64);
    assert_non_null(workspace);
    const struct yt_image image = {.pixels = p->rgb,
                                   .width = p->width,
                                   .height = p->height,
                                   .stride_bytes = (int64_t)p->width * 3,
                                   .format = YT_PIXEL_RGB};
    static struct yt_box boxes[BOXES_MAX];
    size_t count = 0, used = 0;
    assert_int_equal(yt_model_detect(engine->model, &image, NULL, workspace,
                                     info.workspace_bytes, boxes, BOXES_MAX,
                                     &count, NULL),
                     YT_OK);
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, text_bytes - used,
                                 "picture.ppm: %s %.9g %.9g %.9g %.9g %.9g\n",
                                 info.class_names[boxes[i].class_id],
                                 boxes[i].score, boxes[i].x0, boxes[i].y0,
                                 boxes[i].x1, boxes[i].y1);
        assert_true(used < text_bytes);
    }
    free(workspace);
    ground_close(&ground);
    return count;
}

static char text[65536], expected[65536];

/* Export @p model as "net" and compare. Calibration sees the picture. */
static size_t check_model(const char *model, const struct yt_picture *picture,
                          const char *precision)
{
    char path[128], command[1024];
    snprintf(path, sizeof path, "%s/picture.ppm", folder);
    assert_int_equal(yt_picture_save(picture, path), YT_OK);
    snprintf(command, sizeof command,
             "\"$YT_BUILD_DIR/yolotune\" export --model '%s' --imgsz 320 "
             "--threads 2 --db results.db --name net --out out %s && "
             "cc -std=c11 -O2 -DMODEL=net -Iout/include "
             "\"$YT_SOURCE_DIR/examples/detect_image/main.c\" "
             "out/lib/libnet.a -pthread -o product",
             model, precision);
    const int answer = shell(command, text, sizeof text);
    if (answer != 0)
        print_message("%s\n", text);
    assert_int_equal(answer, 0);
    const size_t count =
        expected_lines(model, picture, expected, sizeof expected);
    assert_int_equal(shell("./product picture.ppm", text, sizeof text), 0);
    assert_string_equal(text, expected);
    return count;
}

static void the_builtin_network_gives_the_same_boxes(void **state)
{
    (void)state;
    struct yt_picture picture;
    assert_int_equal(yt_picture_init(200, 150, &picture), YT_OK);
    for (int i = 0; i < 200 * 150 * 3; i++)
        picture.rgb[i] = (uint8_t)(i * 2654435761u >> 23);
    check_model("builtin:n", &picture, "");
    yt_picture_deinit(&picture);
}

/* Bytes that a library's constants take. */
static long constant_bytes(void)
{
    assert_int_equal(shell("sed -n 's/.*\"constants\": *\\([0-9]*\\).*/\\1/p' "
                           "out/manifest.json",
                           text, sizeof text),
                     0);
    return strtol(text, NULL, 10);
}

static void integers_give_the_same_boxes_from_fewer_bytes(void **state)
{
    (void)state;
    char model[512], image[512];
    find_data("weights/yolov5n.pt", model, sizeof model);
    find_data("images/bus.jpg", image, sizeof image);
    struct yt_picture picture;
    assert_int_equal(yt_picture_load(image, &picture), YT_OK);
    check_model(model, &picture, "");
    const long plain = constant_bytes();
    const size_t count = check_model(
        model, &picture, "--precision int8 --keep-fp32 model.24 --calib .");
    assert_true(count >= 3);
    assert_true(constant_bytes() > plain / 5 && constant_bytes() < plain / 2);
    assert_int_equal(shell("grep -q '\"precision\": \"mixed\"' "
                           "out/manifest.json && grep -q 'yolov5n in mixed' "
                           "out/include/net.h",
                           text, sizeof text),
                     0);
    yt_picture_deinit(&picture);
}

static void a_checkpoint_gives_the_same_boxes(void **state)
{
    (void)state;
    char model[512], image[512];
    find_data("weights/yolov5n.pt", model, sizeof model);
    find_data("images/bus.jpg", image, sizeof image);
    struct yt_picture picture;
    assert_int_equal(yt_picture_load(image, &picture), YT_OK);
    const size_t count = check_model(model, &picture, "");
    yt_picture_deinit(&picture);
    assert_true(count >= 3); /* people and a bus */
    assert_non_null(strstr(expected, ": person 0."));
    assert_non_null(strstr(expected, ": bus 0."));
}

/* A head without anchors is decoded by the product, in f32 and behind integers.
 */
static void heads_without_anchors_give_the_same_boxes(void **state)
{
    (void)state;
    char model[512];
    struct yt_picture picture;
    snprintf(model, sizeof model, "%s/tests/data/onnx/bins_late.onnx",
             getenv("YT_SOURCE_DIR"));
    assert_int_equal(yt_picture_init(200, 150, &picture), YT_OK);
    for (int i = 0; i < 200 * 150 * 3; i++)
        picture.rgb[i] = (uint8_t)(i * 2654435761u >> 23);
    assert_true(check_model(model, &picture, "") > 20);
    assert_true(check_model(model, &picture, "--precision int8 --calib .") >
                20);
    yt_picture_deinit(&picture);
}

static void bad_command_lines_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *says;
        int code;
    } bad[] = {
        {"", "--out", 2},
        {"--out d extra", "extra", 2},
        {"--out d --name 9x", "'9x'", 2},
        {"--out d --name math", "'math'", 2},
        {"--out d --model absent.pt --db x.db", "absent.pt", 3},
        {"--out results.db --db x.db --imgsz 64", "results.db", 2},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char command[256];
        snprintf(command, sizeof command,
                 "touch results.db; \"$YT_BUILD_DIR/yolotune\" export %s",
                 bad[i].arguments);
        const int answer = shell(command, text, sizeof text);
        if (answer != bad[i].code << 8 || !strstr(text, bad[i].says))
            print_message("export %s: %s\n", bad[i].arguments, text);
        assert_int_equal(answer, bad[i].code << 8);
        assert_non_null(strstr(text, bad[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_builtin_network_gives_the_same_boxes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_gives_the_same_boxes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            integers_give_the_same_boxes_from_fewer_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(
            heads_without_anchors_give_the_same_boxes, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_command_lines_are_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
