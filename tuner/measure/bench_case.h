#ifndef YT_BENCH_CASE_H
#define YT_BENCH_CASE_H

/* Buffers of one problem: inputs, what the reference makes of them, and a
 * guarded output for candidates. */

#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/op.h"

struct yt_case {
    struct yt_problem problem;
    const struct yt_isa *isa;
    void *in, *add;  /* of the problem's types */
    float *weights;  /* [k][c][r][r] */
    float *bias;     /* [k] */
    void *constants; /* packed */
    struct yt_integers integers;
    struct yt_weights filter; /* of the above */
    double *want;  /* before rounding to the output's type, integers as codes */
    char *guarded; /* output between two guard zones */
    char *scratch; /* of the schedule checked last, likewise; NULL: none */
    struct yt_tensors tensors;
    size_t in_bytes, out_elems, add_bytes, constant_bytes, scratch_bytes;
    double largest; /* of |want| */
};

/** Make inputs from a fixed seed and run the reference.
 *  @return YT_OK; YT_UNSUPPORTED for an operator without tensors;
 *          YT_NO_MEMORY. */
enum yt_status yt_case_create(const struct yt_problem *problem,
                              const struct yt_isa *isa,
                              struct yt_case **case_out);

/** Run a kernel once in two parts and compare. The error is relative to the
 * largest output for f32 and bf16; for integers it is in steps, past the half
 * step that rounding takes.
 *
 *  @param packed the filter in the schedule's layout; NULL without one.
 *  @param[out] error_out the largest.
 *  @return YT_OK; YT_MISMATCH with a sentence: error over
 *          yt_schedule_tolerance(), something left unwritten, or written
 *          outside; YT_NO_MEMORY.
 */
enum yt_status yt_case_check(struct yt_case *c, yt_kernel_fn kernel,
                             int64_t tasks, const struct yt_schedule *s,
                             const void *packed, double *error_out);

/** Arguments for timing the schedule that was checked last, valid until the
 *  next check. Lazy kernels find nothing
 *  over the threshold, as in nearly all cells of a real frame. */
struct yt_args yt_case_args(struct yt_case *c, const void *packed);

/** NULL is fine. */
void yt_case_destroy(struct yt_case *c);

#endif
