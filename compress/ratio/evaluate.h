#ifndef YT_EVALUATE_H
#define YT_EVALUATE_H

/* The accuracy of a graph that is not kept: what a training or a search asks
 * after every change of weights. */

#include "compress/quant/quantisation.h"
#include "eval/dataset.h"
#include "eval/detection.h"
#include "tuner/build/site.h"

/** Run a graph over a data set on a site's kernels and compute COCO's mean
 *  average precision. Kernels that the site lacks are compiled and stay there,
 *  so that the same network with other weights costs no compilation.
 *
 * @param site         borrowed; its database is not looked at.
 * @param quantisation which arithmetic each convolution uses, of a graph of the
 *                     same structure; borrowed; NULL: f32.
 * @param h            input height, pixels.
 * @param w            input width, pixels.
 * @param dataset      labelled, its classes numbered as the graph's
 *                     (yt_dataset_match_classes()). Pictures that cannot be
 *                     read are left out with a problem each.
 * @param options      NULL: all defaults. Without workers, a picture for each
 *                     CPU of the host.
 * @param[out] map_out 0..1.
 * @return YT_OK; YT_BAD_INPUT when no picture could be read or none shows an
 *         object; what lowering, compiling or running returned, YT_INTERRUPTED
 *         by options.stop included; YT_NO_MEMORY. */
enum yt_status
yt_evaluate_graph(const struct yt_site *site, const struct yt_graph *graph,
                  const struct yt_quantisation *quantisation, int32_t h,
                  int32_t w, struct yt_dataset *dataset,
                  const struct yt_predict_options *options, double *map_out);

#endif
