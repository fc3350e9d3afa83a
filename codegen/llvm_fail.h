#ifndef YT_LLVM_FAIL_H
#define YT_LLVM_FAIL_H

/* What LLVM says when something goes wrong, made ours: the first line becomes
 * part of yt_error(), and nothing reaches the terminal by itself. */

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>

#include "yolotune/status.h"

#define YT_LLVM_LINE_MAX 256

/** Copy the first line of @p text (NULL: "no message"). */
void yt_llvm_line(const char *text, char line_out[YT_LLVM_LINE_MAX]);

/** "LLVM could not <what>: <first line>". Takes ownership of @p message, which
 *  may be NULL. @return YT_COMPILE. */
enum yt_status yt_llvm_fail_message(const char *what, char *message);

/** The same of an error, which is consumed. @return YT_COMPILE. */
enum yt_status yt_llvm_fail(const char *what, LLVMErrorRef error);

/** Errors that LLVM reports about a context's code. Left alone it would print
 *  them and, since it expects to be a compiler, end the process. */
struct yt_llvm_errors {
    int32_t count;
    char first[YT_LLVM_LINE_MAX];
};

/** Collect the errors of @p context; @p errors must outlive it. */
void yt_llvm_collect(LLVMContextRef context, struct yt_llvm_errors *errors);

/** @return YT_OK; YT_COMPILE with the first error. */
enum yt_status yt_llvm_check(const char *what,
                             const struct yt_llvm_errors *errors);

/** Route LLVM's fatal errors to yt_codegen_on_fatal()'s function; once is
 *  enough, more is harmless, any thread may. */
void yt_llvm_catch_fatal(void);

#endif
