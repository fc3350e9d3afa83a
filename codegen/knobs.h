#ifndef YT_KNOBS_H
#define YT_KNOBS_H

/* A schedule as plain data: an algorithm, a row of codegen/algos.inc, and the
 * values of its knobs, rows of codegen/knobs.inc. From that list come the
 * fields and whatever goes through all of them, so that nothing forgets one. No
 * LLVM in this header. */

#include <stdint.h>

enum yt_algo_id {
#define YT_ALGO(id, row) YT_ALGO_##id,
#include "codegen/algos.inc"
#undef YT_ALGO
    YT_ALGO_COUNT
};

enum yt_task_order {
    YT_ORDER_PIXELS, /* tasks walk pixels first: weights stay, input streams */
    YT_ORDER_CHANNELS, /* tasks walk channel tiles first: input stays */
    YT_ORDER_COUNT
};

enum yt_tune_cpu {
    YT_TUNE_HOST,   /* the scheduling model LLVM picks for this host */
    YT_TUNE_SERVER, /* that of a server core; see codegen/target/ */
    YT_TUNE_GENERIC,
    YT_TUNE_COUNT
};

enum yt_knob_id {
#define YT_KNOB(id, field, kind, letters, old, part, least, most) YT_KNOB_##id,
#include "codegen/knobs.inc"
#undef YT_KNOB
    YT_KNOB_COUNT
};

/** A set of knobs holds YT_KNOB_BIT(MR) and others. */
#define YT_KNOB_BIT(id) (1u << YT_KNOB_##id)

/** An algorithm and its knobs. Those that the algorithm does not have are at
 *  their least. */
struct yt_schedule {
    enum yt_algo_id algo;
#define YT_KNOB(id, field, kind, letters, old, part, least, most) int32_t field;
#include "codegen/knobs.inc"
#undef YT_KNOB
};

enum yt_knob_kind { YT_KIND_NUMBER, YT_KIND_CHOICE, YT_KIND_FLAG };

/** What a knob decides, and where a name has it. */
enum yt_knob_part {
    YT_PART_TILE,  /* what is kept in registers */
    YT_PART_TASKS, /* how work is cut for threads */
    YT_PART_CODE,  /* the rest */
    YT_PART_COUNT
};

/** A row of codegen/knobs.inc. */
struct yt_knob {
    const char *name; /* of the field, and in JSON */
    enum yt_knob_kind kind;
    const char *letters, *old;
    enum yt_knob_part part;
    int32_t least, most;
};

const struct yt_knob *yt_knob_get(enum yt_knob_id id);

int32_t yt_schedule_get(const struct yt_schedule *s, enum yt_knob_id id);
void yt_schedule_put(struct yt_schedule *s, enum yt_knob_id id, int32_t value);

/** The algorithm with every knob at its least. */
struct yt_schedule yt_schedule_blank(enum yt_algo_id algo);

/** Whether they are the same; a hash that is then the same. */
int yt_schedule_same(const struct yt_schedule *a, const struct yt_schedule *b);
uint32_t yt_schedule_hash(const struct yt_schedule *s);

#endif
