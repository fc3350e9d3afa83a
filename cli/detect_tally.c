/* See cli/detect_tally.h. */

#include "cli/detect_tally.h"

#include <inttypes.h>

#define STAGES 6

/* One of the things that time goes into. Reading and giving out go on beside
 * the rest, so shares add up to more than the whole. */
struct stage {
    const char *name, *json;
    uint64_t ns;
};

static void list_stages(const struct yt_detect_tally *t,
                        struct stage stages[STAGES])
{
    const uint64_t known = t->letterbox_ns + t->network_ns + t->nms_ns;
    const uint64_t rest =
        t->times.work_ns > known ? t->times.work_ns - known : 0;
    const struct stage all[STAGES] = {
        {"reading and decoding", "decode", t->times.read_ns},
        {"letterbox", "letterbox", t->letterbox_ns},
        {"network", "network", t->network_ns},
        {"decoding boxes, NMS", "nms", t->nms_ns},
        {"building networks", "build", rest},
        {"drawing and writing", "write", t->times.give_ns},
    };
    for (int i = 0; i < STAGES; i++)
        stages[i] = all[i];
}

void yt_detect_tally_begin(struct yt_detect_tally *tally, int quiet)
{
    yt_progress_begin(&tally->progress, quiet);
}

void yt_detect_tally_add(struct yt_detect_tally *tally,
                         const struct yt_detected *found,
                         const struct yt_pipeline_times *times)
{
    tally->times = *times;
    if (found->status != YT_OK)
        return;
    tally->pictures += !found->is_frame;
    tally->frames += found->is_frame;
    tally->letterbox_ns += found->times.preprocess_ns;
    tally->network_ns += found->times.network_ns;
    tally->nms_ns += found->times.postprocess_ns;
}

static double per_second(const struct yt_detect_tally *t)
{
    const double seconds = (double)t->times.wall_ns * 1e-9;
    return seconds > 0 ? (double)(t->pictures + t->frames) / seconds : 0;
}

void yt_detect_tally_show(struct yt_detect_tally *tally,
                          const struct yt_detected *found)
{
    const int64_t count = tally->pictures + tally->frames;
    if (!found->is_frame)
        yt_progress_show(&tally->progress, 0, 0,
                         "%" PRId64 " done, %.1f a second: %s", count,
                         per_second(tally), found->file);
    else
        yt_progress_show(&tally->progress, 0, 0,
                         "%" PRId64 " done, %.1f a second, %" PRId64
                         " dropped: %s, %.1f s",
                         count, per_second(tally), tally->times.dropped,
                         found->file, found->frame.seconds);
}

static void print_stages(const struct yt_detect_tally *t)
{
    struct stage stages[STAGES];
    struct yt_table table;
    list_stages(t, stages);
    yt_table_init(&table, "lstage|reach|rbusy");
    for (int i = 0; i < STAGES; i++) {
        char each[YT_TEXT_MAX];
        char busy[YT_TEXT_MAX];
        const char *const cells[] = {stages[i].name, each, busy};
        yt_text_time((double)stages[i].ns / (double)(t->pictures + t->frames),
                     each);
        snprintf(busy, sizeof busy, "%.0f %%",
                 100 * (double)stages[i].ns / (double)t->times.wall_ns);
        yt_table_row(&table, cells);
    }
    yt_table_print(&table, stderr);
    yt_table_deinit(&table);
}

void yt_detect_tally_print(const struct yt_detect_tally *tally)
{
    const struct yt_detect_tally *t = tally;
    char time[YT_TEXT_MAX];
    if (t->progress.quiet || t->pictures + t->frames < 2 || !t->times.wall_ns)
        return;
    fprintf(stderr,
            "%lld pictures and %lld frames in %s: %.1f a second from end to "
            "end",
            (long long)t->pictures, (long long)t->frames,
            yt_text_time((double)t->times.wall_ns, time), per_second(t));
    if (t->times.dropped)
        fprintf(stderr, "; %lld live frames dropped",
                (long long)t->times.dropped);
    fprintf(stderr, "; networks built for %d shape%s\n", t->networks,
            t->networks == 1 ? "" : "s");
    print_stages(t);
}

void yt_detect_tally_json(const struct yt_detect_tally *tally,
                          struct yt_json *doc)
{
    struct stage stages[STAGES];
    list_stages(tally, stages);
    json_t *o = yt_json_object(doc, NULL, "summary");
    yt_json_int(doc, o, "pictures", tally->pictures);
    yt_json_int(doc, o, "frames", tally->frames);
    yt_json_int(doc, o, "dropped", tally->times.dropped);
    yt_json_int(doc, o, "networks", tally->networks);
    yt_json_real(doc, o, "seconds", (double)tally->times.wall_ns * 1e-9);
    yt_json_real(doc, o, "fps", per_second(tally));
    json_t *list = yt_json_object(doc, o, "busy_seconds");
    for (int i = 0; i < STAGES; i++)
        yt_json_real(doc, list, stages[i].json, (double)stages[i].ns * 1e-9);
}
