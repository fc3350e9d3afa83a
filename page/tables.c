#include "page/tables.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "page/html.h"
#include "page/rows.h"

/* A column of a table; numbers stand to the right and sort as numbers. */
struct column {
    const char *title, *name;
    int decimals;   /* -1: a text */
    double divisor; /* of the number; 0: 1 */
    int is_share;   /* 1: of 100, drawn as a bar, too */
};

#define NOT_MEASURED "<td class=\"n\" title=\"not measured\">&#8211;</td>"

static void add_cell(struct yt_text *to, const json_t *row,
                     const struct column *c)
{
    const double value =
        yt_row_real(row, c->name) / (c->divisor > 0 ? c->divisor : 1);
    if (c->decimals < 0 && *yt_row_text(row, c->name)) {
        yt_html_element(to, "td", "%s", yt_row_text(row, c->name));
    } else if (c->decimals < 0 || isnan(value)) {
        yt_text_add(to, NOT_MEASURED);
    } else {
        yt_text_add(to, "<td class=\"n\" data-v=\"%.9g\"", value);
        if (c->is_share) /* a bar behind the number */
            yt_text_add(to, " style=\"--share:%.2f%%\"",
                        fmin(fmax(value, 0), 100));
        yt_text_add(to, ">%.*f</td>", c->decimals, value);
    }
}

/* The box can be scrolled by keyboard where it is wider than the page. */
static void add_table(struct yt_text *to, const char *title, const json_t *rows,
                      const struct column *columns, size_t count)
{
    size_t i;
    json_t *row;
    yt_text_add(to,
                "<div class=\"wide\" role=\"region\" tabindex=\"0\" "
                "aria-label=\"%s\"><table class=\"%s\"><thead><tr>",
                title, count > 10 ? "lines" : "rows");
    for (size_t c = 0; c < count; c++)
        yt_text_add(to,
                    "<th scope=\"col\"%s><button type=\"button\">%s"
                    "</button></th>",
                    columns[c].decimals < 0 ? "" : " class=\"n\"",
                    columns[c].title);
    yt_text_add(to, "</tr></thead>\n<tbody>\n");
    json_array_foreach(rows, i, row)
    {
        yt_text_add(to, "<tr>");
        for (size_t c = 0; c < count; c++)
            add_cell(to, row, &columns[c]);
        yt_text_add(to, "</tr>\n");
    }
    yt_text_add(to, "</tbody></table></div>\n");
}

#define TABLE(to, title, rows, columns)                                        \
    add_table(to, title, rows, columns, sizeof(columns) / sizeof *(columns))

static void say(struct yt_text *to, const char *sentence)
{
    yt_text_add(to, "<p class=\"none\">%s</p>\n", sentence);
}

/* --------------------------------------------------------- recommendation */

static void add_figure(struct yt_text *to, const char *what, double value,
                       int decimals, const char *unit, const char *row)
{
    yt_text_add(to, "<div><dt>%s</dt><dd>", what);
    if (isnan(value))
        yt_text_add(to, "<b class=\"none\">not measured</b>");
    else
        yt_text_add(to, "<b>%.*f</b>%s", decimals, value, unit);
    yt_html_element(to, "small", " %s", row);
    yt_text_add(to, "</dd></div>\n");
}

void yt_table_figures(struct yt_text *to, const struct yt_facts *facts)
{
    const json_t *c = facts->choice, *b = facts->baseline;
    const char *id = yt_row_text(c, "id");
    const double memory = yt_row_real(c, "memory_bytes") / 1048576;
    struct yt_text both = {0};
    if (!c)
        return;
    yt_text_add(&both, "%s / %s", id, yt_row_text(b, "id"));
    yt_text_add(to, "<dl class=\"figures\">\n");
    add_figure(to, "pictures a second", yt_row_real(c, "fps"), 1, "", id);
    add_figure(to, "faster than the baseline",
               yt_row_real(c, "fps") / yt_row_real(b, "fps"), 2, "x",
               b ? yt_text_get(&both) : id);
    add_figure(to, "99 of 100 pictures take at most",
               yt_row_real(c, "total_p99_ns") / 1e6, 1, " ms", id);
    add_figure(to, "mAP 0.50:0.95", yt_row_real(c, "map"), 4, "", id);
    add_figure(to, "memory", memory > 0 ? memory : NAN, 1, " MiB", id);
    yt_text_add(to, "</dl>\n");
    to->failed |= both.failed;
    yt_text_free(&both);
}

