/* Generated convolutions against the reference, on the layers of YOLOv5n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/graph.h"
#include "model/net.h"
#include "tests/conv_case.h"

enum { MODEL_PROBLEMS_MAX = 64, CUT = 40 };

struct problems {
    struct yt_problem items[MODEL_PROBLEMS_MAX];
    int count;
};

static int is_listed(const struct problems *list, const struct yt_problem *p)
{
    char name[YT_PROBLEM_NAME_MAX];
    char other[YT_PROBLEM_NAME_MAX];
    yt_problem_name(p, name);
    for (int i = 0; i < list->count; i++) {
        yt_problem_name(&list->items[i], other);
        if (strcmp(name, other) == 0)
            return 1;
    }
    return 0;
}

/* The convolutions YOLOv5n is lowered to, with and without fusion, their
 * images cut down. */
static void list_model(const struct yt_isa *isa, int fuse,
                       struct problems *list)
{
    struct yt_graph *graph;
    struct yt_net *net;
    const struct yt_net_options options = {.lanes = isa->lanes,
                                           .h = 640,
                                           .w = 640,
                                           .no_fuse_upsample = !fuse,
                                           .no_fuse_twin = !fuse};
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    assert_int_equal(yt_net_lower(graph, &options, &net), YT_OK);
    for (int32_t i = 0; i < net->layer_count; i++) {
        struct yt_problem p = net->layers[i].problem;
        if (p.op != YT_OP_CONV2D)
            continue;
        p.u.conv2d.h = p.u.conv2d.h < CUT ? p.u.conv2d.h : CUT;
        p.u.conv2d.w = p.u.conv2d.w < CUT ? p.u.conv2d.w : CUT;
        if (is_listed(list, &p))
            continue;
        assert_true(list->count < MODEL_PROBLEMS_MAX);
        list->items[list->count++] = p;
    }
    yt_net_destroy(net);
    yt_graph_destroy(graph);
}

/* A tile that fills the registers, a few rows to a task. */
static struct yt_schedule good_schedule(const struct yt_problem *problem_,
                                        const struct yt_isa *isa)
{
    const struct yt_conv2d *p = &problem_->u.conv2d;
    struct yt_schedule s =
        yt_schedule_blank(p->lazy ? YT_ALGO_LAZY : YT_ALGO_DIRECT);
    s.ku = p->r == 1 ? 4 : 1;
    s.launder = p->r > 1;
    s.order = p->lazy ? YT_ORDER_PIXELS : YT_ORDER_CHANNELS;
    for (s.nr = p->lazy ? 1 : 3; s.nr >= 1; s.nr--) {
        s.mr = (isa->regs - s.nr - 1) / s.nr;
        while (s.mr > 1 && !yt_schedule_applies(problem_, &s, isa))
            s.mr--;
        s.tiles = 5;
        if (yt_schedule_applies(problem_, &s, isa))
            return s;
        s.tiles = 0;
        if (yt_schedule_applies(problem_, &s, isa))
            return s;
    }
    fail_msg("no schedule for %dx%d k%d", p->h, p->w, p->k);
    return s;
}

static void model_on(const struct yt_isa *isa, struct stats *stats)
{
    struct problems list = {.count = 0};
    list_model(isa, 1, &list);
    list_model(isa, 0, &list);
    assert_true(list.count >= 29);
    for (int i = 0; i < list.count; i++) {
        char name[YT_PROBLEM_NAME_MAX];
        yt_problem_name(&list.items[i], name);
        struct data d;
        data_open(&d, &list.items[i], isa, hash(name));
        const struct yt_schedule s = good_schedule(&list.items[i], isa);
        run_case(&d, &s, stats);
        data_close(&d);
    }
}

static void the_models_layers_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(model_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_models_layers_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
