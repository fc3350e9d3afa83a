/* Names of schedules, from the list of knobs; and what schedules mean, which
 * their rows say. */

#include "codegen/schedule.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "codegen/algo.h"
#include "runtime/fail.h"

/* ---------------------------------------------------------------- names */

static int has(const struct yt_algo *row, int id)
{
    return (row->knobs >> id & 1) != 0;
}

static int is_in_range(const struct yt_knob *knob, int32_t value)
{
    return value >= knob->least && value <= knob->most;
}

/* A knob as it stands in a name; in sentences it may be out of its range. */
static void print_knob(const struct yt_knob *knob, int32_t value, char text[16])
{
    text[0] = '\0';
    if (knob->kind == YT_KIND_NUMBER)
        snprintf(text, 16, "%s%d", knob->letters, value);
    else if (knob->kind == YT_KIND_CHOICE)
        snprintf(text, 16, "%c",
                 is_in_range(knob, value) ? knob->letters[value] : '?');
    else if (value)
        snprintf(text, 16, "%s", knob->letters);
}

void yt_schedule_name(const struct yt_schedule *s,
                      char name[YT_SCHEDULE_NAME_MAX])
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    int used = snprintf(name, YT_SCHEDULE_NAME_MAX, "%s", row->name);
    int part = -1; /* that has begun */
    for (int id = 0; id < YT_KNOB_COUNT; id++) {
        const struct yt_knob *knob = yt_knob_get((enum yt_knob_id)id);
        char text[16];
        if (!has(row, id))
            continue;
        print_knob(knob, yt_schedule_get(s, (enum yt_knob_id)id), text);
        if (!text[0])
            continue;
        used += snprintf(name + used, YT_SCHEDULE_NAME_MAX - (size_t)used,
                         "%s%s", part == (int)knob->part ? "" : "-", text);
        part = (int)knob->part;
        assert(used < YT_SCHEDULE_NAME_MAX);
    }
}

/* A decimal as it is printed: no sign, no zeros in front. */
static int read_number(const char **at, int32_t *value_out)
{
    int64_t value = 0;
    const char *c = *at;
    while (isdigit((unsigned char)*c) && value <= INT32_MAX)
        value = 10 * value + (*c++ - '0');
    const int zeros = **at == '0' && c != *at + 1;
    if (c == *at || zeros || value > INT32_MAX)
        return 0;
    *at = c;
    *value_out = (int32_t)value;
    return 1;
}

