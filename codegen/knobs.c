/* Everything that goes through all knobs, made of their list. */

#include "codegen/knobs.h"

#include <assert.h>

static const struct yt_knob knobs[] = {
#define YT_KNOB(id, field, kind, letters, old, part, least, most)              \
    {#field, YT_KIND_##kind, letters, old, YT_PART_##part, least, most},
#include "codegen/knobs.inc"
#undef YT_KNOB
};
static_assert(YT_KNOB_COUNT <= 32, "a bit for each knob");

const struct yt_knob *yt_knob_get(enum yt_knob_id id)
{
    assert((unsigned)id < YT_KNOB_COUNT);
    return &knobs[id];
}

int32_t yt_schedule_get(const struct yt_schedule *s, enum yt_knob_id id)
{
    switch (id) {
#define YT_KNOB(id, field, kind, letters, old, part, least, most)              \
    case YT_KNOB_##id:                                                         \
        return s->field;
#include "codegen/knobs.inc"
#undef YT_KNOB
    case YT_KNOB_COUNT:
        break;
    }
    return 0;
}

void yt_schedule_put(struct yt_schedule *s, enum yt_knob_id id, int32_t value)
{
    switch (id) {
#define YT_KNOB(id, field, kind, letters, old, part, least, most)              \
    case YT_KNOB_##id:                                                         \
        s->field = value;                                                      \
        break;
#include "codegen/knobs.inc"
#undef YT_KNOB
    case YT_KNOB_COUNT:
        break;
    }
}

struct yt_schedule yt_schedule_blank(enum yt_algo_id algo)
{
    return (struct yt_schedule){
        .algo = algo,
#define YT_KNOB(id, field, kind, letters, old, part, least, most)              \
    .field = least,
#include "codegen/knobs.inc"
#undef YT_KNOB
    };
}

int yt_schedule_same(const struct yt_schedule *a, const struct yt_schedule *b)
{
    int same = a->algo == b->algo;
    for (int id = 0; id < YT_KNOB_COUNT && same; id++)
        same = yt_schedule_get(a, (enum yt_knob_id)id) ==
               yt_schedule_get(b, (enum yt_knob_id)id);
    return same;
}

/* FNV-1a over the values. */
uint32_t yt_schedule_hash(const struct yt_schedule *s)
{
    const uint64_t prime = 1099511628211u;
    uint64_t h = (14695981039346656037u ^ (uint32_t)s->algo) * prime;
    for (int id = 0; id < YT_KNOB_COUNT; id++)
        h = (h ^ (uint32_t)yt_schedule_get(s, (enum yt_knob_id)id)) * prime;
    return (uint32_t)(h ^ h >> 32);
}
