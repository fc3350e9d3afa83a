/* How the search went, and how long a picture takes. */

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "page/chart.h"
#include "page/html.h"
#include "page/pictures.h"
#include "page/rows.h"

#define WIDTH  760
#define HEIGHT 300
#define LEFT   60
#define DOTS   300 /* most kernels that get a dot */

static double most_of(const json_t *rows, const char *column)
{
    double most = 0;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) most =
        fmax(most, yt_row_real(row, column));
    return most;
}

static void add_frame(struct yt_text *to, const struct yt_scale *across,
                      const struct yt_scale *up, const char *below,
                      const char *beside)
{
    yt_chart_across(to, across, 30, HEIGHT - 44, below);
    yt_chart_up(to, up, LEFT, WIDTH - 20, beside);
}

/* -------------------------------------------------------- configurations */

static void add_best_line(struct yt_text *to, const json_t *trials,
                          const struct yt_scale *across,
                          const struct yt_scale *up)
{
    int begun = 0;
    size_t i;
    json_t *row;
    json_array_foreach(trials, i, row)
    {
        const double best = yt_row_real(row, "best");
        if (isnan(best))
            continue;
        yt_text_add(to,
                    begun ? "H%.1fV%.1f"
                          : "<path class=\"line\" "
                            "d=\"M%.1f %.1f",
                    yt_scale_at(across, yt_row_real(row, "trial")),
                    yt_scale_at(up, best));
        begun = 1;
    }
    if (begun)
        yt_text_add(to, "\"/>\n");
}

static void add_trial(struct yt_text *to, const json_t *row,
                      const struct yt_scale *across, const struct yt_scale *up)
{
    const double fps = yt_row_real(row, "fps");
    if (isnan(fps))
        return;
    yt_text_add(to, "<g class=\"%s\"><title>",
                yt_row_int(row, "better")   ? "front"
                : yt_row_int(row, "counts") ? "rejected"
                                            : "early");
    yt_html_text(to, "%s, trial %" PRId64 ", after %.1f s: %s\n%.2f FPS",
                 yt_row_text(row, "id"), yt_row_int(row, "trial"),
                 yt_row_real(row, "seconds"), yt_row_text(row, "configuration"),
                 fps);
    if (!isnan(yt_row_real(row, "map")))
        yt_html_text(to, ", mAP %.4f", yt_row_real(row, "map"));
    yt_html_text(to, "\nyolotune db show %s", yt_row_text(row, "id"));
    yt_text_add(to, "</title><circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/></g>\n",
                yt_scale_at(across, yt_row_real(row, "trial")),
                yt_scale_at(up, fps));
}

static void add_configurations(struct yt_text *to, const struct yt_facts *f)
{
    const json_t *trials = f->trials;
    const double last = most_of(trials, "trial");
    const double most = most_of(trials, "fps");
    size_t i;
    json_t *row;
    if (!(most > 0)) {
        yt_text_add(to, "<p class=\"none\">Not measured: no configuration was "
                        "tried.</p>\n");
        return;
    }
    const struct yt_scale across = yt_scale_of(0, last, LEFT, WIDTH - 20);
    const struct yt_scale up = yt_scale_of(0, most, HEIGHT - 44.0, 30);
    yt_chart_begin(to, WIDTH, HEIGHT,
                   "Frames per second of the configurations in the order they "
                   "were measured");
    add_frame(to, &across, &up, "configurations measured", "FPS");
    add_best_line(to, trials, &across, &up);
    json_array_foreach(trials, i, row) add_trial(to, row, &across, &up);
    yt_chart_end(to);
    yt_text_add(to,
                "<p>%.0f measurements in %.0f s by the clock, pauses between "
                "runs included. Line and filled dots: the fastest so far%s. "
                "What is compared at the end was measured again, in turn, so "
                "that whatever else the machine did hit all alike.</p>\n",
                last, most_of(trials, "seconds"),
                isnan(yt_row_real(f->choice, "map"))
                    ? ""
                    : " of those whose accuracy is at least that of the "
                      "recommendation, on as many pictures");
    if (last > (double)json_array_size(trials))
        yt_text_add(to, "<p>Drawn are %d of them, evenly spread.</p>\n",
                    (int)json_array_size(trials));
}

