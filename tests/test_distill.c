/* Losses with a teacher: gradients against differences of a plain second
 * version, and what two networks must have in common. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/assert_ok.h"
#include "tests/loss_case.h"
#include "train/loss/detection.h"
#include "train/loss/distill.h"

#define ALPHAS_MAX 1024

struct slow {
    const struct yt_graph *graph;
    const struct yt_distill_gains *gains;
    float *const *teacher;
    int taken; /* 1: weights of shapes are those of an earlier call */
    double alphas[ALPHAS_MAX];
};

struct sums {
    double objectness, box, classes, weight;
    size_t alpha; /* next */
};

static double slow_relative(double student, double teacher)
{
    const double p = slow_sigmoid(teacher), q = slow_sigmoid(student);
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
}

static void add_place(struct slow *s, int32_t level, int32_t anchor,
                      const double *student, const float *teacher,
                      double balance, struct sums *sums)
{
    const int32_t cells = loss_cells(s->graph, level);
    const int32_t channels = 5 + s->graph->nc;
    double *said = malloc((size_t)(channels * cells) * sizeof *said);
    assert_non_null(said);
    for (int32_t k = 0; k < channels; k++)
        said[k * cells] = (double)teacher[k * cells];
    sums->objectness += balance *
                        slow_relative(student[4 * cells], said[4 * cells]) /
                        (s->graph->na * cells);
    const double weight = slow_sigmoid(said[4 * cells]);
    if (weight >= 0.01) {
        assert_true(sums->alpha < ALPHAS_MAX);
        double *alpha = &s->alphas[sums->alpha++];
        if (!s->taken)
            *alpha = NAN;
        sums->weight += weight;
        sums->box +=
            weight *
            (1 - slow_ciou(slow_decode(s->graph, level, anchor, student),
                           slow_decode(s->graph, level, anchor, said), alpha));
        for (int32_t k = 5; k < channels; k++)
            sums->classes +=
                weight * slow_relative(student[k * cells], said[k * cells]) /
                s->graph->nc;
    }
    free(said);
}

static double slow_loss(void *user, double *const *heads)
{
    struct slow *s = user;
    const struct yt_graph *graph = s->graph;
    const struct yt_detection_gains base =
        yt_detection_gains(graph, LOSS_H, LOSS_W);
    struct sums sums = {0};
    for (int32_t level = 0; level < graph->head_count; level++)
        for (int32_t image = 0; image < LOSS_BATCH; image++)
            for (int32_t a = 0; a < graph->na; a++)
                for (int32_t i = 0; i < loss_cells(graph, level); i++) {
                    const size_t at = loss_at(graph, level, image, a, 0, i);
                    add_place(s, level, a, heads[level] + at,
                              s->teacher[level] + at, base.balance[level],
                              &sums);
                }
    s->taken = 1;
    const double mean = LOSS_BATCH * graph->head_count / sums.weight;
    return s->gains->objectness * base.objectness * sums.objectness +
           s->gains->box * base.box * mean * sums.box +
           s->gains->classes * base.classes * mean * sums.classes;
}

static void gradients_are_differences(void **state)
{
    (void)state;
    for (int32_t nc = 1; nc <= 3; nc += 2) {
        struct loss_case c, teacher;
        loss_begin(&c, loss_graph(3, 3, nc), 7, 3);
        loss_begin(&teacher, loss_graph(3, 3, nc), 8, 6);
        const struct yt_distill_gains gains = {2, 30, 5}; /* all count */
        struct slow *s = calloc(1, sizeof *s);
        assert_non_null(s);
        s->graph = c.graph;
        s->gains = &gains;
        s->teacher = teacher.heads;
        double loss = 0;
        assert_ok(yt_distill_heads(
            c.graph, LOSS_BATCH, LOSS_H, LOSS_W, (const float *const *)c.heads,
            (const float *const *)teacher.heads, &gains, c.gradients, &loss));
        double *heads[YT_LEVELS_MAX] = {NULL};
        for (int32_t i = 0; i < c.graph->head_count; i++) {
            heads[i] = malloc(c.counts[i] * sizeof *heads[i]);
            assert_non_null(heads[i]);
            for (size_t k = 0; k < c.counts[i]; k++)
                heads[i][k] = (double)c.heads[i][k];
        }
        assert_float_equal(loss, slow_loss(s, heads), 1e-5);
        for (int32_t i = 0; i < c.graph->head_count; i++)
            free(heads[i]);
        loss_compare(&c, slow_loss, s);
        free(s);
        loss_end(&c);
        loss_end(&teacher);
    }
}

static void nothing_is_left_to_learn(void **state)
{
    (void)state;
    struct loss_case c;
    loss_begin(&c, loss_graph(3, 3, 2), 7, 2);
    const struct yt_distill_gains gains = yt_distill_gains();
    double loss = 1;
    assert_ok(yt_distill_heads(
        c.graph, LOSS_BATCH, LOSS_H, LOSS_W, (const float *const *)c.heads,
        (const float *const *)c.heads, &gains, c.gradients, &loss));
    assert_float_equal(loss, 0, 1e-6);
    for (int32_t i = 0; i < c.graph->head_count; i++)
        for (size_t k = 0; k < c.counts[i]; k++)
            assert_float_equal(c.gradients[i][k], 0, 1e-6);
    loss_end(&c);
}

