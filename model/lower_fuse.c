/* Sharing memory and joining ops. Each step is a proposal: change the network,
 * ask yt_ir_valid(), and undo what would write over a value still needed. So
 * nothing here argues about C3 in particular. What happens to one with a
 * shortcut, for instance:
 *
 *      concat    [ slot 0       | slot 1 ]
 *      cv1+cv2   [ a0           | b      ]   one conv, twice the channels
 *      m.0.cv2   [ a1 = a0 + .. | b      ]   in place
 *      m.1.cv2   [ a2 = a1 + .. | b      ]   in place: the concat is done
 */

#include "model/lower.h"

#include <assert.h>

/* A residual add may write over its addend; they are of one type. */
static void add_in_place(struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_part *part = &ir->ops[i].parts[0];
        if (ir->ops[i].addend != YT_ADD_RESIDUAL)
            continue;
        const int32_t add = ir->values[part->add].store;
        const int32_t out = ir->values[part->out].store;
        if (ir->stores[add].bytes != ir->stores[out].bytes)
            continue;
        yt_ir_save(ir);
        if (!yt_ir_embed(ir, add, out, 0) && !yt_ir_embed(ir, out, add, 0))
            continue;
        if (!yt_ir_valid(ir, yt_ir_locate(ir, part->out).root))
            yt_ir_restore(ir);
    }
}

/* Make value b start where a ends, by moving one that has memory of its own to
 * the other, or both to a new one. Only values of one type ever share memory,
 * and so one output type is all an op has. */
static int make_adjacent(struct yt_ir *ir, int32_t a, int32_t b)
{
    if (ir->values[a].dtype != ir->values[b].dtype)
        return 0;
    if (yt_ir_adjacent(ir, a, b))
        return 1;
    const int32_t sa = ir->values[a].store;
    const int32_t sb = ir->values[b].store;
    const struct yt_ir_place pa = yt_ir_locate(ir, a);
    const struct yt_ir_place pb = yt_ir_locate(ir, b);
    if (sa == pa.root && sb == pb.root && sa != sb) {
        const int32_t both = yt_ir_add_store(ir, pa.bytes + pb.bytes);
        return yt_ir_embed(ir, sa, both, 0) &&
               yt_ir_embed(ir, sb, both, pa.bytes);
    }
    return yt_ir_embed(ir, sa, pb.root, pb.offset - pa.bytes) ||
           yt_ir_embed(ir, sb, pa.root, pa.offset + pa.bytes);
}

/* Make ops a and b one that writes a's tensors and then b's. It runs where the
 * earlier one did. Returns 0, perhaps half done, when they cannot be. */
static int merge(struct yt_ir *ir, int32_t a, int32_t b)
{
    struct yt_ir_op op = ir->ops[a];
    const struct yt_ir_op *other = &ir->ops[b];
    const struct yt_ir_part *tail = &op.parts[op.part_count - 1];
    if (op.part_count + other->part_count > YT_IR_PARTS_MAX ||
        !make_adjacent(ir, tail->out, other->parts[0].out))
        return 0;
    for (int32_t i = 0; i < other->part_count; i++)
        op.parts[op.part_count++] = other->parts[i];
    ir->ops[a < b ? a : b] = op;
    yt_ir_remove_op(ir, a < b ? b : a);
    return 1;
}

/* Two 1x1 convolutions that differ in their filters alone, and meet their input
 * with the same channels of those. Having an activation they are no heads,
 * whose channels are not whole blocks. */
static int are_twins(const struct yt_ir_op *a, const struct yt_ir_op *b)
{
    return a->op == YT_OP_CONV2D && b->op == YT_OP_CONV2D && a->in == b->in &&
           a->r == 1 && b->r == 1 && a->stride == 1 && b->stride == 1 &&
           a->pad == 0 && b->pad == 0 && a->act != YT_ACT_NONE &&
           a->act == b->act && a->slope == b->slope && a->parts[0].node >= 0 &&
           b->parts[0].node >= 0 &&
           a->parts[0].c_first == b->parts[0].c_first &&
           a->addend == b->addend && a->addend != YT_ADD_RESIDUAL;
}

static int merge_twins(struct yt_ir *ir, int32_t a, int32_t b)
{
    const int32_t out_a = ir->ops[a].parts[0].out;
    const int32_t out_b = ir->ops[b].parts[0].out;
    const int32_t add_a = ir->ops[a].parts[0].add;
    const int32_t add_b = ir->ops[b].parts[0].add;
    if (add_a >= 0) {
        /* Their half-size addends have to follow each other likewise. */
        yt_ir_liveness(ir);
        const int32_t low_a = ir->values[add_a].first;
        const int32_t low_b = ir->values[add_b].first;
        if (ir->ops[low_a].in != ir->ops[low_b].in ||
            !merge(ir, low_a, low_b) ||
            !yt_ir_valid(ir, yt_ir_locate(ir, add_a).root))
            return 0;
        a = ir->values[out_a].first;
        b = ir->values[out_b].first;
    }
    return merge(ir, a, b) && yt_ir_valid(ir, yt_ir_locate(ir, out_a).root);
}

static void fuse_twins(struct yt_ir *ir)
{
    for (int32_t a = 0; a < ir->op_count; a++)
        for (int32_t b = a + 1; b < ir->op_count; b++) {
            if (!are_twins(&ir->ops[a], &ir->ops[b]))
                continue;
            yt_ir_save(ir);
            if (merge_twins(ir, a, b))
                break;
            yt_ir_restore(ir);
            if (merge_twins(ir, b, a))
                break;
            yt_ir_restore(ir);
        }
}

/* The pool of the same window that reads this op's last tensor, when the two
 * tensors are neighbours; -1: none. */
static int32_t next_pool(const struct yt_ir *ir, const struct yt_ir_op *op,
                         int32_t from)
{
    const int32_t in = op->parts[op->part_count - 1].out;
    for (int32_t i = from; i < ir->op_count; i++) {
        const struct yt_ir_op *next = &ir->ops[i];
        if (next->op == YT_OP_MAXPOOL && next->in == in && next->r == op->r &&
            yt_ir_adjacent(ir, in, next->parts[0].out))
            return i;
    }
    return -1;
}

static void fuse_sppf(struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->op_count; i++) {
        struct yt_ir_op *op = &ir->ops[i];
        if (op->op != YT_OP_MAXPOOL ||
            !yt_ir_adjacent(ir, op->in, op->parts[0].out))
            continue;
        yt_ir_save(ir);
        for (int32_t next;
             op->part_count < 3 && (next = next_pool(ir, op, i + 1)) >= 0;) {
            const int merged = merge(ir, i, next);
            assert(merged);
            (void)merged;
        }
        op->op = YT_OP_SPPF;
        if (op->part_count != 3 ||
            !yt_ir_valid(ir, yt_ir_locate(ir, op->in).root))
            yt_ir_restore(ir);
    }
}

void yt_ir_fuse(struct yt_ir *ir)
{
    add_in_place(ir);
    if (!ir->options.no_fuse_twin)
        fuse_twins(ir);
    fuse_sppf(ir);
    yt_ir_liveness(ir);
}
