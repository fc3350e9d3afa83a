/* What each opcode does: one small function for every one that torch.save and
 * Python's pickle of protocols 2 to 5 emit. Nothing here recurses, so neither
 * depth nor cycles in a hostile file can hurt.
 *
 * Opcodes: Python's Lib/pickletools.py. */

#include "model/pt_pickle.h"

#include <stdlib.h>
#include <string.h>

#include "model/pt_machine.h"
#include "runtime/fail.h"

#define GLOBAL_MAX 512 /* characters on either side of its dot */

struct yt_pickle {
    struct yt_machine machine;
};

/* Items from @p from up move to the end of the value just below them. */
static enum yt_status collect(struct yt_machine *m, size_t from)
{
    struct yt_pickle_value *to = m->stack[from - 1];
    for (size_t i = from; i < m->depth; i++)
        YT_TRY(yt_machine_append(m, to, m->stack[i]));
    m->depth = from;
    return YT_OK;
}

/* ---- opcodes; each starts behind its byte ---- */

typedef enum yt_status op_fn(struct yt_machine *m);

static enum yt_status op_proto(struct yt_machine *m)
{
    uint64_t version = 0;
    YT_TRY(yt_machine_take_little(m, 1, &version));
    YT_FAIL_IF(version < 2 || version > 5, YT_BAD_INPUT,
               "pickle protocol %d; 2 to 5 are possible", (int)version);
    return YT_OK;
}

static enum yt_status op_frame(struct yt_machine *m)
{
    uint64_t bytes;
    return yt_machine_take_little(m, 8, &bytes);
}

static enum yt_status op_mark(struct yt_machine *m)
{
    return yt_machine_push_mark(m);
}

static enum yt_status op_pop(struct yt_machine *m)
{
    size_t from = 0;
    if (m->mark_count && m->depth == yt_machine_floor(m))
        return yt_machine_pop_mark(m, &from);
    YT_TRY(yt_machine_need(m, 1));
    m->depth--;
    return YT_OK;
}

static enum yt_status op_pop_mark(struct yt_machine *m)
{
    size_t from = 0;
    YT_TRY(yt_machine_pop_mark(m, &from));
    m->depth = from;
    return YT_OK;
}

static enum yt_status op_dup(struct yt_machine *m)
{
    YT_TRY(yt_machine_need(m, 1));
    return yt_machine_push(m, m->stack[m->depth - 1]);
}

static enum yt_status op_none(struct yt_machine *m)
{
    return yt_machine_push_new(m, YT_PICKLE_NONE, NULL);
}

static enum yt_status push_bool(struct yt_machine *m, int truth)
{
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_BOOL, &value));
    value->integer = truth;
    return YT_OK;
}

static enum yt_status op_true(struct yt_machine *m)
{
    return push_bool(m, 1);
}

static enum yt_status op_false(struct yt_machine *m)
{
    return push_bool(m, 0);
}

static enum yt_status push_int(struct yt_machine *m, int64_t integer)
{
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_INT, &value));
    value->integer = integer;
    return YT_OK;
}

static enum yt_status op_binint(struct yt_machine *m)
{
    uint64_t raw = 0;
    YT_TRY(yt_machine_take_little(m, 4, &raw));
    return push_int(m, (int64_t)raw - ((raw >> 31) ? INT64_C(1) << 32 : 0));
}

static enum yt_status op_binint1(struct yt_machine *m)
{
    uint64_t raw = 0;
    YT_TRY(yt_machine_take_little(m, 1, &raw));
    return push_int(m, (int64_t)raw);
}

static enum yt_status op_binint2(struct yt_machine *m)
{
    uint64_t raw = 0;
    YT_TRY(yt_machine_take_little(m, 2, &raw));
    return push_int(m, (int64_t)raw);
}

/* Two's complement, little-endian, of any length; no model needs more than
 * eight bytes. */
