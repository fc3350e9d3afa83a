/* See compress/precision/assign_solve.h. */

#include "compress/precision/assign_solve.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fail.h"

#define STEPS 1000

/* Steps that a loss takes of the bound; more than STEPS: it never fits. */
static int32_t steps_of(double loss, double largest)
{
    if (loss <= 0)
        return 0;
    const double steps = ceil(loss / largest * STEPS);
    return largest > 0 && steps <= STEPS ? (int32_t)steps : STEPS + 1;
}

/* least[b] becomes the least time of one more group within b steps. */
static void add_group(const struct yt_knapsack *k, int32_t g, double largest,
                      const double *before, double *least, int16_t *taken)
{
    for (int32_t b = 0; b <= STEPS; b++) {
        least[b] = INFINITY;
        taken[b] = -1;
        for (int32_t t = 0; t < k->types; t++) {
            const int32_t at = g * k->types + t;
            const int32_t steps = steps_of(k->loss[at], largest);
            if (isnan(k->ns[at]) || steps > b)
                continue;
            const double ns = before[b - steps] + k->ns[at];
            if (ns < least[b]) {
                least[b] = ns;
                taken[b] = (int16_t)t;
            }
        }
    }
}

enum yt_status yt_knapsack_solve(const struct yt_knapsack *k,
                                 const double *bounds, int32_t count,
                                 int32_t *choices)
{
    const size_t width = STEPS + 1;
    double *least = calloc(2 * width, sizeof *least);
    int16_t *taken = calloc((size_t)k->groups * width + 1, sizeof *taken);
    if (!least || !taken) {
        free(least);
        free(taken);
        return yt_fail(YT_NO_MEMORY, "no memory to assign %d layers",
                       k->groups);
    }
    double largest = 0;
    for (int32_t i = 0; i < count; i++)
        largest = fmax(largest, bounds[i]);
    double *before = least + width;
    for (int32_t g = 0; g < k->groups; g++) {
        double *now = g % 2 ? least + width : least;
        add_group(k, g, largest, before, now, taken + (size_t)g * width);
        before = now;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t b =
            largest > 0 ? (int32_t)floor(bounds[i] / largest * STEPS) : 0;
        for (int32_t g = k->groups - 1; g >= 0; g--) {
            const int32_t t = taken[(size_t)g * width + (size_t)b];
            choices[i * k->groups + g] = t;
            b -= steps_of(k->loss[g * k->types + t], largest);
        }
    }
    free(least);
    free(taken);
    return YT_OK;
}
