/* A reader of the few Python (and JSON) literals that exporters leave as
 * metadata. Anything else is an error, never evaluated. */

#include "model/onnx_meta.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

#define NAMES_MAX 8192

const char *yt_onnx_meta(const YtOnnx__ModelProto *model, const char *key)
{
    for (size_t i = 0; i < model->n_metadata_props; ++i) {
        const YtOnnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 63));
    to[2] = (char)(0x80 | (code & 63));
    return 3;
}

/* The escape after a backslash; *length_out bytes of text, never longer than
 * the escape itself. NULL where it's none of \n \t \r \xNN \uNNNN or a
 * punctuation mark. */
static const char *read_escape(const char *at, char *to, size_t *length_out)
{
    static const char letters[] = "ntr", meanings[] = "\n\t\r";
    const char *letter = *at ? strchr(letters, *at) : NULL;
    if (letter) {
        to[0] = meanings[letter - letters];
        *length_out = 1;
        return at + 1;
    }
    if (*at == 'x' || *at == 'u') {
        const int digits = *at == 'x' ? 2 : 4;
        uint32_t code = 0;
        for (int i = 1; i <= digits; ++i) {
            const int digit = hex_digit(at[i]);
            if (digit < 0)
                return NULL;
            code = code << 4 | (uint32_t)digit;
        }
        *length_out = put_utf8(to, code ? code : '?');
        return at + 1 + digits;
    }
    if (*at != '\\' && *at != '\'' && *at != '"' && *at != '/')
        return NULL;
    to[0] = *at;
    *length_out = 1;
    return at + 1;
}

/* A quoted string; *name_out is the caller's. NULL where there is none. */
static const char *read_string(const char *at, char **name_out)
{
    const char quote = *at;
    if (quote != '\'' && quote != '"')
        return NULL;
    char *name = malloc(strlen(at) + 1);
    size_t used = 0;
    for (++at; name && *at && *at != quote;) {
        size_t length = 1;
        if (*at != '\\') {
            name[used++] = *at++;
            continue;
        }
        at = read_escape(at + 1, name + used, &length);
        if (!at)
            break;
        used += length;
    }
    if (!name || !at || !*at) {
        free(name);
        return NULL;
    }
    name[used] = 0;
    char *shrunk = realloc(name, used + 1);
    *name_out = shrunk ? shrunk : name;
    return at + 1;
}

/* A dict's key: 12, '12' or "12", then a colon. */
static const char *read_key(const char *at, long *key_out)
{
    const char quote = *at == '\'' || *at == '"' ? *at++ : 0;
    char *end = NULL;
    if (*at < '0' || *at > '9')
        return NULL;
    *key_out = strtol(at, &end, 10);
    if (quote && *end++ != quote)
        return NULL;
    at = skip_space(end);
    return *at == ':' ? skip_space(at + 1) : NULL;
}

void yt_onnx_names_free(char **names, int32_t count)
{
    for (int32_t i = 0; names && i < count; ++i)
        free(names[i]);
    free(names);
}

enum yt_status yt_onnx_names_parse(const char *text, char ***names_out,
                                   int32_t *count_out)
{
    const char *at = skip_space(text);
    const int is_dict = *at == '{';
    const char close = is_dict ? '}' : *at == '[' ? ']' : ')';
    int32_t count = 0;
    YT_FAIL_IF(*at != '{' && *at != '[' && *at != '(', YT_BAD_INPUT,
               "metadata 'names' is neither a list nor a dict");
    char **names = calloc(NAMES_MAX, sizeof *names);
    YT_FAIL_IF(!names, YT_NO_MEMORY, "no memory for class names");

    at = skip_space(at + 1);
    while (at && *at && *at != close) {
        long key = count;
        if (is_dict)
            at = read_key(at, &key);
        if (!at || key < 0 || key >= NAMES_MAX || names[key])
            break;
        at = read_string(at, &names[key]);
        if (!at)
            break;
        ++count;
        at = skip_space(at);
        if (*at == ',')
            at = skip_space(at + 1);
        else if (*at != close)
            break;
    }
    int complete = at && *at == close;
    for (int32_t i = 0; i < count; ++i)
        complete = complete && names[i];
    if (!complete || count == 0) {
        yt_onnx_names_free(names, NAMES_MAX);
        return yt_fail(YT_BAD_INPUT,
                       "metadata 'names' isn't a list of names, or a dict of "
                       "names for 0, 1, 2, ...: it breaks off after %d",
                       (int)count);
    }
    *names_out = names;
    *count_out = count;
    return YT_OK;
}

/* [-]digits[.digits], without strtod(), whose decimal point is the locale's. */
static const char *read_number(const char *at, double *number_out)
{
    const int negative = *at == '-';
    double number = 0, unit = 1;
    int digits = 0;
    at += negative;
    for (; *at >= '0' && *at <= '9'; ++at, ++digits)
        number = number * 10 + (*at - '0');
    if (*at == '.')
        for (++at; *at >= '0' && *at <= '9'; ++at, ++digits) {
            unit /= 10;
            number += (*at - '0') * unit;
        }
    if (digits == 0 || digits > 30)
        return NULL;
    *number_out = negative ? -number : number;
    return at;
}

enum yt_status yt_onnx_numbers_parse(const char *text, double *numbers,
                                     int32_t cap, int32_t *count_out)
{
    int32_t count = 0;
    for (const char *at = text; *at;) {
        if (strchr("[](), \t\r\n", *at)) {
            ++at;
            continue;
        }
        double number = 0;
        at = read_number(at, &number);
        YT_FAIL_IF(!at || count == cap, YT_BAD_INPUT,
                   "metadata isn't a list of at most %d numbers", (int)cap);
        numbers[count++] = number;
    }
    *count_out = count;
    return YT_OK;
}