static enum yt_status push_long(struct yt_machine *m, size_t length_bytes)
{
    uint64_t length = 0;
    const uint8_t *bytes = m->bytes;
    YT_TRY(yt_machine_take_little(m, length_bytes, &length));
    YT_TRY(yt_machine_take(m, (size_t)length, &bytes));
    if (length > 8)
        return yt_machine_push_new(m, YT_PICKLE_OPAQUE, NULL);
    uint64_t raw = length && bytes[length - 1] >> 7 ? UINT64_MAX : 0;
    for (size_t i = (size_t)length; i-- > 0;)
        raw = raw << 8 | bytes[i];
    int64_t integer;
    memcpy(&integer, &raw, sizeof integer);
    return push_int(m, integer);
}

static enum yt_status op_long1(struct yt_machine *m)
{
    return push_long(m, 1);
}

static enum yt_status op_long4(struct yt_machine *m)
{
    return push_long(m, 4);
}

static enum yt_status op_binfloat(struct yt_machine *m)
{
    const uint8_t *bytes = m->bytes;
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_take(m, 8, &bytes));
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_FLOAT, &value));
    uint64_t raw = 0;
    for (int i = 0; i < 8; i++)
        raw = raw << 8 | bytes[i];
    memcpy(&value->real, &raw, sizeof value->real);
    return YT_OK;
}

static enum yt_status push_text(struct yt_machine *m, size_t length_bytes)
{
    uint64_t length = 0;
    const uint8_t *bytes = m->bytes;
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_take_little(m, length_bytes, &length));
    YT_TRY(yt_machine_take(m, (size_t)length, &bytes));
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_STRING, &value));
    value->text = (const char *)bytes;
    value->length = (size_t)length;
    return YT_OK;
}

static enum yt_status op_text1(struct yt_machine *m)
{
    return push_text(m, 1);
}

static enum yt_status op_text4(struct yt_machine *m)
{
    return push_text(m, 4);
}

static enum yt_status op_text8(struct yt_machine *m)
{
    return push_text(m, 8);
}

static enum yt_status op_empty_tuple(struct yt_machine *m)
{
    return yt_machine_push_new(m, YT_PICKLE_TUPLE, NULL);
}

/* The values from @p from up become one container in their place. */
static enum yt_status wrap(struct yt_machine *m, enum yt_pickle_kind kind,
                           size_t from)
{
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_allocate(m, sizeof *value, &value));
    value->kind = kind;
    for (size_t i = from; i < m->depth; i++)
        YT_TRY(yt_machine_append(m, value, m->stack[i]));
    m->depth = from;
    return yt_machine_push(m, value);
}

static enum yt_status wrap_marked(struct yt_machine *m,
                                  enum yt_pickle_kind kind)
{
    size_t from = 0;
    YT_TRY(yt_machine_pop_mark(m, &from));
    YT_FAIL_IF(kind == YT_PICKLE_DICT && (m->depth - from) % 2, YT_BAD_INPUT,
               "pickle byte %zu: a key without its value", m->op_at);
    return wrap(m, kind, from);
}

static enum yt_status op_tuple(struct yt_machine *m)
{
    return wrap_marked(m, YT_PICKLE_TUPLE);
}

static enum yt_status op_list(struct yt_machine *m)
{
    return wrap_marked(m, YT_PICKLE_LIST);
}

static enum yt_status op_dict(struct yt_machine *m)
{
    return wrap_marked(m, YT_PICKLE_DICT);
}

static enum yt_status op_frozenset(struct yt_machine *m)
{
    return wrap_marked(m, YT_PICKLE_SET);
}

static enum yt_status wrap_last(struct yt_machine *m, size_t count)
{
    YT_TRY(yt_machine_need(m, count));
    return wrap(m, YT_PICKLE_TUPLE, m->depth - count);
}

static enum yt_status op_tuple1(struct yt_machine *m)
{
    return wrap_last(m, 1);
}

