/* Blocked [c/B][h][w][B] activations against NHWC, kernel by kernel: the
 * figures behind docs/LAYOUT.md. B is the number of f32 lanes of the vector
 * compiled for.
 *
 *     cc -O3 -march=x86-64-v4 bench/layouts.c -o layouts -lm       AVX-512
 *     cc -O3 -march=x86-64-v3 bench/layouts.c -o layouts-avx2 -lm  AVX2
 *     ./layouts [ROUNDS [CPU]]
 *
 * LAYOUTS_ALL=1 in the environment prints every loop order. A round takes about
 * 0.15 s.
 *
 * Both layouts are one formula with other constants,
 *
 *     (c / B) * block + y * row + x * pixel + c % B
 *
 * so each kernel is written once and compiled for each layout, with all strides
 * known to the compiler as they are to a JIT. Both read and write the same
 * memory, in turn, and each kernel exists in every loop order that makes a
 * difference: a layout is judged by its best one. Results are checked before
 * anything is timed. */

#define _GNU_SOURCE

#include <immintrin.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__) && defined(__AVX512BW__)
#define B     16
#define ISA   "AVX-512"
#define MR    6 /* register tile: MR pixels x NR vectors of channels */
#define NR    4
#define MR_32 12 /* the tile for 32 output channels, which are two vectors */
#define NR_32 2
typedef __m512 vec;
#define vec_load  _mm512_load_ps
#define vec_store _mm512_store_ps
#define vec_set1  _mm512_set1_ps
#define vec_fma   _mm512_fmadd_ps
#elif defined(__AVX2__) && defined(__FMA__)
#define B         8
#define ISA       "AVX2"
#define MR        6
#define NR        2
#define MR_32     6
#define NR_32     2
typedef __m256 vec;
#define vec_load  _mm256_load_ps
#define vec_store _mm256_store_ps
#define vec_set1  _mm256_set1_ps
#define vec_fma   _mm256_fmadd_ps
#else
#error "compile for AVX2 and FMA at least: -march=x86-64-v3"
#endif

/* Strides of a view of a tensor, in elements. */
struct view {
    int pixel, row, block;
};

/* Channels are those of the whole buffer, h and w those with the border. */
#define BLOCKED(c, h, w) {B, (w) * B, (h) * (w) * B}
#define NHWC(c, h, w)    {(c), (w) * (c), B}

/* Loop orders, bits of layer.order. */
enum {
    BLOCKS_OUTSIDE = 1, /* channel blocks around the taps of a filter row */
    TILES_INSIDE = 2,   /* channel tiles inside pixel tiles: input stays */
    ORDERS = 4
};

/* A convolution of an input whose border is physical. 1x1: one row of pixels.
 */
struct layer {
    int c, k, r, stride, oh, ow, mr, nr, order;
    struct view in, out;
};

INLINE void multiply(const struct layer *l, const float *in, const float *w,
                     vec acc[])
{
#pragma GCC unroll 4
    for (int i = 0; i < B; i++) {
        const float *const wi = w + i * l->nr * B;
#pragma GCC unroll 32
        for (int m = 0; m < l->mr; m++) {
            const vec x = vec_set1(in[m * l->stride * l->in.pixel + i]);
#pragma GCC unroll 8
            for (int n = 0; n < l->nr; n++)
                acc[m * l->nr + n] =
                    vec_fma(x, vec_load(wi + n * B), acc[m * l->nr + n]);
        }
    }
}

INLINE void tile(const struct layer *l, const float *in, const float *w,
                 float *out)
{
    const int blocks = l->c / B, step = B * l->nr * B;
    const int outer = l->order & BLOCKS_OUTSIDE ? blocks : l->r;
    const int inner = l->order & BLOCKS_OUTSIDE ? l->r : blocks;
    vec acc[MR_32 * NR * 2];

#pragma GCC unroll 32
    for (int i = 0; i < l->mr * l->nr; i++)
        acc[i] = vec_set1(0.0F);
    for (int kh = 0; kh < l->r; kh++)
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++, w += step) {
                const int kw = l->order & BLOCKS_OUTSIDE ? i : o;
                const int block = l->order & BLOCKS_OUTSIDE ? o : i;
                multiply(l,
                         in + kh * l->in.row + kw * l->in.pixel +
                             block * l->in.block,
                         w, acc);
            }
