/* The instruction sets that this CPU has, one after the other. */
#ifndef YT_TEST_EACH_ISA_H
#define YT_TEST_EACH_ISA_H

#include <cmocka.h>

#include "runtime/fail.h"
#include "runtime/isa.h"

static inline void on_each_isa(void (*test)(const struct yt_isa *isa))
{
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        if (yt_isa_check(isa, yt_cpu_features()) == YT_OK)
            test(isa);
        else
            print_message("skipped %s: %s\n", isa->name, yt_error());
    }
}

#endif