static int letter_index(const char *letters, char c)
{
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

/* Step over a knob; 0 when it is not there, as a flag need not be. */
static int read_knob(const struct yt_knob *knob, const char **at,
                     int32_t *value_out)
{
    int index = letter_index(knob->letters, **at);
    if (index < 0)
        index = letter_index(knob->old, **at);
    if (index < 0)
        return 0;
    (*at)++;
    if (knob->kind == YT_KIND_NUMBER)
        return read_number(at, value_out);
    *value_out = knob->kind == YT_KIND_FLAG ? 1 : index;
    return 1;
}

/* Step over all knobs of a row, in order, dashes between their parts. */
static int read_knobs(const struct yt_algo *row, const char *at,
                      struct yt_schedule *s)
{
    int part = -1;
    for (int id = 0; id < YT_KNOB_COUNT; id++) {
        const struct yt_knob *knob = yt_knob_get((enum yt_knob_id)id);
        if (!has(row, id))
            continue;
        const int begins = part != (int)knob->part;
        const char *from = at + (begins && *at == '-');
        int32_t value = 0;
        if ((!begins || *at == '-') && read_knob(knob, &from, &value)) {
            at = from;
            part = (int)knob->part;
        } else if (knob->kind != YT_KIND_FLAG) {
            return 0;
        }
        yt_schedule_put(s, (enum yt_knob_id)id, value);
    }
    return *at == '\0';
}

enum yt_status yt_schedule_parse(enum yt_op op, const char *name,
                                 struct yt_schedule *s_out)
{
    const size_t word = strcspn(name, "-");
    const enum yt_algo_id algo = yt_algo_find(op, name, word);
    YT_FAIL_IF(algo == YT_ALGO_COUNT, YT_BAD_ARGUMENT,
               "'%s' is not a schedule of %s: it has no such algorithm", name,
               yt_op_name(op));
    struct yt_schedule s = yt_schedule_blank(algo);
    YT_FAIL_IF(!read_knobs(yt_algo_get(algo), name + word, &s), YT_BAD_ARGUMENT,
               "'%s' is not a schedule's canonical name", name);
    *s_out = s;
    return YT_OK;
}

/* -------------------------------------------------------------- meaning */

/* In their ranges; at their least where the algorithm does not have them. */
static int knobs_are_in_order(const struct yt_algo *row,
                              const struct yt_schedule *s)
{
    int in_order = 1;
    for (int id = 0; id < YT_KNOB_COUNT && in_order; id++) {
        const struct yt_knob *knob = yt_knob_get((enum yt_knob_id)id);
        const int32_t value = yt_schedule_get(s, (enum yt_knob_id)id);
        in_order =
            has(row, id) ? is_in_range(knob, value) : value == knob->least;
    }
    return in_order;
}

static int has_arithmetic(const struct yt_problem *p, const struct yt_isa *isa)
{
    return yt_isa_computes(isa, p->dtype) && yt_isa_computes(isa, p->out);
}

int yt_schedule_applies(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->op == p->op && has_arithmetic(p, isa) &&
           knobs_are_in_order(row, s) &&
           (!row->applies || row->applies(p, s, isa));
}

void yt_schedule_default(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_schedule *s_out)
{
    enum yt_algo_id id = yt_algo_next(p->op, YT_ALGO_COUNT);
    while (id != YT_ALGO_COUNT && !yt_algo_first(id, p, isa, s_out))
        id = yt_algo_next(p->op, id);
    assert(id != YT_ALGO_COUNT);
}

int64_t yt_schedule_tasks(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->tasks ? row->tasks(p, s, isa) : 1;
}

/* Knobs that the algorithm does not have stay at their least. */
static struct yt_schedule cut_by_rows(const struct yt_problem *p,
                                      struct yt_schedule s)
{
    const struct yt_algo *row = yt_algo_get(s.algo);
    if (p->op != YT_OP_CONV2D)
        return s;
    const int32_t width = yt_conv2d_out_w(&p->u.conv2d);
    s.mr = s.mr > width ? width : s.mr;
    if (has(row, YT_KNOB_TILES))
        s.tiles = yt_conv2d_out_h(&p->u.conv2d) > 1;
    return s;
}

struct yt_schedule yt_schedule_by_rows(const struct yt_problem *p,
                                       const struct yt_schedule *s,
                                       const struct yt_isa *isa)
{
    struct yt_schedule cut = cut_by_rows(p, *s);
    if (yt_algo_get(s->algo)->row_tasks && yt_schedule_applies(p, &cut, isa))
        return cut;
    yt_schedule_default(p, isa, &cut);
    cut = cut_by_rows(p, cut);
    assert(yt_algo_get(cut.algo)->row_tasks);
    assert(yt_schedule_applies(p, &cut, isa));
    return cut;
}

int64_t yt_schedule_row_tasks(const struct yt_problem *p,
                              const struct yt_schedule *s,
                              const struct yt_isa *isa)
{
    return yt_algo_get(s->algo)->row_tasks(p, s, isa);
}

int64_t yt_schedule_scratch_bytes(const struct yt_problem *p,
                                  const struct yt_schedule *s,
                                  const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->scratch_bytes ? row->scratch_bytes(p, s, isa) : 0;
}

double yt_schedule_products(const struct yt_problem *p,
                            const struct yt_schedule *s,
                            const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->products ? row->products(p, s, isa)
                         : (double)yt_problem_flops(p);
}

double yt_schedule_tolerance(const struct yt_problem *p,
                             const struct yt_schedule *s,
                             const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->tolerance ? row->tolerance(p, s, isa) : 0;
}

int yt_schedule_splits_pixels(const struct yt_problem *p,
                              const struct yt_schedule *s,
                              const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->splits_pixels && row->splits_pixels(p, s, isa);
}

void yt_schedule_symbol(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa, char symbol[YT_SYMBOL_MAX])
{
    char problem[YT_PROBLEM_NAME_MAX];
    char schedule[YT_SCHEDULE_NAME_MAX];
    yt_problem_name(p, problem);
    yt_schedule_name(s, schedule);
    snprintf(symbol, YT_SYMBOL_MAX, "yt_%s_%s_%s", problem, schedule,
             isa->name);
    for (char *c = symbol; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
}
