#ifndef YT_TESTS_CPUID_DUMP_H
#define YT_TESTS_CPUID_DUMP_H

/* CPUs as they answered elsewhere: tests/data/cpuid, where each file says who
 * wrote the registers down. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu.h"

/** @param name of a file of tests/data/cpuid, without ".txt". */
static inline struct yt_cpuid dump_read(const char *name)
{
    struct yt_cpuid raw = {.count = 0};
    char path[512], line[256];
    snprintf(path, sizeof path, "%s/tests/data/cpuid/%s.txt",
             getenv("YT_SOURCE_DIR"), name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s is not there", path);
    while (fgets(line, sizeof line, file)) {
        struct yt_cpuid_leaf row;
        if (line[0] == '#' || sscanf(line, "xcr0 %" SCNx64, &raw.xcr0) == 1)
            continue;
        if (sscanf(line,
                   "%" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx32
                   " %" SCNx32,
                   &row.leaf, &row.subleaf, &row.registers[YT_EAX],
                   &row.registers[YT_EBX], &row.registers[YT_ECX],
                   &row.registers[YT_EDX]) != 6 ||
            raw.count == YT_CPUID_LEAVES_MAX)
            fail_msg("%s: %s", path, line);
        raw.leaves[raw.count++] = row;
    }
    fclose(file);
    return raw;
}

/** A register of the dump, to be changed. */
static inline uint32_t *dump_register(struct yt_cpuid *raw, uint32_t leaf,
                                      uint32_t subleaf,
                                      enum yt_cpuid_register reg)
{
    for (int32_t i = 0; i < raw->count; i++)
        if (raw->leaves[i].leaf == leaf && raw->leaves[i].subleaf == subleaf)
            return &raw->leaves[i].registers[reg];
    fail_msg("leaf %x.%x is not in the dump", leaf, subleaf);
    return NULL;
}

#endif
