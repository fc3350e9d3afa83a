#ifndef YT_REPLACE_H
#define YT_REPLACE_H

/* A file is replaced by a whole new one or stays as it was: what is written
 * goes beside its place, is flushed to the disk, and takes the place by its
 * name. */

#include <stddef.h>

struct yt_replace {
    int fd;       /* to write to */
    char *place;  /* where the new file goes; owned */
    char *beside; /* its name so far; owned. Both NULL: fd is the place */
};

/** Begin. What stands at @p path is left alone. Of a link it is what the link
 *  leads to that will be replaced; what is this process's own output or error
 *  output, as /dev/stdout, is written to as it is.
 *  @return 0; else an errno: EEXIST where no ordinary file stands there. */
int yt_replace_begin(const char *path, struct yt_replace *replace_out);

/** Write all of it. @return 0; else an errno. */
int yt_replace_write(const struct yt_replace *replace, const void *bytes,
                     size_t size);

/** End: put the new file in its place if @p keep, else remove it.
 *  @param replace  used up.
 *  @return 0; else an errno, and the new file is gone. */
int yt_replace_end(struct yt_replace *replace, int keep);

/** All of it at once. @return 0; else an errno. */
int yt_replace_file(const char *path, const void *bytes, size_t size);

/** Whether both name one file that is there. */
int yt_is_same_file(const char *a, const char *b);

#endif
