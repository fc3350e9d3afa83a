#ifndef YT_GENERATE_H
#define YT_GENERATE_H

/* One generator per operator: emits the body of an open function. */

#include "codegen/emit.h"
#include "codegen/schedule.h"

typedef void (*yt_generator)(struct yt_emit *e, const struct yt_problem *p,
                             const struct yt_schedule *s);

/** Bodies of the probes; see enum yt_probe. */
void yt_generate_probe_dot(struct yt_emit *e, enum yt_dtype dtype);
void yt_generate_probe_read(struct yt_emit *e);

void yt_generate_conv2d(struct yt_emit *e, const struct yt_problem *p,
                        const struct yt_schedule *s);
/** YT_ALGO_LAZY of a CONV2D with lazy > 0. */
void yt_generate_conv_lazy(struct yt_emit *e, const struct yt_problem *p,
                           const struct yt_schedule *s);
void yt_generate_sppf(struct yt_emit *e, const struct yt_problem *p,
                      const struct yt_schedule *s);
void yt_generate_maxpool(struct yt_emit *e, const struct yt_problem *p,
                         const struct yt_schedule *s);
void yt_generate_upsample(struct yt_emit *e, const struct yt_problem *p,
                          const struct yt_schedule *s);
void yt_generate_convert(struct yt_emit *e, const struct yt_problem *p,
                         const struct yt_schedule *s);
void yt_generate_letterbox(struct yt_emit *e, const struct yt_problem *p,
                           const struct yt_schedule *s);
void yt_generate_decode(struct yt_emit *e, const struct yt_problem *p,
                        const struct yt_schedule *s);
void yt_generate_iou(struct yt_emit *e, const struct yt_problem *p,
                     const struct yt_schedule *s);

#endif
