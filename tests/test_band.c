/* Bands: rows by rows what whole tensors give, bit for bit, in less memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "compress/quant/quantisation.h"
#include "eval/multi_label.h"
#include "runtime/band.h"
#include "runtime/memory.h"
#include "tests/each_isa.h"
#include "tuner/build/plan_text.h"
#include "tuner/measure/profile.h"

/* No strip of 8 or 4 rows divides their rows. */
enum { H = 224, W = 160, IMAGE_W = 300, IMAGE_H = 200 };

#define CONF 1e-4f

static struct yt_graph *graph(void)
{
    static struct yt_graph *built;
    if (!built)
        assert_int_equal(yt_graph_builtin("n", 3, &built), YT_OK);
    return built;
}

/* NULL for f32. */
static struct yt_quantisation *quantisation(enum yt_dtype dtype)
{
    struct yt_quantisation *q = NULL;
    if (dtype == YT_DTYPE_F32)
        return NULL;
    assert_int_equal(yt_quantisation_create(graph(), &q), YT_OK);
    yt_quantisation_set_all(q, graph(), dtype);
    for (int32_t i = 0; i < q->node_count; i++) {
        q->ranges[i].lo = q->ranges[i].seen_lo = -0.2785f;
        q->ranges[i].hi = q->ranges[i].seen_hi = 4;
    }
    return q;
}

/* What both networks have in common is compiled once. */
static struct yt_kernels *all_kernels[YT_ISA_COUNT];

static struct yt_kernels *kernels_of(const struct yt_isa *isa)
{
    struct yt_kernels **kernels = &all_kernels[isa->id];
    if (!*kernels)
        assert_int_equal(yt_kernels_create(isa, kernels), YT_OK);
    return *kernels;
}

static struct yt_build *build(const struct yt_isa *isa, enum yt_dtype dtype,
                              int32_t bands)
{
    struct yt_quantisation *q = quantisation(dtype);
    const struct yt_build_options options = {.isa = isa,
                                             .h = H,
                                             .w = W,
                                             .threads = 1,
                                             .bands = bands,
                                             .quantisation = q,
                                             .kernels = kernels_of(isa)};
    struct yt_build *n = NULL;
    if (yt_build_create(graph(), &options, &n) != YT_OK)
        fail_msg("%s", yt_error());
    yt_quantisation_destroy(q);
    return n;
}

/* ------------------------------------------------------------ networks */

struct found {
    float *values; /* six arrays of a row each, in the order of candidates */
    int32_t count;
};

static const struct yt_image *image(void)
{
    static uint8_t pixels[3 * IMAGE_W * IMAGE_H];
    static const struct yt_image all = {pixels, IMAGE_W, IMAGE_H, 3 * IMAGE_W,
                                        YT_PIXEL_RGB};
    uint32_t seed = 5;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(yt_random_lcg(&seed) >> 24);
    return &all;
}

static struct found candidates(const struct yt_build *n, int32_t threads)
{
    const struct yt_open_options options = {.threads = threads};
    const struct yt_detect_options detect = {.conf = CONF};
    struct yt_model *model;
    if (yt_model_open(&n->bundle, &options, &model) != YT_OK)
        fail_msg("%s", yt_error());
    const size_t bytes = (size_t)yt_model_workspace_bytes(model);
    char *workspace = yt_memory_alloc(bytes);
    assert_non_null(workspace);
    memset(workspace, 0xff, bytes);
    const struct yt_framing framing = yt_model_framing(model, &detect);
    yt_model_run_letterbox(model, image(), &framing, workspace);
    yt_model_run_steps(model, yt_decode_min_logit(CONF), workspace, 0,
                       n->plan.step_count);
    struct found found = {.count = yt_model_run_decode(model, CONF, workspace)};
    const struct yt_candidates c = yt_model_candidates(model, workspace);
    const size_t count = (size_t)found.count;
    const void *const arrays[] = {c.x0, c.y0, c.x1, c.y1, c.score, c.class_id};
    found.values = malloc(6 * count * 4 + 4);
    assert_non_null(found.values);
    for (size_t i = 0; i < 6; i++)
        memcpy(found.values + i * count, arrays[i], 4 * count);
    yt_memory_free(workspace, bytes);
    yt_model_close(model);
    return found;
}

