/* Object bytes to callable code, through ORC's object layer: compiled once,
 * by compile.c, and never again. */

#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "codegen/llvm_fail.h"
#include "runtime/fail.h"

struct yt_jit {
    LLVMOrcLLJITRef lljit;
    int perf;                      /* 1: write /tmp/perf-PID.map */
    char report[YT_LLVM_LINE_MAX]; /* first of this call; "": none */
};

/* ORC reports here why a kernel could not be loaded, before the lookup returns
 * that it could not; left alone it would print it. */
static void on_report(void *user, LLVMErrorRef error)
{
    struct yt_jit *jit = user;
    char *message = LLVMGetErrorMessage(error);
    if (!jit->report[0])
        yt_llvm_line(message, jit->report);
    LLVMDisposeErrorMessage(message);
}

static enum yt_status jit_failed(struct yt_jit *jit, const char *what,
                                 LLVMErrorRef error)
{
    const enum yt_status status = yt_llvm_fail(what, error);
    if (!jit->report[0])
        return status;
    return yt_fail(status, "LLVM could not %s: %s", what, jit->report);
}

enum yt_status yt_jit_create(struct yt_jit **jit_out)
{
    yt_llvm_catch_fatal();
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    struct yt_jit *jit = calloc(1, sizeof *jit);
    YT_FAIL_IF(!jit, YT_NO_MEMORY, "no memory for a JIT");
    LLVMErrorRef error = LLVMOrcCreateLLJIT(&jit->lljit, NULL);
    if (error) {
        free(jit);
        return yt_llvm_fail("start its JIT", error);
    }
    LLVMOrcExecutionSessionSetErrorReporter(
        LLVMOrcLLJITGetExecutionSession(jit->lljit), on_report, jit);
    const char *perf = getenv("YT_PERF");
    jit->perf = perf && strcmp(perf, "0") != 0;
    *jit_out = jit;
    return YT_OK;
}

static void perf_line(const struct yt_object *object, uint64_t address)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    /* The name is predictable and /tmp is shared: never follow a link. */
    const int fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    dprintf(fd, "%llx %x %s\n", (unsigned long long)address, object->code_bytes,
            object->symbol);
    close(fd);
}

enum yt_status yt_jit_add(struct yt_jit *jit, const struct yt_object *object,
                          yt_kernel_fn *kernel_out)
{
    LLVMOrcExecutorAddress address = 0;
    jit->report[0] = 0;
    LLVMErrorRef error =
        LLVMOrcLLJITLookup(jit->lljit, &address, object->symbol);
    if (error) {
        LLVMConsumeError(error);
        LLVMMemoryBufferRef copy = LLVMCreateMemoryBufferWithMemoryRangeCopy(
            object->bytes, object->size, object->symbol);
        error = LLVMOrcLLJITAddObjectFile(
            jit->lljit, LLVMOrcLLJITGetMainJITDylib(jit->lljit), copy);
        if (error)
            return jit_failed(jit, "load a kernel", error);
        error = LLVMOrcLLJITLookup(jit->lljit, &address, object->symbol);
        if (error)
            return jit_failed(jit, "find a kernel", error);
        if (jit->perf)
            perf_line(object, address);
    }
    /* An object pointer becomes a function pointer, as POSIX's dlsym does. */
    void *code = (void *)(uintptr_t)address;
    memcpy(kernel_out, &code, sizeof code);
    return YT_OK;
}

void yt_jit_destroy(struct yt_jit *jit)
{
    if (!jit)
        return;
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(jit->lljit);
    if (error)
        LLVMConsumeError(error);
    free(jit);
}
