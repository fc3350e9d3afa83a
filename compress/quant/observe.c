/* See compress/quant/observe.h. The histogram is of 64-bit counts over one
 * interval that doubles to whichever side a value falls out of, so one pass is
 * enough. */

#include "compress/quant/observe.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "runtime/fail.h"

#define BINS       YT_OBSERVE_BINS
#define LEVELS     256
#define CHUNK      64 /* pixels whose sum is kept in f32 */
#define LANES_MAX  16
#define PERCENTILE 99.99

enum yt_status yt_observer_init(int32_t channels, struct yt_observer *o)
{
    *o = (struct yt_observer){.channels = channels, .lo = 1, .hi = 0};
    o->sums = calloc((size_t)channels, sizeof *o->sums);
    o->counts = calloc((size_t)channels, sizeof *o->counts);
    o->bins = calloc(BINS, sizeof *o->bins);
    if (o->sums && o->counts && o->bins)
        return YT_OK;
    yt_observer_deinit(o);
    return yt_fail(YT_NO_MEMORY, "no memory to observe %d channels",
                   (int)channels);
}

void yt_observer_deinit(struct yt_observer *o)
{
    free(o->sums);
    free(o->counts);
    free(o->bins);
    *o = (struct yt_observer){0};
}

/* --------------------------------------------------------------- observing */

/* Twice the width; what there is becomes the upper or the lower half. */
static void double_width(struct yt_observer *o, int upwards)
{
    int64_t halves[BINS / 2];
    for (int i = 0; i < BINS / 2; i++)
        halves[i] = o->bins[2 * i] + o->bins[2 * i + 1];
    for (int i = 0; i < BINS; i++) {
        const int own = upwards ? i : i - BINS / 2;
        o->bins[i] = own >= 0 && own < BINS / 2 ? halves[own] : 0;
    }
    if (!upwards)
        o->first -= o->width * BINS;
    o->width *= 2;
}

static void cover(struct yt_observer *o, float lo, float hi)
{
    if (o->width == 0) {
        const double span = (double)hi - (double)lo;
        const double least = fmax(fabs((double)lo) * 1e-3, 1e-9);
        o->first = (double)lo;
        o->width = fmax(span, least) / (BINS - 1);
        o->lo = lo;
        o->hi = hi;
    }
    while ((double)hi >= o->first + o->width * BINS)
        double_width(o, 1);
    while ((double)lo < o->first)
        double_width(o, 0);
    o->lo = lo < o->lo ? lo : o->lo;
    o->hi = hi > o->hi ? hi : o->hi;
}

/* Limits and sums of a chunk; 0: something in it is not finite. */
static int add_sums(struct yt_observer *o, int32_t channel, const float *values,
                    int64_t pixels, int32_t lanes, int32_t used,
                    float limits[2])
{
    float sums[LANES_MAX] = {0};
    float lo = INFINITY, hi = -INFINITY, all = 0;
    for (int64_t i = 0; i < pixels; i++)
        for (int32_t k = 0; k < used; k++) {
            const float v = values[i * lanes + k];
            sums[k] += v;
            lo = v < lo ? v : lo;
            hi = v > hi ? v : hi;
            all += v * 0; /* NaN once a value is not finite */
        }
    if (all != 0)
        return 0;
    for (int32_t k = 0; k < used; k++) {
        o->sums[channel + k] += (double)sums[k];
        o->counts[channel + k] += pixels;
    }
    limits[0] = lo;
    limits[1] = hi;
    return 1;
}

static void add_chunk(struct yt_observer *o, int32_t channel,
                      const float *values, int64_t pixels, int32_t lanes,
                      int32_t used)
{
    float limits[2];
    if (!add_sums(o, channel, values, pixels, lanes, used, limits)) {
        o->strange += pixels * used;
        return;
    }
    cover(o, limits[0], limits[1]);
    const double first = o->first;
    const double inverse = 1 / o->width;
    for (int64_t i = 0; i < pixels; i++)
        for (int32_t k = 0; k < used; k++) {
            const double v = (double)values[i * lanes + k];
            const int bin = (int)((v - first) * inverse);
            o->bins[bin < BINS ? bin : BINS - 1]++;
        }
}

void yt_observer_add(struct yt_observer *o, int32_t channel,
                     const float *values, int64_t pixels, int32_t lanes,
                     int32_t used)
{
    assert(lanes <= LANES_MAX && used <= lanes);
    assert(channel + used <= o->channels);
    for (int64_t i = 0; i < pixels; i += CHUNK)
        add_chunk(o, channel, values + i * lanes,
                  pixels - i < CHUNK ? pixels - i : CHUNK, lanes, used);
}

void yt_observer_means(const struct yt_observer *o, float *means_out)
{
    for (int32_t i = 0; i < o->channels; i++) {
        const double mean =
            o->counts[i] ? o->sums[i] / (double)o->counts[i] : 0;
        means_out[i] = isfinite(mean) ? (float)mean : 0;
    }
}

/* ------------------------------------------------------------------ ranges */

struct range {
    double lo, hi;
};

double yt_observer_error(const struct yt_observer *o, double lo, double hi)
{
    const double step = (hi - lo) / (LEVELS - 1);
    const double inside = step * step / 12;
    double sum = 0;
    int64_t count = 0;
    for (int i = 0; i < BINS; i++) {
        if (o->bins[i] == 0)
            continue;
        const double v = o->first + (i + 0.5) * o->width;
        const double out = fmax(fmax(lo - v, v - hi), 0);
        sum += (double)o->bins[i] * fmax(out * out, inside);
        count += o->bins[i];
    }
    return count ? sum / (double)count : 0;
}

