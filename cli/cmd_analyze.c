/* yolotune analyze: what each layer costs, by its shape and, once measured, by
 * the clock. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/analysis_print.h"
#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "eval/image.h"
#include "model/analyze.h"
#include "runtime/fail.h"
#include "runtime/op.h"
#include "tuner/build/host.h"

static const struct yt_manual manual = {
    .command = "analyze",
    .summary = "show what each layer of a model costs",
    .synopsis = "[--model FILE] [OPTION]...",
    .description =
        "Prints a line per layer that runs, after fusion: kind, output shape, "
        "parameters, arithmetic, bytes of weights and feature maps, and "
        "arithmetic intensity, which is FLOPs for each byte. Below stand the "
        "totals, and the arena that feature maps share against what they "
        "would take apart.\n\n"
        "Once the model was tuned on this machine there are measured columns "
        "too: time inside the running network, share of the frame, GFLOP/s, "
        "share of this machine's measured peak, the same of what its kernel "
        "multiplies (Winograd's kernels multiply less than the layer's "
        "arithmetic and can pass the peak), whether arithmetic or "
        "memory bounds the layer: its intensity against the measured peak "
        "over the measured bandwidth; and the schedule that was chosen.\n\n"
        "The cost of suppression (NMS), which depends on the picture, is "
        "measured each time as a curve over the number of candidate boxes.\n\n"
        "With --profile, frames are run and a line for each step says where "
        "their time went: in the kernel and which share of the peak that is, "
        "waiting for the last thread, and between steps. The peak is measured "
        "anew.\n\n"
        "Arithmetic counts a multiply-add as two. Parameters are those after "
        "batch normalisation was folded in. Channels are rounded up to whole "
        "vectors where a layer runs, so bytes depend on --isa.\n\n"
        "Without --model the model that comes with yolotune is analysed.",
    .examples = " yolotune analyze -m yolov5s.pt\n"
                " yolotune analyze -m yolov5s.pt --imgsz 1280 --sort bytes\n"
                " yolotune analyze -m yolov5s.pt --precision int8 --profile 100"
                "\n"
                " yolotune analyze -m yolov5s.onnx --json | jq .parameters",
};

/* The rows' order. */
static enum yt_status find_order(const char *name,
                                 const struct yt_analysis_report *report,
                                 const int32_t **order_out)
{
    if (strcmp(name, "time") == 0) {
        YT_FAIL_IF(!report->measured, YT_BAD_ARGUMENT,
                   "--sort time: nothing was measured yet; tune the model "
                   "first");
        *order_out = report->measured->by_time;
        return YT_OK;
    }
    const int order = yt_analysis_order_find(
        strcmp(name, "params") == 0 ? "parameters" : name);
    YT_FAIL_IF(order < 0, YT_BAD_ARGUMENT,
               "--sort %s: not one of execution, time, flops, parameters, "
               "bytes, intensity",
               name);
    *order_out = report->analysis->order[order];
    return YT_OK;
}

/* The figures that Ultralytics publishes count batch normalisation as one more
 * multiply-add for each output of a convolution (the unfused model, profiled
 * by thop): 16.5 G for YOLOv5s where its convolutions alone do 16.4 G. */
static enum yt_status count_as_published(const struct yt_engine *engine,
                                         struct yt_analysis_report *report)
{
    const struct yt_net_options unfused = {
        .lanes = 4,
        .h = engine->build->net->h,
        .w = engine->build->net->w,
        .no_fuse_upsample = 1,
        .no_fuse_twin = 1,
    };
    struct yt_net *net = NULL;
    YT_TRY(yt_net_lower(engine->graph, &unfused, &net));
    report->published_flops = net->flops;
    for (int32_t i = 0; i < net->layer_count; i++) {
        struct yt_tensors t;
        yt_op_tensors(&net->layers[i].problem, &t);
        if (t.weights > 0)
            report->published_flops += 2 * (uint64_t)yt_tensor_values(&t.out);
    }
    yt_net_destroy(net);
    return YT_OK;
}

static enum yt_status measure_nms(const struct yt_engine *engine,
                                  struct yt_analysis_report *report)
{
    static const int32_t boxes[YT_NMS_POINTS] = {100, 1000, 10000, 30000};
    const struct yt_plan *plan = &engine->build->plan;
    for (int i = 0; i < YT_NMS_POINTS; i++)
        report->nms[i].boxes = boxes[i];
    return yt_nms_curve(plan, report->nms, YT_NMS_POINTS);
}

