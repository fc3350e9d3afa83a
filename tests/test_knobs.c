/* Knobs: every one goes into names, is read back, compared and hashed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/algo.h"
#include "codegen/schedule.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct yt_schedule parsed(enum yt_op op, const char *name)
{
    struct yt_schedule s;
    if (yt_schedule_parse(op, name, &s) != YT_OK)
        fail_msg("%s", yt_error());
    return s;
}

static int has(enum yt_algo_id algo, int knob)
{
    return (int)(yt_algo_get(algo)->knobs >> knob & 1);
}

static void check_comes_back(const struct yt_schedule *s)
{
    char name[YT_SCHEDULE_NAME_MAX], again[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(s, name);
    const struct yt_schedule read = parsed(yt_algo_get(s->algo)->op, name);
    if (!yt_schedule_same(s, &read))
        fail_msg("%s comes back as another schedule", name);
    assert_int_equal(yt_schedule_hash(s), yt_schedule_hash(&read));
    yt_schedule_name(&read, again);
    assert_string_equal(name, again);
}

/* Values of a knob that its algorithms may have, its ends among them. */
static int32_t some_value(int id, int i)
{
    const struct yt_knob *knob = yt_knob_get((enum yt_knob_id)id);
    const int64_t range = (int64_t)knob->most - knob->least;
    return (int32_t)(knob->least + (i == 3 ? range : i % (range + 1)));
}

/* Of every algorithm, each knob changed alone is another schedule with another
 * name and hash. */
static void every_knob_counts(void **state)
{
    (void)state;
    for (int algo = 0; algo < YT_ALGO_COUNT; algo++)
        for (int id = 0; id < YT_KNOB_COUNT; id++) {
            if (!has((enum yt_algo_id)algo, id))
                continue;
            for (int start = 0; start < 4; start++) {
                struct yt_schedule s = yt_schedule_blank((enum yt_algo_id)algo);
                for (int k = 0; k < YT_KNOB_COUNT; k++)
                    if (has(s.algo, k))
                        yt_schedule_put(&s, (enum yt_knob_id)k,
                                        some_value(k, start));
                struct yt_schedule other = s;
                const int32_t from = yt_schedule_get(&s, (enum yt_knob_id)id);
                int32_t to = some_value(id, start + 1);
                to = to == from ? some_value(id, 0) : to;
                assert_int_not_equal(from, to);
                yt_schedule_put(&other, (enum yt_knob_id)id, to);
                char name[YT_SCHEDULE_NAME_MAX], name2[YT_SCHEDULE_NAME_MAX];
                yt_schedule_name(&s, name);
                yt_schedule_name(&other, name2);
                assert_string_not_equal(name, name2);
                assert_false(yt_schedule_same(&s, &other));
                assert_int_not_equal(yt_schedule_hash(&s),
                                     yt_schedule_hash(&other));
                check_comes_back(&s);
                check_comes_back(&other);
            }
        }
}

/* What an algorithm does not have stays at its least, or does not apply. */
static void knobs_of_others_stay(void **state)
{
    (void)state;
    struct yt_problem p;
    assert_int_equal(yt_problem_parse("sppf-f32-64x20x20-r5", &p), YT_OK);
    const struct yt_isa *isa = yt_isa_find("avx2");
    const struct yt_schedule s = parsed(p.op, "rows-h");
    assert_true(yt_schedule_applies(&p, &s, isa));
    for (int id = 0; id < YT_KNOB_COUNT; id++) {
        struct yt_schedule other = s;
        const struct yt_knob *knob = yt_knob_get((enum yt_knob_id)id);
        assert_int_equal(yt_schedule_get(&s, (enum yt_knob_id)id), knob->least);
        yt_schedule_put(&other, (enum yt_knob_id)id, knob->least + 1);
        assert_int_equal(yt_schedule_applies(&p, &other, isa), has(s.algo, id));
        assert_false(yt_schedule_same(&s, &other));
    }
}

/* Letters are clear within their part, and values stay within letters. */
static void the_list_is_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < YT_KNOB_COUNT; i++) {
        const struct yt_knob *a = yt_knob_get((enum yt_knob_id)i);
        assert_true(a->least <= a->most);
        if (a->kind == YT_KIND_CHOICE)
            assert_int_equal((int)strlen(a->letters), a->most + 1);
        else
            assert_int_equal((int)strlen(a->letters), 1);
        if (a->kind == YT_KIND_FLAG)
            assert_int_equal(a->most, 1);
        for (int j = 0; j < i; j++) {
            const struct yt_knob *b = yt_knob_get((enum yt_knob_id)j);
            assert_string_not_equal(a->name, b->name);
            if (a->part != b->part) {
                assert_true(b->part < a->part);
                continue;
            }
            assert_null(strpbrk(a->letters, b->letters));
            assert_int_equal(strcspn(a->old, b->letters), strlen(a->old));
            assert_int_equal(strcspn(b->old, a->letters), strlen(b->old));
        }
    }
}

