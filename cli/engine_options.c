/* From the command line's words to the tuner's. */

#include "cli/cli.h"

#include <string.h>

#include "tuner/engine.h"

void yt_cli_engine_options(const struct yt_cli_engine *cli,
                           struct yt_engine_options *options_out)
{
    memset(options_out, 0, sizeof *options_out);
    options_out->model = cli->model;
    options_out->isa = cli->isa;
    options_out->h = cli->imgsz.h;
    options_out->w = cli->imgsz.w;
    options_out->threads = cli->threads;
    options_out->db = cli->db;
}
