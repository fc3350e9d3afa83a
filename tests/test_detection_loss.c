/* YOLOv5's loss: its gradient against differences of a plain second version of
 * it, and who is matched with what in cases that were worked out by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/assert_ok.h"
#include "tests/loss_case.h"
#include "train/loss/detection.h"
#include "train/loss/terms.h"

#define TARGETS_MAX 16
#define ALPHAS_MAX  4096
#define CELLS_MAX   1024

/* The second version, and what counts as a constant in it: weights of shapes
 * and aims of objectness, taken once and then kept. */
struct slow {
    const struct yt_graph *graph;
    const struct yt_detection_gains *gains;
    const struct yt_label *targets;
    int32_t count;
    int taken; /* 1: constants are those of an earlier call */
    double alphas[ALPHAS_MAX];
    size_t alpha; /* next */
    double aims[YT_LEVELS_MAX][CELLS_MAX];
};

/* Which of the five ways leads an object to a cell: 0 it is its own, 1 to 4 the
 * cell lies left, above, right, below of it; -1: none. Not for borders. */
static int way_to(const struct yt_label *t, int32_t cell, int32_t rows,
                  int32_t columns)
{
    const double x = (double)t->x * columns, y = (double)t->y * rows;
    const int row = cell / columns, column = cell % columns;
    const int dx = column - (int)x, dy = row - (int)y;
    const double fx = x - floor(x), fy = y - floor(y);
    if (dx == 0 && dy == 0)
        return 0;
    if (dy == 0 && dx == -1 && fx < 0.5)
        return 1;
    if (dx == 0 && dy == -1 && fy < 0.5)
        return 2;
    if (dy == 0 && dx == 1 && fx > 0.5)
        return 3;
    if (dx == 0 && dy == 1 && fy > 0.5)
        return 4;
    return -1;
}

static int has_shape(const struct slow *s, const struct yt_label *t,
                     const float *anchor)
{
    const double w = (double)t->w * LOSS_W / (double)anchor[0];
    const double h = (double)t->h * LOSS_H / (double)anchor[1];
    const double most = fmax(fmax(w, 1 / w), fmax(h, 1 / h));
    return most < s->gains->anchor_ratio;
}

static double slow_focal(const struct slow *s, double logit, double aim,
                         double positive)
{
    const double entropy = slow_entropy(logit, aim, positive);
    if (s->gains->focal_gamma == 0)
        return entropy;
    const double p = slow_sigmoid(logit);
    const double right = aim * p + (1 - aim) * (1 - p);
    return entropy * (aim * 0.25 + (1 - aim) * 0.75) *
           pow(1 - right, s->gains->focal_gamma);
}

struct sums {
    double box, classes, objectness;
    int32_t matches;
};

/* One anchor at one cell of one picture. */
static void add_place(struct slow *s, int32_t level, int32_t image,
                      int32_t anchor, int32_t cell, const double *logits,
                      double *aim, struct sums *sums)
{
    const struct yt_graph_head *head = &s->graph->heads[level];
    const int32_t rows = LOSS_H / head->stride, columns = LOSS_W / head->stride;
    const int32_t cells = rows * columns;
    const int32_t row = cell / columns, column = cell % columns;
    const double smooth = s->gains->label_smoothing / 2;
    int latest = -1;
    for (int32_t i = 0; i < s->count; i++) {
        const struct yt_label *t = &s->targets[i];
        const int way = way_to(t, cell, rows, columns);
        if (t->image != image || way < 0 ||
            !has_shape(s, t, head->anchors[anchor]))
            continue;
        const struct slow_box want = {
            (double)t->x * columns - column,
            (double)t->y * rows - row,
            (double)t->w * columns,
            (double)t->h * rows,
        };
        assert_true(s->alpha < ALPHAS_MAX);
        double *alpha = &s->alphas[s->alpha++];
        if (!s->taken)
            *alpha = NAN;
        const double overlap = slow_ciou(
            slow_decode(s->graph, level, anchor, logits), want, alpha);
        if (way >= latest && !s->taken)
            *aim = fmax(overlap, 0);
        latest = way >= latest ? way : latest;
        sums->matches++;
        sums->box += 1 - overlap;
        for (int32_t k = 0; k < s->graph->nc; k++)
            sums->classes += slow_focal(s, logits[(5 + k) * cells],
                                        k == t->class_id ? 1 - smooth : smooth,
                                        s->gains->class_positive);
    }
    sums->objectness +=
        slow_focal(s, logits[4 * cells], *aim, s->gains->objectness_positive);
}

