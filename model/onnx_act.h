#ifndef YT_ONNX_ACT_H
#define YT_ONNX_ACT_H

/* Activations of an ONNX graph. Exporters spell one in many ways, so they are
 * asked what they do with numbers rather than recognised. */

#include "model/onnx_scope.h"

/** Whether a value is an activation of one feature map, element by element.
 *
 * @param v a LAZY value.
 * @param[out] net_out what it would be in the network; its node is the value's
 *                     producer. Written when it is one.
 */
int yt_onnx_act_find(struct yt_onnx_scope *scope, int32_t v,
                     struct yt_onnx_net *net_out);

#endif
