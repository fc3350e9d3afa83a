/* Schedules as data: names, legality, task counts and the weight layouts that
 * follow from them. */

#include "codegen/schedule.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "codegen/conv_tiles.h"
#include "runtime/fail.h"

/* Tasks along pixels that a default schedule makes, about. */
#define DEFAULT_GROUPS 16

static const char order_letter[] = "pc";
static_assert(YT_ORDER_COUNT == 2, "a letter for each task order");
static const char tune_letter[] = "hig";
static_assert(YT_TUNE_COUNT == 3, "a letter for each scheduling model");

void yt_schedule_name(const struct yt_schedule *s,
                      char name[YT_SCHEDULE_NAME_MAX])
{
    if (s->algo == YT_ALGO_ROWS) {
        snprintf(name, YT_SCHEDULE_NAME_MAX, "rows-%c", tune_letter[s->tune]);
        return;
    }
    if (s->algo == YT_ALGO_LAZY) {
        snprintf(name, YT_SCHEDULE_NAME_MAX, "lazy-m%dk%d-t%d-%c", s->mr, s->ku,
                 s->tiles, tune_letter[s->tune]);
        return;
    }
    snprintf(name, YT_SCHEDULE_NAME_MAX, "direct-m%dn%dk%d-t%d%c-%c%s%s%s",
             s->mr, s->nr, s->ku, s->tiles, order_letter[s->order],
             tune_letter[s->tune], s->launder ? "l" : "",
             s->ic_outer ? "c" : "", s->coarse ? "s" : "");
}

static int letter_index(const char *letters, char c)
{
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

enum yt_status yt_schedule_parse(const char *name, struct yt_schedule *s_out)
{
    struct yt_schedule s;
    memset(&s, 0, sizeof s);
    char order = 0, tune = 0;
    int used = 0;
    int tune_index = -1;
    if (sscanf(name, "rows-%c", &tune) == 1) {
        s.algo = YT_ALGO_ROWS;
        tune_index = letter_index(tune_letter, tune);
    } else if (sscanf(name, "lazy-m%dk%d-t%d-%c", &s.mr, &s.ku, &s.tiles,
                      &tune) == 4) {
        s.algo = YT_ALGO_LAZY;
        s.nr = 1;
        tune_index = letter_index(tune_letter, tune);
    } else if (sscanf(name, "direct-m%dn%dk%d-t%d%c-%c%n", &s.mr, &s.nr, &s.ku,
                      &s.tiles, &order, &tune, &used) == 6) {
        s.algo = YT_ALGO_DIRECT;
        const int order_index = letter_index(order_letter, order);
        tune_index = order_index < 0 ? -1 : letter_index(tune_letter, tune);
        s.order =
            order_index < 0 ? YT_ORDER_PIXELS : (enum yt_task_order)order_index;
        s.launder = strchr(name + used, 'l') != NULL;
        s.ic_outer = strchr(name + used, 'c') != NULL;
        s.coarse = strchr(name + used, 's') != NULL;
    }
    YT_FAIL_IF(tune_index < 0, YT_BAD_ARGUMENT, "'%s' is not a schedule's name",
               name);
    s.tune = (enum yt_tune_cpu)tune_index;
    char again[YT_SCHEDULE_NAME_MAX];
    yt_schedule_name(&s, again);
    YT_FAIL_IF(strcmp(again, name) != 0, YT_BAD_ARGUMENT,
               "'%s' is not a schedule's canonical name", name);
    *s_out = s;
    return YT_OK;
}

static int32_t ceil_div(int32_t a, int32_t b)
{
    return (a + b - 1) / b;
}

void yt_conv_tiles(const struct yt_problem *problem,
                   const struct yt_schedule *s, const struct yt_isa *isa,
                   struct yt_conv_tiles *t)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    const int64_t in_bytes = yt_dtype_bytes(problem->dtype);
    const int64_t out_bytes = yt_dtype_bytes(problem->out);
    memset(t, 0, sizeof *t);
    t->oh = yt_conv2d_out_h(p);
    t->ow = yt_conv2d_out_w(p);
    t->flat = p->r == 1 && p->stride == 1 && p->pad == 0 &&
              p->add != YT_ADD_UP2 && p->c != 3;
    t->row = t->flat ? t->oh * t->ow : t->ow;
    t->rows = t->flat ? 1 : t->oh;
    t->tiles = ceil_div(t->row, s->mr);
    t->base = t->row / t->tiles;
    t->large = t->row % t->tiles;
    t->window = p->c == 3 && problem->dtype != YT_DTYPE_F32;
    t->per_step = (int32_t)(4 / in_bytes);
    t->ic_block = p->c == 3 ? 3 : isa->lanes;
    t->ic_blocks = p->c / t->ic_block;
    t->steps = ceil_div(t->window ? 3 * p->r : t->ic_block, t->per_step);
    t->taps = t->window ? 1 : p->r;
    t->k_blocks = ceil_div(p->k, isa->lanes);
    t->k_tiles = t->k_blocks / s->nr;
    const int32_t units = t->flat ? t->tiles : t->rows;
    t->pixel_groups = s->tiles ? ceil_div(units, s->tiles) : 1;

    t->vec_bytes = 4 * (int64_t)isa->lanes;
    t->in_pixel = in_bytes * t->ic_block;
    t->in_row = t->in_pixel * (t->window ? p->w + 2 * p->pad : p->w);
    t->in_block = t->in_row * p->h;
    t->out_pixel = out_bytes * isa->lanes;
    t->out_row = t->out_pixel * t->ow;
    t->out_block = t->out_row * t->oh;
    const int half = p->add == YT_ADD_UP2;
    t->add_pixel = half ? t->vec_bytes : t->out_pixel;
    t->add_row = t->add_pixel * (half ? t->ow / 2 : t->ow);
    t->add_block = t->add_row * (half ? t->oh / 2 : t->oh);

    t->weight_step = t->vec_bytes * t->taps * s->nr;
    const int64_t block = t->weight_step * t->steps;
    t->weight_block = s->ic_outer ? block * p->r : block;
    t->weight_kh = s->ic_outer ? block : block * t->ic_blocks;
    t->weight_tile = block * t->ic_blocks * p->r;
}

