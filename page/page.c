#include "page/page.h"

#include "page/facts.h"
#include "page/html.h"
#include "page/pictures.h"
#include "page/rows.h"
#include "page/summary.h"
#include "page/tables.h"
#include "runtime/fail.h"

/* page/page.css and page/page.js, see cmake/embed.cmake. */
extern const char yt_page_css[], yt_page_js[];

static void add_head(struct yt_text *to, const struct yt_facts *f)
{
    yt_text_add(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                    "<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, "
                    "initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" "
                    "content=\"default-src 'none'; style-src 'unsafe-inline'; "
                    "script-src 'unsafe-inline'\">\n<title>");
    yt_html_text(to, "yolotune: %s",
                 f->choice ? yt_row_text(f->choice, "model")
                 : f->plan ? yt_row_text(f->plan, "model")
                           : "nothing measured");
    yt_text_add(to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
                yt_page_css);
}

static void begin_section(struct yt_text *to, const char *id, const char *title)
{
    yt_text_add(to, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

static void end_section(struct yt_text *to)
{
    yt_text_add(to, "</section>\n");
}

static void add_recommendation(struct yt_text *to, const struct yt_facts *f)
{
    struct yt_text summary = {0};
    yt_summary_add(&summary, f);
    yt_text_add(to, "<header>\n<h1>");
    yt_html_text(to, "%s",
                 f->choice ? yt_row_text(f->choice, "model")
                 : f->plan ? yt_row_text(f->plan, "model")
                           : "yolotune");
    yt_text_add(to, "</h1>\n<p class=\"summary\">");
    yt_html_text(to, "%s", yt_text_get(&summary));
    yt_text_add(to, "</p>\n");
    yt_table_figures(to, f);
    yt_table_reasons(to, f);
    yt_text_add(to, "</header>\n");
    to->failed |= summary.failed;
    yt_text_free(&summary);
}

static void add_measured(struct yt_text *to, const struct yt_facts *f)
{
    if (f->recommendation) {
        begin_section(to, "way", "From the baseline to the recommendation");
        yt_picture_way(to, f);
        yt_table_steps(to, f);
        end_section(to);
        begin_section(to, "front", "Speed against accuracy");
        yt_picture_front(to, f);
        yt_table_points(to, f);
        yt_table_rivals(to, f);
        end_section(to);
    }
    begin_section(to, "layers", "Layers");
    yt_table_layers(to, f);
    end_section(to);
    begin_section(to, "search", "The search");
    yt_picture_trials(to, f);
    end_section(to);
    begin_section(to, "latency", "Latency");
    yt_picture_latency(to, f);
    yt_table_latency(to, f);
    end_section(to);
    begin_section(to, "host", "The machine");
    yt_table_host(to, f);
    end_section(to);
    yt_table_others(to, f);
}

static void add_end(struct yt_text *to, const struct yt_facts *f)
{
    yt_text_add(to, "<footer><p>Made by yolotune report. Every figure is a row "
                    "of the results database: <code>yolotune db show "
                    "ID</code> prints it. <button type=\"button\" id=\"save\" "
                    "hidden>Save the figures as JSON</button></p></footer>\n"
                    "</main>\n");
    yt_html_json(to, "facts", f->root);
    yt_text_add(to, "<script>\n%s</script>\n</body>\n</html>\n", yt_page_js);
}

enum yt_status yt_page_make(struct yt_db *db,
                            const struct yt_page_options *options,
                            struct yt_text *text_out)
{
    struct yt_facts facts;
    enum yt_status status =
        yt_facts_read(db, options->db, options->recommendation, &facts);
    if (status == YT_OK) {
        add_head(text_out, &facts);
        add_recommendation(text_out, &facts);
        if (facts.host)
            add_measured(text_out, &facts);
        add_end(text_out, &facts);
        if (text_out->failed)
            status = yt_fail(YT_NO_MEMORY, "a report: out of memory");
    }
    yt_facts_deinit(&facts);
    return status;
}

enum yt_status yt_page_summary(struct yt_db *db,
                               const struct yt_page_options *options,
                               struct yt_text *text_out, int64_t *id_out)
{
    struct yt_facts facts;
    enum yt_status status =
        yt_facts_read(db, options->db, options->recommendation, &facts);
    if (status == YT_OK) {
        yt_summary_add(text_out, &facts);
        *id_out = yt_facts_number(yt_row_text(facts.recommendation, "id"));
        if (text_out->failed)
            status = yt_fail(YT_NO_MEMORY, "a report: out of memory");
    }
    yt_facts_deinit(&facts);
    return status;
}
