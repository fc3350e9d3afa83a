/* The lint that looks at machine code before anyone times it.
 *
 * A register tile that does not fit shows as vector accesses to the stack. In
 * an innermost loop each costs as much as the multiply-add beside it; around
 * one, say for the constants of an epilogue, they cost nothing one could
 * measure. So the two are counted apart. */

#include "codegen/inspect.h"

#include <llvm-c/Core.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Object.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/target/target.h"
#include "runtime/fail.h"

/* The bytes that a backward branch repeats. */
struct loop {
    uint64_t from, to;
};

struct scan {
    const struct yt_target *target;
    struct loop *loops;
    uint64_t *spills; /* where vector accesses to the stack are */
    size_t loop_count, loop_cap, spill_count, spill_cap;
};

/* Room for one more element. */
static void *grow(void *array, size_t count, size_t *cap, size_t element)
{
    if (count < *cap)
        return array;
    const size_t more = *cap ? 2 * *cap : 64;
    void *grown = realloc(array, more * element);
    if (grown)
        *cap = more;
    return grown;
}

static enum yt_status add_loop(struct scan *scan, uint64_t from, uint64_t to)
{
    struct loop *loops =
        grow(scan->loops, scan->loop_count, &scan->loop_cap, sizeof *loops);
    YT_FAIL_IF(!loops, YT_NO_MEMORY, "no memory to inspect a kernel");
    scan->loops = loops;
    loops[scan->loop_count++] = (struct loop){from, to};
    return YT_OK;
}

static enum yt_status add_spill(struct scan *scan, uint64_t at)
{
    uint64_t *spills =
        grow(scan->spills, scan->spill_count, &scan->spill_cap, sizeof *spills);
    YT_FAIL_IF(!spills, YT_NO_MEMORY, "no memory to inspect a kernel");
    scan->spills = spills;
    spills[scan->spill_count++] = at;
    return YT_OK;
}

static enum yt_status scan_code(LLVMDisasmContextRef disasm,
                                const uint8_t *code, uint64_t size,
                                struct scan *scan)
{
    char text[256];
    uint64_t at = 0;
    while (at < size) {
        const size_t length =
            LLVMDisasmInstruction(disasm, (uint8_t *)(uintptr_t)(code + at),
                                  size - at, at, text, sizeof text);
        YT_FAIL_IF(
            length == 0, YT_COMPILE,
            "byte %llu of the kernel (0x%02x) starts no instruction that "
            "the disassembler knows",
            (unsigned long long)at, code[at]);
        const uint64_t end = at + length;
        const int64_t distance =
            scan->target->branch_distance(code + at, length);
        if (distance < 0 && (uint64_t)-distance <= end)
            YT_TRY(add_loop(scan, end - (uint64_t)-distance, end));
        if (scan->target->is_spill(text))
            YT_TRY(add_spill(scan, at));
        at = end;
    }
    return YT_OK;
}

static int is_inside(const struct loop *inner, const struct loop *outer)
{
    return inner->from >= outer->from && inner->to <= outer->to &&
           inner->to - inner->from < outer->to - outer->from;
}

static int holds_loops(const struct scan *scan, const struct loop *loop)
{
    for (size_t i = 0; i < scan->loop_count; i++)
        if (is_inside(&scan->loops[i], loop))
            return 1;
    return 0;
}

/* Where LLVM puts the end of an outer loop in front of its beginning, the code
 * between looks like a loop of its own; but another, which has loops inside,
 * begins there and ends behind it. */
static int is_innermost(const struct scan *scan, const struct loop *loop)
{
    if (holds_loops(scan, loop))
        return 0;
    for (size_t i = 0; i < scan->loop_count; i++) {
        const struct loop *other = &scan->loops[i];
        if (other->from > loop->from && other->from < loop->to &&
            other->to > loop->to && holds_loops(scan, other))
            return 0;
    }
    return 1;
}

static void count_spills(const struct scan *scan, struct yt_object *object)
{
    object->spills_total = (uint32_t)scan->spill_count;
    for (size_t i = 0; i < scan->spill_count; i++) {
        const uint64_t at = scan->spills[i];
        int inside = 0;
        for (size_t j = 0; j < scan->loop_count && !inside; j++)
            inside = at >= scan->loops[j].from && at < scan->loops[j].to &&
                     is_innermost(scan, &scan->loops[j]);
        object->spills += (uint32_t)inside;
    }
}

static enum yt_status inspect_code(struct yt_object *object,
                                   const struct yt_isa *isa,
                                   const uint8_t *code, uint64_t size)
{
    const struct yt_target *target = yt_target_of(isa);
    char triple[YT_TRIPLE_MAX];
    yt_target_triple(isa, triple);
    LLVMDisasmContextRef disasm = LLVMCreateDisasmCPU(
        triple, target->disassembler_cpu, NULL, 0, NULL, NULL);
    YT_FAIL_IF(!disasm, YT_COMPILE, "LLVM could not start its disassembler");
    struct scan scan = {.target = target};
    const enum yt_status status = scan_code(disasm, code, size, &scan);
    if (status == YT_OK)
        count_spills(&scan, object);
    free(scan.loops);
    free(scan.spills);
    LLVMDisasmDispose(disasm);
    return status;
}

/* Constants carry local names; anything else is a stray call. */
static enum yt_status check_relocations(LLVMSectionIteratorRef section,
                                        const char *own)
{
    enum yt_status status = YT_OK;
    LLVMRelocationIteratorRef relocation = LLVMGetRelocations(section);
    for (; !LLVMIsRelocationIteratorAtEnd(section, relocation);
         LLVMMoveToNextRelocation(relocation)) {
        LLVMSymbolIteratorRef symbol = LLVMGetRelocationSymbol(relocation);
        const char *target = LLVMGetSymbolName(symbol);
        if (target && target[0] && target[0] != '.' && strcmp(target, own) != 0)
            status = yt_fail(
                YT_COMPILE, "the kernel refers to '%s' outside itself", target);
        LLVMDisposeSymbolIterator(symbol);
    }
    LLVMDisposeRelocationIterator(relocation);
    return status;
}

enum yt_status yt_inspect_object(struct yt_object *object,
                                 const struct yt_isa *isa)
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
    object->spills = object->spills_total = 0;
    LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(binary);
    for (; status == YT_OK &&
           !LLVMObjectFileIsSectionIteratorAtEnd(binary, section);
         LLVMMoveToNextSection(section)) {
        const char *name = LLVMGetSectionName(section);
        if (name && strcmp(name, ".text") == 0) {
            object->code_bytes = (uint32_t)LLVMGetSectionSize(section);
            status = inspect_code(
                object, isa, (const uint8_t *)LLVMGetSectionContents(section),
                LLVMGetSectionSize(section));
        }
        if (status == YT_OK)
            status = check_relocations(section, object->symbol);
    }
    LLVMDisposeSectionIterator(section);
    LLVMDisposeBinary(binary);
    LLVMDisposeMemoryBuffer(buffer);
    return status;
}
