#ifndef YT_CODEGEN_H
#define YT_CODEGEN_H

/* Problem + schedule + ISA to machine code, as bytes of an object file. The
 * same bytes are run by the JIT and linked into an export. No LLVM in this
 * header. */

#include <stddef.h>
#include <stdint.h>

#include "codegen/schedule.h"

/** One compiled kernel: a relocatable object, position independent, without
 *  external symbols. Owned; yt_object_deinit() frees. */
struct yt_object {
    void *bytes;
    size_t size;
    char symbol[YT_SYMBOL_MAX];
    uint32_t code_bytes;   /* of the kernel's function */
    uint32_t spills;       /* vector accesses to the stack in innermost loops */
    uint32_t spills_total; /* and in the whole function */
    uint64_t emit_ns, codegen_ns;
};

void yt_object_deinit(struct yt_object *object);

/** Compile one kernel.
 *
 * With YT_DUMP=ir,asm (or one of them) in the environment the texts are written
 * to $YT_DUMP_DIR (default: the working directory), one file per kernel. The
 * object is the same with and without.
 *
 * @return YT_OK; YT_BAD_ARGUMENT when the schedule does not apply, or YT_DUMP
 *         is not understood; YT_IO when a dump cannot be written; YT_NO_MEMORY;
 *         YT_COMPILE with LLVM's first line otherwise.
 */
enum yt_status yt_codegen_compile(const struct yt_problem *p,
                                  const struct yt_schedule *s,
                                  const struct yt_isa *isa,
                                  struct yt_object *object_out);

/** Whether code for @p isa can run on this machine as far as LLVM knows it:
 *  none of the row's features may have a minus in LLVMGetHostCPUFeatures(). It
 *  comes on top of yt_isa_check(), which looks at CPUID and XCR0 and is what an
 *  export does when it is opened. Compiling for another machine needs neither.
 *
 *  The host's list is not handed to LLVM as it is: a kernel would then use
 *  whatever this CPU has, and fault on one that has all the row asks for.
 *  @return YT_OK; YT_UNSUPPORTED naming the feature. */
enum yt_status yt_codegen_check_host(const struct yt_isa *isa);

/** The widest row that @p cpu_bits (enum yt_cpu_bits) and LLVM both grant. */
const struct yt_isa *yt_codegen_best_isa(uint32_t cpu_bits);

/** Kernels that measure the machine instead of solving a problem. */
enum yt_probe {
    YT_PROBE_DOT, /* one task: YT_PROBE_DOTS vector multiply-adds on registers
                     (of narrow types: dot products); args->out takes one
                     vector at the end */
    YT_PROBE_READ /* one task: reads YT_PROBE_READ_BYTES at args->in */
};
#define YT_PROBE_DOTS       960
#define YT_PROBE_READ_BYTES 4096

/** Compile a probe; the ABI is that of all kernels, args a struct yt_args.
 *  @param dtype of YT_PROBE_DOT; bf16 where the ISA has it.
 *  @return as yt_codegen_compile(). */
enum yt_status yt_codegen_probe(enum yt_probe probe, enum yt_dtype dtype,
                                const struct yt_isa *isa,
                                struct yt_object *object_out);

/** Whether there is a generator for this operator; the runtime has a kernel in
 *  C for those without. */
int yt_codegen_generates(enum yt_op op);

/** What is done when LLVM cannot go on (report_fatal_error(); the process
 * cannot be saved then). @p fn gets a sentence of one line on the thread that
 * compiles and should not return; it may be called with LLVM's locks held, so
 * it leaves by _exit() and calls nothing of this library.
 *
 * The default, and what follows when @p fn is NULL or returns: the sentence is
 * written to stderr behind "yolotune: " and the process ends with status 1. It
 * is the one place outside cli/ that does so, since there is no way back.
 *
 * For the whole process. LLVM's own "out of memory" does not come by here. */
typedef void (*yt_codegen_fatal_fn)(const char *sentence);
void yt_codegen_on_fatal(yt_codegen_fatal_fn fn);

/** "19.1.7": the LLVM that is linked in. */
const char *yt_codegen_llvm_version(void);

/** Changes whenever a generator may emit other code for the same names. */
const char *yt_codegen_version(void);

/** A place for executable code; kernels live until it is destroyed. */
struct yt_jit;

/** @return YT_OK; YT_COMPILE. */
enum yt_status yt_jit_create(struct yt_jit **jit_out);

/** Add an object's bytes and find its function. Adding a symbol twice returns
 *  the first. With YT_PERF=1 in the environment /tmp/perf-PID.map gets a line.
 *  @return YT_OK; YT_COMPILE. */
enum yt_status yt_jit_add(struct yt_jit *jit, const struct yt_object *object,
                          yt_kernel_fn *kernel_out);

/** NULL is fine. */
void yt_jit_destroy(struct yt_jit *jit);

#endif
