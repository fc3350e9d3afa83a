/* See codegen/nms_parts.h. Additions and products are those of runtime/nms.h in
 * the same order; a sum of two areas is the same either way round. */

#include "codegen/nms_parts.h"

#include <float.h>
#include <stddef.h>

#include "runtime/nms.h"

static LLVMValueRef pointer(struct yt_emit *e, size_t offset, const char *name)
{
    return yt_emit_field(e, yt_emit_param(e, 0), e->ptr, (int64_t)offset, name);
}

static LLVMValueRef number(struct yt_emit *e, size_t offset, const char *name)
{
    return yt_emit_field(e, yt_emit_param(e, 0), e->i32, (int64_t)offset, name);
}

static LLVMValueRef element(struct yt_emit *e, LLVMValueRef array,
                            LLVMValueRef i)
{
    return yt_emit_index(e, array, yt_emit_muli(e, i, 4));
}

LLVMValueRef yt_emit_int(struct yt_emit *e, LLVMValueRef array, LLVMValueRef i)
{
    return yt_emit_to_i64(e, yt_emit_load(e, e->i32, element(e, array, i), 4));
}

void yt_emit_int_put(struct yt_emit *e, LLVMValueRef value, LLVMValueRef array,
                     LLVMValueRef i)
{
    yt_emit_store(e, yt_emit_to_i32(e, value), element(e, array, i), 4);
}

