#ifndef YT_STAGING_H
#define YT_STAGING_H

/* Files that appear in a folder all at the end or not at all: they are made in
 * a hidden folder inside it, on the same file system, then renamed.
 *
 *   DIR/.yolotune-export-XXXXXX/work/   intermediate files
 *   DIR/.yolotune-export-XXXXXX/out/    the files to be, at their paths
 */

#include <stddef.h>

#include "yolotune/status.h"

#define YT_STAGING_FOLDERS_MAX 64
#define YT_STAGING_FILES_MAX   32

struct yt_staging {
    char *dir;                          /* as the caller wrote it */
    char *work;                         /* DIR/.yolotune-export-XXXXXX/work */
    char *out;                          /* DIR/.yolotune-export-XXXXXX/out */
    char *made[YT_STAGING_FOLDERS_MAX]; /* folders to remove on failure */
    size_t made_count;
    char *files[YT_STAGING_FILES_MAX]; /* below out/, in order of commit */
    size_t file_count;
    int committed;
};

/** Create the folders; @p dir and its parents too when they are absent.
 *
 * On failure too yt_staging_end() must follow.
 *
 * @return YT_OK; YT_BAD_ARGUMENT when @p dir, or a parent, is no folder; YT_IO
 *         when one cannot be created; YT_NO_MEMORY.
 */
enum yt_status yt_staging_begin(struct yt_staging *s, const char *dir);

/** Announce the file out/@p path, e.g. "lib/libx.a": its folder is created,
 *  and yt_staging_commit() will move it. */
enum yt_status yt_staging_add(struct yt_staging *s, const char *path);

/** yt_staging_add(), and write the file. @return YT_OK; YT_IO naming it. */
enum yt_status yt_staging_write(struct yt_staging *s, const char *path,
                                const void *bytes, size_t size);

/** Write work/@p name. @return YT_OK; YT_IO naming DIR. */
enum yt_status yt_staging_write_work(const struct yt_staging *s,
                                     const char *name, const void *bytes,
                                     size_t size);

/** Size in bytes of the announced file out/@p path; -1 when it is absent. */
long long yt_staging_bytes(const struct yt_staging *s, const char *path);

/** Move every announced file into place, replacing what is there.
 *
 * @return YT_OK; YT_BAD_ARGUMENT when a folder stands where a file belongs
 *         (nothing was moved then); YT_IO.
 */
enum yt_status yt_staging_commit(struct yt_staging *s);

/** Remove the hidden folder and, unless committed, every folder that was
 *  created. yt_error() is left as it was. */
void yt_staging_end(struct yt_staging *s);

#endif
