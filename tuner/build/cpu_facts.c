/* Leaves by Intel's SDM volume 2A, CPUID, and AMD's APM volume 3, appendix E.
 */

#include "tuner/build/cpu_facts.h"

#include <stdio.h>
#include <string.h>

#define LEAF_CACHES_INTEL 0x4u
#define LEAF_CACHES_AMD   0x8000001du

#define HYPERVISOR (1u << 31) /* leaf 1, ECX */
#define TOPOLOGY   (1u << 22) /* leaf 0x80000001, ECX: 0x8000001d is there */
#define HYBRID     (1u << 15) /* leaf 7, EDX */

/* Bits [high:low]. */
static uint32_t bits(uint32_t value, int high, int low)
{
    return value >> low & ((2u << (high - low)) - 1);
}

/* Four characters of a register, its lowest byte first. */
static void put_register(char *text, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        text[i] = (char)bits(value, 8 * i + 7, 8 * i);
}

static void decode_vendor(const struct yt_cpuid *raw, struct yt_cpu_facts *f)
{
    put_register(f->vendor, yt_cpuid_get(raw, 0, 0, YT_EBX));
    put_register(f->vendor + 4, yt_cpuid_get(raw, 0, 0, YT_EDX));
    put_register(f->vendor + 8, yt_cpuid_get(raw, 0, 0, YT_ECX));
}

/* 48 characters in three leaves, filled up with spaces or zeros on either
 * side. */
static void decode_brand(const struct yt_cpuid *raw, struct yt_cpu_facts *f)
{
    char text[49] = "";
    for (int i = 0; i < 12; i++)
        put_register(text + 4 * i,
                     yt_cpuid_get(raw, 0x80000002u + (uint32_t)i / 4, 0,
                                  (enum yt_cpuid_register)(i % 4)));
    const char *begin = text + strspn(text, " ");
    size_t length = strlen(begin);
    while (length > 0 && begin[length - 1] == ' ')
        length--;
    snprintf(f->brand, sizeof f->brand, "%.*s", (int)length, begin);
}

/* The extended fields count where the base family says so: 15 of both vendors,
 * and 6 of Intel's for the model. */
static void decode_signature(const struct yt_cpuid *raw, struct yt_cpu_facts *f)
{
    const uint32_t signature = yt_cpuid_get(raw, 1, 0, YT_EAX);
    const uint32_t family = bits(signature, 11, 8);
    f->stepping = (int32_t)bits(signature, 3, 0);
    f->model = (int32_t)bits(signature, 7, 4);
    f->family = (int32_t)family;
    if (family == 15)
        f->family += (int32_t)bits(signature, 27, 20);
    if (family == 15 || family == 6)
        f->model += (int32_t)bits(signature, 19, 16) << 4;
}

enum cache_type { CACHE_NONE, CACHE_DATA, CACHE_CODE, CACHE_UNIFIED };

/* Ways, partitions, bytes of a line and sets, each less one. */
static int32_t cache_kib(uint32_t ebx, uint32_t ecx)
{
    const uint64_t bytes = (uint64_t)(bits(ebx, 31, 22) + 1) *
                           (bits(ebx, 21, 12) + 1) * (bits(ebx, 11, 0) + 1) *
                           ((uint64_t)ecx + 1);
    return bytes / 1024 > INT32_MAX ? 0 : (int32_t)(bytes / 1024);
}

static void decode_listed_caches(const struct yt_cpuid *raw, uint32_t leaf,
                                 struct yt_cpu_facts *f)
{
    int32_t *const sizes[] = {&f->l1d_kib, &f->l2_kib, &f->l3_kib};
    for (uint32_t i = 0; i < YT_CPUID_LEAVES_MAX; i++) {
        const uint32_t eax = yt_cpuid_get(raw, leaf, i, YT_EAX);
        const uint32_t type = bits(eax, 4, 0), level = bits(eax, 7, 5);
        if (type == CACHE_NONE)
            return;
        if (type != CACHE_CODE && level >= 1 && level <= 3)
            *sizes[level - 1] = cache_kib(yt_cpuid_get(raw, leaf, i, YT_EBX),
                                          yt_cpuid_get(raw, leaf, i, YT_ECX));
    }
}

