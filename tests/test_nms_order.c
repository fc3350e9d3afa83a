/* Whatever scores there are, and however little is asked for at a time: best
 * first, equal ones in their own order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "runtime/nms_order.h"
#include "tests/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST = 5000 };

static uint32_t seed;

/* A value in [0, 1). */
static float noise(void)
{
    return yt_random_unit(&seed);
}

static float any_score(void)
{
    return 1e-6f + noise();
}

/* Most of them close to 0, as those of a low threshold are. */
static float crowded(void)
{
    const float x = noise();
    return 1e-6f + x * x * x * x * x * x;
}

static float one_of_three(void)
{
    return 0.25f * (float)(1 + (int)(noise() * 3));
}

static float all_alike(void)
{
    return 0.5f;
}

/* A thousand within one bucket, and one far away. */
static float lonely(void)
{
    return noise() < 0.001f ? 3e38f : 1e-30f * (1 + noise());
}

static float (*const kinds[])(void) = {any_score, crowded, one_of_three,
                                       all_alike, lonely};

struct sorting {
    struct guarded keys, spare, ends;
    struct yt_nms_order order;
};

static void begin(struct sorting *s, const float *score, int32_t count,
                  int32_t wanted)
{
    const size_t buckets = (size_t)yt_nms_order_buckets(count);
    guarded_open(&s->keys, 8 * (size_t)count, 8);
    guarded_open(&s->spare, 8 * (size_t)count, 8);
    guarded_open(&s->ends, 4 * buckets, 4);
    yt_nms_order_begin(&s->order, score, count, wanted,
                       (uint64_t *)s->keys.data, (uint64_t *)s->spare.data,
                       (int32_t *)s->ends.data);
}

static void end(struct sorting *s)
{
    guarded_close(&s->keys);
    guarded_close(&s->spare);
    guarded_close(&s->ends);
}

static void check_place(const struct sorting *s, const float *score, int32_t i,
                        char *seen)
{
    const uint32_t candidate = (uint32_t)s->order.keys[i];
    assert_true(candidate < (uint32_t)s->order.count);
    assert_false(seen[candidate]);
    seen[candidate] = 1;
    if (i == 0)
        return;
    const uint32_t before = (uint32_t)s->order.keys[i - 1];
    assert_true(score[before] > score[candidate] ||
                (score[before] == score[candidate] && before < candidate));
}

static void check_order(const float *score, int32_t count, int32_t wanted,
                        int32_t more)
{
    static char seen[MOST];
    struct sorting s;
    int32_t checked = 0;
    memset(seen, 0, sizeof seen);
    begin(&s, score, count, wanted);
    while (checked < count) {
        const int32_t before = s.order.ready;
        yt_nms_order_advance(&s.order, more);
        assert_true(s.order.ready == count || s.order.ready - before >= more);
        for (; checked < s.order.ready; checked++)
            check_place(&s, score, checked, seen);
    }
    end(&s);
}

static void best_first_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const int32_t counts[] = {1,  2,    47,   48,   49,
                                     64, 1000, 2048, 2049, MOST};
    static const int32_t pieces[] = {1, 100, MOST};
    static float score[MOST];
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t c = 0; c < COUNT(counts); c++)
            for (size_t m = 0; m < COUNT(pieces); m++) {
                seed = (uint32_t)(k + c);
                for (int32_t i = 0; i < counts[c]; i++)
                    score[i] = kinds[k]();
                check_order(score, counts[c], 1, pieces[m]);
                check_order(score, counts[c], counts[c], pieces[m]);
            }
}

/* What is not asked for is not sorted: the rest stays as it was dealt. */
static void asks_for_no_more_than_it_needs(void **state)
{
    (void)state;
    static float score[MOST];
    struct sorting s;
    seed = 5;
    for (int32_t i = 0; i < MOST; i++)
        score[i] = any_score();
    begin(&s, score, MOST, 100);
    yt_nms_order_advance(&s.order, 100);
    assert_in_range(s.order.ready, 100, 200);
    end(&s);
}

/* Few, or most of them wanted: all at once. */
static void sorts_all_where_most_is_wanted(void **state)
{
    (void)state;
    static float score[MOST];
    static const struct {
        int32_t count, wanted;
        int at_once;
    } cases[] = {
        {2048, 1, 1}, {MOST, MOST, 1}, {MOST, MOST / 4, 1}, {MOST, 100, 0}};
    seed = 6;
    for (int32_t i = 0; i < MOST; i++)
        score[i] = any_score();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sorting s;
        begin(&s, score, cases[i].count, cases[i].wanted);
        assert_int_equal(s.order.ready, cases[i].at_once ? cases[i].count : 0);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_first_in_pieces_of_any_size),
        cmocka_unit_test(asks_for_no_more_than_it_needs),
        cmocka_unit_test(sorts_all_where_most_is_wanted),
    };
    return cmocka_run_group_tests_name("nms_order", tests, NULL, NULL);
}
