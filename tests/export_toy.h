/* A network small enough to read, for the tests of export/: letterbox to
 * 64x64, one 8x8 convolution, the same max-pool twice, one detection level of
 * two anchors and three classes. Its kernels are compiled by the system's C
 * compiler and run here from a shared object, as the JIT would run them. */

#ifndef YT_TEST_EXPORT_TOY_H
#define YT_TEST_EXPORT_TOY_H

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "export/export.h"
#include "runtime/bundle.h"
#include "runtime/decode.h"
#include "runtime/letterbox.h"
#include "runtime/nms.h"
#include "yolotune/runtime.h"

enum {
    TOY_SIDE = 64,
    TOY_WEIGHTS = 16 * 3 * 8 * 8,
    TOY_INPUT_BYTES = TOY_SIDE * TOY_SIDE * 3 * 4,
    TOY_HEAD_BYTES = 16 * 8 * 8 * 4,
    TOY_BLOB_BYTES = TOY_WEIGHTS * 4 + 64,
    TOY_IMAGE_W = 100,
    TOY_IMAGE_H = 70
};

struct toy {
    char folder[64]; /* all files of the test, removed at the end */
    _Alignas(YT_ALIGN) float blob[TOY_BLOB_BYTES / 4];
    const char *classes[3];
    struct yt_isa isa;
    struct yt_step steps[3];
    struct yt_plan plan;
    struct yt_object conv, pool;
    struct yt_export_kernel kernels[3];
    struct yt_export_input input;
    void *library;
    uint8_t pixels[TOY_IMAGE_H * TOY_IMAGE_W * 3];
};

/* Run a shell command in the toy's folder; its exit status. @p output NULL, or
 * what it printed, cut at @p output_bytes. */
static int toy_shell(const struct toy *toy, const char *command, char *output,
                     size_t output_bytes)
{
    char line[8192];
    snprintf(line, sizeof line, "cd '%s' && { %s; } 2>&1", toy->folder,
             command);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    char text[16384];
    const size_t length = fread(text, 1, sizeof text - 1, pipe);
    text[length] = 0;
    const int status = pclose(pipe);
    if (output) {
        const size_t kept = length < output_bytes ? length : output_bytes - 1;
        memcpy(output, text, kept);
        output[kept] = 0;
    } else if (status != 0) {
        print_message("%s\n%s\n", command, text);
    }
    return status;
}

static void *toy_read(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    void *bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    fclose(file);
    *size_out = (size_t)size;
    return bytes;
}

static void toy_step(struct yt_step *step, const char *name,
                     const char *problem, const char *schedule)
{
    memset(step, 0, sizeof *step);
    snprintf(step->name, sizeof step->name, "%s", name);
    snprintf(step->schedule, sizeof step->schedule, "%s", schedule);
    assert_int_equal(yt_problem_parse(problem, &step->problem), YT_OK);
    step->in = step->out = step->add = step->weights = step->bias = -1;
}

static void toy_plan(struct toy *toy)
{
    struct yt_plan *plan = &toy->plan;
    snprintf(plan->model, sizeof plan->model, "toy \"net\" v1 */ $() \\");
    toy->classes[0] = "cat";
    toy->classes[1] = "quote\" back\\slash ?\?/ tab\t */ // %s%n $(x) `x` '";
    toy->classes[2] = "\xc3\xa9l\xc3\xa9phant";
    toy->isa = *yt_isa_get(YT_ISA_SCALAR);
    plan->isa = &toy->isa;
    plan->h = plan->w = TOY_SIDE;
    plan->nc = 3;
    plan->classes = toy->classes;
    plan->threads = 2;

    toy_step(&plan->letterbox, "letterbox", "letterbox-f32-64x64", "c");
    plan->letterbox.kernel = yt_letterbox_c;
    plan->letterbox.tasks = TOY_SIDE;
    plan->letterbox.out = 0;

    const int64_t a = TOY_INPUT_BYTES, b = a + TOY_HEAD_BYTES;
    toy_step(&toy->steps[0], "model.0", "conv2d-f32-3x64x64-k16r8s8p0",
             "direct-toy");
    toy->steps[0].tasks = 8;
    toy->steps[0].in = 0;
    toy->steps[0].out = a;
    toy->steps[0].weights = 0;
    toy->steps[0].bias = TOY_WEIGHTS * 4;
    for (int i = 1; i < 3; i++) {
        toy_step(&toy->steps[i], i == 1 ? "model.1" : "model.2",
                 "maxpool-f32-16x8x8-r3", "rows-toy");
        toy->steps[i].tasks = 32;
        toy->steps[i].in = i == 1 ? a : b;
        toy->steps[i].out = i == 1 ? b : a;
    }
    plan->steps = toy->steps;
    plan->step_count = 3;

    struct yt_level *level = &plan->levels[0];
    level->head = a;
    level->h = level->w = 8;
    level->stride = 8;
    level->na = 2;
    /* Values that decimal digits would not all carry. */
    level->anchors[0][0] = 10.1f;
    level->anchors[0][1] = 13.0f;
    level->anchors[1][0] = 16.0f / 3;
    level->anchors[1][1] = 30.0f;
    toy_step(&level->decode, "decode.0", "decode-f32-a2c3-8x8-s8", "c");
    level->decode.kernel = yt_decode_c;
    level->decode.tasks = 2 * 8;
    plan->level_count = 1;

    toy_step(&plan->nms[0], "nms", "nms-f32-c3-n128", "c");
    plan->nms[0].kernel = yt_nms_c;
    plan->nms[0].tasks = 1;
    plan->nms_count = 1;
    plan->arena_bytes = b + TOY_HEAD_BYTES;
    plan->blob_bytes = TOY_BLOB_BYTES;
}

