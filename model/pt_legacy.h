#ifndef YT_PT_LEGACY_H
#define YT_PT_LEGACY_H

/* What torch.save wrote before PyTorch 1.6, and does still when asked: no zip,
 * but one after the other
 *
 *      pickles     a magic number, 1001, {"little_endian": True, ...}
 *      pickle      what was saved; tensors name their storages by keys
 *      pickle      the keys, a list of texts
 *      storages    in the order of the keys: elements (8 bytes), then those
 *
 * How large an element is, only those who name the storage say. */

#include <stdbool.h>

#include "model/pt_pickle.h"

struct yt_legacy;

/** Whether a file begins like one. */
bool yt_legacy_is(const void *bytes, size_t size);

/** Read what stands before the pickle.
 *  @param bytes borrowed until yt_legacy_close().
 *  @return YT_OK; YT_BAD_INPUT; YT_UNSUPPORTED for another protocol or
 *          big-endian numbers; YT_NO_MEMORY. */
enum yt_status yt_legacy_open(const void *bytes, size_t size,
                              struct yt_legacy **legacy_out);

/** NULL is fine. */
void yt_legacy_close(struct yt_legacy *legacy);

/** The pickle and whatever follows it, borrowed. */
const void *yt_legacy_pickle(const struct yt_legacy *legacy, size_t *size_out);

/** Find the storages, which lie behind the pickle that was read from there.
 *  @param pickle borrowed until yt_legacy_close().
 *  @return YT_OK; YT_BAD_INPUT where they are not as the keys or the tensors
 *          have it; YT_NO_MEMORY. */
enum yt_status yt_legacy_index(struct yt_legacy *legacy,
                               const struct yt_pickle *pickle);

/** A storage's elements, borrowed.
 *  @return YT_OK; YT_BAD_INPUT when there is none of the key. */
enum yt_status yt_legacy_find(const struct yt_legacy *legacy, const char *key,
                              size_t key_length, const void **bytes_out,
                              size_t *size_out);

#endif
