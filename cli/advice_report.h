#ifndef YT_ADVICE_REPORT_H
#define YT_ADVICE_REPORT_H

/* The advisor's answer as text and as a JSON document. */

#include "strategies/advice/advisor.h"

struct yt_advice_report {
    struct yt_lab *lab;
    const struct yt_advice *advice;
    const char *out;      /* folder of the export, or NULL */
    int32_t default_data; /* 1: model and pictures are yolotune's own */
};

void yt_advice_print_text(const struct yt_advice_report *report);

/** @return an enum yt_exit. */
int yt_advice_print_json(const struct yt_advice_report *report);

#endif
