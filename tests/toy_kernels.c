/* Kernels of the toy network of tests/export_toy.h, written like generated
 * ones: shapes inside, pointers outside, nothing called. Compiled once with
 * -DTOY_CONV and once with -DTOY_POOL, so that each object holds one. */

#include "runtime/kernel.h"

void toy_conv(const void *args, int64_t begin, int64_t end);
void toy_pool(const void *args, int64_t begin, int64_t end);

#ifdef TOY_CONV
/* [64][64][3] * [16][3][8][8], stride 8, to [4][8][8][4]; a task is a row. */
void toy_conv(const void *args, int64_t begin, int64_t end)
{
    const struct yt_args *a = args;
    const float *in = a->in;
    const float *weights = a->weights;
    float *out = a->out;
    for (int64_t y = begin; y < end; y++)
        for (int64_t x = 0; x < 8; x++)
            for (int64_t k = 0; k < 16; k++) {
                float sum = a->bias[k];
                for (int64_t c = 0; c < 3; c++)
                    for (int64_t t = 0; t < 64; t++)
                        sum +=
                            weights[(k * 3 + c) * 64 + t] *
                            in[((y * 8 + t / 8) * 64 + x * 8 + t % 8) * 3 + c];
                out[((k / 4 * 8 + y) * 8 + x) * 4 + k % 4] = sum;
            }
}
#endif

#ifdef TOY_POOL
/* 3x3 on [4][8][8][4]; a task is a row of one block of channels. */
void toy_pool(const void *args, int64_t begin, int64_t end)
{
    const struct yt_args *a = args;
    const float *in = a->in;
    float *out = a->out;
    for (int64_t task = begin; task < end; task++)
        for (int64_t i = 0; i < 32; i++) {
            const int64_t y = task % 8, x = i / 4;
            const float *centre = in + task * 32 + i;
            float most = *centre;
            for (int64_t v = -1; v <= 1; v++)
                for (int64_t u = -1; u <= 1; u++) {
                    const int inside =
                        y + v >= 0 && y + v < 8 && x + u >= 0 && x + u < 8;
                    if (inside && centre[v * 32 + u * 4] > most)
                        most = centre[v * 32 + u * 4];
                }
            out[task * 32 + i] = most;
        }
}
#endif
