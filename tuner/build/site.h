#ifndef YT_SITE_H
#define YT_SITE_H

/* Where things are built and measured: this machine, the instruction set that
 * code is made for, the database, and the kernels that were compiled so far.
 * Opened once; whatever a process builds, it builds on one site. No LLVM, no
 * SQLite in this header. */

#include "db/db.h"
#include "model/graph.h"
#include "tuner/build/host.h"
#include "tuner/build/kernels.h"

/** What is done with the database. */
enum yt_site_access {
    YT_SITE_WRITES, /* made when it is missing */
    YT_SITE_KEEPS,  /* writes; where the default place cannot be written, to
                       memory: see in_memory. A place that is named is meant */
    YT_SITE_READS,  /* nothing is written; none is no error, nor a default
                       place that cannot be looked at */
    YT_SITE_TRIES,  /* writes, or where that cannot be, reads */
    YT_SITE_ALONE   /* without one */
};

#define YT_SITE_NOTE_MAX 512

struct yt_site_options {
    const char *isa; /* name; NULL: the widest this CPU has */
    const char *db;  /* path; NULL: the default one */
    enum yt_site_access access;
};

struct yt_site {
    struct yt_host host;
    const struct yt_isa *isa;
    struct yt_kernels *kernels; /* of isa; builds of all graphs share them */
    struct yt_db *db;           /* NULL: none */
    struct yt_db_here here;     /* zeros: the database knows nothing of here */
    char in_memory[YT_SITE_NOTE_MAX]; /* why the database is gone at the end;
                                         "": it is not, or was asked to be */
};

/** @return YT_OK; YT_BAD_ARGUMENT, YT_UNSUPPORTED for the instruction set; what
 *          reading the host, the database or starting the JIT returned. */
enum yt_status yt_site_open(const struct yt_site_options *options,
                            struct yt_site **site_out);

/** Nothing that was built on it may be left. NULL is fine. */
void yt_site_close(struct yt_site *site);

/** The row of a graph, by what it computes; added when the site writes.
 *  @param flops of one frame.
 *  @param[out] id_out 0: there is none.
 *  @return YT_OK; what the database returned. */
enum yt_status yt_site_model(const struct yt_site *site,
                             const struct yt_graph *graph, uint64_t parameters,
                             uint64_t flops, int64_t *id_out);

#endif
