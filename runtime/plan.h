#ifndef YT_PLAN_H
#define YT_PLAN_H

/* A plan: one tuned network as data. The tuner's JIT and an exported library
 * fill in the same structure and the same executor (runtime/model.h) runs it.
 *
 *   image u8 --letterbox--> [h][w][3] --steps--> head tensors
 *         --decode per level--> candidates --NMS--> boxes
 *
 * All tensors of a run live in one arena (the caller's workspace) at fixed
 * offsets; all constants live in one blob.
 */

#include <stdint.h>

#include "runtime/isa.h"
#include "runtime/kernel.h"
#include "runtime/problem.h"

#define YT_LAYER_NAME_MAX    64
#define YT_SCHEDULE_NAME_MAX 64
#define YT_LEVELS_MAX        4
#define YT_ANCHORS_MAX       8
#define YT_NMS_MAX           4
#define YT_ALIGN             64 /* bytes; tensors and constants */

struct yt_step {
    char name[YT_LAYER_NAME_MAX]; /* "model.2.cv1+cv2" */
    struct yt_problem problem;
    char schedule[YT_SCHEDULE_NAME_MAX]; /* as yt_schedule_name() prints it */
    yt_kernel_fn kernel;                 /* NULL until bound */
    int64_t tasks;                       /* independent tasks of one run */
    int64_t in, out, add;                /* bytes into the arena, -1: none */
    int64_t weights, bias;               /* bytes into the blob, -1: none */
};

struct yt_level {
    int64_t head;   /* bytes into the arena: [ceil(na*(5+nc)/B)][h][w][B] */
    int32_t h, w;   /* cells */
    int32_t stride; /* input pixels per cell */
    int32_t na;
    float anchors[YT_ANCHORS_MAX][2]; /* width, height in input pixels */
    struct yt_step decode;            /* problem, schedule, kernel, tasks */
};

struct yt_plan {
    char model[YT_LAYER_NAME_MAX]; /* "yolov5n" */
    const struct yt_isa *isa;
    int32_t h, w;               /* network input, pixels */
    int32_t nc;                 /* classes */
    const char *const *classes; /* [nc] names, borrowed */
    int32_t threads;            /* threads it was tuned for */

    struct yt_step letterbox; /* problem, schedule, kernel, tasks, out */
    struct yt_step *steps;    /* [step_count], in order of execution */
    int32_t step_count;
    struct yt_level levels[YT_LEVELS_MAX];
    int32_t level_count;
    /* NMS for some numbers of candidates, in rising order: what is fastest for
     * a hundred need not be for thousands. */
    struct yt_step nms[YT_NMS_MAX];
    int32_t nms_count;

    int64_t arena_bytes;   /* tensors only; the executor adds its own needs */
    int64_t scratch_bytes; /* per thread, 0 mostly */
    int64_t blob_bytes;    /* packed weights and biases */
};

#endif
