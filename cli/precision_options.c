/* See cli/precision_options.h. */

#include "cli/precision_options.h"

#include "runtime/fail.h"

int yt_cli_precision_check(const char *command,
                           const struct yt_precision_wish *wish)
{
    return yt_precision_check(wish) == YT_OK
               ? -1
               : yt_cli_usage(command, "%s", yt_error());
}
