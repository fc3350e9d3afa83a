#include "page/summary.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "page/rows.h"

static void add_where(struct yt_text *to, const struct yt_facts *f)
{
    const json_t *c = f->choice;
    const int64_t threads = yt_row_int(c, "threads");
    yt_text_add(to,
                "On this %s (%s), %s runs best at %" PRId64 "x%" PRId64
                " pixels with the settings %s (%s), %" PRId64
                " thread%s to a picture. ",
                yt_row_text(f->host, "cpu"), yt_row_text(f->host, "id"),
                yt_row_text(c, "model"), yt_row_int(c, "w"), yt_row_int(c, "h"),
                *yt_row_text(c, "configuration")
                    ? yt_row_text(c, "configuration")
                    : yt_row_text(c, "role"),
                yt_row_text(c, "id"), threads, threads == 1 ? "" : "s");
}

static void add_speed(struct yt_text *to, const struct yt_facts *f)
{
    const json_t *c = f->choice, *b = f->baseline;
    const double before = yt_row_real(b, "fps");
    const double median = yt_row_real(c, "total_median_ns") / 1e6;
    const double p99 = yt_row_real(c, "total_p99_ns") / 1e6;
    if (isnan(yt_row_real(c, "fps")))
        return;
    yt_text_add(to, "It finds objects in %.1f pictures a second",
                yt_row_real(c, "fps"));
    if (before > 0)
        yt_text_add(to, ", %.2f times as many as the baseline (%.1f, %s)",
                    yt_row_real(c, "fps") / before, before,
                    yt_row_text(b, "id"));
    if (!isnan(median) && !isnan(p99))
        yt_text_add(to,
                    "; half of the pictures take at most %.1f ms, 99 of 100 at "
                    "most %.1f ms",
                    median, p99);
    yt_text_add(to, ". ");
}

static void add_difference(struct yt_text *to, const json_t *c)
{
    const double low = yt_row_real(c, "difference_low");
    const double high = yt_row_real(c, "difference_high");
    if (isnan(low) || isnan(high))
        yt_text_add(to, ". ");
    else if (low <= 0 && high >= 0)
        yt_text_add(to,
                    ": no difference that these pictures can show (%+.4f to "
                    "%+.4f beside %s, in 95 of 100 drawings). ",
                    low, high, yt_row_text(c, "compared"));
    else
        yt_text_add(to,
                    ": between %+.4f and %+.4f beside %s, in 95 of 100 "
                    "drawings of pictures. ",
                    low, high, yt_row_text(c, "compared"));
}

static void add_accuracy(struct yt_text *to, const struct yt_facts *f)
{
    const json_t *c = f->choice;
    const double map = yt_row_real(c, "map");
    const double before = yt_row_real(f->baseline, "map");
    if (isnan(map)) {
        yt_text_add(to, "Its accuracy was not measured. ");
        return;
    }
    yt_text_add(to, "Its accuracy is mAP %.4f on %" PRId64 " pictures of %s",
                map, yt_row_int(c, "images"), yt_row_text(c, "dataset"));
    if (!isnan(before))
        yt_text_add(to, ", the baseline's is %.4f", before);
    add_difference(to, c);
}

/* Limits that are not kept stand among the reasons. */
static void add_missed(struct yt_text *to, const struct yt_facts *f)
{
    static const char missed[] = "limits missed: ";
    json_t *reasons =
        json_loads(yt_row_text(f->recommendation, "reasons"), 0, NULL);
    size_t i;
    json_t *reason;
    json_array_foreach(reasons, i, reason)
    {
        const char *text = json_string_value(reason);
        if (text && strncmp(text, missed, strlen(missed)) == 0)
            yt_text_add(to,
                        "Nothing keeps all limits, this is the nearest: "
                        "%s. ",
                        text + strlen(missed));
    }
    json_decref(reasons);
}

void yt_summary_add(struct yt_text *to, const struct yt_facts *facts)
{
    const double mib = yt_row_real(facts->choice, "memory_bytes") / 1048576;
    if (!facts->host) {
        yt_text_add(to, "Nothing was measured yet.");
        return;
    }
    if (!facts->choice) {
        yt_text_add(to, "Nothing was recommended yet: yolotune --scenario "
                        "realtime --model FILE does.");
        return;
    }
    add_where(to, facts);
    add_speed(to, facts);
    add_accuracy(to, facts);
    if (mib > 0)
        yt_text_add(to, "It needs %.1f MiB of memory. ", mib);
    add_missed(to, facts);
    yt_text_add(to, "This is recommendation %s, for the scenario %s.",
                yt_row_text(facts->recommendation, "id"),
                yt_row_text(facts->recommendation, "scenario"));
    if (yt_row_int(facts->choice, "stale"))
        yt_text_add(to, " It was measured with another version of the "
                        "generator of code or of LLVM than this machine used "
                        "last: measure again.");
}
