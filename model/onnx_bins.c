/* The tail of heads without anchors, asked like the others (onnx_heads.h): each
 * box for pseudo-random head outputs, which shows the cell its classes come
 * from, and must give what the formula of runtime/decode.h gives for it:
 *
 *     middle of cell -+ mean of softmax(t)    as centre and size, times stride
 */

#include "model/onnx_heads.h"

#include <math.h>
#include <stdlib.h>

#include "model/onnx_eval.h"
#include "runtime/fail.h"

/* 2880 x 2880 pixels at strides 4, 8, 16 and 32 make 688,500 boxes. */
#define BOXES_MAX ((int64_t)1 << 20)
/* A box takes about 2500 element evaluations. */
#define STEPS_PER_BOX 8192
#define STEPS_EXTRA   ((uint64_t)1 << 24)
/* All classes are compared for one box in this many, one for the others. */
#define FULL_BOX_PERIOD 97
#define TOLERANCE       1e-3
#define BOX_ROWS        4

/* Where a half of a head is read: a net, and which channel of it is the first;
 * and the convolution that makes just those channels. */
struct half {
    int32_t net;
    int64_t first;
    int32_t conv;
};

struct level {
    struct half box, class_;
    int32_t bins, stride;
    unsigned char *seen; /* [h][w] */
};

struct inquiry {
    struct yt_onnx_scope *scope;
    int32_t v;
    int64_t boxes;
    int32_t nc;
    struct level levels[YT_LEVELS_MAX];
    int32_t count;
};

struct cell {
    int64_t y, x;
};

static const char *name_of(const struct inquiry *q)
{
    return q->scope->values[q->v].name;
}

static enum yt_status expect(const struct inquiry *q, int64_t box,
                             const char *what, double got, double expected)
{
    const int is_near =
        fabs(got - expected) <= TOLERANCE * (fabs(expected) + 1);
    YT_FAIL_IF(!is_near, YT_UNSUPPORTED,
               "output '%.80s' isn't decoded as YOLOv8 does: box %lld has %s "
               "%g where %g is expected",
               name_of(q), (long long)box, what, got, expected);
    return YT_OK;
}

/* Element @p box of a row of the output, and what it read. */
static enum yt_status ask(const struct inquiry *q, int64_t row, int64_t box,
                          enum yt_onnx_stand_in stand_in,
                          struct yt_onnx_probe *probe, double *value_out)
{
    *probe = (struct yt_onnx_probe){.scope = q->scope, .stand_in = stand_in};
    *value_out = yt_onnx_eval(probe, q->v, row * q->boxes + box);
    YT_TRY(probe->status);
    YT_FAIL_IF(probe->net_reads < 1, YT_UNSUPPORTED,
               "output '%.80s': row %lld of box %lld doesn't depend on the "
               "image",
               name_of(q), (long long)row, (long long)box);
    return YT_OK;
}

/* The convolution that makes channels first..first+c of a net, itself or as one
 * that it joins; -1: none does. */
static int32_t find_conv(const struct yt_onnx_scope *scope, int32_t net,
                         int64_t first, int64_t c)
{
    while (scope->nets[net].kind == YT_NODE_CONCAT) {
        const struct yt_onnx_net *joined = &scope->nets[net];
        int32_t i = 0;
        while (i < joined->input_count &&
               first >= scope->nets[joined->inputs[i]].c)
            first -= scope->nets[joined->inputs[i++]].c;
        if (i == joined->input_count)
            return -1;
        net = joined->inputs[i];
    }
    const struct yt_onnx_net *conv = &scope->nets[net];
    const int fits = conv->kind == YT_NODE_CONV && first == 0 &&
                     (c ? conv->c == c : conv->c % BOX_ROWS == 0);
    return fits ? net : -1;
}