static enum yt_status op_tuple2(struct yt_machine *m)
{
    return wrap_last(m, 2);
}

static enum yt_status op_tuple3(struct yt_machine *m)
{
    return wrap_last(m, 3);
}

static enum yt_status op_empty_list(struct yt_machine *m)
{
    return yt_machine_push_new(m, YT_PICKLE_LIST, NULL);
}

static enum yt_status op_empty_dict(struct yt_machine *m)
{
    return yt_machine_push_new(m, YT_PICKLE_DICT, NULL);
}

static enum yt_status op_empty_set(struct yt_machine *m)
{
    return yt_machine_push_new(m, YT_PICKLE_SET, NULL);
}

/* An OBJECT may be a subclass of list, dict or set. Only its dict side can
 * matter to a model (OrderedDict), so what is appended to one is dropped. */
static enum yt_status extend(struct yt_machine *m, size_t from,
                             enum yt_pickle_kind kind)
{
    YT_FAIL_IF(from <= yt_machine_floor(m), YT_BAD_INPUT,
               "pickle byte %zu: opcode 0x%02x has nothing to add to", m->op_at,
               m->bytes[m->op_at]);
    const enum yt_pickle_kind found = m->stack[from - 1]->kind;
    YT_FAIL_IF(found != kind && found != YT_PICKLE_OBJECT, YT_BAD_INPUT,
               "pickle byte %zu: opcode 0x%02x adds to a value of another kind",
               m->op_at, m->bytes[m->op_at]);
    YT_FAIL_IF(kind == YT_PICKLE_DICT && (m->depth - from) % 2, YT_BAD_INPUT,
               "pickle byte %zu: a key without its value", m->op_at);
    if (found != kind && kind != YT_PICKLE_DICT) {
        m->depth = from;
        return YT_OK;
    }
    return collect(m, from);
}

static enum yt_status op_append(struct yt_machine *m)
{
    YT_TRY(yt_machine_need(m, 2));
    return extend(m, m->depth - 1, YT_PICKLE_LIST);
}

static enum yt_status op_setitem(struct yt_machine *m)
{
    YT_TRY(yt_machine_need(m, 3));
    return extend(m, m->depth - 2, YT_PICKLE_DICT);
}

static enum yt_status extend_marked(struct yt_machine *m,
                                    enum yt_pickle_kind kind)
{
    size_t from = 0;
    YT_TRY(yt_machine_pop_mark(m, &from));
    return extend(m, from, kind);
}

static enum yt_status op_appends(struct yt_machine *m)
{
    return extend_marked(m, YT_PICKLE_LIST);
}

static enum yt_status op_setitems(struct yt_machine *m)
{
    return extend_marked(m, YT_PICKLE_DICT);
}

static enum yt_status op_additems(struct yt_machine *m)
{
    return extend_marked(m, YT_PICKLE_SET);
}

static enum yt_status push_global(struct yt_machine *m, const char *module,
                                  size_t module_length, const char *name,
                                  size_t name_length)
{
    YT_FAIL_IF(module_length > GLOBAL_MAX || name_length > GLOBAL_MAX,
               YT_BAD_INPUT,
               "pickle byte %zu: a name of more than %d characters", m->op_at,
               GLOBAL_MAX);
    char *text = NULL;
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_allocate(m, module_length + 1 + name_length, &text));
    memcpy(text, module, module_length);
    text[module_length] = '.';
    memcpy(text + module_length + 1, name, name_length);
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_GLOBAL, &value));
    value->text = text;
    value->length = module_length + 1 + name_length;
    return YT_OK;
}

static enum yt_status take_line(struct yt_machine *m, const char **line_out,
                                size_t *length_out)
{
    const uint8_t *start = m->bytes + m->at;
    const uint8_t *end = memchr(start, '\n', m->size - m->at);
    YT_FAIL_IF(!end, YT_BAD_INPUT,
               "the pickle ends inside the opcode at byte %zu", m->op_at);
    *line_out = (const char *)start;
    *length_out = (size_t)(end - start);
    m->at += *length_out + 1;
    return YT_OK;
}

