#ifndef YT_BENCH_CASE_H
#define YT_BENCH_CASE_H

/* Buffers of one problem: inputs, the reference's output, and a guarded
 * output for candidates. */

#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/kernel.h"

struct yt_case {
    struct yt_problem problem;
    const struct yt_isa *isa;
    float *in, *add, *weights, *bias; /* weights [k][c][r][r] */
    struct yt_weights filter;         /* of them */
    float *want;                      /* the reference's output */
    char *guarded;                    /* output between two guard zones */
    size_t in_elems, out_elems, add_elems, weight_elems, bias_elems;
    double largest; /* of |want| */
};

/** Make inputs from a fixed seed and run the reference.
 *  @return YT_OK; YT_UNSUPPORTED for an operator without tensors;
 *          YT_NO_MEMORY. */
enum yt_status yt_case_create(const struct yt_problem *problem,
                              const struct yt_isa *isa,
                              struct yt_case **case_out);

/** Run a kernel once in two parts and compare.
 *  @param packed the filter in the schedule's layout; NULL without one.
 *  @param[out] error_out largest error relative to the largest output.
 *  @return YT_OK; YT_MISMATCH with a sentence: error over @p tolerance,
 *          something left unwritten, or written outside. */
enum yt_status yt_case_check(struct yt_case *c, yt_kernel_fn kernel,
                             int64_t tasks, const void *packed,
                             double tolerance, double *error_out);

/** Arguments for timing, valid until the case goes. Lazy kernels find nothing
 *  over the threshold, as in nearly all cells of a real frame. */
struct yt_args yt_case_args(struct yt_case *c, const void *packed);

/** NULL is fine. */
void yt_case_destroy(struct yt_case *c);

#endif
