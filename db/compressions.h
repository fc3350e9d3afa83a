#ifndef YT_DB_COMPRESSIONS_H
#define YT_DB_COMPRESSIONS_H

/* Networks made smaller: which ratio each group of layers got, what that gained
 * and cost on this host, and what else was an option. */

#include "db/db.h"

/** A group of channels, or a convolution whose blocks went. */
struct yt_db_compression_group {
    const char *name;      /* of its first layer: "model.2.cv1" */
    int64_t before, after; /* channels, or blocks that are not all zeros */
};

/** What else would have been as fast, or as accurate. */
struct yt_db_compression_rival {
    const char *name; /* as "yolov5n-448x448-int8" */
    double ns;        /* of the network; median */
    double map;       /* NAN: not measured */
};

struct yt_db_compression {
    struct yt_db_here here;
    int64_t model;         /* the dense one */
    int64_t result;        /* the smaller one */
    int64_t teacher;       /* 0: none */
    const char *kind;      /* "channels", "blocks" or "none" */
    const char *wish;      /* "max-map-drop 0.01" or "min-fps 30" */
    const char *isa;       /* name */
    const char *precision; /* measured in: "fp32", "int8" */
    int32_t threads;
    int32_t dense_h, dense_w;     /* input of the dense one, pixels */
    int32_t h, w;                 /* of the smaller one */
    double before_ns, after_ns;   /* of the network, medians in turn */
    double map_before, map_after; /* NAN: not measured */
    double drop_low, drop_high;   /* of 100 drawings of images, 95 lose between
                                     these of mAP; NAN: not measured */
    const char *dataset;          /* that accuracy was measured on */
    const char *dataset_hash;
    int32_t images;
    double train_seconds;
    int64_t train_pictures; /* seen in training */
    const char *verdict;    /* against the rivals, a sentence */

    const struct yt_db_compression_group *groups;
    int32_t group_count;
    const struct yt_db_compression_rival *rivals;
    int32_t rival_count;

    /* Filled in by queries; put ignores id, and created_ms 0 means now. */
    int64_t id;
    int64_t created_ms;
};

/** Add a compression with its groups and rivals. */
enum yt_status
yt_db_compression_put(struct yt_db *db,
                      const struct yt_db_compression *compression,
                      int64_t *id_out);

/** Called once per row, without groups and rivals. Anything but YT_OK ends the
 *  query, which returns it. The callback must not call functions on the same
 *  db. */
typedef enum yt_status (*yt_db_compression_fn)(
    void *user, const struct yt_db_compression *compression);

/** Read those of one host and toolchain, newest first. No rows is YT_OK.
 *  @param model  the dense one; 0: any. */
enum yt_status yt_db_compressions(struct yt_db *db,
                                  const struct yt_db_here *here, int64_t model,
                                  yt_db_compression_fn fn, void *user);

#endif
