#ifndef YT_FUZZ_IMAGE_ONE_H
#define YT_FUZZ_IMAGE_ONE_H

/* One input of the picture readers; those of one format begin as it does. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "eval/image.h"

static void image_one(const uint8_t *data, size_t size)
{
    struct yt_picture picture = {0};
    if (yt_picture_decode(data, size, &picture) != YT_OK) {
        if (picture.rgb || !yt_error()[0])
            abort();
        return;
    }
    if (picture.width < 1 || picture.width > YT_PICTURE_SIDE_MAX ||
        picture.height < 1 || picture.height > YT_PICTURE_SIDE_MAX)
        abort();
    yt_picture_deinit(&picture);
}

/* The same with other first bytes. */
static inline void image_one_of(const char *begin, size_t begin_size,
                                const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    if (!bytes)
        abort();
    memcpy(bytes, data, size);
    memcpy(bytes, begin, size < begin_size ? size : begin_size);
    image_one(bytes, size);
    free(bytes);
}

#endif
