#ifndef YT_BACKGROUND_H
#define YT_BACKGROUND_H

/* Threads that keep cores busy, for measuring beside other work as products
 * do: a decoder, a game, another camera. */

#include <stdint.h>

#include "yolotune/status.h"

struct yt_background;

/** Start @p threads threads that compute at this process's priority until
 *  yt_background_end(): multiply-adds from registers, so that they compete for
 *  time and not for caches.
 *
 * @param threads 0..YT_BACKGROUND_MAX.
 * @param[out] background_out owned by the caller; NULL on failure.
 * @return YT_OK; YT_BAD_ARGUMENT; YT_NO_MEMORY; YT_IO when a thread cannot be
 *         started.
 */
enum yt_status yt_background_begin(int32_t threads,
                                   struct yt_background **background_out);

#define YT_BACKGROUND_MAX 1024

/** NULL is fine. */
void yt_background_end(struct yt_background *background);

#endif
