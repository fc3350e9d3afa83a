/* Problems as text and back. A row's form says both how its parameters are
 * printed and how they are read:
 *
 *      {name}           the parameter's number
 *      [name:-a|-b]     nothing where it is 0, "-a" where it is 1, "-b" at 2
 *      [name:-a{}]      nothing where it is 0, else "-a" and its number
 *      {out}            the output's type, where nothing is read back
 *
 * and everything else stands for itself. */

#include "runtime/problem.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const struct yt_op_param *find_param(const struct yt_op_row *row,
                                            const char *name, size_t length)
{
    for (int32_t i = 0; i < row->param_count; i++)
        if (strlen(row->params[i].name) == length &&
            memcmp(row->params[i].name, name, length) == 0)
            return &row->params[i];
    assert(!"the row has this parameter");
    return row->params;
}

/* "[add:-res|-up2]", taken apart. */
struct choice {
    const struct yt_op_param *param;
    const char *text; /* of one value: what stands before "{}", or all of it */
    size_t length;
    int numbered;     /* 1: "{}" follows, the value is any */
    const char *next; /* behind it: '|' or ']' */
};

static struct choice take_text(struct choice c, const char *text)
{
    const size_t length = strcspn(text, "|]");
    c.text = text;
    c.numbered = length >= 2 && memcmp(text + length - 2, "{}", 2) == 0;
    c.length = c.numbered ? length - 2 : length;
    c.next = text + length;
    return c;
}

static struct choice open_choice(const struct yt_op_row *row, const char *form)
{
    const size_t length = strcspn(form + 1, ":");
    const struct choice c = {.param = find_param(row, form + 1, length)};
    return take_text(c, form + 1 + length + 1);
}

/* ----------------------------------------------------------------- printing */

/* The caller's array, always ending in a zero; what has no room is dropped. */
struct writer {
    char *at;
    size_t room; /* without the zero */
};

static void put(struct writer *w, const char *text, size_t length)
{
    length = length < w->room ? length : w->room;
    memcpy(w->at, text, length);
    w->at += length;
    w->room -= length;
    *w->at = 0;
}

static void put_number(struct writer *w, int32_t number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", number);
    put(w, digits, strlen(digits));
}

static const char *print_number(struct writer *w, const struct yt_problem *p,
                                const char *form)
{
    const char *name = form + 1;
    const size_t length = strcspn(name, "}");
    if (length == 3 && memcmp(name, "out", 3) == 0)
        put(w, yt_dtype_name(p->out), strlen(yt_dtype_name(p->out)));
    else
        put_number(w,
                   yt_op_param(p, find_param(yt_op_row(p->op), name, length)));
    return name + length + 1;
}

static const char *print_choice(struct writer *w, const struct yt_problem *p,
                                const char *form)
{
    struct choice c = open_choice(yt_op_row(p->op), form);
    const int32_t value = yt_op_param(p, c.param);
    for (int32_t i = 1; value > 0; i++) {
        if (c.numbered || i == value) {
            put(w, c.text, c.length);
            if (c.numbered)
                put_number(w, value);
            break;
        }
        if (*c.next == ']')
            break;
        c = take_text(c, c.next + 1);
    }
    return strchr(form, ']') + 1;
}

static void print_form(struct writer *w, const struct yt_problem *p,
                       const char *form)
{
    while (*form) {
        if (*form == '{')
            form = print_number(w, p, form);
        else if (*form == '[')
            form = print_choice(w, p, form);
        else
            put(w, form++, 1);
    }
}

void yt_op_kind(const struct yt_problem *p, char *text_out, size_t size)
{
    struct writer w = {text_out, size - 1};
    *text_out = 0;
    print_form(&w, p, yt_op_row(p->op)->kind);
}

