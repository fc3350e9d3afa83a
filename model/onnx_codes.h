#ifndef YT_ONNX_CODES_H
#define YT_ONNX_CODES_H

/* Quantised networks: QuantizeLinear and DequantizeLinear, and what computes
 * with codes (ConvInteger, behind DynamicQuantizeLinear). Weights are
 * computed from their codes, (code - zero point) * scale; a feature map that
 * is quantised and dequantised stays the feature map it was, and the range
 * that its codes cover is kept in its net. Codes are only moved about before
 * they are numbers again, by the scale and zero point they were made with:
 * whatever else a file does with them is refused. */

#include "model/onnx_scope.h"

/** Steps of evaluation that a weight takes, at most, where
 *  yt_onnx_codes_are_stored(). */
#define YT_ONNX_CODE_STEPS 8

/** Fill in the outputs of node @p n, whose inputs are known.
 *  @return YT_OK; YT_NOT_FOUND when the operator isn't one of these;
 *          YT_BAD_INPUT, YT_UNSUPPORTED naming the node. */
enum yt_status yt_onnx_codes_visit(struct yt_onnx_scope *scope, int32_t n);

/** Whether node @p n may read what its inputs stand for, before it is visited.
 *  @return YT_OK; YT_UNSUPPORTED naming the node. */
enum yt_status yt_onnx_codes_check(const struct yt_onnx_scope *scope,
                                   int32_t n);

/** What the outputs of node @p n stand for, once it was visited by another
 *  than yt_onnx_codes_visit(): the same as its inputs. */
void yt_onnx_codes_pass(struct yt_onnx_scope *scope, int32_t n);

/** Whether value @p v is computed, number by number, from codes or numbers that
 *  the file has. */
int yt_onnx_codes_are_stored(const struct yt_onnx_scope *scope, int32_t v);

#endif
