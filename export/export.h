#ifndef YT_EXPORT_H
#define YT_EXPORT_H

/* A tuned plan becomes files a product links:
 *
 *   DIR/lib/libNAME.a  DIR/lib/libNAME.so      code, constants, executor
 *   DIR/include/NAME.h  DIR/include/yolotune/  the API and the types it uses
 *   DIR/lib/pkgconfig/NAME.pc  DIR/lib/cmake/NAME/NAMEConfig.cmake
 *   DIR/manifest.json  DIR/plan.txt            what it was built from
 *
 * Nothing is chosen here: plan, kernels and constants come from the caller.
 * The system's C compiler and binutils do the linking; they are the only
 * programs started.
 */

#include "export/input.h"
#include "yolotune/status.h"

/** Longest NAME, with its terminating zero. */
#define YT_EXPORT_NAME_MAX 64

/** Write an export.
 *
 * All files are made in a hidden folder inside @p dir and moved into place one
 * by one at the end; the folder is removed in any case, and after a failure so
 * is every folder this call created. An older export in @p dir is replaced
 * file by file, after everything else succeeded.
 *
 * The environment's CC, LD, OBJCOPY and AR name the tools (default: cc, ld,
 * objcopy, ar). YOLOTUNE_RUNTIME_DIR names the folder with libyt_runtime.a
 * and its headers; without it they are looked for beside the executable.
 *
 * @param dir created when absent, its parents too.
 * @return YT_OK; YT_BAD_ARGUMENT for a name that is no C identifier of its own
 *         or a @p dir that is no folder; YT_NOT_FOUND naming the tool or the
 *         runtime that is missing; YT_IO naming the file that could not be
 *         written; YT_COMPILE with a tool's first line; YT_INTERRUPTED when a
 *         signal ended a tool; YT_UNSUPPORTED for constants past 1 GiB or a
 *         number that has no C literal; YT_NO_MEMORY.
 */
enum yt_status yt_export_write(const struct yt_export_input *in,
                               const char *dir);

/** What yt_export_write() would refuse before it looks at a plan: for callers
 *  with hours of work before that. Nothing is left in @p dir.
 *  @param name NULL: to be made from the model's.
 *  @return YT_OK; YT_BAD_ARGUMENT, YT_NOT_FOUND for the runtime, YT_IO and
 *          YT_NO_MEMORY as yt_export_write(). */
enum yt_status yt_export_check(const char *name, const char *dir);

/** Make NAME from a model's name: a C identifier that collides with no
 *  standard header, common library or symbol of the runtime.
 *  "yolov5n-v6.2" becomes "yolov5n_v6_2". */
void yt_export_name(const char *model, char name[YT_EXPORT_NAME_MAX]);

/** YT_OK when @p name can be used as it is; YT_BAD_ARGUMENT saying why not. */
enum yt_status yt_export_name_check(const char *name);

/** Whether a Python package can be called so: no keyword, no module of
 *  Python's own, and no '_' at the end. */
int yt_export_name_suits_python(const char *name);

#endif
