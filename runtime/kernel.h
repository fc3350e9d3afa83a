#ifndef YT_KERNEL_H
#define YT_KERNEL_H

/* The one kernel ABI. A step is a number of independent tasks; a kernel runs
 * the tasks [begin, end) of its step. Kernels are pure code: they keep no
 * state, call nothing, allocate nothing, and may run on any thread.
 *
 * Shapes and strides are constants inside the kernel; only pointers travel.
 */

#include <stdint.h>

typedef void (*yt_kernel_fn)(const void *args, int64_t begin, int64_t end);

/** Arguments of CONV2D, SPPF, MAXPOOL and UPSAMPLE kernels. Tensors are aligned
 *  to 64 bytes. */
struct yt_args {
    const void *in;
    void *out; /* SPPF: the three pooled tensors, one after the other */
    const void *weights; /* as packed for the schedule; CONV2D only */
    const float *bias;   /* [ceil(k/B)*B], zeros past k; CONV2D only */
    const void *add;     /* the addend, NULL when the problem has none */
    void *scratch;       /* plan.scratch_bytes of each thread's own, or NULL */
    float threshold;     /* of a lazy CONV2D: a logit; -INFINITY computes all */
};

#endif