static void same(const struct found *want, const struct yt_build *n,
                 int32_t threads)
{
    const struct found got = candidates(n, threads);
    assert_int_equal(got.count, want->count);
    assert_memory_equal(got.values, want->values, 24 * (size_t)want->count);
    free(got.values);
}

static void check_network(const struct yt_isa *isa, enum yt_dtype dtype,
                          int32_t most_threads)
{
    struct yt_build *plain = build(isa, dtype, 0);
    struct yt_build *banded = build(isa, dtype, 1);
    assert_int_equal(plain->plan.band_count, 0);
    assert_true(banded->plan.band_count > 1);
    assert_int_equal(banded->plan.bands[0].letterbox, 1);
    assert_int_equal(yt_build_make(plain, 2), YT_OK);
    if (yt_build_make(banded, 2) != YT_OK)
        fail_msg("%s", yt_error());
    assert_true(banded->plan.arena_bytes + banded->plan.scratch_bytes <
                plain->plan.arena_bytes);
    assert_true(banded->plan.scratch_bytes >= banded->net->band_bytes);
    const struct found want = candidates(plain, 1);
    assert_true(want.count > 10);
    for (int32_t threads = 1; threads <= most_threads; threads++)
        same(&want, banded, threads);
    free(want.values);
    yt_build_destroy(plain);
    yt_build_destroy(banded);
}

static void on_isa(const struct yt_isa *isa)
{
    check_network(isa, YT_DTYPE_F32, 2);
    check_network(isa, YT_DTYPE_U8S8, 2);
}

static void banded_networks_give_the_same_bits(void **state)
{
    (void)state;
    on_each_isa(on_isa);
}

/* More threads than strips, too. */
static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_best(yt_cpu_features());
    for (int d = 0; d < YT_DTYPE_COUNT; d++)
        if (yt_isa_computes(isa, (enum yt_dtype)d))
            check_network(isa, (enum yt_dtype)d, 4);
    struct yt_build *n = build(isa, YT_DTYPE_F32, 1);
    assert_int_equal(yt_build_make(n, 2), YT_OK);
    const struct found want = candidates(n, 1);
    same(&want, n, 40);
    free(want.values);
    yt_build_destroy(n);
}

/* ---------------------------------------------------------------- rows */

/* A chain of convolutions with a shortcut, run on numbers of rows alone: every
 * row is the largest row of the image that went into it. */
enum { CHAIN = 5 };

static void make_chain(struct yt_band_member members[CHAIN], int32_t h)
{
    memset(members, 0, CHAIN * sizeof *members);
    members[0] = (struct yt_band_member){
        .in_h = h, .r = 6, .stride = 2, .pad = 2, .out = 1};
    members[1] =
        (struct yt_band_member){.r = 1, .stride = 1, .in = 1, .out = 2};
    members[2] = (struct yt_band_member){.r = 3,
                                         .stride = 1,
                                         .pad = 1,
                                         .add = YT_ADD_RESIDUAL,
                                         .in = 2,
                                         .out = 1,
                                         .add_buf = 1};
    members[3] =
        (struct yt_band_member){.r = 1, .stride = 1, .in = 1, .out = 3};
    members[4] =
        (struct yt_band_member){.r = 3, .stride = 2, .pad = 1, .in = 3};
    for (int i = 0; i < CHAIN; i++) {
        struct yt_band_member *m = &members[i];
        if (i > 0)
            m->in_h = members[i - 1].out_h;
        m->out_h = (m->in_h + 2 * m->pad - m->r) / m->stride + 1;
    }
}

