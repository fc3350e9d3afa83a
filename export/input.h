#ifndef YT_EXPORT_INPUT_H
#define YT_EXPORT_INPUT_H

/* What an export is made from: see export/export.h. */

#include "codegen/codegen.h"
#include "runtime/plan.h"

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

    struct yt_export_kernel letterbox;
    struct yt_export_kernel nms[YT_NMS_MAX];       /* [plan->nms_count] */
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

#endif
