/* Head tensors to candidates. Nearly all cells fail on objectness, so that
 * scan is the loop that counts: one load and one comparison per cell. Without
 * objectness, all classes of a cell are looked at. */

#include "runtime/decode.h"

#include <string.h>

#include "runtime/exp.h"
#include "runtime/sigmoid.h"

/* ln(odds) by Halley's iteration on exp(y) = odds: far away a step moves y by
 * nearly 2, nearby it triples the digits. The threshold is lowered first by
 * more than the float sigmoid's error. */
float yt_decode_min_logit(float conf)
{
    const double lowered = (double)conf * (1 - 1e-5);
    const double odds = lowered / (1 - lowered);
    double logit = 0;
    double step = 1;
    while (step > 1e-9 || step < -1e-9) {
        const double e = yt_exp(logit);
        step = 2 * (odds - e) / (odds + e);
        logit += step;
    }
    return (float)logit;
}

/* Channel c of pixel 0 of row y. */
static const float *channel(const struct yt_decode_args *args, int32_t c,
                            int32_t y)
{
    const int32_t lanes = args->lanes;
    const int32_t rows = args->rows ? args->rows : args->h;
    const int64_t row = (int64_t)(c / lanes) * rows + y;
    return args->head + row * args->w * lanes + c % lanes;
}

/* The largest of count logits and floor. Four running maxima, since one would
 * wait for itself; a < b ? b : a is one instruction on every machine. */
static float find_largest(const float *logits, int32_t count, float floor)
{
    float m[4] = {floor, floor, floor, floor};
    int32_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int j = 0; j < 4; j++)
            m[j] = logits[i + j] > m[j] ? logits[i + j] : m[j];
    for (; i < count; i++)
        m[0] = logits[i] > m[0] ? logits[i] : m[0];
    m[0] = m[1] > m[0] ? m[1] : m[0];
    m[2] = m[3] > m[2] ? m[3] : m[2];
    return m[2] > m[0] ? m[2] : m[0];
}

struct best {
    float logit;
    int32_t class_id;
};

/* The first of the largest class logits at column x. Channels lie in runs of
 * up to lanes neighbours: first the value, then the run that has it, then its
 * place there. */
static struct best find_class(const struct yt_decode_args *args, int32_t first,
                              int32_t y, int32_t x, float floor)
{
    const int64_t at = (int64_t)x * args->lanes;
    float largest = floor;
    int32_t begin = 0;
    int32_t end = 0;
    for (int32_t j = 0; j < args->nc;) {
        const int32_t c = first + j;
        const int32_t room = args->lanes - c % args->lanes;
        const int32_t run = room < args->nc - j ? room : args->nc - j;
        const float in_run =
            find_largest(channel(args, c, y) + at, run, largest);
        if (in_run > largest) {
            largest = in_run;
            begin = j;
            end = j + run;
        }
        j += run;
    }
    for (int32_t j = begin; j < end; j++)
        if (channel(args, first + j, y)[at] == largest)
            return (struct best){largest, j};
    return (struct best){floor, 0};
}

static void write_candidate(const struct yt_decode_args *args, int32_t a,
                            int32_t y, int32_t x, float score, int32_t class_id,
                            int64_t to)
{
    const int64_t at = (int64_t)x * args->lanes;
    const int32_t base = a * (5 + args->nc);
    float s[4];
    for (int32_t j = 0; j < 4; j++)
        s[j] = yt_sigmoidf(channel(args, base + j, y)[at]);
    const float stride = (float)args->stride;
    const float cx = (s[0] * 2 + ((float)x - 0.5f)) * stride;
    const float cy = (s[1] * 2 + ((float)y - 0.5f)) * stride;
    const float half_w = (s[2] * 2) * (s[2] * 2) * args->anchors[a][0] / 2;
    const float half_h = (s[3] * 2) * (s[3] * 2) * args->anchors[a][1] / 2;
    const struct yt_candidates *out = &args->out;
    out->x0[to] = cx - half_w;
    out->y0[to] = cy - half_h;
    out->x1[to] = cx + half_w;
    out->y1[to] = cy + half_h;
    out->score[to] = score;
    out->class_id[to] = class_id;
}

/* The mean of a side's distribution. Its largest logit is taken off first, so
 * that nothing overflows. */
