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
    /* Of a band's member: tensors that lie in one of its buffers, counted from
     * 1; their offsets are bytes into the thread's scratch then. 0: arena. */
    int32_t in_buffer, out_buffer, add_buffer;
    int32_t row_tasks; /* of a band's member: tasks that make a row of output,
                          one after the other; those of all rows follow in
                          order, once or several times over. 0: no member */
};

#define YT_BANDS_MAX        16
#define YT_BAND_STEPS_MAX   32
#define YT_BAND_BUFFERS_MAX 24
#define YT_BUFFER_SLACK     64 /* bytes behind each buffer */

/** Rows of one tensor, or of all slices of a concat: [blocks][rows][...]. */
struct yt_buffer {
    int64_t at; /* bytes into the thread's scratch */
    int64_t
        row_bytes;  /* of a row of a channel block; an image's with padding */
    int32_t blocks; /* of channels */
    int32_t rows;   /* of each block in memory */
    int32_t h;      /* of the whole tensor */
    int32_t pad;    /* of an image: so many rows more above and below */
};

/** Steps that run together, a few rows at a time, see runtime/band.h. */
struct yt_band {
    int32_t first, count; /* steps [first, first + count) */
    int32_t rows;         /* of what the last member makes, at a time */
    int32_t letterbox;    /* 1: it is a member, before the first step */
    int32_t level; /* 0: none; i + 1: decoding of levels[i] is a member, behind
                      the last step, and the band runs when that level is
                      decoded */
    int32_t buffer_count;
    struct yt_buffer buffers[YT_BAND_BUFFERS_MAX];
};

struct yt_level {
    int64_t head;   /* bytes into the arena: see runtime/decode.h */
    int32_t h, w;   /* cells */
    int32_t stride; /* input pixels per cell */
    int32_t na;     /* 1 where there are no anchors */
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

    struct yt_band bands[YT_BANDS_MAX]; /* in the order of their steps */
    int32_t band_count;

    int64_t arena_bytes;   /* tensors only; the executor adds its own needs */
    int64_t scratch_bytes; /* per thread, 0 mostly; bands' buffers too */
    int64_t blob_bytes;    /* packed weights and biases */
};

#endif
