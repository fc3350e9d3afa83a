/* A plan's text holds its quantisation: what is read back is what was written,
 * and networks of other precisions do not take it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tuner/build/engine.h"

#define SIZE 64

static struct yt_graph *graph(void)
{
    static struct yt_graph *built;
    if (!built)
        assert_int_equal(yt_graph_builtin("n", 1, &built), YT_OK);
    return built;
}

/* Every tensor has been seen; each convolution computes with @p dtype. */
static struct yt_quantisation *quantisation(enum yt_dtype dtype)
{
    struct yt_quantisation *q = NULL;
    assert_int_equal(yt_quantisation_create(graph(), &q), YT_OK);
    yt_quantisation_set_all(q, graph(), dtype);
    for (int32_t i = 0; i < q->node_count; i++) {
        q->ranges[i].lo = -0.2785f;
        q->ranges[i].hi = 1.0f + (float)i / 7;
        q->ranges[i].seen_lo = q->ranges[i].lo;
        q->ranges[i].seen_hi = 2 * q->ranges[i].hi;
    }
    q->images = 3;
    strcpy(q->images_hash, "00112233445566778899aabbccddeeff");
    return q;
}

static enum yt_status create(const struct yt_quantisation *q, enum yt_isa_id id,
                             struct yt_build **build_out)
{
    const struct yt_build_options options = {.isa = yt_isa_get(id),
                                             .h = SIZE,
                                             .w = SIZE,
                                             .threads = 1,
                                             .quantisation = q};
    return yt_build_create(graph(), &options, build_out);
}

static struct yt_build *build(const struct yt_quantisation *q)
{
    struct yt_build *n = NULL;
    if (create(q, YT_ISA_AVX2, &n) != YT_OK)
        fail_msg("%s", yt_error());
    return n;
}

static char *text_of(const struct yt_build *n)
{
    char *text = yt_plan_text_write(n, "some-configuration");
    assert_non_null(text);
    return text;
}

static void quantisations_come_back(void **state)
{
    (void)state;
    struct yt_quantisation *q = quantisation(YT_DTYPE_U8S8), *read = NULL;
    struct yt_build *n = build(q);
    char *text = text_of(n);
    char hash[17], read_hash[17];
    struct yt_plan_head head;
    yt_quantisation_hash(q, hash);
    assert_int_equal(yt_plan_text_head(text, &head), YT_OK);
    assert_memory_equal(head.precision, "int8-", 5);
    assert_string_equal(head.precision + 5, hash);
    assert_string_equal(head.configuration, "some-configuration");
    assert_int_equal(yt_plan_text_quantisation(graph(), text, &read), YT_OK);
    yt_quantisation_hash(read, read_hash);
    assert_string_equal(read_hash, hash);

    struct yt_build *m = build(read);
    assert_int_equal(yt_plan_text_read(m, text), YT_OK);
    char *again = text_of(m);
    assert_string_equal(text, again);
    free(again);
    free(text);
    yt_build_destroy(n);
    yt_build_destroy(m);
    yt_quantisation_destroy(q);
    yt_quantisation_destroy(read);
}

/* Ranges without a use are not worth their bytes. */
static void plain_plans_have_none(void **state)
{
    (void)state;
    struct yt_quantisation *q = quantisation(YT_DTYPE_F32), *read = q;
    struct yt_build *plain = build(NULL), *observed = build(q);
    char *text = text_of(plain), *other = text_of(observed);
    struct yt_plan_head head;
    assert_string_equal(text, other);
    assert_null(strstr(text, "quant"));
    assert_null(strstr(text, "precision"));
    assert_int_equal(yt_plan_text_head(text, &head), YT_OK);
    assert_string_equal(head.precision, "f32");
    assert_int_equal(yt_plan_text_quantisation(graph(), text, &read), YT_OK);
    assert_null(read);
    free(text);
    free(other);
    yt_build_destroy(plain);
    yt_build_destroy(observed);
    yt_quantisation_destroy(q);
}

static void other_precisions_are_stale(void **state)
{
    (void)state;
    struct yt_quantisation *q[4] = {
        NULL,
        quantisation(YT_DTYPE_U8S8),
        quantisation(YT_DTYPE_U8S8),
        quantisation(YT_DTYPE_S16),
    };
    struct yt_build *n[4];
    q[2]->ranges[5].hi *= 1.25f;
    for (int i = 0; i < 4; i++)
        n[i] = build(q[i]);
    for (int i = 0; i < 4; i++) {
        char *text = text_of(n[i]);
        for (int k = 0; k < 4; k++) {
            const enum yt_status status = yt_plan_text_read(n[k], text);
            assert_int_equal(status, i == k ? YT_OK : YT_STALE);
            if (i != k)
                assert_non_null(strstr(yt_error(), "made for "));
        }
        free(text);
    }
    for (int i = 0; i < 4; i++) {
        yt_build_destroy(n[i]);
        yt_quantisation_destroy(q[i]);
    }
}

