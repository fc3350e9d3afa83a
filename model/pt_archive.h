#ifndef YT_PT_ARCHIVE_H
#define YT_PT_ARCHIVE_H

/* The zip torch.save writes since PyTorch 1.6, or what it wrote before
 * (model/pt_legacy.h). The zip:
 *
 *      NAME/data.pkl     the pickle
 *      NAME/data/KEY     a storage's elements, little-endian, dense
 *      NAME/byteorder    "little", in newer ones
 *      NAME/version
 *
 * with one folder NAME for all ("archive", or the file's own name). */

#include <stddef.h>
#include <stdint.h>

#include "model/pt_pickle.h"

struct yt_archive;

/** @param bytes  borrowed until yt_archive_close().
 *  @return YT_OK; YT_BAD_INPUT for a damaged zip or one without a data.pkl;
 *          YT_UNSUPPORTED for TorchScript and big-endian files;
 *          YT_NO_MEMORY. */
enum yt_status yt_archive_open(const void *bytes, size_t size,
                               struct yt_archive **archive_out);

/** NULL is fine. */
void yt_archive_close(struct yt_archive *archive);

/** Read NAME/data.pkl.
 *  @param[out] bytes_out  owned by the caller: free(). */
enum yt_status yt_archive_read_pickle(struct yt_archive *archive,
                                      void **bytes_out, size_t *size_out);

/** Tell the archive the pickle that was read from it, before any storage is
 *  asked for. @param pickle borrowed until yt_archive_close().
 *  @return YT_OK; as yt_legacy_index(). */
enum yt_status yt_archive_index(struct yt_archive *archive,
                                const struct yt_pickle *pickle);

/** Read NAME/data/KEY, which must hold exactly @p size bytes.
 *  @param[out] bytes_out  owned by the caller: free(). */
enum yt_status yt_archive_read_storage(struct yt_archive *archive,
                                       const char *key, size_t key_length,
                                       size_t size, void **bytes_out);

#endif
