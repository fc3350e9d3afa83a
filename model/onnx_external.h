#ifndef YT_ONNX_EXTERNAL_H
#define YT_ONNX_EXTERNAL_H

/* Data that tensors of an ONNX file keep in other files beside it. */

#include "model/onnx_file.h"

/** Take such data into the model, which is then as if it had held them.
 *
 * @param model      of yt_onnx_open().
 * @param folder     where the file lies: other files are named from there and
 *                   lie in it or below, also where links lead.
 * @param[out] digest_out [33] of all that was read, in hex; "": nothing was.
 * @return YT_OK; YT_NOT_FOUND, YT_IO for a file that cannot be read;
 *         YT_BAD_INPUT for a place outside of the folder or of the file;
 *         YT_NO_MEMORY. */
enum yt_status yt_onnx_external_load(YtOnnx__ModelProto *model,
                                     const char *folder, char digest_out[33]);

#endif
