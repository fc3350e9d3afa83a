/* Strategy: the network's input size, squares and rectangles of the pictures'
 * usual shape. Time goes with the area; small objects go first. */

#include <math.h>
#include <stdio.h>

#include "strategies/choice/strategy.h"

#define SIDE_MIN 256
#define SIDE_MAX 1280

/* Of the side that the model was made for. */
static const double coarse[] = {1, 0.8, 0.65, 0.5, 1.2, 1.5, 2};
#define COARSE_COUNT (sizeof coarse / sizeof coarse[0])

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->h = from->h;
    to->w = from->w;
}

struct list {
    struct yt_config *out;
    int32_t count, cap;
    const struct yt_config *from;
};

static void add(struct list *list, int32_t h, int32_t w)
{
    const int32_t longer = h > w ? h : w;
    if (list->count >= list->cap || longer < SIDE_MIN || longer > SIDE_MAX ||
        h < 1 || w < 1 || (h == list->from->h && w == list->from->w))
        return;
    for (int32_t i = 0; i < list->count; i++)
        if (list->out[i].h == h && list->out[i].w == w)
            return;
    list->out[list->count] = *list->from;
    list->out[list->count].h = h;
    list->out[list->count].w = w;
    list->count++;
}

/* The shorter side, rounded up: whatever is cut off is lost. */
static int32_t shorter(int32_t longer, double aspect, int32_t stride)
{
    const double share = aspect < 1 ? aspect : 1 / aspect;
    const int32_t strides = (int32_t)ceil(longer * share / stride - 0.01);
    return strides * stride;
}

static void add_both(struct list *list, const struct yt_choices *choices,
                     int32_t longer, int32_t stride)
{
    const int32_t side = shorter(longer, choices->aspect, stride);
    add(list, longer, longer);
    if (choices->aspect < 1)
        add(list, side, longer);
    else if (choices->aspect > 1)
        add(list, longer, side);
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    const struct yt_choice_model *model = &choices->models[from->model];
    const int32_t stride = model->stride;
    const int32_t native = model->h > model->w ? model->h : model->w;
    struct list list = {.out = out, .cap = cap, .from = from};
    if (choices->h)
        return 0; /* it was asked for */
    if (fine) {
        const int32_t longer = from->h > from->w ? from->h : from->w;
        add_both(&list, choices, longer - stride, stride);
        add_both(&list, choices, longer + stride, stride);
        add_both(&list, choices, longer, stride);
        return list.count;
    }
    for (size_t i = 0; i < COARSE_COUNT; i++) {
        const int32_t strides = (int32_t)(coarse[i] * native / stride + 0.5);
        add_both(&list, choices, strides * stride, stride);
    }
    return list.count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    (void)choices;
    snprintf(text, size, "%dx%d", config->h, config->w);
}

const struct yt_strategy yt_strategy_input_size = {
    .name = "input-size",
    .cost = "no data and no training; kernels are tuned anew for each size",
    .changes_boxes = 1,
    .settings = settings,
    .take = take,
    .describe = describe,
};
