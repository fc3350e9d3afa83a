/* Objects and the JIT: what is compiled runs, more than once, from more than
 * one place, and says what it is when asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "codegen/codegen.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One of each generator, and everything a convolution's epilogue can do. */
static const char *const problems[] = {
    "conv2d-f32-16x5x7-k20r3s1p1-silu",
    "conv2d-f32-3x12x12-k16r6s2p2-silu",
    "conv2d-f32-16x4x4-k16r1s1p0-silu-up2",
    "conv2d-f32-16x5x7-k16r3s1p1-silu-res",
    "conv2d-f32-16x5x7-k21r1s1p0-lazy3",
    "sppf-f32-16x5x5-r5",
    "maxpool-f32-16x5x5-r3",
    "upsample-f32-16x2x3",
    "letterbox-f32-64x64",
    "decode-f32-a3c2-5x7-s8",
    "nms-f32-c80-n1000",
};

static const struct yt_isa *best_isa(void)
{
    return yt_isa_best(yt_cpu_features());
}

static struct yt_object compile(const char *name, const struct yt_isa *isa)
{
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_object object;
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    yt_schedule_default(&p, isa, &s);
    if (p.op == YT_OP_CONV2D && p.u.conv2d.lazy)
        s.algo = YT_ALGO_LAZY, s.launder = 0;
    if (yt_codegen_compile(&p, &s, isa, &object) != YT_OK)
        fail_msg("%s on %s: %s", name, isa->name, yt_error());
    return object;
}

/* ------------------------------------------------------------- objects */

/* Sections of an ELF64 file in memory. */
static const Elf64_Shdr *section(const struct yt_object *object, int i)
{
    const Elf64_Ehdr *header = object->bytes;
    assert_in_range(i, 0, header->e_shnum - 1);
    return (const Elf64_Shdr *)((const char *)object->bytes + header->e_shoff) +
           i;
}

static void check_symbols(const struct yt_object *object)
{
    const Elf64_Ehdr *header = object->bytes;
    const char *base = object->bytes;
    assert_memory_equal(header->e_ident, ELFMAG, SELFMAG);
    assert_int_equal(header->e_type, ET_REL);
    int defined = 0;
    for (int i = 0; i < header->e_shnum; i++) {
        const Elf64_Shdr *table = section(object, i);
        if (table->sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(base + table->sh_offset);
        const char *names =
            base + section(object, (int)table->sh_link)->sh_offset;
        for (size_t j = 1; j < table->sh_size / sizeof *symbols; j++) {
            const char *name = names + symbols[j].st_name;
            if (symbols[j].st_shndx == SHN_UNDEF)
                fail_msg("%s needs '%s'", object->symbol, name);
            if (ELF64_ST_BIND(symbols[j].st_info) != STB_LOCAL) {
                assert_string_equal(name, object->symbol);
                defined++;
            }
        }
    }
    assert_int_equal(defined, 1);
}

/* An export links objects as they are, so nothing may be missing, on any ISA,
 * also one that this machine lacks. */
static void objects_define_one_symbol_and_need_none(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++)
        for (size_t j = 0; j < COUNT(problems); j++) {
            struct yt_object object =
                compile(problems[j], yt_isa_get((enum yt_isa_id)i));
            check_symbols(&object);
            assert_true(object.code_bytes > 0 &&
                        object.code_bytes < object.size);
            yt_object_deinit(&object);
            assert_null(object.bytes);
        }
}

static void compiling_twice_gives_the_same_bytes(void **state)
{
    (void)state;
    for (size_t j = 0; j < COUNT(problems); j++) {
        struct yt_object a = compile(problems[j], best_isa());
        struct yt_object b = compile(problems[j], best_isa());
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.bytes, b.bytes, a.size);
        yt_object_deinit(&a);
        yt_object_deinit(&b);
    }
}

