/* See cli/opened.h. */

#include "cli/opened.h"

#include <stdio.h>
#include <string.h>

#include "cli/default_model.h"
#include "cli/report.h"
#include "runtime/fail.h"

/* ----------------------------------------------------------- quantisation */

static void on_progress(void *user, const char *what, int32_t done,
                        int32_t total)
{
    yt_progress_show(user, done, total, "calibrating: %d of %d %s", done, total,
                     what);
}

/* The pictures that come along are there for the model that comes along. */
static int is_default(const struct yt_cli_engine *engine)
{
    const char *model = yt_default_model();
    return model && (!engine->model || strcmp(engine->model, model) == 0);
}

static enum yt_status find_quantisation(const struct yt_cli_wanted *wanted,
                                        const struct yt_cli_opened *opened,
                                        struct yt_engine_options *options,
                                        struct yt_precision_found *found)
{
    struct yt_precision_wish wish = *wanted->precision;
    struct yt_progress progress;
    if (!wish.default_calib && is_default(wanted->engine))
        wish.default_calib = yt_default_data();
    wish.progress = on_progress;
    wish.user = &progress;
    yt_progress_begin(&progress, 0);
    const enum yt_status status = yt_precision_find_quantisation(
        opened->site, opened->graph, options, &wish, found);
    yt_progress_end(&progress);
    if (status == YT_OK && found->images)
        fprintf(stderr,
                "yolotune: calibrated on %d picture%s of %s in %.1f s\n",
                found->images, found->images == 1 ? "" : "s", found->source,
                found->seconds);
    return status;
}

/* ---------------------------------------------------------------- opening */

static enum yt_status open_site(const struct yt_cli_wanted *wanted,
                                struct yt_cli_opened *opened)
{
    struct yt_site_options options;
    yt_cli_site_options(wanted->engine, &options);
    options.access = wanted->access == YT_SITE_READS &&
                             yt_precision_calibrates(wanted->precision)
                         ? YT_SITE_TRIES
                         : wanted->access;
    opened->site = wanted->site;
    if (opened->site)
        return YT_OK;
    YT_TRY(yt_site_open(&options, &opened->own_site));
    opened->site = opened->own_site;
    return YT_OK;
}

enum yt_status yt_cli_open(const struct yt_cli_wanted *wanted,
                           struct yt_cli_opened *opened_out)
{
    struct yt_engine_options options;
    struct yt_precision_found found;
    memset(opened_out, 0, sizeof *opened_out);
    yt_cli_engine_options(wanted->engine, &options);
    YT_TRY(yt_graph_read(yt_cli_model(wanted->engine), &opened_out->graph));
    yt_cli_graph_notes(opened_out->graph);
    YT_TRY(open_site(wanted, opened_out));
    YT_TRY(find_quantisation(wanted, opened_out, &options, &found));
    options.unbuilt = wanted->unbuilt;
    const enum yt_status status =
        yt_engine_set_open(opened_out->site, opened_out->graph, &options,
                           wanted->augment, &opened_out->set);
    yt_precision_deinit(&found);
    opened_out->engine = opened_out->set.engines[0];
    return status;
}

void yt_cli_close(struct yt_cli_opened *opened)
{
    yt_engine_set_close(&opened->set);
    yt_graph_destroy(opened->graph);
    yt_site_close(opened->own_site);
    memset(opened, 0, sizeof *opened);
}

const char *yt_cli_precision(const struct yt_engine *engine,
                             char word_out[YT_PRECISION_WORD_MAX])
{
    snprintf(word_out, YT_PRECISION_WORD_MAX, "%.*s",
             (int)strcspn(engine->precision, "-"), engine->precision);
    return word_out;
}

void yt_cli_graph_notes(const struct yt_graph *graph)
{
    if (graph->note[0])
        fprintf(stderr, "yolotune: %s is %s\n", graph->name, graph->note);
}

void yt_cli_engine_notes(const struct yt_engine *engine)
{
    if (engine->plan_note[0])
        fprintf(stderr, "yolotune: the stored plan is not used: %s\n",
                engine->plan_note);
}

void yt_cli_site_notes(const struct yt_site *site)
{
    if (site->in_memory[0])
        fprintf(stderr,
                "yolotune: results are kept in memory only, and are gone at "
                "the end: %s\n",
                site->in_memory);
}
