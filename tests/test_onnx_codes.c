/* Quantised ONNX files in each of their forms, made here: a network in QDQ
 * form, in QOperator form and quantised dynamically is to the bit the one in
 * f32 whose weights are (code - zero point) * scale, and the first two bring
 * their activations' ranges along. And near misses of them. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "compress/quant/quantisation.h"
#include "compress/quant/steps.h"
#include "tests/quantised_onnx.h"

/* -------------------------------------------------------------------- tests */

static void all_forms_are_one_network(void **state)
{
    (void)state;
    static const enum form forms[] = {QDQ, QDQ_CONVS, QDQ_WEIGHTS, DYNAMIC};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char digest[33], other[33];
        struct yt_graph *floats =
            import_form(FLOATS, FINE, forms[i] == DYNAMIC, 0);
        struct yt_graph *graph = import_form(forms[i], FINE, 0, 0);
        yt_graph_digest(floats, digest);
        yt_graph_digest(graph, other);
        if (strcmp(digest, other) != 0)
            fail_msg("form %d is another network", forms[i]);
        yt_graph_destroy(floats);
        yt_graph_destroy(graph);
    }
}

/* Its bias is in steps of the input, so that only filters are the same. */
static void operators_on_codes_are_that_network(void **state)
{
    (void)state;
    struct yt_graph *floats = import_form(FLOATS, FINE, 0, 0);
    struct yt_graph *graph = import_form(QOPERATOR, FINE, 0, 0);
    assert_int_equal(graph->node_count, floats->node_count);
    for (int32_t i = 1; i < graph->node_count; i++) {
        const struct yt_node *a = &floats->nodes[i], *b = &graph->nodes[i];
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->c, b->c);
        assert_memory_equal(a->inputs, b->inputs, sizeof a->inputs);
        if (a->kind != YT_NODE_CONV)
            continue;
        const size_t count = (size_t)a->c *
                             (size_t)floats->nodes[a->inputs[0]].c *
                             (size_t)(a->r * a->r);
        assert_memory_equal(a->weights, b->weights, count * sizeof(float));
        /* Steps of the input: those of the range it was given. */
        const struct yt_graph_limits *in = &graph->limits[a->inputs[0]];
        const double step =
            a->inputs[0] == 0 ? 0.01 : ((double)in->hi - (double)in->lo) / 255;
        for (int32_t k = 0; k < a->c; k++)
            if (fabs((double)a->bias[k] * step - (double)b->bias[k]) >
                2e-2 * step * fabs((double)a->bias[k]))
                fail_msg("node %d: bias %g of %g", (int)i, (double)b->bias[k],
                         (double)a->bias[k] * step);
    }
    yt_graph_destroy(floats);
    yt_graph_destroy(graph);
}

/* What is stored as integers: convolutions and sums behind their activation. */
static void codes_are_those_of_the_file(void **state)
{
    (void)state;
    static const enum form forms[] = {QDQ, QOPERATOR};
    for (int32_t i = 0; i < 4; i++) {
        const int is_s8 = i % 2;
        struct yt_graph *graph = import_form(forms[i / 2], FINE, 0, is_s8);
        struct yt_quantisation *q = NULL;
        int32_t found = 0;
        assert_string_equal(graph->note, "");
        assert_ok(yt_quantisation_own(graph, &q));
        for (int32_t n = 1; n < graph->node_count; n++) {
            const enum yt_node_kind kind = graph->nodes[n].kind;
            if (kind != YT_NODE_ACT && kind != YT_NODE_ADD)
                continue;
            const struct yt_quant_step step =
                yt_quant_step_of(q, n, YT_DTYPE_U8S8);
            const double thousands = ((double)step.step - 0.01) * 1000;
            found++;
            /* Scales are 0.01 and a whole number of 0.001. */
            assert_true(thousands > 0.5);
            assert_true(fabs(thousands - rint(thousands)) < 1e-3);
            assert_int_equal(step.zero, 28);
        }
        assert_int_equal(found, 5);
        yt_quantisation_destroy(q);
        yt_graph_destroy(graph);
    }
}

