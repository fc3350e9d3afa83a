#ifndef YT_RANDOM_H
#define YT_RANDOM_H

/* Numbers that look random and are the same everywhere. Two generators, since
 * what is stored depends on the sequences: the weights of built-in models and
 * the draws of a bootstrap on the first, learned roundings and the inputs that
 * are timed on the second. New code takes the first. */

#include <stdint.h>

/** Between two states of yt_random_next(): the n-th number from a seed is the
 *  next one from seed + n * YT_RANDOM_STEP. */
#define YT_RANDOM_STEP UINT64_C(0x9e3779b97f4a7c15)

/** The next 64 bits. Splitmix64, by Sebastiano Vigna
 *  (prng.di.unimi.it/splitmix64.c): any seed will do, every bit is good. */
static inline uint64_t yt_random_next(uint64_t *state)
{
    uint64_t z = *state += YT_RANDOM_STEP;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** The next state of a linear congruential generator (Numerical Recipes),
 *  which is also its value: take the upper bits, the lower ones hardly move. */
static inline uint32_t yt_random_lcg(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

/** Uniform in [0, 1), 24 bits of the next yt_random_lcg(). */
static inline float yt_random_unit(uint32_t *state)
{
    return (float)(yt_random_lcg(state) >> 8) * 0x1p-24f;
}

#endif
