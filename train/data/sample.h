#ifndef YT_SAMPLE_H
#define YT_SAMPLE_H

/* One picture to train with: one of a source, or a mosaic of four, changed by
 * what a seed says. */

#include <stdint.h>

#include "train/data/augment.h"
#include "train/data/source.h"
#include "train/loss/detection.h"

/** The seed of thing @p b of thing @p a of a seed. */
uint64_t yt_sample_seed(uint64_t seed, uint64_t a, uint64_t b);

/** 0..n-1. @pre n > 0 */
int32_t yt_sample_below(uint64_t *random, int32_t n);

/** Targets that grow in number; all zero: none yet. */
struct yt_target_list {
    struct yt_label *items;
    int32_t count, cap;
};

/** @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_target_list_add(struct yt_target_list *list,
                                  const struct yt_label *target);

void yt_target_list_deinit(struct yt_target_list *list);

/** Makes pictures, one at a time. */
struct yt_sampler;

/** @param source       borrowed until close.
 *  @param augmentation likewise.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_sampler_open(struct yt_source *source,
                               const struct yt_augmentation *augmentation,
                               int32_t h, int32_t w,
                               struct yt_sampler **sampler_out);

/** NULL is fine. */
void yt_sampler_close(struct yt_sampler *sampler);

/** Picture @p i of the source changed by @p seed, on which all depends.
 *
 * @param image_out [3][h][w].
 * @param list      what is on it, after what was in the list; their image is
 *                  @p slot.
 * @return YT_OK; YT_BAD_INPUT when no picture can be read; YT_NO_MEMORY. */
enum yt_status yt_sampler_make(struct yt_sampler *sampler, uint64_t seed,
                               int32_t i, int32_t slot, float *image_out,
                               struct yt_target_list *list);

#endif