static enum yt_status op_global(struct yt_machine *m)
{
    const char *module = "", *name = "";
    size_t module_length = 0, name_length = 0;
    YT_TRY(take_line(m, &module, &module_length));
    YT_TRY(take_line(m, &name, &name_length));
    return push_global(m, module, module_length, name, name_length);
}

static enum yt_status op_stack_global(struct yt_machine *m)
{
    YT_TRY(yt_machine_need(m, 2));
    const struct yt_pickle_value *module = m->stack[m->depth - 2];
    const struct yt_pickle_value *name = m->stack[m->depth - 1];
    YT_FAIL_IF(
        module->kind != YT_PICKLE_STRING || name->kind != YT_PICKLE_STRING,
        YT_BAD_INPUT, "pickle byte %zu: a global's name is not text", m->op_at);
    m->depth -= 2;
    return push_global(m, module->text, module->length, name->text,
                       name->length);
}

/* The last @p count values, callee first, arguments second, become the object
 * that a call would have made. */
static enum yt_status call(struct yt_machine *m, size_t count)
{
    YT_TRY(yt_machine_need(m, count));
    const struct yt_pickle_value *callee = m->stack[m->depth - count];
    const struct yt_pickle_value *args = m->stack[m->depth - count + 1];
    YT_FAIL_IF(args->kind != YT_PICKLE_TUPLE, YT_BAD_INPUT,
               "pickle byte %zu: a call's arguments are not a tuple", m->op_at);
    struct yt_pickle_value *object = NULL;
    m->depth -= count;
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_OBJECT, &object));
    object->callee = callee;
    object->args = args;
    return YT_OK;
}

static enum yt_status op_reduce(struct yt_machine *m)
{
    return call(m, 2);
}

static enum yt_status op_newobj_ex(struct yt_machine *m)
{
    return call(m, 3);
}

static enum yt_status op_build(struct yt_machine *m)
{
    YT_TRY(yt_machine_need(m, 2));
    struct yt_pickle_value *object = m->stack[m->depth - 2];
    YT_FAIL_IF(object->kind != YT_PICKLE_OBJECT, YT_BAD_INPUT,
               "pickle byte %zu: a state for something that is no object",
               m->op_at);
    object->state = m->stack[--m->depth];
    return YT_OK;
}

static enum yt_status op_binpersid(struct yt_machine *m)
{
    YT_TRY(yt_machine_need(m, 1));
    const struct yt_pickle_value *id = m->stack[--m->depth];
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_push_new(m, YT_PICKLE_PERSID, &value));
    value->args = id;
    value->state = m->last_persid;
    m->last_persid = value;
    return YT_OK;
}

static enum yt_status put(struct yt_machine *m, size_t id_bytes)
{
    uint64_t id = 0;
    YT_TRY(yt_machine_take_little(m, id_bytes, &id));
    return yt_machine_memo_put(m, id);
}

static enum yt_status get(struct yt_machine *m, size_t id_bytes)
{
    uint64_t id = 0;
    YT_TRY(yt_machine_take_little(m, id_bytes, &id));
    return yt_machine_memo_get(m, id);
}

static enum yt_status op_binput(struct yt_machine *m)
{
    return put(m, 1);
}

static enum yt_status op_long_binput(struct yt_machine *m)
{
    return put(m, 4);
}

static enum yt_status op_binget(struct yt_machine *m)
{
    return get(m, 1);
}

static enum yt_status op_long_binget(struct yt_machine *m)
{
    return get(m, 4);
}

static enum yt_status op_memoize(struct yt_machine *m)
{
    return yt_machine_memo_put(m, m->memo_count);
}