static double slow_parts(struct slow *s, double *const *heads,
                         struct yt_detection_loss *loss)
{
    const struct yt_graph *graph = s->graph;
    *loss = (struct yt_detection_loss){0};
    s->alpha = 0;
    for (int32_t level = 0; level < graph->head_count; level++) {
        const int32_t cells = loss_cells(graph, level);
        const int32_t places = LOSS_BATCH * graph->na * cells;
        struct sums sums = {0};
        assert_true(places <= CELLS_MAX);
        if (!s->taken)
            memset(s->aims[level], 0, sizeof s->aims[level]);
        for (int32_t i = 0; i < places; i++) {
            const int32_t cell = i % cells, plane = i / cells;
            const int32_t image = plane / graph->na, a = plane % graph->na;
            add_place(s, level, image, a, cell,
                      heads[level] + loss_at(graph, level, image, a, 0, cell),
                      &s->aims[level][i], &sums);
        }
        if (sums.matches > 0)
            loss->box += s->gains->box * sums.box / sums.matches;
        if (sums.matches > 0 && graph->nc > 1)
            loss->classes +=
                s->gains->classes * sums.classes / sums.matches / graph->nc;
        loss->objectness += s->gains->objectness * s->gains->balance[level] *
                            sums.objectness / places;
    }
    s->taken = 1;
    loss->total = LOSS_BATCH * (loss->box + loss->classes + loss->objectness);
    return loss->total;
}

static double slow_total(void *user, double *const *heads)
{
    struct yt_detection_loss loss;
    return slow_parts(user, heads, &loss);
}

static struct yt_detection_loss run(const struct loss_case *c,
                                    const struct yt_label *targets,
                                    int32_t count,
                                    const struct yt_detection_gains *gains)
{
    struct yt_detection_loss loss;
    assert_ok(yt_detection_loss(c->graph, LOSS_BATCH, LOSS_H, LOSS_W,
                                (const float *const *)c->heads, targets, count,
                                gains, c->gradients, &loss));
    return loss;
}

static void compare_loss(const struct loss_case *c, struct slow *s,
                         const struct yt_detection_loss *got)
{
    struct yt_detection_loss want;
    double *heads[YT_LEVELS_MAX] = {NULL};
    for (int32_t i = 0; i < c->graph->head_count; i++) {
        heads[i] = malloc(c->counts[i] * sizeof *heads[i]);
        assert_non_null(heads[i]);
        for (size_t k = 0; k < c->counts[i]; k++)
            heads[i][k] = (double)c->heads[i][k];
    }
    slow_parts(s, heads, &want);
    assert_float_equal(got->box, want.box, 1e-6);
    assert_float_equal(got->classes, want.classes, 1e-6);
    assert_float_equal(got->objectness, want.objectness, 1e-6);
    assert_float_equal(got->total, want.total, 1e-5);
    for (int32_t i = 0; i < c->graph->head_count; i++)
        free(heads[i]);
}

static void fill_targets(struct yt_label *targets, int32_t nc, uint64_t seed)
{
    struct random_graph r = {.state = seed};
    for (int32_t i = 0; i < TARGETS_MAX; i++)
        targets[i] = (struct yt_label){
            .image = (int32_t)next_below(&r, LOSS_BATCH),
            .class_id = (int32_t)next_below(&r, (uint32_t)nc),
            .x = 0.5f + 0.49f * next_noise(&r),
            .y = 0.5f + 0.49f * next_noise(&r),
            .w = 0.4f + 0.35f * next_noise(&r),
            .h = 0.4f + 0.35f * next_noise(&r),
        };
}

