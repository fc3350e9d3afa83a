/* See onnx_heads.h: the tail is asked, not recognised. */

#include "model/onnx_heads.h"

#include <math.h>
#include <stdlib.h>

#include "model/onnx_eval.h"
#include "runtime/fail.h"

/* 2880 x 2880 pixels at strides 8, 16, 32 and 3 anchors make 510,300 boxes. */
#define BOXES_MAX ((int64_t)1 << 19)
/* A box takes about 150 element evaluations, 400 with a computed grid. */
#define STEPS_PER_BOX 512
#define STEPS_EXTRA   ((uint64_t)1 << 24)
/* All columns are compared for one box in this many, two for the others. */
#define FULL_BOX_PERIOD 97
/* Constants stored as halves keep 11 bits; formulas are exact otherwise. */
#define TOLERANCE 1e-3

/* One output asked: its shape and what is known so far. */
struct inquiry {
    struct yt_onnx_scope *scope;
    int32_t v;
    struct yt_onnx_heads *heads;
    unsigned char *seen[YT_LEVELS_MAX]; /* per head: [na][h][w] */
};

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static int is_near(double got, double expected, double unit)
{
    return fabs(got - expected) <= TOLERANCE * (fabs(expected) + unit);
}

/* Where an element of the output comes from: cell (y, x) of one channel. */
struct source {
    int32_t net;
    int64_t channel, y, x;
    int64_t index;
};

/* Evaluates an element and finds the one head output it reads. */
static enum yt_status trace(const struct inquiry *q, int64_t index,
                            enum yt_onnx_stand_in stand_in, double *value_out,
                            struct source *source_out)
{
    struct yt_onnx_probe probe = {.scope = q->scope, .stand_in = stand_in};
    const double value = yt_onnx_eval(&probe, q->v, index);
    YT_TRY(probe.status);
    const char *name = q->scope->values[q->v].name;
    YT_FAIL_IF(probe.net_reads != 1, YT_UNSUPPORTED,
               "output '%.80s': element %lld depends on %lld network outputs; "
               "YOLOv5's decode tail reads one",
               name, (long long)index, (long long)probe.net_reads);
    const struct yt_onnx_net *net = &q->scope->nets[probe.net];
    char who[YT_ONNX_WHO_MAX] = "the image";
    if (net->node >= 0)
        yt_onnx_who(q->scope, net->node, who);
    YT_FAIL_IF(net->kind != YT_NODE_CONV, YT_UNSUPPORTED,
               "output '%.80s' is made from %s; a detection head ends in a "
               "convolution",
               name, who);
    const int64_t plane = net->h * net->w;
    *value_out = value;
    *source_out = (struct source){
        .net = probe.net,
        .channel = probe.net_index / plane,
        .y = probe.net_index % plane / net->w,
        .x = probe.net_index % net->w,
        .index = probe.net_index,
    };
    return YT_OK;
}

/* The head that reads net, added when it's new. */
static enum yt_status find_head(struct inquiry *q, int32_t net, int32_t *level)
{
    struct yt_onnx_heads *heads = q->heads;
    const struct yt_onnx_net *conv = &q->scope->nets[net];
    const char *name = q->scope->values[q->v].name;
    for (*level = 0; *level < heads->count; ++*level)
        if (heads->heads[*level].net == net)
            return YT_OK;
    YT_FAIL_IF(heads->count == YT_LEVELS_MAX, YT_UNSUPPORTED,
               "output '%.80s' joins more than %d detection heads", name,
               YT_LEVELS_MAX);
    YT_FAIL_IF(conv->c % heads->no != 0, YT_UNSUPPORTED,
               "output '%.80s' has %d columns a box, which its head's %lld "
               "channels aren't a multiple of",
               name, (int)heads->no, (long long)conv->c);
    const int64_t na = conv->c / heads->no;
    YT_FAIL_IF(na > YT_ANCHORS_MAX || (heads->na && heads->na != na),
               YT_UNSUPPORTED, "output '%.80s': a head with %lld anchors", name,
               (long long)na);
    YT_FAIL_IF(na * conv->h * conv->w > BOXES_MAX, YT_UNSUPPORTED,
               "output '%.80s': a head of %lldx%lld cells", name,
               (long long)conv->h, (long long)conv->w);
    heads->na = (int32_t)na;
    q->seen[heads->count] = calloc((size_t)(na * conv->h * conv->w), 1);
    YT_FAIL_IF(!q->seen[heads->count], YT_NO_MEMORY,
               "no memory for a head of %lldx%lld cells", (long long)conv->h,
               (long long)conv->w);
    heads->heads[heads->count++] = (struct yt_onnx_head){.net = net};
    return YT_OK;
}