static enum yt_status add_level(struct inquiry *q, int64_t box,
                                const struct half *class_, struct level **out)
{
    const struct yt_onnx_net *net = &q->scope->nets[class_->net];
    const int64_t plane = net->h * net->w;
    struct yt_onnx_probe probe;
    double ignored = 0;
    YT_FAIL_IF(q->count == YT_LEVELS_MAX, YT_UNSUPPORTED,
               "output '%.80s' joins more than %d detection heads", name_of(q),
               YT_LEVELS_MAX);
    struct level *level = &q->levels[q->count];
    *level = (struct level){.class_ = *class_};
    YT_TRY(ask(q, 0, box, YT_ONNX_NOISE, &probe, &ignored));
    level->box =
        (struct half){.net = probe.net, .first = probe.least_index / plane};
    level->box.conv = find_conv(q->scope, probe.net, level->box.first, 0);
    level->class_.conv = find_conv(q->scope, class_->net, class_->first, q->nc);
    YT_FAIL_IF(level->box.conv < 0 || level->class_.conv < 0 ||
                   q->scope->nets[probe.net].h != net->h ||
                   q->scope->nets[probe.net].w != net->w,
               YT_UNSUPPORTED,
               "output '%.80s': box %lld isn't from a convolution of its sides "
               "and one of its %d classes",
               name_of(q), (long long)box, (int)q->nc);
    level->bins = (int32_t)(q->scope->nets[level->box.conv].c / BOX_ROWS);
    YT_FAIL_IF(level->bins < 2 || level->bins % YT_BINS_STEP ||
                   level->bins > YT_BINS_MAX ||
                   (q->count > 0 && level->bins != q->levels[0].bins),
               YT_UNSUPPORTED,
               "output '%.80s': heads of %d bins a side; multiples of %d up to "
               "%d can run",
               name_of(q), (int)level->bins, YT_BINS_STEP, YT_BINS_MAX);
    level->seen = calloc((size_t)plane, 1);
    YT_FAIL_IF(!level->seen, YT_NO_MEMORY,
               "no memory for a head of %lldx%lld cells", (long long)net->h,
               (long long)net->w);
    q->count++;
    *out = level;
    return YT_OK;
}

/* A class of a box shows its level and cell. */
static enum yt_status place_box(struct inquiry *q, int64_t box, int32_t c,
                                struct level **level_out, struct cell *cell_out)
{
    struct yt_onnx_probe probe;
    double got = 0;
    YT_TRY(ask(q, BOX_ROWS + c, box, YT_ONNX_NOISE, &probe, &got));
    const struct yt_onnx_net *net = &q->scope->nets[probe.net];
    const int64_t plane = net->h * net->w;
    const int64_t channel = probe.net_index / plane;
    YT_FAIL_IF(probe.net_reads != 1 || channel < c, YT_UNSUPPORTED,
               "output '%.80s': the score of class %d of box %lld isn't one "
               "channel of a head",
               name_of(q), (int)c, (long long)box);
    const double t = yt_onnx_noise(probe.net, probe.net_index);
    YT_TRY(expect(q, box, "a score of", got, 1 / (1 + exp(-t))));
    const struct half half = {.net = probe.net, .first = channel - c};
    struct level *level = NULL;
    for (int32_t i = 0; i < q->count; ++i)
        if (q->levels[i].class_.net == half.net &&
            q->levels[i].class_.first == half.first)
            level = &q->levels[i];
    if (!level)
        YT_TRY(add_level(q, box, &half, &level));
    *cell_out = (struct cell){probe.net_index % plane / net->w,
                              probe.net_index % net->w};
    *level_out = level;
    return YT_OK;
}

/* The mean of the distribution that noise makes of a side. */
static double mean_of_noise(const struct inquiry *q, const struct level *level,
                            int32_t side, const struct cell *at)
{
    const struct yt_onnx_net *net = &q->scope->nets[level->box.net];
    double sum = 0, weighted = 0;
    for (int32_t j = 0; j < level->bins; ++j) {
        const int64_t channel = level->box.first + side * level->bins + j;
        const double e = exp(yt_onnx_noise(
            level->box.net, (channel * net->h + at->y) * net->w + at->x));
        sum += e;
        weighted += e * j;
    }
    return weighted / sum;
}

/* With all head outputs 0 a box lies in the middle of its cell. */
static enum yt_status learn_stride(const struct inquiry *q, int64_t box,
                                   const struct cell *at, struct level *level)
{
    struct yt_onnx_probe probe;
    double x = 0;
    YT_TRY(ask(q, 0, box, YT_ONNX_ZEROS, &probe, &x));
    const double stride = x / ((double)at->x + 0.5);
    YT_FAIL_IF(!(stride >= 1 && stride <= 1024), YT_UNSUPPORTED,
               "output '%.80s' isn't decoded as YOLOv8 does: box %lld has a "
               "stride of %g",
               name_of(q), (long long)box, stride);
    level->stride = (int32_t)round(stride);
    return expect(q, box, "a stride of", stride, level->stride);
}

static enum yt_status check_box(const struct inquiry *q, int64_t box,
                                const struct level *level,
                                const struct cell *at)
{
    const double left = mean_of_noise(q, level, 0, at);
    const double top = mean_of_noise(q, level, 1, at);
    const double right = mean_of_noise(q, level, 2, at);
    const double bottom = mean_of_noise(q, level, 3, at);
    const double expected[BOX_ROWS] = {
        (double)at->x + 0.5 + (right - left) / 2,
        (double)at->y + 0.5 + (bottom - top) / 2,
        left + right,
        top + bottom,
    };
    for (int32_t i = 0; i < BOX_ROWS; ++i) {
        struct yt_onnx_probe probe;
        double got = 0;
        YT_TRY(ask(q, i, box, YT_ONNX_NOISE, &probe, &got));
        YT_TRY(expect(q, box, i < 2 ? "a centre at" : "a side of",
                      got / level->stride, expected[i]));
    }
    return YT_OK;
}

