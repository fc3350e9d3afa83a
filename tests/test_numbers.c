/* Roundings are those of the instruction, sequences those that are published.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/bf16.h"
#include "base/math.h"
#include "base/random.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void bf16_is_rounded_to_even(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        uint16_t half;
    } rows[] = {
        {0x3f800000, 0x3f80}, /* 1 */
        {0x3f807fff, 0x3f80}, /* below the tie */
        {0x3f808000, 0x3f80}, /* the tie, to the even one below */
        {0x3f818000, 0x3f82}, /* the tie, to the even one above */
        {0x3f808001, 0x3f81}, /* above the tie */
        {0xbf818000, 0xbf82}, /* the same below zero */
        {0x3fffffff, 0x4000}, /* carries into the exponent */
        {0x7f7fffff, 0x7f80}, /* overflows */
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, /* infinities */
        {0x7fc00000, 0x7fc0}, {0xffc12345, 0xffc1}, /* quiet NaNs */
        {0x7f800001, 0x7fc0}, /* a signalling one, payload below the cut */
        {0x7fa00000, 0x7fe0}, {0xff801fff, 0xffc0}, {0x7fffffff, 0x7fff},
        {0xffffffff, 0xffff}, /* must not wrap */
        {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00000001, 0x0000},
        {0x007fffff, 0x0000}, {0x807fffff, 0x8000}, /* denormals: zero */
        {0x00800000, 0x0080}, /* the least normal number */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (yt_bf16_of(float_of(rows[i].bits)) != rows[i].half)
            fail_msg("%08x becomes %04x, not %04x", rows[i].bits,
                     yt_bf16_of(float_of(rows[i].bits)), rows[i].half);
}

static void bf16_reads_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        const float value = yt_bf16_float((uint16_t)half);
        const uint16_t again = yt_bf16_of(value);
        if (isnan(value))
            assert_int_equal(again, half | 0x40);
        else if ((half & 0x7f80) == 0)
            assert_int_equal(again, half & 0x8000);
        else
            assert_int_equal(again, half);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512bf16,avx512vl"))) static uint16_t
instruction(float value)
{
    const __m128bh half = _mm_cvtneps_pbh(_mm_set1_ps(value));
    uint16_t bits[8];
    memcpy(bits, &half, sizeof bits);
    return bits[0];
}
#endif

static void bf16_is_what_the_cpu_computes(void **state)
{
    (void)state;
#if defined(__x86_64__)
    uint64_t random = 1;
    if (!__builtin_cpu_supports("avx512bf16") ||
        !__builtin_cpu_supports("avx512vl"))
        skip();
    for (int i = 0; i < 4000000; i++) {
        /* Any number, and every so often a tie, a NaN, a denormal. */
        uint32_t bits = (uint32_t)yt_random_next(&random);
        bits = i % 4 == 1 ? (bits & 0xffff0000) | 0x8000 : bits;
        bits = i % 4 == 2 ? bits | 0x7f800000 : bits;
        bits = i % 4 == 3 ? bits & ~0x7f800000u : bits;
        const float value = float_of(bits);
        if (yt_bf16_of(value) != instruction(value))
            fail_msg("%08x: %04x, the CPU says %04x", bits, yt_bf16_of(value),
                     instruction(value));
    }
#else
    skip();
#endif
}

/* The first numbers of Vigna's splitmix64.c from 1234567, as in Rosetta Code's
 * "Pseudo-random numbers/Splitmix64". */
static void splitmix_is_the_published_one(void **state)
{
    (void)state;
    static const uint64_t first[] = {
        UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
        UINT64_C(16408922859458223821),
    };
    uint64_t x = 1234567;
    for (size_t i = 0; i < COUNT(first); i++)
        assert_int_equal(yt_random_next(&x), first[i]);
}

static void lcg_is_that_of_numerical_recipes(void **state)
{
    (void)state;
    static const uint32_t first[] = {0x3c6ef35f, 0x47502932, 0xd1ccf6e9,
                                     0xaaf95334, 0x6252e503};
    uint32_t x = 0;
    for (size_t i = 0; i < COUNT(first); i++)
        assert_int_equal(yt_random_lcg(&x), first[i]);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        const float u = yt_random_unit(&x);
        assert_true(u >= 0 && u < 1);
        sum += (double)u;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005);
}

static void sizes_are_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(yt_ceil_div(0, 8), 0);
    assert_int_equal(yt_ceil_div(1, 8), 1);
    assert_int_equal(yt_ceil_div(8, 8), 1);
    assert_int_equal(yt_ceil_div(9, 8), 2);
    assert_int_equal(yt_round_up(9, 8), 16);
    assert_int_equal(yt_round_up(16, 8), 16);
    assert_int_equal(yt_round_up(INT64_C(1) << 40, 64), INT64_C(1) << 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_is_rounded_to_even),
        cmocka_unit_test(bf16_reads_back),
        cmocka_unit_test(bf16_is_what_the_cpu_computes),
        cmocka_unit_test(splitmix_is_the_published_one),
        cmocka_unit_test(lcg_is_that_of_numerical_recipes),
        cmocka_unit_test(sizes_are_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