#pragma GCC unroll 32
    for (int m = 0; m < l->mr; m++)
#pragma GCC unroll 8
        for (int n = 0; n < l->nr; n++)
            vec_store(out + m * l->out.pixel + n * l->out.block,
                      acc[m * l->nr + n]);
}

/* The last tile of a row overlaps the one before. */
INLINE void conv(const struct layer *l, const float *in, const float *w,
                 float *out)
{
    const int k_tiles = l->k / (l->nr * B);
    const int k_outer = l->order & TILES_INSIDE ? 1 : k_tiles;
    const int k_inner = l->order & TILES_INSIDE ? k_tiles : 1;
    for (int a = 0; a < k_outer; a++)
        for (int y = 0; y < l->oh; y++)
            for (int x = 0; x < l->ow; x += l->mr) {
                const int at = x + l->mr > l->ow ? l->ow - l->mr : x;
                for (int b = 0; b < k_inner; b++) {
                    const int kt = a + b;
                    tile(l,
                         in + y * l->stride * l->in.row +
                             at * l->stride * l->in.pixel,
                         w + (size_t)kt * l->nr * B * l->r * l->r * l->c,
                         out + y * l->out.row + at * l->out.pixel +
                             kt * l->nr * l->out.block);
                }
            }
}

/* The memory that both layouts use in turn. */
#define FLOATS (1 << 20)
static _Alignas(4096) float input[FLOATS];
static _Alignas(4096) float middle[FLOATS];
static _Alignas(4096) float output[FLOATS];
static _Alignas(4096) float filter[FLOATS];
static _Alignas(4096) uint8_t bytes[64 * 80 * 80];

/* One convolution in loop order o, a literal sum of the bits above, since it
 * becomes part of names: the layer without its views, then the input's size. */
#define CONV(name, layout, o, C, K, R, S, OH, OW, M, N, IH, IW)                \
    static const struct layer name##_##layout##_##o[] = {                      \
        {(C), (K), (R), (S), (OH), (OW), (M), (N), (o), layout(C, IH, IW),     \
         layout(K, OH, OW)}};                                                  \
    static void run_##name##_##layout##_##o(void)                              \
    {                                                                          \
        conv(name##_##layout##_##o, input, filter, output);                    \
    }

#define CONVS(name, ...)                                                       \
    CONV(name, BLOCKED, 0, __VA_ARGS__)                                        \
    CONV(name, NHWC, 0, __VA_ARGS__)                                           \
    CONV(name, BLOCKED, 2, __VA_ARGS__)                                        \
    CONV(name, NHWC, 2, __VA_ARGS__)
#define CONVS_3X3(name, ...)                                                   \
    CONVS(name, __VA_ARGS__)                                                   \
    CONV(name, BLOCKED, 1, __VA_ARGS__)                                        \
    CONV(name, NHWC, 1, __VA_ARGS__)                                           \
    CONV(name, BLOCKED, 3, __VA_ARGS__)                                        \
    CONV(name, NHWC, 3, __VA_ARGS__)

/* 3x3 layers read a border of one pixel; 1x1 ones see one row of pixels. */
CONVS_3X3(s1, 64, 64, 3, 1, 80, 80, MR, NR, 82, 82)
CONVS_3X3(s2, 64, 128, 3, 2, 40, 40, MR, NR, 82, 82)
CONVS(small, 32, 32, 1, 1, 1, 25600, MR_32, NR_32, 1, 25600)
CONVS(wide, 256, 256, 1, 1, 1, 1600, MR, NR, 1, 1600)

/* Concat: two 1x1 32->32 write the halves of what a 1x1 64->64 reads. */
#define PIXELS 6400
#define CONCAT(layout, o)                                                      \
    static const struct layer concat_##layout##_##o[] = {                      \
        {32, 32, 1, 1, 1, PIXELS, MR_32, NR_32, (o), layout(32, 1, PIXELS),    \
         layout(64, 1, PIXELS)},                                               \
        {64, 64, 1, 1, 1, PIXELS, MR, NR, (o), layout(64, 1, PIXELS),          \
         layout(64, 1, PIXELS)}};                                              \
    static void run_concat_##layout##_##o(void)                                \
    {                                                                          \
        const struct layer *const l = concat_##layout##_##o;                   \
        conv(&l[0], input, filter, middle);                                    \
        conv(&l[0], input + 32 * PIXELS, filter + 32 * 32,                     \
             middle + 32 / B * l[0].out.block);                                \
        conv(&l[1], middle, filter + 2 * 32 * 32, output);                     \
    }