static void names_are_canonical(void **state)
{
    (void)state;
    static const struct {
        enum yt_op op;
        const char *name;
    } names[] = {
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-m14n2k1-t0c-i"},
        {YT_OP_CONV2D, "direct-m1n1k1-t0p-glo"},
        {YT_OP_CONV2D, "direct-m28n1k16-t20c-ho"},
        {YT_OP_CONV2D, "direct-m28n1k16-t20c-hlos"},
        {YT_OP_CONV2D, "direct-m32n8k2147483647-t2147483647c-glos"},
        {YT_OP_CONV2D, "sparse-m6n2k2-t4c-hs"},
        {YT_OP_CONV2D, "lazy-m8k4-t5-h"},
        {YT_OP_CONV2D, "lazy-m1k1-t0-g"},
        {YT_OP_SPPF, "rows-h"},
        {YT_OP_MAXPOOL, "rows-i"},
        {YT_OP_UPSAMPLE, "rows-g"},
        {YT_OP_CONVERT, "rows-h"},
        {YT_OP_LETTERBOX, "rows-h"},
        {YT_OP_DECODE, "rows-k8-h"},
        {YT_OP_NMS, "lists-k1-h"},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct yt_schedule s = parsed(names[i].op, names[i].name);
        char name[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&s, name);
        assert_string_equal(name, names[i].name);
        assert_int_equal(yt_algo_get(s.algo)->op, names[i].op);
    }
}

/* Plans keep the names of earlier versions: there "c" was both the order of
 * tasks, which it still is, and channel blocks outside filter rows. */
static void old_spellings_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *old, *now;
        int32_t order, ic_outer;
    } names[] = {
        {"direct-m8n3k4-t4p-hlc", "direct-m8n3k4-t4p-hlo", YT_ORDER_PIXELS, 1},
        {"direct-m8n3k4-t4c-hc", "direct-m8n3k4-t4c-ho", YT_ORDER_CHANNELS, 1},
        {"direct-m8n3k4-t4c-glcs", "direct-m8n3k4-t4c-glos", YT_ORDER_CHANNELS,
         1},
        {"direct-m8n3k4-t4c-i", "direct-m8n3k4-t4c-i", YT_ORDER_CHANNELS, 0},
        {"direct-m8n3k4-t4p-ho", "direct-m8n3k4-t4p-ho", YT_ORDER_PIXELS, 1},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct yt_schedule s = parsed(YT_OP_CONV2D, names[i].old);
        char name[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&s, name);
        assert_string_equal(name, names[i].now);
        assert_int_equal(s.order, names[i].order);
        assert_int_equal(s.ic_outer, names[i].ic_outer);
    }
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum yt_op op;
        const char *name;
    } names[] = {
        {YT_OP_CONV2D, ""},
        {YT_OP_CONV2D, "-"},
        {YT_OP_CONV2D, "direct"},
        {YT_OP_CONV2D, "rows-h"},
        {YT_OP_SPPF, "rows"},
        {YT_OP_SPPF, "rows-"},
        {YT_OP_SPPF, "rows-x"},
        {YT_OP_SPPF, "rows-h "},
        {YT_OP_SPPF, "rows-hl"},
        {YT_OP_SPPF, "rows--h"},
        {YT_OP_SPPF, "row-h"},
        {YT_OP_SPPF, "direct-m8n3k4-t4p-hl"},
        {YT_OP_CONV2D, "lazy-m8k4-t5"},
        {YT_OP_CONV2D, "lazy-m8n1k4-t5-h"},
        {YT_OP_CONV2D, "lazy-m8k4-t5-hl"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-l"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4x-h"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-x"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-hol"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-hcl"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-hll"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-hoc"},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-hl "},
        {YT_OP_CONV2D, "direct-m8n3k4-t4p-h-l"},
        {YT_OP_CONV2D, "direct-m8n3k4t4p-hl"},
        {YT_OP_CONV2D, "direct-m8-n3k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-n3m8k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-m08n3k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-m+8n3k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-m8n3k4-t-1p-hl"},
        {YT_OP_CONV2D, "direct-mn3k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-m8n3k2147483648-t4p-hl"},
        {YT_OP_CONV2D, "direct-m8n3k99999999999999999999-t4p-hl"},
        {YT_OP_CONV2D, " direct-m8n3k4-t4p-hl"},
        {YT_OP_CONV2D, "direct-m8 n3k4-t4p-hl"},
        {YT_OP_CONV2D, "winograd-m8n3k4-t4p-hl"},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct yt_schedule s = {.mr = 77};
        if (yt_schedule_parse(names[i].op, names[i].name, &s) !=
            YT_BAD_ARGUMENT)
            fail_msg("'%s' was taken for a schedule", names[i].name);
        assert_int_equal(s.mr, 77);
        assert_non_null(strstr(yt_error(), names[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_knob_counts),
        cmocka_unit_test(knobs_of_others_stay),
        cmocka_unit_test(the_list_is_in_order),
        cmocka_unit_test(names_are_canonical),
        cmocka_unit_test(old_spellings_are_read),
        cmocka_unit_test(bad_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
