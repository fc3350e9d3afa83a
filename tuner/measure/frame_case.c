/* See tuner/measure/frame_case.h. What an operator needs is a row: how much
 * memory, what goes into it, how it is run and compared. */

#include "tuner/measure/frame_case.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "runtime/memory.h"
#include "runtime/nms.h"
#include "runtime/workspace.h"
#include "tuner/measure/nms_curve.h"

#define GUARD_BYTE  0xa5
#define GUARD_BYTES 64

/* As a network is asked by default. */
#define CONF 0.25f
#define IOU  0.45f

/* Candidates come in so many sets, taken in turn, as no frame is like the last:
 * of one set alone a CPU learns the branches by heart (141 us became 81 for
 * 10,000). Together they stay in the caches. */
#define SETS_MAX   16
#define SETS_BYTES (1 << 20)

/* What a score or, in input pixels, a coordinate may be off by: a few units in
 * the last place of either sigmoid. */
#define TOLERANCE 1e-6

/* Columns of candidates: x0 y0 x1 y1 score class. */
#define COLUMNS 6

struct nms_args {
    struct yt_candidates sets[SETS_MAX];
    int32_t set_count;
    int32_t *turn; /* of the set that is next */
    struct yt_step step;
    int32_t count, classes;
    void *scratch;
    int32_t *kept; /* [1 + count], the number first */
};

struct yt_frame_case {
    struct yt_problem problem;
    const struct yt_isa *isa;
    const struct part *part;
    int64_t in_bytes, work_bytes, out_bytes;
    char *in, *work, *want;
    char *guarded; /* GUARD_BYTES, output, GUARD_BYTES */
    int32_t turn;  /* of NMS: the set of candidates that is next */
    union {
        struct yt_letterbox_args letterbox;
        struct yt_decode_args decode;
        struct nms_args nms;
    } args;
};

/* What one operator needs. */
struct part {
    enum yt_op op;
    yt_kernel_fn kernel_c;
    void (*size)(struct yt_frame_case *c);
    void (*fill)(struct yt_frame_case *c);            /* in and args */
    void (*point)(struct yt_frame_case *c, char *to); /* args write there */
    int (*same)(const struct yt_frame_case *c, const char *got,
                double *error_out);
};

/* ----------------------------------------------------------- letterbox */

static int32_t picture_w(const struct yt_letterbox *p)
{
    return 2 * p->w;
}

static int32_t picture_h(const struct yt_letterbox *p)
{
    const int32_t h = picture_w(p) * 9 / 16;
    return h > 0 ? h : 1;
}

static void size_letterbox(struct yt_frame_case *c)
{
    const struct yt_letterbox *p = &c->problem.u.letterbox;
    c->in_bytes = 3 * (int64_t)picture_w(p) * picture_h(p);
    c->work_bytes = yt_letterbox_table_bytes(p->h, p->w);
    c->out_bytes = ((int64_t)p->h + 2 * p->pad) * ((int64_t)p->w + 2 * p->pad) *
                   3 * yt_dtype_bytes(c->problem.dtype);
}

static void fill_letterbox(struct yt_frame_case *c)
{
    const struct yt_letterbox *p = &c->problem.u.letterbox;
    const struct yt_image image = {
        .pixels = (const uint8_t *)c->in,
        .width = picture_w(p),
        .height = picture_h(p),
        .stride_bytes = 3 * (int64_t)picture_w(p),
        .format = YT_PIXEL_RGB,
    };
    const struct yt_framing framing = {.h = p->h, .w = p->w};
    uint32_t seed = 1;
    for (int64_t i = 0; i < c->in_bytes; i++)
        c->in[i] = (char)(yt_random_lcg(&seed) >> 24);
    yt_letterbox_setup(&image, &framing, &c->problem, c->work, c->want,
                       &c->args.letterbox);
}

static void point_letterbox(struct yt_frame_case *c, char *to)
{
    c->args.letterbox.out = to;
}