#define POINTER(e, field)                                                      \
    pointer(e, offsetof(struct yt_nms_args, field), #field)
#define NUMBER(e, field) number(e, offsetof(struct yt_nms_args, field), #field)

struct yt_emit_nms yt_emit_nms_begin(struct yt_emit *e)
{
    struct yt_emit_nms n = {
        .e = e,
        .all = {.x0 = POINTER(e, all.x0),
                .y0 = POINTER(e, all.y0),
                .x1 = POINTER(e, all.x1),
                .y1 = POINTER(e, all.y1),
                .class_id = POINTER(e, all.class_id)},
        .lists = {.x0 = POINTER(e, lists.x0),
                  .y0 = POINTER(e, lists.y0),
                  .x1 = POINTER(e, lists.x1),
                  .y1 = POINTER(e, lists.y1),
                  .area = POINTER(e, lists.area),
                  .class_id = POINTER(e, lists.class_id)},
        .tile = {.x0 = POINTER(e, tile.x0),
                 .y0 = POINTER(e, tile.y0),
                 .x1 = POINTER(e, tile.x1),
                 .y1 = POINTER(e, tile.y1),
                 .class_id = POINTER(e, tile.class_id)},
        .order = POINTER(e, order),
        .first = POINTER(e, lists.first),
        .used = POINTER(e, lists.used),
        .place = POINTER(e, tile.place),
        .cursor = POINTER(e, tile.cursor),
        .marked = POINTER(e, tile.marked),
        .kept_out = POINTER(e, kept_out),
        .classes = yt_emit_to_i64(e, NUMBER(e, classes)),
        .max_det = yt_emit_to_i64(e, NUMBER(e, max_det)),
        .class_mask = NUMBER(e, class_mask),
        .threshold = yt_emit_broadcast(e, yt_emit_param(e, 0),
                                       offsetof(struct yt_nms_args, threshold)),
        .kept = yt_emit_var(e, e->i64, "kept"),
        .alive = yt_emit_var(e, e->i64, "alive"),
    };
    LLVMValueRef before = yt_emit_load(e, e->i32, POINTER(e, kept_count), 4);
    yt_emit_set(e, n.kept, yt_emit_to_i64(e, before));
    return n;
}

void yt_emit_nms_end(struct yt_emit_nms *n)
{
    struct yt_emit *e = n->e;
    yt_emit_store(e, yt_emit_to_i32(e, yt_emit_get(e, n->kept)),
                  POINTER(e, kept_count), 4);
}

LLVMValueRef yt_emit_nms_candidate(struct yt_emit_nms *n, LLVMValueRef place)
{
    struct yt_emit *e = n->e;
    LLVMValueRef key = yt_emit_index(e, n->order, yt_emit_muli(e, place, 8));
    return yt_emit_to_i64(e, yt_emit_load(e, e->i32, key, 4));
}

LLVMValueRef yt_emit_nms_class(struct yt_emit_nms *n, LLVMValueRef candidate)
{
    struct yt_emit *e = n->e;
    LLVMValueRef class_id =
        yt_emit_load(e, e->i32, element(e, n->all.class_id, candidate), 4);
    return yt_emit_to_i64(e, yt_emit_and(e, class_id, n->class_mask));
}

static LLVMValueRef area_of(struct yt_emit *e, const struct yt_emit_boxes *box)
{
    return yt_emit_fmul(e, yt_emit_fsub(e, box->x1, box->x0),
                        yt_emit_fsub(e, box->y1, box->y0));
}

static struct yt_emit_boxes load(struct yt_emit *e,
                                 const struct yt_emit_columns *columns,
                                 LLVMValueRef i, LLVMTypeRef floats,
                                 LLVMTypeRef integers)
{
    struct yt_emit_boxes box = {
        .x0 = yt_emit_load(e, floats, element(e, columns->x0, i), 4),
        .y0 = yt_emit_load(e, floats, element(e, columns->y0, i), 4),
        .x1 = yt_emit_load(e, floats, element(e, columns->x1, i), 4),
        .y1 = yt_emit_load(e, floats, element(e, columns->y1, i), 4),
    };
    box.area = columns->area
                   ? yt_emit_load(e, floats, element(e, columns->area, i), 4)
                   : area_of(e, &box);
    if (columns->class_id)
        box.class_id =
            yt_emit_load(e, integers, element(e, columns->class_id, i), 4);
    return box;
}

struct yt_emit_boxes yt_emit_box(struct yt_emit *e,
                                 const struct yt_emit_columns *columns,
                                 LLVMValueRef i)
{
    return load(e, columns, i, e->f32, e->i32);
}

struct yt_emit_boxes yt_emit_boxes_at(struct yt_emit *e,
                                      const struct yt_emit_columns *columns,
                                      LLVMValueRef i)
{
    return load(e, columns, i, e->vec, e->veci);
}

struct yt_emit_boxes yt_emit_box_spread(struct yt_emit *e,
                                        const struct yt_emit_boxes *box)
{
    return (struct yt_emit_boxes){
        .x0 = yt_emit_spread(e, box->x0),
        .y0 = yt_emit_spread(e, box->y0),
        .x1 = yt_emit_spread(e, box->x1),
        .y1 = yt_emit_spread(e, box->y1),
        .area = yt_emit_spread(e, box->area),
        .class_id = box->class_id ? yt_emit_spread_i32(e, box->class_id) : NULL,
    };
}

void yt_emit_box_put(struct yt_emit *e, const struct yt_emit_boxes *box,
                     const struct yt_emit_columns *columns, LLVMValueRef i)
{
    yt_emit_store(e, box->x0, element(e, columns->x0, i), 4);
    yt_emit_store(e, box->y0, element(e, columns->y0, i), 4);
    yt_emit_store(e, box->x1, element(e, columns->x1, i), 4);
    yt_emit_store(e, box->y1, element(e, columns->y1, i), 4);
    if (columns->area)
        yt_emit_store(e, box->area, element(e, columns->area, i), 4);
    if (columns->class_id)
        yt_emit_store(e, box->class_id, element(e, columns->class_id, i), 4);
}

LLVMValueRef yt_emit_overlaps(struct yt_emit_nms *n,
                              const struct yt_emit_boxes *a,
                              const struct yt_emit_boxes *b)
{
    struct yt_emit *e = n->e;
    LLVMValueRef zero = yt_emit_splat(e, 0);
    LLVMValueRef w = yt_emit_fsub(e, yt_emit_fmin(e, a->x1, b->x1),
                                  yt_emit_fmax(e, a->x0, b->x0));
    LLVMValueRef h = yt_emit_fsub(e, yt_emit_fmin(e, a->y1, b->y1),
                                  yt_emit_fmax(e, a->y0, b->y0));
    LLVMValueRef inter =
        yt_emit_fmul(e, yt_emit_fmax(e, w, zero), yt_emit_fmax(e, h, zero));
    LLVMValueRef both =
        yt_emit_fsub(e, yt_emit_fadd(e, a->area, b->area), inter);
    LLVMValueRef hit =
        yt_emit_fgreater(e, inter, yt_emit_fmul(e, n->threshold, both));
    if (a->class_id && b->class_id)
        hit = yt_emit_and(e, hit, yt_emit_equal(e, a->class_id, b->class_id));
    return hit;
}

void yt_emit_nms_keep(struct yt_emit_nms *n, LLVMValueRef candidate)
{
    struct yt_emit *e = n->e;
    LLVMValueRef kept = yt_emit_get(e, n->kept);
    yt_emit_int_put(e, candidate, n->kept_out, kept);
    yt_emit_set(e, n->kept, yt_emit_addi(e, kept, 1));
}

LLVMValueRef yt_emit_nms_is_full(struct yt_emit_nms *n)
{
    return yt_emit_equal(n->e, yt_emit_get(n->e, n->kept), n->max_det);
}

void yt_emit_list_open(struct yt_emit_nms *n, struct yt_emit_list *list,
                       LLVMValueRef class_id)
{
    list->first = yt_emit_int(n->e, n->first, class_id);
    yt_emit_set(n->e, list->used, yt_emit_int(n->e, n->used, class_id));
}

void yt_emit_list_close(struct yt_emit_nms *n, const struct yt_emit_list *list,
                        LLVMValueRef class_id)
{
    struct yt_emit *e = n->e;
    yt_emit_int_put(e, yt_emit_get(e, list->used), n->used, class_id);
}

/* Boxes inside out, and without end: whatever the other box is, even one of
 * negative area, they do not overlap. */
static void open_block(struct yt_emit *e, const struct yt_emit_list *list,
                       LLVMValueRef at)
{
    const struct yt_emit_boxes none = {
        .x0 = yt_emit_f32(e, 1),
        .y0 = yt_emit_f32(e, 1),
        .x1 = yt_emit_f32(e, 0),
        .y1 = yt_emit_f32(e, 0),
        .area = yt_emit_f32(e, FLT_MAX),
        .class_id = yt_emit_i32(e, 0),
    };
    const int32_t lanes = e->isa->lanes;
    const struct yt_emit_boxes all = {
        .x0 = yt_emit_splat(e, 1),
        .y0 = yt_emit_splat(e, 1),
        .x1 = yt_emit_splat(e, 0),
        .y1 = yt_emit_splat(e, 0),
        .area = yt_emit_splat(e, FLT_MAX),
        .class_id = yt_emit_splat_i32(e, 0),
    };
    /* Both are powers of two. */
    const int32_t step = list->block < lanes ? 1 : lanes;
    for (int32_t i = 0; i < list->block; i += step)
        yt_emit_box_put(e, step == 1 ? &none : &all, list->columns,
                        yt_emit_addi(e, at, i));
}

void yt_emit_list_append(struct yt_emit *e, const struct yt_emit_list *list,
                         const struct yt_emit_boxes *box)
{
    LLVMValueRef used = yt_emit_get(e, list->used);
    LLVMValueRef at = yt_emit_add(e, list->first, used);
    struct yt_branch fresh;
    if (list->block > 1) {
        LLVMValueRef rest = yt_emit_modi(e, used, list->block);
        yt_emit_if(e, &fresh, yt_emit_equal(e, rest, yt_emit_i64(e, 0)),
                   "fresh");
        open_block(e, list, at);
        yt_emit_endif(e, &fresh);
    }
    yt_emit_box_put(e, box, list->columns, at);
    yt_emit_set(e, list->used, yt_emit_addi(e, used, 1));
}

/* Those that are struck out are no longer alive. */
static void strike(struct yt_emit_nms *n, LLVMValueRef alive,
                   LLVMValueRef overlap)
{
    struct yt_emit *e = n->e;
    LLVMValueRef struck = yt_emit_and(e, alive, yt_emit_mask_bits(e, overlap));
    yt_emit_set(e, n->alive, yt_emit_sub(e, alive, struck));
}

static LLVMValueRef none_alive(struct yt_emit_nms *n)
{
    return yt_emit_equal(n->e, yt_emit_get(n->e, n->alive),
                         yt_emit_i64(n->e, 0));
}

static void compare_with_list(struct yt_emit_nms *n,
                              const struct yt_emit_boxes *boxes,
                              const struct yt_emit_list *list)
{
    struct yt_emit *e = n->e;
    struct yt_loop kept;
    yt_emit_for(e, &kept, "kept", list->first,
                yt_emit_add(e, list->first, yt_emit_get(e, list->used)),
                list->block, 0);
    LLVMValueRef hit = NULL;
    for (int32_t i = 0; i < list->block; i++) {
        const struct yt_emit_boxes one =
            yt_emit_box(e, list->columns, yt_emit_addi(e, kept.i, i));
        const struct yt_emit_boxes spread = yt_emit_box_spread(e, &one);
        LLVMValueRef more = yt_emit_overlaps(n, &spread, boxes);
        hit = hit ? yt_emit_or(e, hit, more) : more;
    }
    strike(n, yt_emit_get(e, n->alive), hit);
    yt_emit_break_if(e, &kept, none_alive(n));
    yt_emit_endfor(e, &kept);
}

/* The first that is alive is kept and strikes out what it overlaps; itself it
 * need not overlap, having no area. */
static void settle(struct yt_emit_nms *n, const struct yt_emit_group *group,
                   const struct yt_emit_boxes *boxes,
                   const struct yt_emit_list *list,
                   void (*keep)(void *user, LLVMValueRef at), void *user)
{
    struct yt_emit *e = n->e;
    struct yt_loop turn;
    yt_emit_for(e, &turn, "turn", yt_emit_i64(e, 0),
                yt_emit_i64(e, e->isa->lanes), 1, 1);
    yt_emit_break_if(e, &turn, none_alive(n));
    LLVMValueRef alive = yt_emit_get(e, n->alive);
    LLVMValueRef at = yt_emit_add(e, group->at, yt_emit_lowest_bit(e, alive));
    const struct yt_emit_boxes one = yt_emit_box(e, group->columns, at);
    const struct yt_emit_boxes spread = yt_emit_box_spread(e, &one);
    yt_emit_list_append(e, list, &one);
    keep(user, at);
    LLVMValueRef others = yt_emit_and(e, alive, yt_emit_addi(e, alive, -1));
    strike(n, others, yt_emit_overlaps(n, &spread, boxes));
    yt_emit_endfor(e, &turn);
}

void yt_emit_nms_group(struct yt_emit_nms *n, const struct yt_emit_group *group,
                       const struct yt_emit_list *list,
                       void (*keep)(void *user, LLVMValueRef at), void *user)
{
    struct yt_emit *e = n->e;
    const struct yt_emit_boxes boxes =
        yt_emit_boxes_at(e, group->columns, group->at);
    yt_emit_set(e, n->alive,
                yt_emit_mask_bits(e, yt_emit_first_lanes(e, group->count)));
    compare_with_list(n, &boxes, list);
    settle(n, group, &boxes, list, keep, user);
}

int yt_nms_applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    (void)p;
    (void)isa;
    return YT_NMS_BLOCK % s->ku == 0;
}

int32_t yt_nms_values(const struct yt_problem *p, const struct yt_isa *isa,
                      enum yt_knob_id knob, int32_t values[YT_VALUES_MAX])
{
    int32_t count = 0;
    (void)p;
    (void)isa;
    if (knob == YT_KNOB_KU)
        for (int32_t ku = 1; ku <= 4; ku *= 2)
            values[count++] = ku;
    else
        for (int32_t tune = 0; tune < YT_TUNE_COUNT; tune++)
            values[count++] = tune;
    return count;
}
