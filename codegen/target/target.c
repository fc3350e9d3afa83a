/* Finding a target, and what is the same for each. */

#include "codegen/target/target.h"

#include <llvm-c/TargetMachine.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct yt_target *const targets[] = {
#define YT_TARGET(file) &yt_target_##file,
#include "codegen/target/targets.inc"
#undef YT_TARGET
};
#define TARGETS (sizeof targets / sizeof targets[0])

const struct yt_target *yt_target_of(const struct yt_isa *isa)
{
    size_t i = 0;
    while (strcmp(targets[i]->arch, isa->arch) != 0) {
        i++;
        assert(i < TARGETS);
    }
    return targets[i];
}

void yt_targets_initialize(void)
{
    for (size_t i = 0; i < TARGETS; i++)
        targets[i]->initialize();
}

void yt_target_triple(const struct yt_isa *isa, char triple[YT_TRIPLE_MAX])
{
    char *host = LLVMGetDefaultTargetTriple();
    const char *rest = strchr(host, '-');
    snprintf(triple, YT_TRIPLE_MAX, "%s%s", isa->arch, rest ? rest : "");
    LLVMDisposeMessage(host);
}

void yt_words_of(const struct yt_isa *isa, struct yt_words *words)
{
    yt_words_plain(words);
    yt_target_of(isa)->improve(isa, words);
}
