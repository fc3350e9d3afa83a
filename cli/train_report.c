/* See cli/train_report.h. */

#include "cli/train_report.h"

#include <stdio.h>

#include "cli/json.h"

int yt_train_print_text(const struct yt_train_job *job)
{
    const struct yt_train_result *r = &job->result;
    char steps[YT_TEXT_MAX], pictures[YT_TEXT_MAX], time[YT_TEXT_MAX];
    printf("%s on %s at %dx%d%s: %s steps, %s pictures, %s%s\n",
           job->graph->name, job->pictures->name, job->train.h, job->train.w,
           job->int8 ? ", int8" : "", yt_text_count((uint64_t)r->steps, steps),
           yt_text_count((uint64_t)r->pictures, pictures),
           yt_text_time(1e9 * r->seconds, time),
           r->interrupted ? ", interrupted" : "");
    printf("mAP %.4f before, %.4f after, best at step %lld, on %d pictures\n",
           r->start_map, r->best_map, (long long)r->best_step,
           yt_dataset_used(job->measured));
    if (r->halved > 0)
        printf("the learning rate was halved %d time%s, since the loss was not "
               "finite\n",
               r->halved, r->halved == 1 ? "" : "s");
    if (r->interrupted)
        printf("%s holds what --resume goes on from\n", job->train.checkpoint);
    printf("%s\n", job->out);
    return YT_EXIT_OK;
}

int yt_train_print_json(const struct yt_train_job *job)
{
    const struct yt_train_result *r = &job->result;
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "model", job->graph->name);
    yt_json_text(&doc, NULL, "dataset", job->pictures->name);
    yt_json_text(&doc, NULL, "out", job->out);
    const int32_t h = job->train.h, w = job->train.w;
    yt_json_int(&doc, NULL, "imgsz", h > w ? h : w);
    yt_json_int(&doc, NULL, "height", h);
    yt_json_int(&doc, NULL, "width", w);
    yt_json_text(&doc, NULL, "precision", job->int8 ? "int8" : "fp32");
    yt_json_int(&doc, NULL, "steps", r->steps);
    yt_json_int(&doc, NULL, "pictures", r->pictures);
    yt_json_int(&doc, NULL, "epochs", r->epochs);
    yt_json_real(&doc, NULL, "seconds", r->seconds);
    yt_json_real(&doc, NULL, "map_before", r->start_map);
    yt_json_real(&doc, NULL, "map_after", r->best_map);
    yt_json_int(&doc, NULL, "best_step", r->best_step);
    yt_json_int(&doc, NULL, "images", yt_dataset_used(job->measured));
    yt_json_real(&doc, NULL, "loss_before", r->start_loss);
    yt_json_real(&doc, NULL, "loss_after", r->end_loss);
    yt_json_int(&doc, NULL, "halved", r->halved);
    yt_json_bool(&doc, NULL, "interrupted", r->interrupted);
    yt_json_bool(&doc, NULL, "resumed", r->resumed);
    return yt_json_print(&doc);
}
