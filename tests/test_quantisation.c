/* A quantisation as data: copies, hashes, and a text form that reads back bit
 * for bit and that no damage makes crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>

#include "base/random.h"
#include "compress/quant/quantisation.h"

static struct yt_graph *graph(void)
{
    static struct yt_graph *built;
    if (!built)
        assert_int_equal(yt_graph_builtin("n", 1, &built), YT_OK);
    return built;
}

/* Something everywhere: types, ranges, means of all sizes, rounding. */
static struct yt_quantisation *filled(void)
{
    struct yt_quantisation *q;
    uint32_t x = 5;
    assert_int_equal(yt_quantisation_create(graph(), &q), YT_OK);
    for (int32_t i = 1; i < q->node_count; i++) {
        (void)yt_random_lcg(&x);
        if (graph()->nodes[i].kind == YT_NODE_CONV)
            q->dtypes[i] = (uint8_t)(x >> 29 & 3);
        q->ranges[i].lo = -0.27846454f;
        q->ranges[i].hi = 1.0f / (float)i;
        q->ranges[i].seen_lo = -(float)(x >> 8) * 1e-30f;
        q->ranges[i].seen_hi = (float)(x >> 8) * 1e9f;
        q->ranges[i].means = malloc((size_t)q->channels[i] * sizeof(float));
        for (int32_t c = 0; c < q->channels[i]; c++)
            q->ranges[i].means[c] = (float)(c - 7) / 3.0f;
        if (q->filter_counts[i] == 0 || i % 3 == 0)
            continue;
        const size_t bytes = yt_quantisation_rounding_bytes(q, i);
        q->rounding[i] = malloc(bytes);
        for (size_t k = 0; k < bytes; k++)
            q->rounding[i][k] = (uint8_t)((k * 2654435761u) >> 13);
    }
    q->bias_correction = 1;
    q->rounding_weight_max = 127;
    q->images = 128;
    strcpy(q->images_hash, "0123456789abcdef0123456789abcdef");
    return q;
}

