#ifndef YT_PROBLEM_H
#define YT_PROBLEM_H

/* One operator instance to be solved: WHAT to compute, never HOW. Its data and
 * the layout of tensors are in runtime/op_params.h; what is known of its
 * operator stands in a row, see runtime/op.h. */

#include "runtime/op_params.h"
#include "yolotune/status.h"

/** Longest name yt_problem_name() writes, with its terminating zero. */
#define YT_PROBLEM_NAME_MAX 96

/** Check every rule the member comments state (bar the ISA's lanes).
 *
 * This is the only validation: code past it may assert instead of checking.
 *
 * @return YT_OK; YT_BAD_ARGUMENT when a rule is broken; YT_UNSUPPORTED when an
 *         element count would not fit in int32_t.
 */
enum yt_status yt_problem_check(const struct yt_problem *p);

/** Write the canonical name, e.g. "conv2d-f32-64x80x80-k128r3s2p1-silu", with
 * both types where they differ: "conv2d-u8s8_f32-64x80x80-k255r1s1p0".
 *
 * The name is the problem's identity in logs and in the database, so changing
 * the format is a schema change.
 *
 * @pre yt_problem_check(p) == YT_OK.
 */
void yt_problem_name(const struct yt_problem *p,
                     char name[YT_PROBLEM_NAME_MAX]);

/** Read back what yt_problem_name() wrote.
 *  @return YT_OK or YT_BAD_ARGUMENT. */
enum yt_status yt_problem_parse(const char *name, struct yt_problem *p_out);

/** Arithmetic in one call, in flops; a multiply-add counts as two, and taps
 *  that fall on padding count too, as every peer counts them. Of a lazy head
 *  only the objectness channels count: what else is computed depends on the
 *  image, and is next to nothing. */
uint64_t yt_problem_flops(const struct yt_problem *p);

#endif