static float mean_bin(const struct yt_decode_args *args, int32_t side,
                      int32_t y, int32_t x)
{
    const int64_t at = (int64_t)x * args->lanes;
    const int32_t first = side * args->bins;
    float top = YT_EXPF_MIN;
    for (int32_t j = 0; j < args->bins; j++) {
        const float logit = channel(args, first + j, y)[at];
        top = logit > top ? logit : top;
    }
    float sum = 0;
    float weighted = 0;
    for (int32_t j = 0; j < args->bins; j++) {
        const float e = yt_expf(channel(args, first + j, y)[at] - top);
        sum += e;
        weighted += e * (float)j;
    }
    return weighted / sum;
}

void yt_decode_bins_box(const struct yt_decode_args *args, int32_t y, int32_t x,
                        float box_out[4])
{
    const float stride = (float)args->stride;
    const float cx = (float)x + 0.5f;
    const float cy = (float)y + 0.5f;
    box_out[0] = (cx - mean_bin(args, 0, y, x)) * stride;
    box_out[1] = (cy - mean_bin(args, 1, y, x)) * stride;
    box_out[2] = (cx + mean_bin(args, 2, y, x)) * stride;
    box_out[3] = (cy + mean_bin(args, 3, y, x)) * stride;
}

static int32_t decode_bins_row(const struct yt_decode_args *args, int32_t y,
                               int64_t segment)
{
    const struct yt_candidates *out = &args->out;
    int64_t to = segment;
    for (int32_t x = 0; x < args->w; x++) {
        const struct best best =
            find_class(args, 4 * args->bins, y, x, args->min_logit);
        if (!(best.logit > args->min_logit))
            continue;
        const float score = yt_sigmoidf(best.logit);
        if (!(score > args->conf))
            continue;
        float box[4];
        yt_decode_bins_box(args, y, x, box);
        out->x0[to] = box[0];
        out->y0[to] = box[1];
        out->x1[to] = box[2];
        out->y1[to] = box[3];
        out->score[to] = score;
        out->class_id[to] = best.class_id;
        to++;
    }
    return (int32_t)(to - segment);
}

static int32_t decode_row(const struct yt_decode_args *args, int32_t a,
                          int32_t y, int64_t segment)
{
    if (args->bins)
        return decode_bins_row(args, y, segment);
    const int32_t base = a * (5 + args->nc);
    const float *object = channel(args, base + 4, y);
    int32_t count = 0;
    for (int32_t x = 0; x < args->w; x++) {
        const float logit = object[(int64_t)x * args->lanes];
        if (!(logit > args->min_logit))
            continue;
        const struct best best = find_class(args, base + 5, y, x, YT_EXPF_MIN);
        const float score = yt_sigmoidf(logit) * yt_sigmoidf(best.logit);
        if (!(score > args->conf))
            continue;
        write_candidate(args, a, y, x, score, best.class_id, segment + count);
        count++;
    }
    return count;
}

void yt_decode_c(const void *args_, int64_t begin, int64_t end)
{
    const struct yt_decode_args *args = args_;
    for (int64_t task = begin; task < end; task++)
        args->counts[task] =
            decode_row(args, (int32_t)(task / args->h),
                       (int32_t)(task % args->h), task * args->w);
}

struct yt_candidates yt_candidates_at(const struct yt_candidates *all,
                                      int64_t first)
{
    if (first == 0)
        return *all; /* which may have no memory yet */
    return (struct yt_candidates){
        .x0 = all->x0 + first,
        .y0 = all->y0 + first,
        .x1 = all->x1 + first,
        .y1 = all->y1 + first,
        .score = all->score + first,
        .class_id = all->class_id + first,
    };
}

void yt_candidates_copy(const struct yt_candidates *from, int64_t count,
                        const struct yt_candidates *to)
{
    const size_t entries = (size_t)count;
    if (entries == 0)
        return;
    memmove(to->x0, from->x0, entries * sizeof *to->x0);
    memmove(to->y0, from->y0, entries * sizeof *to->y0);
    memmove(to->x1, from->x1, entries * sizeof *to->x1);
    memmove(to->y1, from->y1, entries * sizeof *to->y1);
    memmove(to->score, from->score, entries * sizeof *to->score);
    memmove(to->class_id, from->class_id, entries * sizeof *to->class_id);
}

int64_t yt_decode_compact(const struct yt_decode_args *args,
                          const struct yt_candidates *all, int64_t count)
{
    const int64_t segments = (int64_t)args->na * args->h;
    for (int64_t i = 0; i < segments; i++) {
        const struct yt_candidates to = yt_candidates_at(all, count);
        const struct yt_candidates from =
            yt_candidates_at(&args->out, i * args->w);
        yt_candidates_copy(&from, args->counts[i], &to);
        count += args->counts[i];
    }
    return count;
}
