/* One box against a list, for NMS: a block of boxes at a time, stopping at the
 * first block with an overlap. Additions and products are those of
 * runtime/nms.h in the same order, so the decision is the same bit for bit. */

#include <stddef.h>

#include "codegen/algo.h"
#include "codegen/emit.h"
#include "runtime/nms.h"

struct iou {
    struct yt_emit *e;
    LLVMValueRef x0, y0, x1, y1, area;                     /* arrays */
    LLVMValueRef box_x0, box_y0, box_x1, box_y1, box_area; /* spread */
    LLVMValueRef threshold;
};

static LLVMValueRef pointer(struct yt_emit *e, size_t offset, const char *name)
{
    return yt_emit_field(e, yt_emit_param(e, 0), e->ptr, (int64_t)offset, name);
}

static LLVMValueRef spread(struct yt_emit *e, size_t offset)
{
    return yt_emit_broadcast(e, yt_emit_param(e, 0), (int64_t)offset);
}

/* Lanes of boxes from byte offset at on; rest masks those that exist, NULL:
 * all. What is not loaded counts as an empty box. */
static LLVMValueRef load(struct iou *v, LLVMValueRef array, LLVMValueRef at,
                         LLVMValueRef rest)
{
    struct yt_emit *e = v->e;
    LLVMValueRef address = yt_emit_index(e, array, at);
    if (rest)
        return yt_emit_load_masked(e, address, rest, yt_emit_splat(e, 0));
    return yt_emit_load(e, e->vec, address, 4);
}

/* A mask of the boxes that overlap by more than the threshold. */
static LLVMValueRef overlaps(struct iou *v, LLVMValueRef at, LLVMValueRef rest)
{
    struct yt_emit *e = v->e;
    LLVMValueRef zero = yt_emit_splat(e, 0);
    LLVMValueRef w =
        yt_emit_fsub(e, yt_emit_fmin(e, load(v, v->x1, at, rest), v->box_x1),
                     yt_emit_fmax(e, load(v, v->x0, at, rest), v->box_x0));
    LLVMValueRef h =
        yt_emit_fsub(e, yt_emit_fmin(e, load(v, v->y1, at, rest), v->box_y1),
                     yt_emit_fmax(e, load(v, v->y0, at, rest), v->box_y0));
    LLVMValueRef inter =
        yt_emit_fmul(e, yt_emit_fmax(e, w, zero), yt_emit_fmax(e, h, zero));
    LLVMValueRef both = yt_emit_fsub(
        e, yt_emit_fadd(e, load(v, v->area, at, rest), v->box_area), inter);
    LLVMValueRef hit =
        yt_emit_fgreater(e, inter, yt_emit_fmul(e, v->threshold, both));
    return rest ? yt_emit_and(e, hit, rest) : hit;
}

/* Whether a block has an overlap. */
static LLVMValueRef block_hits(struct iou *v, LLVMValueRef first, int32_t block)
{
    struct yt_emit *e = v->e;
    const int32_t lanes = e->isa->lanes;
    LLVMValueRef hit = NULL;
    for (int32_t i = 0; i < block; i += lanes) {
        LLVMValueRef rest =
            block - i < lanes
                ? yt_emit_first_lanes(e, yt_emit_i64(e, block - i))
                : NULL;
        LLVMValueRef at = yt_emit_muli(e, yt_emit_addi(e, first, i), 4);
        LLVMValueRef more = overlaps(v, at, rest);
        hit = hit ? yt_emit_or(e, hit, more) : more;
    }
    return yt_emit_any(e, hit);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)s;
    const int32_t block = problem->u.iou.block;
    struct iou v = {
        .e = e,
        .x0 = pointer(e, offsetof(struct yt_iou_args, x0), "x0"),
        .y0 = pointer(e, offsetof(struct yt_iou_args, y0), "y0"),
        .x1 = pointer(e, offsetof(struct yt_iou_args, x1), "x1"),
        .y1 = pointer(e, offsetof(struct yt_iou_args, y1), "y1"),
        .area = pointer(e, offsetof(struct yt_iou_args, area), "area"),
        .box_x0 = spread(e, offsetof(struct yt_iou_args, box_x0)),
        .box_y0 = spread(e, offsetof(struct yt_iou_args, box_y0)),
        .box_x1 = spread(e, offsetof(struct yt_iou_args, box_x1)),
        .box_y1 = spread(e, offsetof(struct yt_iou_args, box_y1)),
        .box_area = spread(e, offsetof(struct yt_iou_args, box_area)),
        .threshold = spread(e, offsetof(struct yt_iou_args, threshold)),
    };
    LLVMValueRef hit_out =
        pointer(e, offsetof(struct yt_iou_args, hit_out), "hit_out");
    struct yt_loop task;
    struct yt_branch branch;
    LLVMValueRef zero = yt_emit_i32(e, 0);
    LLVMValueRef found = yt_emit_var(e, e->i32, "found");
    yt_emit_set(e, found, zero);
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef hit = block_hits(&v, yt_emit_muli(e, task.i, block), block);
    yt_emit_set(e, found, yt_emit_select(e, hit, yt_emit_i32(e, 1), zero));
    yt_emit_break_if(e, &task, hit);
    yt_emit_endfor(e, &task);
    LLVMValueRef answer = yt_emit_get(e, found);
    yt_emit_if(e, &branch, yt_emit_less(e, zero, answer), "found");
    yt_emit_store(e, answer, hit_out, 4);
    yt_emit_endif(e, &branch);
}

/* The caller says how many blocks there are; to a plan it is one task. */
const struct yt_algo yt_algo_iou = {
    .name = "rows",
    .op = YT_OP_IOU,
    .knobs = YT_KNOB_BIT(TUNE),
    .bodies = {YT_KNOB_TUNE},
    .body_count = 1,
    .generate = generate,
};
