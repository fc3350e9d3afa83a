#ifndef YT_FRAME_CASE_H
#define YT_FRAME_CASE_H

/* A test case for what a frame does before and behind the network: pixels to
 * frame, heads to decode, candidates to choose from. Inputs are such as frames
 * have, and the kernel in C says what is right: the letterbox and NMS give the
 * same bits, decoding the same cells and classes and values within rounding. */

#include "codegen/schedule.h"
#include "runtime/kernel.h"

struct yt_frame_case;

/** Whether there are such cases for an operator. */
int yt_frame_case_covers(enum yt_op op);

/** Make inputs from a fixed seed and run the kernel in C.
 *
 *  A letterbox gets a picture of 16 to 9, twice as wide as the input, as
 *  cameras give. A head has an object in one cell of a hundred. NMS gets as
 *  many candidates as the problem says, in clusters of twenty, all that is
 *  to be kept is, and another set each time.
 *
 *  @pre yt_frame_case_covers(problem->op).
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_frame_case_create(const struct yt_problem *problem,
                                    const struct yt_isa *isa,
                                    struct yt_frame_case **case_out);

/** Run a kernel once and compare.
 *  @param[out] error_out the largest, of a coordinate in input pixels or of a
 *              score; 0 where bits are compared.
 *  @return YT_OK; YT_MISMATCH with a sentence. */
enum yt_status yt_frame_case_check(struct yt_frame_case *c, yt_kernel_fn kernel,
                                   int64_t tasks, double *error_out);

/** What is timed. */
struct yt_frame_run {
    yt_kernel_fn kernel;
    const void *args; /* valid until the case goes or is asked again */
    int64_t tasks;
};

/** The first thread's share of a kernel's tasks; of NMS all of it, with putting
 *  candidates in order. */
struct yt_frame_run yt_frame_case_run(struct yt_frame_case *c,
                                      yt_kernel_fn kernel, int64_t tasks,
                                      int32_t threads);

/** NULL is fine. */
void yt_frame_case_destroy(struct yt_frame_case *c);

#endif
