/* The target that tests/test_target_added.sh adds as docs/HACKING.md says:
 * 64-bit Arm with no word of its own, so every kernel comes from plain.c. */

#include <llvm-c/Target.h>

#include <string.h>

#include "codegen/emit.h"
#include "codegen/target/target.h"

static void initialize(void)
{
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
    LLVMInitializeAArch64Disassembler();
}

static void declare(struct yt_emit *e)
{
    (void)e;
}

static const char *vector_in_place(const struct yt_isa *isa)
{
    (void)isa;
    return "=w,0";
}

static void improve(const struct yt_isa *isa, struct yt_words *words)
{
    (void)isa;
    (void)words;
}

static int is_spill(const char *assembly)
{
    return strstr(assembly, "[sp") && strstr(assembly, "\tq");
}

/* The lowest bits of value, signed. */
static int64_t lowest(uint32_t value, int bits)
{
    const int64_t half = INT64_C(1) << (bits - 1);
    return (int64_t)((value & (uint32_t)(2 * half - 1)) ^ (uint32_t)half) -
           half;
}

/* Arm ARM, C4.1: B imm26; B.cond, CBZ and CBNZ imm19; TBZ and TBNZ imm14. */
static int64_t branch_distance(const uint8_t *code, size_t length)
{
    if (length != 4)
        return 0;
    const uint32_t word = (uint32_t)code[0] | (uint32_t)code[1] << 8 |
                          (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;
    if (word >> 26 == 0x05)
        return 4 * lowest(word, 26) - 4;
    if (word >> 24 == 0x54 || (word >> 24 & 0x7e) == 0x34)
        return 4 * lowest(word >> 5, 19) - 4;
    if ((word >> 24 & 0x7e) == 0x36)
        return 4 * lowest(word >> 5, 14) - 4;
    return 0;
}

const struct yt_target yt_target_toy = {
    .arch = "aarch64",
    .initialize = initialize,
    .tune_cpu = {[YT_TUNE_HOST] = "generic",
                 [YT_TUNE_SERVER] = "neoverse-n1",
                 [YT_TUNE_GENERIC] = "generic"},
    .declare = declare,
    .vector_in_place = vector_in_place,
    .improve = improve,
    .disassembler_cpu = "neoverse-n1",
    .is_spill = is_spill,
    .branch_distance = branch_distance,
};
