/* Binary PPM and PGM (netpbm's ppm(5)): a picture without a library, for tests
 * and pipes. */

#include "eval/image_formats.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "runtime/fail.h"

struct cursor {
    const uint8_t *at, *end;
};

/* Blanks and comments, then a decimal number of at most nine digits; -1 when
 * there is none. */
static int32_t read_number(struct cursor *c)
{
    while (c->at < c->end && (isspace(*c->at) || *c->at == '#')) {
        if (*c->at == '#')
            while (c->at < c->end && *c->at != '\n')
                c->at++;
        else
            c->at++;
    }
    int32_t value = -1;
    for (int digits = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9';
         c->at++) {
        if (++digits > 9)
            return -1;
        value = (value < 0 ? 0 : value * 10) + (*c->at - '0');
    }
    return value;
}

enum yt_status yt_ppm_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out)
{
    const int channels = bytes[1] == '5' ? 1 : 3;
    struct cursor c = {bytes + 2, bytes + size};
    const int32_t width = read_number(&c);
    const int32_t height = read_number(&c);
    const int32_t most = read_number(&c);
    YT_FAIL_IF(width < 0 || height < 0 || most < 0 || c.at == c.end,
               YT_BAD_INPUT, "the header is damaged");
    YT_FAIL_IF(most != 255, YT_UNSUPPORTED,
               "samples of 0 to %d; only 0 to 255 are read", most);
    c.at++; /* the one blank before the samples */
    const size_t pixels = (size_t)width * (size_t)height;
    YT_FAIL_IF((size_t)(c.end - c.at) < pixels * (size_t)channels, YT_BAD_INPUT,
               "the file is truncated");
    YT_TRY(yt_picture_init(width, height, picture_out));
    if (channels == 3) {
        memcpy(picture_out->rgb, c.at, pixels * 3);
        return YT_OK;
    }
    for (size_t i = 0; i < pixels; i++)
        memset(picture_out->rgb + 3 * i, c.at[i], 3);
    return YT_OK;
}

enum yt_status yt_ppm_encode(const struct yt_picture *picture, FILE *file)
{
    const size_t pixels = (size_t)picture->width * (size_t)picture->height;
    fprintf(file, "P6\n%d %d\n255\n", picture->width, picture->height);
    YT_FAIL_IF(fwrite(picture->rgb, 3, pixels, file) != pixels, YT_IO, "%s",
               strerror(errno));
    return YT_OK;
}
