/* Anonymous mappings on huge-page boundaries. */

#include "runtime/memory.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t round_up(size_t bytes)
{
    return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

void *yt_memory_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    /* Map one page too many, then give back what lies outside. */
    const size_t size = bytes ? round_up(bytes) : HUGE_PAGE;
    char *at = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    const size_t before =
        round_up((size_t)(uintptr_t)at) - (size_t)(uintptr_t)at;
    if (before)
        munmap(at, before);
    if (before < HUGE_PAGE)
        munmap(at + before + size, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    (void)madvise(at + before, size, MADV_HUGEPAGE); /* a wish, not a need */
#endif
    return at + before;
}

void yt_memory_free(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes ? round_up(bytes) : HUGE_PAGE);
}
