/* See cli/profile_print.h. */

#include "cli/profile_print.h"

#include <stdio.h>

#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/report.h"

/* Nanoseconds that step i would take at the peak of its arithmetic. */
static double ideal_ns(const struct yt_analysis_report *report, int32_t i)
{
    const struct yt_layer_analysis *a = &report->analysis->layers[i];
    return (double)a->run_flops / report->profile_peaks[a->dtype];
}

static void add_row(struct yt_table *table, const char *name,
                    const char *schedule, int64_t tasks,
                    const struct yt_profile_step *s, double ideal)
{
    char time[4][YT_TEXT_MAX], count[YT_TEXT_MAX], calls[YT_TEXT_MAX];
    char peak[YT_TEXT_MAX] = "", lost[YT_TEXT_MAX];
    if (ideal > 0)
        snprintf(peak, sizeof peak, "%.1f %%", 100 * ideal / s->kernel_ns);
    snprintf(calls, sizeof calls, "%.0f", s->calls);
    yt_table_row(table,
                 (const char *[]){name, schedule,
                                  yt_text_count((uint64_t)tasks, count), calls,
                                  yt_text_time(s->wall_ns, time[0]),
                                  yt_text_time(s->kernel_ns, time[1]),
                                  yt_text_time(s->tail_ns, time[2]),
                                  yt_text_time(s->barrier_ns, time[3]), peak,
                                  yt_text_time(s->wall_ns - ideal, lost)});
}

static void add(struct yt_profile_step *sum, const struct yt_profile_step *s)
{
    sum->kernel_ns += s->kernel_ns;
    sum->tail_ns += s->tail_ns;
    sum->barrier_ns += s->barrier_ns;
    sum->wall_ns += s->wall_ns;
    sum->calls += s->calls;
}

void yt_profile_print_text(const struct yt_analysis_report *report)
{
    const struct yt_profile *p = &report->profile;
    const struct yt_plan *plan = &report->engine->build->plan;
    struct yt_profile_step sum = {0};
    double ideal = 0;
    int64_t tasks = 0;
    char text[2][YT_TEXT_MAX];
    struct yt_table table;
    if (!p->frames)
        return;
    printf("\n%d frames on %d thread%s, medians: in the kernel, waiting for "
           "the last thread (tail), the rest of a step (barrier), and time "
           "beyond that at the peak (lost)\n\n",
           p->frames, p->threads, p->threads == 1 ? "" : "s");
    yt_table_init(&table, "lstep|lschedule|rtasks|rcalls|rtime|rkernel|rtail|"
                          "rbarrier|rpeak|rlost");
    add_row(&table, "letterbox", plan->letterbox.schedule,
            plan->letterbox.tasks, &p->letterbox, 0);
    for (int32_t i = 0; i < p->step_count; i++) {
        const struct yt_step *step = &plan->steps[i];
        add_row(&table, step->name, step->schedule, step->tasks, &p->steps[i],
                ideal_ns(report, i));
        add(&sum, &p->steps[i]);
        ideal += ideal_ns(report, i);
        tasks += step->tasks;
    }
    add_row(&table, "network", "", tasks, &sum, ideal);
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
    printf("\nthe network runs at %.1f %% of the peak; decoding and "
           "suppression take %s, a frame %s\n",
           100 * ideal / sum.wall_ns, yt_text_time(p->post_ns, text[0]),
           yt_text_time(p->frame_ns, text[1]));
}

static void add_step(struct yt_json *doc, json_t *row,
                     const struct yt_profile_step *s)
{
    yt_json_real(doc, row, "wall_ms", s->wall_ns * 1e-6);
    yt_json_real(doc, row, "kernel_ms", s->kernel_ns * 1e-6);
    yt_json_real(doc, row, "tail_ms", s->tail_ns * 1e-6);
    yt_json_real(doc, row, "barrier_ms", s->barrier_ns * 1e-6);
    yt_json_real(doc, row, "calls", s->calls);
}

void yt_profile_print_json(struct yt_json *doc,
                           const struct yt_analysis_report *report)
{
    const struct yt_profile *p = &report->profile;
    const struct yt_plan *plan = &report->engine->build->plan;
    double ideal = 0, wall = 0;
    if (!p->frames)
        return;
    json_t *object = yt_json_object(doc, NULL, "profile");
    yt_json_int(doc, object, "frames", p->frames);
    yt_json_int(doc, object, "threads", p->threads);
    yt_json_real(doc, object, "frame_ms", p->frame_ns * 1e-6);
    yt_json_real(doc, object, "postprocess_ms", p->post_ns * 1e-6);
    add_step(doc, yt_json_object(doc, object, "letterbox"), &p->letterbox);
    json_t *steps = yt_json_array(doc, object, "steps");
    for (int32_t i = 0; i < p->step_count; i++) {
        json_t *row = yt_json_element(doc, steps);
        yt_json_text(doc, row, "name", plan->steps[i].name);
        yt_json_text(doc, row, "schedule", plan->steps[i].schedule);
        yt_json_int(doc, row, "tasks", plan->steps[i].tasks);
        add_step(doc, row, &p->steps[i]);
        yt_json_real(doc, row, "peak_share",
                     ideal_ns(report, i) / p->steps[i].kernel_ns);
        ideal += ideal_ns(report, i);
        wall += p->steps[i].wall_ns;
    }
    yt_json_real(doc, object, "peak_share", ideal / wall);
}