static enum yt_status differs(const struct inquiry *q, int64_t box,
                              const char *what, double got, double expected)
{
    return yt_fail(YT_UNSUPPORTED,
                   "output '%.80s' isn't decoded as YOLOv5 does: box %lld has "
                   "%s %g where %g is expected",
                   q->scope->values[q->v].name, (long long)box, what, got,
                   expected);
}

/* Where box's objectness comes from tells its head, anchor and cell. */
static enum yt_status place_box(struct inquiry *q, int64_t box, int32_t *level,
                                int32_t *anchor, struct source *source)
{
    const int32_t no = q->heads->no;
    double objectness = 0;
    YT_TRY(trace(q, box * no + 4, YT_ONNX_ZEROS, &objectness, source));
    YT_TRY(find_head(q, source->net, level));
    *anchor = (int32_t)(source->channel / no);
    const struct yt_onnx_net *net = &q->scope->nets[source->net];
    unsigned char *seen =
        &q->seen[*level][(*anchor * net->h + source->y) * net->w + source->x];
    YT_FAIL_IF(source->channel % no != 4 || *seen, YT_UNSUPPORTED,
               "output '%.80s': the objectness of box %lld is channel %lld of "
               "its head%s",
               q->scope->values[q->v].name, (long long)box,
               (long long)source->channel, *seen ? ", a second time" : "");
    *seen = 1;
    return YT_OK;
}

/* With all head outputs 0 a box lies in the middle of its cell and has the
 * size of its anchor. */
static enum yt_status learn_box(struct inquiry *q, int64_t box, int32_t level,
                                int32_t anchor, const struct source *source)
{
    struct yt_onnx_head *head = &q->heads->heads[level];
    double at[4] = {0};
    for (int32_t i = 0; i < 4; ++i) {
        struct source from;
        YT_TRY(trace(q, box * q->heads->no + i, YT_ONNX_ZEROS, &at[i], &from));
        const struct yt_onnx_net *net = &q->scope->nets[source->net];
        YT_FAIL_IF(from.net != source->net ||
                       from.index != source->index - (4 - i) * net->h * net->w,
                   YT_UNSUPPORTED,
                   "output '%.80s': column %d of box %lld isn't from channel "
                   "%d of its anchor",
                   q->scope->values[q->v].name, (int)i, (long long)box, (int)i);
    }
    if (head->stride == 0) {
        const double stride = at[0] / ((double)source->x + 0.5);
        if (!(stride >= 1 && stride <= 1024 &&
              is_near(stride, round(stride), 0)))
            return differs(q, box, "a stride of", stride, 8);
        head->stride = (int32_t)round(stride);
    }
    const double x = ((double)source->x + 0.5) * head->stride;
    const double y = ((double)source->y + 0.5) * head->stride;
    if (!is_near(at[0], x, 0))
        return differs(q, box, "its centre at x", at[0], x);
    if (!is_near(at[1], y, 0))
        return differs(q, box, "its centre at y", at[1], y);
    double *size = head->anchors[anchor];
    if (size[0] == 0) {
        size[0] = at[2];
        size[1] = at[3];
    }
    /* The same anchor in every cell. */
    for (int32_t i = 0; i < 2; ++i)
        if (!(at[2 + i] > 0) || !is_near(at[2 + i], size[i], 0))
            return differs(q, box, "an anchor side of", at[2 + i], size[i]);
    return YT_OK;
}

