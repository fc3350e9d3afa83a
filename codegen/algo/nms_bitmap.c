/* NMS by bitmap: a vector of candidates, one in each lane, is compared with one
 * kept box after the other, and a bit for each tells whether it is still alive.
 * Classes are compared along with boxes, so there is one list, and candidates
 * are taken as they come: best where there are few classes or few boxes. */

#include "codegen/algo.h"
#include "codegen/nms_parts.h"

/* Candidates at [from, to) of the order, as the first rows of the tile. */
static void copy(struct yt_emit_nms *n, LLVMValueRef from, LLVMValueRef to)
{
    struct yt_emit *e = n->e;
    struct yt_emit_columns corners = n->all;
    struct yt_loop place;
    corners.class_id = NULL;
    yt_emit_for(e, &place, "copy", from, to, 1, 1);
    LLVMValueRef candidate = yt_emit_nms_candidate(n, place.i);
    struct yt_emit_boxes box = yt_emit_box(e, &corners, candidate);
    box.class_id = yt_emit_to_i32(e, yt_emit_nms_class(n, candidate));
    LLVMValueRef at = yt_emit_sub(e, place.i, from);
    yt_emit_box_put(e, &box, &n->tile, at);
    yt_emit_int_put(e, candidate, n->place, at);
    yt_emit_endfor(e, &place);
}

/* Where max_det are kept already, the rest of the group is past it. */
static void keep(void *user, LLVMValueRef at)
{
    struct yt_emit_nms *n = user;
    struct yt_emit *e = n->e;
    struct yt_branch wanted;
    yt_emit_if(e, &wanted, yt_emit_less(e, yt_emit_get(e, n->kept), n->max_det),
               "wanted");
    yt_emit_nms_keep(n, yt_emit_int(e, n->place, at));
    yt_emit_endif(e, &wanted);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)problem;
    struct yt_emit_nms n = yt_emit_nms_begin(e);
    struct yt_emit_list list = {
        .columns = &n.lists,
        .used = yt_emit_var(e, e->i64, "used"),
        .block = s->ku,
    };
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef end = yt_emit_param(e, 2);
    struct yt_loop place;
    yt_emit_list_open(&n, &list, zero);
    yt_emit_for(e, &place, "place", yt_emit_param(e, 1), end, e->isa->lanes, 0);
    LLVMValueRef to =
        yt_emit_min(e, yt_emit_addi(e, place.i, e->isa->lanes), end);
    copy(&n, place.i, to);
    const struct yt_emit_group group = {&n.tile, zero,
                                        yt_emit_sub(e, to, place.i)};
    yt_emit_nms_group(&n, &group, &list, keep, &n);
    yt_emit_break_if(e, &place, yt_emit_nms_is_full(&n));
    yt_emit_endfor(e, &place);
    yt_emit_list_close(&n, &list, zero);
    yt_emit_nms_end(&n);
}

const struct yt_algo yt_algo_nms_bitmap = {
    .name = "bitmap",
    .op = YT_OP_NMS,
    .knobs = YT_KNOB_BIT(KU) | YT_KNOB_BIT(TUNE),
    .applies = yt_nms_applies,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE},
    .body_count = 2,
    .values = yt_nms_values,
    .generate = generate,
};
