/* yolotune-losses: one batch of heads on standard input, its loss and gradient
 * on standard output; bench/loss_check.py compares them with PyTorch's.
 *
 *     int32  0: labels or 1: a teacher, batch, h, w, heads, na, nc, targets
 *     a head int32 stride, f32 [na][2] anchors in pixels
 *     f32    the heads, [batch][na*(5+nc)][h/stride][w/stride] each
 *     then   the teacher's heads, or struct yt_label [targets]
 *
 * Answered by f64 box, objectness, classes and total, or the total alone, and
 * the gradients, f32, in the form of the heads. */

#include <stdio.h>
#include <stdlib.h>

#include "runtime/fail.h"
#include "train/loss/detection.h"
#include "train/loss/distill.h"

enum kind { LABELS, TEACHER };

struct header {
    int32_t kind, batch, h, w, heads, na, nc, targets;
};

struct job {
    struct header header;
    struct yt_graph graph;
    size_t counts[YT_LEVELS_MAX];
    float *student[YT_LEVELS_MAX], *teacher[YT_LEVELS_MAX];
    float *gradients[YT_LEVELS_MAX];
    struct yt_label *targets;
};

static enum yt_status take(void *to, size_t bytes)
{
    YT_FAIL_IF(fread(to, 1, bytes, stdin) != bytes, YT_BAD_INPUT,
               "the input ends too early");
    return YT_OK;
}

static enum yt_status give(const void *from, size_t bytes)
{
    YT_FAIL_IF(fwrite(from, 1, bytes, stdout) != bytes, YT_IO,
               "the answer cannot be written");
    return YT_OK;
}

static enum yt_status make(float **to, size_t count)
{
    *to = malloc(count * sizeof **to);
    YT_FAIL_IF(!*to, YT_NO_MEMORY, "no memory for a head");
    return YT_OK;
}

static enum yt_status take_head(struct job *job, int32_t i)
{
    const struct header *header = &job->header;
    struct yt_graph_head *head = &job->graph.heads[i];
    YT_TRY(take(&head->stride, sizeof head->stride));
    YT_FAIL_IF(head->stride < 1 || header->h % head->stride != 0 ||
                   header->w % head->stride != 0,
               YT_BAD_INPUT, "stride %d does not divide the size",
               head->stride);
    YT_TRY(take(head->anchors, (size_t)header->na * sizeof head->anchors[0]));
    job->counts[i] =
        (size_t)header->batch * (size_t)header->na * (size_t)(5 + header->nc) *
        (size_t)(header->h / head->stride) * (size_t)(header->w / head->stride);
    YT_TRY(make(&job->student[i], job->counts[i]));
    YT_TRY(make(&job->teacher[i], job->counts[i]));
    return make(&job->gradients[i], job->counts[i]);
}

static enum yt_status take_job(struct job *job)
{
    struct header *header = &job->header;
    YT_TRY(take(header, sizeof *header));
    YT_FAIL_IF(header->batch < 1 || header->h < 1 || header->w < 1 ||
                   header->heads < 1 || header->heads > YT_LEVELS_MAX ||
                   header->na < 1 || header->na > YT_ANCHORS_MAX ||
                   header->nc < 1 || header->targets < 0,
               YT_BAD_INPUT, "no such batch");
    job->graph.head_count = header->heads;
    job->graph.na = header->na;
    job->graph.nc = header->nc;
    for (int32_t i = 0; i < header->heads; i++)
        YT_TRY(take_head(job, i));
    for (int32_t i = 0; i < header->heads; i++)
        YT_TRY(take(job->student[i], job->counts[i] * sizeof(float)));
    for (int32_t i = 0; header->kind == TEACHER && i < header->heads; i++)
        YT_TRY(take(job->teacher[i], job->counts[i] * sizeof(float)));
    const size_t count = (size_t)header->targets;
    job->targets = calloc(count + 1, sizeof *job->targets);
    YT_FAIL_IF(!job->targets, YT_NO_MEMORY, "no memory for targets");
    return take(job->targets, count * sizeof *job->targets);
}

static enum yt_status answer_labels(const struct job *job)
{
    const struct header *header = &job->header;
    const struct yt_detection_gains gains =
        yt_detection_gains(&job->graph, header->h, header->w);
    struct yt_detection_loss loss;
    YT_TRY(yt_detection_loss(&job->graph, header->batch, header->h, header->w,
                             (const float *const *)job->student, job->targets,
                             header->targets, &gains, job->gradients, &loss));
    const double parts[] = {loss.box, loss.objectness, loss.classes,
                            loss.total};
    return give(parts, sizeof parts);
}

static enum yt_status answer_teacher(const struct job *job)
{
    const struct header *header = &job->header;
    const struct yt_distill_gains gains = yt_distill_gains();
    double loss = 0;
    YT_TRY(yt_distill_heads(&job->graph, header->batch, header->h, header->w,
                            (const float *const *)job->student,
                            (const float *const *)job->teacher, &gains,
                            job->gradients, &loss));
    return give(&loss, sizeof loss);
}

static enum yt_status serve(struct job *job)
{
    YT_TRY(take_job(job));
    YT_TRY(job->header.kind == TEACHER ? answer_teacher(job)
                                       : answer_labels(job));
    for (int32_t i = 0; i < job->header.heads; i++)
        YT_TRY(give(job->gradients[i], job->counts[i] * sizeof(float)));
    return YT_OK;
}

int main(void)
{
    struct job job = {.targets = NULL};
    const enum yt_status status = serve(&job);
    if (status != YT_OK)
        (void)fprintf(stderr, "yolotune-losses: %s\n", yt_error());
    for (int32_t i = 0; i < YT_LEVELS_MAX; i++) {
        free(job.student[i]);
        free(job.teacher[i]);
        free(job.gradients[i]);
    }
    free(job.targets);
    return status == YT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