static enum yt_status check_column(struct inquiry *q, int64_t box, int32_t i,
                                   const struct yt_onnx_head *head,
                                   int32_t anchor, const struct source *source)
{
    double got = 0;
    struct source from;
    YT_TRY(trace(q, box * q->heads->no + i, YT_ONNX_NOISE, &got, &from));
    const struct yt_onnx_net *net = &q->scope->nets[source->net];
    const int64_t index = source->index + (i - 4) * net->h * net->w;
    const double t = sigmoid(yt_onnx_noise(source->net, index));
    double expected = t, unit = 1;
    if (i < 2) {
        const int64_t cell = i == 0 ? source->x : source->y;
        expected = (2 * t - 0.5 + (double)cell) * head->stride;
        unit = head->stride;
    } else if (i < 4) {
        expected = 4 * t * t * head->anchors[anchor][i - 2];
        unit = 0;
    }
    return is_near(got, expected, unit)
               ? YT_OK
               : differs(q, box, i < 4 ? "a side of" : "a score of", got,
                         expected);
}

static enum yt_status ask_box(struct inquiry *q, int64_t box)
{
    int32_t level = 0, anchor = 0;
    struct source source;
    YT_TRY(place_box(q, box, &level, &anchor, &source));
    YT_TRY(learn_box(q, box, level, anchor, &source));
    const struct yt_onnx_head *head = &q->heads->heads[level];
    const int32_t no = q->heads->no;
    for (int32_t i = 0; i < 5; ++i)
        YT_TRY(check_column(q, box, i, head, anchor, &source));
    if (box % FULL_BOX_PERIOD == 0)
        for (int32_t i = 5; i < no; ++i)
            YT_TRY(check_column(q, box, i, head, anchor, &source));
    return check_column(q, box, 5 + (int32_t)(box % (no - 5)), head, anchor,
                        &source);
}

enum yt_status yt_onnx_heads_decoded(struct yt_onnx_scope *scope, int32_t v,
                                     struct yt_onnx_heads *heads_out)
{
    const struct yt_onnx_tensor *t = &scope->values[v].t;
    const char *name = scope->values[v].name;
    YT_FAIL_IF(t->rank != 3 || t->dims[0] != 1 || t->dims[1] < 1 ||
                   t->dims[1] > BOXES_MAX || t->dims[2] < 6 ||
                   t->dims[2] > 65536,
               YT_UNSUPPORTED,
               "output '%.80s' isn't a list of boxes with five columns and one "
               "for each class",
               name);
    scope->steps_left = STEPS_EXTRA + (uint64_t)t->dims[1] * STEPS_PER_BOX;

    struct yt_onnx_heads heads = {.no = (int32_t)t->dims[2], .has_anchors = 1};
    struct inquiry q = {.scope = scope, .v = v, .heads = &heads};
    enum yt_status status = YT_OK;
    for (int64_t box = 0; box < t->dims[1]; ++box)
        YT_TRY_GOTO(ask_box(&q, box));

    /* Boxes are distinct; as many as there are cells means all of them. */
    int64_t boxes = 0;
    for (int32_t i = 0; i < heads.count; ++i) {
        const struct yt_onnx_net *net = &scope->nets[heads.heads[i].net];
        boxes += heads.na * net->h * net->w;
    }
    YT_FAIL_IF_GOTO(boxes != t->dims[1], YT_UNSUPPORTED,
                    "output '%.80s' has %lld boxes, its heads have %lld", name,
                    (long long)t->dims[1], (long long)boxes);
    *heads_out = heads;
done:
    for (int32_t i = 0; i < YT_LEVELS_MAX; ++i)
        free(q.seen[i]);
    return status;
}