void yt_problem_name(const struct yt_problem *p, char name[YT_PROBLEM_NAME_MAX])
{
    struct writer w = {name, YT_PROBLEM_NAME_MAX - 1};
    const char *const words[] = {yt_op_name(p->op),
                                 "-",
                                 yt_dtype_name(p->dtype),
                                 p->out == p->dtype ? "" : "_",
                                 p->out == p->dtype ? ""
                                                    : yt_dtype_name(p->out),
                                 "-"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        put(&w, words[i], strlen(words[i]));
    print_form(&w, p, yt_op_row(p->op)->form);
}

/* ------------------------------------------------------------------ reading */

/* The value is left as it was where no number stands there. */
static int take_number(const char **text, struct yt_problem *p,
                       const struct yt_op_param *param)
{
    char *end;
    const long number = strtol(*text, &end, 10);
    const int32_t value = (int32_t)number;
    if (end == *text || number < INT32_MIN || number > INT32_MAX)
        return 0;
    memcpy((char *)p + param->offset, &value, sizeof value);
    *text = end;
    return 1;
}

static int read_number(const char **form, const char **text,
                       struct yt_problem *p)
{
    const char *name = *form + 1;
    const size_t length = strcspn(name, "}");
    *form = name + length + 1;
    return take_number(text, p, find_param(yt_op_row(p->op), name, length));
}

static int read_choice(const char **form, const char **text,
                       struct yt_problem *p)
{
    struct choice c = open_choice(yt_op_row(p->op), *form);
    *form = strchr(*form, ']') + 1;
    for (int32_t value = 1;; value++) {
        const int opens = strncmp(*text, c.text, c.length) == 0;
        /* "-relu" opens "-relu6", but is not all of the word. */
        if (opens && (c.numbered || strchr("-", (*text)[c.length]))) {
            *text += c.length;
            if (c.numbered)
                return take_number(text, p, c.param);
            memcpy((char *)p + c.param->offset, &value, sizeof value);
            return 1;
        }
        if (*c.next == ']')
            return 1; /* it is 0 */
        c = take_text(c, c.next + 1);
    }
}

/* @param p op and types are there, parameters are 0. */
static int read_form(const char *form, const char *text, struct yt_problem *p)
{
    int fits = 1;
    while (fits && *form) {
        if (*form == '{')
            fits = read_number(&form, &text, p);
        else if (*form == '[')
            fits = read_choice(&form, &text, p);
        else
            fits = *form++ == *text++;
    }
    return fits && *text == 0;
}

/* Which row of a name table opens *text; steps over it and a '-' or '_'. */
static int take_name(const char **text, const char *(*name_of)(int), int count)
{
    const size_t length = strcspn(*text, "-_");
    for (int i = 0; i < count; i++) {
        const char *name = name_of(i);
        if (strlen(name) == length && strncmp(*text, name, length) == 0) {
            *text += length + ((*text)[length] != 0);
            return i;
        }
    }
    return -1;
}

static const char *op_name_of(int i)
{
    return yt_op_name((enum yt_op)i);
}

static const char *dtype_name_of(int i)
{
    return yt_dtype_name((enum yt_dtype)i);
}

/* @return whether the text opens with an operator and its types. */
static int take_head(const char *name, const char **text, struct yt_problem *p)
{
    *text = name;
    const int op = take_name(text, op_name_of, YT_OP_COUNT);
    const int dtype =
        op < 0 ? -1 : take_name(text, dtype_name_of, YT_DTYPE_COUNT);
    int out = dtype;
    if (dtype >= 0 && (*text)[-1] == '_')
        out = take_name(text, dtype_name_of, YT_DTYPE_COUNT);
    if (out < 0)
        return 0;
    p->op = (enum yt_op)op;
    p->dtype = (enum yt_dtype)dtype;
    p->out = (enum yt_dtype)out;
    return 1;
}

enum yt_status yt_problem_parse(const char *name, struct yt_problem *p_out)
{
    struct yt_problem p;
    const char *text;
    memset(&p, 0, sizeof p);
    YT_FAIL_IF(!take_head(name, &text, &p) ||
                   !read_form(yt_op_row(p.op)->form, text, &p),
               YT_BAD_ARGUMENT, "'%s' is not a problem's name", name);

    /* The name is the identity: whatever was read must print the same. */
    char again[YT_PROBLEM_NAME_MAX];
    YT_TRY(yt_problem_check(&p));
    yt_problem_name(&p, again);
    YT_FAIL_IF(strcmp(again, name) != 0, YT_BAD_ARGUMENT,
               "'%s' is not a problem's canonical name", name);
    *p_out = p;
    return YT_OK;
}
