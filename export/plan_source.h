#ifndef YT_PLAN_SOURCE_H
#define YT_PLAN_SOURCE_H

/* A plan as C source: constant data that the compiler lays out and the linker
 * binds to the kernels. */

#include <stdio.h>

#include "export/input.h"
#include "yolotune/status.h"

/** Write a C file that defines `const struct yt_bundle yt_export_bundle`; it
 *  refers to the kernels by symbol and to the constants by the assembler
 *  symbol yt_export_blob.
 *
 * @param file  text; the caller checks ferror().
 * @return YT_OK; YT_UNSUPPORTED for an anchor that is not finite;
 *         YT_BAD_ARGUMENT for a kernel's symbol that is no C identifier.
 */
enum yt_status yt_export_plan_source(const struct yt_export_input *in,
                                     FILE *file);

#endif