static void gradients_are_differences(void **state)
{
    (void)state;
    static const struct {
        int32_t na, nc;
        double gamma, smoothing, class_positive, objectness_positive;
    } rows[] = {
        {3, 3, 0, 0, 1, 1},
        {3, 1, 0, 0, 1, 1},
        {2, 4, 1.5, 0.1, 0.8, 1.4},
        {1, 2, 0.5, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loss_case c;
        struct yt_label targets[TARGETS_MAX];
        loss_begin(&c, loss_graph(3 + i, rows[i].na, rows[i].nc), 7 + i, 3);
        fill_targets(targets, rows[i].nc, 11 + i);
        struct yt_detection_gains gains =
            yt_detection_gains(c.graph, LOSS_H, LOSS_W);
        gains.box = gains.classes = gains.objectness = 1; /* all count */
        gains.focal_gamma = rows[i].gamma;
        gains.label_smoothing = rows[i].smoothing;
        gains.class_positive = rows[i].class_positive;
        gains.objectness_positive = rows[i].objectness_positive;
        struct slow *s = calloc(1, sizeof *s);
        assert_non_null(s);
        s->graph = c.graph;
        s->gains = &gains;
        s->targets = targets;
        s->count = TARGETS_MAX;
        const struct yt_detection_loss loss =
            run(&c, targets, TARGETS_MAX, &gains);
        assert_true(loss.box > 0);
        compare_loss(&c, s, &loss);
        loss_compare(&c, slow_total, s);
        free(s);
        loss_end(&c);
    }
}

/* One anchor of 10 x 10 pixels, logits of zero: 0 where it was not matched with
 * an object, else minus the share that the cell's class takes of the mean. */
static double seen(const struct loss_case *c, int32_t level, int32_t class_id,
                   int32_t row, int32_t column)
{
    const int32_t columns = LOSS_W / c->graph->heads[level].stride;
    return (double)c->gradients[level][loss_at(
        c->graph, level, 0, 0, 5 + class_id, row * columns + column)];
}

static int32_t count_seen(const struct loss_case *c, int32_t level)
{
    int32_t count = 0;
    for (int32_t row = 0; row < LOSS_H / c->graph->heads[level].stride; row++)
        for (int32_t x = 0; x < LOSS_W / c->graph->heads[level].stride; x++)
            count += seen(c, level, 0, row, x) != 0;
    return count;
}

static void begin_by_hand(struct loss_case *c, int32_t nc)
{
    struct yt_graph *graph = loss_graph(1, 1, nc);
    for (int32_t i = 0; i < 2; i++)
        graph->heads[i].anchors[0][0] = graph->heads[i].anchors[0][1] = 8;
    loss_begin(c, graph, 1, 0);
}

/* Centre in pixels of the 32 x 48 input, level 0 having 8 a cell. */
static struct yt_label target_at(float x, float y, float w, float h)
{
    return (struct yt_label){
        .x = x / LOSS_W, .y = y / LOSS_H, .w = w / LOSS_W, .h = h / LOSS_H};
}

static void objects_go_to_three_cells(void **state)
{
    (void)state;
    static const struct {
        float x, y;
        int32_t cells[3][2]; /* row, column; -1: no more */
    } rows[] = {
        {18, 10, {{1, 2}, {1, 1}, {0, 2}}}, /* left and above */
        {22, 14, {{1, 2}, {1, 3}, {2, 2}}}, /* right and below */
        {20, 12, {{1, 2}, {-1}, {-1}}},     /* the middle: neither */
        {2, 2, {{0, 0}, {-1}, {-1}}},       /* nothing beyond the edge */
        {46, 30, {{3, 5}, {-1}, {-1}}},     /* nor there */
        {48, 32, {{3, 5}, {-1}, {-1}}},     /* on the edge itself */
        {10, 30, {{3, 1}, {3, 0}, {-1}}},   /* left; below is no cell */
    };
    struct loss_case c;
    begin_by_hand(&c, 2);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct yt_label target = target_at(rows[i].x, rows[i].y, 8, 8);
        run(&c, &target, 1, &gains);
        int32_t count = 0;
        for (int k = 0; k < 3 && rows[i].cells[k][0] >= 0; k++, count++)
            if (!(seen(&c, 0, 0, rows[i].cells[k][0], rows[i].cells[k][1]) < 0))
                fail_msg("row %zu: cell %d was not matched", i, k);
        if (count_seen(&c, 0) != count)
            fail_msg("row %zu: %d cells matched", i, (int)count_seen(&c, 0));
    }
    loss_end(&c);
}

