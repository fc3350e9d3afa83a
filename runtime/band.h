#ifndef YT_BAND_H
#define YT_BAND_H

/* A band: consecutive steps that run together, depth first. What lies between
 * them is never whole in memory: a thread takes some strips of the last
 * member's rows, and on its way from top to bottom each member makes the rows
 * that the strip needs and that are not there yet.
 *
 *      letterbox   ........####            #  rows made for this strip
 *      model.0     .......###              .  rows made before; those that are
 *      model.1     ......##                   still needed are in the buffer
 *      last member ......##  = the strip
 *
 * A buffer holds a window of each channel block's rows, which moves down: rows
 * that stay are moved to its front. Each row is made once by a thread; at the
 * first strip of its share a thread makes those above it again that its
 * neighbour made as well, in its own buffers. Only the last member writes what
 * others see, rows of its own strips.
 *
 * Kernels are those of whole tensors with other distances between channel
 * blocks (yt_conv2d.in_rows and so on), called for the tasks of some rows with
 * the address where row 0 would be; so the results are the same bits. */

#include "runtime/decode.h"
#include "runtime/letterbox.h"
#include "runtime/plan.h"
#include "yolotune/status.h"

/** What matters of a member to rows; letterbox and decoding included. */
struct yt_band_member {
    int32_t in_h, out_h;      /* rows of whole tensors */
    int32_t r, stride, pad;   /* which input rows an output row reads */
    enum yt_addend add;       /* and of the addend */
    int32_t in, out, add_buf; /* buffers, counted from 1; 0: none of the band */
};

/** Rows [begin, end) of what each member makes. */
struct yt_band_rows {
    int32_t begin[YT_BAND_STEPS_MAX], end[YT_BAND_STEPS_MAX];
};

/** What rows a strip needs of each member's output when nothing is there.
 *  @param members in order.
 *  @param count   of them, at most YT_BAND_STEPS_MAX.
 *  @param first   of the last member's output rows that are wanted.
 *  @param last    the row behind them.
 *  @param[out] rows_out of each member. */
void yt_band_need(const struct yt_band_member *members, int32_t count,
                  int32_t first, int32_t last, struct yt_band_rows *rows_out);

/** The first row of a buffer that is read or written from here on.
 *  @param done [count] rows of each member's output that were made.
 *  @param buffer counted from 1.
 *  @param h rows of the whole tensor: what comes back when none is. */
int32_t yt_band_low(const struct yt_band_member *members, int32_t count,
                    const int32_t *done, int32_t buffer, int32_t h);

/** Rows that a buffer has to hold so that strips of @p rows rows fit, whichever
 *  strip a thread begins with. @param h as above. */
int32_t yt_band_width(const struct yt_band_member *members, int32_t count,
                      int32_t rows, int32_t buffer, int32_t h);

/** Whether nothing that is still to be read is written over: a member that
 *  writes rows of a buffer which an earlier one wrote stays behind all that
 *  read the earlier one's.
 *  @param rows of a strip. @return 1: it is. */
int yt_band_in_order(const struct yt_band_member *members, int32_t count,
                     int32_t rows);

/** The members of a plan's band; how many.
 *  @param members_out [YT_BAND_STEPS_MAX]. */
int32_t yt_band_members(const struct yt_plan *plan, const struct yt_band *band,
                        struct yt_band_member *members_out);

/** Strips of a band: its tasks. */
int64_t yt_band_strips(const struct yt_plan *plan, const struct yt_band *band);

/** The band that step @p i is a member of; NULL: none. */
const struct yt_band *yt_band_of(const struct yt_plan *plan, int32_t i);

/** The band that decodes level @p i; NULL: none. */
const struct yt_band *yt_band_of_level(const struct yt_plan *plan, int32_t i);

/** Where a buffer ends in the thread's scratch, with what may be read past an
 *  image's last row. */
int64_t yt_buffer_end(const struct yt_buffer *buffer);

/** Bytes of a band's buffers. */
int64_t yt_band_bytes(const struct yt_band *band);

/** Everything that the executor asserts of a plan's bands; the steps' problems
 *  and the plan's isa were checked.
 *  @return YT_OK; YT_BAD_ARGUMENT with what is wrong. */
enum yt_status yt_bands_check(const struct yt_plan *plan);

/** What yt_band_run() gets, of each thread its own. */
struct yt_band_args {
    const struct yt_plan *plan;
    const struct yt_band *band;
    char *arena;
    const void *blob;
    char *scratch;   /* this thread's, plan.scratch_bytes */
    float threshold; /* as yt_args.threshold */
    const struct yt_letterbox_args *letterbox; /* where it is a member */
    const struct yt_decode_args *decode;       /* where it is one */
};

/** The executor's kernel of a band: runs strips [begin, end). */
void yt_band_run(const void *args, int64_t begin, int64_t end);

#endif
