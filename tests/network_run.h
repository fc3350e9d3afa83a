#ifndef YT_TEST_NETWORK_RUN_H
#define YT_TEST_NETWORK_RUN_H

/* One run of a built network of 64 x 64 pixels, without an image's work around
 * it. */

#include <math.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "tuner/build/build.h"

/** Run a made-up image on two threads.
 *  @param bytes_out of the arena.
 *  @return the arena, which held no zeros before: yt_memory_free(). */
static inline char *run_network(const struct yt_build *build, size_t *bytes_out)
{
    const struct yt_open_options options = {.threads = 2};
    struct yt_model *model;
    struct yt_model_info info;
    assert_int_equal(yt_model_open(&build->bundle, &options, &model), YT_OK);
    yt_model_describe(model, &info);
    char *arena = yt_memory_alloc(info.workspace_bytes);
    assert_non_null(arena);
    memset(arena, 0xff, info.workspace_bytes);
    float *image = (float *)(void *)(arena + build->net->input);
    for (int32_t i = 0; i < 3 * 64 * 64; i++)
        image[i] = (float)((uint32_t)i * 2654435761u >> 24);
    yt_model_run_steps(model, -INFINITY, arena, 0, build->plan.step_count);
    yt_model_close(model);
    *bytes_out = info.workspace_bytes;
    return arena;
}

/** Make what is missing of a network, and its first head's values. */
static inline void first_head(struct yt_build *build, float *head, size_t count)
{
    size_t bytes;
    if (yt_build_make(build, 2) != YT_OK)
        fail_msg("%s", yt_error());
    char *arena = run_network(build, &bytes);
    memcpy(head, arena + build->net->heads[0].offset, count * sizeof *head);
    yt_memory_free(arena, bytes);
}

#endif
