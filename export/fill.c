/* See fill.h. */

#include "export/fill.h"

#include <string.h>

void yt_export_fill(FILE *file, const char *text, const struct yt_fill *fills)
{
    while (*text) {
        const struct yt_fill *hit = NULL;
        size_t length = 0;
        if (*text == '@')
            for (const struct yt_fill *f = fills; !hit && f->key; f++) {
                length = strlen(f->key);
                if (strncmp(text + 1, f->key, length) == 0 &&
                    text[length + 1] == '@')
                    hit = f;
            }
        if (hit) {
            fputs(hit->value, file);
            text += length + 2;
        } else {
            fputc(*text++, file);
        }
    }
}
