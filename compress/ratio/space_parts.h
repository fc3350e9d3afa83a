#ifndef YT_RATIO_SPACE_PARTS_H
#define YT_RATIO_SPACE_PARTS_H

#include "compress/ratio/space.h"

/** The layers of the space's table: which groups each reads and makes. Called
 *  once, with groups and choices there.
 *  @return YT_OK; what lowering returned; YT_NO_MEMORY. */
enum yt_status yt_ratio_space_layers(struct yt_ratio_space *space);

#endif
