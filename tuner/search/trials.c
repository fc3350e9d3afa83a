/* A growing array and a hash table of its indexes, at most half full. */

#include "tuner/search/trials.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* The slot of @p s: where it is, or the free one where it belongs. */
static int32_t *slot_of(const struct yt_trials *trials,
                        const struct yt_schedule *s)
{
    const uint32_t slots = 2 * (uint32_t)trials->cap;
    uint32_t at = yt_schedule_hash(s) % slots;
    while (trials->table[at] &&
           !yt_schedule_same(&trials->items[trials->table[at] - 1].schedule, s))
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
