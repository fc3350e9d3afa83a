#include "page/chart.h"

#include <math.h>

#include "page/html.h"

#define TICKS 6

/* 1, 2 or 5 times a power of ten, so that there are few ticks. */
static double round_step(double span)
{
    const double rough = span / TICKS;
    const double power = pow(10, floor(log10(rough)));
    const double digits = rough / power;
    return power * (digits <= 1 ? 1 : digits <= 2 ? 2 : digits <= 5 ? 5 : 10);
}

struct yt_scale yt_scale_of(double low, double high, double from, double to)
{
    const double least = fmax(fabs(high), 1e-6) * 1e-3;
    if (high - low < least) {
        low -= least;
        high += least;
    }
    const double step = round_step(high - low);
    return (struct yt_scale){.low = floor(low / step) * step,
                             .high = ceil(high / step) * step,
                             .step = step,
                             .from = from,
                             .to = to};
}

double yt_scale_at(const struct yt_scale *scale, double value)
{
    const double share = (value - scale->low) / (scale->high - scale->low);
    return scale->from + share * (scale->to - scale->from);
}

static int tick_count(const struct yt_scale *scale)
{
    return (int)lround((scale->high - scale->low) / scale->step);
}

/* 0 is 0, and no rounding shows. */
static double tick_value(const struct yt_scale *scale, int i)
{
    return (round(scale->low / scale->step) + i) * scale->step;
}

void yt_chart_begin(struct yt_text *to, int width, int height,
                    const char *title)
{
    yt_text_add(to,
                "<div class=\"chart\"><svg viewBox=\"0 0 %d %d\" role=\"img\" "
                "aria-label=\"",
                width, height);
    yt_html_text(to, "%s", title);
    yt_text_add(to, "\">\n");
}

void yt_chart_end(struct yt_text *to)
{
    yt_text_add(to, "</svg></div>\n");
}

void yt_chart_across(struct yt_text *to, const struct yt_scale *scale,
                     double top, double bottom, const char *label)
{
    for (int i = 0; i <= tick_count(scale); i++) {
        const double value = tick_value(scale, i);
        const double x = yt_scale_at(scale, value);
        yt_text_add(to,
                    "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>"
                    "<text x=\"%.1f\" y=\"%.1f\" class=\"mid\">%g</text>\n",
                    x, top, bottom, x, bottom + 16, value);
    }
    yt_text_add(to, "<text x=\"%.1f\" y=\"%.1f\" class=\"end\">%s</text>\n",
                scale->to, bottom + 33, label);
}

void yt_chart_up(struct yt_text *to, const struct yt_scale *scale, double left,
                 double right, const char *label)
{
    for (int i = 0; i <= tick_count(scale); i++) {
        const double value = tick_value(scale, i);
        const double y = yt_scale_at(scale, value);
        yt_text_add(to,
                    "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
                    "<text x=\"%.1f\" y=\"%.1f\" class=\"end\">%g</text>\n",
                    left, y, right, left - 6, y + 4, value);
    }
    yt_text_add(to, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", 4.0,
                scale->to - 10, label);
}
