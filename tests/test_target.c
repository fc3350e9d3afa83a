/* The words of targets, each compiled into a kernel of its own and compared
 * with plain C: what a row of runtime/isa.inc has, and the same word in plain
 * vector IR, on every instruction set that this CPU runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <llvm-c/TargetMachine.h>

#include "codegen/codegen.h"
#include "runtime/kernel.h"
#include "target_words.h"

/* ------------------------------------------------------------- kernels */

/* Only what tests of words need: no passes, nothing inspected. */
static struct yt_object finish(struct yt_emit *e, const char *symbol)
{
    struct yt_object object = {0};
    char triple[YT_TRIPLE_MAX];
    char *message = NULL;
    LLVMTargetRef target;
    LLVMMemoryBufferRef buffer;
    yt_emit_finish(e);
    yt_target_triple(e->isa, triple);
    assert_int_equal(LLVMGetTargetFromTriple(triple, &target, &message), 0);
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(
        target, triple, e->isa->llvm_cpu, e->isa->llvm_features,
        LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelSmall);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetTarget(e->module, triple);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, e->module, LLVMObjectFile,
                                            &message, &buffer))
        fail_msg("%s: %s", symbol, message);
    object.size = LLVMGetBufferSize(buffer);
    object.bytes = malloc(object.size);
    assert_non_null(object.bytes);
    memcpy(object.bytes, LLVMGetBufferStart(buffer), object.size);
    snprintf(object.symbol, sizeof object.symbol, "%s", symbol);
    LLVMDisposeMemoryBuffer(buffer);
    LLVMDisposeTargetMachine(machine);
    yt_emit_deinit(e);
    return object;
}

static yt_kernel_fn run_here(struct yt_jit *jit, struct yt_emit *e,
                             const char *symbol)
{
    yt_kernel_fn kernel = NULL;
    struct yt_object object = finish(e, symbol);
    if (yt_jit_add(jit, &object, &kernel) != YT_OK)
        fail_msg("%s: %s", symbol, yt_error());
    yt_object_deinit(&object);
    return kernel;
}

