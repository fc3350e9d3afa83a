/* See tuner/build/numerics.h. */

#include "tuner/build/numerics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/algo.h"
#include "model/digest.h"
#include "runtime/fail.h"

double yt_schedule_inexactness(const struct yt_problem *p,
                               const struct yt_schedule *s,
                               const struct yt_isa *isa)
{
    struct yt_schedule usual;
    yt_schedule_default(p, isa, &usual);
    const double tolerance = yt_schedule_tolerance(p, s, isa);
    const double same = yt_schedule_tolerance(p, &usual, isa);
    /* An algorithm that has a rule of its own rounds in its own way, also where
     * the figure happens to be the same. */
    const int same_rule =
        yt_algo_get(s->algo)->tolerance == yt_algo_get(usual.algo)->tolerance;
    return same_rule && tolerance <= same && tolerance >= same ? 0 : tolerance;
}

static void digest_of(const char *text, char numerics_out[YT_NUMERICS_MAX])
{
    char hex[33];
    yt_digest_hex(text, strlen(text), hex);
    memcpy(numerics_out, hex, YT_NUMERICS_MAX - 1);
    numerics_out[YT_NUMERICS_MAX - 1] = 0;
}

enum yt_status yt_numerics_of(const struct yt_build *build,
                              char numerics_out[YT_NUMERICS_MAX])
{
    const size_t line = YT_LAYER_NAME_MAX + YT_SCHEDULE_NAME_MAX + 32;
    const size_t size = (size_t)build->net->layer_count * line + 1;
    char *text = malloc(size);
    size_t used = 0;
    YT_FAIL_IF(!text, YT_NO_MEMORY, "no memory to compare %d layers",
               build->net->layer_count);
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_layer *layer = &build->net->layers[i];
        const struct yt_schedule *s = &build->schedules[i];
        const double past =
            yt_schedule_inexactness(&layer->problem, s, build->isa);
        if (past > 0)
            used +=
                (size_t)snprintf(text + used, size - used, "%s %s %.3g\n",
                                 layer->name, yt_algo_get(s->algo)->name, past);
    }
    numerics_out[0] = 0;
    if (used)
        digest_of(text, numerics_out);
    free(text);
    return YT_OK;
}

void yt_numerics_join(const char (*each)[YT_NUMERICS_MAX], int32_t count,
                      char numerics_out[YT_NUMERICS_MAX])
{
    char text[8 * YT_NUMERICS_MAX] = "";
    size_t used = 0;
    int inexact = 0;
    for (int32_t i = 0; i < count; i++) {
        inexact |= each[i][0] != 0;
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s/", each[i]);
    }
    if (count == 1)
        memcpy(numerics_out, each[0], YT_NUMERICS_MAX);
    else if (inexact)
        digest_of(text, numerics_out);
    else
        numerics_out[0] = 0;
}
