#ifndef YT_BENCH_PARALLEL_H
#define YT_BENCH_PARALLEL_H

/* yolotune bench --parallel: one network on several arrangements of threads. */

#include "cli/json.h"
#include "tuner/build/engine.h"
#include "tuner/measure/throughput.h"

/** What --parallel names; groups and threads 0: the default. */
struct yt_parallel_mode {
    const char *name; /* "latency", "throughput", "pipeline" or "all" */
    int32_t groups, threads;
};

/** Read "throughput:4x2" and the like; NULL is "latency".
 *  @return 1; 0 when it is none. */
int yt_parallel_parse(const char *text, struct yt_parallel_mode *mode_out);

/** One arrangement and what it gave. */
struct yt_parallel_row {
    const char *mode;
    struct yt_batch_options batch;
    struct yt_throughput result;
};

#define YT_PARALLEL_ROWS_MAX 64

struct yt_parallel {
    struct yt_parallel_mode mode;
    int32_t pin, background_load;
    int32_t frames;           /* of each arrangement; 0: as the budget has it */
    uint64_t budget_ns;       /* of each arrangement; 0: two seconds, or as
                                 long as the frames take */
    float conf;               /* 0: 0.25 */
    const volatile int *stop; /* NULL, or end early */

    struct yt_parallel_row rows[YT_PARALLEL_ROWS_MAX];
    int32_t row_count; /* those measured */
};

/** Fill in the rows; when stopped, those before the one at hand.
 *  @return YT_OK; what yt_throughput_measure() returned. */
enum yt_status yt_parallel_measure(struct yt_parallel *parallel,
                                   const struct yt_engine *engine,
                                   const struct yt_image *image);

void yt_parallel_print(const struct yt_parallel *parallel);
void yt_parallel_json(const struct yt_parallel *parallel, struct yt_json *doc);

#endif
