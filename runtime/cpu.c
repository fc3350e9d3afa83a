/* CPUID and XCR0. Ships in products, so no library: what libraries know of a
 * CPU are tables of their own that are older than the CPU. */

#include "runtime/cpu.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define EXTENDED 0x80000000u
#define OSXSAVE  (1u << 27) /* of leaf 1, ECX */

/* Bits of XCR0. */
#define STATE_NONE 0x0u
#define STATE_YMM  0x6u
#define STATE_ZMM  0xe6u
#define STATE_TILE 0x60000u

static const struct feature {
    const char *name;
    uint32_t leaf, subleaf;
    enum yt_cpuid_register reg;
    uint32_t bit, state, group;
} features[] = {
#define YT_FEATURE(name, leaf, subleaf, reg, bit, state, group)                \
    {name, leaf, subleaf, YT_##reg, 1u << (bit), STATE_##state, group},
#include "runtime/cpu.inc"
#undef YT_FEATURE
};

#define FEATURE_COUNT (sizeof features / sizeof features[0])

/* --- Understanding -------------------------------------------------------- */

static const struct yt_cpuid_leaf *find(const struct yt_cpuid *raw,
                                        uint32_t leaf, uint32_t subleaf)
{
    for (int32_t i = 0; i < raw->count; i++)
        if (raw->leaves[i].leaf == leaf && raw->leaves[i].subleaf == subleaf)
            return &raw->leaves[i];
    return NULL;
}

/* Leaf 0 and its like at 0x80000000 say which is the last of their range; leaf
 * 7 says so of its subleaves. */
static int is_there(const struct yt_cpuid *raw, uint32_t leaf, uint32_t subleaf)
{
    const struct yt_cpuid_leaf *first = find(raw, leaf & EXTENDED, 0);
    if (!first || leaf > first->registers[YT_EAX])
        return 0;
    return leaf != 7 || subleaf == 0 ||
           subleaf <= yt_cpuid_get(raw, 7, 0, YT_EAX);
}

uint32_t yt_cpuid_get(const struct yt_cpuid *raw, uint32_t leaf,
                      uint32_t subleaf, enum yt_cpuid_register reg)
{
    const struct yt_cpuid_leaf *found = find(raw, leaf, subleaf);
    return found && is_there(raw, leaf, subleaf) ? found->registers[reg] : 0;
}

static int has(const struct yt_cpuid *raw, const struct feature *f)
{
    return (yt_cpuid_get(raw, f->leaf, f->subleaf, f->reg) & f->bit) != 0;
}

static int is_saved(const struct yt_cpuid *raw, const struct feature *f)
{
    const int readable = (yt_cpuid_get(raw, 1, 0, YT_ECX) & OSXSAVE) != 0;
    return ((readable ? raw->xcr0 : 0) & f->state) == f->state;
}

struct yt_cpu_can yt_cpu_can(const struct yt_cpuid *raw)
{
    uint32_t all = 0, absent = 0, unsaved = 0;
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        all |= features[i].group;
        if (!has(raw, &features[i]))
            absent |= features[i].group;
        if (!is_saved(raw, &features[i]))
            unsaved |= features[i].group;
    }
    return (struct yt_cpu_can){.has = all & ~absent,
                               .usable = all & ~absent & ~unsaved};
}

void yt_cpu_feature_names(const struct yt_cpuid *raw, char *text, size_t size)
{
    size_t used = 0;
    if (size > 0)
        text[0] = 0;
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        const size_t length = strlen(features[i].name);
        if (!has(raw, &features[i]) || !is_saved(raw, &features[i]) ||
            used + length + 2 > size)
            continue;
        if (used > 0)
            text[used++] = ' ';
        memcpy(text + used, features[i].name, length + 1);
        used += length;
    }
}

/* --- Reading -------------------------------------------------------------- */

#if defined(__x86_64__)

/* What anyone here asks for. The leaves of caches go on until one that is of no
 * kind. */
static const struct wanted {
    uint32_t leaf;
    uint32_t subleaves; /* most there are */
    uint32_t kind;      /* bits of EAX that are 0 past the last one; 0: all are
                           asked for */
} wanted[] = {
    {0, 1, 0},
    {1, 1, 0},
    {4, 7, 0x1f},
    {7, 2, 0},
    {0x1a, 1, 0},
    {EXTENDED, 1, 0},
    {0x80000001, 1, 0},
    {0x80000002, 1, 0},
    {0x80000003, 1, 0},
    {0x80000004, 1, 0},
    {0x80000005, 1, 0},
    {0x80000006, 1, 0},
    {0x8000001d, 7, 0x1f},
};

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void read_leaf(struct yt_cpuid *raw, const struct wanted *w)
{
    for (uint32_t s = 0; s < w->subleaves; s++) {
        struct yt_cpuid_leaf row = {.leaf = w->leaf, .subleaf = s};
        __cpuid_count(w->leaf, s, row.registers[YT_EAX], row.registers[YT_EBX],
                      row.registers[YT_ECX], row.registers[YT_EDX]);
        if (raw->count == YT_CPUID_LEAVES_MAX ||
            (w->kind && (row.registers[YT_EAX] & w->kind) == 0))
            return;
        raw->leaves[raw->count++] = row;
    }
}

void yt_cpuid_read(struct yt_cpuid *raw_out)
{
    memset(raw_out, 0, sizeof *raw_out);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        read_leaf(raw_out, &wanted[i]);
    if (yt_cpuid_get(raw_out, 1, 0, YT_ECX) & OSXSAVE)
        raw_out->xcr0 = read_xcr0();
}

#else

void yt_cpuid_read(struct yt_cpuid *raw_out)
{
    memset(raw_out, 0, sizeof *raw_out);
}

#endif

uint32_t yt_cpu_features(void)
{
    struct yt_cpuid raw;
    yt_cpuid_read(&raw);
    return yt_cpu_can(&raw).usable;
}
