/* The second half of a calibration: inputs of convolutions are sampled, as u8s8
 * would store them, and each convolution's weights are rounded against what its
 * inputs are like. The model that runs is the one in f32, so what is sampled is
 * what the rounding is to keep. */

#include "base/random.h"
#include "compress/precision/calibrate_parts.h"

#include <math.h>
#include <stdlib.h>

#include "compress/quant/rounding.h"
#include "compress/quant/steps.h"
#include "runtime/fail.h"

#define PATCHES       4096 /* of all pictures, for each convolution */
#define PATCHES_LEAST 32   /* of a picture */
#define GROUP_BYTES   (INT64_C(1) << 30) /* of moments at the same time */

/* Convolutions that are sampled in one run over the pictures. */
struct yt_calibration_group {
    struct yt_rounding *rounding; /* [layer_count], all zeros: not of it */
    struct yt_quant_step *steps;  /* [most channels] */
    const struct yt_quantisation *q;
    int32_t patches; /* of a picture */
};

/* The input of a convolution. */
struct input {
    const struct yt_conv2d *p;
    const float *values;
    int32_t lanes;
};

/* Channel c at a pixel; the image alone is not blocked. */
static float value_at(const struct input *in, int32_t c, int32_t y, int32_t x)
{
    const struct yt_conv2d *p = in->p;
    const int64_t pixel = (int64_t)y * p->w + x;
    const int32_t lanes = p->c == 3 ? 3 : in->lanes;
    const int64_t block = (int64_t)(c / lanes) * p->h * p->w;
    return in->values[(block + pixel) * lanes + c % lanes];
}

static float stored(float value, struct yt_quant_step step)
{
    const double q =
        rint((double)value / (double)step.step) + (double)step.zero;
    return (float)(fmax(fmin(q, 255), 0) - (double)step.zero);
}

static void fill_patch(const struct input *in,
                       const struct yt_quant_step *steps, int32_t oy,
                       int32_t ox, float *patch)
{
    const struct yt_conv2d *p = in->p;
    for (int32_t c = 0; c < p->c; c++)
        for (int32_t t = 0; t < p->r * p->r; t++) {
            const int32_t y = oy * p->stride - p->pad + t / p->r;
            const int32_t x = ox * p->stride - p->pad + t % p->r;
            const int inside = y >= 0 && y < p->h && x >= 0 && x < p->w;
            *patch++ = inside ? stored(value_at(in, c, y, x), steps[c]) : 0.0f;
        }
}

/* Places that look random and are always the same. */
static uint32_t scatter(uint32_t *state, uint32_t count)
{
    return (uint32_t)(((uint64_t)yt_random_lcg(state) * count) >> 32);
}

static void sample_layer(struct yt_calibration *w, int32_t i, int32_t image)
{
    struct yt_calibration_group *group = w->group;
    const struct yt_layer *layer = &w->build->net->layers[i];
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const struct input in = {
        p, (const float *)(const void *)(w->workspace + layer->in),
        w->build->isa->lanes};
    uint32_t state = 2654435761u * (uint32_t)(image + 1) + (uint32_t)i;
    for (int32_t c = 0; c < p->c; c++)
        group->steps[c] =
            yt_quant_step_of(group->q, layer->in_nodes[c], YT_DTYPE_U8S8);
    for (int32_t n = 0; n < group->patches; n++) {
        const uint32_t oy = scatter(&state, (uint32_t)yt_conv2d_out_h(p));
        const uint32_t ox = scatter(&state, (uint32_t)yt_conv2d_out_w(p));
        fill_patch(&in, group->steps, (int32_t)oy, (int32_t)ox,
                   yt_rounding_patch(&group->rounding[i]));
    }
}

static enum yt_status sample_image(struct yt_calibration *w, int32_t image)
{
    for (int32_t i = 0; i < w->build->net->layer_count; i++) {
        if (w->group->rounding[i].layer)
            sample_layer(w, i, image);
        yt_model_run_steps(w->model, -INFINITY, w->workspace, i, i + 1);
    }
    return YT_OK;
}

static enum yt_status learn_group(struct yt_calibration *w,
                                  struct yt_quantisation *q, int32_t *done,
                                  int32_t total)
{
    const int32_t weight_max = yt_isa_weight_max(w->build->isa);
    YT_TRY(yt_calibration_run(w, YT_CALIBRATE_COLLECT, sample_image));
    for (int32_t i = 0; i < w->build->net->layer_count; i++) {
        struct yt_rounding *r = &w->group->rounding[i];
        if (!r->layer)
            continue;
        YT_TRY(yt_calibration_report(w, YT_CALIBRATE_ROUND, *done, total));
        YT_TRY(yt_rounding_learn(r, weight_max, q, NULL));
        yt_rounding_deinit(r);
        ++*done;
    }
    return yt_calibration_report(w, YT_CALIBRATE_ROUND, *done, total);
}

/* As many of the layers from *next on as may be sampled together. */
static enum yt_status open_group(struct yt_calibration *w,
                                 const struct yt_quantisation *q, int32_t *next)
{
    const struct yt_net *net = w->build->net;
    int64_t bytes = 0;
    for (; *next < net->layer_count; ++*next) {
        const struct yt_layer *layer = &net->layers[*next];
        if (!yt_rounding_applies(layer, q))
            continue;
        bytes += yt_rounding_bytes(layer);
        if (bytes > GROUP_BYTES && bytes > yt_rounding_bytes(layer))
            break;
        YT_TRY(yt_rounding_init(layer, &w->group->rounding[*next]));
    }
    return YT_OK;
}

static enum yt_status learn_all(struct yt_calibration *w,
                                struct yt_quantisation *q)
{
    const struct yt_net *net = w->build->net;
    int32_t total = 0, done = 0, next = 0;
    for (int32_t i = 0; i < net->layer_count; i++)
        total += yt_rounding_applies(&net->layers[i], q);
    while (done < total) {
        YT_TRY(open_group(w, q, &next));
        YT_TRY(learn_group(w, q, &done, total));
    }
    return YT_OK;
}

static int32_t most_channels(const struct yt_net *net)
{
    int32_t most = 1;
    for (int32_t i = 0; i < net->layer_count; i++)
        if (net->layers[i].problem.op == YT_OP_CONV2D &&
            net->layers[i].problem.u.conv2d.c > most)
            most = net->layers[i].problem.u.conv2d.c;
    return most;
}

enum yt_status yt_calibration_round(struct yt_calibration *w,
                                    struct yt_quantisation *q)
{
    const struct yt_net *net = w->build->net;
    const int32_t used = yt_dataset_used(w->images);
    struct yt_calibration_group group = {.q = q};
    enum yt_status status;
    group.patches = PATCHES / used;
    if (group.patches < PATCHES_LEAST)
        group.patches = PATCHES_LEAST;
    group.rounding = calloc((size_t)net->layer_count, sizeof *group.rounding);
    group.steps = malloc((size_t)most_channels(net) * sizeof *group.steps);
    w->group = &group;
    YT_FAIL_IF_GOTO(!group.rounding || !group.steps, YT_NO_MEMORY,
                    "no memory to learn rounding");
    status = learn_all(w, q);
done:
    for (int32_t i = 0; group.rounding && i < net->layer_count; i++)
        yt_rounding_deinit(&group.rounding[i]);
    free(group.rounding);
    free(group.steps);
    w->group = NULL;
    return status;
}
