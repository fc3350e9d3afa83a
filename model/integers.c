#include "model/net.h"

#include <stdlib.h>
#include <string.h>

void yt_integers_deinit(struct yt_integers *integers)
{
    free(integers->weights);
    free(integers->start);
    free(integers->scale);
    free(integers->in_zero);
    free(integers->in_step);
    free(integers->out_gain);
    free(integers->out_zero);
    free(integers->add_gain);
    memset(integers, 0, sizeof *integers);
}