/* Objectness still is a lesson then, and all of it. */
static void a_teacher_may_see_nothing(void **state)
{
    (void)state;
    struct loss_case c, teacher;
    loss_begin(&c, loss_graph(3, 3, 2), 7, 4);
    loss_begin(&teacher, loss_graph(3, 3, 2), 7, 0);
    for (int32_t i = 0; i < c.graph->head_count; i++)
        for (size_t k = 0; k < c.counts[i]; k++)
            teacher.heads[i][k] = -1000;
    const struct yt_distill_gains gains = yt_distill_gains();
    double loss = 0;
    assert_ok(yt_distill_heads(
        c.graph, LOSS_BATCH, LOSS_H, LOSS_W, (const float *const *)c.heads,
        (const float *const *)teacher.heads, &gains, c.gradients, &loss));
    assert_true(isfinite(loss) && loss > 0);
    for (int32_t i = 0; i < c.graph->head_count; i++)
        for (size_t k = 0; k < c.counts[i]; k++) {
            const size_t channel = k / (size_t)loss_cells(c.graph, i) % (5 + 2);
            assert_true(channel == 4 ? c.gradients[i][k] > 0
                                     : c.gradients[i][k] == 0);
        }
    loss_end(&c);
    loss_end(&teacher);
}

static void maps_are_compared_by_energy(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    struct random_graph r = {.state = 3};
    float student[COUNT], teacher[COUNT], gradient[COUNT], unused[COUNT];
    for (int i = 0; i < COUNT; i++) {
        student[i] = next_noise(&r);
        teacher[i] = 2 * next_noise(&r);
    }
    double loss, above, below;
    yt_distill_map(student, teacher, COUNT, 3, gradient, &loss);
    for (int i = 0; i < COUNT; i++) {
        const float value = student[i], up = value + 0x1p-8f,
                    down = value - 0x1p-8f;
        student[i] = up;
        yt_distill_map(student, teacher, COUNT, 3, unused, &above);
        student[i] = down;
        yt_distill_map(student, teacher, COUNT, 3, unused, &below);
        student[i] = value;
        assert_float_equal(gradient[i],
                           (above - below) / ((double)up - (double)down), 1e-6);
    }
    /* Twice the teacher's is as far off as its energy. */
    for (int i = 0; i < COUNT; i++)
        student[i] = 2 * teacher[i];
    yt_distill_map(student, teacher, COUNT, 3, gradient, &loss);
    assert_float_equal(loss, 3, 1e-9);
    memset(teacher, 0, sizeof teacher);
    yt_distill_map(student, teacher, COUNT, 3, gradient, &loss);
    assert_float_equal(loss, 0, 0);
    assert_float_equal(gradient[0], 0, 0);
}

static void other_count(struct yt_graph *g)
{
    assert_ok(yt_graph_set_classes(g, 3, NULL));
}
static void other_name(struct yt_graph *g)
{
    assert_ok(yt_graph_set_classes(g, 2, (const char *[]){"class0", "cat"}));
}
static void other_heads(struct yt_graph *g)
{
    g->head_count = 1;
}
static void other_anchors(struct yt_graph *g)
{
    g->na = 2;
}
static void other_stride(struct yt_graph *g)
{
    g->heads[1].stride = 32;
}
static void other_anchor(struct yt_graph *g)
{
    g->heads[1].anchors[2][1] *= 1.01f;
}
static void rounded_anchor(struct yt_graph *g)
{
    g->heads[1].anchors[2][1] *= 1.00001f;
}

static void differences_are_named(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct yt_graph *graph);
        const char *says; /* NULL: fine */
    } rows[] = {
        {other_count, "the teacher knows 3 classes, the student 2"},
        {other_name, "class 1 is 'cat' for the teacher and 'class1'"},
        {other_heads, "the teacher has 1 heads, the student 2"},
        {other_anchors, "the teacher has 2 anchors a head, the student 3"},
        {other_stride, "head 1 of the teacher has stride 32, the student's 16"},
        {other_anchor, "anchor 2 of head 1 is 32x30.3 for the teacher, 32x30"},
        {rounded_anchor, NULL},
    };
    struct yt_graph *student = loss_graph(3, 3, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_graph *teacher = loss_graph(4, 3, 2);
        assert_ok(yt_distill_check(student, teacher));
        rows[i].change(teacher);
        const enum yt_status status = yt_distill_check(student, teacher);
        assert_int_equal(status, rows[i].says ? YT_BAD_ARGUMENT : YT_OK);
        if (rows[i].says && !strstr(yt_error(), rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", yt_error(), rows[i].says);
        yt_graph_destroy(teacher);
    }
    yt_graph_destroy(student);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(nothing_is_left_to_learn),
        cmocka_unit_test(a_teacher_may_see_nothing),
        cmocka_unit_test(maps_are_compared_by_energy),
        cmocka_unit_test(differences_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
