#ifndef YT_PT_MACHINE_H
#define YT_PT_MACHINE_H

/* The state of a pickle being read: what pt_pickle.c's opcodes work on. */

#include "model/pt_value.h"
#include "yolotune/status.h"

struct yt_machine {
    struct yt_machine_chunk *chunks; /* the arena, newest first */
    size_t arena_bytes;
    const uint8_t *bytes;
    size_t size, at;
    size_t op_at;                        /* where the current opcode stands */
    struct yt_pickle_value *last_persid; /* and those before it, by state */
    struct yt_pickle_value **stack;
    size_t depth, stack_cap;
    size_t *marks; /* the stack's depth at each mark */
    size_t mark_count, mark_cap;
    struct yt_pickle_value **memo;
    size_t memo_count, memo_cap; /* count: what MEMOIZE numbers by */
};

/** Zeroed memory that lives as long as the machine.
 *  @param[out] memory_out  a pointer to any object type. */
enum yt_status yt_machine_allocate(struct yt_machine *m, size_t bytes,
                                   void *memory_out);
void yt_machine_deinit(struct yt_machine *m);

/** The next @p count bytes of input, raw or as a little-endian number. */
enum yt_status yt_machine_take(struct yt_machine *m, size_t count,
                               const uint8_t **bytes_out);
enum yt_status yt_machine_take_little(struct yt_machine *m, size_t count,
                                      uint64_t *value_out);

enum yt_status yt_machine_push(struct yt_machine *m,
                               struct yt_pickle_value *value);
enum yt_status yt_machine_push_new(struct yt_machine *m,
                                   enum yt_pickle_kind kind,
                                   struct yt_pickle_value **value_out);

/** The depth below which values belong to whoever set the last mark. */
size_t yt_machine_floor(const struct yt_machine *m);

/** Fail unless @p count values stand above the last mark. */
enum yt_status yt_machine_need(const struct yt_machine *m, size_t count);

enum yt_status yt_machine_push_mark(struct yt_machine *m);
enum yt_status yt_machine_pop_mark(struct yt_machine *m, size_t *from_out);

/** Remember the top of the stack, or push what was remembered. */
enum yt_status yt_machine_memo_put(struct yt_machine *m, uint64_t id);
enum yt_status yt_machine_memo_get(struct yt_machine *m, uint64_t id);

enum yt_status yt_machine_append(struct yt_machine *m,
                                 struct yt_pickle_value *to,
                                 struct yt_pickle_value *item);

#endif
