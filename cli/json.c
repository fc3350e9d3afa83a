/* JSON documents by jansson, without a check after each line. */

#include "cli/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "runtime/fail.h"

void yt_json_init(struct yt_json *doc)
{
    doc->root = json_object();
    doc->failed = doc->root == NULL;
}

/* jansson's *_new functions steal the value, also when they fail. */
static void add(struct yt_json *doc, json_t *to, const char *name,
                json_t *value)
{
    if (json_object_set_new(to ? to : doc->root, name, value) != 0)
        doc->failed = 1;
}

/* File names and class names are bytes; JSON wants UTF-8. What is not is
 * replaced byte by byte. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

void yt_json_text(struct yt_json *doc, json_t *to, const char *name,
                  const char *value)
{
    add(doc, to, name, text_value(value));
}

void yt_json_int(struct yt_json *doc, json_t *to, const char *name,
                 int64_t value)
{
    add(doc, to, name, json_integer(value));
}

void yt_json_bool(struct yt_json *doc, json_t *to, const char *name, int value)
{
    add(doc, to, name, json_boolean(value));
}

void yt_json_real(struct yt_json *doc, json_t *to, const char *name,
                  double value)
{
    add(doc, to, name, isfinite(value) ? json_real(value) : json_null());
}

json_t *yt_json_object(struct yt_json *doc, json_t *to, const char *name)
{
    json_t *object = json_object();
    add(doc, to, name, object);
    return doc->failed ? NULL : object;
}

json_t *yt_json_array(struct yt_json *doc, json_t *to, const char *name)
{
    json_t *array = json_array();
    add(doc, to, name, array);
    return doc->failed ? NULL : array;
}

json_t *yt_json_element(struct yt_json *doc, json_t *array)
{
    json_t *object = json_object();
    if (json_array_append_new(array, object) != 0)
        doc->failed = 1;
    return doc->failed ? NULL : object;
}

/* 9 digits bring a float back exactly and keep times readable. */
static enum yt_status dump(struct yt_json *doc, size_t flags)
{
    enum yt_status status = YT_OK;
    if (doc->failed)
        status = yt_fail(YT_NO_MEMORY, "no memory for the output");
    else if (json_dumpf(doc->root, stdout, flags | JSON_REAL_PRECISION(9)) !=
                 0 ||
             putchar('\n') == EOF)
        status = yt_fail(YT_IO, "cannot write to standard output");
    json_decref(doc->root);
    doc->root = NULL;
    return status;
}

int yt_json_print(struct yt_json *doc)
{
    const enum yt_status status = dump(doc, JSON_INDENT(2));
    return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
}

enum yt_status yt_json_print_line(struct yt_json *doc)
{
    YT_TRY(dump(doc, JSON_COMPACT));
    YT_FAIL_IF(fflush(stdout) != 0, YT_IO, "cannot write to standard output");
    return YT_OK;
}

/* ------------------------------------------------------------- in pieces */

/* The members of an object as JSON_INDENT(2) has them, without the braces:
 * "\n  "a": 1", or nothing. Frees the document. malloc'ed. */
static enum yt_status dump_members(struct yt_json *doc, char **text_out)
{
    char *text =
        doc->failed
            ? NULL
            : json_dumps(doc->root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(doc->root);
    doc->root = NULL;
    YT_FAIL_IF(!text, YT_NO_MEMORY, "no memory for the output");
    const size_t length = strlen(text);
    const size_t rest = length > 2 ? length - 3 : 0; /* "{" and "\n}" */
    memmove(text, text + 1, rest);
    text[rest] = '\0';
    *text_out = text;
    return YT_OK;
}

static enum yt_status told(int ok)
{
    YT_FAIL_IF(!ok, YT_IO, "cannot write to standard output");
    return YT_OK;
}

enum yt_status yt_json_list_begin(struct yt_json_list *list,
                                  struct yt_json *doc, const char *name)
{
    char *members = NULL;
    list->elements = 0;
    YT_TRY(dump_members(doc, &members));
    const int ok =
        printf("{%s%s\n  \"%s\": [", members, *members ? "," : "", name) > 0;
    free(members);
    return told(ok);
}

enum yt_status yt_json_list_add(struct yt_json_list *list,
                                struct yt_json *element)
{
    char *members = NULL;
    YT_TRY(dump_members(element, &members));
    int ok = printf("%s\n    {", list->elements++ ? "," : "") > 0;
    /* Strings hold no line ends: each begins a line of the document. */
    for (const char *c = members; ok && *c; c++)
        ok = putchar(*c) != EOF && (*c != '\n' || printf("    ") > 0);
    free(members);
    return told(ok && printf("\n    }") > 0);
}

enum yt_status yt_json_list_end(struct yt_json_list *list, struct yt_json *rest)
{
    char *members = NULL;
    YT_TRY(dump_members(rest, &members));
    const int ok = printf("%s]%s%s\n}\n", list->elements ? "\n  " : "",
                          *members ? "," : "", members) > 0;
    free(members);
    return told(ok && fflush(stdout) == 0);
}