/* --------------------------------------------------------------- kernels */

/* The layers' time with each problem's best kernel so far. A problem counts
 * with its first kernel until that was beaten. */
static double begin_ms(const json_t *kernels)
{
    double sum = 0;
    size_t i;
    json_t *row;
    json_array_foreach(kernels, i, row) if (isnan(yt_row_real(row, "before")))
        sum += yt_row_real(row, "min_ns") * yt_row_real(row, "layers");
    return isnan(sum) ? 0 : sum / 1e6;
}

static double gain_ms(const json_t *row)
{
    const double gain =
        (yt_row_real(row, "before") - yt_row_real(row, "min_ns")) *
        yt_row_real(row, "layers") / 1e6;
    return isnan(gain) ? 0 : gain;
}

static void add_kernel_line(struct yt_text *to, const json_t *kernels,
                            const struct yt_scale *across,
                            const struct yt_scale *up, double ms)
{
    size_t i;
    json_t *row;
    yt_text_add(to, "<path class=\"line\" d=\"M%.1f %.1f",
                yt_scale_at(across, 0), yt_scale_at(up, ms));
    json_array_foreach(kernels, i, row)
    {
        const double gain = gain_ms(row);
        ms -= gain;
        if (gain > 0)
            yt_text_add(to, "H%.1fV%.1f",
                        yt_scale_at(across, yt_row_real(row, "trial")),
                        yt_scale_at(up, ms));
    }
    yt_text_add(to, "H%.1f\"/>\n",
                yt_scale_at(across, most_of(kernels, "trials")));
}

static void add_kernel_dots(struct yt_text *to, const json_t *kernels,
                            const struct yt_scale *across,
                            const struct yt_scale *up, double ms)
{
    const size_t every = json_array_size(kernels) / DOTS + 1;
    size_t i;
    json_t *row;
    json_array_foreach(kernels, i, row)
    {
        ms -= gain_ms(row);
        if (gain_ms(row) <= 0 || i % every)
            continue;
        yt_text_add(to, "<g class=\"front\"><title>");
        yt_html_text(to,
                     "%s, kernel %" PRId64 ", after %.1f s: %s\n%s\n"
                     "%.4f ms, %.4f before\nyolotune db show %s",
                     yt_row_text(row, "id"), yt_row_int(row, "trial"),
                     yt_row_real(row, "seconds"), yt_row_text(row, "problem"),
                     yt_row_text(row, "schedule"),
                     yt_row_real(row, "min_ns") / 1e6,
                     yt_row_real(row, "before") / 1e6, yt_row_text(row, "id"));
        yt_text_add(to,
                    "</title><circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/></g>\n",
                    yt_scale_at(across, yt_row_real(row, "trial")),
                    yt_scale_at(up, ms));
    }
}

static void add_kernels(struct yt_text *to, const struct yt_facts *f)
{
    const double first = begin_ms(f->kernels);
    const double last = most_of(f->kernels, "trials");
    if (!(first > 0)) {
        yt_text_add(to, "<p class=\"none\">Not measured: no kernel of this "
                        "plan was timed alone.</p>\n");
        return;
    }
    const struct yt_scale across = yt_scale_of(0, last, LEFT, WIDTH - 20);
    const struct yt_scale up = yt_scale_of(0, first, HEIGHT - 44.0, 30);
    yt_chart_begin(to, WIDTH, HEIGHT,
                   "The sum of the layers' best kernels so far, in the order "
                   "they were tried");
    add_frame(to, &across, &up, "kernels tried", "ms");
    add_kernel_line(to, f->kernels, &across, &up, first);
    add_kernel_dots(to, f->kernels, &across, &up, first);
    yt_chart_end(to);
    yt_text_add(to,
                "<p>The sum over the layers of %s: each with the fastest "
                "kernel so far, timed alone, or with the first that was "
                "timed. Kernels that failed count as tried.</p>\n",
                yt_row_text(f->plan, "id"));
}

