#ifndef YT_INSPECT_H
#define YT_INSPECT_H

#include "codegen/codegen.h"

/** Disassemble an object's code for @p isa: fill in code_bytes, spills and
 *  spills_total, and refuse an object that would call or link to anything
 *  outside itself.
 *
 *  A loop is what lies between a backward branch and its target; it is an
 *  innermost one when no other loop lies within.
 *  @return YT_OK; YT_COMPILE naming the stray symbol, or the byte that starts
 *          no instruction; YT_NO_MEMORY. */
enum yt_status yt_inspect_object(struct yt_object *object,
                                 const struct yt_isa *isa);

#endif