CONCAT(BLOCKED, 0)
CONCAT(BLOCKED, 2)
CONCAT(NHWC, 0)
CONCAT(NHWC, 2)

/* Requantisation of 64 channels at 80x80: f32 accumulators of 4 pixels read
 * from L1, to u8 blocks of 16 channels. A narrow store is 16
 * channels of a pixel; a wide one a whole vector: in the blocked layout that
 * is 16 channels of several pixels, in NHWC all 64 channels of one pixel, for
 * which a register tile must be as wide (AVX2's 6 x 2 is not). */
#define U8_BLOCKED {16, 80 * 16, 80 * 80 * 16}
#define U8_NHWC    {64, 80 * 64, 16}

static _Alignas(64) float scale[64], offset[64];

#if B == 16
INLINE __m512i quantised(const float *acc, int channel)
{
    return _mm512_cvtps_epi32(
        _mm512_fmadd_ps(_mm512_load_ps(acc), _mm512_load_ps(scale + channel),
                        _mm512_load_ps(offset + channel)));
}
INLINE void store_narrow(uint8_t *to, const float *acc, int channel)
{
    const __m512i q =
        _mm512_max_epi32(quantised(acc, channel), _mm512_setzero_si512());
    _mm_store_si128((__m128i *)to, _mm512_cvtusepi32_epi8(q));
}
/* Four vectors, from_stride floats and channel_stride channels apart. */
INLINE void store_wide(uint8_t *to, const float *acc, int from_stride,
                       int channel, int channel_stride)
{
    __m512i q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        q[i] = quantised(acc + i * from_stride, channel + i * channel_stride);
    const __m512i order =
        _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    const __m512i b = _mm512_packus_epi16(_mm512_packs_epi32(q[0], q[1]),
                                          _mm512_packs_epi32(q[2], q[3]));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, b));
}
#define WIDE_PIXELS 4
#else
INLINE __m256i quantised(const float *acc, int channel)
{
    return _mm256_cvtps_epi32(
        _mm256_fmadd_ps(_mm256_load_ps(acc), _mm256_load_ps(scale + channel),
                        _mm256_load_ps(offset + channel)));
}
INLINE __m256i two_pixels(const float *a, const float *b, int channel)
{
    const __m256i order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    const __m256i bytes32 =
        _mm256_packus_epi16(_mm256_packs_epi32(quantised(a, channel),
                                               quantised(a + 8, channel + 8)),
                            _mm256_packs_epi32(quantised(b, channel),
                                               quantised(b + 8, channel + 8)));
    return _mm256_permutevar8x32_epi32(bytes32, order);
}
INLINE void store_narrow(uint8_t *to, const float *acc, int channel)
{
    const __m256i q = _mm256_packs_epi32(quantised(acc, channel),
                                         quantised(acc + 8, channel + 8));
    const __m256i words = _mm256_permute4x64_epi64(q, 0xd8);
    _mm_store_si128((__m128i *)to,
                    _mm_packus_epi16(_mm256_castsi256_si128(words),
                                     _mm256_extracti128_si256(words, 1)));
}
INLINE void store_wide(uint8_t *to, const float *acc, int from_stride,
                       int channel, int channel_stride)
{
    (void)channel_stride;
    _mm256_storeu_si256((__m256i *)to,
                        two_pixels(acc, acc + from_stride, channel));
}
#define WIDE_PIXELS 2
#endif

