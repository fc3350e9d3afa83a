#ifndef YT_PT_PICKLE_H
#define YT_PT_PICKLE_H

/* A pickle as inert data. Nothing is imported, called or constructed: a global
 * is a label, a call is an OBJECT node that remembers whom it would have called
 * and with what. Values may share and contain each other in cycles, so a reader
 * of them follows known paths and never the whole tree. */

#include <stddef.h>

#include "model/pt_value.h"
#include "yolotune/status.h"

struct yt_pickle;

/** Read the pickle of @p size bytes.
 *
 * @param bytes  borrowed until yt_pickle_destroy().
 * @param[out] pickle_out  owned by the caller.
 * @return YT_OK; YT_BAD_INPUT naming byte and opcode; YT_NO_MEMORY.
 */
enum yt_status yt_pickle_read(const void *bytes, size_t size,
                              struct yt_pickle **pickle_out);

/** NULL is fine. Every value goes with it. */
void yt_pickle_destroy(struct yt_pickle *pickle);

/** The value the pickle stands for. */
const struct yt_pickle_value *yt_pickle_root(const struct yt_pickle *pickle);

/** Bytes of it: others may follow. */
size_t yt_pickle_end(const struct yt_pickle *pickle);

/** The PERSID read last, which leads to the others by state; NULL: none. */
const struct yt_pickle_value *
yt_pickle_last_persid(const struct yt_pickle *pickle);

#endif
