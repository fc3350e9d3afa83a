/* LLVM's own view of this CPU, as a veto.
 *
 * Kernels are compiled for a baseline CPU plus exactly the features of a row of
 * runtime/isa.inc: LLVM's list of everything the host has would let it use what
 * yt_isa_check() does not look at when an export is opened on another machine.
 * But that list also says what the host lacks, sometimes against CPUID: a
 * feature whose registers the operating system does not save, or one that LLVM
 * knows to be broken. Such a row is not for this host. */

#include "codegen/host_features.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include <string.h>

#include "codegen/codegen.h"
#include "runtime/fail.h"

static int denies(const char *host, const char *name, size_t length)
{
    for (const char *at = host; *at;) {
        const size_t item = strcspn(at, ",");
        if (item == length + 1 && at[0] == '-' &&
            strncmp(at + 1, name, length) == 0)
            return 1;
        at += item + (at[item] == ',');
    }
    return 0;
}

int yt_features_denied(const char *host, const char *wanted,
                       const char **name_out)
{
    for (const char *at = wanted; *at;) {
        const size_t item = strcspn(at, ",");
        if (item > 1 && at[0] == '+' && denies(host, at + 1, item - 1)) {
            *name_out = at + 1;
            return (int)item - 1;
        }
        at += item + (at[item] == ',');
    }
    return 0;
}

enum yt_status yt_codegen_check_host(const struct yt_isa *isa)
{
    const char *name = NULL;
    char *host = LLVMGetHostCPUFeatures();
    const int length = yt_features_denied(host, isa->llvm_features, &name);
    LLVMDisposeMessage(host);
    YT_FAIL_IF(length, YT_UNSUPPORTED,
               "LLVM finds that this CPU (or its operating system) lacks %.*s, "
               "which '%s' needs",
               length, name, isa->name);
    return YT_OK;
}

const struct yt_isa *yt_codegen_best_isa(uint32_t cpu_bits)
{
    /* Rows are ordered, the first one needs nothing. */
    int id = yt_isa_best(cpu_bits)->id;
    while (id > 0 &&
           (yt_isa_check(yt_isa_get((enum yt_isa_id)id), cpu_bits) != YT_OK ||
            yt_codegen_check_host(yt_isa_get((enum yt_isa_id)id)) != YT_OK))
        id--;
    return yt_isa_get((enum yt_isa_id)id);
}