void yt_picture_trials(struct yt_text *to, const struct yt_facts *facts)
{
    yt_text_add(to, "<h3>Configurations</h3>\n");
    add_configurations(to, facts);
    yt_text_add(to, "<h3>Kernels</h3>\n");
    add_kernels(to, facts);
}

/* --------------------------------------------------------------- latency */

#define ROW 34

static const char *what_is(const struct yt_facts *f, const json_t *row)
{
    const char *id = yt_row_text(row, "id");
    if (strcmp(id, yt_row_text(f->choice, "id")) == 0)
        return "recommended";
    if (strcmp(id, yt_row_text(f->baseline, "id")) == 0)
        return "baseline";
    return "plan alone";
}

static void add_range(struct yt_text *to, const struct yt_facts *f,
                      const struct yt_scale *scale, int row, const json_t *is)
{
    static const char *const columns[] = {"total_min_ns", "total_median_ns",
                                          "total_p95_ns", "total_p99_ns"};
    static const char *const names[] = {"fastest", "median", "95 of 100",
                                        "99 of 100"};
    static const char *const kinds[] = {"early", "chosen", "front", "first"};
    const double y = 24.0 + row * ROW;
    const double low = yt_row_real(is, columns[0]);
    const double high = yt_row_real(is, columns[3]);
    yt_text_add(to, "<text x=\"142\" y=\"%.0f\" class=\"end\">", y + 4);
    yt_html_text(to, "%s %s", what_is(f, is), yt_row_text(is, "id"));
    yt_text_add(to, "</text>");
    if (!isnan(low) && !isnan(high))
        yt_text_add(to, "<path class=\"range\" d=\"M%.1f %.1fH%.1f\"/>",
                    yt_scale_at(scale, low / 1e6), y,
                    yt_scale_at(scale, high / 1e6));
    for (int i = 0; i < 4; i++) {
        const double ms = yt_row_real(is, columns[i]) / 1e6;
        if (isnan(ms))
            continue;
        yt_text_add(to, "<g class=\"%s\"><title>", kinds[i]);
        yt_html_text(to, "%s: %s %.3f ms\n%s", yt_row_text(is, "id"), names[i],
                     ms, yt_row_text(is, "command"));
        yt_text_add(to,
                    "</title><circle cx=\"%.1f\" cy=\"%.0f\" r=\"5\"/></g>\n",
                    yt_scale_at(scale, ms), y);
    }
}

void yt_picture_latency(struct yt_text *to, const struct yt_facts *facts)
{
    const double most = fmax(most_of(facts->latency, "total_p99_ns"),
                             most_of(facts->latency, "total_median_ns"));
    const int rows = (int)json_array_size(facts->latency);
    size_t i;
    json_t *row;
    if (!(most > 0))
        return; /* the table says so */
    const struct yt_scale scale = yt_scale_of(0, most / 1e6, 154, WIDTH - 24);
    yt_chart_begin(to, WIDTH, rows * ROW + 60,
                   "Milliseconds of a picture: fastest, median, 95th and 99th "
                   "percentile");
    yt_chart_across(to, &scale, 8, rows * ROW + 14.0,
                    "milliseconds of a picture");
    json_array_foreach(facts->latency, i, row)
        add_range(to, facts, &scale, (int)i, row);
    yt_chart_end(to);
    yt_text_add(to, "<p class=\"key\"><span class=\"early\">&#9676;</span> "
                    "fastest <span class=\"chosen\">&#9679;</span> median "
                    "<span class=\"front\">&#9679;</span> 95 of 100 are faster "
                    "<span class=\"first\">&#9679;</span> 99 of 100 are "
                    "faster</p>\n");
}
