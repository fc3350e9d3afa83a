#ifndef YT_PT_VALUE_H
#define YT_PT_VALUE_H

/* What a pickle holds: see model/pt_pickle.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yt_pickle_kind {
    YT_PICKLE_NONE,
    YT_PICKLE_BOOL,   /* integer */
    YT_PICKLE_INT,    /* integer */
    YT_PICKLE_FLOAT,  /* real */
    YT_PICKLE_STRING, /* text, length; bytes or UTF-8 */
    YT_PICKLE_TUPLE,  /* items */
    YT_PICKLE_LIST,   /* items */
    YT_PICKLE_SET,    /* items */
    YT_PICKLE_DICT,   /* items: key, value, key, value, ... */
    YT_PICKLE_GLOBAL, /* text, length: "package.module.name" */
    YT_PICKLE_OBJECT, /* callee, args, state; items as in DICT */
    YT_PICKLE_PERSID, /* args: the persistent id; state: that read before it */
    YT_PICKLE_OPAQUE  /* well-formed, but nothing a model needs */
};

struct yt_pickle_value {
    enum yt_pickle_kind kind;
    int64_t integer;
    double real;
    const char *text; /* not terminated; may point into the pickle */
    size_t length;
    const struct yt_pickle_value *callee; /* what was called, mostly a GLOBAL */
    const struct yt_pickle_value *args;
    const struct yt_pickle_value *state; /* NULL without a BUILD */
    struct yt_pickle_value **items;
    size_t count, cap;
};

/* Questions to values. All take NULL for "absent". */

/** The value of a string key in a DICT or in an OBJECT's items (OrderedDict);
 *  NULL when absent. A dict of more than 1024 entries has none: no module's is
 *  that long, and a hostile one would be searched again and again. */
const struct yt_pickle_value *yt_pickle_get(const struct yt_pickle_value *dict,
                                            const char *key);

/** Whether a string equals @p text. */
bool yt_pickle_is_text(const struct yt_pickle_value *value, const char *text);

/** Whether a GLOBAL is @p name ("models.common.Conv") or ends in "." name. */
bool yt_pickle_is_global(const struct yt_pickle_value *value, const char *name);

/** INT or BOOL. @return whether it was one. */
bool yt_pickle_int(const struct yt_pickle_value *value, int64_t *value_out);

/** FLOAT or INT. @return whether it was one. */
bool yt_pickle_real(const struct yt_pickle_value *value, double *value_out);

/** The OBJECT's callee when it is a GLOBAL, else NULL. */
const struct yt_pickle_value *
yt_pickle_class(const struct yt_pickle_value *object);

/** An object's attribute as BUILD set it; NULL when absent. */
const struct yt_pickle_value *
yt_pickle_attr(const struct yt_pickle_value *object, const char *name);

/** A short name of any value for messages: a class's, or its kind's. Bytes that
 *  do not print become '?'. */
const char *yt_pickle_describe(const struct yt_pickle_value *value,
                               char text[96]);

#endif