static void damage_is_told(void **state)
{
    (void)state;
    struct yt_quantisation *q = quantisation(YT_DTYPE_U8S8);
    struct yt_build *n = build(q);
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"precision int8", "precision int9", "is said to be int9-"},
        {"precision int8-", "precision int8=", "is said to be int8="},
        {"quant range 2", "quant range 3", "quant"},
        {"quant end", "quant eng", "quant"},
        {"quant begin", "quint begin", "quantisation"},
        {"threads 1", "threads 0", "0 threads"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yt_quantisation *read = NULL;
        char *text = text_of(n);
        char *at = strstr(text, cases[i].from);
        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        assert_int_equal(yt_plan_text_quantisation(graph(), text, &read),
                         YT_BAD_INPUT);
        assert_null(read);
        if (!strstr(yt_error(), cases[i].says))
            fail_msg("'%s' does not say '%s'", yt_error(), cases[i].says);
        free(text);
    }
    yt_build_destroy(n);
    yt_quantisation_destroy(q);
}

static void missing_arithmetic_is_told(void **state)
{
    (void)state;
    struct yt_quantisation *q = quantisation(YT_DTYPE_BF16);
    struct yt_build *n = NULL;
    assert_int_equal(create(q, YT_ISA_AVX2, &n), YT_UNSUPPORTED);
    assert_non_null(strstr(yt_error(), "'avx2' has no bf16"));
    assert_null(n);
    assert_int_equal(create(q, YT_ISA_AVX512BF16, &n), YT_OK);
    yt_build_destroy(n);
    q->node_count--;
    assert_int_equal(create(q, YT_ISA_AVX512BF16, &n), YT_STALE);
    q->node_count++;
    yt_quantisation_destroy(q);
}

/* A name is read whole or not at all: cut, it would be another's. */
static void long_names_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"model", "configuration", "precision",
                                       "isa"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct yt_plan_head head;
        char text[512];
        snprintf(text, sizeof text, "%s\n%s %0300d\n", "yolotune-plan 1",
                 keys[i], 0);
        assert_int_equal(yt_plan_text_head(text, &head), YT_BAD_INPUT);
        assert_non_null(strstr(yt_error(), "line 2"));
    }
}

/* Replace the first @p from in a copy of a text. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *copy = calloc(1, strlen(text) + strlen(to) + 1);
    assert_non_null(copy);
    memcpy(copy, text, (size_t)(at - text));
    strcat(copy, to);
    strcat(copy, at + strlen(from));
    return copy;
}

static void refuse_frame(const char *text, const char *from, const char *to,
                         enum yt_status status)
{
    struct yt_build *n = build(NULL);
    char *bad = replaced(text, from, to);
    assert_int_equal(yt_plan_text_read(n, bad), status);
    free(bad);
    yt_build_destroy(n);
}

static void frames_keep_their_schedules(void **state)
{
    (void)state;
    struct yt_build *n = build(NULL), *other = build(NULL);
    struct yt_schedule *first = &n->frame.of[yt_frame_steps(&n->plan) - 1];
    assert_int_equal(yt_schedule_parse(YT_OP_NMS, "buckets-k2-g", first),
                     YT_OK);
    char *text = text_of(n);
    assert_non_null(strstr(text, "frame letterbox letterbox-f32-64x64 rows-h"));
    assert_non_null(strstr(text, "frame nms.1 nms-f32-c80-n252 buckets-k2-g"));
    assert_int_equal(yt_plan_text_read(other, text), YT_OK);
    char *again = text_of(other);
    assert_string_equal(again, text);
    refuse_frame(text, "buckets-k2-g", "buckets-k3-g", YT_BAD_INPUT);
    refuse_frame(text, "buckets-k2-g", "direct-g", YT_BAD_INPUT);
    refuse_frame(text, "buckets-k2-g", "", YT_BAD_INPUT);
    refuse_frame(text, "c80-n252", "c80-n253", YT_STALE);
    free(text);
    free(again);
    yt_build_destroy(n);
    yt_build_destroy(other);
}

/* As earlier versions wrote them. */
static void plans_without_a_frame_are_read(void **state)
{
    (void)state;
    struct yt_build *n = build(NULL);
    char *text = text_of(n);
    char *old = strdup(text);
    *strstr(old, "frame ") = '\0';
    assert_int_equal(yt_plan_text_read(n, old), YT_OK);
    char *again = text_of(n);
    assert_string_equal(again, text);
    free(text);
    free(old);
    free(again);
    yt_build_destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantisations_come_back),
        cmocka_unit_test(plain_plans_have_none),
        cmocka_unit_test(other_precisions_are_stale),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(missing_arithmetic_is_told),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(frames_keep_their_schedules),
        cmocka_unit_test(plans_without_a_frame_are_read),
    };
    return cmocka_run_group_tests_name("plan_text", tests, NULL, NULL);
}
