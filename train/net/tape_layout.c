/* Between plain tensors and blocks of channels: see train/net/tape_parts.h. */

#include "train/net/tape_parts.h"

void yt_tape_to_blocks(const struct yt_tape *tape, int32_t index, int32_t first,
                       int32_t last, const float *plain, float *blocks)
{
    const struct yt_tape_node *node = &tape->nodes[index];
    const int32_t lanes = tape->onednn.block;
    const int64_t plane = (int64_t)node->h * node->w;
    plain += first * node->c * plane;
    for (int32_t n = first; n < last; n++) {
        float *picture = blocks + n * node->size;
        for (int32_t c = 0; c < node->c; c++, plain += plane) {
            float *to = picture + c / lanes * plane * lanes + c % lanes;
            for (int64_t i = 0; i < plane; i++)
                to[i * lanes] = plain[i];
        }
    }
}

void yt_tape_to_plain(const struct yt_tape *tape, int32_t index, int32_t first,
                      int32_t last, const float *blocks, float *plain)
{
    const struct yt_tape_node *node = &tape->nodes[index];
    const int32_t lanes = tape->onednn.block;
    const int64_t plane = (int64_t)node->h * node->w;
    plain += first * node->c * plane;
    for (int32_t n = first; n < last; n++) {
        const float *picture = blocks + n * node->size;
        for (int32_t c = 0; c < node->c; c++, plain += plane) {
            const float *from = picture + c / lanes * plane * lanes + c % lanes;
            for (int64_t i = 0; i < plane; i++)
                plain[i] = from[i * lanes];
        }
    }
}

void yt_tape_add(float *restrict to, const float *restrict from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}
