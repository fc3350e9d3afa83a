/* The letterbox in C. Where the compiler's baseline has SSE2 (all of x86-64),
 * most of a row goes two pixels at a time; the rest, and other machines, take
 * the plain loop, which gives the same bits. */

#include "runtime/letterbox.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Sixteen at a time: a count gcc turns into vector stores at -O2. */
static void fill_grey(float *out, int64_t pixels)
{
    const int64_t count = 3 * pixels;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int j = 0; j < 16; j++)
            out[i + j] = YT_LETTERBOX_GREY;
    for (; i < count; i++)
        out[i] = YT_LETTERBOX_GREY;
}

/* Columns [begin, end) of a row of content. */
static void resize_plain(const struct yt_letterbox_args *args,
                         const struct yt_letterbox_row *row, int32_t begin,
                         int32_t end, float *out)
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
            out[3 * x + c] = (float)(((upper_weight * (a >> 4) >> 16) +
                                      (lower_weight * (b >> 4) >> 16) + 2) >>
                                     2);
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

/* Four floats: a pixel and one that the next pixel overwrites. */
static inline void store_pixel(float *out, __m128i channels, const int swap)
{
    __m128 values = _mm_cvtepi32_ps(channels);
    if (swap)
        values = _mm_shuffle_ps(values, values, _MM_SHUFFLE(3, 0, 1, 2));
    _mm_storeu_ps(out, values);
}

/* The columns that may be read eight bytes wide, in pairs, less the last one of
 * the content, after which there may be no room for a fourth float. Returns the
 * first that is left. */
static inline int32_t resize_pairs(const struct yt_letterbox_args *args,
                                   const struct yt_letterbox_row *row,
                                   float *out, const int swap)
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
        store_pixel(out + 3 * x, _mm_unpacklo_epi16(values, zero), swap);
        store_pixel(out + 3 * x + 3, _mm_unpackhi_epi16(values, zero), swap);
    }
    return x;
}

static int32_t resize_wide(const struct yt_letterbox_args *args,
                           const struct yt_letterbox_row *row, float *out)
{
    if (args->right_step == 0)
        return args->wide_begin;
    return args->channel[0] == 2 ? resize_pairs(args, row, out, 1)
                                 : resize_pairs(args, row, out, 0);
}

#else

static int32_t resize_wide(const struct yt_letterbox_args *args,
                           const struct yt_letterbox_row *row, float *out)
{
    (void)row;
    (void)out;
    return args->wide_begin;
}

#endif

static void resize_row(const struct yt_letterbox_args *args,
                       const struct yt_letterbox_row *row, float *out)
{
    resize_plain(args, row, 0, args->wide_begin, out);
    resize_plain(args, row, resize_wide(args, row, out), args->content_w, out);
}

void yt_letterbox_c(const void *args_, int64_t begin, int64_t end)
{
    const struct yt_letterbox_args *args = args_;
    const int32_t right = args->left + args->content_w;
    for (int64_t y = begin; y < end; y++) {
        float *out = args->out + y * args->w * 3;
        if (y < args->top || y >= args->top + args->content_h) {
            fill_grey(out, args->w);
            continue;
        }
        fill_grey(out, args->left);
        resize_row(args, &args->rows[y - args->top], out + 3 * args->left);
        fill_grey(out + 3 * right, args->w - right);
    }
}
