/* The letterbox in C. Where the compiler's baseline has SSE2 (all of x86-64),
 * most of a row goes two pixels at a time; the rest, and other machines, take
 * the plain loop, which gives the same bits. */

#include "runtime/letterbox.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* What is written in a loop is inlined once for each type, so that the choice
 * of type stays outside of it. */
#define INLINE static inline __attribute__((always_inline))

/* Values 0..255 have eight bits of fraction at most: the upper half of an f32
 * holds them. */
INLINE uint16_t bf16_of(int32_t value)
{
    const float v = (float)value;
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (uint16_t)(bits >> 16);
}

INLINE void put(void *out, int64_t i, int32_t value, const enum yt_dtype dtype)
{
    if (dtype == YT_DTYPE_F32)
        ((float *)out)[i] = (float)value;
    else if (dtype == YT_DTYPE_U8S8)
        ((uint8_t *)out)[i] = (uint8_t)value;
    else
        ((uint16_t *)out)[i] =
            dtype == YT_DTYPE_BF16 ? bf16_of(value) : (uint16_t)value;
}

INLINE int64_t pixel_bytes(const enum yt_dtype dtype)
{
    return dtype == YT_DTYPE_F32 ? 12 : dtype == YT_DTYPE_U8S8 ? 3 : 6;
}

/* Pixel x of a row of output. */
INLINE void *pixel_at(void *out, int64_t x, const enum yt_dtype dtype)
{
    return (char *)out + x * pixel_bytes(dtype);
}

/* Sixteen at a time: a count gcc turns into vector stores at -O2. */
INLINE void fill_grey(void *out, int64_t pixels, const enum yt_dtype dtype)
{
    const int64_t count = 3 * pixels;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int j = 0; j < 16; j++)
            put(out, i + j, YT_LETTERBOX_GREY, dtype);
    for (; i < count; i++)
        put(out, i, YT_LETTERBOX_GREY, dtype);
}

/* Columns [begin, end) of a row of content. */
INLINE void resize_plain(const struct yt_letterbox_args *args,
                         const struct yt_letterbox_row *row, int32_t begin,
                         int32_t end, void *out, const enum yt_dtype dtype)
{
    const uint8_t *upper = args->pixels + row->upper;
    const uint8_t *lower = args->pixels + row->lower;
    const int32_t upper_weight = row->upper_weight;
    const int32_t lower_weight = row->lower_weight;
    for (int32_t x = begin; x < end; x++) {
        const int32_t offset = args->columns[x].offset;
        const int32_t left = args->columns[x].left;
        const int32_t right = args->columns[x].right;
        for (int c = 0; c < 3; c++) {
            const int32_t l = offset + args->channel[c];
            const int32_t r = l + args->right_step;
            const int32_t a = upper[l] * left + upper[r] * right;
            const int32_t b = lower[l] * left + lower[r] * right;
            const int32_t value = ((upper_weight * (a >> 4) >> 16) +
                                   (lower_weight * (b >> 4) >> 16) + 2) >>
                                  2;
            put(out, 3 * (int64_t)x + c, value, dtype);
        }
    }
}

#if defined(__SSE2__)

static inline __m128i load_pixel(const uint8_t *at)
{
    int32_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return _mm_cvtsi32_si128(bytes);
}

/* left * weight + right * weight of a pixel's channels, without the four bits
 * that OpenCV drops: at most 255 * 2048 / 16, so 16 bits hold it. Two loads
 * interleaved; from one eight-byte load, clang 19 makes shuffles that take
 * three times as long. */
static inline __m128i across(const uint8_t *left, const uint8_t *right,
                             __m128i weights)
{
    const __m128i bytes =
        _mm_unpacklo_epi8(load_pixel(left), load_pixel(right));
    const __m128i pairs = _mm_unpacklo_epi8(bytes, _mm_setzero_si128());
    return _mm_srai_epi32(_mm_madd_epi16(pairs, weights), 4);
}

static inline __m128i pair_of_weights(const struct yt_letterbox_column *column)
{
    int32_t pair;
    memcpy(&pair, &column->left, sizeof pair);
    return _mm_set1_epi32(pair);
}

/* Four elements: a pixel and one that the next pixel overwrites. */
INLINE void store_pixel(void *out, int32_t x, __m128i channels, const int swap,
                        const enum yt_dtype dtype)
{
    void *at = pixel_at(out, x, dtype);
    if (swap)
        channels = _mm_shuffle_epi32(channels, _MM_SHUFFLE(3, 0, 1, 2));
    if (dtype == YT_DTYPE_F32) {
        _mm_storeu_ps(at, _mm_cvtepi32_ps(channels));
        return;
    }
    if (dtype == YT_DTYPE_BF16)
        channels =
            _mm_srli_epi32(_mm_castps_si128(_mm_cvtepi32_ps(channels)), 16);
    const __m128i halves = _mm_packs_epi32(channels, channels);
    if (dtype == YT_DTYPE_U8S8) {
        const int32_t bytes =
            _mm_cvtsi128_si32(_mm_packus_epi16(halves, halves));
        memcpy(at, &bytes, sizeof bytes);
    } else {
        _mm_storel_epi64(at, halves);
    }
}

/* The columns that may be read eight bytes wide, in pairs, less the last one of
 * the content, after which there may be no room for a fourth value. Returns the
 * first that is left. */
