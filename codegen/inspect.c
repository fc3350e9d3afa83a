/* The lint that looks at machine code before anyone times it. */

#include "codegen/inspect.h"

#include <llvm-c/Core.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Object.h>

#include <stdio.h>
#include <string.h>

#include "runtime/fail.h"

/* A vector register moved from or to the stack. */
static int is_spill(const char *text)
{
    return strstr(text, "(%rsp)") && strstr(text, "mm");
}

static void inspect_code(struct yt_object *object, const uint8_t *code,
                         uint64_t size)
{
    LLVMDisasmContextRef disasm = LLVMCreateDisasmCPU(
        "x86_64-unknown-linux-gnu", "sapphirerapids", NULL, 0, NULL, NULL);
    if (!disasm)
        return;
    char text[256];
    for (uint64_t at = 0; at < size;) {
        const size_t length =
            LLVMDisasmInstruction(disasm, (uint8_t *)(uintptr_t)(code + at),
                                  size - at, at, text, sizeof text);
        if (length == 0)
            break;
        object->spills += (uint32_t)is_spill(text);
        at += length;
    }
    LLVMDisasmDispose(disasm);
}

enum yt_status yt_inspect_object(struct yt_object *object)
{
    enum yt_status status = YT_OK;
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(
        object->bytes, object->size, object->symbol, 0);
    char *message = NULL;
    LLVMBinaryRef binary = LLVMCreateBinary(buffer, NULL, &message);
    if (!binary) {
        LLVMDisposeMessage(message);
        LLVMDisposeMemoryBuffer(buffer);
        return yt_fail(YT_COMPILE, "LLVM emitted an unreadable object");
    }
    LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(binary);
    for (; !LLVMObjectFileIsSectionIteratorAtEnd(binary, section);
         LLVMMoveToNextSection(section)) {
        const char *name = LLVMGetSectionName(section);
        if (name && strcmp(name, ".text") == 0) {
            object->code_bytes = (uint32_t)LLVMGetSectionSize(section);
            inspect_code(object,
                         (const uint8_t *)LLVMGetSectionContents(section),
                         LLVMGetSectionSize(section));
        }
        LLVMRelocationIteratorRef relocation = LLVMGetRelocations(section);
        for (; !LLVMIsRelocationIteratorAtEnd(section, relocation);
             LLVMMoveToNextRelocation(relocation)) {
            LLVMSymbolIteratorRef symbol = LLVMGetRelocationSymbol(relocation);
            const char *target = LLVMGetSymbolName(symbol);
            /* Constants carry local names; anything else is a stray call. */
            if (target && target[0] && target[0] != '.' &&
                strcmp(target, object->symbol) != 0)
                status =
                    yt_fail(YT_COMPILE,
                            "the kernel refers to '%s' outside itself", target);
            LLVMDisposeSymbolIterator(symbol);
        }
        LLVMDisposeRelocationIterator(relocation);
    }
    LLVMDisposeSectionIterator(section);
    LLVMDisposeBinary(binary);
    LLVMDisposeMemoryBuffer(buffer);
    return status;
}
