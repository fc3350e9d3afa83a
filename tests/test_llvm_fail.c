/* What LLVM says when it fails: one line of ours, never raw, and no process
 * ends without a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include "codegen/codegen.h"
#include "codegen/llvm_fail.h"

struct module {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
};

/* An open function `void f()`. */
static void begin(struct module *m)
{
    m->context = LLVMContextCreate();
    m->module = LLVMModuleCreateWithNameInContext("m", m->context);
    m->builder = LLVMCreateBuilderInContext(m->context);
    LLVMTypeRef type =
        LLVMFunctionType(LLVMVoidTypeInContext(m->context), NULL, 0, 0);
    LLVMValueRef f = LLVMAddFunction(m->module, "f", type);
    LLVMPositionBuilderAtEnd(
        m->builder, LLVMAppendBasicBlockInContext(m->context, f, "entry"));
}

/* Emit an object and throw it away; 1 when LLVM says so. */
static int emit(struct module *m)
{
    static const char triple[] = "x86_64-unknown-linux-gnu";
    LLVMTargetRef target;
    char *message = NULL;
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMBuildRetVoid(m->builder);
    assert_int_equal(LLVMGetTargetFromTriple(triple, &target, &message), 0);
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(
        target, triple, "x86-64", "", LLVMCodeGenLevelAggressive, LLVMRelocPIC,
        LLVMCodeModelSmall);
    LLVMSetTarget(m->module, triple);
    LLVMMemoryBufferRef buffer = NULL;
    const int failed = LLVMTargetMachineEmitToMemoryBuffer(
        machine, m->module, LLVMObjectFile, &message, &buffer);
    if (failed)
        LLVMDisposeMessage(message);
    else
        LLVMDisposeMemoryBuffer(buffer);
    LLVMDisposeTargetMachine(machine);
    LLVMDisposeBuilder(m->builder);
    LLVMDisposeModule(m->module);
    LLVMContextDispose(m->context);
    return failed;
}

/* Inline assembly that no assembler takes: an error, in LLVM's words. */
static void emit_bad_assembly(struct yt_llvm_errors *errors)
{
    struct module m;
    static char text[] = "frobnicate";
    begin(&m);
    yt_llvm_collect(m.context, errors);
    LLVMTypeRef type =
        LLVMFunctionType(LLVMVoidTypeInContext(m.context), NULL, 0, 0);
    LLVMValueRef assembly = LLVMGetInlineAsm(type, text, strlen(text), NULL, 0,
                                             1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMBuildCall2(m.builder, type, assembly, NULL, 0, "");
    LLVMBuildCall2(m.builder, type, assembly, NULL, 0, "");
    emit(&m);
}

/* An AVX-512 VNNI intrinsic for a CPU without: LLVM cannot select it, and for
 * LLVM that is fatal. */
static void emit_unselectable(void)
{
    struct module m;
    begin(&m);
    LLVMTypeRef vec = LLVMVectorType(LLVMInt32TypeInContext(m.context), 4);
    LLVMTypeRef params[] = {vec, vec, vec};
    LLVMTypeRef type = LLVMFunctionType(vec, params, 3, 0);
    LLVMValueRef dot =
        LLVMAddFunction(m.module, "llvm.x86.avx512.vpdpbusd.128", type);
    LLVMValueRef zero = LLVMConstNull(vec);
    LLVMValueRef args[] = {zero, zero, zero};
    LLVMValueRef v = LLVMBuildCall2(m.builder, type, dot, args, 3, "");
    LLVMBuildStore(m.builder, v,
                   LLVMConstNull(LLVMPointerTypeInContext(m.context, 0)));
    emit(&m);
}

/* Run @p body in a child; its stderr as text, its exit status. */
static int in_child(void (*body)(void), char *text, size_t size)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        body();
        _exit(0);
    }
    close(pipes[1]);
    size_t used = 0;
    ssize_t got;
    while ((got = read(pipes[0], text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = 0;
    close(pipes[0]);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    return WEXITSTATUS(how);
}

static void messages_become_one_line(void **state)
{
    (void)state;
    char line[YT_LLVM_LINE_MAX];
    char longer[2 * YT_LLVM_LINE_MAX];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    yt_llvm_line("first\nsecond\n", line);
    assert_string_equal(line, "first");
    yt_llvm_line(longer, line);
    assert_int_equal(strlen(line), YT_LLVM_LINE_MAX - 1);
    assert_int_equal(
        yt_llvm_fail_message("tie a knot", LLVMCreateMessage("a\nb")),
        YT_COMPILE);
    assert_string_equal(yt_error(), "LLVM could not tie a knot: a");
    assert_int_equal(yt_llvm_fail_message("tie it", NULL), YT_COMPILE);
    assert_string_equal(yt_error(), "LLVM could not tie it: no message");
    assert_int_equal(yt_llvm_fail("sing", LLVMCreateStringError("c\nd")),
                     YT_COMPILE);
    assert_string_equal(yt_error(), "LLVM could not sing: c");
}

static void collect_quietly(void)
{
    struct yt_llvm_errors errors;
    emit_bad_assembly(&errors);
    if (errors.count != 2 || !strstr(errors.first, "frobnicate"))
        _exit(1);
    if (yt_llvm_check("write a poem", &errors) != YT_COMPILE)
        _exit(2);
    if (strncmp(yt_error(), "LLVM could not write a poem: ", 29) != 0 ||
        strchr(yt_error(), '\n'))
        _exit(3);
    errors.count = 0;
    _exit(yt_llvm_check("write a poem", &errors) == YT_OK ? 0 : 4);
}

static void diagnostics_are_collected_not_printed(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(in_child(collect_quietly, text, sizeof text), 0);
    assert_string_equal(text, "");
}

static void give_up(void)
{
    yt_llvm_catch_fatal();
    yt_llvm_catch_fatal();
    emit_unselectable();
}

static void leave_quietly(const char *sentence)
{
    _exit(strncmp(sentence, "LLVM gave up: ", 14) == 0 ? 70 : 71);
}

static void give_up_quietly(void)
{
    yt_codegen_on_fatal(leave_quietly);
    emit_unselectable();
}

static void ignore(const char *sentence)
{
    (void)sentence;
}

static void give_up_after_a_function(void)
{
    yt_codegen_on_fatal(ignore);
    emit_unselectable();
}

static void a_fatal_error_ends_with_a_sentence(void **state)
{
    (void)state;
    static void (*const ends[])(void) = {give_up, give_up_after_a_function};
    char text[4096];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        assert_int_equal(in_child(ends[i], text, sizeof text), 1);
        assert_int_equal(strncmp(text, "yolotune: LLVM gave up: ", 24), 0);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
    assert_int_equal(in_child(give_up_quietly, text, sizeof text), 70);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_become_one_line),
        cmocka_unit_test(diagnostics_are_collected_not_printed),
        cmocka_unit_test(a_fatal_error_ends_with_a_sentence),
    };
    return cmocka_run_group_tests_name("llvm_fail", tests, NULL, NULL);
}