static void what_does_not_apply_is_refused(void **state)
{
    (void)state;
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_object object = {.size = 77};
    assert_int_equal(yt_problem_parse("conv2d-f32-16x5x7-k20r3s1p1", &p),
                     YT_OK);
    assert_int_equal(yt_schedule_parse(YT_OP_CONV2D, "direct-m8n1k1-t0p-h", &s),
                     YT_OK);
    assert_int_equal(yt_codegen_compile(&p, &s, yt_isa_find("avx512"), &object),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "direct-m8n1k1-t0p-h"));
    p.u.conv2d.pad = 3;
    assert_int_equal(yt_codegen_compile(&p, &s, yt_isa_find("avx512"), &object),
                     YT_BAD_ARGUMENT);
    assert_int_equal(object.size, 77);
}

/* ----------------------------------------------------------------- JIT */

/* A max-pool of one pixel is a copy of it. */
static float run_pool(yt_kernel_fn kernel, float value)
{
    _Alignas(64) float in[16];
    _Alignas(64) float out[16] = {0};
    for (int i = 0; i < 16; i++)
        in[i] = value;
    const struct yt_args args = {.in = in, .out = out};
    kernel(&args, 0, 1);
    return out[0];
}

static const char copy_pixel[] = "maxpool-f32-16x1x1-r3";

static void a_symbol_is_added_once(void **state)
{
    (void)state;
    struct yt_jit *jit;
    struct yt_object a = compile(copy_pixel, best_isa());
    struct yt_object b = compile(copy_pixel, best_isa());
    yt_kernel_fn first = NULL;
    yt_kernel_fn second = NULL;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_jit_add(jit, &a, &first), YT_OK);
    assert_int_equal(yt_jit_add(jit, &b, &second), YT_OK);
    assert_true(first == second);
    yt_object_deinit(&a);
    yt_object_deinit(&b);
    /* The JIT keeps what it needs of the bytes. */
    assert_true(run_pool(first, 3.5f) == 3.5f);
    yt_jit_destroy(jit);
}

static void two_jits_do_not_share(void **state)
{
    (void)state;
    struct yt_jit *jit[2];
    struct yt_object object = compile(copy_pixel, best_isa());
    yt_kernel_fn kernel[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yt_jit_create(&jit[i]), YT_OK);
        assert_int_equal(yt_jit_add(jit[i], &object, &kernel[i]), YT_OK);
    }
    assert_true(kernel[0] != kernel[1]);
    yt_jit_destroy(jit[0]);
    assert_true(run_pool(kernel[1], -2) == -2);
    yt_jit_destroy(jit[1]);
    yt_jit_destroy(NULL);
    yt_object_deinit(&object);
}

static void bytes_that_are_no_object_are_refused(void **state)
{
    (void)state;
    struct yt_jit *jit;
    struct yt_object object = compile(copy_pixel, best_isa());
    yt_kernel_fn kernel = NULL;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    memset(object.bytes, 'x', object.size);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_COMPILE);
    assert_null(kernel);
    yt_jit_destroy(jit);
    yt_object_deinit(&object);
}

static void probes_run(void **state)
{
    (void)state;
    struct yt_jit *jit;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    void *memory = aligned_alloc(64, YT_PROBE_READ_BYTES);
    assert_non_null(memory);
    memset(memory, 0, YT_PROBE_READ_BYTES);
    _Alignas(64) float out[16];
    for (int i = 0; i <= YT_DTYPE_COUNT; i++) {
        const int dot = i < YT_DTYPE_COUNT;
        const enum yt_dtype dtype = dot ? (enum yt_dtype)i : YT_DTYPE_F32;
        if (!yt_isa_computes(best_isa(), dtype))
            continue;
        struct yt_object object;
        yt_kernel_fn kernel;
        assert_int_equal(yt_codegen_probe(dot ? YT_PROBE_DOT : YT_PROBE_READ,
                                          dtype, best_isa(), &object),
                         YT_OK);
        check_symbols(&object);
        assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
        memset(out, 0xff, sizeof out);
        const struct yt_args args = {.in = memory, .out = out};
        kernel(&args, 0, 1);
        for (int32_t lane = 0; lane < best_isa()->lanes; lane++)
            assert_true(out[lane] == out[lane]);
        yt_object_deinit(&object);
    }
    free(memory);
    yt_jit_destroy(jit);
}

