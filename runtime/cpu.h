#ifndef YT_CPU_H
#define YT_CPU_H

/* What CPUID says, as data, and which instructions follow from it. Reading and
 * understanding are apart: what is understood is tested on leaves that were
 * written down on other machines. */

#include <stddef.h>
#include <stdint.h>

#include "runtime/isa.h"

enum yt_cpuid_register { YT_EAX, YT_EBX, YT_ECX, YT_EDX };

struct yt_cpuid_leaf {
    uint32_t leaf, subleaf; /* EAX and ECX, as asked */
    uint32_t registers[4];  /* enum yt_cpuid_register */
};

#define YT_CPUID_LEAVES_MAX 32

/** One CPU's answers, and what its operating system saves of its registers. */
struct yt_cpuid {
    struct yt_cpuid_leaf leaves[YT_CPUID_LEAVES_MAX]; /* in any order */
    int32_t count;
    uint64_t xcr0; /* looked at only where CPUID lets it be read (OSXSAVE) */
};

/** Ask the CPU that the calling thread runs on. No leaves on other
 *  architectures. */
void yt_cpuid_read(struct yt_cpuid *raw_out);

/** A register of a leaf; 0 where the CPU does not have the leaf, whatever it
 *  answered: Intel's give the answer of their last one. */
uint32_t yt_cpuid_get(const struct yt_cpuid *raw, uint32_t leaf,
                      uint32_t subleaf, enum yt_cpuid_register reg);

/** Sets of enum yt_cpu_bits. */
struct yt_cpu_can {
    uint32_t has;    /* by the CPU */
    uint32_t usable; /* of these, whose registers the system saves */
};

struct yt_cpu_can yt_cpu_can(const struct yt_cpuid *raw);

/** Name the usable features of runtime/cpu.inc, apart by one space, as much of
 *  them as fits. */
void yt_cpu_feature_names(const struct yt_cpuid *raw, char *text, size_t size);

#endif
