/* Optimisers and rates in plain arithmetic: steps whose results are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "random_graph.h"
#include "train/run/optimiser.h"
#include "train/run/rate.h"

/* One 1x1 convolution of 3 channels, which is the head: 6 filters of 3. */
static struct yt_graph *one_conv(void)
{
    struct random_graph r;
    begin_graph(&r, 3);
    end_graph(&r, (const int32_t[]){0}, 1, 1, 1);
    return r.graph;
}

#define FILTERS 18
#define BIASES  6

struct fixture {
    struct yt_graph *graph;
    struct yt_optimiser_state *state;
    float filters[FILTERS], biases[BIASES]; /* gradients */
    const float *gradients[2];
    struct yt_node *conv;
};

static void begin(struct fixture *f, const struct yt_optimiser_options *options)
{
    memset(f, 0, sizeof *f);
    f->graph = one_conv();
    f->conv = &f->graph->nodes[1];
    assert_ok(yt_optimiser_create(f->graph, options, &f->state));
    f->gradients[0] = f->filters;
    f->gradients[1] = f->biases;
}

static void end(struct fixture *f)
{
    yt_optimiser_destroy(f->state);
    yt_graph_destroy(f->graph);
}

static void parameters_are_filters_and_biases(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct yt_optimiser_options){.kind = YT_SGD});
    assert_int_equal(f.state->parameter_count, 2);
    assert_int_equal(f.state->count, FILTERS + BIASES);
    assert_ptr_equal(f.state->parameters[0].values, f.conv->weights);
    assert_ptr_equal(f.state->parameters[1].values, f.conv->bias);
    assert_int_equal(f.state->parameters[1].first, FILTERS);
    assert_null(f.state->squares);
    assert_memory_equal(f.state->average, f.conv->weights,
                        FILTERS * sizeof(float));
    end(&f);
}

/* PyTorch's SGD(lr=0.1, momentum=0.9, nesterov=True) by hand: with a gradient
 * of 1 twice the buffer is 1, then 1.9; steps are 0.1 * (1 + 0.9 * buffer). */
static void momentum_is_nesterovs(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct yt_optimiser_options){.kind = YT_SGD, .momentum = 0.9});
    f.conv->weights[4] = 2;
    f.filters[4] = 1;
    const float before = f.conv->weights[5];
    yt_optimiser_update(f.state, f.gradients, 0.1, 0);
    assert_float_equal(f.conv->weights[4], 2 - 0.1 * 1.9, 1e-6);
    yt_optimiser_update(f.state, f.gradients, 0.1, 0);
    assert_float_equal(f.conv->weights[4],
                       2 - 0.1 * 1.9 - 0.1 * (1 + 0.9 * 1.9), 1e-6);
    assert_true(f.conv->weights[5] == before);
    end(&f);
}

/* Adam's first step is the rate, whatever the gradient's size; the second of
 * the same gradient, too, since both means are of one value. */
static void adam_steps_by_the_rate(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct yt_optimiser_options){.kind = YT_ADAM, .momentum = 0.9});
    f.conv->weights[0] = 1;
    f.conv->weights[1] = -1;
    f.filters[0] = 1e-3f;
    f.filters[1] = -50;
    for (int i = 1; i <= 2; i++) {
        yt_optimiser_update(f.state, f.gradients, 0.01, 0);
        assert_float_equal(f.conv->weights[0], 1 - 0.01 * i, 1e-5);
        assert_float_equal(f.conv->weights[1], -1 + 0.01 * i, 1e-5);
    }
    /* Then one of 0: mean 0.9 * 0.19 * g of 1 - 0.9^3, of squares likewise. */
    f.filters[0] = f.filters[1] = 0;
    yt_optimiser_update(f.state, f.gradients, 0.01, 0);
    const double mean = 0.9 * 0.19 / (1 - 0.729);
    const double square = 0.999 * (1 - 0.998001) / (1 - 0.997002999);
    assert_float_equal(f.conv->weights[1], -0.98 + 0.01 * mean / sqrt(square),
                       1e-5);
    end(&f);
}