INLINE int32_t resize_pairs(const struct yt_letterbox_args *args,
                            const struct yt_letterbox_row *row, void *out,
                            const int swap, const enum yt_dtype dtype)
{
    const int64_t right_step = args->right_step;
    const uint8_t *upper = args->pixels + row->upper;
    const uint8_t *lower = args->pixels + row->lower;
    const __m128i upper_weight = _mm_set1_epi16((int16_t)row->upper_weight);
    const __m128i lower_weight = _mm_set1_epi16((int16_t)row->lower_weight);
    const __m128i two = _mm_set1_epi16(2);
    const __m128i zero = _mm_setzero_si128();
    const int32_t last = args->content_w - 1;
    const int32_t end = args->wide_end < last ? args->wide_end : last;
    int32_t x = args->wide_begin;
    for (; x + 1 < end; x += 2) {
        const struct yt_letterbox_column *column = &args->columns[x];
        const __m128i weights0 = pair_of_weights(&column[0]);
        const __m128i weights1 = pair_of_weights(&column[1]);
        const int32_t at0 = column[0].offset;
        const int32_t at1 = column[1].offset;
        const __m128i a = _mm_packs_epi32(
            across(upper + at0, upper + at0 + right_step, weights0),
            across(upper + at1, upper + at1 + right_step, weights1));
        const __m128i b = _mm_packs_epi32(
            across(lower + at0, lower + at0 + right_step, weights0),
            across(lower + at1, lower + at1 + right_step, weights1));
        const __m128i sum = _mm_add_epi16(_mm_mulhi_epi16(a, upper_weight),
                                          _mm_mulhi_epi16(b, lower_weight));
        const __m128i values = _mm_srai_epi16(_mm_add_epi16(sum, two), 2);
        store_pixel(out, x, _mm_unpacklo_epi16(values, zero), swap, dtype);
        store_pixel(out, x + 1, _mm_unpackhi_epi16(values, zero), swap, dtype);
    }
    return x;
}

INLINE int32_t resize_wide(const struct yt_letterbox_args *args,
                           const struct yt_letterbox_row *row, void *out,
                           const enum yt_dtype dtype)
{
    if (args->right_step == 0)
        return args->wide_begin;
    return args->channel[0] == 2 ? resize_pairs(args, row, out, 1, dtype)
                                 : resize_pairs(args, row, out, 0, dtype);
}

#else

INLINE int32_t resize_wide(const struct yt_letterbox_args *args,
                           const struct yt_letterbox_row *row, void *out,
                           const enum yt_dtype dtype)
{
    (void)row;
    (void)out;
    (void)dtype;
    return args->wide_begin;
}

#endif

INLINE void resize_row(const struct yt_letterbox_args *args,
                       const struct yt_letterbox_row *row, void *out,
                       const enum yt_dtype dtype)
{
    resize_plain(args, row, 0, args->wide_begin, out, dtype);
    resize_plain(args, row, resize_wide(args, row, out, dtype), args->content_w,
                 out, dtype);
}

INLINE void frame_row(const struct yt_letterbox_args *args, int64_t y,
                      void *out, const enum yt_dtype dtype)
{
    const int32_t right = args->left + args->content_w;
    if (y < args->top || y >= args->top + args->content_h) {
        fill_grey(out, args->w, dtype);
        return;
    }
    fill_grey(out, args->left, dtype);
    resize_row(args, &args->rows[y - args->top],
               pixel_at(out, args->left, dtype), dtype);
    fill_grey(pixel_at(out, right, dtype), args->w - right, dtype);
}

/* Left and right of row y; above the first and below the last. All zeros of
 * all types are bytes of 0. */
static void zero_border(const struct yt_letterbox_args *args, int64_t y,
                        char *line, int64_t pixel)
{
    const int64_t side = args->pad * pixel;
    const int64_t content = args->w * pixel;
    const int64_t rows = args->pad * (content + 2 * side);
    const int64_t above = y == 0 ? rows : 0;
    const int64_t below = y == args->h - 1 ? rows : 0;
    memset(line - side - above, 0, (size_t)(above + side));
    memset(line + content, 0, (size_t)(side + below));
}

INLINE void frame_rows(const struct yt_letterbox_args *args, int64_t begin,
                       int64_t end, const enum yt_dtype dtype)
{
    const int64_t pad = args->pad;
    const int64_t row = args->w + 2 * pad; /* pixels */
    for (int64_t y = begin; y < end; y++) {
        void *line = pixel_at(args->out, (y + pad) * row + pad, dtype);
        frame_row(args, y, line, dtype);
        if (pad)
            zero_border(args, y, line, pixel_bytes(dtype));
    }
}

void yt_letterbox_c(const void *args_, int64_t begin, int64_t end)
{
    const struct yt_letterbox_args *args = args_;
    switch (args->dtype) {
    case YT_DTYPE_F32:
        frame_rows(args, begin, end, YT_DTYPE_F32);
        return;
    case YT_DTYPE_BF16:
        frame_rows(args, begin, end, YT_DTYPE_BF16);
        return;
    case YT_DTYPE_S16:
        frame_rows(args, begin, end, YT_DTYPE_S16);
        return;
    case YT_DTYPE_U8S8:
        frame_rows(args, begin, end, YT_DTYPE_U8S8);
        return;
    case YT_DTYPE_COUNT:
        break;
    }
}
