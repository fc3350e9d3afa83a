/* See base/now.h. The one state that base/ has: two words that only tests
 * write. */

#include "base/now.h"

#include <assert.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

static atomic_int is_fake;
static _Atomic uint64_t fake_ns, look_costs_ns;

uint64_t yt_now_ns(void)
{
    if (!atomic_load_explicit(&is_fake, memory_order_relaxed))
        return yt_clock_ns();
    return atomic_fetch_add(&fake_ns, atomic_load(&look_costs_ns));
}

int64_t yt_now_unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void yt_fake_clock(uint64_t now_ns, uint64_t look_ns)
{
    atomic_store(&fake_ns, now_ns);
    atomic_store(&look_costs_ns, look_ns);
    atomic_store(&is_fake, 1);
}

void yt_fake_clock_advance(uint64_t ns)
{
    assert(atomic_load(&is_fake));
    atomic_fetch_add(&fake_ns, ns);
}

void yt_fake_clock_end(void)
{
    atomic_store(&is_fake, 0);
}
