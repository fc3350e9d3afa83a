/* Busy threads. */

#include "tuner/measure/background.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/random.h"
#include "runtime/fail.h"

enum { CHAINS = 8, ROUNDS = 4096 };

struct yt_background {
    atomic_int stop;
    atomic_int sink; /* what was computed: else it need not be */
    int32_t started;
    pthread_t threads[];
};

static void *burn(void *argument)
{
    struct yt_background *background = argument;
    float sums[CHAINS] = {0};
    uint32_t mixed = 1;
    while (!atomic_load_explicit(&background->stop, memory_order_relaxed))
        for (int i = 0; i < ROUNDS; i++) {
            for (int chain = 0; chain < CHAINS; chain++)
                sums[chain] = sums[chain] * 0.999f + 0.5f;
            (void)yt_random_lcg(&mixed);
        }
    for (int chain = 0; chain < CHAINS; chain++)
        mixed += (uint32_t)sums[chain];
    atomic_store(&background->sink, (int)(mixed & 0xffff));
    return NULL;
}

enum yt_status yt_background_begin(int32_t threads,
                                   struct yt_background **background_out)
{
    *background_out = NULL;
    YT_FAIL_IF(threads < 0 || threads > YT_BACKGROUND_MAX, YT_BAD_ARGUMENT,
               "%d threads of background load: want 0..%d", threads,
               YT_BACKGROUND_MAX);
    struct yt_background *background =
        calloc(1, sizeof *background + (size_t)threads * sizeof(pthread_t));
    YT_FAIL_IF(!background, YT_NO_MEMORY,
               "no memory for %d threads of background load", threads);
    for (int32_t i = 0; i < threads; i++) {
        const int error =
            pthread_create(&background->threads[i], NULL, burn, background);
        if (error != 0) {
            yt_background_end(background);
            return yt_fail(
                YT_IO, "cannot start thread %d of background load: errno %d",
                i + 1, error);
        }
        background->started++;
    }
    *background_out = background;
    return YT_OK;
}

void yt_background_end(struct yt_background *background)
{
    if (!background)
        return;
    atomic_store(&background->stop, 1);
    for (int32_t i = 0; i < background->started; i++)
        pthread_join(background->threads[i], NULL);
    free(background);
}