static int same_bytes(const struct yt_frame_case *c, const char *got,
                      double *error_out)
{
    *error_out = 0;
    return memcmp(got, c->want, (size_t)c->out_bytes) == 0;
}

/* -------------------------------------------------------------- decode */

static int64_t decode_tasks(const struct yt_decode *p)
{
    return (int64_t)p->na * p->h;
}

static int64_t decode_cells(const struct yt_decode *p)
{
    return decode_tasks(p) * p->w;
}

/* The output is the columns of candidates, one after the other, then counts. */
static void size_decode(struct yt_frame_case *c)
{
    const struct yt_decode *p = &c->problem.u.decode;
    const int32_t lanes = c->isa->lanes;
    const int64_t channels = yt_head_channels(p->na, p->nc, p->bins);
    const int64_t blocks = (channels + lanes - 1) / lanes;
    c->in_bytes = 4 * blocks * p->h * p->w * lanes;
    c->out_bytes = 4 * (COLUMNS * decode_cells(p) + decode_tasks(p));
}

static void fill_decode(struct yt_frame_case *c)
{
    const struct yt_decode *p = &c->problem.u.decode;
    const int64_t lanes = c->isa->lanes;
    const int64_t cells = (int64_t)p->h * p->w;
    float *head = (float *)c->in;
    uint32_t seed = 2;
    for (int64_t i = 0; i < c->in_bytes / 4; i++) {
        const int64_t channel = i / (cells * lanes) * lanes + i % lanes;
        /* A cell has nc classes, a hundredth of which would be most cells. */
        const int is_object = p->bins ? channel >= 4 * (int64_t)p->bins
                                      : channel % (5 + p->nc) == 4;
        const int is_there =
            yt_random_unit(&seed) < (p->bins ? 0.01f / (float)p->nc : 0.01f);
        head[i] =
            4 * yt_random_unit(&seed) - 2 + (is_object ? is_there ? 3 : -8 : 0);
    }
    c->args.decode = (struct yt_decode_args){
        .head = head,
        .lanes = c->isa->lanes,
        .na = p->na,
        .nc = p->nc,
        .bins = p->bins,
        .h = p->h,
        .w = p->w,
        .stride = p->stride,
        .min_logit = yt_decode_min_logit(CONF),
        .conf = CONF,
    };
    for (int32_t a = 0; a < p->na && a < YT_ANCHORS_MAX; a++)
        c->args.decode.anchors[a][0] = c->args.decode.anchors[a][1] =
            (float)(p->stride * (2 + a));
}

static struct yt_candidates columns_at(void *memory, int64_t rows)
{
    float *f = memory;
    return (struct yt_candidates){
        f,
        f + rows,
        f + 2 * rows,
        f + 3 * rows,
        f + 4 * rows,
        (int32_t *)(f + 5 * rows),
    };
}

static void point_decode(struct yt_frame_case *c, char *to)
{
    const int64_t cells = decode_cells(&c->problem.u.decode);
    c->args.decode.out = columns_at(to, cells);
    c->args.decode.counts = (int32_t *)(to + 4 * COLUMNS * cells);
}

/* How far a candidate is off: boxes in parts of the largest that its cell can
 * have, scores in parts of one. */
static double candidate_error(const struct yt_candidates *want,
                              const struct yt_candidates *got, int64_t i,
                              double extent)
{
    const double errors[] = {
        fabs((double)want->x0[i] - (double)got->x0[i]) / extent,
        fabs((double)want->y0[i] - (double)got->y0[i]) / extent,
        fabs((double)want->x1[i] - (double)got->x1[i]) / extent,
        fabs((double)want->y1[i] - (double)got->y1[i]) / extent,
        fabs((double)want->score[i] - (double)got->score[i]),
    };
    double worst = 0;
    for (size_t k = 0; k < sizeof errors / sizeof errors[0]; k++)
        worst = errors[k] > worst ? errors[k] : worst;
    return worst;
}