/* Exactly on a border both cells are near: the one behind it is matched twice,
 * as what contains the place and as what lies beside it. */
static void borders_count_twice(void **state)
{
    (void)state;
    struct loss_case c;
    begin_by_hand(&c, 2);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    const struct yt_label target = target_at(24, 12, 8, 8);
    run(&c, &target, 1, &gains);
    assert_int_equal(count_seen(&c, 0), 2);
    assert_true(seen(&c, 0, 0, 1, 2) < 0);
    assert_float_equal(seen(&c, 0, 0, 1, 3), 2 * seen(&c, 0, 0, 1, 2), 1e-9);
    loss_end(&c);
}

static void check_nothing_matched(const struct loss_case *c,
                                  const struct yt_detection_loss *loss)
{
    assert_float_equal(loss->box, 0, 0);
    assert_float_equal(loss->classes, 0, 0);
    assert_true(loss->objectness > 0);
    for (int32_t i = 0; i < c->graph->head_count; i++)
        for (size_t k = 0; k < c->counts[i]; k++) {
            const size_t cells = (size_t)loss_cells(c->graph, i);
            const size_t channel = k / cells % (size_t)(5 + c->graph->nc);
            /* Logits of 0 against an aim of 0. */
            if (channel == 4)
                assert_true(c->gradients[i][k] > 0);
            else
                assert_true(c->gradients[i][k] == 0);
        }
}

static void anchors_out_of_ratio_see_nothing(void **state)
{
    (void)state;
    static const float sizes[][2] = {{32, 8},  {8, 32}, {2, 8}, {8, 2},
                                     {40, 40}, {1, 40}, {0, 8}};
    struct loss_case c;
    begin_by_hand(&c, 2);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct yt_label target =
            target_at(20, 12, sizes[i][0], sizes[i][1]);
        const struct yt_detection_loss loss = run(&c, &target, 1, &gains);
        check_nothing_matched(&c, &loss);
    }
    const struct yt_label target = target_at(20, 12, 31, 8);
    run(&c, &target, 1, &gains);
    assert_int_equal(count_seen(&c, 0), 1);
    loss_end(&c);
}

static void no_targets_are_fine(void **state)
{
    (void)state;
    struct loss_case c;
    begin_by_hand(&c, 2);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    const struct yt_detection_loss loss = run(&c, NULL, 0, &gains);
    check_nothing_matched(&c, &loss);
    loss_end(&c);
}

static void classes_at_both_ends(void **state)
{
    (void)state;
    struct loss_case c;
    begin_by_hand(&c, 4);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    for (int32_t class_id = 0; class_id < 4; class_id += 3) {
        struct yt_label target = target_at(20, 12, 8, 8);
        target.class_id = class_id;
        run(&c, &target, 1, &gains);
        for (int32_t k = 0; k < 4; k++)
            assert_true(k == class_id ? seen(&c, 0, k, 1, 2) < 0
                                      : seen(&c, 0, k, 1, 2) > 0);
        /* The picture behind it is untouched. */
        assert_true(c.gradients[0][loss_at(c.graph, 0, 1, 0, 5, 0)] == 0);
    }
    loss_end(&c);
}

static void one_class_has_no_class_loss(void **state)
{
    (void)state;
    struct loss_case c;
    begin_by_hand(&c, 1);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    const struct yt_label target = target_at(20, 12, 10, 8);
    const struct yt_detection_loss loss = run(&c, &target, 1, &gains);
    assert_true(loss.box > 0);
    assert_float_equal(loss.classes, 0, 0);
    assert_int_equal(count_seen(&c, 0), 0);
    loss_end(&c);
}

