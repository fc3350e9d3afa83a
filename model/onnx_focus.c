/* See onnx_focus.h. Moves of whole axes, which is all that exporters write,
 * cannot differ between pixels that are asked and those that are not. */

#include "model/onnx_focus.h"

#include "model/onnx_eval.h"

/* Pixels of a channel that are asked: about so many of the first of a quarter,
 * and of the others. */
#define PIXELS_FIRST 1024
#define PIXELS_OTHER 16

struct question {
    struct yt_onnx_scope *scope;
    int32_t v;
    int32_t net; /* that it reads; -1: not known yet */
};

/* The element of the feature map that an element is; -1: it is none. */
static int64_t source(struct question *q, int64_t index)
{
    static const double given[] = {0.375, -5.25};
    int64_t at = -1;
    for (int i = 0; i < 2; ++i) {
        struct yt_onnx_probe probe = {
            .scope = q->scope, .stand_in = YT_ONNX_GIVEN, .given = given[i]};
        if (yt_onnx_eval(&probe, q->v, index) != given[i] ||
            probe.status != YT_OK || probe.net_reads != 1 ||
            (q->net >= 0 && q->net != probe.net))
            return -1;
        q->net = probe.net;
        at = probe.net_index;
    }
    return at;
}

/* Whether channel @p c of the feature map is where it should be in a quarter
 * that begins at element @p first of the value. */
static int is_quarter(struct question *q, int64_t first, int64_t c,
                      struct yt_focus_part part, int64_t pixels)
{
    const struct yt_onnx_net *net = &q->scope->nets[q->net];
    const int64_t h = net->h / 2, w = net->w / 2;
    const int64_t step = 1 + h * w / pixels;
    for (int64_t i = 0; i < h * w; i += step) {
        const int64_t y = 2 * (i / w) + part.y, x = 2 * (i % w) + part.x;
        if (source(q, first + c * h * w + i) != (c * net->h + y) * net->w + x)
            return 0;
    }
    return 1;
}

/* A quarter begins with one of the first four pixels. */
static int find_part(struct question *q, int64_t first,
                     struct yt_focus_part *part_out)
{
    const struct yt_onnx_net *net = &q->scope->nets[q->net];
    const int64_t at = source(q, first);
    *part_out =
        (struct yt_focus_part){(int32_t)(at / net->w), (int32_t)(at % net->w)};
    if (at < 0 || part_out->y > 1 || part_out->x > 1)
        return 0;
    for (int64_t c = 0; c < net->c; ++c)
        if (!is_quarter(q, first, c, *part_out,
                        c ? PIXELS_OTHER : PIXELS_FIRST))
            return 0;
    return 1;
}

static int is_shape_of(const struct yt_onnx_tensor *t,
                       const struct yt_onnx_net *net)
{
    return t->dims[1] == YT_FOCUS_PARTS * net->c && 2 * t->dims[2] == net->h &&
           2 * t->dims[3] == net->w;
}

static int begin(struct yt_onnx_scope *scope, int32_t v, struct question *q)
{
    const struct yt_onnx_value *value = &scope->values[v];
    *q = (struct question){.scope = scope, .v = v, .net = -1};
    return value->kind == YT_ONNX_LAZY && !value->is_pure &&
           value->t.rank == 4 && value->t.dims[0] == 1 && value->t.count > 0 &&
           source(q, 0) >= 0;
}

int yt_onnx_focus_find(struct yt_onnx_scope *scope, int32_t v, int32_t *net_out,
                       struct yt_focus_part order_out[YT_FOCUS_PARTS])
{
    const struct yt_onnx_value *value = &scope->values[v];
    struct question q;
    if (!begin(scope, v, &q) || !is_shape_of(&value->t, &scope->nets[q.net]))
        return 0;
    const int64_t quarter = value->t.count / YT_FOCUS_PARTS;
    unsigned seen = 0;
    for (int32_t i = 0; i < YT_FOCUS_PARTS; ++i) {
        if (!find_part(&q, i * quarter, &order_out[i]))
            return 0;
        seen |= 1u << (2 * order_out[i].y + order_out[i].x);
    }
    *net_out = q.net;
    return seen + 1 == 1u << YT_FOCUS_PARTS;
}

/* Which channel of the feature map channel @p c of the value is; -1: none. */
static int32_t find_pick(struct question *q, int64_t c)
{
    const struct yt_onnx_net *net = &q->scope->nets[q->net];
    const int64_t plane = net->h * net->w;
    const int64_t pick = source(q, c * plane) / plane;
    const int64_t step = 1 + plane / PIXELS_OTHER;
    for (int64_t i = 0; i < plane; i += step)
        if (source(q, c * plane + i) != pick * plane + i)
            return -1;
    return (int32_t)pick;
}

int yt_onnx_pick_find(struct yt_onnx_scope *scope, int32_t v, int32_t *net_out,
                      int32_t *picks_out)
{
    const struct yt_onnx_tensor *t = &scope->values[v].t;
    struct question q;
    if (!begin(scope, v, &q) || t->dims[2] != scope->nets[q.net].h ||
        t->dims[3] != scope->nets[q.net].w)
        return 0;
    *net_out = q.net;
    for (int64_t c = 0; c < t->dims[1]; ++c) {
        picks_out[c] = find_pick(&q, c);
        if (picks_out[c] < 0)
            return 0;
    }
    return 1;
}