/* Accumulators lie as [pixel][channel], 4 x 64 floats of input[]. */
enum { NARROW, WIDE_ALONG_PIXELS, WIDE_ALONG_CHANNELS };
INLINE void requantise(const struct view *v, int how)
{
    for (int y = 0; y < 80; y++)
        for (int x = 0; x < 80; x += 4) {
            uint8_t *const to = bytes + y * v->row + x * v->pixel;
            if (how == WIDE_ALONG_CHANNELS) { /* 64 bytes: AVX-512 only */
#pragma GCC unroll 4
                for (int m = 0; m < 4; m++)
                    store_wide(to + m * v->pixel, input + m * 64, 16, 0, 16);
                continue;
            }
#pragma GCC unroll 4
            for (int n = 0; n < 4; n++) {
                const int step = how == NARROW ? 1 : WIDE_PIXELS;
#pragma GCC unroll 4
                for (int m = 0; m < 4; m += step) {
                    uint8_t *const at = to + n * v->block + m * v->pixel;
                    const float *const acc = input + m * 64 + n * 16;
                    if (how == NARROW)
                        store_narrow(at, acc, n * 16);
                    else
                        store_wide(at, acc, 64, n * 16, 0);
                }
            }
        }
}

#define REQUANTISE(layout, how)                                                \
    static const struct view view_##layout##_##how = U8_##layout;              \
    static void run_##layout##_##how(void)                                     \
    {                                                                          \
        requantise(&view_##layout##_##how, how);                               \
    }
REQUANTISE(BLOCKED, NARROW)
REQUANTISE(BLOCKED, WIDE_ALONG_PIXELS)
REQUANTISE(NHWC, NARROW)
#if B == 16
REQUANTISE(NHWC, WIDE_ALONG_CHANNELS)
#endif

#define VARIANTS_MAX 8
struct variant {
    const char *order;
    void (*run)(void);
    const struct layer *layers; /* of a convolution: one, or two of a concat */
    const struct view *view;    /* of a requantisation */
    int nhwc;
};

#define PAIR(name, o, title)                                                   \
    {title, run_##name##_BLOCKED_##o, name##_BLOCKED_##o, NULL, 0},            \
        {title, run_##name##_NHWC_##o, name##_NHWC_##o, NULL, 1}
#define PAIRS(name)                                                            \
    PAIR(name, 0, "channel tiles outside"),                                    \
        PAIR(name, 2, "channel tiles inside")
#define PAIRS_3X3(name)                                                        \
    PAIR(name, 0, "channel tiles outside, taps outside"),                      \
        PAIR(name, 1, "channel tiles outside, blocks outside"),                \
        PAIR(name, 2, "channel tiles inside, taps outside"),                   \
        PAIR(name, 3, "channel tiles inside, blocks outside")

static const struct bench_case {
    const char *name;
    int is_concat;
    struct variant variants[VARIANTS_MAX];
} cases[] = {
    {"3x3 s1 64->64, 80x80", 0, {PAIRS_3X3(s1)}},
    {"3x3 s2 64->128, 40x40", 0, {PAIRS_3X3(s2)}},
    {"1x1 32->32, 160x160", 0, {PAIRS(small)}},
    {"1x1 256->256, 40x40", 0, {PAIRS(wide)}},
    {"two 1x1 32->32, concat, 1x1 64->64, 80x80", 1, {PAIRS(concat)}},
    {"f32 to u8, 16-byte stores, 64x80x80",
     0,
     {{"narrow", run_BLOCKED_NARROW, NULL, &view_BLOCKED_NARROW, 0},
      {"narrow", run_NHWC_NARROW, NULL, &view_NHWC_NARROW, 1}}},
    {"f32 to u8, widest stores, 64x80x80",
     0,
     {{"wide", run_BLOCKED_WIDE_ALONG_PIXELS, NULL,
       &view_BLOCKED_WIDE_ALONG_PIXELS, 0},
#if B == 16
      {"wide", run_NHWC_WIDE_ALONG_CHANNELS, NULL,
       &view_NHWC_WIDE_ALONG_CHANNELS, 1}}},
#else
      {"narrow", run_NHWC_NARROW, NULL, &view_NHWC_NARROW, 1}}},
#endif
};

static size_t view_index(const struct view *v, int c, int y, int x)
{
    return (size_t)(c / B) * v->block + (size_t)y * v->row +
           (size_t)x * v->pixel + c % B;
}

/* Where the loops of conv() and tile() meet this weight. */
static size_t filter_index(const struct layer *l, int k, int c, int kh, int kw)
{
    const int wide = l->nr * B, blocks = l->c / B, block = c / B;
    const int step = l->order & BLOCKS_OUTSIDE
                         ? (kh * blocks + block) * l->r + kw
                         : (kh * l->r + kw) * blocks + block;
    return (size_t)(k / wide) * wide * l->r * l->r * l->c +
           (size_t)step * B * wide + c % B * wide + k % wide;
}

/* A prime step visits samples all over the output. */
static void check_layer(const struct layer *l, const float *in, const float *w,
                        const float *out, const char *name)
{
    const int count = l->k * l->oh * l->ow;
    for (int i = 0; i < count; i += 997) {
        const int k = i % l->k, x = i / l->k % l->ow, y = i / l->k / l->ow;
        double sum = 0, sum_abs = 0;
        for (int c = 0; c < l->c; c++)
            for (int kh = 0; kh < l->r; kh++)
                for (int kw = 0; kw < l->r; kw++) {
                    const double product =
                        (double)in[view_index(&l->in, c, y * l->stride + kh,
                                              x * l->stride + kw)] *
                        w[filter_index(l, k, c, kh, kw)];
                    sum += product;
                    sum_abs += fabs(product);
                }
        const float got = out[view_index(&l->out, k, y, x)];
        if (!(fabs(got - sum) <= 1e-6 * sum_abs)) {
            fprintf(stderr,
                    "layouts: %s: channel %d at (%d, %d) is %g, not %g\n", name,
                    k, y, x, (double)got, sum);
            exit(1);
        }
    }
}

static void check_bytes(const struct view *v, const char *name)
{
    for (int i = 0; i < 64 * 80 * 80; i++) {
        const int c = i % 64, x = i / 64 % 80, y = i / 64 / 80;
        const int q = _mm_cvtss_si32(
            _mm_set_ss(fmaf(input[x % 4 * 64 + c], scale[c], offset[c])));
        const uint8_t want = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
        const uint8_t got =
            bytes[c / 16 * v->block + y * v->row + x * v->pixel + c % 16];
        if (got != want) {
            fprintf(stderr,
                    "layouts: %s: channel %d at (%d, %d) is %d, not %d\n", name,
                    c, y, x, got, want);
            exit(1);
        }
    }
}

static void check(const struct bench_case *bench, const struct variant *v)
{
    for (int i = 0; i < FLOATS; i++)
        middle[i] = output[i] = NAN;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 0x55;
    v->run();
    if (v->view) {
        check_bytes(v->view, bench->name);
    } else if (bench->is_concat) {
        const struct layer *const l = v->layers;
        check_layer(&l[0], input, filter, middle, bench->name);
        check_layer(&l[0], input + 32 * PIXELS, filter + 32 * 32,
                    middle + 32 / B * l[0].out.block, bench->name);
        check_layer(&l[1], middle, filter + 2 * 32 * 32, output, bench->name);
    } else {
        check_layer(v->layers, input, filter, output, bench->name);
    }
}

/* Time of this thread: what others do meanwhile is left out, except for what
 * they do to the caches and the clock. */
static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

/* One untimed run brings caches into this kernel's own state. */
static double sample_us(const struct variant *v, int runs)
{
    v->run();
    const double begin = now_us();
    for (int i = 0; i < runs; i++)
        v->run();
    return (now_us() - begin) / runs;
}

#define ROUNDS_MAX 1000
static int rounds = 60;

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Minimum, quartiles and median: fractions 0, 1/4, 1/2, 3/4 of the way. */
static double quantile(const double *samples, int quarter)
{
    double sorted[ROUNDS_MAX];
    for (int i = 0; i < rounds; i++)
        sorted[i] = samples[i];
    qsort(sorted, (size_t)rounds, sizeof sorted[0], compare);
    return sorted[(rounds - 1) * quarter / 4];
}

#define SAMPLE_US 1000.0

static void measure(const struct bench_case *bench)
{
    static double us[VARIANTS_MAX][ROUNDS_MAX], ratio[ROUNDS_MAX];
    int count = 0, best[2] = {-1, -1};

    while (count < VARIANTS_MAX && bench->variants[count].run)
        check(bench, &bench->variants[count++]);
    const double once_us = sample_us(&bench->variants[0], 1);
    const int runs = 1 + (int)(SAMPLE_US / once_us);

    /* Every round begins with another kernel and turns the direction. */
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++) {
            const int turn = round % 2 ? count - 1 - i : i;
            const int v = (round / 2 + turn) % count;
            us[v][round] = sample_us(&bench->variants[v], runs);
        }
    for (int v = 0; v < count; v++) {
        int *const b = &best[bench->variants[v].nhwc];
        if (*b < 0 || quantile(us[v], 0) < quantile(us[*b], 0))
            *b = v;
    }
    const double *const blocked = us[best[0]], *const nhwc = us[best[1]];
    for (int i = 0; i < rounds; i++)
        ratio[i] = nhwc[i] / blocked[i];
    printf("| %s | %.1f / %.1f | %.1f / %.1f | %.3f | %.3f | %.3f-%.3f |\n",
           bench->name, quantile(blocked, 0), quantile(blocked, 2),
           quantile(nhwc, 0), quantile(nhwc, 2),
           quantile(nhwc, 0) / quantile(blocked, 0), quantile(ratio, 2),
           quantile(ratio, 1), quantile(ratio, 3));
    for (int v = 0; v < count && getenv("LAYOUTS_ALL"); v++)
        printf("|   %s, %s | %.1f / %.1f |\n",
               bench->variants[v].nhwc ? "NHWC" : "blocked",
               bench->variants[v].order, quantile(us[v], 0),
               quantile(us[v], 2));
    fflush(stdout);
}

