#ifndef YT_PLAN_TEXT_H
#define YT_PLAN_TEXT_H

/* A plan as text: what a database keeps, and a user moves between machines. */

#include "tuner/build/build.h"

/** Longest name of a precision, with its terminating zero. */
#define YT_PRECISION_MAX 48

/** The name that plans of a quantisation are stored under: "f32" for NULL or
 *  when all is f32, else "int8-" (bf16-, int16-, mixed-) and its hash. */
void yt_precision_name(const struct yt_quantisation *q,
                       const struct yt_graph *graph,
                       char name_out[YT_PRECISION_MAX]);

/** The plan as text, one line per step; parses back with yt_plan_text_read().
 *  A quantisation is part of it.
 *  @param configuration the choices around it, as a line of their own, or NULL.
 *  malloc'ed, the caller's to free; NULL when out of memory. */
char *yt_plan_text_write(const struct yt_build *build,
                         const char *configuration);

/** What a plan's text is for: its first lines. */
struct yt_plan_head {
    char model[64];
    char configuration[192]; /* "": none is named */
    char isa[16];
    int32_t h, w, threads;
    int32_t bands;                    /* 1: its network runs in bands */
    char precision[YT_PRECISION_MAX]; /* yt_precision_name(); "f32": the text
                                         has no quantisation */
};

/** @return YT_OK; YT_BAD_INPUT naming the line that is not understood. */
enum yt_status yt_plan_text_head(const char *text,
                                 struct yt_plan_head *head_out);

/** The quantisation that a plan's text holds: what a network that is to run the
 *  plan has to be created with.
 *  @param[out] q_out the caller's; NULL: all is f32.
 *  @return YT_OK; YT_BAD_INPUT naming the line, or when it is not what the head
 *          says; YT_STALE when it is another graph's; YT_NO_MEMORY. */
enum yt_status yt_plan_text_quantisation(const struct yt_graph *graph,
                                         const char *text,
                                         struct yt_quantisation **q_out);

/** Set the schedules and threads a plan's text names; layers are matched by
 *  their problems, in order. Bands that it names have to be the network's, if
 *  that has any; without, its schedules serve as well.
 *  @return YT_OK; YT_BAD_INPUT naming the line; YT_STALE when the plan is for
 *          another network, size, ISA or precision. Nothing is set unless
 *          YT_OK. */
enum yt_status yt_plan_text_read(struct yt_build *build, const char *text);

#endif
