/* Problems as data: checked and counted by their operators' rows. */

#include "runtime/problem.h"

#include "runtime/fail.h"
#include "runtime/op.h"

static int types_are_fine(const struct yt_problem *p)
{
    const enum yt_op_types types = yt_op_row(p->op)->types;
    return types == YT_TYPES_ANY ||
           (types == YT_TYPES_DIFFER) == (p->out != p->dtype);
}

enum yt_status yt_problem_check(const struct yt_problem *p)
{
    YT_FAIL_IF((unsigned)p->op >= YT_OP_COUNT ||
                   (unsigned)p->dtype >= YT_DTYPE_COUNT,
               YT_BAD_ARGUMENT, "problem: unknown op or dtype");
    YT_FAIL_IF((unsigned)p->out >= YT_DTYPE_COUNT || !types_are_fine(p),
               YT_BAD_ARGUMENT, "%s from %s to %s", yt_op_name(p->op),
               yt_dtype_name(p->dtype), yt_dtype_name(p->out));
    return yt_op_row(p->op)->check(p);
}

uint64_t yt_problem_flops(const struct yt_problem *p)
{
    const struct yt_op_row *row = yt_op_row(p->op);
    return row->flops ? row->flops(p) : 0;
}
