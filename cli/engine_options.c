/* From the command line's words to the tuner's, and what frames are timed. */

#include "cli/cli.h"

#include "cli/default_model.h"
#include "eval/image.h"
#include "runtime/fail.h"
#include "tuner/build/engine.h"

#define NOISE_WIDTH  1280
#define NOISE_HEIGHT 720

const char *yt_cli_model(const struct yt_cli_engine *cli)
{
    return cli->model ? cli->model : yt_default_model();
}

void yt_cli_site_options(const struct yt_cli_engine *cli,
                         struct yt_site_options *options_out)
{
    *options_out = (struct yt_site_options){.isa = cli->isa, .db = cli->db};
}

void yt_cli_engine_options(const struct yt_cli_engine *cli,
                           struct yt_engine_options *options_out)
{
    *options_out = (struct yt_engine_options){
        .h = cli->imgsz.h,
        .w = cli->imgsz.w,
        .threads = cli->threads,
        .dense_heads = cli->dense_heads,
        .bands = cli->bands,
    };
}

enum yt_status yt_cli_frame(const char *path, struct yt_picture *picture_out)
{
    if (path)
        return yt_picture_load(path, picture_out);
    YT_TRY(yt_picture_init(NOISE_WIDTH, NOISE_HEIGHT, picture_out));
    yt_picture_noise(picture_out, 1);
    return YT_OK;
}
