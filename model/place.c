/* Where tensors lie in one arena: the largest first, each in the lowest gap
 * among those that live at the same time. Offline placement by decreasing size
 * is what TFLite's and XNNPACK's memory planners do as well; on YOLOv5 it ends
 * at the lower bound or close to it. */

#include "base/math.h"
#include "model/lower.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* Larger first; among equals longer-lived, then earlier, so that the order
 * depends on nothing else. */
static int compare(const void *a, const void *b)
{
    const struct yt_place_item *x = *(struct yt_place_item *const *)a;
    const struct yt_place_item *y = *(struct yt_place_item *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    const int64_t span_x = (int64_t)x->last - x->first;
    const int64_t span_y = (int64_t)y->last - y->first;
    if (span_x != span_y)
        return span_x > span_y ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* @param placed by rising offset. */
static int64_t lowest_gap(const struct yt_place_item *item,
                          struct yt_place_item *const *placed, int32_t count)
{
    int64_t at = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct yt_place_item *other = placed[i];
        if (other->last < item->first || item->last < other->first)
            continue;
        if (other->offset >= at + item->bytes)
            break;
        const int64_t end = yt_round_up(other->offset + other->bytes, YT_ALIGN);
        if (end > at)
            at = end;
    }
    return at;
}

static void insert(struct yt_place_item **placed, int32_t count,
                   struct yt_place_item *item)
{
    int32_t i = count;
    for (; i > 0 && placed[i - 1]->offset > item->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = item;
}

enum yt_status yt_place(struct yt_place_item *items, int32_t count,
                        int64_t *total_out)
{
    struct yt_place_item **order = calloc(2 * (size_t)count + 1, sizeof *order);
    YT_FAIL_IF(!order, YT_NO_MEMORY, "no memory to place %d tensors", count);
    struct yt_place_item **placed = order + count;
    for (int32_t i = 0; i < count; i++)
        order[i] = &items[i];
    qsort(order, (size_t)count, sizeof(struct yt_place_item *), compare);
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++) {
        order[i]->offset = lowest_gap(order[i], placed, i);
        const int64_t end =
            yt_round_up(order[i]->offset + order[i]->bytes, YT_ALIGN);
        total = end > total ? end : total;
        insert(placed, i, order[i]);
    }
    free(order);
    *total_out = total;
    return YT_OK;
}

int64_t yt_place_floor(const struct yt_place_item *items, int32_t count)
{
    /* The sum is largest at a step where some item begins. */
    int64_t most = 0;
    for (int32_t i = 0; i < count; i++) {
        int64_t live = 0;
        for (int32_t j = 0; j < count; j++)
            if (items[j].first <= items[i].first &&
                items[i].first <= items[j].last)
                live += items[j].bytes;
        most = live > most ? live : most;
    }
    return most;
}

/* The root that a value lies in is needed at a time. */
static void need(const struct yt_ir *ir, struct yt_place_item *items,
                 int32_t value, int32_t time)
{
    struct yt_place_item *item = &items[yt_ir_locate(ir, value).root];
    if (time < item->first)
        item->first = time;
    if (time > item->last)
        item->last = time;
}

/* When each root is needed. */
static void find_times(const struct yt_ir *ir, struct yt_place_item *items)
{
    need(ir, items, 0, yt_ir_time(ir, -1));
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        const int32_t time = yt_ir_time(ir, i);
        need(ir, items, op->in, time);
        for (int32_t j = 0; j < op->part_count; j++) {
            need(ir, items, op->parts[j].out, time);
            if (op->parts[j].add >= 0)
                need(ir, items, op->parts[j].add, time);
        }
    }
    for (int32_t i = 0; i < ir->value_count; i++)
        if (ir->values[i].head >= 0)
            need(ir, items, i, yt_ir_time(ir, ir->op_count));
}

enum yt_status yt_ir_place(const struct yt_ir *ir, int64_t *offsets,
                           int64_t *total_out, int64_t *floor_out)
{
    struct yt_place_item *items =
        calloc((size_t)ir->store_count, sizeof *items);
    YT_FAIL_IF(!items, YT_NO_MEMORY, "no memory to place tensors");
    for (int32_t i = 0; i < ir->store_count; i++)
        items[i] = (struct yt_place_item){
            .first = INT32_MAX, .last = -1, .bytes = ir->stores[i].bytes};
    find_times(ir, items);
    for (int32_t i = 0; i < ir->store_count; i++)
        if (yt_ir_root_band(ir, i) >= 0)
            items[i].first = INT32_MAX;
    /* Stores inside others, and those a fusion left empty, take no place. */
    int32_t count = 0;
    for (int32_t i = 0; i < ir->store_count; i++)
        offsets[i] = -1;
    for (int32_t i = 0; i < ir->store_count; i++)
        if (items[i].first != INT32_MAX) {
            items[count] = items[i];
            offsets[i] = count++;
        }
    const enum yt_status status = yt_place(items, count, total_out);
    *floor_out = yt_place_floor(items, count);
    for (int32_t i = 0; i < ir->store_count; i++)
        offsets[i] = offsets[i] >= 0 ? items[offsets[i]].offset : -1;
    free(items);
    return status;
}
