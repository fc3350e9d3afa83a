/* What a teacher says, as a loss: objectness everywhere, classes and boxes
 * where there is something to be said. */

#include "train/loss/distill.h"

#include <math.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/loss/detection.h"
#include "train/loss/level.h"

/* From this objectness of the teacher's on a place counts for classes and
 * boxes: what lies below adds up to nothing that NMS would see, over so many
 * cells that they would be most of the work. */
#define SEEN_MIN 0.01

/* Sides of anchors differ by rounding when one file is ONNX. */
#define ANCHOR_TOLERANCE 1e-3f

struct yt_distill_gains yt_distill_gains(void)
{
    return (struct yt_distill_gains){.objectness = 1, .classes = 1, .box = 1};
}

/* A head of both networks, and what their parts are multiplied with. */
struct pair {
    struct yt_loss_level level;
    const float *student, *teacher;
    float *gradient;
    double objectness, classes, box;
};

/* The cross entropy with what the teacher says, less the teacher's own. */
static struct yt_term relative_entropy(float student, float teacher)
{
    const double aim = yt_logistic((double)teacher);
    struct yt_term term = yt_cross_entropy((double)student, aim, 1);
    term.value -= yt_cross_entropy((double)teacher, aim, 1).value;
    return term;
}

/* One logit: adds to the loss, sets the gradient. */
static double compare(const struct pair *pair, size_t at, double gain)
{
    const struct yt_term term =
        relative_entropy(pair->student[at], pair->teacher[at]);
    pair->gradient[at] = (float)(gain * term.slope);
    return gain * term.value;
}

static double compare_boxes(const struct pair *pair, size_t at, int32_t anchor,
                            double gain)
{
    double box[YT_BOX_SIDES], slopes[YT_BOX_SIDES], by[YT_BOX_SIDES];
    double aim[YT_BOX_SIDES], unused[YT_BOX_SIDES];
    yt_loss_level_box(&pair->level, anchor, pair->student + at, box, slopes);
    yt_loss_level_box(&pair->level, anchor, pair->teacher + at, aim, unused);
    const double overlap = yt_ciou(box, aim, by);
    for (size_t side = 0; side < YT_BOX_SIDES; side++)
        pair->gradient[at + side * (size_t)pair->level.cells] =
            (float)(-gain * by[side] * slopes[side]);
    return gain * (1 - overlap);
}

/* The teacher's objectness at a place, 0 where it sees nothing. */
static double seen(const struct pair *pair, size_t at)
{
    const size_t objectness =
        at + YT_OBJECTNESS_CHANNEL * (size_t)pair->level.cells;
    const double p = yt_logistic((double)pair->teacher[objectness]);
    return p >= SEEN_MIN ? p : 0;
}

/* An anchor of a picture, at a cell. */
static double compare_place(const struct pair *pair, size_t at, int32_t anchor)
{
    const size_t cells = (size_t)pair->level.cells;
    double loss =
        compare(pair, at + YT_OBJECTNESS_CHANNEL * cells, pair->objectness);
    const double weight = seen(pair, at);
    if (weight == 0)
        return loss;
    loss += compare_boxes(pair, at, anchor, pair->box * weight);
    for (int32_t k = 0; k < pair->level.nc; k++)
        loss += compare(pair, at + (size_t)(YT_CLASS_CHANNEL + k) * cells,
                        pair->classes * weight);
    return loss;
}

/* Sums what @p visit says over all anchors, pictures and cells. */
static double sum_places(const struct pair *pair,
                         double (*visit)(const struct pair *pair, size_t at,
                                         int32_t anchor))
{
    double sum = 0;
    for (int32_t image = 0; image < pair->level.batch; image++)
        for (int32_t a = 0; a < pair->level.na; a++)
            for (int32_t cell = 0; cell < pair->level.cells; cell++)
                sum += visit(pair,
                             yt_loss_level_at(&pair->level, image, a, cell), a);
    return sum;
}

static double visit_seen(const struct pair *pair, size_t at, int32_t anchor)
{
    (void)anchor;
    return seen(pair, at);
}