/* What objectness is to be follows from its gradient at a logit of 0: half less
 * the aim, times the batch and the gain, divided by all cells. */
static void the_last_object_says_objectness(void **state)
{
    (void)state;
    struct loss_case c;
    begin_by_hand(&c, 2);
    const struct yt_detection_gains gains =
        yt_detection_gains(c.graph, LOSS_H, LOSS_W);
    const struct yt_label targets[] = {target_at(20, 12, 8, 8),
                                       target_at(20, 12, 16, 8)};
    for (int first = 0; first < 2; first++) {
        const struct yt_label order[] = {targets[first], targets[1 - first]};
        run(&c, order, 2, &gains);
        const double gradient =
            (double)c.gradients[0][loss_at(c.graph, 0, 0, 0, 4, 6 + 2)];
        const double share = LOSS_BATCH * gains.objectness * gains.balance[0] /
                             (LOSS_BATCH * 24);
        /* Logits of 0 are a box of the anchor's size in the cell's middle. */
        const double box[] = {0.5, 0.5, 1, 1};
        const double aim[] = {0.5, 0.5, first ? 1 : 2, 1};
        double by[YT_BOX_SIDES];
        assert_float_equal(0.5 - gradient / share, yt_ciou(box, aim, by), 1e-6);
    }
    loss_end(&c);
}

static void hopeless_logits_stay_finite(void **state)
{
    (void)state;
    for (int focal = 0; focal < 2; focal++) {
        struct loss_case c;
        struct yt_label targets[TARGETS_MAX];
        loss_begin(&c, loss_graph(5, 3, 3), 9, 1e30f);
        fill_targets(targets, 3, 13);
        struct yt_detection_gains gains =
            yt_detection_gains(c.graph, LOSS_H, LOSS_W);
        gains.focal_gamma = focal * 0.5;
        const struct yt_detection_loss loss =
            run(&c, targets, TARGETS_MAX, &gains);
        assert_true(isfinite(loss.total));
        for (int32_t i = 0; i < c.graph->head_count; i++)
            for (size_t k = 0; k < c.counts[i]; k++)
                assert_true(isfinite(c.gradients[i][k]));
        loss_end(&c);
    }
}

static void gains_are_those_of_yolov5(void **state)
{
    (void)state;
    struct yt_graph graph = {.head_count = 3, .nc = 80};
    struct yt_detection_gains gains = yt_detection_gains(&graph, 640, 640);
    assert_float_equal(gains.box, 0.05, 1e-12);
    assert_float_equal(gains.classes, 0.5, 1e-12);
    assert_float_equal(gains.objectness, 1, 1e-12);
    assert_float_equal(gains.balance[0], 4, 0);
    assert_float_equal(gains.balance[2], 0.4, 0);
    assert_float_equal(gains.anchor_ratio, 4, 0);
    graph = (struct yt_graph){.head_count = 4, .nc = 2};
    gains = yt_detection_gains(&graph, 320, 320);
    assert_float_equal(gains.box, 0.05 * 3 / 4, 1e-12);
    assert_float_equal(gains.classes, 0.5 * 2 / 80 * 3 / 4, 1e-12);
    assert_float_equal(gains.objectness, 0.25 * 3 / 4, 1e-12);
    assert_float_equal(gains.balance[2], 0.25, 0);
    assert_float_equal(gains.balance[3], 0.06, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(objects_go_to_three_cells),
        cmocka_unit_test(borders_count_twice),
        cmocka_unit_test(anchors_out_of_ratio_see_nothing),
        cmocka_unit_test(no_targets_are_fine),
        cmocka_unit_test(classes_at_both_ends),
        cmocka_unit_test(one_class_has_no_class_loss),
        cmocka_unit_test(the_last_object_says_objectness),
        cmocka_unit_test(hopeless_logits_stay_finite),
        cmocka_unit_test(gains_are_those_of_yolov5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