static struct range min_max(const struct yt_observer *o, float act_least)
{
    const double lo = fmin((double)o->lo, 0);
    return (struct range){act_least < 0 && lo < 0 ? (double)act_least : lo,
                          fmax((double)o->hi, 0)};
}

/* The lower edge of the bin before which a share of all values lies. */
static double quantile(const struct yt_observer *o, double share)
{
    int64_t count = 0, seen = 0;
    for (int i = 0; i < BINS; i++)
        count += o->bins[i];
    for (int i = 0; i < BINS; i++) {
        if ((double)seen >= share * (double)count)
            return o->first + i * o->width;
        seen += o->bins[i];
    }
    return o->first + BINS * o->width;
}

static struct range percentile(const struct yt_observer *o, struct range all,
                               float act_least, double percent)
{
    const double share = percent / 100;
    struct range r = all;
    r.hi = fmax(fmin(quantile(o, share), all.hi), 0);
    if (!(act_least < 0))
        r.lo = fmin(fmax(quantile(o, 1 - share) - o->width, all.lo), 0);
    return r;
}

static void improve(const struct yt_observer *o, struct range all, int upper,
                    struct range *best, double *least)
{
    for (int i = 0; i < 90; i++) {
        const double share = 1 - 0.01 * i;
        struct range r = *best;
        if (upper)
            r.hi = all.hi * share;
        else
            r.lo = all.lo * share;
        const double error = yt_observer_error(o, r.lo, r.hi);
        if (error < *least) {
            *least = error;
            *best = r;
        }
    }
}

static struct range least_error(const struct yt_observer *o, struct range all,
                                float act_least)
{
    struct range best = all;
    double least = yt_observer_error(o, all.lo, all.hi);
    for (int round = 0; round < 2; round++) {
        improve(o, all, 1, &best, &least);
        if (!(act_least < 0))
            improve(o, all, 0, &best, &least);
    }
    return best;
}

/* Divergence of bins [from, from + count), what lies above counted into the
 * last, from the same in LEVELS codes. */
static double divergence(const struct yt_observer *o, int from, int count,
                         double total)
{
    double above = 0, sum = 0;
    for (int i = from + count; i < BINS; i++)
        above += (double)o->bins[i];
    for (int level = 0; level < LEVELS; level++) {
        const int begin = from + (int)((int64_t)level * count / LEVELS);
        const int end = from + (int)((int64_t)(level + 1) * count / LEVELS);
        double mass = 0;
        int filled = 0;
        for (int i = begin; i < end; i++) {
            mass += (double)o->bins[i];
            filled += o->bins[i] > 0;
        }
        for (int i = begin; i < end; i++) {
            double p = (double)o->bins[i];
            const double q = o->bins[i] > 0 ? mass / filled : 1e-4;
            p += i == from + count - 1 ? above : 0;
            if (p > 0)
                sum += p / total * log(p / q);
        }
    }
    /* The codes' distribution sums to what is not above. */
    return sum - log(total / fmax(total - above, 1));
}

static struct range entropy(const struct yt_observer *o, struct range all)
{
    const int from = (int)fmax(
        0, floor((fmax(all.lo, (double)o->lo) - o->first) / o->width));
    const int last = (int)fmin(BINS - 1, ((double)o->hi - o->first) / o->width);
    const int most = last + 1 - from;
    double total = 0;
    double least = INFINITY;
    struct range best = all;
    for (int i = 0; i < BINS; i++)
        total += (double)o->bins[i];
    for (int count = most; count >= LEVELS; count -= 1 + most / 256) {
        const double d = divergence(o, from, count, total);
        const double hi = o->first + (from + count) * o->width;
        if (d < least && hi > 0) {
            least = d;
            best.hi = fmin(hi, all.hi);
        }
    }
    return best;
}

static struct range any(const struct yt_observer *o, struct range all,
                        float act_least)
{
    static const double percents[] = {99.9, 99.99, 99.999};
    struct range tried[6] = {all, least_error(o, all, act_least),
                             entropy(o, all)};
    double least = INFINITY;
    struct range best = all;
    for (int i = 0; i < 3; i++)
        tried[3 + i] = percentile(o, all, act_least, percents[i]);
    for (int i = 0; i < 6; i++) {
        const double error = yt_observer_error(o, tried[i].lo, tried[i].hi);
        if (error < least) {
            least = error;
            best = tried[i];
        }
    }
    return best;
}

void yt_observer_range(const struct yt_observer *o,
                       const struct yt_range_options *options, float *lo_out,
                       float *hi_out)
{
    const double percent =
        options->percentile > 0 ? options->percentile : PERCENTILE;
    const struct range all = min_max(o, options->act_least);
    struct range r = all;
    assert(o->width > 0);
    switch (options->method) {
    case YT_RANGE_PERCENTILE:
        r = percentile(o, all, options->act_least, percent);
        break;
    case YT_RANGE_MSE:
        r = least_error(o, all, options->act_least);
        break;
    case YT_RANGE_ENTROPY:
        r = entropy(o, all);
        break;
    case YT_RANGE_AUTO:
        r = any(o, all, options->act_least);
        break;
    default:
        break;
    }
    *lo_out = (float)r.lo;
    *hi_out = (float)r.hi;
}