static char *text_of(const struct yt_quantisation *q)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(yt_quantisation_write(q, graph(), out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void ranges_go_along_with_training(void **state)
{
    (void)state;
    struct yt_quantisation *q = filled(), *moved = NULL, *back = NULL;
    struct yt_graph *trained = NULL;
    char *text = NULL;
    assert_int_equal(yt_graph_copy(graph(), &trained), YT_OK);
    for (int32_t i = 0; i < trained->node_count; i++)
        if (trained->nodes[i].weights)
            trained->nodes[i].weights[0] += 1;
    assert_int_equal(yt_quantisation_text(q, graph(), &text), YT_OK);
    assert_int_equal(yt_quantisation_read(trained, text, &back), YT_STALE);
    free(text);
    assert_int_equal(yt_quantisation_move(q, trained, &moved), YT_OK);
    assert_int_equal(yt_quantisation_text(moved, trained, &text), YT_OK);
    assert_int_equal(yt_quantisation_read(trained, text, &back), YT_OK);
    free(text);
    for (int32_t i = 1; i < q->node_count; i++) {
        assert_float_equal(back->ranges[i].lo, q->ranges[i].lo, 0);
        assert_float_equal(back->ranges[i].seen_hi, q->ranges[i].seen_hi, 0);
        assert_int_equal(back->dtypes[i], q->dtypes[i]);
        assert_null(back->rounding[i]);
    }
    yt_quantisation_destroy(back);
    yt_quantisation_destroy(moved);
    yt_quantisation_destroy(q);
    yt_graph_destroy(trained);
}

static void texts_read_back_bit_for_bit(void **state)
{
    (void)state;
    struct yt_quantisation *q = filled();
    struct yt_quantisation *back;
    /* Where it is installed, a locale that writes 0,5. */
    setlocale(LC_ALL, "de_DE.UTF-8");
    char *text = text_of(q);
    char *all = malloc(strlen(text) + 100);
    sprintf(all, "yolotune-plan 1\nmodel x\n%sstep a b c\n", text);
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
        assert_true(strcspn(at, "\n") <= YT_QUANTISATION_LINE);
    assert_int_equal(yt_quantisation_read(graph(), all, &back), YT_OK);
    setlocale(LC_ALL, "C");
    char hash[17], hash_back[17];
    yt_quantisation_hash(q, hash);
    yt_quantisation_hash(back, hash_back);
    assert_string_equal(hash, hash_back);
    for (int32_t i = 1; i < q->node_count; i++) {
        assert_memory_equal(back->ranges[i].means, q->ranges[i].means,
                            (size_t)q->channels[i] * sizeof(float));
        assert_int_equal(back->rounding[i] == NULL, q->rounding[i] == NULL);
    }
    char *again = text_of(back);
    assert_string_equal(text, again);
    free(again);
    free(text);
    free(all);
    yt_quantisation_destroy(q);
    yt_quantisation_destroy(back);
}

static void an_empty_one_reads_back(void **state)
{
    (void)state;
    struct yt_quantisation *q, *back;
    assert_int_equal(yt_quantisation_create(graph(), &q), YT_OK);
    char *text = text_of(q);
    assert_int_equal(yt_quantisation_read(graph(), text, &back), YT_OK);
    assert_int_equal(yt_quantisation_precision(back, graph()),
                     YT_PRECISION_F32);
    assert_string_equal(back->images_hash, "");
    assert_true(back->ranges[3].lo > back->ranges[3].hi);
    assert_null(back->ranges[3].means);
    yt_quantisation_destroy(back);
    assert_int_equal(yt_quantisation_read(graph(), "model x\n", &back),
                     YT_NOT_FOUND);
    free(text);
    yt_quantisation_destroy(q);
}

static void copies_are_equal_and_apart(void **state)
{
    (void)state;
    struct yt_quantisation *q = filled();
    struct yt_quantisation *copy;
    char hash[17], other[17];
    assert_int_equal(yt_quantisation_copy(q, &copy), YT_OK);
    yt_quantisation_hash(q, hash);
    yt_quantisation_hash(copy, other);
    assert_string_equal(hash, other);
    yt_quantisation_destroy(q);
    char *text = text_of(copy);
    assert_true(strlen(text) > 1000);
    free(text);
    yt_quantisation_destroy(copy);
}

/* Every part changes the hash, and changing it back brings it back. */
static void hashes_cover_everything(void **state)
{
    (void)state;
    struct yt_quantisation *q = filled();
    char hash[17], other[17];
    int32_t conv = 1;
    while (!q->rounding[conv])
        conv++;
    yt_quantisation_hash(q, hash);
    assert_int_equal(strlen(hash), 16);
#define CHANGES(place, value)                                                  \
    do {                                                                       \
        const __typeof__(place) kept = (place);                                \
        (place) = (value);                                                     \
        yt_quantisation_hash(q, other);                                        \
        assert_string_not_equal(hash, other);                                  \
        (place) = kept;                                                        \
        yt_quantisation_hash(q, other);                                        \
        assert_string_equal(hash, other);                                      \
    } while (0)
    CHANGES(q->dtypes[conv], (uint8_t)(q->dtypes[conv] ^ 1));
    CHANGES(q->ranges[5].lo, -1.0f);
    CHANGES(q->ranges[5].seen_hi, 1.0f);
    CHANGES(q->ranges[5].means[2], 7.0f);
    CHANGES(q->ranges[5].means, NULL);
    CHANGES(q->rounding[conv][3], (uint8_t)(q->rounding[conv][3] ^ 8));
    CHANGES(q->rounding[conv], NULL);
    CHANGES(q->bias_correction, 0);
    CHANGES(q->rounding_weight_max, 63);
    CHANGES(q->images, 64);
    CHANGES(q->images_hash[4], '0');
    CHANGES(q->graph_hash[4], '*');
    yt_quantisation_destroy(q);
}

static void names_tell_the_types(void **state)
{
    (void)state;
    struct yt_quantisation *q;
    assert_int_equal(yt_quantisation_create(graph(), &q), YT_OK);
    assert_int_equal(yt_quantisation_precision(q, graph()), YT_PRECISION_F32);
    yt_quantisation_set_all(q, graph(), YT_DTYPE_U8S8);
    assert_int_equal(yt_quantisation_precision(q, graph()), YT_PRECISION_INT8);
    assert_int_equal(q->dtypes[0], YT_DTYPE_F32);
    yt_quantisation_set_all(q, graph(), YT_DTYPE_S16);
    assert_int_equal(yt_quantisation_precision(q, graph()), YT_PRECISION_INT16);
    yt_quantisation_set_all(q, graph(), YT_DTYPE_BF16);
    assert_int_equal(yt_quantisation_precision(q, graph()), YT_PRECISION_BF16);
    q->dtypes[graph()->heads[0].node] = YT_DTYPE_F32;
    assert_int_equal(yt_quantisation_precision(q, graph()), YT_PRECISION_MIXED);
    yt_quantisation_destroy(q);
}

static void other_graphs_are_stale(void **state)
{
    (void)state;
    struct yt_quantisation *q = filled();
    struct yt_quantisation *back;
    char *text = text_of(q);
    struct yt_graph *other;
    assert_int_equal(yt_graph_builtin("n", 2, &other), YT_OK);
    assert_int_equal(yt_quantisation_read(other, text, &back), YT_STALE);
    yt_graph_destroy(other);
    assert_int_equal(yt_graph_builtin("s", 1, &other), YT_OK);
    assert_int_equal(yt_quantisation_read(other, text, &back), YT_STALE);
    yt_graph_destroy(other);
    free(text);
    yt_quantisation_destroy(q);
}

/* Behind a head that fits, lines that do not. */
static const char *const wrong_lines[] = {
    "quant",
    "quant ",
    "quant what 1 2",
    "quant begin 1 0123456789abcdef 3",
    "quant type 1",
    "quant type 1 f64",
    "quant type 0 u8s8",
    "quant type -1 u8s8",
    "quant type 99999 u8s8",
    "quant type 99999999999999999999999999 u8s8",
    "quant range 1",
    "quant range 1 3f800000 3f800000 3f800000",
    "quant range 1 3f800000 00000000 00000000 3f800000",
    "quant range 1 7f800000 7f800000 00000000 3f800000",
    "quant range 1 00000000 7fc00000 00000000 3f800000",
    "quant range 1 00000000 3f80000 00000000 3f800000",
    "quant means 0 0 ",
    "quant means 0 0 AAA",
    "quant means 0 0 AAAA",
    "quant means 0 0 AA=AAAAA",
    "quant means 0 0 AAAAAAA=AAAA",
    "quant means 0 0 AACAfw==",
    "quant means 0 1 AAAAAA==",
    "quant means 0 0 AAAAAAAAAAAAAAAAAAAAAA==",
    "quant means 0 9223372036854775807 AAAAAA==",
    "quant rounding 0 0 AAAA",
    "quant rounding 1 4000000 AAAA",
    "quant images -1 -",
    "quant images 1 xyz",
    "quant options 2 127",
    "quant options 1 1000",
    "another line",
};

static void wrong_lines_are_named(void **state)
{
    (void)state;
    struct yt_quantisation *q, *back;
    assert_int_equal(yt_quantisation_create(graph(), &q), YT_OK);
    char head[100], text[800];
    snprintf(head, sizeof head, "x\nquant begin 1 %s %d\n", q->graph_hash,
             (int)q->node_count);
    for (size_t i = 0; i < sizeof wrong_lines / sizeof wrong_lines[0]; i++) {
        snprintf(text, sizeof text, "%s%s\nquant end\n", head, wrong_lines[i]);
        const enum yt_status status =
            yt_quantisation_read(graph(), text, &back);
        if (status != YT_BAD_INPUT || !strstr(yt_error(), "line 3"))
            fail_msg("'%s': %d %s", wrong_lines[i], (int)status, yt_error());
    }
    /* What was begun has to be complete. */
    snprintf(text, sizeof text, "%squant means 0 0 AAAAAA==\nquant end\n",
             head);
    assert_int_equal(yt_quantisation_read(graph(), text, &back), YT_BAD_INPUT);
    snprintf(text, sizeof text, "%s", head);
    assert_int_equal(yt_quantisation_read(graph(), text, &back), YT_BAD_INPUT);
    /* A line that is too long. */
    snprintf(text, sizeof text, "%squant means 0 0 %0*d\nquant end\n", head,
             YT_QUANTISATION_LINE, 0);
    assert_int_equal(yt_quantisation_read(graph(), text, &back), YT_BAD_INPUT);
    yt_quantisation_destroy(q);
}

static void damage_anywhere_is_found_or_harmless(void **state)
{
    (void)state;
    struct yt_quantisation *q = filled();
    struct yt_quantisation *back;
    char *text = text_of(q);
    const size_t length = strlen(text);
    for (size_t cut = 0; cut + 1 < length; cut += length / 97 + 1) {
        const char kept = text[cut];
        text[cut] = 0;
        assert_int_not_equal(yt_quantisation_read(graph(), text, &back), YT_OK);
        text[cut] = kept;
    }
    uint32_t x = 77;
    for (int i = 0; i < 200; i++) {
        (void)yt_random_lcg(&x);
        const size_t at = i < 100 ? (x >> 8) % 2000 : (x >> 4) % length;
        const char kept = text[at];
        text[at] = (char)(x >> 16);
        if (yt_quantisation_read(graph(), text, &back) == YT_OK)
            yt_quantisation_destroy(back);
        text[at] = kept;
    }
    free(text);
    yt_quantisation_destroy(q);
}

static int release(void **state)
{
    (void)state;
    yt_graph_destroy(graph());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_go_along_with_training),
        cmocka_unit_test(texts_read_back_bit_for_bit),
        cmocka_unit_test(an_empty_one_reads_back),
        cmocka_unit_test(copies_are_equal_and_apart),
        cmocka_unit_test(hashes_cover_everything),
        cmocka_unit_test(names_tell_the_types),
        cmocka_unit_test(other_graphs_are_stale),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(damage_anywhere_is_found_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