/* Each row is made once, after what it reads, in windows of the given width. */
static void walk_chain(const struct yt_band_member *members, int32_t rows,
                       int32_t first)
{
    int32_t done[CHAIN] = {0};
    const int32_t h = members[CHAIN - 1].out_h;
    for (int32_t from = first; from < h; from += rows) {
        struct yt_band_rows need;
        const int32_t to = from + rows < h ? from + rows : h;
        yt_band_need(members, CHAIN, from, to, &need);
        for (int i = 0; i < CHAIN; i++)
            done[i] = done[i] > need.begin[i] ? done[i] : need.begin[i];
        int32_t low[4], high[4] = {0};
        for (int b = 1; b < 4; b++)
            low[b] = yt_band_low(members, CHAIN, done, b, 1000);
        for (int i = 0; i < CHAIN; i++) {
            const struct yt_band_member *m = &members[i];
            for (int32_t y = done[i]; y < need.end[i]; y++) {
                const int32_t top = y * m->stride - m->pad;
                const int32_t last =
                    top + m->r < m->in_h ? top + m->r : m->in_h;
                if (m->in) {
                    assert_true((top > 0 ? top : 0) >= low[m->in]);
                    assert_true(last <= high[m->in]);
                }
                assert_true(!m->out || y >= low[m->out]);
            }
            if (need.end[i] > done[i])
                done[i] = need.end[i];
            if (m->out && done[i] > high[m->out])
                high[m->out] = done[i];
        }
        for (int b = 1; b < 4; b++)
            assert_true(high[b] - low[b] <=
                        yt_band_width(members, CHAIN, rows, b, 1000));
        assert_int_equal(done[CHAIN - 1], to);
    }
}

static void rows_come_in_order(void **state)
{
    (void)state;
    struct yt_band_member members[CHAIN];
    for (int32_t h = 6; h < 60; h += 3)
        for (int32_t rows = 1; rows < 9; rows++) {
            make_chain(members, h);
            assert_true(yt_band_in_order(members, CHAIN, rows));
            for (int32_t first = 0; first < members[CHAIN - 1].out_h;
                 first += rows)
                walk_chain(members, rows, first);
        }
}

/* A 3x3 that reads what a member right behind it writes over. */
static void writing_over_what_is_needed_is_seen(void **state)
{
    (void)state;
    struct yt_band_member members[CHAIN];
    make_chain(members, 60);
    members[1].r = 5;
    members[1].pad = 2;
    members[2].r = 1;
    members[2].pad = 0;
    assert_false(yt_band_in_order(members, CHAIN, 2));
}

/* --------------------------------------------------------------- texts */

static void plans_name_their_bands(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_get(YT_ISA_SCALAR);
    struct yt_build *plain = build(isa, YT_DTYPE_F32, 0);
    struct yt_build *banded = build(isa, YT_DTYPE_F32, 1);
    char *whole = yt_plan_text_write(plain, NULL);
    char *text = yt_plan_text_write(banded, NULL);
    assert_null(strstr(whole, "\nband "));
    char *band = strstr(text, "\nband letterbox model.");
    assert_non_null(band);
    /* Steps and their problems are those of the plan without. */
    assert_memory_equal(whole, text, (size_t)(band - text));
    assert_int_equal(yt_plan_text_read(banded, whole), YT_OK);
    assert_int_equal(yt_plan_text_read(banded, text), YT_OK);
    assert_int_equal(yt_plan_text_read(plain, text), YT_OK);
    struct yt_plan_head head;
    assert_int_equal(yt_plan_text_head(whole, &head), YT_OK);
    assert_int_equal(head.bands, 0);
    assert_int_equal(yt_plan_text_head(text, &head), YT_OK);
    assert_int_equal(head.bands, 1);
    char *again = yt_plan_text_write(banded, NULL);
    assert_string_equal(text, again);
    free(again);
    for (const char *c = "x0 9\n"; *c; c++) {
        const char before = band[6];
        band[6] = *c;
        assert_int_not_equal(yt_plan_text_read(banded, text), YT_OK);
        band[6] = before;
    }
    *strchr(band + 1, '\n') = ' '; /* two bands in one line */
    assert_int_not_equal(yt_plan_text_read(banded, text), YT_OK);
    free(whole);
    free(text);
    yt_build_destroy(plain);
    yt_build_destroy(banded);
}

/* A plan from a file that is not ours: each of these would make the executor
 * read or write elsewhere, or never end. */
