/* From a generator's module to an object file in memory. The object is what
 * the JIT runs and what an export links, byte for byte. */

#include <llvm-c/Analysis.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/now.h"
#include "codegen/algo.h"
#include "codegen/codegen.h"
#include "codegen/dump.h"
#include "codegen/generate.h"
#include "codegen/inspect.h"
#include "codegen/llvm_fail.h"
#include "codegen/target/target.h"
#include "runtime/fail.h"

static pthread_once_t llvm_once = PTHREAD_ONCE_INIT;
static char host_cpu[64];

static void init_llvm(void)
{
    yt_llvm_catch_fatal();
    yt_targets_initialize();
    char *name = LLVMGetHostCPUName();
    snprintf(host_cpu, sizeof host_cpu, "%s", name);
    LLVMDisposeMessage(name);
}

const char *yt_codegen_llvm_version(void)
{
    static char text[32];
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch);
    return text;
}

static enum yt_status machine_create(const struct yt_isa *isa,
                                     LLVMTargetMachineRef *machine_out)
{
    char triple[YT_TRIPLE_MAX];
    yt_target_triple(isa, triple);
    LLVMTargetRef target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &message))
        return yt_llvm_fail_message("find a kernel's target", message);
    *machine_out = LLVMCreateTargetMachine(
        target, triple, isa->llvm_cpu, isa->llvm_features,
        LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelSmall);
    YT_FAIL_IF(!*machine_out, YT_COMPILE,
               "LLVM could not create a target machine for '%s'", isa->name);
    return YT_OK;
}

static enum yt_status emit_object(struct yt_emit *e,
                                  LLVMTargetMachineRef machine,
                                  const struct yt_llvm_errors *errors,
                                  const char *title, struct yt_object *object)
{
    char *message = NULL;
    if (LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message))
        return yt_llvm_fail_message("accept the generated code", message);
    LLVMDisposeMessage(message);
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    /* Loop and vector passes are left out: the tile is already what it should
     * be, and unrolling or re-vectorising it only costs registers. */
    LLVMErrorRef error =
        LLVMRunPasses(e->module, "mem2reg,early-cse", machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (error)
        return yt_llvm_fail("promote variables", error);
    YT_TRY(yt_dump(e->module, machine, object->symbol, title));

    LLVMMemoryBufferRef buffer = NULL;
    message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, e->module, LLVMObjectFile,
                                            &message, &buffer))
        return yt_llvm_fail_message("compile a kernel", message);
    const enum yt_status status = yt_llvm_check("compile a kernel", errors);
    if (status != YT_OK) {
        LLVMDisposeMemoryBuffer(buffer);
        return status;
    }
    object->size = LLVMGetBufferSize(buffer);
    object->bytes = malloc(object->size);
    if (object->bytes)
        memcpy(object->bytes, LLVMGetBufferStart(buffer), object->size);
    LLVMDisposeMemoryBuffer(buffer);
    YT_FAIL_IF(!object->bytes, YT_NO_MEMORY, "no memory for a kernel");
    return YT_OK;
}

int yt_codegen_generates(enum yt_op op)
{
    return yt_algo_next(op, YT_ALGO_COUNT) != YT_ALGO_COUNT;
}

/* What is being generated: a kernel of a problem, or a probe. */
struct source {
    const struct yt_problem *problem; /* NULL: a probe */
    const struct yt_schedule *schedule;
    enum yt_probe probe;
    enum yt_dtype dtype; /* of YT_PROBE_DOT */
    enum yt_tune_cpu tune;
    const char *title; /* of a dump */
};

/* LLVM's name of the scheduling model. */
static const char *model_name(enum yt_tune_cpu tune, const struct yt_isa *isa)
{
    const int is_host =
        tune == YT_TUNE_HOST && strcmp(isa->arch, yt_cpu_arch()) == 0;
    return is_host ? host_cpu : yt_target_of(isa)->tune_cpu[tune];
}

static void generate_body(struct yt_emit *e, const struct source *source)
{
    if (source->problem)
        yt_algo_get(source->schedule->algo)
            ->generate(e, source->problem, source->schedule);
    else if (source->probe == YT_PROBE_DOT)
        yt_generate_probe_dot(e, source->dtype);
    else
        yt_generate_probe_read(e);
}

static enum yt_status compile_source(const struct source *source,
                                     const struct yt_isa *isa,
                                     struct yt_object *object)
{
    pthread_once(&llvm_once, init_llvm);
    LLVMTargetMachineRef machine = NULL;
    YT_TRY(machine_create(isa, &machine));
    const uint64_t t0 = yt_now_ns();
    struct yt_emit e;
    struct yt_llvm_errors errors;
    yt_emit_begin(&e, object->symbol, isa, model_name(source->tune, isa));
    yt_llvm_collect(e.ctx, &errors);
    char *triple = LLVMGetTargetMachineTriple(machine);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetTarget(e.module, triple);
    LLVMSetModuleDataLayout(e.module, layout);
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
    generate_body(&e, source);
    yt_emit_finish(&e);
    const uint64_t t1 = yt_now_ns();
    enum yt_status status =
        emit_object(&e, machine, &errors, source->title, object);
    object->emit_ns = t1 - t0;
    object->codegen_ns = yt_now_ns() - t1;
    yt_emit_deinit(&e);
    LLVMDisposeTargetMachine(machine);
    if (status == YT_OK)
        status = yt_inspect_object(object, isa);
    if (status != YT_OK)
        yt_object_deinit(object);
    return status;
}

enum yt_status yt_codegen_compile(const struct yt_problem *p,
                                  const struct yt_schedule *s,
                                  const struct yt_isa *isa,
                                  struct yt_object *object_out)
{
    YT_TRY(yt_problem_check(p));
    char name[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(s, name);
    YT_FAIL_IF(!yt_schedule_applies(p, s, isa), YT_BAD_ARGUMENT,
               "schedule %s does not apply to this %s on %s", name,
               yt_op_name(p->op), isa->name);
    struct yt_object object;
    memset(&object, 0, sizeof object);
    yt_schedule_symbol(p, s, isa, object.symbol);
    char problem[YT_PROBLEM_NAME_MAX];
    char title[YT_PROBLEM_NAME_MAX + YT_SCHEDULE_NAME_MAX + 32];
    yt_problem_name(p, problem);
    snprintf(title, sizeof title, "%s %s %s", problem, name, isa->name);
    const struct source source = {
        .problem = p,
        .schedule = s,
        .tune = s->tune,
        .title = title,
    };
    enum yt_status status = compile_source(&source, isa, &object);
    if (status != YT_OK)
        return yt_fail_prefix(status, "%s", name);
    *object_out = object;
    return YT_OK;
}

enum yt_status yt_codegen_probe(enum yt_probe probe, enum yt_dtype dtype,
                                const struct yt_isa *isa,
                                struct yt_object *object_out)
{
    struct yt_object object;
    memset(&object, 0, sizeof object);
    snprintf(object.symbol, sizeof object.symbol, "yt_probe_%s_%d_lanes",
             probe == YT_PROBE_DOT ? yt_dtype_name(dtype) : "read", isa->lanes);
    const struct source source = {
        .probe = probe, .dtype = dtype, .title = object.symbol};
    YT_TRY(compile_source(&source, isa, &object));
    *object_out = object;
    return YT_OK;
}

void yt_object_deinit(struct yt_object *object)
{
    free(object->bytes);
    memset(object, 0, sizeof *object);
}
