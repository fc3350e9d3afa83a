#ifndef YT_DTYPE_H
#define YT_DTYPE_H

/* What a tensor is made of. A stored element is a number, or the code of one:
 * runtime/integers.h tells what a code stands for. */

#include <stdint.h>

enum yt_dtype {
#define YT_DTYPE(id, name, ...) YT_DTYPE_##id,
#include "runtime/dtypes.inc"
#undef YT_DTYPE
    YT_DTYPE_COUNT
};

struct yt_dtype_row {
    const char *name;
    int32_t bytes;       /* of an activation */
    int32_t precision;   /* higher is more precise */
    int32_t is_integer;  /* 1: elements are codes, with a step */
    int32_t least, most; /* codes */
};

/** @pre dtype < YT_DTYPE_COUNT. */
const struct yt_dtype_row *yt_dtype_row(enum yt_dtype dtype);

/** "?" when there is no such type. */
const char *yt_dtype_name(enum yt_dtype dtype);

/** Bytes of one activation element. */
int32_t yt_dtype_bytes(enum yt_dtype dtype);

/** Whether values of this type are integers with a step. */
int yt_dtype_is_integer(enum yt_dtype dtype);

/** Whether codes are unsigned, so that some code other than 0 means zero. */
int yt_dtype_has_zero(enum yt_dtype dtype);

/* Of references and tests, in runtime/dtype_value.c: no product has it. */

/** Element @p i as a number, a code as itself; exact. */
double yt_dtype_load(enum yt_dtype dtype, const void *tensor, int64_t i);

/** Make @p value element @p i: to nearest, ties to even, within the codes; what
 *  is not a number becomes the least code. bf16 as yt_bf16_of(). */
void yt_dtype_store(enum yt_dtype dtype, void *tensor, int64_t i, float value);

/** Element @p i as an integer that is larger where the value is; -0 is below
 *  0, and what is not a number beyond the infinities. */
int32_t yt_dtype_order(enum yt_dtype dtype, const void *tensor, int64_t i);

#endif
