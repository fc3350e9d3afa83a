/* See eval/labels.h. */

#include "eval/labels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/fail.h"

static void write_line(FILE *out, const struct yt_box *box, double width,
                       double height, int scores)
{
    const double x0 = (double)box->x0, x1 = (double)box->x1;
    const double y0 = (double)box->y0, y1 = (double)box->y1;
    fprintf(out, "%d %g %g %g %g", box->class_id, (x0 + x1) / 2 / width,
            (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height);
    if (scores)
        fprintf(out, " %g", (double)box->score);
    fputc('\n', out);
}

enum yt_status yt_labels_save(const char *path, const struct yt_box *boxes,
                              size_t count, int32_t width, int32_t height,
                              int scores)
{
    if (count == 0) {
        YT_FAIL_IF(unlink(path) != 0 && errno != ENOENT, YT_IO, "%s: %s", path,
                   strerror(errno));
        return YT_OK;
    }
    FILE *out = fopen(path, "we");
    YT_FAIL_IF(!out, YT_IO, "%s: cannot write: %s", path, strerror(errno));
    for (size_t i = count; i-- > 0;)
        write_line(out, &boxes[i], width, height, scores);
    const int failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return YT_OK;
    unlink(path);
    return yt_fail(YT_IO, "%s: cannot write all of it", path);
}
