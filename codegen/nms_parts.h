#ifndef YT_NMS_PARTS_H
#define YT_NMS_PARTS_H

/* What the kernels of NMS share: their arguments, boxes in registers and the
 * decision whether two overlap, which is that of runtime/nms.h bit for bit. */

#include "codegen/algo.h"
#include "codegen/emit.h"

/** One box or a vector of them; class_id may be NULL. */
struct yt_emit_boxes {
    LLVMValueRef x0, y0, x1, y1, area, class_id;
};

/** Arrays of boxes in memory. */
struct yt_emit_columns {
    LLVMValueRef x0, y0, x1, y1, area, class_id; /* NULL: none */
};

/** struct yt_nms_args, loaded. */
struct yt_emit_nms {
    struct yt_emit *e;
    struct yt_emit_columns all, lists, tile;
    LLVMValueRef order, first, used, place, cursor, marked, kept_out;
    LLVMValueRef classes, max_det, class_mask; /* i64, i64, i32 */
    LLVMValueRef threshold;                    /* in every lane */
    LLVMValueRef kept, alive;                  /* variables, i64 */
};

/** Entry i (i64) of an array of int32_t, as i64. */
LLVMValueRef yt_emit_int(struct yt_emit *e, LLVMValueRef array, LLVMValueRef i);
void yt_emit_int_put(struct yt_emit *e, LLVMValueRef value, LLVMValueRef array,
                     LLVMValueRef i);

struct yt_emit_nms yt_emit_nms_begin(struct yt_emit *e);
/** Tell how many were kept. */
void yt_emit_nms_end(struct yt_emit_nms *n);

/** The candidate (i64) at a place (i64) of the order, and its class (i64). */
LLVMValueRef yt_emit_nms_candidate(struct yt_emit_nms *n, LLVMValueRef place);
LLVMValueRef yt_emit_nms_class(struct yt_emit_nms *n, LLVMValueRef candidate);

/** Box i (i64) of columns; its area is computed where they have none. */
struct yt_emit_boxes yt_emit_box(struct yt_emit *e,
                                 const struct yt_emit_columns *columns,
                                 LLVMValueRef i);
/** Boxes i to i + lanes - 1, likewise. */
struct yt_emit_boxes yt_emit_boxes_at(struct yt_emit *e,
                                      const struct yt_emit_columns *columns,
                                      LLVMValueRef i);
/** The same box in every lane. */
struct yt_emit_boxes yt_emit_box_spread(struct yt_emit *e,
                                        const struct yt_emit_boxes *box);
/** Store one box as number i of columns. */
void yt_emit_box_put(struct yt_emit *e, const struct yt_emit_boxes *box,
                     const struct yt_emit_columns *columns, LLVMValueRef i);

/** A mask of the lanes whose boxes overlap by more than the threshold; of
 *  different classes none do, where both have classes. */
LLVMValueRef yt_emit_overlaps(struct yt_emit_nms *n,
                              const struct yt_emit_boxes *a,
                              const struct yt_emit_boxes *b);

/** A list of kept boxes that grows. */
struct yt_emit_list {
    const struct yt_emit_columns *columns;
    LLVMValueRef first; /* i64 */
    LLVMValueRef used;  /* variable, i64 */
    int32_t block;      /* whole blocks of it may be read */
};

/** Begin with the list of a class (i64), and store how long it is now. */
void yt_emit_list_open(struct yt_emit_nms *n, struct yt_emit_list *list,
                       LLVMValueRef class_id);
void yt_emit_list_close(struct yt_emit_nms *n, const struct yt_emit_list *list,
                        LLVMValueRef class_id);

/** Append a box; what is behind it in its block overlaps nothing. */
void yt_emit_list_append(struct yt_emit *e, const struct yt_emit_list *list,
                         const struct yt_emit_boxes *box);

/** Candidates that are compared together, a vector of them. */
struct yt_emit_group {
    const struct yt_emit_columns *columns;
    LLVMValueRef at;    /* i64, in columns */
    LLVMValueRef count; /* i64; the first count lanes, more than lanes: all */
};

/** Decide on a group, best first: against a list, list->block of its boxes at a
 *  time, then among each other. Kept boxes are appended to the list, and
 *  keep(user, place in columns) is called where each is known. */
void yt_emit_nms_group(struct yt_emit_nms *n, const struct yt_emit_group *group,
                       const struct yt_emit_list *list,
                       void (*keep)(void *user, LLVMValueRef at), void *user);

/** Write down a candidate (i64) as kept. */
void yt_emit_nms_keep(struct yt_emit_nms *n, LLVMValueRef candidate);

/** Whether as many are kept as are wanted. */
LLVMValueRef yt_emit_nms_is_full(struct yt_emit_nms *n);

/* What their rows share. */

/** Whether lists hold whole blocks of ku boxes. */
int yt_nms_applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa);

/** Values of their knobs. */
int32_t yt_nms_values(const struct yt_problem *p, const struct yt_isa *isa,
                      enum yt_knob_id knob, int32_t values[YT_VALUES_MAX]);

#endif
