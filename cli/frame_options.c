/* See cli/frame_options.h. */

#include "cli/frame_options.h"

#include <string.h>

static const char *const fit_names[] = {"letterbox", "stretch"};
static const char *const filter_names[] = {"bilinear", "nearest"};

/* The index of a name, 0 without one; -1: it is neither. */
static int find_name(const char *const names[2], const char *name)
{
    if (!name || strcmp(name, names[0]) == 0)
        return 0;
    return strcmp(name, names[1]) == 0 ? 1 : -1;
}

int yt_cli_frame_check(const char *command, struct yt_cli_frame_options *frame)
{
    const int fit = find_name(fit_names, frame->fit_name);
    const int filter = find_name(filter_names, frame->filter_name);
    if (fit < 0)
        return yt_cli_usage(command, "--fit %s: not letterbox or stretch",
                            frame->fit_name);
    if (filter < 0)
        return yt_cli_usage(command, "--filter %s: not bilinear or nearest",
                            frame->filter_name);
    if (frame->flip && frame->augment)
        return yt_cli_usage(command,
                            "--flip and --augment: one of the two; --augment "
                            "has a mirrored pass");
    frame->fit = (enum yt_fit)fit;
    frame->filter = (enum yt_filter)filter;
    return -1;
}

const char *yt_cli_fit_name(enum yt_fit fit)
{
    return fit_names[fit];
}

const char *yt_cli_filter_name(enum yt_filter filter)
{
    return filter_names[filter];
}