int32_t yt_conv_tile_start(const struct yt_conv_tiles *t, int32_t i)
{
    return i * t->base + (i < t->large ? i : t->large);
}

int32_t yt_conv_tile_pixels(const struct yt_conv_tiles *t, int32_t i)
{
    return t->base + (i < t->large);
}

static int direct_applies(const struct yt_problem *problem,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    if (s->mr < 1 || s->mr > 32 || s->nr < 1 || s->nr > 8 || s->tiles < 0 ||
        s->ku < 1)
        return 0;
    struct yt_conv_tiles t;
    yt_conv_tiles(problem, s, isa, &t);
    if (p->c % t.ic_block || t.steps % s->ku)
        return 0;
    /* One canonical form each: a tile no wider than the row, a group no longer
     * than the work, channel tiles without a remainder. */
    if (s->mr > t.row || t.k_blocks % s->nr)
        return 0;
    if (s->tiles >= (t.flat ? t.tiles : t.rows))
        return 0;
    if ((p->r == 1 || t.ic_blocks == 1) && s->ic_outer)
        return 0;
    return 1;
}

int yt_schedule_may_be_coarse(const struct yt_problem *p)
{
    return p->op == YT_OP_CONV2D && p->u.conv2d.silu && p->out != YT_DTYPE_F32;
}

int yt_schedule_applies(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa)
{
    if ((p->dtype == YT_DTYPE_BF16 || p->out == YT_DTYPE_BF16) &&
        !(isa->needs & YT_CPU_AVX512_BF16))
        return 0;
    if (p->op != YT_OP_CONV2D)
        return s->algo == YT_ALGO_ROWS;
    if (s->algo == YT_ALGO_LAZY &&
        (!p->u.conv2d.lazy || p->u.conv2d.lazy > isa->lanes || s->nr != 1 ||
         s->order || s->launder || s->ic_outer || s->coarse))
        return 0;
    if (s->coarse && !yt_schedule_may_be_coarse(p))
        return 0;
    return s->algo != YT_ALGO_ROWS && direct_applies(p, s, isa);
}

