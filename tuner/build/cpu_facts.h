#ifndef YT_FACTS_H
#define YT_FACTS_H

/* What a CPU is, from what CPUID says of it: data in, data out. */

#include "runtime/cpu.h"

/** Intel's hybrid CPUs have cores of two kinds. */
enum yt_core_kind { YT_CORE_ANY, YT_CORE_PERFORMANCE, YT_CORE_EFFICIENCY };

struct yt_cpu_facts {
    char vendor[16];    /* "GenuineIntel" */
    char brand[64];     /* as the CPU names itself, without spaces around it */
    char features[768]; /* that can be used: names of runtime/cpu.inc, apart by
                           one space */
    int32_t family, model, stepping;
    int32_t l1d_kib, l2_kib, l3_kib; /* 0: it does not say */
    int32_t hybrid;                  /* 1: not all cores are alike */
    enum yt_core_kind kind;          /* of the core that was asked */
    int32_t hypervisor;              /* 1: a virtual CPU */
    struct yt_cpu_can can;
};

void yt_cpu_facts_decode(const struct yt_cpuid *raw,
                         struct yt_cpu_facts *facts_out);

#define YT_FACTS_TEXT_MAX 160

/** "AMD EPYC (AuthenticAMD family 26 model 2 stepping 1, virtual)". */
void yt_cpu_facts_line(const struct yt_cpu_facts *facts,
                       char text[YT_FACTS_TEXT_MAX]);

/** Why kernels for @p isa cannot run: "the CPU has no AVX-512 VNNI"; "" when
 *  they can. */
void yt_cpu_facts_obstacle(const struct yt_cpu_facts *facts,
                           const struct yt_isa *isa,
                           char text[YT_FACTS_TEXT_MAX]);

/** What `yolotune cpu` says of it: "yes", or "no: " and the obstacle. */
void yt_cpu_facts_usable(const struct yt_cpu_facts *facts,
                         const struct yt_isa *isa,
                         char text[YT_FACTS_TEXT_MAX]);

#endif