static void toy_object(const struct toy *toy, const char *symbol,
                       struct yt_object *object)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.o", toy->folder, symbol);
    memset(object, 0, sizeof *object);
    object->bytes = toy_read(path, &object->size);
    object->code_bytes = 123;
    snprintf(object->symbol, sizeof object->symbol, "%s", symbol);
}

/* Weights and an image that follow from @p seed. */
static struct toy *toy_create(uint32_t seed)
{
    struct toy *toy = aligned_alloc(YT_ALIGN, sizeof *toy);
    assert_non_null(toy);
    memset(toy, 0, sizeof *toy);
    snprintf(toy->folder, sizeof toy->folder, "/tmp/yt-export-XXXXXX");
    assert_non_null(mkdtemp(toy->folder));

    char command[4096];
    const char *source = getenv("YT_SOURCE_DIR");
    assert_non_null(source);
    snprintf(command, sizeof command,
             "for k in conv:TOY_CONV pool:TOY_POOL; do "
             "cc -std=c11 -O2 -fPIC -ffp-contract=off -fno-builtin -D${k#*:} "
             "-I'%s' -c '%s/tests/toy_kernels.c' -o toy_${k%%:*}.o || exit 1; "
             "done; cc -shared -o toy.so toy_conv.o toy_pool.o",
             source, source);
    assert_int_equal(toy_shell(toy, command, NULL, 0), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/toy.so", toy->folder);
    toy->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(toy->library);
    toy_plan(toy);
    toy_object(toy, "toy_conv", &toy->conv);
    toy_object(toy, "toy_pool", &toy->pool);
    *(void **)&toy->steps[0].kernel = dlsym(toy->library, "toy_conv");
    *(void **)&toy->steps[1].kernel = dlsym(toy->library, "toy_pool");
    toy->steps[2].kernel = toy->steps[1].kernel;
    assert_non_null(toy->steps[0].kernel);
    assert_non_null(toy->steps[1].kernel);

    uint32_t random = seed;
    for (int i = 0; i < TOY_WEIGHTS + 16; i++) {
        toy->blob[i] =
            ((float)(yt_random_lcg(&random) >> 8) / (1 << 24) - 0.5f) * 0.004f;
    }
    for (size_t i = 0; i < sizeof toy->pixels; i++) {
        toy->pixels[i] = (uint8_t)(yt_random_lcg(&random) >> 24);
    }

    toy->kernels[0] = (struct yt_export_kernel){"toy_conv", &toy->conv};
    toy->kernels[1] = (struct yt_export_kernel){"toy_pool", &toy->pool};
    toy->kernels[2] = toy->kernels[1];
    toy->input = (struct yt_export_input){
        .plan = &toy->plan,
        .blob = toy->blob,
        .letterbox = {"yt_letterbox_c", NULL},
        .nms = {{"yt_nms_c", NULL}},
        .steps = toy->kernels,
        .decode = {{"yt_decode_c", NULL}},
        .name = "toy",
        .model_format = "built-in",
        .model_hash = "0123456789abcdef",
        .plan_text = "plan toy\n",
        .llvm_version = "19.1.7",
        .generator_version = "g1",
    };
    return toy;
}

static void toy_destroy(struct toy *toy)
{
    char command[96];
    dlclose(toy->library);
    free(toy->conv.bytes);
    free(toy->pool.bytes);
    snprintf(command, sizeof command, "rm -rf '%s'", toy->folder);
    assert_int_equal(system(command), 0);
    free(toy);
}

/* Export to FOLDER/@p name. */
static enum yt_status toy_export(const struct toy *toy, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", toy->folder, name);
    return yt_export_write(&toy->input, path);
}

#endif
