/* A model's identity in the database: quick to compute on a 200 MB checkpoint,
 * long enough that two files never share it by accident. It guards against
 * mix-ups, not against forgery. */

#include "model/digest.h"

#include <stdio.h>
#include <xxhash.h>

void yt_digest_hex(const void *bytes, size_t size, char hex_out[33])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, size));
    for (int i = 0; i < 16; i++)
        snprintf(hex_out + 2 * i, 3, "%02x", canonical.digest[i]);
}
