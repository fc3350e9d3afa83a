/* The lint on machine code, on code whose loops and stack accesses are known
 * because they are written here, in assembly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include "codegen/inspect.h"

/* An object whose text section is @p assembly. */
static struct yt_object assemble(const char *assembly)
{
    static const char triple[] = "x86_64-unknown-linux-gnu";
    struct yt_object object = {.symbol = "kernel"};
    char *message = NULL;
    LLVMTargetRef target;
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeX86Disassembler();
    assert_int_equal(LLVMGetTargetFromTriple(triple, &target, &message), 0);
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(
        target, triple, "x86-64", "+avx512f", LLVMCodeGenLevelDefault,
        LLVMRelocPIC, LLVMCodeModelSmall);
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("m", context);
    LLVMSetTarget(module, triple);
    LLVMSetModuleInlineAsm2(module, assembly, strlen(assembly));
    LLVMMemoryBufferRef buffer = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMObjectFile,
                                            &message, &buffer))
        fail_msg("%s", message);
    object.size = LLVMGetBufferSize(buffer);
    object.bytes = malloc(object.size);
    assert_non_null(object.bytes);
    memcpy(object.bytes, LLVMGetBufferStart(buffer), object.size);
    LLVMDisposeMemoryBuffer(buffer);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    LLVMDisposeTargetMachine(machine);
    return object;
}

#define HEAD  ".text\n.globl kernel\nkernel:\n"
#define SPILL "vmovups %zmm0, 64(%rsp)\n"
#define FAR   ".skip 200, 0x90\n" /* the branch needs 32 bits */

static const struct {
    const char *what, *code;
    uint32_t spills, total;
} cases[] = {
    {"straight code", HEAD SPILL "ret\n", 0, 1},
    {"one loop", HEAD SPILL "1: " SPILL SPILL "dec %rax\njne 1b\nret\n", 2, 3},
    {"a far branch", HEAD "1: " SPILL FAR "dec %rax\njne 1b\n" SPILL "ret\n", 1,
     2},
    {"a far jump", HEAD "1: " SPILL FAR "jmp 1b\n", 1, 1},
    {"an outer loop",
     HEAD "1: " SPILL "2: " SPILL "dec %rax\njne 2b\n" SPILL
          "dec %rbx\njne 1b\n"
          "ret\n",
     1, 3},
    {"two inner loops",
     HEAD "1: 2: " SPILL "jne 2b\n3: " SPILL SPILL "jne 3b\n" SPILL "jne 1b\n"
          "ret\n",
     3, 4},
    {"loops that overlap, each counted once",
     HEAD "1: " SPILL "2: " SPILL "jne 1b\n" SPILL "jne 2b\nret\n", 3, 3},
    {"a branch forward is no loop", HEAD "jne 1f\n" SPILL "1: ret\n", 0, 1},
    {"a folded reload", HEAD "1: vaddps (%rsp), %ymm1, %ymm2\njne 1b\nret\n", 1,
     1},
    {"integers and other memory",
     HEAD "1: mov %rax, 8(%rsp)\nvmovups %zmm0, 8(%rdi)\njne 1b\nret\n", 0, 0},
};

static void spills_are_counted_in_innermost_loops(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yt_object object = assemble(cases[i].code);
        assert_int_equal(yt_inspect_object(&object, yt_isa_get(YT_ISA_AVX512)),
                         YT_OK);
        if (object.spills != cases[i].spills ||
            object.spills_total != cases[i].total)
            fail_msg("%s: %u of %u spills in loops, not %u of %u",
                     cases[i].what, object.spills, object.spills_total,
                     cases[i].spills, cases[i].total);
        assert_true(object.code_bytes > 0);
        yt_object_deinit(&object);
    }
}

static void refuse(const char *code, const char *because)
{
    struct yt_object object = assemble(code);
    assert_int_equal(yt_inspect_object(&object, yt_isa_get(YT_ISA_AVX512)),
                     YT_COMPILE);
    if (!strstr(yt_error(), because))
        fail_msg("'%s' does not say '%s'", yt_error(), because);
    yt_object_deinit(&object);
}

static void what_cannot_be_vouched_for_is_refused(void **state)
{
    (void)state;
    /* 0x06 was PUSH ES; in 64-bit mode it is nothing. */
    refuse(HEAD "nop\n.byte 0x06\nret\n", "byte 1 of the kernel (0x06)");
    refuse(HEAD "call memcpy@PLT\nret\n", "'memcpy'");
    refuse(HEAD "lea table(%rip), %rax\nret\n", "'table'");
    struct yt_object object = assemble(HEAD "ret\n");
    memset(object.bytes, 'x', object.size);
    assert_int_equal(yt_inspect_object(&object, yt_isa_get(YT_ISA_AVX512)),
                     YT_COMPILE);
    yt_object_deinit(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spills_are_counted_in_innermost_loops),
        cmocka_unit_test(what_cannot_be_vouched_for_is_refused),
    };
    return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}