static op_fn *const ops[256] = {
    [0x80] = op_proto,      [0x95] = op_frame,      ['('] = op_mark,
    ['0'] = op_pop,         ['1'] = op_pop_mark,    ['2'] = op_dup,
    ['N'] = op_none,        [0x88] = op_true,       [0x89] = op_false,
    ['J'] = op_binint,      ['K'] = op_binint1,     ['M'] = op_binint2,
    [0x8a] = op_long1,      [0x8b] = op_long4,      ['G'] = op_binfloat,
    ['X'] = op_text4,  /* BINUNICODE */
    [0x8c] = op_text1, /* SHORT_BINUNICODE */
    [0x8d] = op_text8, /* BINUNICODE8 */
    ['T'] = op_text4,  /* BINSTRING */
    ['U'] = op_text1,  /* SHORT_BINSTRING */
    ['B'] = op_text4,  /* BINBYTES */
    ['C'] = op_text1,  /* SHORT_BINBYTES */
    [0x8e] = op_text8, /* BINBYTES8 */
    [0x96] = op_text8, /* BYTEARRAY8 */
    [')'] = op_empty_tuple, ['t'] = op_tuple,       [0x85] = op_tuple1,
    [0x86] = op_tuple2,     [0x87] = op_tuple3,     [']'] = op_empty_list,
    ['l'] = op_list,        ['a'] = op_append,      ['e'] = op_appends,
    ['}'] = op_empty_dict,  ['d'] = op_dict,        ['s'] = op_setitem,
    ['u'] = op_setitems,    [0x8f] = op_empty_set,  [0x90] = op_additems,
    [0x91] = op_frozenset,  ['c'] = op_global,      [0x93] = op_stack_global,
    ['R'] = op_reduce,      [0x81] = op_reduce, /* NEWOBJ */
    [0x92] = op_newobj_ex,  ['b'] = op_build,       ['Q'] = op_binpersid,
    ['q'] = op_binput,      ['r'] = op_long_binput, ['h'] = op_binget,
    ['j'] = op_long_binget, [0x94] = op_memoize,
};

static enum yt_status run(struct yt_machine *m)
{
    for (;;) {
        m->op_at = m->at;
        YT_FAIL_IF(m->at >= m->size, YT_BAD_INPUT,
                   "the pickle ends after %zu bytes without a STOP", m->size);
        const uint8_t op = m->bytes[m->at++];
        if (op == '.')
            break;
        YT_FAIL_IF(!ops[op], YT_BAD_INPUT,
                   "pickle byte %zu: opcode 0x%02x is none that a checkpoint "
                   "uses",
                   m->op_at, op);
        YT_TRY(ops[op](m));
    }
    YT_FAIL_IF(m->depth != 1 || m->mark_count != 0, YT_BAD_INPUT,
               "pickle byte %zu: %zu values at its STOP, must be one", m->op_at,
               m->depth);
    return YT_OK;
}

enum yt_status yt_pickle_read(const void *bytes, size_t size,
                              struct yt_pickle **pickle_out)
{
    struct yt_pickle *pickle = calloc(1, sizeof *pickle);
    YT_FAIL_IF(!pickle, YT_NO_MEMORY, "no memory for a pickle");
    pickle->machine.bytes = bytes;
    pickle->machine.size = size;
    const enum yt_status status = run(&pickle->machine);
    if (status != YT_OK) {
        yt_pickle_destroy(pickle);
        return status;
    }
    *pickle_out = pickle;
    return YT_OK;
}

void yt_pickle_destroy(struct yt_pickle *pickle)
{
    if (!pickle)
        return;
    yt_machine_deinit(&pickle->machine);
    free(pickle);
}

const struct yt_pickle_value *yt_pickle_root(const struct yt_pickle *pickle)
{
    return pickle->machine.stack[0];
}

size_t yt_pickle_end(const struct yt_pickle *pickle)
{
    return pickle->machine.at;
}

const struct yt_pickle_value *
yt_pickle_last_persid(const struct yt_pickle *pickle)
{
    return pickle->machine.last_persid;
}
