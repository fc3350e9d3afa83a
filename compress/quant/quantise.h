#ifndef YT_QUANTISE_H
#define YT_QUANTISE_H

/* From a quantisation to the integers of a lowered network. */

#include "model/net.h"
#include "compress/quant/quantisation.h"

/** Fill in layers[].integers wherever a layer has integers in it.
 *
 * @param weight_max of u8s8 weights: YT_S8_WEIGHT_MAX or _PAIRS.
 * @return YT_OK; YT_BAD_INPUT naming a layer whose range was not observed;
 *         YT_NO_MEMORY.
 */
enum yt_status yt_quantise(struct yt_net *net, const struct yt_graph *graph,
                           const struct yt_quantisation *q, int32_t weight_max);

#endif
