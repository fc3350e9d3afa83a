/* A growing array and a hash table of its indexes, at most half full. */

#include "tuner/search/trials.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

static int same(const struct yt_schedule *a, const struct yt_schedule *b)
{
    return a->algo == b->algo && a->mr == b->mr && a->nr == b->nr &&
           a->ku == b->ku && a->tiles == b->tiles && a->order == b->order &&
           a->tune == b->tune && a->launder == b->launder &&
           a->ic_outer == b->ic_outer;
}

/* FNV-1a over the fields. */
static uint32_t hash(const struct yt_schedule *s)
{
    const uint32_t fields[] = {
        (uint32_t)s->algo, (uint32_t)s->mr,      (uint32_t)s->nr,
        (uint32_t)s->ku,   (uint32_t)s->tiles,   (uint32_t)s->order,
        (uint32_t)s->tune, (uint32_t)s->launder, (uint32_t)s->ic_outer,
    };
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        h = (h ^ fields[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32);
}

/* The slot of @p s: where it is, or the free one where it belongs. */
static int32_t *slot_of(const struct yt_trials *trials,
                        const struct yt_schedule *s)
{
    const uint32_t slots = 2 * (uint32_t)trials->cap;
    uint32_t at = hash(s) % slots;
    while (trials->table[at] &&
           !same(&trials->items[trials->table[at] - 1].schedule, s))
        at = (at + 1) % slots;
    return &trials->table[at];
}

static enum yt_status grow(struct yt_trials *trials)
{
    const int32_t cap = trials->cap ? 2 * trials->cap : 64;
    int32_t *table = calloc(2 * (size_t)cap, sizeof *table);
    struct yt_trial *items =
        table ? realloc(trials->items, (size_t)cap * sizeof *items) : NULL;
    if (!items) {
        free(table);
        return yt_fail(YT_NO_MEMORY, "no memory for %d trials", cap);
    }
    free(trials->table);
    trials->items = items;
    trials->table = table;
    trials->cap = cap;
    for (int32_t i = 0; i < trials->count; i++)
        *slot_of(trials, &items[i].schedule) = i + 1;
    return YT_OK;
}

enum yt_status yt_trials_put(struct yt_trials *trials,
                             const struct yt_trial *trial)
{
    if (trials->count == trials->cap)
        YT_TRY(grow(trials));
    int32_t *slot = slot_of(trials, &trial->schedule);
    if (!*slot)
        *slot = ++trials->count;
    trials->items[*slot - 1] = *trial;
    return YT_OK;
}

const struct yt_trial *yt_trials_find(const struct yt_trials *trials,
                                      const struct yt_schedule *schedule)
{
    const int32_t at = trials->cap ? *slot_of(trials, schedule) : 0;
    return at ? &trials->items[at - 1] : NULL;
}

void yt_trials_deinit(struct yt_trials *trials)
{
    free(trials->items);
    free(trials->table);
    memset(trials, 0, sizeof *trials);
}
