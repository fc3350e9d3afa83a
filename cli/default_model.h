#ifndef YT_DEFAULT_MODEL_H
#define YT_DEFAULT_MODEL_H

/* The model and the pictures that come with yolotune (models/default/), for
 * when none are named. */

#define YT_DEFAULT_MODEL_FILE "yolotune-default.onnx"
#define YT_DEFAULT_DATA_FILE  "default.yaml"

/** The path of the default model, NULL when it is not installed. Looked for in
 *  $YOLOTUNE_DEFAULT_DIR when that is set, else in share/yolotune/default
 *  beside the executable (a build folder) or beside its folder (an
 *  installation). */
const char *yt_default_model(void);

/** The path of its data set, NULL when it is not installed. */
const char *yt_default_data(void);

#endif
