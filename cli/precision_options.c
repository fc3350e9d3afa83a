/* See cli/precision_options.h. */

#include "cli/precision_options.h"

#include <stdio.h>
#include <string.h>

#include "cli/default_model.h"
#include "cli/report.h"
#include "runtime/fail.h"

int yt_cli_precision_check(const char *command,
                           const struct yt_precision_wish *wish)
{
    return yt_precision_check(wish) == YT_OK
               ? -1
               : yt_cli_usage(command, "%s", yt_error());
}

static void on_progress(void *user, const char *what, int32_t done,
                        int32_t total)
{
    yt_progress_show(user, done, total, "calibrating: %d of %d %s", done, total,
                     what);
}

enum yt_status yt_cli_engine_set(const struct yt_engine_options *options,
                                 const struct yt_precision_wish *wish,
                                 int32_t augment, struct yt_engine_set *set_out)
{
    struct yt_engine_options own = *options;
    struct yt_precision_wish full = *wish;
    struct yt_precision_found found;
    struct yt_progress progress;
    const char *model = yt_default_model();
    if (!full.default_calib && model && own.model &&
        strcmp(own.model, model) == 0)
        full.default_calib = yt_default_data();
    full.progress = on_progress;
    full.user = &progress;
    yt_progress_begin(&progress, 0);
    enum yt_status status = yt_precision_find_quantisation(&own, &full, &found);
    yt_progress_end(&progress);
    YT_TRY(status);
    if (found.images)
        fprintf(stderr,
                "yolotune: calibrated on %d picture%s of %s in %.1f s\n",
                found.images, found.images == 1 ? "" : "s", found.source,
                found.seconds);
    status = yt_engine_set_open(&own, augment, set_out);
    yt_precision_deinit(&found);
    return status;
}

enum yt_status yt_cli_engine_open(const struct yt_engine_options *options,
                                  const struct yt_precision_wish *wish,
                                  struct yt_engine **engine_out)
{
    struct yt_engine_set set;
    YT_TRY(yt_cli_engine_set(options, wish, 0, &set));
    *engine_out = set.engines[0]; /* the set's only one */
    return YT_OK;
}

const char *yt_cli_precision(const struct yt_engine *engine,
                             char word_out[YT_PRECISION_WORD_MAX])
{
    snprintf(word_out, YT_PRECISION_WORD_MAX, "%.*s",
             (int)strcspn(engine->precision, "-"), engine->precision);
    return word_out;
}