static int same_decode(const struct yt_frame_case *c, const char *got,
                       double *error_out)
{
    const struct yt_decode *p = &c->problem.u.decode;
    const int64_t cells = decode_cells(p);
    const struct yt_candidates want = columns_at(c->want, cells);
    const struct yt_candidates is = columns_at((char *)got, cells);
    const int32_t *counts = (const int32_t *)(c->want + 4 * COLUMNS * cells);
    const double extent = (double)p->stride * ((p->w > p->h ? p->w : p->h) +
                                               4 * (2 + p->na) + p->bins);
    *error_out = 0;
    if (memcmp(counts, got + 4 * COLUMNS * cells,
               4 * (size_t)decode_tasks(p)) != 0)
        return 0;
    for (int64_t task = 0; task < decode_tasks(p); task++)
        for (int64_t i = task * p->w; i < task * p->w + counts[task]; i++) {
            const double error = candidate_error(&want, &is, i, extent);
            *error_out = error > *error_out ? error : *error_out;
            if (want.class_id[i] != is.class_id[i] || !(error <= TOLERANCE))
                return 0;
        }
    return 1;
}

/* ----------------------------------------------------------------- NMS */

static void run_nms(const void *args, int64_t begin, int64_t end)
{
    const struct nms_args *n = args;
    const struct yt_nms_options options = {.iou = IOU, .max_det = n->count};
    for (int64_t i = begin; i < end; i++) {
        n->kept[0] = yt_nms_run(&n->sets[*n->turn], n->count, n->classes,
                                &options, &n->step, n->scratch, n->kept + 1);
        *n->turn = (*n->turn + 1) % n->set_count;
    }
}

static int64_t set_bytes(const struct yt_nms *p)
{
    return 4 * COLUMNS * (int64_t)p->count;
}

static int32_t count_sets(const struct yt_nms *p)
{
    const int64_t sets = SETS_BYTES / set_bytes(p);
    return sets < 2 ? 2 : sets > SETS_MAX ? SETS_MAX : (int32_t)sets;
}

static void size_nms(struct yt_frame_case *c)
{
    const struct yt_nms *p = &c->problem.u.nms;
    c->in_bytes = count_sets(p) * set_bytes(p);
    c->work_bytes = yt_nms_scratch_bytes(p->count, p->classes);
    c->out_bytes = 4 * (1 + (int64_t)p->count);
}

static void fill_nms(struct yt_frame_case *c)
{
    const struct yt_nms *p = &c->problem.u.nms;
    c->args.nms = (struct nms_args){
        .set_count = count_sets(p),
        .turn = &c->turn,
        .count = p->count,
        .classes = p->classes,
        .scratch = c->work,
    };
    for (int32_t i = 0; i < c->args.nms.set_count; i++) {
        struct yt_candidates *set = &c->args.nms.sets[i];
        *set = columns_at(c->in + i * set_bytes(p), p->count);
        yt_nms_candidates(set, p->count, p->classes, (uint32_t)i + 1);
    }
}

static void point_nms(struct yt_frame_case *c, char *to)
{
    c->args.nms.kept = (int32_t *)to;
}

static int same_nms(const struct yt_frame_case *c, const char *got,
                    double *error_out)
{
    const int32_t *want = (const int32_t *)c->want;
    *error_out = 0;
    return memcmp(got, want, 4 * (size_t)(1 + want[0])) == 0;
}

/* --------------------------------------------------------------- parts */

static const struct part parts[] = {
    {YT_OP_LETTERBOX, yt_letterbox_c, size_letterbox, fill_letterbox,
     point_letterbox, same_bytes},
    {YT_OP_DECODE, yt_decode_c, size_decode, fill_decode, point_decode,
     same_decode},
    {YT_OP_NMS, yt_nms_c, size_nms, fill_nms, point_nms, same_nms},
};

static const struct part *find_part(enum yt_op op)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].op == op)
            return &parts[i];
    return NULL;
}

int yt_frame_case_covers(enum yt_op op)
{
    return find_part(op) != NULL;
}

