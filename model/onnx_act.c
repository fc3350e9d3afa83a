/* See onnx_act.h. An element of the value must depend on that of the feature
 * map in its own place alone, and follow one of runtime/act.h at points on both
 * sides of every bend: all of them for one channel, and three for each. */

#include "model/onnx_act.h"

#include <math.h>

#include "model/onnx_eval.h"

/* Constants stored as halves keep 11 bits. */
#define TOLERANCE 1e-3

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const double all_points[] = {
    -1, -20, -6,     -4,     -3.0625, -2.9375, -2,     -0.5, 0, 0.5,
    1,  2.5, 2.9375, 3.0625, 5,       5.9375,  6.0625, 7,    20};
static const double few_points[] = {-1, 0.5, 7};

/* Which pixel of a channel is asked. */
#define PIXEL_STEP 7919

struct question {
    struct yt_onnx_scope *scope;
    int32_t v;
    int32_t net;     /* that it reads; -1: not known yet */
    enum yt_act act; /* NONE: not known yet */
    int32_t slope;
};

/* @return whether element @p index reads its own place alone. */
static int ask(struct question *q, int64_t index, double x, double *y_out)
{
    struct yt_onnx_probe probe = {
        .scope = q->scope, .stand_in = YT_ONNX_GIVEN, .given = x};
    *y_out = yt_onnx_eval(&probe, q->v, index);
    if (probe.status != YT_OK || probe.net_reads != 1 ||
        probe.net_index != index || (q->net >= 0 && q->net != probe.net))
        return 0;
    q->net = probe.net;
    return 1;
}

static int is_near(double got, double want)
{
    return fabs(got - want) <= TOLERANCE * fmax(1e-2, fabs(want));
}

static int follows(struct question *q, int64_t index, const double *points,
                   size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        double y;
        if (!ask(q, index, points[i], &y) ||
            !is_near(y, yt_act_value(q->act, q->slope, points[i])))
            return 0;
    }
    return 1;
}

/* The activation that element 0 follows. A leaky ReLU's slope is what it makes
 * of -1. */
static int choose(struct question *q)
{
    double y;
    if (!ask(q, 0, -1, &y))
        return 0;
    for (int32_t act = YT_ACT_NONE + 1; act < YT_ACT_COUNT; ++act) {
        q->act = (enum yt_act)act;
        q->slope = act == YT_ACT_LEAKY ? yt_act_slope(-y) : 0;
        if (q->slope >= 0 && follows(q, 0, all_points, COUNT(all_points)))
            return 1;
    }
    return 0;
}

static int is_shape_of(const struct yt_onnx_tensor *t,
                       const struct yt_onnx_net *net)
{
    return t->rank == 4 && t->dims[0] == 1 && t->dims[1] == net->c &&
           t->dims[2] == net->h && t->dims[3] == net->w;
}

int yt_onnx_act_find(struct yt_onnx_scope *scope, int32_t v,
                     struct yt_onnx_net *net_out)
{
    const struct yt_onnx_value *value = &scope->values[v];
    struct question q = {.scope = scope, .v = v, .net = -1};
    if (value->kind != YT_ONNX_LAZY || value->is_pure || value->t.count < 1 ||
        value->t.rank != 4 || !choose(&q) ||
        !is_shape_of(&value->t, &scope->nets[q.net]))
        return 0;
    const struct yt_onnx_net *from = &scope->nets[q.net];
    const int64_t plane = from->h * from->w;
    for (int64_t c = 0; c < from->c; ++c)
        if (!follows(&q, c * plane + c * PIXEL_STEP % plane, few_points,
                     COUNT(few_points)))
            return 0;
    *net_out = (struct yt_onnx_net){.kind = YT_NODE_ACT,
                                    .node = value->producer,
                                    .inputs = {q.net},
                                    .input_count = 1,
                                    .c = from->c,
                                    .h = from->h,
                                    .w = from->w,
                                    .act = q.act,
                                    .slope = q.slope};
    return 1;
}
