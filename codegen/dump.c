/* Each text begins with what it is of and with the command that makes the
 * assembly from the IR, so that a question to LLVM can be asked without us. */

#include "codegen/dump.h"

#include <llvm-c/Core.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/llvm_fail.h"
#include "runtime/fail.h"

enum kind { KIND_IR, KIND_ASM, KIND_COUNT };

static const struct {
    const char *word, *ending, *comment;
} kinds[KIND_COUNT] = {
    [KIND_IR] = {"ir", "ll", ";"},
    [KIND_ASM] = {"asm", "s", "#"},
};

/* YT_DUMP is words apart by commas. */
static enum yt_status read_wanted(const char *list, int wanted[KIND_COUNT])
{
    while (*list) {
        const size_t length = strcspn(list, ",");
        int known = length == 0;
        for (int i = 0; i < KIND_COUNT; i++)
            if (strlen(kinds[i].word) == length &&
                strncmp(list, kinds[i].word, length) == 0)
                known = wanted[i] = 1;
        YT_FAIL_IF(!known, YT_BAD_ARGUMENT,
                   "YT_DUMP: '%.*s' is neither ir nor asm", (int)length, list);
        list += length + (list[length] == ',');
    }
    return YT_OK;
}

static enum yt_status write_text(enum kind kind, const char *symbol,
                                 const char *title, const char *text,
                                 size_t size)
{
    const char *dir = getenv("YT_DUMP_DIR");
    const char *comment = kinds[kind].comment;
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s.%s", dir ? dir : ".",
                                symbol, kinds[kind].ending);
    YT_FAIL_IF(length < 0 || (size_t)length >= sizeof path, YT_IO,
               "YT_DUMP_DIR: %s.%s: its path is too long", symbol,
               kinds[kind].ending);
    FILE *out = fopen(path, "we");
    YT_FAIL_IF(!out, YT_IO, "YT_DUMP: %s: %s", path, strerror(errno));
    fprintf(out,
            "%s %s\n%s llc-19 -O3 -relocation-model=pic -asm-verbose=0 -o %s.s "
            "%s.ll\n",
            comment, title, comment, symbol, symbol);
    fwrite(text, 1, size, out);
    const int failed = ferror(out);
    YT_FAIL_IF(fclose(out) != 0 || failed, YT_IO, "YT_DUMP: %s: %s", path,
               strerror(errno));
    return YT_OK;
}

static enum yt_status dump_ir(LLVMModuleRef module, const char *symbol,
                              const char *title)
{
    char *text = LLVMPrintModuleToString(module);
    const enum yt_status status =
        write_text(KIND_IR, symbol, title, text, strlen(text));
    LLVMDisposeMessage(text);
    return status;
}

static enum yt_status dump_asm(LLVMModuleRef module,
                               LLVMTargetMachineRef machine, const char *symbol,
                               const char *title)
{
    /* Emitting changes the module: passes of the code generator rewrite IR. */
    LLVMModuleRef clone = LLVMCloneModule(module);
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    const int failed = LLVMTargetMachineEmitToMemoryBuffer(
        machine, clone, LLVMAssemblyFile, &message, &buffer);
    LLVMDisposeModule(clone);
    if (failed)
        return yt_llvm_fail_message("print assembly", message);
    const enum yt_status status =
        write_text(KIND_ASM, symbol, title, LLVMGetBufferStart(buffer),
                   LLVMGetBufferSize(buffer));
    LLVMDisposeMemoryBuffer(buffer);
    return status;
}

enum yt_status yt_dump(LLVMModuleRef module, LLVMTargetMachineRef machine,
                       const char *symbol, const char *title)
{
    int wanted[KIND_COUNT] = {0};
    const char *list = getenv("YT_DUMP");
    if (!list)
        return YT_OK;
    YT_TRY(read_wanted(list, wanted));
    if (wanted[KIND_IR])
        YT_TRY(dump_ir(module, symbol, title));
    return wanted[KIND_ASM] ? dump_asm(module, machine, symbol, title) : YT_OK;
}