/* Task t reads its operands at in + t * OPERANDS_MAX * SLOT, as lanes. */
static yt_kernel_fn compile(struct yt_jit *jit, const struct yt_isa *isa,
                            const struct word *word, int is_plain)
{
    char symbol[64];
    struct yt_emit e;
    struct yt_loop task;
    LLVMValueRef v[OPERANDS_MAX];
    snprintf(symbol, sizeof symbol, "%s_%s_%d", word->name,
             is_plain ? "plain" : "best", isa->id);
    yt_emit_begin(&e, symbol, isa, "generic");
    if (is_plain)
        yt_words_plain(&e.words);
    LLVMValueRef args = yt_emit_param(&e, 0);
    LLVMValueRef in =
        yt_emit_field(&e, args, e.ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(&e, args, e.ptr, offsetof(struct yt_args, out), "out");
    yt_emit_for(&e, &task, "task", yt_emit_param(&e, 1), yt_emit_param(&e, 2),
                1, 0);
    in = yt_emit_index(&e, in, yt_emit_muli(&e, task.i, OPERANDS_MAX * SLOT));
    for (int i = 0; i < word->operands; i++)
        v[i] = yt_emit_load(&e, e.veci, yt_emit_at(&e, in, i * SLOT), 4);
    yt_emit_store(&e, word->emit(&e, v),
                  yt_emit_index(&e, out, yt_emit_muli(&e, task.i, SLOT)), 4);
    yt_emit_endfor(&e, &task);
    return run_here(jit, &e, symbol);
}

static int agrees(const struct word *word, float got, float want)
{
    const double error = fabs((double)got - (double)want);
    if (word->tolerance == 0)
        return bits_of(got) == bits_of(want) || got == want;
    return error <= word->tolerance * fabs((double)want);
}

static void check_word(const struct yt_isa *isa, const struct word *word,
                       int is_plain)
{
    static union vector in[TASKS][OPERANDS_MAX], out[TASKS];
    struct yt_jit *jit;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    random_state = 1;
    for (int t = 0; t < TASKS; t++)
        word->draw(isa, in[t]);
    const struct yt_args args = {.in = in, .out = out};
    compile(jit, isa, word, is_plain)(&args, 0, TASKS);
    for (int t = 0; t < TASKS; t++) {
        union vector want;
        word->expect(isa, in[t], &want);
        for (int i = 0; i < isa->lanes; i++)
            if (!agrees(word, out[t].f[i], want.f[i]))
                fail_msg("%s %s of %s: lane %d of task %d is 0x%08x (%g), not "
                         "0x%08x (%g)",
                         is_plain ? "plain" : "best", word->name, isa->name, i,
                         t, out[t].u[i], out[t].f[i], want.u[i], want.f[i]);
    }
    yt_jit_destroy(jit);
}

/* --------------------------------------------------------------- tests */

/* One round for each row that runs here. */
static int next_row(int *id, const struct yt_isa **isa)
{
    for (; *id < YT_ISA_COUNT; (*id)++) {
        *isa = yt_isa_get((enum yt_isa_id) * id);
        if (yt_isa_check(*isa, yt_cpu_features()) == YT_OK &&
            yt_codegen_check_host(*isa) == YT_OK) {
            (*id)++;
            return 1;
        }
        print_message("%s: not on this CPU\n", (*isa)->name);
    }
    return 0;
}

static void words_do_what_plain_c_does(void **state)
{
    (void)state;
    const struct yt_isa *isa;
    for (int id = 0; next_row(&id, &isa);)
        for (size_t i = 0; i < COUNT(words); i++)
            for (int is_plain = 0; is_plain < 2; is_plain++)
                check_word(isa, &words[i], is_plain);
}

/* A row that says it can has a word of its own, and one that has none must
 * not say so. */
static void capabilities_have_words(void **state)
{
    (void)state;
    struct yt_words plain;
    yt_words_plain(&plain);
    for (int id = 0; id < YT_ISA_COUNT; id++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
        struct yt_words own;
        yt_words_of(isa, &own);
        const struct {
            uint32_t can;
            int has;
        } pairs[] = {
            {YT_CAN_DOT16, own.dot_s16 != plain.dot_s16},
            {YT_CAN_BF16, own.dot_bf16 != plain.dot_bf16},
            {YT_CAN_BF16, own.to_bf16 != plain.to_bf16},
            {YT_CAN_LOOKUP, own.look_up != plain.look_up},
            {YT_CAN_LOOKUP, own.look_up_halves != plain.look_up_halves},
            {YT_CAN_SHUFFLE_BYTES,
             own.mul_round_halves != plain.mul_round_halves},
            {YT_CAN_SHUFFLE_BYTES, own.shuffle_bytes != plain.shuffle_bytes},
        };
        for (size_t i = 0; i < COUNT(pairs); i++)
            if (pairs[i].has != ((isa->can & pairs[i].can) != 0))
                fail_msg("%s: capability 0x%x and its word disagree", isa->name,
                         pairs[i].can);
        if (isa->can & YT_CAN_DOT8)
            assert_true(own.dot_u8s8 != plain.dot_u8s8);
    }
}

/* The first bytes change and no others, by masks or by halves. */
static void check_first_bytes(const struct yt_isa *isa, uint32_t can)
{
    struct yt_isa row = *isa;
    struct yt_emit e;
    struct yt_jit *jit;
    uint8_t in[SLOT], out[SLOT + 1];
    row.can = can;
    for (int i = 0; i < SLOT; i++)
        in[i] = (uint8_t)(i + 1);
    yt_emit_begin(&e, "first_bytes", &row, "generic");
    LLVMValueRef args = yt_emit_param(&e, 0);
    LLVMValueRef from =
        yt_emit_field(&e, args, e.ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef to =
        yt_emit_field(&e, args, e.ptr, offsetof(struct yt_args, out), "out");
    LLVMTypeRef bytes = yt_emit_elements(&e, YT_DTYPE_U8S8, 4 * isa->lanes);
    yt_emit_store_first(&e, yt_emit_load(&e, bytes, from, 1), to,
                        yt_emit_param(&e, 2));
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    yt_kernel_fn kernel = run_here(jit, &e, "first_bytes");
    const struct yt_args buffers = {.in = in, .out = out};
    for (int count = 0; count < 4 * isa->lanes; count++) {
        memset(out, 0, sizeof out);
        kernel(&buffers, 0, count);
        for (int i = 0; i <= SLOT; i++)
            assert_int_equal(out[i], i < count ? i + 1 : 0);
    }
    yt_jit_destroy(jit);
}

static void first_elements_are_stored_alone(void **state)
{
    (void)state;
    const struct yt_isa *isa;
    for (int id = 0; next_row(&id, &isa);) {
        check_first_bytes(isa, isa->can);
        check_first_bytes(isa, isa->can & ~(uint32_t)YT_CAN_MASK);
    }
}

static void every_row_has_a_target(void **state)
{
    (void)state;
    for (int id = 0; id < YT_ISA_COUNT; id++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
        const struct yt_target *target = yt_target_of(isa);
        char triple[YT_TRIPLE_MAX];
        yt_target_triple(isa, triple);
        assert_string_equal(target->arch, isa->arch);
        assert_memory_equal(triple, isa->arch, strlen(isa->arch));
        assert_int_equal(triple[strlen(isa->arch)], '-');
        for (int tune = 0; tune < YT_TUNE_COUNT; tune++)
            assert_non_null(target->tune_cpu[tune]);
        assert_true(isa->lanes <= LANES_MAX);
    }
}

static void another_architecture_is_refused(void **state)
{
    (void)state;
    struct yt_isa other = *yt_isa_get(YT_ISA_SCALAR);
    assert_string_equal(yt_isa_best(yt_cpu_features())->arch, yt_cpu_arch());
    other.arch = "m68k";
    other.needs = 0;
    assert_false(yt_isa_runs(&other, yt_cpu_features()));
    assert_int_equal(yt_isa_check(&other, yt_cpu_features()), YT_UNSUPPORTED);
    assert_non_null(strstr(yt_error(), "m68k"));
}

static void types_follow_capabilities(void **state)
{
    (void)state;
    for (int t = 0; t < YT_DTYPE_COUNT; t++) {
        const enum yt_dtype dtype = (enum yt_dtype)t;
        const struct yt_isa *first = yt_isa_that_computes(dtype);
        for (int id = 0; id < YT_ISA_COUNT; id++) {
            const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
            if (isa->id < first->id)
                assert_false(yt_isa_computes(isa, dtype));
            if (yt_isa_has_dot(isa, dtype))
                assert_true(yt_isa_computes(isa, dtype));
        }
        assert_true(yt_isa_computes(first, dtype));
    }
}

static int ready(void **state)
{
    (void)state;
    yt_targets_initialize();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_target),
        cmocka_unit_test(another_architecture_is_refused),
        cmocka_unit_test(types_follow_capabilities),
        cmocka_unit_test(capabilities_have_words),
        cmocka_unit_test(words_do_what_plain_c_does),
        cmocka_unit_test(first_elements_are_stored_alone),
    };
    return cmocka_run_group_tests_name("target", tests, ready, NULL);
}
