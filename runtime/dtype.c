/* The rows of dtypes.inc. */

#include "runtime/dtype.h"

#include <assert.h>

static const struct yt_dtype_row rows[] = {
#define YT_DTYPE(id, name, ...) {name, __VA_ARGS__},
#include "runtime/dtypes.inc"
#undef YT_DTYPE
};

const struct yt_dtype_row *yt_dtype_row(enum yt_dtype dtype)
{
    assert((unsigned)dtype < YT_DTYPE_COUNT);
    return &rows[dtype];
}

const char *yt_dtype_name(enum yt_dtype dtype)
{
    return (unsigned)dtype < YT_DTYPE_COUNT ? rows[dtype].name : "?";
}

int32_t yt_dtype_bytes(enum yt_dtype dtype)
{
    return yt_dtype_row(dtype)->bytes;
}

int yt_dtype_is_integer(enum yt_dtype dtype)
{
    return yt_dtype_row(dtype)->is_integer;
}

int yt_dtype_has_zero(enum yt_dtype dtype)
{
    const struct yt_dtype_row *row = yt_dtype_row(dtype);
    return row->is_integer && row->least == 0;
}
