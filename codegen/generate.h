#ifndef YT_GENERATE_H
#define YT_GENERATE_H

/* Bodies of the probes; see enum yt_probe. Those of problems are in the rows of
 * codegen/algos.inc. */

#include "codegen/emit.h"

void yt_generate_probe_dot(struct yt_emit *e, enum yt_dtype dtype);
void yt_generate_probe_read(struct yt_emit *e);

#endif