static float random_unit(void)
{
    static uint32_t state = 1; /* Numerical Recipes' LCG: any values do */
    state = state * 1664525U + 1013904223U;
    return (float)(state >> 8) / (float)(1 << 23) - 1.0F;
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? atoi(argv[1]) : rounds;
    const int cpu = argc > 2 ? atoi(argv[2]) : sched_getcpu();
    if (rounds < 1 || rounds > ROUNDS_MAX || cpu < 0 || cpu >= CPU_SETSIZE) {
        fprintf(stderr, "layouts: usage: layouts [ROUNDS, 1 to %d [CPU]]\n",
                ROUNDS_MAX);
        return 2;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        fprintf(stderr, "layouts: cannot stay on CPU %d\n", cpu);
        return 1;
    }
    for (int i = 0; i < FLOATS; i++) {
        input[i] = random_unit();
        filter[i] = random_unit();
    }
    for (int i = 0; i < 64; i++) {
        scale[i] = 200.0F + (float)i; /* some values saturate on either side */
        offset[i] = 100.0F - (float)i;
    }
    printf(
        "%s, B = %d, tile %d x %d, %d rounds; NHWC / blocked above 1: blocked "
        "is faster\n\n"
        "| kernel | blocked us, min / median | NHWC us, min / median | ratio "
        "of minima | median of paired ratios | their quartiles |\n"
        "|---|---|---|---|---|---|\n",
        ISA, B, MR, NR, rounds);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        measure(&cases[i]);
    return 0;
}
