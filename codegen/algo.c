/* The table of algorithms, and what every row is asked the same way. */

#include "codegen/algo.h"

#include <assert.h>
#include <string.h>

static const struct yt_algo *const rows[] = {
#define YT_ALGO(id, row) &yt_algo_##row,
#include "codegen/algos.inc"
#undef YT_ALGO
};

const struct yt_algo *yt_algo_get(enum yt_algo_id id)
{
    assert((unsigned)id < YT_ALGO_COUNT);
    return rows[id];
}

enum yt_algo_id yt_algo_next(enum yt_op op, enum yt_algo_id after)
{
    int id = after == YT_ALGO_COUNT ? 0 : (int)after + 1;
    while (id < YT_ALGO_COUNT && rows[id]->op != op)
        id++;
    return (enum yt_algo_id)id;
}

enum yt_algo_id yt_algo_find(enum yt_op op, const char *name, size_t length)
{
    enum yt_algo_id id = yt_algo_next(op, YT_ALGO_COUNT);
    while (id != YT_ALGO_COUNT && (strlen(rows[id]->name) != length ||
                                   memcmp(rows[id]->name, name, length) != 0))
        id = yt_algo_next(op, id);
    return id;
}

int yt_algo_first(enum yt_algo_id id, const struct yt_problem *p,
                  const struct yt_isa *isa, struct yt_schedule *s_out)
{
    const struct yt_algo *row = yt_algo_get(id);
    *s_out = yt_schedule_blank(id);
    return !row->first || row->first(p, isa, s_out);
}

static int32_t every_value(enum yt_knob_id id, int32_t values[YT_VALUES_MAX])
{
    const struct yt_knob *knob = yt_knob_get(id);
    int32_t count = 0;
    assert(knob->kind != YT_KIND_NUMBER);
    for (int32_t value = knob->least; value <= knob->most; value++)
        values[count++] = value;
    return count;
}

int32_t yt_algo_values(const struct yt_algo *row, const struct yt_problem *p,
                       const struct yt_isa *isa, enum yt_knob_id knob,
                       int32_t values[YT_VALUES_MAX])
{
    return row->values ? row->values(p, isa, knob, values)
                       : every_value(knob, values);
}