static enum yt_status check_raw(struct inquiry *q, int64_t index, int32_t net,
                                int64_t channel, int64_t y, int64_t x)
{
    struct source from;
    double got = 0;
    YT_TRY(trace(q, index, YT_ONNX_NOISE, &got, &from));
    const double t = yt_onnx_noise(from.net, from.index);
    const int same = from.net == net && from.channel == channel &&
                     from.y == y && from.x == x &&
                     (is_near(got, t, 1) || is_near(got, sigmoid(t), 1));
    YT_FAIL_IF(!same, YT_UNSUPPORTED,
               "output '%.80s': element %lld isn't the one a YOLOv5 head has "
               "there",
               q->scope->values[q->v].name, (long long)index);
    return YT_OK;
}

/* Checks all cells of all anchors, for a channel that changes with the cell. */
static enum yt_status check_moved(struct inquiry *q, int32_t net, int64_t na,
                                  int64_t no, int channels_last)
{
    const struct yt_onnx_net *conv = &q->scope->nets[net];
    for (int64_t cell = 0; cell < na * conv->h * conv->w; ++cell) {
        const int64_t a = cell / (conv->h * conv->w);
        const int64_t y = cell / conv->w % conv->h, x = cell % conv->w;
        const int64_t c = cell % no;
        const int64_t index = channels_last
                                  ? cell * no + c
                                  : ((a * no + c) * conv->h + y) * conv->w + x;
        YT_TRY(check_raw(q, index, net, a * no + c, y, x));
    }
    return YT_OK;
}

enum yt_status yt_onnx_heads_raw(struct yt_onnx_scope *scope, int32_t v,
                                 struct yt_onnx_heads *heads)
{
    const struct yt_onnx_value *value = &scope->values[v];
    struct inquiry q = {.scope = scope, .v = v, .heads = heads};
    const int64_t *dims = value->t.dims;
    const char *name = value->name;
    scope->steps_left = STEPS_EXTRA + (uint64_t)BOXES_MAX * 64;

    struct source first;
    double ignored = 0;
    YT_FAIL_IF(value->t.count < 1 || value->t.rank < 4 || value->t.rank > 5 ||
                   dims[0] != 1,
               YT_UNSUPPORTED, "output '%.80s' isn't a detection head", name);
    YT_TRY(trace(&q, 0, YT_ONNX_ZEROS, &ignored, &first));
    const struct yt_onnx_net *net = &scope->nets[first.net];
    const int64_t na = value->t.rank == 5 ? dims[1] : 1;
    const int channels_last =
        value->t.rank == 5 && dims[2] == net->h && dims[3] == net->w;
    const int64_t no = value->t.rank == 4 ? net->c
                       : channels_last    ? dims[4]
                                          : dims[2];
    const int fits =
        value->t.rank == 4
            ? dims[1] == net->c && dims[2] == net->h && dims[3] == net->w
            : na >= 1 && na <= YT_ANCHORS_MAX && no >= 6 && na * no == net->c &&
                  (channels_last || (dims[3] == net->h && dims[4] == net->w));
    YT_FAIL_IF(!fits || net->c * net->h * net->w != value->t.count ||
                   na * net->h * net->w > BOXES_MAX,
               YT_UNSUPPORTED,
               "output '%.80s' doesn't have the shape of a YOLOv5 head", name);
    YT_TRY(check_moved(&q, first.net, na, no, channels_last));

    if (value->t.rank == 5) {
        YT_FAIL_IF(
            (heads->na && heads->na != na) || (heads->no && heads->no != no),
            YT_UNSUPPORTED,
            "output '%.80s' has %lld anchors of %lld columns, another "
            "head %d of %d",
            name, (long long)na, (long long)no, (int)heads->na, (int)heads->no);
        heads->na = (int32_t)na;
        heads->no = (int32_t)no;
    }
    for (int32_t i = 0; i < heads->count; ++i)
        if (heads->heads[i].net == first.net)
            return YT_OK;
    YT_FAIL_IF(heads->count == YT_LEVELS_MAX, YT_UNSUPPORTED,
               "more than %d detection heads", YT_LEVELS_MAX);
    heads->heads[heads->count++] = (struct yt_onnx_head){.net = first.net};
    return YT_OK;
}
