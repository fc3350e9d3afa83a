/* Which arrangements there are, one measurement each, a table of them. */

#include "cli/bench_parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "runtime/fail.h"
#include "runtime/stages.h"

#define DEFAULT_BUDGET_NS UINT64_C(2000000000)

/* An hour: only the frames end it. */
#define NO_BUDGET_NS UINT64_C(3600000000000)

static const char latency[] = "latency", throughput[] = "throughput",
                  pipeline[] = "pipeline", all[] = "all";

/* ------------------------------------------------------------ arrangements */

int yt_parallel_parse(const char *text, struct yt_parallel_mode *mode_out)
{
    static const struct {
        const char *name;
        int split; /* may be followed by :GROUPSxTHREADS */
    } modes[] = {{latency, 0}, {throughput, 1}, {pipeline, 1}, {all, 0}};
    if (!text)
        text = latency;
    const char *split = strchr(text, ':');
    const size_t length = split ? (size_t)(split - text) : strlen(text);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct yt_parallel_mode mode = {.name = modes[i].name};
        if (strlen(mode.name) != length ||
            strncmp(text, mode.name, length) != 0)
            continue;
        int end = 0;
        if (split && (!modes[i].split ||
                      sscanf(split, ":%3dx%3d%n", &mode.groups, &mode.threads,
                             &end) != 2 ||
                      split[end] != 0 || mode.groups < 1 || mode.threads < 1))
            return 0;
        *mode_out = mode;
        return 1;
    }
    return 0;
}

static void add_row(struct yt_parallel *p, const char *mode, int32_t groups,
                    int32_t threads)
{
    if (p->row_count == YT_PARALLEL_ROWS_MAX)
        return;
    const int staged = mode == pipeline;
    p->rows[p->row_count++] = (struct yt_parallel_row){
        .mode = mode,
        .batch = {.instances = staged ? 1 : groups,
                  .threads = threads,
                  .stages = staged ? groups : 1,
                  .pin = p->pin},
    };
}

/* One image on 1, 2, 4 ... and all threads; images, then stages, on every even
 * split of all threads. */
static void add_all(struct yt_parallel *p, int32_t threads, int32_t steps)
{
    for (int32_t t = 1; t < threads; t *= 2)
        add_row(p, latency, 1, t);
    add_row(p, latency, 1, threads);
    for (int32_t groups = 2; groups <= threads; groups++)
        if (threads % groups == 0)
            add_row(p, throughput, groups, threads / groups);
    for (int32_t groups = 2; groups <= threads && groups <= steps; groups++)
        if (threads % groups == 0)
            add_row(p, pipeline, groups, threads / groups);
}

static void add_rows(struct yt_parallel *p, int32_t threads, int32_t steps)
{
    const struct yt_parallel_mode *mode = &p->mode;
    p->row_count = 0;
    if (mode->name == all) {
        add_all(p, threads, steps);
    } else if (mode->name == latency) {
        add_row(p, latency, 1, threads);
    } else if (mode->groups > 0) {
        add_row(p, mode->name, mode->groups, mode->threads);
    } else {
        /* Stages are at least two. */
        const int32_t least = mode->name == pipeline ? 2 : 1;
        add_row(p, mode->name, threads < least ? least : threads, 1);
    }
}

/* ------------------------------------------------------------- measurement */

static enum yt_status measure_row(const struct yt_parallel *p,
                                  const struct yt_engine *engine,
                                  const struct yt_image *image, double *costs,
                                  struct yt_parallel_row *row)
{
    const struct yt_bundle *bundle = &engine->build->bundle;
    struct yt_throughput_options options = {
        .batch = row->batch,
        .detect = {.conf = p->conf},
        .frames = p->frames,
        .background_load = p->background_load,
        .stop = p->stop,
    };
    options.budget_ns = p->budget_ns ? p->budget_ns
                        : p->frames  ? NO_BUDGET_NS
                                     : DEFAULT_BUDGET_NS;
    if (row->batch.stages > 1) {
        YT_TRY(yt_throughput_step_costs(bundle, image, &options.detect,
                                        row->batch.threads, costs));
        options.batch.step_costs = costs;
        options.batch.step_cost_count = yt_stages_items(bundle->plan);
    }
    return yt_throughput_measure(bundle, image, 1, &options, &row->result);
}

