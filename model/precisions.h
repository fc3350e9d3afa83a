#ifndef YT_PRECISIONS_H
#define YT_PRECISIONS_H

/* What convolutions compute with, and the words for it: one table,
 * model/precisions.inc. */

#include "runtime/problem.h"

enum yt_precision {
#define YT_PRECISION(id, dtype, key, word) YT_PRECISION_##id,
#include "model/precisions.inc"
#undef YT_PRECISION
    YT_PRECISION_COUNT
};

/** "f32": in databases, plans and names of configurations. */
const char *yt_precision_key(enum yt_precision precision);

/** "fp32": what options take and reports say. */
const char *yt_precision_word(enum yt_precision precision);

/** The precision that a key or a word names.
 *  @return 0 for any other text. */
int yt_precision_find(const char *name, enum yt_precision *precision_out);

enum yt_precision yt_precision_of(enum yt_dtype dtype);

/** YT_DTYPE_COUNT for YT_PRECISION_MIXED, which is none alone. */
enum yt_dtype yt_precision_dtype(enum yt_precision precision);

#endif
