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

#include "codegen/codegen.h"
#include "runtime/plan.h"
#include "yolotune/status.h"

/** Longest NAME, with its terminating zero. */
#define YT_EXPORT_NAME_MAX 64

/** The code behind one step. Several steps may name the same symbol; its
 *  object is then linked once. */
struct yt_export_kernel {
    const char *symbol;             /* of the kernel function */
    const struct yt_object *object; /* holds it; NULL: the runtime itself does
                                       (schedule "c": yt_letterbox_c, ...) */
};

/** Everything is borrowed for the call. */
struct yt_export_input {
    const struct yt_plan *plan; /* its kernel pointers are ignored */
    const void *blob;           /* [plan->blob_bytes] */

    struct yt_export_kernel letterbox, iou;
    const struct yt_export_kernel *steps;          /* [plan->step_count] */
    struct yt_export_kernel decode[YT_LEVELS_MAX]; /* [plan->level_count] */

    const char *name;              /* NAME; NULL: made from plan->model */
    const char *model_format;      /* "pt", "onnx", "built-in" */
    const char *model_hash;        /* of the model file, hex */
    const char *precision;         /* "int8-HASH", as plan_text has it; NULL:
                                      "f32" */
    const char *plan_text;         /* for DIR/plan.txt; NULL: no such file */
    const char *llvm_version;      /* yt_codegen_llvm_version() */
    const char *generator_version; /* yt_codegen_version() */
};

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

#endif
