/* NMS class by class: the candidates of a piece are dealt into their classes,
 * and those of a class are decided on in vectors, one candidate in each lane,
 * against one kept box of the class after the other. What was kept is then told
 * in the order of scores. */

#include "codegen/algo.h"
#include "codegen/nms_parts.h"

/* How many candidates each class has, in cursor. */
static void count_classes(struct yt_emit_nms *n)
{
    struct yt_emit *e = n->e;
    struct yt_loop c, place;
    yt_emit_for(e, &c, "clear", yt_emit_i64(e, 0), n->classes, 1, 1);
    yt_emit_int_put(e, yt_emit_i64(e, 0), n->cursor, c.i);
    yt_emit_endfor(e, &c);
    yt_emit_for(e, &place, "count", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef class_id =
        yt_emit_nms_class(n, yt_emit_nms_candidate(n, place.i));
    yt_emit_int_put(e, yt_emit_addi(e, yt_emit_int(e, n->cursor, class_id), 1),
                    n->cursor, class_id);
    yt_emit_endfor(e, &place);
}

/* From how many to where each class begins. */
static void sum_classes(struct yt_emit_nms *n, LLVMValueRef sum)
{
    struct yt_emit *e = n->e;
    struct yt_loop c;
    yt_emit_set(e, sum, yt_emit_i64(e, 0));
    yt_emit_for(e, &c, "sum", yt_emit_i64(e, 0), n->classes, 1, 1);
    LLVMValueRef count = yt_emit_int(e, n->cursor, c.i);
    yt_emit_int_put(e, yt_emit_get(e, sum), n->cursor, c.i);
    yt_emit_set(e, sum, yt_emit_add(e, yt_emit_get(e, sum), count));
    yt_emit_endfor(e, &c);
}

/* Boxes to the tile; each class's cursor moves from its begin to its end. */
static void deal(struct yt_emit_nms *n, const struct yt_emit_columns *corners,
                 const struct yt_emit_columns *tile)
{
    struct yt_emit *e = n->e;
    LLVMValueRef begin = yt_emit_param(e, 1);
    struct yt_loop place;
    yt_emit_for(e, &place, "deal", begin, yt_emit_param(e, 2), 1, 0);
    LLVMValueRef candidate = yt_emit_nms_candidate(n, place.i);
    LLVMValueRef class_id = yt_emit_nms_class(n, candidate);
    LLVMValueRef at = yt_emit_int(e, n->cursor, class_id);
    const struct yt_emit_boxes box = yt_emit_box(e, corners, candidate);
    yt_emit_box_put(e, &box, tile, at);
    LLVMValueRef nth = yt_emit_sub(e, place.i, begin);
    yt_emit_int_put(e, nth, n->place, at);
    yt_emit_int_put(e, yt_emit_i64(e, 0), n->marked, nth);
    yt_emit_int_put(e, yt_emit_addi(e, at, 1), n->cursor, class_id);
    yt_emit_endfor(e, &place);
}

static void keep(void *user, LLVMValueRef at)
{
    struct yt_emit_nms *n = user;
    struct yt_emit *e = n->e;
    LLVMValueRef place = yt_emit_int(e, n->place, at);
    yt_emit_int_put(e, yt_emit_i64(e, 1), n->marked, place);
}

static void decide(struct yt_emit_nms *n, struct yt_emit_list *list,
                   const struct yt_emit_columns *tile, LLVMValueRef from)
{
    struct yt_emit *e = n->e;
    struct yt_loop c, at;
    yt_emit_set(e, from, yt_emit_i64(e, 0));
    yt_emit_for(e, &c, "class", yt_emit_i64(e, 0), n->classes, 1, 1);
    LLVMValueRef to = yt_emit_int(e, n->cursor, c.i);
    yt_emit_list_open(n, list, c.i);
    yt_emit_for(e, &at, "group", yt_emit_get(e, from), to, e->isa->lanes, 0);
    const struct yt_emit_group group = {tile, at.i, yt_emit_sub(e, to, at.i)};
    yt_emit_nms_group(n, &group, list, keep, n);
    yt_emit_endfor(e, &at);
    yt_emit_list_close(n, list, c.i);
    yt_emit_set(e, from, to);
    yt_emit_endfor(e, &c);
}

/* What is marked, in order. */
static void tell(struct yt_emit_nms *n)
{
    struct yt_emit *e = n->e;
    LLVMValueRef begin = yt_emit_param(e, 1);
    struct yt_loop place;
    struct yt_branch marked;
    yt_emit_for(e, &place, "tell", begin, yt_emit_param(e, 2), 1, 0);
    LLVMValueRef mark =
        yt_emit_int(e, n->marked, yt_emit_sub(e, place.i, begin));
    yt_emit_if(e, &marked, yt_emit_equal(e, mark, yt_emit_i64(e, 1)), "marked");
    yt_emit_nms_keep(n, yt_emit_nms_candidate(n, place.i));
    yt_emit_endif(e, &marked);
    yt_emit_break_if(e, &place, yt_emit_nms_is_full(n));
    yt_emit_endfor(e, &place);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)problem;
    struct yt_emit_nms n = yt_emit_nms_begin(e);
    struct yt_emit_columns corners = n.all, tile = n.tile, columns = n.lists;
    struct yt_emit_list list = {
        .columns = &columns,
        .used = yt_emit_var(e, e->i64, "used"),
        .block = s->ku,
    };
    LLVMValueRef from = yt_emit_var(e, e->i64, "from");
    corners.class_id = tile.class_id = columns.class_id = NULL;
    count_classes(&n);
    sum_classes(&n, from);
    deal(&n, &corners, &tile);
    decide(&n, &list, &tile, from);
    tell(&n);
    yt_emit_nms_end(&n);
}

const struct yt_algo yt_algo_nms_buckets = {
    .name = "buckets",
    .op = YT_OP_NMS,
    .knobs = YT_KNOB_BIT(KU) | YT_KNOB_BIT(TUNE),
    .applies = yt_nms_applies,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE},
    .body_count = 2,
    .values = yt_nms_values,
    .generate = generate,
};
