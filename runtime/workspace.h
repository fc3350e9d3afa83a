#ifndef YT_WORKSPACE_H
#define YT_WORKSPACE_H

/* Piecewise use of one caller-owned buffer: sizes are added up once, each
 * piece at a multiple of YT_ALIGN, and the offsets serve every run. */

#include <stdint.h>

#include "runtime/plan.h"

/** The first multiple of YT_ALIGN at or past @p bytes. */
static inline int64_t yt_align(int64_t bytes)
{
    return (bytes + YT_ALIGN - 1) / YT_ALIGN * YT_ALIGN;
}

/** Offset of a new piece of @p bytes; *total_bytes grows past it. */
static inline int64_t yt_workspace_add(int64_t *total_bytes, int64_t bytes)
{
    const int64_t offset = *total_bytes;
    *total_bytes = offset + yt_align(bytes);
    return offset;
}

#endif
