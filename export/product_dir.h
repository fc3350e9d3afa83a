#ifndef YT_PRODUCT_DIR_H
#define YT_PRODUCT_DIR_H

/* Where the runtime that exports link lies: a folder with libyt_runtime.a and
 * include/ (runtime/ and yolotune/). Built by cmake/product.cmake, installed
 * as PREFIX/lib/yolotune. */

#include "yolotune/status.h"

/** Find it: $YOLOTUNE_RUNTIME_DIR and nothing else when that is set; otherwise
 *  the build folder or the installation the executable is part of.
 *
 * @param[out] path_out absolute, owned by the caller (free()).
 * @return YT_OK; YT_NOT_FOUND; YT_NO_MEMORY.
 */
enum yt_status yt_export_find_runtime(char **path_out);

#endif
