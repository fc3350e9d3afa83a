/* See strategies/lab/accuracy.h. */

#include "strategies/lab/accuracy.h"

#include <stdio.h>
#include <string.h>

#include "model/digest.h"
#include "runtime/fail.h"
#include "tuner/build/numerics.h"

void yt_accuracy_hash(const struct yt_dataset *dataset,
                      const struct yt_predict_options *options,
                      char hash_out[33])
{
    const struct yt_predict_options o = yt_predict_resolve(options);
    char text[320];
    int length = snprintf(text, sizeof text,
                          "%s conf %a iou %a max %d single %d exact %d "
                          "agnostic %d",
                          dataset->hash, (double)o.conf, o.iou, o.max_det,
                          o.single_label, o.exact_nms, o.class_agnostic);
    /* Settings that came later are named when they are not the default: hashes
     * from before stay. */
    const struct {
        const char *name;
        int32_t value;
    } later[] = {
        {"fit", (int32_t)o.fit},      {"filter", (int32_t)o.filter},
        {"candidates", o.candidates}, {"flip", o.flip},
        {"augment", o.augment},
    };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (later[i].value != 0)
            length += snprintf(text + length, sizeof text - (size_t)length,
                               " %s %d", later[i].name, later[i].value);
    yt_digest_hex(text, (size_t)length, hash_out);
}

void yt_accuracy_of(const struct yt_dataset *dataset,
                    const struct yt_predict_options *options,
                    const struct yt_map_summary *summary,
                    struct yt_accuracy *accuracy_out)
{
    *accuracy_out = (struct yt_accuracy){
        .map = summary->map,
        .map50 = summary->map50,
        .map75 = summary->map75,
        .images = summary->images,
    };
    snprintf(accuracy_out->dataset, sizeof accuracy_out->dataset, "%s",
             dataset->name);
    yt_accuracy_hash(dataset, options, accuracy_out->hash);
}

/* ------------------------------------------------------------------ rows */

/* Rows come oldest first: the last ones stay. */
struct search {
    int64_t plan;
    const char *hash;
    struct yt_db_evaluation newest; /* of the plan alone; of its texts, which
                                       are borrowed, only numerics: a copy */
    char numerics[YT_NUMERICS_MAX];
    int newest_is_known; /* 1: accuracy of this hash too */
    int any;
    struct yt_accuracy known;
    int found;
};

static enum yt_status on_row(void *user, const struct yt_db_evaluation *row,
                             const struct yt_db_plan_key *key)
{
    struct search *s = user;
    (void)key;
    if (row->plan != s->plan)
        return YT_OK;
    const int known =
        row->images > 0 && strcmp(row->dataset_hash, s->hash) == 0;
    /* A configuration around the plan has the plan's accuracy, but a speed of
     * its own. */
    if (row->configuration == NULL || row->configuration[0] == '\0') {
        s->newest = *row;
        s->newest.dataset = s->newest.dataset_hash = NULL;
        s->newest.configuration = NULL;
        snprintf(s->numerics, sizeof s->numerics, "%s",
                 row->numerics ? row->numerics : "");
        s->newest.numerics = s->numerics;
        s->newest_is_known = known;
        s->any = 1;
    }
    if (!known)
        return YT_OK;
    s->found = 1;
    s->known = (struct yt_accuracy){
        .map = row->map,
        .map50 = row->map50,
        .map75 = row->map75,
        .images = row->images,
    };
    snprintf(s->known.dataset, sizeof s->known.dataset, "%s", row->dataset);
    snprintf(s->known.hash, sizeof s->known.hash, "%s", row->dataset_hash);
    return YT_OK;
}

static enum yt_status search(struct yt_db *db, const struct yt_db_plan_key *key,
                             struct search *s)
{
    const struct yt_db_evaluation_query query = {
        .here = key->here,
        .model = key->model,
        .h = key->h,
        .w = key->w,
        .isa = key->isa,
        .threads = key->threads,
        .precision = key->precision,
    };
    return yt_db_evaluations(db, &query, on_row, s);
}

enum yt_status yt_accuracy_find(struct yt_db *db,
                                const struct yt_db_plan_key *key, int64_t plan,
                                const char *hash,
                                struct yt_accuracy *accuracy_out)
{
    struct search s = {.plan = plan, .hash = hash};
    YT_TRY(search(db, key, &s));
    YT_FAIL_IF(!s.found, YT_NOT_FOUND,
               "plan %lld was not evaluated on this data set", (long long)plan);
    *accuracy_out = s.known;
    return YT_OK;
}

static int same(double a, double b)
{
    return a == b || (a != a && b != b);
}

enum yt_status yt_accuracy_store(struct yt_db *db,
                                 const struct yt_db_plan_key *key, int64_t plan,
                                 const struct yt_accuracy *accuracy,
                                 int64_t *id_out)
{
    struct search s = {.plan = plan, .hash = accuracy->hash};
    YT_TRY(search(db, key, &s));
    YT_FAIL_IF(!s.any, YT_NOT_FOUND,
               "the speed of plan %lld was never measured, so its accuracy has "
               "no row to stand in",
               (long long)plan);
    if (s.newest_is_known && s.known.images == accuracy->images &&
        same(s.known.map, accuracy->map) &&
        same(s.known.map50, accuracy->map50) &&
        same(s.known.map75, accuracy->map75)) {
        *id_out = s.newest.id;
        return YT_OK;
    }
    struct yt_db_evaluation row = s.newest;
    row.map = accuracy->map;
    row.map50 = accuracy->map50;
    row.map75 = accuracy->map75;
    row.images = accuracy->images;
    row.dataset = accuracy->dataset;
    row.dataset_hash = accuracy->hash;
    row.compared = 0;
    row.created_ms = 0;
    return yt_db_evaluation_put(db, &row, id_out);
}