/* AMD's own leaves know the third level of the whole package only. */
static void decode_amd_caches(const struct yt_cpuid *raw,
                              struct yt_cpu_facts *f)
{
    f->l1d_kib =
        (int32_t)bits(yt_cpuid_get(raw, 0x80000005u, 0, YT_ECX), 31, 24);
    f->l2_kib =
        (int32_t)bits(yt_cpuid_get(raw, 0x80000006u, 0, YT_ECX), 31, 16);
    f->l3_kib =
        (int32_t)bits(yt_cpuid_get(raw, 0x80000006u, 0, YT_EDX), 31, 18) * 512;
}

static void decode_caches(const struct yt_cpuid *raw, struct yt_cpu_facts *f)
{
    decode_listed_caches(raw, LEAF_CACHES_INTEL, f);
    if (f->l1d_kib)
        return;
    if (yt_cpuid_get(raw, 0x80000001u, 0, YT_ECX) & TOPOLOGY)
        decode_listed_caches(raw, LEAF_CACHES_AMD, f);
    if (!f->l1d_kib)
        decode_amd_caches(raw, f);
}

static enum yt_core_kind core_kind(const struct yt_cpuid *raw)
{
    switch (bits(yt_cpuid_get(raw, 0x1a, 0, YT_EAX), 31, 24)) {
    case 0x20:
        return YT_CORE_EFFICIENCY;
    case 0x40:
        return YT_CORE_PERFORMANCE;
    default:
        return YT_CORE_ANY;
    }
}

void yt_cpu_facts_decode(const struct yt_cpuid *raw,
                         struct yt_cpu_facts *facts_out)
{
    struct yt_cpu_facts *f = facts_out;
    memset(f, 0, sizeof *f);
    decode_vendor(raw, f);
    decode_brand(raw, f);
    decode_signature(raw, f);
    decode_caches(raw, f);
    f->hybrid = (yt_cpuid_get(raw, 7, 0, YT_EDX) & HYBRID) != 0;
    f->kind = core_kind(raw);
    f->hypervisor = (yt_cpuid_get(raw, 1, 0, YT_ECX) & HYPERVISOR) != 0;
    f->can = yt_cpu_can(raw);
    yt_cpu_feature_names(raw, f->features, sizeof f->features);
}

/* -------------------------------------------------------------------- text */

void yt_cpu_facts_line(const struct yt_cpu_facts *facts,
                       char text[YT_FACTS_TEXT_MAX])
{
    static const char *const kinds[] = {"", ", a performance core",
                                        ", an efficiency core"};
    snprintf(text, YT_FACTS_TEXT_MAX,
             "%s (%s family %d model %d stepping %d%s%s%s)", facts->brand,
             facts->vendor, facts->family, facts->model, facts->stepping,
             facts->hybrid ? ", hybrid" : "", kinds[facts->kind],
             facts->hypervisor ? ", virtual" : "");
}

void yt_cpu_facts_obstacle(const struct yt_cpu_facts *facts,
                           const struct yt_isa *isa,
                           char text[YT_FACTS_TEXT_MAX])
{
    const char *absent = yt_isa_lacks(isa, facts->can.has);
    const char *unsaved = yt_isa_lacks(isa, facts->can.usable);
    if (absent)
        snprintf(text, YT_FACTS_TEXT_MAX, "the CPU has no %s", absent);
    else if (unsaved)
        snprintf(text, YT_FACTS_TEXT_MAX,
                 "the system does not save the registers of %s", unsaved);
    else
        text[0] = 0;
}

void yt_cpu_facts_usable(const struct yt_cpu_facts *facts,
                         const struct yt_isa *isa, char text[YT_FACTS_TEXT_MAX])
{
    char obstacle[YT_FACTS_TEXT_MAX];
    yt_cpu_facts_obstacle(facts, isa, obstacle);
    snprintf(text, YT_FACTS_TEXT_MAX, "%s%.*s", *obstacle ? "no: " : "yes",
             YT_FACTS_TEXT_MAX - 8, obstacle);
}