static void weights_decay_and_biases_do_not(void **state)
{
    (void)state;
    struct fixture f;
    static const enum yt_optimiser kinds[] = {YT_ADAM, YT_SGD};
    for (int k = 0; k < 2; k++) {
        begin(&f,
              &(struct yt_optimiser_options){.kind = kinds[k], .decay = 0.5});
        f.conv->weights[7] = 4;
        f.conv->bias[2] = 4;
        yt_optimiser_update(f.state, f.gradients, 0.1, 0);
        assert_float_equal(f.conv->weights[7], 4 - 0.1 * 0.5 * 4, 1e-6);
        assert_true(f.conv->bias[2] == 4);
        end(&f);
    }
}

static void gradients_are_clipped_together(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct yt_optimiser_options){.kind = YT_SGD, .clip = 1});
    f.conv->weights[0] = f.conv->bias[0] = 0;
    f.filters[0] = 3;
    f.biases[0] = -4;
    assert_float_equal(yt_optimiser_update(f.state, f.gradients, 1, 0), 5,
                       1e-12);
    assert_float_equal(f.conv->weights[0], -0.6, 1e-6);
    assert_float_equal(f.conv->bias[0], 0.8, 1e-6);
    f.filters[0] = 0.3f;
    f.biases[0] = 0;
    yt_optimiser_update(f.state, f.gradients, 1, 0);
    assert_float_equal(f.conv->weights[0], -0.9, 1e-6);
    end(&f);
}

static void what_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct yt_optimiser_options){.kind = YT_ADAM});
    float before[FILTERS + BIASES], after[FILTERS + BIASES];
    yt_optimiser_save(f.state, before);
    f.filters[3] = NAN;
    assert_false(isfinite(yt_optimiser_update(f.state, f.gradients, 0.1, 0.5)));
    f.filters[3] = 0;
    f.biases[0] = INFINITY;
    assert_false(isfinite(yt_optimiser_update(f.state, f.gradients, 0.1, 0.5)));
    yt_optimiser_save(f.state, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(f.state->updates, 0);
    end(&f);
}

/* Zeros stay zeros: in weights, momenta and the average; gradients of what is
 * held count in no norm. */
static void masks_hold_zeros(void **state)
{
    (void)state;
    uint8_t mask[FILTERS];
    for (int i = 0; i < FILTERS; i++)
        mask[i] = (uint8_t)(i % 3 != 0);
    const uint8_t *const masks[] = {NULL, mask};
    static const enum yt_optimiser kinds[] = {YT_ADAM, YT_SGD};
    for (int k = 0; k < 2; k++) {
        struct fixture f;
        begin(&f, &(struct yt_optimiser_options){.kind = kinds[k],
                                                 .momentum = 0.9,
                                                 .decay = 0.01,
                                                 .masks = masks});
        for (int i = 0; i < FILTERS; i++)
            f.filters[i] = mask[i] ? 1 : NAN;
        for (int step = 0; step < 5; step++)
            assert_float_equal(
                yt_optimiser_update(f.state, f.gradients, 0.1, 0.5),
                sqrt(FILTERS - FILTERS / 3), 1e-9);
        for (int i = 0; i < FILTERS; i++) {
            assert_true((f.conv->weights[i] == 0) == !mask[i]);
            assert_true((f.state->momenta[i] == 0) == !mask[i]);
            assert_true((f.state->average[i] == 0) == !mask[i]);
            if (f.state->squares)
                assert_true((f.state->squares[i] == 0) == !mask[i]);
        }
        end(&f);
    }
}

static void averages_follow(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct yt_optimiser_options){.kind = YT_SGD});
    f.state->average[0] = f.conv->weights[0] = 1;
    f.filters[0] = 1;
    yt_optimiser_update(f.state, f.gradients, 0.5, 0.75);
    assert_float_equal(f.state->average[0], 0.75 * 1 + 0.25 * 0.5, 1e-6);
    yt_optimiser_update(f.state, f.gradients, 0.5, 0.75);
    assert_float_equal(f.state->average[0], 0.75 * 0.875, 1e-6);
    struct yt_graph *other = one_conv();
    yt_optimiser_put(f.state, f.state->average, other);
    assert_memory_equal(other->nodes[1].weights, f.state->average,
                        FILTERS * sizeof(float));
    assert_memory_equal(other->nodes[1].bias, f.state->average + FILTERS,
                        BIASES * sizeof(float));
    yt_optimiser_restore(f.state, f.state->average);
    assert_memory_equal(f.conv->bias, other->nodes[1].bias,
                        BIASES * sizeof(float));
    yt_graph_destroy(other);
    end(&f);
}

