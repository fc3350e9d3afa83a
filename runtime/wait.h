#ifndef YT_WAIT_H
#define YT_WAIT_H

/* Waiting for another thread: spinning first, since what a frame waits for is
 * mostly microseconds away, then asleep, so that an idle model costs nothing.
 *
 * Sleeping follows one rule on both sides: count yourself as a sleeper, then
 * look again, then sleep; the other side changes what is waited for, then looks
 * for sleepers. All four accesses are sequentially consistent, so at least one
 * side sees the other and no wake-up is lost. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/** Where threads wait for one thing. */
struct yt_wait {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int asleep;
};

void yt_wait_init(struct yt_wait *wait);

/** Nobody waits any more. */
void yt_wait_deinit(struct yt_wait *wait);

/** Whether what is waited for is there: reads sequentially consistent atomics
 *  of @p subject and nothing else. */
typedef int (*yt_ready_fn)(const void *subject, uint64_t value);

/** Return when ready(subject, value). What the other thread wrote before it
 *  made it so is visible then.
 *
 * @param spin  0 where a spinner would keep that other thread off its CPU.
 */
void yt_wait_until(struct yt_wait *wait, yt_ready_fn ready, const void *subject,
                   uint64_t value, int spin);

/** To be called after every change that may be waited for. */
void yt_wait_wake(struct yt_wait *wait);

#endif
