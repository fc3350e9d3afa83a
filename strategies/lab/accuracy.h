#ifndef YT_ACCURACY_H
#define YT_ACCURACY_H

/* Accuracy in the results database: an evaluation row holds what a plan is
 * worth, its speed and, once measured, its accuracy. Measuring takes minutes on
 * a large data set, so what is known is looked up first. */

#include "db/db.h"
#include "eval/map.h"
#include "eval/predict.h"

struct yt_accuracy {
    double map, map50, map75; /* NAN: nothing to be found */
    int32_t images;
    char dataset[128]; /* its name */
    char hash[33];     /* of the data set and the settings */
};

/** What a run measured, ready to be stored.
 *  @param options as given to yt_predict(). */
void yt_accuracy_of(const struct yt_dataset *dataset,
                    const struct yt_predict_options *options,
                    const struct yt_map_summary *summary,
                    struct yt_accuracy *accuracy_out);

/** The identity of (data set, settings) alone. Pictures left out since the data
 *  set was opened do not change it. */
void yt_accuracy_hash(const struct yt_dataset *dataset,
                      const struct yt_predict_options *options,
                      char hash_out[33]);

/** Look up what is known of @p plan, whose key is @p key.
 *  @return YT_OK; YT_NOT_FOUND; what the database returned. */
enum yt_status yt_accuracy_find(struct yt_db *db,
                                const struct yt_db_plan_key *key, int64_t plan,
                                const char *hash,
                                struct yt_accuracy *accuracy_out);

/** Store: a new row with the plan's newest measured speed and this accuracy,
 *  unless the newest row says just that already.
 *  @param[out] id_out the row.
 *  @return YT_OK; YT_NOT_FOUND when the plan's speed was never measured; what
 *          the database returned. */
enum yt_status yt_accuracy_store(struct yt_db *db,
                                 const struct yt_db_plan_key *key, int64_t plan,
                                 const struct yt_accuracy *accuracy,
                                 int64_t *id_out);

#endif
