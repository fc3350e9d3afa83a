/* Questions to a pickle's values. Absent answers to absent: a walk along a
 * path needs one check, at its end. */

#include "model/pt_value.h"

#include <stdio.h>
#include <string.h>

#define LOOKUP_MAX 1024 /* entries; see yt_pickle_get() */

bool yt_pickle_is_text(const struct yt_pickle_value *value, const char *text)
{
    return value && value->kind == YT_PICKLE_STRING &&
           value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}

const struct yt_pickle_value *yt_pickle_get(const struct yt_pickle_value *dict,
                                            const char *key)
{
    if (!dict ||
        (dict->kind != YT_PICKLE_DICT && dict->kind != YT_PICKLE_OBJECT))
        return NULL;
    if (dict->count / 2 > LOOKUP_MAX)
        return NULL;
    /* From the end: where a key repeats, the last assignment counts. */
    for (size_t i = dict->count / 2; i-- > 0;)
        if (yt_pickle_is_text(dict->items[2 * i], key))
            return dict->items[2 * i + 1];
    return NULL;
}

bool yt_pickle_is_global(const struct yt_pickle_value *value, const char *name)
{
    const size_t length = strlen(name);
    if (!value || value->kind != YT_PICKLE_GLOBAL || value->length < length)
        return false;
    const size_t before = value->length - length;
    return memcmp(value->text + before, name, length) == 0 &&
           (before == 0 || value->text[before - 1] == '.');
}

bool yt_pickle_int(const struct yt_pickle_value *value, int64_t *value_out)
{
    if (!value ||
        (value->kind != YT_PICKLE_INT && value->kind != YT_PICKLE_BOOL))
        return false;
    *value_out = value->integer;
    return true;
}

bool yt_pickle_real(const struct yt_pickle_value *value, double *value_out)
{
    if (value && value->kind == YT_PICKLE_FLOAT) {
        *value_out = value->real;
        return true;
    }
    if (value && value->kind == YT_PICKLE_INT) {
        *value_out = (double)value->integer;
        return true;
    }
    return false;
}

const struct yt_pickle_value *
yt_pickle_class(const struct yt_pickle_value *object)
{
    if (!object || object->kind != YT_PICKLE_OBJECT || !object->callee ||
        object->callee->kind != YT_PICKLE_GLOBAL)
        return NULL;
    return object->callee;
}

const struct yt_pickle_value *
yt_pickle_attr(const struct yt_pickle_value *object, const char *name)
{
    if (!object || object->kind != YT_PICKLE_OBJECT)
        return NULL;
    return yt_pickle_get(object->state, name);
}

const char *yt_pickle_describe(const struct yt_pickle_value *value,
                               char text[96])
{
    static const char *const kinds[] = {
        [YT_PICKLE_NONE] = "None",     [YT_PICKLE_BOOL] = "a bool",
        [YT_PICKLE_INT] = "an int",    [YT_PICKLE_FLOAT] = "a float",
        [YT_PICKLE_STRING] = "text",   [YT_PICKLE_TUPLE] = "a tuple",
        [YT_PICKLE_LIST] = "a list",   [YT_PICKLE_SET] = "a set",
        [YT_PICKLE_DICT] = "a dict",   [YT_PICKLE_GLOBAL] = "a global",
        [YT_PICKLE_OBJECT] = "object", [YT_PICKLE_PERSID] = "a storage",
        [YT_PICKLE_OPAQUE] = "an int",
    };
    const struct yt_pickle_value *name = value;
    if (value && value->kind == YT_PICKLE_OBJECT)
        name = yt_pickle_class(value);
    if (!name || name->kind != YT_PICKLE_GLOBAL) {
        snprintf(text, 96, "%s", value ? kinds[value->kind] : "nothing");
        return text;
    }
    /* Of a long path the end tells more. */
    const size_t length = name->length < 95 ? name->length : 95;
    memcpy(text, name->text + name->length - length, length);
    text[length] = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            text[i] = '?';
    return text;
}