/* Limits that were given; the constraints also hold what the question was. */
static void add_limits(struct yt_text *to, const json_t *constraints)
{
    static const struct {
        const char *name, *before, *behind;
        double divisor;
    } limits[] = {
        {"min_fps", "at least", "FPS", 1},
        {"max_latency_ns", "99 of 100 pictures in at most", "ms", 1e6},
        {"min_map", "mAP at least", "", 1},
        {"max_map_drop", "mAP at most", "below the baseline's", 1},
        {"max_memory_bytes", "memory at most", "MiB", 1048576},
        {"max_size_bytes", "weights and code at most", "MiB", 1048576},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const double value = yt_row_real(constraints, limits[i].name);
        if (value > 0)
            yt_html_element(to, "li", "asked for: %s %g %s", limits[i].before,
                            value / limits[i].divisor, limits[i].behind);
    }
}

static void add_command(struct yt_text *to, const char *command)
{
    if (!*command) {
        yt_text_add(to, "<p>yolotune bench has no option for some of its "
                        "settings.</p>\n");
        return;
    }
    yt_text_add(to, "<p>Measure its speed again:</p>\n<pre>");
    yt_html_text(to, "%s", command);
    yt_text_add(to, "</pre>\n");
}

void yt_table_reasons(struct yt_text *to, const struct yt_facts *facts)
{
    const json_t *r = facts->recommendation;
    json_t *reasons = json_loads(yt_row_text(r, "reasons"), 0, NULL);
    json_t *constraints = json_loads(yt_row_text(r, "constraints"), 0, NULL);
    size_t i;
    json_t *reason;
    if (r) {
        yt_text_add(to, "<ul>\n");
        yt_html_element(to, "li", "%s, for the scenario %s, of %s UTC",
                        yt_row_text(r, "id"), yt_row_text(r, "scenario"),
                        yt_row_text(r, "created"));
        add_limits(to, constraints);
        json_array_foreach(reasons, i, reason) if (json_is_string(reason))
            yt_html_element(to, "li", "%s", json_string_value(reason));
        yt_text_add(to, "</ul>\n");
        add_command(to, yt_row_text(facts->choice, "command"));
    }
    json_decref(reasons);
    json_decref(constraints);
}

void yt_table_steps(struct yt_text *to, const struct yt_facts *facts)
{
    static const struct column columns[] = {
        {"step", "step", 0, 0},
        {"strategy", "strategy", -1, 0},
        {"setting", "detail", -1, 0},
        {"FPS", "fps", 2, 0},
        {"p99 ms", "total_p99_ns", 2, 1e6},
        {"mAP", "map", 4, 0},
        {"memory MiB", "memory_bytes", 1, 1048576},
        {"row", "evaluation", -1, 0},
    };
    if (json_array_size(facts->steps))
        TABLE(to, "Steps to the recommendation", facts->steps, columns);
}

void yt_table_points(struct yt_text *to, const struct yt_facts *facts)
{
    static const struct column columns[] = {
        {"row", "id", -1, 0},
        {"configuration", "configuration", -1, 0},
        {"FPS", "fps", 2, 0},
        {"mAP", "map", 4, 0},
        {"from", "low", 4, 0},
        {"to", "high", 4, 0},
        {"pictures", "images", 0, 0},
        {"verdict", "verdict", -1, 0},
        {"measure its speed again", "command", -1, 0},
    };
    if (!json_array_size(facts->points))
        return;
    yt_text_add(to, "<details><summary>The configurations drawn, as a table"
                    "</summary>\n");
    TABLE(to, "Configurations", facts->points, columns);
    yt_text_add(to, "</details>\n");
}

void yt_table_rivals(struct yt_text *to, const struct yt_facts *facts)
{
    static const struct column columns[] = {
        {"configuration", "configuration", -1, 0},
        {"FPS", "fps", 2, 0},
        {"p99 ms", "total_p99_ns", 2, 1e6},
        {"mAP", "map", 4, 0},
        {"memory MiB", "memory_bytes", 1, 1048576},
        {"row", "evaluation", -1, 0},
        {"note", "note", -1, 0},
    };
    if (!json_array_size(facts->rivals))
        return;
    yt_text_add(to, "<h3>Others worth knowing</h3>\n");
    TABLE(to, "Others worth knowing", facts->rivals, columns);
}

/* ------------------------------------------------------------------ layers */

