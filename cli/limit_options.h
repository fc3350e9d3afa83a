#ifndef YT_LIMIT_OPTIONS_H
#define YT_LIMIT_OPTIONS_H

/* What a recommendation has to keep to. */

#include "cli/cli.h"

/** @p wishes is a struct yt_wishes; @p max_latency_ns a uint64_t, since times
 *  are read as whole nanoseconds. */
#define YT_OPTION_ROWS_LIMITS(wishes, max_latency_ns)                          \
    {"min-fps",                                                                \
     0,                                                                        \
     YT_OPTION_REAL,                                                           \
     "N",                                                                      \
     &(wishes)->min_fps,                                                       \
     0.001,                                                                    \
     1e6,                                                                      \
     "Least pictures per second."},                                            \
        {"max-latency",                                                        \
         0,                                                                    \
         YT_OPTION_TIME,                                                       \
         "TIME",                                                               \
         max_latency_ns,                                                       \
         0,                                                                    \
         0,                                                                    \
         "Most time of a picture, 99th percentile, e.g. 20ms."},               \
        {"min-map",                                                            \
         0,                                                                    \
         YT_OPTION_REAL,                                                       \
         "MAP",                                                                \
         &(wishes)->min_map,                                                   \
         0,                                                                    \
         1,                                                                    \
         "Least mAP at overlaps 0.50:0.95, 0 to 1."},                          \
        {"max-map-drop",                                                       \
         0,                                                                    \
         YT_OPTION_REAL,                                                       \
         "DROP",                                                               \
         &(wishes)->max_map_drop,                                              \
         0,                                                                    \
         1,                                                                    \
         "Most mAP below the baseline's."},                                    \
        {"max-memory",                                                         \
         0,                                                                    \
         YT_OPTION_BYTES,                                                      \
         "BYTES",                                                              \
         &(wishes)->max_memory_bytes,                                          \
         0,                                                                    \
         0,                                                                    \
         "Most memory of a product, e.g. 64MiB: tensors of the pictures "      \
         "under "                                                              \
         "way, weights and code."},                                            \
        {"max-size",                                                           \
         0,                                                                    \
         YT_OPTION_BYTES,                                                      \
         "BYTES",                                                              \
         &(wishes)->max_size_bytes,                                            \
         0,                                                                    \
         0,                                                                    \
         "Most bytes of weights and code in a library."}

#endif
