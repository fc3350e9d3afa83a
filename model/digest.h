#ifndef YT_DIGEST_H
#define YT_DIGEST_H

#include <stddef.h>

/** Write a model's identity: XXH3-128 of @p bytes, canonical, in hex. */
void yt_digest_hex(const void *bytes, size_t size, char hex_out[33]);

#endif
