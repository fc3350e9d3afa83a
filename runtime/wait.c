/* Spin for a while, then sleep on a condition. */

#include "runtime/wait.h"

#include "base/clock.h"

/* Longer than the gap between two steps, NMS between two frames included;
 * short beside a frame. */
#define SPIN_NS 100000

/* Clock reads are dearer than pauses. */
#define PAUSES_PER_CLOCK 64

static void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

void yt_wait_init(struct yt_wait *wait)
{
    pthread_mutex_init(&wait->lock, NULL);
    pthread_cond_init(&wait->changed, NULL);
    atomic_init(&wait->asleep, 0);
}

void yt_wait_deinit(struct yt_wait *wait)
{
    pthread_cond_destroy(&wait->changed);
    pthread_mutex_destroy(&wait->lock);
}

void yt_wait_until(struct yt_wait *wait, yt_ready_fn ready, const void *subject,
                   uint64_t value, int spin)
{
    if (ready(subject, value))
        return;
    if (spin) {
        const uint64_t end = yt_clock_ns() + SPIN_NS;
        do {
            for (int i = 0; i < PAUSES_PER_CLOCK; i++) {
                if (ready(subject, value))
                    return;
                cpu_pause();
            }
        } while (yt_clock_ns() < end);
    }
    pthread_mutex_lock(&wait->lock);
    atomic_fetch_add(&wait->asleep, 1);
    while (!ready(subject, value))
        pthread_cond_wait(&wait->changed, &wait->lock);
    atomic_fetch_sub(&wait->asleep, 1);
    pthread_mutex_unlock(&wait->lock);
}

void yt_wait_wake(struct yt_wait *wait)
{
    if (atomic_load(&wait->asleep) == 0)
        return;
    pthread_mutex_lock(&wait->lock);
    pthread_cond_broadcast(&wait->changed);
    pthread_mutex_unlock(&wait->lock);
}
