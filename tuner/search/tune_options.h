#ifndef YT_TUNE_OPTIONS_H
#define YT_TUNE_OPTIONS_H

/* What a search is told, and what it tells while it works. */

#include <stdint.h>

#include "yolotune/runtime.h"

/** Where the work stands, for progress lines. Strings are borrowed. */
struct yt_progress_event {
    const char *phase;      /* "search", "in-network", "threads", "evaluate" */
    const char *layer;      /* a layer's name, or "" */
    const char *problem;    /* its problem's name, or "" */
    int32_t tried, planned; /* candidates of this phase */
    int32_t done_layers, layers; /* distinct problems finished, in all */
    double best_gflops;          /* of this problem so far; 0: none yet */
    double first_gflops;         /* of its default schedule */
    double peak_gflops;          /* of the machine, same threads */
    double elapsed_s, left_s;    /* left_s < 0: unknown */
};

struct yt_tune_options {
    uint64_t budget_ns;       /* of the whole search; 0 means 150 s */
    const volatile int *stop; /* NULL, or end early when it is not 0; what was
                                 measured stays */
    void (*progress)(void *user, const struct yt_progress_event *event);
    void *user;
    const struct yt_image *image;    /* frames to evaluate with */
    const struct yt_image *pictures; /* [picture_count], to see on them that
                                        inexact kernels do no harm; none: the
                                        image is taken */
    int32_t picture_count;
    int64_t max_kernel_bytes; /* as yt_build_kernel_bytes() counts; 0: any */
    int32_t copies;           /* workspaces that the limit is for; 0: one */
    int32_t peak_threads; /* the result's peak is of as many; 0: the engine's */
    int32_t exhaustive;   /* 1: after the search, try the rest of the space for
                             as long as the budget lasts */
};

#endif
