/* LLVM speaks of failure in four ways: a message to dispose of, an error value,
 * a diagnostic, and a fatal error that it does not come back from. */

#include "codegen/llvm_fail.h"

#include <llvm-c/ErrorHandling.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "runtime/fail.h"

void yt_llvm_line(const char *text, char line_out[YT_LLVM_LINE_MAX])
{
    snprintf(line_out, YT_LLVM_LINE_MAX, "%s", text ? text : "no message");
    line_out[strcspn(line_out, "\n")] = 0;
}

static enum yt_status fail_with(const char *what, const char *text)
{
    char line[YT_LLVM_LINE_MAX];
    yt_llvm_line(text, line);
    return yt_fail(YT_COMPILE, "LLVM could not %s: %s", what, line);
}

enum yt_status yt_llvm_fail_message(const char *what, char *message)
{
    const enum yt_status status = fail_with(what, message);
    if (message)
        LLVMDisposeMessage(message);
    return status;
}

enum yt_status yt_llvm_fail(const char *what, LLVMErrorRef error)
{
    char *message = LLVMGetErrorMessage(error);
    const enum yt_status status = fail_with(what, message);
    LLVMDisposeErrorMessage(message);
    return status;
}

/* ---------------------------------------------------------- diagnostics */

static void on_diagnostic(LLVMDiagnosticInfoRef info, void *user)
{
    struct yt_llvm_errors *errors = user;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError)
        return;
    if (errors->count++ == 0) {
        char *message = LLVMGetDiagInfoDescription(info);
        yt_llvm_line(message, errors->first);
        LLVMDisposeMessage(message);
    }
}

void yt_llvm_collect(LLVMContextRef context, struct yt_llvm_errors *errors)
{
    memset(errors, 0, sizeof *errors);
    LLVMContextSetDiagnosticHandler(context, on_diagnostic, errors);
}

enum yt_status yt_llvm_check(const char *what,
                             const struct yt_llvm_errors *errors)
{
    return errors->count ? fail_with(what, errors->first) : YT_OK;
}

/* --------------------------------------------------------- fatal errors */

static _Atomic(yt_codegen_fatal_fn) fatal_fn;
static pthread_once_t fatal_once = PTHREAD_ONCE_INIT;

void yt_codegen_on_fatal(yt_codegen_fatal_fn fn)
{
    atomic_store(&fatal_fn, fn);
    yt_llvm_catch_fatal();
}

/* LLVM calls exit() when this returns, which would run the exit handlers in
 * the middle of whatever other threads do, so it never returns. */
static void on_fatal(const char *reason)
{
    char line[YT_LLVM_LINE_MAX];
    char sentence[YT_LLVM_LINE_MAX + 64];
    yt_llvm_line(reason, line);
    snprintf(sentence, sizeof sentence, "LLVM gave up: %s", line);
    const yt_codegen_fatal_fn fn = atomic_load(&fatal_fn);
    if (fn)
        fn(sentence);
    char text[sizeof sentence + 16];
    const int length = snprintf(text, sizeof text, "yolotune: %s\n", sentence);
    /* With nowhere to say it, the status says it. */
    (void)!write(STDERR_FILENO, text, (size_t)length);
    _exit(1);
}

static void install(void)
{
    LLVMInstallFatalErrorHandler(on_fatal);
}

void yt_llvm_catch_fatal(void)
{
    pthread_once(&fatal_once, install);
}
