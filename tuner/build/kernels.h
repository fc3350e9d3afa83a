#ifndef YT_KERNELS_H
#define YT_KERNELS_H

/* Every compiled kernel of one instruction set once: loaded, to run here, and
 * as the object that an export links. Builds share them, of whatever graph,
 * size and precision, since a kernel's symbol says all that it does.
 *
 * Safe to use from several threads at a time. Nothing is ever taken out: what a
 * call hands out is valid until yt_kernels_destroy(). */

#include "codegen/codegen.h"

struct yt_kernel {
    struct yt_object object;
    yt_kernel_fn run;
};

/** What a kernel is asked for by; both are borrowed. */
struct yt_kernel_wish {
    const struct yt_problem *problem;
    const struct yt_schedule *schedule;
};

struct yt_kernels;

/** @return YT_OK; YT_COMPILE when the JIT does not start; YT_NO_MEMORY. */
enum yt_status yt_kernels_create(const struct yt_isa *isa,
                                 struct yt_kernels **kernels_out);

/** No build that uses them may be left. NULL is fine. */
void yt_kernels_destroy(struct yt_kernels *kernels);

const struct yt_isa *yt_kernels_isa(const struct yt_kernels *kernels);

/** How many there are. */
int32_t yt_kernels_count(struct yt_kernels *kernels);

/** Compile those of @p count wishes that are new, each once, on at most
 *  @p threads threads: LLVM contexts are private to each compilation.
 *  @return YT_OK; YT_COMPILE, YT_NO_MEMORY: what was compiled before stays. */
enum yt_status yt_kernels_compile(struct yt_kernels *kernels,
                                  const struct yt_kernel_wish *wishes,
                                  int32_t count, int32_t threads);

/** The kernel of (problem, schedule), compiled when it is new.
 *  @return as yt_kernels_compile(). */
enum yt_status yt_kernels_get(struct yt_kernels *kernels,
                              const struct yt_problem *problem,
                              const struct yt_schedule *schedule,
                              const struct yt_kernel **kernel_out);

/** The same without compiling: NULL when it was not. */
const struct yt_kernel *yt_kernels_find(struct yt_kernels *kernels,
                                        const struct yt_problem *problem,
                                        const struct yt_schedule *schedule);

#endif
