/* The machine, and what else the database holds. */

#include <inttypes.h>
#include <math.h>

#include "page/html.h"
#include "page/rows.h"
#include "page/tables.h"

static void begin(struct yt_text *to, const char *what)
{
    yt_text_add(to, "<div><dt>%s</dt><dd>", what);
}

static void end(struct yt_text *to)
{
    yt_text_add(to, "</dd></div>\n");
}

static void add_text(struct yt_text *to, const char *what, const char *text)
{
    begin(to, what);
    yt_html_text(to, "%s", *text ? text : "not known");
    end(to);
}

static void add_facts(struct yt_text *to, const json_t *h)
{
    static const char *const caches[] = {"l1d_kib", "l2_kib", "l3_kib"};
    static const char *const names[] = {"L1 data", "L2", "L3"};
    yt_text_add(to, "<dl class=\"facts\">\n");
    begin(to, "CPU");
    yt_html_text(to, "%s (%s)", yt_row_text(h, "cpu"), yt_row_text(h, "id"));
    end(to);
    add_text(to, "architecture", yt_row_text(h, "arch"));
    begin(to, "cores");
    yt_html_text(
        to, "%" PRId64 " physical, %" PRId64 " logical, %" PRId64 " allowed",
        yt_row_int(h, "physical_cores"), yt_row_int(h, "logical_cores"),
        yt_row_int(h, "allowed_cpus"));
    if (!isnan(yt_row_real(h, "quota_cpus")))
        yt_html_text(to, ", quota %g", yt_row_real(h, "quota_cpus"));
    end(to);
    begin(to, "caches");
    for (int i = 0; i < 3; i++)
        if (yt_row_int(h, caches[i]))
            yt_html_text(to, "%s%s %" PRId64 " KiB", i ? ", " : "", names[i],
                         yt_row_int(h, caches[i]));
    end(to);
    add_text(to, "frequency governor", yt_row_text(h, "governor"));
    begin(to, "code");
    yt_html_text(to, "LLVM %s, generator %s", yt_row_text(h, "llvm"),
                 yt_row_text(h, "generator"));
    end(to);
    add_text(to, "last seen, UTC", yt_row_text(h, "last_seen"));
    add_text(to, "features", yt_row_text(h, "features"));
    yt_text_add(to, "</dl>\n");
}

static void begin_table(struct yt_text *to, const char *titles)
{
    yt_text_add(to,
                "<div class=\"wide\" role=\"region\" tabindex=\"0\" "
                "aria-label=\"Figures\"><table><thead>%s</thead>\n<tbody>\n",
                titles);
}

static void end_table(struct yt_text *to)
{
    yt_text_add(to, "</tbody></table></div>\n");
}

static void add_peaks(struct yt_text *to, const struct yt_facts *f)
{
    size_t i;
    json_t *row;
    if (!json_array_size(f->peaks)) {
        yt_text_add(to, "<p class=\"none\">Peaks: not measured.</p>\n");
        return;
    }
    begin_table(to, "<tr><th>instructions<th>precision<th class=\"n\">threads"
                    "<th class=\"n\">GFLOP/s<th class=\"n\">GB/s<th>row</tr>");
    json_array_foreach(f->peaks, i, row)
    {
        yt_text_add(to, "<tr>");
        yt_html_element(to, "td", "%s", yt_row_text(row, "isa"));
        yt_html_element(to, "td", "%s", yt_row_text(row, "precision"));
        yt_text_add(to,
                    "<td class=\"n\">%" PRId64 "</td><td class=\"n\">%.1f"
                    "</td>",
                    yt_row_int(row, "threads"), yt_row_real(row, "gflops"));
        if (isnan(yt_row_real(row, "bandwidth_gbs")))
            yt_text_add(to,
                        "<td class=\"n\" title=\"not measured\">&#8211;</td>");
        else
            yt_text_add(to, "<td class=\"n\">%.1f</td>",
                        yt_row_real(row, "bandwidth_gbs"));
        yt_html_element(to, "td", "%s", yt_row_text(f->host, "id"));
        yt_text_add(to, "</tr>\n");
    }
    end_table(to);
}

static void add_models(struct yt_text *to, const json_t *models)
{
    size_t i;
    json_t *row;
    if (!json_array_size(models))
        return;
    yt_text_add(to, "<h3>Networks</h3>\n");
    begin_table(to, "<tr><th>row<th>name<th>format<th class=\"n\">parameters"
                    "<th class=\"n\">GFLOPs<th class=\"n\">pixels"
                    "<th class=\"n\">classes</tr>");
    json_array_foreach(models, i, row)
    {
        yt_text_add(to, "<tr>");
        yt_html_element(to, "td", "%s", yt_row_text(row, "id"));
        yt_html_element(to, "td", "%s", yt_row_text(row, "name"));
        yt_html_element(to, "td", "%s", yt_row_text(row, "format"));
        yt_text_add(to,
                    "<td class=\"n\">%" PRId64 "</td><td class=\"n\">%.2f"
                    "</td><td class=\"n\">%" PRId64 "</td><td class=\"n\">"
                    "%" PRId64 "</td></tr>\n",
                    yt_row_int(row, "params"), yt_row_real(row, "flops") / 1e9,
                    yt_row_int(row, "imgsz"), yt_row_int(row, "classes"));
    }
    end_table(to);
}

void yt_table_host(struct yt_text *to, const struct yt_facts *facts)
{
    add_facts(to, facts->host);
    yt_text_add(to, "<h3>The most it can do, measured</h3>\n");
    add_peaks(to, facts);
    add_models(to, facts->models);
}

void yt_table_others(struct yt_text *to, const struct yt_facts *facts)
{
    size_t i;
    json_t *row;
    if (!json_array_size(facts->others))
        return;
    yt_text_add(to,
                "<section id=\"others\"><h2>Other recommendations</h2>\n"
                "<p>The newest %d at most.</p>\n",
                YT_PAGE_OTHERS);
    begin_table(to, "<tr><th>row<th>scenario<th>configuration"
                    "<th class=\"n\">FPS<th class=\"n\">mAP<th>of, UTC</tr>");
    json_array_foreach(facts->others, i, row)
    {
        yt_text_add(to, "<tr>");
        yt_html_element(to, "td", "%s", yt_row_text(row, "id"));
        yt_html_element(to, "td", "%s", yt_row_text(row, "scenario"));
        yt_html_element(to, "td", "%s", yt_row_text(row, "configuration"));
        yt_text_add(to, "<td class=\"n\">%.2f</td>", yt_row_real(row, "fps"));
        if (isnan(yt_row_real(row, "map")))
            yt_text_add(to,
                        "<td class=\"n\" title=\"not measured\">&#8211;</td>");
        else
            yt_text_add(to, "<td class=\"n\">%.4f</td>",
                        yt_row_real(row, "map"));
        yt_html_element(to, "td", "%s", yt_row_text(row, "created"));
        yt_text_add(to, "</tr>\n");
    }
    end_table(to);
    yt_text_add(to, "</section>\n");
}