void yt_table_layers(struct yt_text *to, const struct yt_facts *facts)
{
    static const struct column columns[] = {
        {"#", "layer", 0, 0},
        {"layer", "name", -1, 0},
        {"ms", "ms", 4, 0},
        {"&#177; ms", "mad_ms", 4, 0},
        {"% of network", "share", 2, 0, 1},
        {"% of peak", "pct_of_peak", 1, 0, 1},
        {"GFLOP/s", "gflops", 1, 0},
        {"precision", "precision", -1, 0},
        {"algorithm", "algorithm", -1, 0},
        {"schedule", "schedule", -1, 0},
        {"problem", "problem", -1, 0},
    };
    const json_t *p = facts->plan;
    double sum = 0;
    size_t i;
    json_t *row;
    if (!p || !json_array_size(facts->layers)) {
        say(to, "Not measured: there is no plan.");
        return;
    }
    json_array_foreach(facts->layers, i, row)
    {
        const double ms = yt_row_real(row, "ms");
        sum += isnan(ms) ? 0 : ms;
    }
    yt_text_add(to, "<p>");
    yt_html_text(
        to,
        "Plan %s, %s: %s at %" PRId64 "x%" PRId64 " pixels, %s, %" PRId64
        " thread%s, %s, of %s UTC. ",
        yt_row_text(p, "id"), yt_row_text(p, "role"), yt_row_text(p, "model"),
        yt_row_int(p, "w"), yt_row_int(p, "h"), yt_row_text(p, "isa"),
        yt_row_int(p, "threads"), yt_row_int(p, "threads") == 1 ? "" : "s",
        yt_row_text(p, "precision"), yt_row_text(p, "created"));
    if (sum > 0)
        yt_html_text(to,
                     "Its layers take %.2f ms together, timed inside the "
                     "running network.",
                     sum);
    else
        yt_html_text(to, "The time of its layers was not measured: that is "
                         "done for tuned plans.");
    yt_text_add(to, "</p>\n");
    TABLE(to, "Layers of the plan", facts->layers, columns);
    yt_text_add(to,
                "<p class=\"key\">&#8211; not measured. The peak is that "
                "of this machine with the plan's instruction set, threads "
                "and the layer's precision. Repeat: <code>yolotune plan "
                "show %s</code></p>\n",
                yt_row_text(p, "id"));
}

/* ----------------------------------------------------------------- latency */

static void add_part(struct yt_text *to, const json_t *row, const char *part,
                     const char *words)
{
    static const char *const points[] = {"min", "median", "p95", "p99"};
    const char *kernels =
        strcmp(yt_row_text(row, "role"), "tuned") == 0 ? "tuned" : "default";
    char column[32];
    snprintf(column, sizeof column, "%s_median_ns", part);
    if (isnan(yt_row_real(row, column)))
        return;
    yt_text_add(to, "<tr>");
    yt_html_element(to, "td", "%s", yt_row_text(row, "id"));
    yt_html_element(to, "td", "%s",
                    *yt_row_text(row, "configuration")
                        ? yt_row_text(row, "configuration")
                        : "plan alone");
    yt_html_element(to, "td", "%s", kernels);
    yt_html_element(to, "td", "%s", words);
    for (size_t i = 0; i < 4; i++) {
        snprintf(column, sizeof column, "%s_%s_ns", part, points[i]);
        const double ms = yt_row_real(row, column) / 1e6;
        if (isnan(ms))
            yt_text_add(to, NOT_MEASURED);
        else
            yt_text_add(to, "<td class=\"n\" data-v=\"%.9g\">%.3f</td>", ms,
                        ms);
    }
    yt_text_add(
        to, "<td class=\"n\" data-v=\"%" PRId64 "\">%" PRId64 "</td></tr>\n",
        yt_row_int(row, "samples"), yt_row_int(row, "samples"));
}

void yt_table_latency(struct yt_text *to, const struct yt_facts *facts)
{
    static const char *const titles[] = {"row",    "configuration", "kernels",
                                         "part",   "min ms",        "median ms",
                                         "p95 ms", "p99 ms",        "frames"};
    size_t i;
    json_t *row;
    if (!json_array_size(facts->latency)) {
        say(to, "Not measured.");
        return;
    }
    yt_text_add(to, "<div class=\"wide\" role=\"region\" tabindex=\"0\" "
                    "aria-label=\"Latency\"><table><thead><tr>");
    for (i = 0; i < sizeof titles / sizeof titles[0]; i++)
        yt_text_add(to,
                    "<th scope=\"col\"%s><button type=\"button\">%s"
                    "</button></th>",
                    i < 4 ? "" : " class=\"n\"", titles[i]);
    yt_text_add(to, "</tr></thead>\n<tbody>\n");
    json_array_foreach(facts->latency, i, row)
    {
        add_part(to, row, "pre", "picture to tensor");
        add_part(to, row, "network", "network");
        add_part(to, row, "post", "boxes, NMS");
        add_part(to, row, "total", "whole frame");
    }
    yt_text_add(to, "</tbody></table></div>\n");
}