static void break_fields(struct yt_build *n)
{
    struct yt_plan *plan = &n->plan;
    struct yt_band *band = &plan->bands[0];
    struct yt_buffer *buffer = &band->buffers[1];
    struct yt_step *step = &plan->steps[band->first + 1];
    struct yt_step *decode =
        &plan->levels[plan->bands[plan->band_count - 1].level - 1].decode;
    /* clang-format off */
    const struct {
        int32_t *field, value;
    } broken[] = {
        {&plan->band_count, -1}, {&plan->band_count, YT_BANDS_MAX + 1},
        {&plan->band_count, 1}, {&band->first, -1}, {&band->first, 1},
        {&band->count, 0}, {&band->count, INT32_MAX}, {&band->rows, 0},
        {&band->rows, band->rows + 8}, {&band->letterbox, 0},
        {&band->letterbox, 2}, {&band->level, 1}, {&band->level, -1},
        {&band->level, 99}, {&band->buffer_count, -1},
        {&band->buffer_count, YT_BAND_BUFFERS_MAX + 1},
        {&band->buffer_count, 1}, {&buffer->blocks, 0},
        {&buffer->blocks, INT32_MAX}, {&buffer->rows, 0},
        {&buffer->rows, buffer->rows - 1}, {&buffer->rows, buffer->rows + 1},
        {&buffer->h, buffer->h + 1}, {&buffer->h, 1}, {&buffer->pad, 1},
        {&step->in_buffer, 0}, {&step->in_buffer, -1}, {&step->in_buffer, 99},
        {&step->out_buffer, 1}, {&step->out_buffer, 0},
        {&step->add_buffer, 99}, {&step->row_tasks, 0}, {&step->row_tasks, 7},
        {&step->problem.u.conv2d.in_rows, 0},
        {&step->problem.u.conv2d.stride, 1}, {&plan->letterbox.out_buffer, 2},
        {&plan->letterbox.row_tasks, 3}, {&decode->in_buffer, 0},
        {&decode->problem.u.decode.rows, 1},
        {&plan->steps[plan->bands[1].first - 1].in_buffer, 1},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const int32_t before = *broken[i].field;
        *broken[i].field = broken[i].value;
        if (yt_bundle_check(&n->bundle) != YT_BAD_ARGUMENT)
            fail_msg("case %zu was let pass", i);
        *broken[i].field = before;
    }
}

static void break_offsets(struct yt_build *n)
{
    struct yt_plan *plan = &n->plan;
    struct yt_buffer *buffer = &plan->bands[0].buffers[1];
    struct yt_step *step = &plan->steps[plan->bands[0].first + 1];
    int64_t *const offsets[] = {&buffer->at, &buffer->row_bytes, &step->in,
                                &step->out, &plan->scratch_bytes};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        const int64_t before = *offsets[i];
        static const int64_t values[] = {-64, 1, INT64_MAX - 63};
        for (size_t k = i == 4; k < 3 - (i == 4); k++) {
            *offsets[i] = values[k];
            if (yt_bundle_check(&n->bundle) != YT_BAD_ARGUMENT)
                fail_msg("offset %zu was let pass", i);
        }
        *offsets[i] = before;
    }
}

static void hostile_bands_are_refused(void **state)
{
    (void)state;
    struct yt_build *n = build(yt_isa_get(YT_ISA_SCALAR), YT_DTYPE_U8S8, 1);
    assert_int_equal(yt_build_make(n, 2), YT_OK);
    assert_int_equal(yt_bundle_check(&n->bundle), YT_OK);
    break_fields(n);
    break_offsets(n);
    assert_int_equal(yt_bundle_check(&n->bundle), YT_OK);
    yt_build_destroy(n);
}

/* Whoever reads whole tensors says so instead of reading something else. */
static void whole_tensors_are_refused(void **state)
{
    (void)state;
    struct yt_build *n = build(yt_isa_get(YT_ISA_SCALAR), YT_DTYPE_U8S8, 1);
    struct yt_model *model;
    assert_int_equal(yt_build_make(n, 2), YT_OK);
    assert_int_equal(yt_build_open(n, 0, &model), YT_OK);
    struct yt_profile profile;
    const struct yt_profile_options options = {.frames = 1};
    assert_int_equal(yt_profile_run(n, model, image(), &options, &profile),
                     YT_UNSUPPORTED);
    struct yt_candidate_list list = {.count = 0};
    assert_int_equal(
        yt_multi_label_decode(&n->plan, yt_model_plan(model), CONF, &list),
        YT_UNSUPPORTED);
    yt_model_close(model);
    yt_build_destroy(n);
}

static int release(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++)
        yt_kernels_destroy(all_kernels[i]);
    yt_graph_destroy(graph());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(banded_networks_give_the_same_bits),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(rows_come_in_order),
        cmocka_unit_test(writing_over_what_is_needed_is_seen),
        cmocka_unit_test(plans_name_their_bands),
        cmocka_unit_test(hostile_bands_are_refused),
        cmocka_unit_test(whole_tensors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
