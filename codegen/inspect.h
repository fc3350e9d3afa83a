#ifndef YT_INSPECT_H
#define YT_INSPECT_H

#include "codegen/codegen.h"

/** Disassemble an object's code: fill in code_bytes and spills (vector
 *  accesses to the stack), and refuse an object that would call or link to
 *  anything outside itself.
 *  @return YT_OK; YT_COMPILE naming the stray symbol. */
enum yt_status yt_inspect_object(struct yt_object *object);

#endif
