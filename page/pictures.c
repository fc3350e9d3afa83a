#include "page/pictures.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "page/chart.h"
#include "page/html.h"
#include "page/rows.h"

#define WIDTH 760

static void say(struct yt_text *to, const char *sentence)
{
    yt_text_add(to, "<p class=\"none\">%s</p>\n", sentence);
}

/* ------------------------------------------------------------------- way */

#define WAY_LEFT 150
#define WAY_ROW  34

/* One bar from the speed before to the speed after. */
static void add_bar(struct yt_text *to, const struct yt_scale *scale, int row,
                    double before, const json_t *step, const char *strategy)
{
    const double now = yt_row_real(step, "fps");
    const double y = 14.0 + row * WAY_ROW;
    const double a = yt_scale_at(scale, before), b = yt_scale_at(scale, now);
    const char *id = *yt_row_text(step, "evaluation")
                         ? yt_row_text(step, "evaluation")
                         : yt_row_text(step, "id");
    yt_text_add(to, "<text x=\"%d\" y=\"%.0f\" class=\"end\">", WAY_LEFT - 8,
                y + 15);
    yt_html_text(to, "%s", strategy);
    yt_text_add(to,
                "</text><rect class=\"%s\" x=\"%.1f\" y=\"%.0f\" "
                "width=\"%.1f\" height=\"20\"><title>",
                before == 0    ? "all"
                : now < before ? "loss"
                               : "gain",
                fmin(a, b), y, fmax(fabs(b - a), 1.5));
    yt_html_text(to, "%s: %s: %.2f FPS\nyolotune db show %s", id,
                 *yt_row_text(step, "detail")
                     ? yt_row_text(step, "detail")
                     : yt_row_text(step, "configuration"),
                 now, id);
    yt_text_add(to, "</title></rect><text x=\"%.1f\" y=\"%.0f\">",
                fmax(a, b) + 6, y + 15);
    if (before > 0)
        yt_html_text(to, "%+.2f (%.2fx) %s", now - before, now / before, id);
    else
        yt_html_text(to, "%.2f FPS %s", now, id);
    yt_text_add(to, "</text>\n");
}

static double fastest_of(const struct yt_facts *f)
{
    double most =
        fmax(yt_row_real(f->baseline, "fps"), yt_row_real(f->choice, "fps"));
    size_t i;
    json_t *step;
    json_array_foreach(f->steps, i, step) most =
        fmax(most, yt_row_real(step, "fps"));
    return most;
}

void yt_picture_way(struct yt_text *to, const struct yt_facts *facts)
{
    double before = yt_row_real(facts->baseline, "fps");
    const double most = fastest_of(facts);
    const int rows = (int)json_array_size(facts->steps) + 2;
    int row = 1;
    size_t i;
    json_t *step;
    if (!(before > 0) || !(most > 0)) {
        say(to, "Not measured: there is no baseline to compare with.");
        return;
    }
    /* What stands behind the longest bar needs room. */
    const struct yt_scale scale = yt_scale_of(0, most, WAY_LEFT, WIDTH - 150.0);
    yt_chart_begin(to, WIDTH, rows * WAY_ROW + 58,
                   "Frames per second from the baseline to the recommendation, "
                   "a strategy at a time");
    yt_chart_across(to, &scale, 8, rows * WAY_ROW + 14.0, "frames per second");
    add_bar(to, &scale, 0, 0, facts->baseline, "baseline");
    json_array_foreach(facts->steps, i, step)
    {
        const double now = yt_row_real(step, "fps");
        if (isnan(now))
            continue;
        add_bar(to, &scale, row++, before, step, yt_row_text(step, "strategy"));
        before = now;
    }
    add_bar(to, &scale, row, 0, facts->choice, "recommended");
    yt_chart_end(to);
}

/* ----------------------------------------------------------------- front */

#define FRONT_HEIGHT 400

static int is_row(const json_t *point, const json_t *row)
{
    return row && strcmp(yt_row_text(point, "id"), yt_row_text(row, "id")) == 0;
}

static void add_interval(struct yt_text *to, const struct yt_scale *up,
                         double x, const json_t *point)
{
    const double low = yt_row_real(point, "low");
    const double high = yt_row_real(point, "high");
    if (isnan(low) || isnan(high))
        return;
    yt_text_add(to, "<path class=\"bar\" d=\"M%.1f %.1fV%.1f\"/>", x,
                yt_scale_at(up, low), yt_scale_at(up, high));
}

