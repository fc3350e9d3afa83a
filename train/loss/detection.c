/* YOLOv5's loss in two steps a level: which anchors at which cells are to see
 * which objects, then the three parts over those and over all cells. Matching
 * is done in f32, so that objects on the border of a cell, or of what an anchor
 * takes, go where they go in YOLOv5. */

#include "train/loss/detection.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/loss/level.h"

/* Hyperparameters of YOLOv5's hyp.scratch-low.yaml, which are for 3 levels, 80
 * classes and 640 x 640 pixels. */
#define BOX_GAIN        0.05
#define CLASS_GAIN      0.5
#define OBJECTNESS_GAIN 1.0
#define ANCHOR_RATIO    4.0
#define LEVELS          3
#define CLASSES         80.0
#define PIXELS          (640.0 * 640.0)

/* Weights of levels' objectness where there are LEVELS of them, and where not.
 */
static const double balances[] = {4.0, 1.0, 0.4};
static const double other_balances[YT_LEVELS_MAX] = {4.0, 1.0, 0.25, 0.06};

struct yt_detection_gains yt_detection_gains(const struct yt_graph *graph,
                                             int32_t h, int32_t w)
{
    const double levels = (double)LEVELS / graph->head_count;
    struct yt_detection_gains gains = {
        .box = BOX_GAIN * levels,
        .objectness = OBJECTNESS_GAIN * levels * h * w / PIXELS,
        .classes = CLASS_GAIN * levels * graph->nc / CLASSES,
        .class_positive = 1,
        .objectness_positive = 1,
        .anchor_ratio = ANCHOR_RATIO,
    };
    for (int32_t i = 0; i < graph->head_count; i++)
        gains.balance[i] =
            graph->head_count == LEVELS ? balances[i] : other_balances[i];
    return gains;
}

/* An anchor at a cell that is to see an object. */
struct match {
    int32_t image, anchor, cell, class_id;
    double aim[YT_BOX_SIDES]; /* the centre from the cell's corner, in cells */
};

/* Where an object looks for cells: its own, and the nearest one on each side
 * that it is less than half a cell away from. */
#define REACH 0.5f
static const float offsets[][2] = {
    {0, 0}, {REACH, 0}, {0, REACH}, {-REACH, 0}, {0, -REACH}};
#define OFFSETS ((int)(sizeof offsets / sizeof offsets[0]))

/* Whether the cell that offset number o leads to is near. A place on the border
 * of two cells is near both, and so gets its own twice; one within the
 * outermost cell has none beside it. */
static int is_near(const struct yt_loss_level *level, const float at[2], int o)
{
    if (o == 0)
        return 1;
    const int axis = (o - 1) % 2;
    const float end = (float)(axis == 0 ? level->columns : level->rows);
    const float from = o <= 2 ? at[axis] : end - at[axis];
    return from > 1 && from - floorf(from) < REACH;
}

static int fits(const float size[2], const float anchor[2], float most)
{
    for (int side = 0; side < 2; side++) {
        const float ratio = size[side] / anchor[side];
        if (!(ratio < most && 1 / ratio < most))
            return 0;
    }
    return 1;
}

static int32_t clamp(int32_t value, int32_t count)
{
    return value < 0 ? 0 : value >= count ? count - 1 : value;
}

static struct match make_match(const struct yt_loss_level *level,
                               const struct yt_label *target, int32_t anchor,
                               const float at[2], const float size[2], int o)
{
    const int32_t x = clamp((int32_t)(at[0] - offsets[o][0]), level->columns);
    const int32_t y = clamp((int32_t)(at[1] - offsets[o][1]), level->rows);
    return (struct match){
        .image = target->image,
        .anchor = anchor,
        .cell = y * level->columns + x,
        .class_id = target->class_id,
        .aim = {(double)(at[0] - (float)x), (double)(at[1] - (float)y),
                (double)size[0], (double)size[1]},
    };
}

/* The order is YOLOv5's, by offset, anchor and object, since of several objects
 * at one place the last one says what objectness is to be. */
static int32_t find_matches(const struct yt_loss_level *level,
                            const struct yt_label *targets, int32_t count,
                            float most, struct match *matches)
{
    int32_t found = 0;
    for (int o = 0; o < OFFSETS; o++)
        for (int32_t a = 0; a < level->na; a++)
            for (int32_t i = 0; i < count; i++) {
                const struct yt_label *t = &targets[i];
                const float at[] = {t->x * (float)level->columns,
                                    t->y * (float)level->rows};
                const float size[] = {t->w * (float)level->columns,
                                      t->h * (float)level->rows};
                if (fits(size, level->anchors[a], most) &&
                    is_near(level, at, o))
                    matches[found++] = make_match(level, t, a, at, size, o);
            }
    return found;
}

/* A head, its gradient, and what its cells' objectness is to be. */
struct work {
    struct yt_loss_level level;
    const struct yt_detection_gains *gains;
    const float *values;
    float *gradient;
    struct match *matches;
    int32_t match_count;
    double *aims; /* [batch][na][cells] */
};

static struct yt_term entropy(const struct work *work, float logit, double aim,
                              double positive)
{
    const struct yt_term term = yt_cross_entropy((double)logit, aim, positive);
    const double gamma = work->gains->focal_gamma;
    return gamma > 0 ? yt_focal(term, (double)logit, aim, gamma) : term;
}

static void add(float *gradient, double value)
{
    *gradient = (float)((double)*gradient + value);
}