struct yt_frame_run yt_frame_case_run(struct yt_frame_case *c,
                                      yt_kernel_fn kernel, int64_t tasks,
                                      int32_t threads)
{
    if (c->problem.op != YT_OP_NMS)
        return (struct yt_frame_run){kernel, &c->args,
                                     (tasks + threads - 1) / threads};
    c->args.nms.step.kernel = kernel;
    return (struct yt_frame_run){run_nms, &c->args, 1};
}

static void run_into(struct yt_frame_case *c, char *to, yt_kernel_fn kernel,
                     int64_t tasks)
{
    c->part->point(c, to);
    c->turn = 0;
    const struct yt_frame_run run = yt_frame_case_run(c, kernel, tasks, 1);
    run.kernel(run.args, run.tasks / 3, run.tasks);
    run.kernel(run.args, 0, run.tasks / 3);
}

static int64_t tasks_in_c(const struct yt_problem *p)
{
    return p->op == YT_OP_LETTERBOX ? p->u.letterbox.h
           : p->op == YT_OP_DECODE  ? decode_tasks(&p->u.decode)
                                    : 1;
}

static enum yt_status create_into(struct yt_frame_case *c)
{
    c->part->size(c);
    c->in = yt_memory_alloc((size_t)c->in_bytes);
    c->work = yt_memory_alloc((size_t)c->work_bytes + 1);
    c->want = yt_memory_alloc((size_t)c->out_bytes);
    c->guarded = yt_memory_alloc((size_t)c->out_bytes + 2 * GUARD_BYTES);
    YT_FAIL_IF(!c->in || !c->work || !c->want || !c->guarded, YT_NO_MEMORY,
               "no memory for a frame's parts");
    c->part->fill(c);
    run_into(c, c->want, c->part->kernel_c, tasks_in_c(&c->problem));
    return YT_OK;
}

enum yt_status yt_frame_case_create(const struct yt_problem *problem,
                                    const struct yt_isa *isa,
                                    struct yt_frame_case **case_out)
{
    struct yt_frame_case *c = calloc(1, sizeof *c);
    YT_FAIL_IF(!c, YT_NO_MEMORY, "no memory for a test case");
    c->problem = *problem;
    c->isa = isa;
    c->part = find_part(problem->op);
    assert(c->part);
    const enum yt_status status = create_into(c);
    if (status != YT_OK) {
        yt_frame_case_destroy(c);
        return status;
    }
    *case_out = c;
    return YT_OK;
}

/* --------------------------------------------------------------- check */

static int guard_is_whole(const char *guard)
{
    for (int i = 0; i < GUARD_BYTES; i++)
        if ((unsigned char)guard[i] != GUARD_BYTE)
            return 0;
    return 1;
}

enum yt_status yt_frame_case_check(struct yt_frame_case *c, yt_kernel_fn kernel,
                                   int64_t tasks, double *error_out)
{
    char *got = c->guarded + GUARD_BYTES;
    char *behind = got + c->out_bytes;
    memset(c->guarded, GUARD_BYTE, GUARD_BYTES);
    memset(got, 0xff, (size_t)c->out_bytes);
    memset(behind, GUARD_BYTE, GUARD_BYTES);
    run_into(c, got, kernel, tasks);
    YT_FAIL_IF(!c->part->same(c, got, error_out), YT_MISMATCH,
               "gives another result than the kernel in C");
    YT_FAIL_IF(!guard_is_whole(c->guarded) || !guard_is_whole(behind),
               YT_MISMATCH, "wrote outside its output");
    return YT_OK;
}

void yt_frame_case_destroy(struct yt_frame_case *c)
{
    if (!c)
        return;
    yt_memory_free(c->in, (size_t)c->in_bytes);
    yt_memory_free(c->work, (size_t)c->work_bytes + 1);
    yt_memory_free(c->want, (size_t)c->out_bytes);
    yt_memory_free(c->guarded, (size_t)c->out_bytes + 2 * GUARD_BYTES);
    free(c);
}