static enum yt_status ask_box(struct inquiry *q, int64_t box)
{
    const int all = box % FULL_BOX_PERIOD == 0;
    const int32_t first = all ? 0 : (int32_t)(box % q->nc);
    struct level *level = NULL;
    struct cell at = {0, 0};
    YT_TRY(place_box(q, box, first, &level, &at));
    unsigned char *seen =
        &level->seen[at.y * q->scope->nets[level->class_.net].w + at.x];
    YT_FAIL_IF(*seen, YT_UNSUPPORTED,
               "output '%.80s': box %lld is of a cell that another one has",
               name_of(q), (long long)box);
    *seen = 1;
    if (level->stride == 0)
        YT_TRY(learn_stride(q, box, &at, level));
    YT_TRY(check_box(q, box, level, &at));
    for (int32_t c = 1; all && c < q->nc; ++c) {
        struct level *other = NULL;
        struct cell there = {0, 0};
        YT_TRY(place_box(q, box, c, &other, &there));
        YT_FAIL_IF(other != level || there.y != at.y || there.x != at.x,
                   YT_UNSUPPORTED,
                   "output '%.80s': class %d of box %lld is of another cell",
                   name_of(q), (int)c, (long long)box);
    }
    return YT_OK;
}

/* The two halves of each level, joined. */
static enum yt_status join_halves(const struct inquiry *q,
                                  struct yt_onnx_heads *heads)
{
    *heads = (struct yt_onnx_heads){.count = q->count,
                                    .na = 1,
                                    .no = 5 + q->nc,
                                    .bins = q->levels[0].bins,
                                    .has_anchors = 1};
    for (int32_t i = 0; i < q->count; ++i) {
        const struct level *level = &q->levels[i];
        const struct yt_onnx_net *box = &q->scope->nets[level->box.conv];
        const struct yt_onnx_net joined = {
            .kind = YT_NODE_CONCAT,
            .node = box->node,
            .inputs = {level->box.conv, level->class_.conv},
            .input_count = 2,
            .c = box->c + q->nc,
            .h = box->h,
            .w = box->w,
        };
        heads->heads[i].stride = level->stride;
        YT_TRY(yt_onnx_net_add(q->scope, &joined, &heads->heads[i].net));
    }
    return YT_OK;
}

int yt_onnx_heads_have_bins(struct yt_onnx_scope *scope, int32_t v)
{
    struct yt_onnx_probe probe = {.scope = scope, .stand_in = YT_ONNX_NOISE};
    scope->steps_left = STEPS_EXTRA;
    if (scope->values[v].t.count > 0)
        (void)yt_onnx_eval(&probe, v, 0);
    return probe.status == YT_OK && probe.net_reads > 1;
}

enum yt_status yt_onnx_heads_bins(struct yt_onnx_scope *scope, int32_t v,
                                  struct yt_onnx_heads *heads_out)
{
    const struct yt_onnx_tensor *t = &scope->values[v].t;
    struct inquiry q = {.scope = scope, .v = v, .boxes = t->dims[2]};
    enum yt_status status = YT_OK;
    int64_t cells = 0;
    YT_FAIL_IF(t->rank != 3 || t->dims[0] != 1 || t->dims[1] <= BOX_ROWS ||
                   t->dims[1] > 65536 || t->dims[2] < 1 ||
                   t->dims[2] > BOXES_MAX,
               YT_UNSUPPORTED,
               "output '%.80s' isn't a list of boxes with four rows and one "
               "for each class",
               name_of(&q));
    q.nc = (int32_t)t->dims[1] - BOX_ROWS;
    scope->steps_left = STEPS_EXTRA + (uint64_t)q.boxes * STEPS_PER_BOX;
    for (int64_t box = 0; box < q.boxes; ++box)
        YT_TRY_GOTO(ask_box(&q, box));
    for (int32_t i = 0; i < q.count; ++i) {
        const struct yt_onnx_net *net = &scope->nets[q.levels[i].class_.net];
        cells += net->h * net->w;
    }
    YT_FAIL_IF_GOTO(cells != q.boxes, YT_UNSUPPORTED,
                    "output '%.80s' has %lld boxes, its heads have %lld cells",
                    name_of(&q), (long long)q.boxes, (long long)cells);
    YT_TRY_GOTO(join_halves(&q, heads_out));
done:
    for (int32_t i = 0; i < YT_LEVELS_MAX; ++i)
        free(q.levels[i].seen);
    return status;
}