/* With convolutions alone quantised, ranges are those of what reads a value. */
static void ranges_follow_from_readers(void **state)
{
    (void)state;
    struct yt_graph *graph = import_form(QDQ_CONVS, FINE, 0, 0);
    struct yt_quantisation *q = NULL;
    assert_string_equal(graph->note, "");
    assert_ok(yt_quantisation_own(graph, &q));
    for (int32_t n = 1; n < graph->node_count; n++)
        if (graph->nodes[n].kind == YT_NODE_ACT ||
            graph->nodes[n].kind == YT_NODE_ADD)
            assert_true(yt_quant_observed(q, n));
    yt_quantisation_destroy(q);
    yt_graph_destroy(graph);
}

static void what_lacks_ranges_says_so(void **state)
{
    (void)state;
    static const struct {
        enum form form;
        enum fault fault;
        const char *word;
    } rows[] = {
        {DYNAMIC, FINE, "measured as it runs"},
        {QDQ, SIXTEEN_BITS, "without an 8-bit range"},
        {QDQ, ONE_IS_NOT, "without an 8-bit range of 'add"},
        {QDQ_WEIGHTS, FINE, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_graph *graph = import_form(rows[i].form, rows[i].fault, 0, 0);
        struct yt_quantisation *q = NULL;
        if (!strstr(graph->note, rows[i].word))
            fail_msg("row %zu: '%s'", i, graph->note);
        assert_int_equal(graph->note[0] != 0, rows[i].word[0] != 0);
        assert_int_equal(yt_quantisation_own(graph, &q), YT_NOT_FOUND);
        yt_graph_destroy(graph);
    }
}

static void near_misses_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum form form;
        enum fault fault;
        enum yt_status status;
        const char *word;
    } rows[] = {
        {QDQ, OTHER_SCALE, YT_UNSUPPORTED, "quantised by"},
        {QDQ, OTHER_ZERO, YT_UNSUPPORTED, "quantised by"},
        {QDQ, ZERO_SCALE, YT_BAD_INPUT, "scale 0"},
        {QDQ, SCALE_BY_CHANNEL, YT_UNSUPPORTED, "for each of 4 channels"},
        {QDQ, RELU_OF_CODES, YT_UNSUPPORTED, "computes with codes"},
        {QDQ, NEVER_QUANTISED, YT_UNSUPPORTED, "was not quantised"},
        {QDQ, NO_SCALE, YT_BAD_INPUT, "lacks input 1"},
        {QDQ, BLOCKS, YT_UNSUPPORTED, "each block"},
        {DYNAMIC, OTHERS_SCALE, YT_UNSUPPORTED, "another scale than theirs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct file f = {.form = rows[i].form, .fault = rows[i].fault};
        enum yt_status status = YT_OK;
        struct yt_graph *graph = import(&f, 0, &status);
        assert_null(graph);
        if (status != rows[i].status || !strstr(yt_error(), rows[i].word))
            fail_msg("row %zu: %d, %s", i, status, yt_error());
    }
}

/* A range that is there is no range any more of a network that is changed. */
static void copies_have_no_ranges(void **state)
{
    (void)state;
    struct yt_graph *graph = import_form(QDQ, FINE, 0, 0), *copy = NULL;
    assert_non_null(graph->limits);
    assert_ok(yt_graph_copy(graph, &copy));
    assert_null(copy->limits);
    yt_graph_destroy(graph);
    yt_graph_destroy(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_are_one_network),
        cmocka_unit_test(operators_on_codes_are_that_network),
        cmocka_unit_test(codes_are_those_of_the_file),
        cmocka_unit_test(ranges_follow_from_readers),
        cmocka_unit_test(what_lacks_ranges_says_so),
        cmocka_unit_test(near_misses_are_refused),
        cmocka_unit_test(copies_have_no_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
