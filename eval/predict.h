#ifndef YT_PREDICT_H
#define YT_PREDICT_H

/* A model over a data set: every picture is read, resized, run and decoded as a
 * product does it, one picture a core at a time. With several passes a picture
 * is searched by each of them, as runtime/augment.h does it. */

#include "eval/detection.h"
#include "eval/results.h"

/** The options with their defaults filled in. */
struct yt_predict_options
yt_predict_resolve(const struct yt_predict_options *options);

/** Find the objects of every picture that is not left out. Pictures that cannot
 *  be read are then left out, with a problem each, and sizes are set.
 *
 * @param bundle   borrowed; each worker opens it with one thread. A second pass
 *                 over the mirror image follows with options.flip.
 * @param options  without augment.
 * @param[out] results_out sorted; the caller's to deinit.
 * @return YT_OK; YT_INTERRUPTED; YT_BAD_INPUT when no picture could be read;
 *         what opening the bundle returned; YT_NO_MEMORY.
 */
enum yt_status yt_predict(const struct yt_bundle *bundle,
                          struct yt_dataset *dataset,
                          const struct yt_predict_options *options,
                          struct yt_results *results_out);

/** The same with passes.
 *
 * @param passes   [count], 1..YT_AUGMENT_PASSES_MAX, with the same number of
 *                 classes.
 * @param options  flip and augment say what the passes are, for
 *                 yt_accuracy_hash(), and do nothing here.
 * @return as yt_predict(); YT_BAD_ARGUMENT for passes that break a rule.
 */
enum yt_status yt_predict_passes(const struct yt_predict_pass *passes,
                                 int32_t count, struct yt_dataset *dataset,
                                 const struct yt_predict_options *options,
                                 struct yt_results *results_out);

/** Only set the sizes of pictures, for results that others computed. */
enum yt_status yt_predict_sizes(struct yt_dataset *dataset);

#endif