/* ----------------------------------------------------------------- rates */

static void rates_warm_up_and_fall(void **state)
{
    (void)state;
    const struct yt_rate_plan plan = yt_rate_plan(1000, 150);
    assert_int_equal(plan.warm, 150);
    assert_float_equal(yt_rate_at(&plan, 0, 2, 0.01), 2.0 / 151, 1e-9);
    assert_float_equal(yt_rate_at(&plan, 999, 2, 0.01), 0.02, 1e-12);
    /* Half of the way: half of the cosine. */
    const struct yt_rate_plan odd = yt_rate_plan(1001, 150);
    assert_float_equal(yt_rate_at(&odd, 500, 2, 0.01), 0.02 + 1.98 / 2, 1e-9);
    for (int64_t i = 1; i < 150; i++)
        assert_true(yt_rate_at(&plan, i, 1, 0.01) >
                    yt_rate_at(&plan, i - 1, 1, 0.01) * 0.99);
    for (int64_t i = 151; i < 1000; i++)
        assert_true(yt_rate_at(&plan, i, 1, 0.01) <
                    yt_rate_at(&plan, i - 1, 1, 0.01));
}

static void warm_ups_are_limited(void **state)
{
    (void)state;
    assert_int_equal(yt_rate_plan(1000, 3).warm, 100);
    assert_int_equal(yt_rate_plan(1000, 900).warm, 200);
    assert_int_equal(yt_rate_plan(50, 3).warm, 10);
    assert_int_equal(yt_rate_plan(1, 3).warm, 0);
    const struct yt_rate_plan one = yt_rate_plan(1, 3);
    assert_float_equal(yt_rate_at(&one, 0, 1, 0.5), 0.5, 1e-12);
}

/* A plan that changes goes on from the rate that it had, and ends as any. */
static void plans_change_without_a_jump(void **state)
{
    (void)state;
    struct yt_rate_plan plan = yt_rate_plan(1000, 100);
    const double before = yt_rate_at(&plan, 400, 1, 0.01);
    yt_rate_plan_again(&plan, 400, 50);
    assert_float_equal(yt_rate_at(&plan, 400, 1, 0.01), before, 1e-12);
    assert_int_equal(plan.steps, 450);
    assert_float_equal(yt_rate_at(&plan, 449, 1, 0.01), 0.01, 1e-12);
    yt_rate_plan_again(&plan, 420, 3000);
    assert_float_equal(yt_rate_at(&plan, 3419, 1, 0.01), 0.01, 1e-12);
    yt_rate_plan_again(&plan, 3000, 1);
    assert_float_equal(yt_rate_at(&plan, 3000, 1, 0.01), 0.01, 1e-12);
}

/* Long trainings have YOLOv5's average; short ones reach back a twentieth. */
static void averages_reach_back_as_far_as_trainings_are_long(void **state)
{
    (void)state;
    assert_float_equal(yt_rate_average(500, 1000000, 0.9999),
                       0.9999 * (1 - exp(-0.25)), 1e-12);
    assert_float_equal(yt_rate_average(1000, 1000, 0.9999),
                       (1 - 1 / 50.0) * (1 - exp(-10)), 1e-12);
    assert_true(yt_rate_average(0, 1000, 0.9999) == 0);
    assert_true(yt_rate_average(5, 10, 0.9999) == 0);
    assert_float_equal(yt_rate_average(1000, 1000, 0.5), 0.5 * (1 - exp(-10)),
                       1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_filters_and_biases),
        cmocka_unit_test(momentum_is_nesterovs),
        cmocka_unit_test(adam_steps_by_the_rate),
        cmocka_unit_test(weights_decay_and_biases_do_not),
        cmocka_unit_test(gradients_are_clipped_together),
        cmocka_unit_test(what_is_not_finite_changes_nothing),
        cmocka_unit_test(masks_hold_zeros),
        cmocka_unit_test(averages_follow),
        cmocka_unit_test(rates_warm_up_and_fall),
        cmocka_unit_test(warm_ups_are_limited),
        cmocka_unit_test(plans_change_without_a_jump),
        cmocka_unit_test(averages_reach_back_as_far_as_trainings_are_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
