/* YT_DUMP: texts of what is compiled, which change nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "codegen/codegen.h"

static char dir[] = "/tmp/yolotune-dump-XXXXXX";

static enum yt_status compile(const char *problem, const char *schedule,
                              struct yt_object *object)
{
    struct yt_problem p;
    struct yt_schedule s;
    assert_int_equal(yt_problem_parse(problem, &p), YT_OK);
    assert_int_equal(yt_schedule_parse(p.op, schedule, &s), YT_OK);
    return yt_codegen_compile(&p, &s, yt_isa_find("avx2"), object);
}

static const char pool[] = "maxpool-f32-16x1x1-r3";

/* Remove symbol.ending from the folder; 1 when it was there. */
static int taken(const struct yt_object *object, const char *ending)
{
    char path[YT_SYMBOL_MAX + 64];
    snprintf(path, sizeof path, "%s/%s.%s", dir, object->symbol, ending);
    return remove(path) == 0;
}

static void the_object_stays_the_same(void **state)
{
    (void)state;
    static const char *const kernels[][2] = {
        {"conv2d-f32-16x12x12-k32r3s1p1-silu-res", "direct-m4n2k2-t3p-hlc"},
        {"conv2d-f32-16x12x12-k32r3s2p1-silu", "direct-m6n2k8-t2c-g"},
        {"conv2d-f32-3x24x24-k16r6s2p2-silu", "direct-m5n1k3-t0p-il"},
        {"conv2d-f32-16x5x7-k21r1s1p0-lazy3", "lazy-m8k4-t2-h"},
        {"sppf-f32-16x5x5-r5", "rows-h"},
        {"decode-f32-a3c2-5x7-s8", "rows-k8-h"},
    };
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        struct yt_object plain;
        struct yt_object dumped;
        const char *const *k = kernels[i];
        unsetenv("YT_DUMP");
        assert_int_equal(compile(k[0], k[1], &plain), YT_OK);
        setenv("YT_DUMP", "ir,asm", 1);
        assert_int_equal(compile(k[0], k[1], &dumped), YT_OK);
        assert_int_equal(plain.size, dumped.size);
        assert_memory_equal(plain.bytes, dumped.bytes, plain.size);
        assert_true(taken(&plain, "ll") && taken(&plain, "s"));
        yt_object_deinit(&plain);
        yt_object_deinit(&dumped);
    }
    unsetenv("YT_DUMP");
}

static void kinds_are_words(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        int ir, assembly;
    } cases[] = {
        {"", 0, 0},  {"ir", 1, 0},     {"asm", 0, 1},
        {",", 0, 0}, {"asm,ir", 1, 1}, {"ir,,ir,", 1, 0},
    };
    struct yt_object object;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv("YT_DUMP", cases[i].list, 1);
        assert_int_equal(compile(pool, "rows-h", &object), YT_OK);
        assert_int_equal(taken(&object, "ll"), cases[i].ir);
        assert_int_equal(taken(&object, "s"), cases[i].assembly);
        yt_object_deinit(&object);
    }
    static const char *const unknown[] = {"IR", "first", "asmir", "ir;asm"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        setenv("YT_DUMP", unknown[i], 1);
        assert_int_equal(compile(pool, "rows-h", &object), YT_BAD_ARGUMENT);
        assert_non_null(strstr(yt_error(), unknown[i]));
    }
    unsetenv("YT_DUMP");
}

static void what_cannot_be_written_is_told(void **state)
{
    (void)state;
    struct yt_object object;
    setenv("YT_DUMP", "asm", 1);
    setenv("YT_DUMP_DIR", "/nowhere/at/all", 1);
    assert_int_equal(compile(pool, "rows-h", &object), YT_IO);
    assert_non_null(strstr(yt_error(), "/nowhere/at/all/yt_maxpool"));
    if (access("/dev/full", W_OK) == 0) {
        /* The text's name is a link to the device that is always full. */
        char path[YT_SYMBOL_MAX + 64];
        setenv("YT_DUMP_DIR", dir, 1);
        assert_int_equal(compile(pool, "rows-h", &object), YT_OK);
        assert_true(taken(&object, "s"));
        snprintf(path, sizeof path, "%s/%s.s", dir, object.symbol);
        assert_int_equal(symlink("/dev/full", path), 0);
        yt_object_deinit(&object);
        assert_int_equal(compile(pool, "rows-h", &object), YT_IO);
        assert_non_null(strstr(yt_error(), "No space"));
        assert_int_equal(remove(path), 0);
    }
    setenv("YT_DUMP_DIR", dir, 1);
    unsetenv("YT_DUMP");
}

/* The command in the first lines makes the assembly from the IR. */
static void the_command_reproduces_the_assembly(void **state)
{
    (void)state;
    if (system("command -v llc-19 cmp >/dev/null") != 0) {
        print_message("llc-19 is not installed: skipped\n");
        skip();
    }
    struct yt_object object;
    setenv("YT_DUMP", "ir,asm", 1);
    assert_int_equal(compile("conv2d-f32-16x12x12-k32r3s1p1-silu-res",
                             "direct-m4n2k2-t3p-hl", &object),
                     YT_OK);
    unsetenv("YT_DUMP");
    char command[4 * YT_SYMBOL_MAX + 256];
    snprintf(command, sizeof command,
             "cd %s && head -1 %s.ll | grep -q 'res direct-m4n2k2-t3p-hl avx2' "
             "&& tail -n +3 %s.s >ours && sh -c \"$(sed -n '2s/^; //p' %s.ll)\""
             " && cmp ours %s.s",
             dir, object.symbol, object.symbol, object.symbol, object.symbol);
    assert_int_equal(system(command), 0);
    assert_true(taken(&object, "ll") && taken(&object, "s"));
    snprintf(command, sizeof command, "%s/ours", dir);
    assert_int_equal(remove(command), 0);
    yt_object_deinit(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_stays_the_same),
        cmocka_unit_test(kinds_are_words),
        cmocka_unit_test(what_cannot_be_written_is_told),
        cmocka_unit_test(the_command_reproduces_the_assembly),
    };
    if (!mkdtemp(dir) || setenv("YT_DUMP_DIR", dir, 1) != 0)
        return 1;
    const int failed = cmocka_run_group_tests_name("dump", tests, NULL, NULL);
    return rmdir(dir) == 0 ? failed : 1;
}