/* Registers that a step takes beside the accumulators and the weights. */
static int32_t working_registers(const struct yt_problem *p,
                                 const struct yt_isa *isa)
{
    const uint32_t dots = YT_CPU_AVX_VNNI | YT_CPU_AVX512_VNNI;
    const int products = yt_dtype_is_integer(p->dtype) && !(isa->needs & dots);
    return products ? 3 : 2;
}

/* A tile that fits the registers, two vectors of channels wide where they come
 * in pairs, and tasks for a dozen threads. */
static void default_tile(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_schedule *s)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    s->nr = s->algo == YT_ALGO_DIRECT && t.k_blocks % 2 == 0 ? 2 : 1;
    s->mr = (isa->regs - s->nr - working_registers(p, isa)) / s->nr;
    s->mr = s->mr > 12 ? 12 : s->mr;
    s->mr = s->mr > t.row ? t.row : s->mr;
    for (int32_t ku = 2; p->u.conv2d.r == 1 && ku <= 4; ku *= 2)
        s->ku = t.steps % ku ? s->ku : ku;
    yt_conv_tiles(p, s, isa, &t);
    const int32_t units = t.flat ? t.tiles : t.rows;
    s->tiles = ceil_div(units, DEFAULT_GROUPS);
    if (s->tiles >= units)
        s->tiles = 0;
}

void yt_schedule_default(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_schedule *s_out)
{
    struct yt_schedule s;
    memset(&s, 0, sizeof s);
    if (p->op != YT_OP_CONV2D) {
        s.algo = YT_ALGO_ROWS;
        *s_out = s;
        return;
    }
    const int32_t lazy = p->u.conv2d.lazy;
    s.algo = lazy && lazy <= isa->lanes ? YT_ALGO_LAZY : YT_ALGO_DIRECT;
    s.mr = s.nr = s.ku = 1;
    s.launder = s.algo == YT_ALGO_DIRECT && p->u.conv2d.r > 1;
    s.coarse = yt_schedule_may_be_coarse(p);
    default_tile(p, isa, &s);
    s.order = s.algo == YT_ALGO_DIRECT ? YT_ORDER_CHANNELS : YT_ORDER_PIXELS;
    assert(yt_schedule_applies(p, &s, isa));
    *s_out = s;
}

int64_t yt_schedule_tasks(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    switch (p->op) {
    case YT_OP_CONV2D: {
        struct yt_conv_tiles t;
        yt_conv_tiles(p, s, isa, &t);
        return t.pixel_groups * (s->algo == YT_ALGO_LAZY ? 1 : t.k_tiles);
    }
    case YT_OP_SPPF:
    case YT_OP_MAXPOOL:
        return ceil_div(p->u.pool.c, isa->lanes);
    case YT_OP_UPSAMPLE:
        return (int64_t)ceil_div(p->u.upsample.c, isa->lanes) * p->u.upsample.h;
    case YT_OP_CONVERT:
        return (int64_t)ceil_div(p->u.convert.c, isa->lanes) * p->u.convert.h;
    case YT_OP_LETTERBOX:
        return p->u.letterbox.h;
    case YT_OP_DECODE:
        return (int64_t)p->u.decode.na * p->u.decode.h;
    case YT_OP_IOU:
    case YT_OP_COUNT:
        break;
    }
    return 1;
}

int yt_schedule_splits_pixels(const struct yt_problem *p,
                              const struct yt_schedule *s,
                              const struct yt_isa *isa)
{
    if (p->op != YT_OP_CONV2D)
        return 0;
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return s->order == YT_ORDER_CHANNELS || t.k_tiles == 1 ||
           s->algo == YT_ALGO_LAZY;
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
