/* What the rows' references have in common. */

#include "runtime/reference.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/fail.h"

/* The widest block that a row's loops hold. */
#define LANES_MAX 64

enum yt_status yt_reference_exact(const struct yt_problem *p, int32_t lanes,
                                  const struct yt_args *args,
                                  const struct yt_integers *integers)
{
    assert(lanes >= 1 && lanes <= LANES_MAX);
    const struct yt_op_row *row = yt_op_row(p->op);
    YT_FAIL_IF(!row->exact, YT_UNSUPPORTED, "reference: %s has no exact one",
               row->name);
    return row->exact(p, lanes, args, integers);
}

enum yt_status yt_reference_values(const struct yt_problem *p, int32_t lanes,
                                   const struct yt_args *args,
                                   const struct yt_integers *integers,
                                   double *values_out)
{
    assert(lanes >= 1 && lanes <= LANES_MAX);
    const struct yt_op_row *row = yt_op_row(p->op);
    YT_FAIL_IF(!row->values && !row->exact, YT_UNSUPPORTED,
               "reference: %s has its own C kernel", row->name);
    if (row->values)
        return row->values(p, lanes, args, integers, values_out);
    YT_TRY(row->exact(p, lanes, args, integers));
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    const int64_t count = yt_tensor_elems(&t.out, lanes);
    for (int64_t i = 0; i < count; i++)
        values_out[i] = yt_dtype_load(p->out, args->out, i);
    return YT_OK;
}

static enum yt_status run_rounded(const struct yt_problem *p, int32_t lanes,
                                  const struct yt_args *args)
{
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    const int64_t count = yt_tensor_elems(&t.out, lanes);
    double *values = calloc((size_t)count, sizeof *values);
    YT_FAIL_IF(!values, YT_NO_MEMORY, "reference: no memory for %lld values",
               (long long)count);
    const enum yt_status status =
        yt_reference_values(p, lanes, args, NULL, values);
    for (int64_t i = 0; status == YT_OK && i < count; i++)
        yt_dtype_store(p->out, args->out, i, (float)values[i]);
    free(values);
    return status;
}

enum yt_status yt_reference_run(const struct yt_problem *p, int32_t lanes,
                                const struct yt_args *args)
{
    const struct yt_op_row *row = yt_op_row(p->op);
    const int plain = p->dtype == YT_DTYPE_F32 && p->out == YT_DTYPE_F32;
    YT_FAIL_IF(row->takes_integers && !plain, YT_UNSUPPORTED,
               "reference: %s of %s takes more than arguments", row->name,
               yt_dtype_name(p->dtype));
    return row->exact ? yt_reference_exact(p, lanes, args, NULL)
                      : run_rounded(p, lanes, args);
}