/* Mean of 1 - CIoU over the matches; leaves aims of objectness. */
static double box_loss(const struct work *work, double gain)
{
    const struct yt_loss_level *level = &work->level;
    const double share = 1.0 / work->match_count;
    double sum = 0;
    for (int32_t i = 0; i < work->match_count; i++) {
        const struct match *match = &work->matches[i];
        const size_t at =
            yt_loss_level_at(level, match->image, match->anchor, match->cell);
        double box[YT_BOX_SIDES], slopes[YT_BOX_SIDES], by[YT_BOX_SIDES];
        yt_loss_level_box(level, match->anchor, work->values + at, box, slopes);
        const double overlap = yt_ciou(box, match->aim, by);
        for (size_t side = 0; side < YT_BOX_SIDES; side++)
            add(&work->gradient[at + side * (size_t)level->cells],
                -gain * share * by[side] * slopes[side]);
        const size_t place =
            ((size_t)match->image * (size_t)level->na + (size_t)match->anchor) *
                (size_t)level->cells +
            (size_t)match->cell;
        work->aims[place] = fmax(overlap, 0);
        sum += 1 - overlap;
    }
    return sum * share;
}

/* Mean over the matches' classes. */
static double class_loss(const struct work *work, double gain)
{
    const struct yt_loss_level *level = &work->level;
    const double off = work->gains->label_smoothing / 2, on = 1 - off;
    const double share = 1.0 / work->match_count / level->nc;
    double sum = 0;
    for (int32_t i = 0; i < work->match_count; i++) {
        const struct match *match = &work->matches[i];
        size_t at =
            yt_loss_level_at(level, match->image, match->anchor, match->cell) +
            YT_CLASS_CHANNEL * (size_t)level->cells;
        for (int32_t k = 0; k < level->nc; k++, at += (size_t)level->cells) {
            const struct yt_term term =
                entropy(work, work->values[at], k == match->class_id ? on : off,
                        work->gains->class_positive);
            add(&work->gradient[at], gain * share * term.slope);
            sum += term.value;
        }
    }
    return sum * share;
}

/* Mean over all cells. */
static double objectness_loss(const struct work *work, double gain)
{
    const struct yt_loss_level *level = &work->level;
    const size_t cells = (size_t)level->cells;
    const double share = 1.0 / level->batch / level->na / level->cells;
    const double *aims = work->aims;
    double sum = 0;
    for (int32_t image = 0; image < level->batch; image++)
        for (int32_t a = 0; a < level->na; a++, aims += cells) {
            const size_t at = yt_loss_level_at(level, image, a, 0) +
                              YT_OBJECTNESS_CHANNEL * cells;
            for (size_t i = 0; i < cells; i++) {
                const struct yt_term term =
                    entropy(work, work->values[at + i], aims[i],
                            work->gains->objectness_positive);
                work->gradient[at + i] = (float)(gain * share * term.slope);
                sum += term.value;
            }
        }
    return sum * share;
}

/* Adds a level's share of the parts. */
static void level_loss(const struct work *work, int32_t i,
                       struct yt_detection_loss *loss)
{
    const struct yt_detection_gains *gains = work->gains;
    const double batch = work->level.batch;
    memset(work->gradient, 0,
           yt_loss_level_values(&work->level) * sizeof *work->gradient);
    if (work->match_count > 0) {
        loss->box += gains->box * box_loss(work, batch * gains->box);
        if (work->level.nc > 1)
            loss->classes +=
                gains->classes * class_loss(work, batch * gains->classes);
    }
    const double gain = gains->objectness * gains->balance[i];
    loss->objectness += gain * objectness_loss(work, batch * gain);
}

static void check_targets(const struct yt_graph *graph, int32_t batch,
                          const struct yt_label *targets, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        assert(targets[i].image >= 0 && targets[i].image < batch);
        assert(targets[i].class_id >= 0 && targets[i].class_id < graph->nc);
        assert(targets[i].x >= 0 && targets[i].x <= 1);
        assert(targets[i].y >= 0 && targets[i].y <= 1);
    }
    (void)graph, (void)batch, (void)targets, (void)count;
}

enum yt_status yt_detection_loss(const struct yt_graph *graph, int32_t batch,
                                 int32_t h, int32_t w,
                                 const float *const *heads,
                                 const struct yt_label *targets, int32_t count,
                                 const struct yt_detection_gains *gains,
                                 float *const *gradients,
                                 struct yt_detection_loss *loss_out)
{
    check_targets(graph, batch, targets, count);
    *loss_out = (struct yt_detection_loss){0};
    for (int32_t i = 0; i < graph->head_count; i++) {
        struct work work = {
            .level = yt_loss_level(graph, i, batch, h, w),
            .gains = gains,
            .values = heads[i],
            .gradient = gradients[i],
        };
        const struct yt_loss_level *level = &work.level;
        work.aims =
            calloc((size_t)batch * (size_t)level->na * (size_t)level->cells,
                   sizeof *work.aims);
        work.matches =
            calloc((size_t)OFFSETS * (size_t)level->na * (size_t)count + 1,
                   sizeof *work.matches);
        const int failed = !work.aims || !work.matches;
        if (!failed) {
            work.match_count =
                find_matches(level, targets, count, (float)gains->anchor_ratio,
                             work.matches);
            level_loss(&work, i, loss_out);
        }
        free(work.aims);
        free(work.matches);
        YT_FAIL_IF(failed, YT_NO_MEMORY, "no memory for a loss");
    }
    loss_out->total =
        (loss_out->box + loss_out->objectness + loss_out->classes) * batch;
    return YT_OK;
}
