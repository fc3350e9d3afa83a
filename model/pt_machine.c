/* The pickle machine's memory, input, stack and memo. Everything lives in one
 * arena of bounded size and goes with it. */

#include "model/pt_machine.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* An official checkpoint's pickle has 83 kB, 10,000 values and 7,000 memo
 * entries; one saved in training about four times that. */
#define ARENA_MAX_BYTES ((size_t)256 << 20)
#define CHUNK_BYTES     ((size_t)64 << 10)
#define STACK_MAX       ((size_t)1 << 20)
#define MEMO_MAX        ((size_t)1 << 20)

struct yt_machine_chunk {
    struct yt_machine_chunk *next;
    size_t used, bytes;
    max_align_t memory[];
};

/* ---- memory ---- */

enum yt_status yt_machine_allocate(struct yt_machine *m, size_t bytes,
                                   void *memory_out)
{
    const size_t unit = sizeof(max_align_t);
    bytes = (bytes + unit - 1) / unit * unit;
    struct yt_machine_chunk *chunk = m->chunks;
    if (!chunk || chunk->bytes - chunk->used < bytes) {
        const size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        YT_FAIL_IF(room > ARENA_MAX_BYTES - m->arena_bytes, YT_BAD_INPUT,
                   "the pickle unfolds to more than %zu MiB",
                   ARENA_MAX_BYTES >> 20);
        chunk = malloc(sizeof *chunk + room);
        YT_FAIL_IF(!chunk, YT_NO_MEMORY, "no memory for a pickle's values");
        chunk->next = m->chunks;
        chunk->used = 0;
        chunk->bytes = room;
        m->chunks = chunk;
        m->arena_bytes += room;
    }
    void *memory = (char *)chunk->memory + chunk->used;
    chunk->used += bytes;
    memset(memory, 0, bytes);
    memcpy(memory_out, &memory, sizeof memory);
    return YT_OK;
}

/* Make room for one more pointer or index in an array that lives in the
 * arena; what it outgrows stays behind there, at most as much again. */
static enum yt_status reserve(struct yt_machine *m, void *array_io,
                              size_t elem_bytes, size_t count, size_t *cap_io)
{
    if (count < *cap_io)
        return YT_OK;
    const size_t cap = *cap_io ? *cap_io * 2 : 4;
    void *old = NULL;
    memcpy(&old, array_io, sizeof old);
    void *array = old;
    YT_TRY(yt_machine_allocate(m, cap * elem_bytes, &array));
    if (count)
        memcpy(array, old, count * elem_bytes);
    memcpy(array_io, &array, sizeof array);
    *cap_io = cap;
    return YT_OK;
}

/* ---- bytes in ---- */

enum yt_status yt_machine_take(struct yt_machine *m, size_t count,
                               const uint8_t **bytes_out)
{
    YT_FAIL_IF(count > m->size - m->at, YT_BAD_INPUT,
               "the pickle ends inside the opcode at byte %zu", m->op_at);
    *bytes_out = m->bytes + m->at;
    m->at += count;
    return YT_OK;
}

enum yt_status yt_machine_take_little(struct yt_machine *m, size_t count,
                                      uint64_t *value_out)
{
    const uint8_t *bytes = m->bytes;
    YT_TRY(yt_machine_take(m, count, &bytes));
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    *value_out = value;
    return YT_OK;
}

/* ---- stack and memo ---- */

enum yt_status yt_machine_push(struct yt_machine *m,
                               struct yt_pickle_value *value)
{
    YT_FAIL_IF(m->depth >= STACK_MAX, YT_BAD_INPUT,
               "pickle byte %zu: more than %zu values on the stack", m->op_at,
               STACK_MAX);
    YT_TRY(reserve(m, &m->stack, sizeof *m->stack, m->depth, &m->stack_cap));
    m->stack[m->depth++] = value;
    return YT_OK;
}

enum yt_status yt_machine_push_new(struct yt_machine *m,
                                   enum yt_pickle_kind kind,
                                   struct yt_pickle_value **value_out)
{
    struct yt_pickle_value *value = NULL;
    YT_TRY(yt_machine_allocate(m, sizeof *value, &value));
    value->kind = kind;
    YT_TRY(yt_machine_push(m, value));
    if (value_out)
        *value_out = value;
    return YT_OK;
}

/* Values below the last mark belong to whoever set it. */
size_t yt_machine_floor(const struct yt_machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

enum yt_status yt_machine_need(const struct yt_machine *m, size_t count)
{
    YT_FAIL_IF(m->depth - yt_machine_floor(m) < count, YT_BAD_INPUT,
               "pickle byte %zu: opcode 0x%02x needs %zu values on the stack",
               m->op_at, m->bytes[m->op_at], count);
    return YT_OK;
}

enum yt_status yt_machine_push_mark(struct yt_machine *m)
{
    YT_FAIL_IF(m->mark_count >= STACK_MAX, YT_BAD_INPUT,
               "pickle byte %zu: more than %zu marks", m->op_at, STACK_MAX);
    YT_TRY(
        reserve(m, &m->marks, sizeof *m->marks, m->mark_count, &m->mark_cap));
    m->marks[m->mark_count++] = m->depth;
    return YT_OK;
}

enum yt_status yt_machine_pop_mark(struct yt_machine *m, size_t *from_out)
{
    YT_FAIL_IF(m->mark_count == 0, YT_BAD_INPUT,
               "pickle byte %zu: opcode 0x%02x without a mark", m->op_at,
               m->bytes[m->op_at]);
    *from_out = m->marks[--m->mark_count];
    return YT_OK;
}

enum yt_status yt_machine_memo_put(struct yt_machine *m, uint64_t id)
{
    YT_TRY(yt_machine_need(m, 1));
    YT_FAIL_IF(id >= MEMO_MAX, YT_BAD_INPUT,
               "pickle byte %zu: memo entry %llu; %zu are possible", m->op_at,
               (unsigned long long)id, MEMO_MAX);
    while (id >= m->memo_cap)
        YT_TRY(
            reserve(m, &m->memo, sizeof *m->memo, m->memo_cap, &m->memo_cap));
    if (!m->memo[id])
        m->memo_count++;
    m->memo[id] = m->stack[m->depth - 1];
    return YT_OK;
}

enum yt_status yt_machine_memo_get(struct yt_machine *m, uint64_t id)
{
    YT_FAIL_IF(id >= m->memo_cap || !m->memo[id], YT_BAD_INPUT,
               "pickle byte %zu: memo entry %llu was never set", m->op_at,
               (unsigned long long)id);
    return yt_machine_push(m, m->memo[id]);
}

enum yt_status yt_machine_append(struct yt_machine *m,
                                 struct yt_pickle_value *to,
                                 struct yt_pickle_value *item)
{
    YT_TRY(reserve(m, &to->items, sizeof *to->items, to->count, &to->cap));
    to->items[to->count++] = item;
    return YT_OK;
}

void yt_machine_deinit(struct yt_machine *m)
{
    while (m->chunks) {
        struct yt_machine_chunk *next = m->chunks->next;
        free(m->chunks);
        m->chunks = next;
    }
}
