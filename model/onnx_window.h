#ifndef YT_ONNX_WINDOW_H
#define YT_ONNX_WINDOW_H

/* What the visitors of feature maps share: model/onnx_net.c has those that go
 * element by element, model/onnx_window.c those that go over windows. */

#include "model/onnx_scope.h"
#include "model/onnx_square.h"

/* onnx_net.c */

/** Input @p i of node @p n, or NULL where it's absent. */
const struct yt_onnx_value *
yt_onnx_input_value(const struct yt_onnx_scope *scope, int32_t n, int32_t i);

/** Whether a value, or NULL, is a feature map. */
int yt_onnx_is_net(const struct yt_onnx_value *value);

/** The feature map behind input 0, or what becomes one.
 *  @return YT_OK; YT_UNSUPPORTED naming who made something else; YT_BAD_INPUT;
 *          YT_NO_MEMORY. */
enum yt_status yt_onnx_feature_map(struct yt_onnx_scope *scope, int32_t n,
                                   int32_t *net_out);

/** Let output 0 of node @p n be a feature map of sane size. */
enum yt_status yt_onnx_finish(struct yt_onnx_scope *scope, int32_t n,
                              const struct yt_onnx_net *net);

/* onnx_window.c */

/** A convolution that takes the mean of a window of each channel of net @p x;
 *  h or w is below 1 where the window is larger than the input. */
struct yt_onnx_net yt_onnx_mean_of(const struct yt_onnx_scope *scope, int32_t n,
                                   int32_t x,
                                   const struct yt_onnx_window *window);

/** Whether a net joins convolutions and nothing else. */
int yt_onnx_joins_convs(const struct yt_onnx_scope *scope,
                        const struct yt_onnx_net *net);

/** The visitors of the operators of these names. */
enum yt_status yt_onnx_visit_conv(struct yt_onnx_scope *scope, int32_t n);
enum yt_status yt_onnx_visit_norm(struct yt_onnx_scope *scope, int32_t n);
enum yt_status yt_onnx_visit_resize(struct yt_onnx_scope *scope, int32_t n);

#endif