/* ------------------------------------------------------------- looking in */

static char *read_file(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    if (!f || !text) {
        fail_msg("%s was not written", path);
        return NULL;
    }
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    remove(path);
    return text;
}

static void dumps_are_written_where_asked(void **state)
{
    (void)state;
    char dir[] = "/tmp/yolotune-dump-XXXXXX";
    assert_non_null(mkdtemp(dir));
    setenv("YT_DUMP_DIR", dir, 1);
    struct yt_object object = compile(copy_pixel, best_isa());
    assert_int_equal(rmdir(dir), 0); /* nothing without YT_DUMP */
    yt_object_deinit(&object);

    assert_int_equal(mkdir(dir, 0700), 0);
    setenv("YT_DUMP", "ir,asm", 1);
    object = compile(copy_pixel, best_isa());
    unsetenv("YT_DUMP");
    unsetenv("YT_DUMP_DIR");
    char name[YT_SYMBOL_MAX + 8];
    snprintf(name, sizeof name, "%s.ll", object.symbol);
    char *ir = read_file(dir, name);
    snprintf(name, sizeof name, "%s.s", object.symbol);
    char *assembly = read_file(dir, name);
    char define[YT_SYMBOL_MAX + 8];
    snprintf(define, sizeof define, "@%s(", object.symbol);
    assert_non_null(strstr(ir, define));
    assert_non_null(strstr(ir, "task_body:"));
    snprintf(define, sizeof define, "%s:", object.symbol);
    assert_non_null(strstr(assembly, define));
    assert_int_equal(rmdir(dir), 0);
    free(ir);
    free(assembly);
    yt_object_deinit(&object);
}

/* In a child, so that the map carries an id of its own. */
static int write_perf_map(void)
{
    struct yt_jit *jit;
    yt_kernel_fn kernel;
    struct yt_object object = compile(copy_pixel, best_isa());
    setenv("YT_PERF", "1", 1);
    if (yt_jit_create(&jit) || yt_jit_add(jit, &object, &kernel) ||
        yt_jit_add(jit, &object, &kernel))
        return 1;
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    FILE *f = fopen(path, "r");
    if (!f)
        return 2;
    char text[2 * YT_SYMBOL_MAX + 64];
    const size_t length = fread(text, 1, sizeof text - 1, f);
    text[length] = 0;
    fclose(f);
    remove(path);
    void *code;
    memcpy(&code, &kernel, sizeof code);
    char line[sizeof text];
    snprintf(line, sizeof line, "%llx %x %s\n",
             (unsigned long long)(uintptr_t)code, object.code_bytes,
             object.symbol);
    return strcmp(text, line) == 0 ? 0 : 3;
}

static void perf_gets_a_line_for_each_kernel(void **state)
{
    (void)state;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(write_perf_map());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void versions_are_told(void **state)
{
    (void)state;
    int major, minor, patch;
    assert_int_equal(
        sscanf(yt_codegen_llvm_version(), "%d.%d.%d", &major, &minor, &patch),
        3);
    assert_int_equal(major, 19);
    assert_true(strlen(yt_codegen_version()) > 0);
}

int main(void)
{
    unsetenv("YT_DUMP");
    unsetenv("YT_PERF");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_define_one_symbol_and_need_none),
        cmocka_unit_test(compiling_twice_gives_the_same_bytes),
        cmocka_unit_test(what_does_not_apply_is_refused),
        cmocka_unit_test(a_symbol_is_added_once),
        cmocka_unit_test(two_jits_do_not_share),
        cmocka_unit_test(bytes_that_are_no_object_are_refused),
        cmocka_unit_test(probes_run),
        cmocka_unit_test(dumps_are_written_where_asked),
        cmocka_unit_test(perf_gets_a_line_for_each_kernel),
        cmocka_unit_test(versions_are_told),
    };
    return cmocka_run_group_tests_name("jit", tests, NULL, NULL);
}