static void add_point(struct yt_text *to, const struct yt_facts *f,
                      const struct yt_scale *across, const struct yt_scale *up,
                      const json_t *point)
{
    const double x = yt_scale_at(across, yt_row_real(point, "fps"));
    const double y = yt_scale_at(up, yt_row_real(point, "map"));
    const int chosen = is_row(point, f->choice);
    const int first = is_row(point, f->baseline);
    const char *kind = chosen                       ? "chosen"
                       : first                      ? "first"
                       : yt_row_int(point, "front") ? "front"
                       : yt_row_int(point, "whole") ? "rejected"
                                                    : "early";
    yt_text_add(to, "<g class=\"%s\"><title>", kind);
    yt_html_text(to, "%s%s: %s\n%.2f FPS, mAP %.4f on %" PRId64 " pictures",
                 yt_row_text(point, "id"),
                 chosen  ? ", recommended"
                 : first ? ", baseline"
                         : "",
                 yt_row_text(point, "configuration"), yt_row_real(point, "fps"),
                 yt_row_real(point, "map"), yt_row_int(point, "images"));
    if (!isnan(yt_row_real(point, "low")))
        yt_html_text(to, " (%.4f to %.4f)", yt_row_real(point, "low"),
                     yt_row_real(point, "high"));
    yt_html_text(to, "\n%s", yt_row_text(point, "command"));
    yt_text_add(to, "</title>");
    add_interval(to, up, x, point);
    yt_text_add(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/></g>\n", x, y,
                chosen || first                    ? 7
                : json_array_size(f->points) > 200 ? 3
                                                   : 4);
}

static void widen(double value, double *low, double *high)
{
    if (isnan(value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

/* The front as steps: what is left of a point is as accurate and slower. */
static void add_front_line(struct yt_text *to, const struct yt_facts *f,
                           const struct yt_scale *across,
                           const struct yt_scale *up)
{
    double x = INFINITY;
    int begun = 0;
    for (;;) { /* the next slower point: fronts are short */
        const json_t *next = NULL;
        double fps = -1;
        size_t i;
        json_t *point;
        json_array_foreach(f->points, i, point)
        {
            const double is = yt_row_real(point, "fps");
            if (yt_row_int(point, "front") && is < x && is > fps) {
                next = point;
                fps = is;
            }
        }
        if (!next)
            break;
        yt_text_add(to,
                    begun ? "H%.1fV%.1f"
                          : "<path class=\"line\" "
                            "d=\"M%.1f %.1f",
                    yt_scale_at(across, fps),
                    yt_scale_at(up, yt_row_real(next, "map")));
        begun = 1;
        x = fps;
    }
    if (begun)
        yt_text_add(to, "\"/>\n");
}

/* Those that the paragraph speaks of lie above all others. */
static void add_points(struct yt_text *to, const struct yt_facts *f,
                       const struct yt_scale *across, const struct yt_scale *up,
                       int named)
{
    for (size_t i = json_array_size(f->points); i > 0; i--) {
        const json_t *point = json_array_get(f->points, i - 1);
        const int is_named =
            is_row(point, f->choice) || is_row(point, f->baseline);
        if (is_named == named && !isnan(yt_row_real(point, "fps")) &&
            !isnan(yt_row_real(point, "map")))
            add_point(to, f, across, up, point);
    }
}

static void add_front_words(struct yt_text *to, const struct yt_facts *f)
{
    const int64_t all = yt_row_int(json_array_get(f->points, 0), "points");
    const int64_t drawn = (int64_t)json_array_size(f->points);
    yt_text_add(to, "<p class=\"key\"><span class=\"chosen\">&#9679;</span> "
                    "recommended <span class=\"first\">&#9679;</span> baseline "
                    "<span class=\"front\">&#9679;</span> on the front: none "
                    "beats it in both <span class=\"rejected\">&#9675;</span> "
                    "rejected <span class=\"early\">&#9676;</span> looked at "
                    "on fewer pictures</p>\n<p>Vertical lines: where mAP lies "
                    "in 95 of 100 drawings of pictures, beside the row it was "
                    "compared with. An interval of FPS is not stored. Point at "
                    "a circle for its row and the command that measures its "
                    "speed again.</p>\n");
    if (drawn < all)
        yt_text_add(to,
                    "<p>Drawn are %" PRId64 " of %" PRId64
                    " points: the front, and the newest of the others.</p>\n",
                    drawn, all);
}

void yt_picture_front(struct yt_text *to, const struct yt_facts *facts)
{
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};
    size_t i;
    json_t *point;
    json_array_foreach(facts->points, i, point)
    {
        widen(yt_row_real(point, "fps"), &x[0], &x[1]);
        widen(yt_row_real(point, "map"), &y[0], &y[1]);
        widen(yt_row_real(point, "low"), &y[0], &y[1]);
        widen(yt_row_real(point, "high"), &y[0], &y[1]);
    }
    if (x[0] > x[1] || y[0] > y[1]) {
        say(to, "Not measured: there is no configuration whose accuracy is "
                "known. A search with --data measures it.");
        return;
    }
    const struct yt_scale across = yt_scale_of(x[0], x[1], 60, WIDTH - 20);
    const struct yt_scale up = yt_scale_of(y[0], y[1], FRONT_HEIGHT - 44.0, 30);
    yt_chart_begin(to, WIDTH, FRONT_HEIGHT,
                   "Frames per second against mAP of every configuration");
    yt_chart_across(to, &across, 30, FRONT_HEIGHT - 44, "frames per second");
    yt_chart_up(to, &up, 60, WIDTH - 20, "mAP");
    add_front_line(to, facts, &across, &up);
    add_points(to, facts, &across, &up, 0);
    add_points(to, facts, &across, &up, 1);
    yt_chart_end(to);
    add_front_words(to, facts);
}
