/* See model/precisions.h. */

#include "model/precisions.h"

#include <assert.h>
#include <string.h>

static const struct {
    enum yt_dtype dtype;
    const char *key, *word;
} rows[YT_PRECISION_COUNT] = {
#define YT_PRECISION(id, dtype, key, word)                                     \
    [YT_PRECISION_##id] = {dtype, key, word},
#include "model/precisions.inc"
#undef YT_PRECISION
};

static_assert(YT_PRECISION_COUNT == YT_DTYPE_COUNT + 1,
              "a row for each type of arithmetic, and one for mixtures");

const char *yt_precision_key(enum yt_precision precision)
{
    return rows[precision].key;
}

const char *yt_precision_word(enum yt_precision precision)
{
    return rows[precision].word;
}

int yt_precision_find(const char *name, enum yt_precision *precision_out)
{
    for (int i = 0; i < YT_PRECISION_COUNT; i++)
        if (strcmp(name, rows[i].key) == 0 || strcmp(name, rows[i].word) == 0) {
            *precision_out = (enum yt_precision)i;
            return 1;
        }
    return 0;
}

enum yt_precision yt_precision_of(enum yt_dtype dtype)
{
    int i = 0;
    while (i < YT_PRECISION_MIXED && rows[i].dtype != dtype)
        i++;
    return (enum yt_precision)i;
}

enum yt_dtype yt_precision_dtype(enum yt_precision precision)
{
    return rows[precision].dtype;
}