struct wanted {
    struct yt_cli_engine engine;
    struct yt_precision_wish precision;
    const char *sort, *image;
    int32_t frames; /* to profile; 0: none */
};

/* The peaks beside the frames: the clock of a machine changes. */
static enum yt_status profile_frames(const struct yt_engine *engine,
                                     const struct wanted *wanted,
                                     struct yt_analysis_report *report)
{
    struct yt_picture picture = {0};
    YT_TRY(yt_cli_frame(wanted->image, &picture));
    const struct yt_image image = {
        .pixels = picture.rgb,
        .width = picture.width,
        .height = picture.height,
        .stride_bytes = 3 * (int64_t)picture.width,
        .format = YT_PIXEL_RGB,
    };
    const struct yt_profile_options options = {.frames = wanted->frames,
                                               .stop = yt_cli_stop_flag()};
    enum yt_status status = yt_profile_run(engine->build, engine->model, &image,
                                           &options, &report->profile);
    yt_picture_deinit(&picture);
    for (int t = 0; status == YT_OK && t < YT_DTYPE_COUNT; t++) {
        struct yt_peak peak;
        if (!report->analysis->types[t].layers)
            continue;
        status = yt_peak_get(engine->site->db, &engine->site->here,
                             engine->build->isa, (enum yt_dtype)t,
                             report->profile.threads, 1, &peak);
        if (status == YT_OK)
            report->profile_peaks[t] = peak.gflops_n;
    }
    return status;
}

static enum yt_status make_report(const struct wanted *w,
                                  struct yt_cli_opened *opened,
                                  struct yt_analysis_report *report)
{
    const struct yt_cli_wanted wanted = {
        .engine = &w->engine,
        .precision = &w->precision,
        .access = YT_SITE_READS,
    };
    YT_TRY(yt_cli_open(&wanted, opened));
    report->engine = opened->engine;
    yt_cli_engine_notes(report->engine);
    YT_TRY(yt_analyze(report->engine->build->net, &report->analysis));
    const enum yt_status status =
        yt_measured_read(report->engine, report->analysis, &report->measured);
    if (status != YT_OK && status != YT_NOT_FOUND && status != YT_STALE)
        return status;
    YT_TRY(count_as_published(report->engine, report));
    YT_TRY(find_order(w->sort, report, &report->order));
    YT_TRY(measure_nms(report->engine, report));
    return w->frames ? profile_frames(report->engine, w, report) : YT_OK;
}

int yt_cmd_analyze(int argc, char **argv)
{
    struct wanted wanted = {.sort = "execution"};
    struct yt_cli_opened opened = {0};
    struct yt_analysis_report report = {0};
    int32_t json = 0;
    int operand = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROWS_ENGINE(&wanted.engine),
        YT_OPTION_ROW_BANDS(&wanted.engine),
        YT_OPTION_ROWS_PRECISION(&wanted.precision),
        {"sort", 's', YT_OPTION_TEXT, "KEY", &wanted.sort, 0, 0,
         "Order of the layers: execution (default); time, flops, parameters or "
         "bytes, the largest first; intensity, the lowest first."},
        {"profile", 0, YT_OPTION_INT, "N", &wanted.frames, 1, 100000,
         "Run N frames and show where the time of each step goes."},
        {"image", 0, YT_OPTION_TEXT, "FILE", &wanted.image, 0, 0,
         "The picture to run them on (default: 1280x720 pixels of noise, in "
         "which hardly anything is found)."},
        YT_OPTION_ROW_JSON(&json),
    };
    int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand < argc)
        return yt_cli_usage("analyze", "%s: takes no arguments", argv[operand]);

    code = yt_cli_precision_check("analyze", &wanted.precision);
    if (code >= 0)
        return code;
    const enum yt_status status = make_report(&wanted, &opened, &report);
    if (status != YT_OK)
        code = yt_cli_fail(status);
    else if (json)
        code = yt_analysis_print_json(&report);
    else
        code = yt_analysis_print_text(&report);
    yt_profile_deinit(&report.profile);
    yt_measured_destroy(report.measured);
    yt_analysis_destroy(report.analysis);
    yt_cli_close(&opened);
    return code;
}