enum yt_status yt_parallel_measure(struct yt_parallel *parallel,
                                   const struct yt_engine *engine,
                                   const struct yt_image *image)
{
    const struct yt_plan *plan = &engine->build->plan;
    const int32_t items = yt_stages_items(plan);
    double *costs = calloc((size_t)items, sizeof *costs);
    YT_FAIL_IF(!costs, YT_NO_MEMORY, "no memory for %d steps' costs", items);
    add_rows(parallel, engine->threads, plan->step_count);
    const int32_t rows = parallel->row_count;
    enum yt_status status = YT_OK;
    for (int32_t i = 0; i < rows && status == YT_OK; i++) {
        status =
            measure_row(parallel, engine, image, costs, &parallel->rows[i]);
        parallel->row_count = i + (status == YT_OK);
    }
    /* What was measured before a signal is shown. */
    if (status == YT_INTERRUPTED && parallel->row_count > 0)
        status = YT_OK;
    free(costs);
    return status;
}

/* ------------------------------------------------------------------- output */

void yt_parallel_print(const struct yt_parallel *parallel)
{
    struct yt_table table;
    yt_table_init(&table, "lmode|rgroups x threads|rframes/s|rmedian|rp95|rp99|"
                          "rframes|rworkspaces");
    for (int32_t i = 0; i < parallel->row_count; i++) {
        const struct yt_parallel_row *row = &parallel->rows[i];
        const struct yt_throughput *r = &row->result;
        char cells[4][YT_TEXT_MAX], split[48], fps[48], frames[24];
        snprintf(split, sizeof split, "%d x %d",
                 r->stages > 1 ? r->stages : r->instances, r->threads);
        snprintf(fps, sizeof fps, "%.1f", r->fps);
        snprintf(frames, sizeof frames, "%d", r->frames);
        yt_table_row(
            &table, (const char *[]){
                        row->mode, split, fps,
                        yt_text_time(r->latency.median_ns, cells[0]),
                        yt_text_time(r->latency.p95_ns, cells[1]),
                        yt_text_time(r->latency.p99_ns, cells[2]), frames,
                        yt_text_bytes((uint64_t)r->workspace_bytes, cells[3])});
    }
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

void yt_parallel_json(const struct yt_parallel *parallel, struct yt_json *doc)
{
    json_t *array = yt_json_array(doc, NULL, "parallel");
    for (int32_t i = 0; i < parallel->row_count; i++) {
        const struct yt_parallel_row *row = &parallel->rows[i];
        const struct yt_throughput *r = &row->result;
        json_t *object = yt_json_element(doc, array);
        yt_json_text(doc, object, "mode", row->mode);
        yt_json_int(doc, object, "instances", r->instances);
        yt_json_int(doc, object, "threads", r->threads);
        yt_json_int(doc, object, "stages", r->stages);
        yt_json_bool(doc, object, "pin", parallel->pin);
        yt_json_int(doc, object, "background_load", parallel->background_load);
        yt_json_real(doc, object, "fps", r->fps);
        json_t *times = yt_json_object(doc, object, "latency_ms");
        yt_json_real(doc, times, "min", r->latency.min_ns * 1e-6);
        yt_json_real(doc, times, "median", r->latency.median_ns * 1e-6);
        yt_json_real(doc, times, "p95", r->latency.p95_ns * 1e-6);
        yt_json_real(doc, times, "p99", r->latency.p99_ns * 1e-6);
        yt_json_int(doc, object, "frames", r->frames);
        yt_json_int(doc, object, "workspace_bytes", r->workspace_bytes);
    }
}
