/* From the command line's words to the tuner's, and what frames are timed. */

#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/default_model.h"
#include "db/db.h"
#include "eval/image.h"
#include "runtime/fail.h"
#include "tuner/build/engine.h"

#define NOISE_WIDTH  1280
#define NOISE_HEIGHT 720

void yt_cli_engine_options(const struct yt_cli_engine *cli,
                           struct yt_engine_options *options_out)
{
    memset(options_out, 0, sizeof *options_out);
    options_out->model = cli->model ? cli->model : yt_default_model();
    options_out->isa = cli->isa;
    options_out->h = cli->imgsz.h;
    options_out->w = cli->imgsz.w;
    options_out->threads = cli->threads;
    options_out->db = cli->db;
    options_out->dense_heads = cli->dense_heads;
}

enum yt_status yt_cli_engine_storage(struct yt_engine_options *options)
{
    struct yt_db *db = NULL;
    const enum yt_status status =
        yt_db_open(options->db, YT_DB_READ_WRITE, &db);
    yt_db_close(db);
    /* A place that was named is meant. */
    if (options->db || (status != YT_NOT_FOUND && status != YT_IO))
        return status;
    fprintf(stderr,
            "yolotune: results are kept in memory only, and are gone "
            "at the end: %s\n",
            yt_error());
    options->db = YT_DB_MEMORY;
    /* Held until the process ends: engines come and go. */
    static struct yt_db *holder;
    return holder ? YT_OK : yt_db_open(YT_DB_MEMORY, YT_DB_READ_WRITE, &holder);
}

void yt_cli_engine_notes(const struct yt_engine *engine)
{
    if (engine->plan_note[0])
        fprintf(stderr, "yolotune: the stored plan is not used: %s\n",
                engine->plan_note);
}

enum yt_status yt_cli_frame(const char *path, struct yt_picture *picture_out)
{
    if (path)
        return yt_picture_load(path, picture_out);
    YT_TRY(yt_picture_init(NOISE_WIDTH, NOISE_HEIGHT, picture_out));
    yt_picture_noise(picture_out, 1);
    return YT_OK;
}
