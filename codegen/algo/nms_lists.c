/* NMS with a list of kept boxes for each class: a candidate is compared with a
 * few vectors of its list at a time and stops at the first that suppresses
 * it. */

#include "codegen/algo.h"
#include "codegen/nms_parts.h"
#include "runtime/nms.h"

/* Vectors of a list are whole: a task of it is a block of them. */
static int32_t block_of(const struct yt_schedule *s, const struct yt_isa *isa)
{
    return s->ku * isa->lanes;
}

/* 1 in the variable when a kept box of the list overlaps this one. */
static void compare(struct yt_emit_nms *n, const struct yt_emit_list *list,
                    const struct yt_emit_boxes *box, LLVMValueRef found)
{
    struct yt_emit *e = n->e;
    const struct yt_emit_boxes all = yt_emit_box_spread(e, box);
    struct yt_loop block;
    yt_emit_set(e, found, yt_emit_i64(e, 0));
    yt_emit_for(e, &block, "block", list->first,
                yt_emit_add(e, list->first, yt_emit_get(e, list->used)),
                list->block, 0);
    LLVMValueRef hit = NULL;
    for (int32_t i = 0; i < list->block; i += e->isa->lanes) {
        const struct yt_emit_boxes kept =
            yt_emit_boxes_at(e, list->columns, yt_emit_addi(e, block.i, i));
        LLVMValueRef more = yt_emit_overlaps(n, &kept, &all);
        hit = hit ? yt_emit_or(e, hit, more) : more;
    }
    LLVMValueRef any = yt_emit_any(e, hit);
    yt_emit_set(e, found,
                yt_emit_select(e, any, yt_emit_i64(e, 1), yt_emit_i64(e, 0)));
    yt_emit_break_if(e, &block, any);
    yt_emit_endfor(e, &block);
}

static void decide(struct yt_emit_nms *n, struct yt_emit_list *list,
                   const struct yt_emit_columns *corners,
                   LLVMValueRef candidate, LLVMValueRef found)
{
    struct yt_emit *e = n->e;
    struct yt_branch keep;
    LLVMValueRef class_id = yt_emit_nms_class(n, candidate);
    yt_emit_list_open(n, list, class_id);
    const struct yt_emit_boxes box = yt_emit_box(e, corners, candidate);
    compare(n, list, &box, found);
    yt_emit_if(e, &keep,
               yt_emit_equal(e, yt_emit_get(e, found), yt_emit_i64(e, 0)),
               "keep");
    yt_emit_list_append(e, list, &box);
    yt_emit_list_close(n, list, class_id);
    yt_emit_nms_keep(n, candidate);
    yt_emit_endif(e, &keep);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)problem;
    struct yt_emit_nms n = yt_emit_nms_begin(e);
    struct yt_emit_columns corners = n.all, columns = n.lists;
    struct yt_emit_list list = {
        .columns = &columns,
        .used = yt_emit_var(e, e->i64, "used"),
        .block = block_of(s, e->isa),
    };
    struct yt_loop place;
    corners.class_id = columns.class_id = NULL; /* a list is of one class */
    LLVMValueRef found = yt_emit_var(e, e->i64, "found");
    yt_emit_for(e, &place, "place", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    decide(&n, &list, &corners, yt_emit_nms_candidate(&n, place.i), found);
    yt_emit_break_if(e, &place, yt_emit_nms_is_full(&n));
    yt_emit_endfor(e, &place);
    yt_emit_nms_end(&n);
}

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    (void)p;
    return s->ku <= YT_NMS_BLOCK && YT_NMS_BLOCK % block_of(s, isa) == 0;
}

/* Fewer branches than with one vector at a time: where many boxes are kept and
 * each frame is another they cost more than the comparisons. */
static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    s->ku = 2;
    return applies(p, s, isa);
}

/* Boxes of one class each never meet, so lists need nothing but order. */
const struct yt_algo yt_algo_nms_lists = {
    .name = "lists",
    .op = YT_OP_NMS,
    .knobs = YT_KNOB_BIT(KU) | YT_KNOB_BIT(TUNE),
    .applies = applies,
    .first = first,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE},
    .body_count = 2,
    .values = yt_nms_values,
    .generate = generate,
};