enum yt_status yt_distill_heads(const struct yt_graph *graph, int32_t batch,
                                int32_t h, int32_t w,
                                const float *const *student,
                                const float *const *teacher,
                                const struct yt_distill_gains *gains,
                                float *const *gradients, double *loss_out)
{
    const struct yt_detection_gains base = yt_detection_gains(graph, h, w);
    struct pair pairs[YT_LEVELS_MAX];
    double weight = 0;
    for (int32_t i = 0; i < graph->head_count; i++) {
        pairs[i] = (struct pair){
            .level = yt_loss_level(graph, i, batch, h, w),
            .student = student[i],
            .teacher = teacher[i],
            .gradient = gradients[i],
        };
        weight += sum_places(&pairs[i], visit_seen);
    }
    /* Boxes and classes are means over levels together, since one at which the
     * teacher sees next to nothing would count as much as the others; YOLOv5's
     * sum of the levels' means is as many times as large. */
    const double share = weight > 0 ? batch * graph->head_count / weight : 0;
    double loss = 0;
    for (int32_t i = 0; i < graph->head_count; i++) {
        struct pair *pair = &pairs[i];
        pair->objectness = gains->objectness * base.objectness *
                           base.balance[i] / graph->na / pair->level.cells;
        pair->box = gains->box * base.box * share;
        pair->classes = gains->classes * base.classes * share / graph->nc;
        memset(pair->gradient, 0,
               yt_loss_level_values(&pair->level) * sizeof *pair->gradient);
        loss += sum_places(pair, compare_place);
    }
    *loss_out = loss;
    return YT_OK;
}

static enum yt_status check_heads(const struct yt_graph *student,
                                  const struct yt_graph *teacher, int32_t i)
{
    const struct yt_graph_head *a = &student->heads[i];
    const struct yt_graph_head *b = &teacher->heads[i];
    YT_FAIL_IF(a->stride != b->stride, YT_BAD_ARGUMENT,
               "head %d of the teacher has stride %d, the student's %d", i,
               b->stride, a->stride);
    for (int32_t k = 0; k < student->na; k++)
        for (int side = 0; side < 2; side++) {
            const float ours = a->anchors[k][side];
            const float theirs = b->anchors[k][side];
            YT_FAIL_IF(fabsf(ours - theirs) > ANCHOR_TOLERANCE * ours,
                       YT_BAD_ARGUMENT,
                       "anchor %d of head %d is %gx%g for the teacher, %gx%g "
                       "for the student",
                       k, i, (double)b->anchors[k][0], (double)b->anchors[k][1],
                       (double)a->anchors[k][0], (double)a->anchors[k][1]);
        }
    return YT_OK;
}

enum yt_status yt_distill_check(const struct yt_graph *student,
                                const struct yt_graph *teacher)
{
    YT_FAIL_IF(student->nc != teacher->nc, YT_BAD_ARGUMENT,
               "the teacher knows %d classes, the student %d", teacher->nc,
               student->nc);
    for (int32_t i = 0; i < student->nc; i++)
        YT_FAIL_IF(strcmp(student->classes[i], teacher->classes[i]) != 0,
                   YT_BAD_ARGUMENT,
                   "class %d is '%s' for the teacher and '%s' for the student",
                   i, teacher->classes[i], student->classes[i]);
    YT_FAIL_IF(student->head_count != teacher->head_count, YT_BAD_ARGUMENT,
               "the teacher has %d heads, the student %d", teacher->head_count,
               student->head_count);
    YT_FAIL_IF(student->na != teacher->na, YT_BAD_ARGUMENT,
               "the teacher has %d anchors a head, the student %d", teacher->na,
               student->na);
    for (int32_t i = 0; i < student->head_count; i++)
        YT_TRY(check_heads(student, teacher, i));
    return YT_OK;
}

void yt_distill_map(const float *student, const float *teacher, int64_t count,
                    double gain, float *gradient, double *loss_out)
{
    double energy = 0, difference = 0;
    for (int64_t i = 0; i < count; i++)
        energy += (double)teacher[i] * (double)teacher[i];
    const double scale = energy > 0 ? gain / energy : 0;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)student[i] - (double)teacher[i];
        difference += d * d;
        gradient[i] = (float)(2 * scale * d);
    }
    *loss_out = scale * difference;
}
