#ifndef YT_TEST_GUARDED_H
#define YT_TEST_GUARDED_H

/* Memory that notices what generated code does around it; a sanitizer sees
 * only compiled code. A buffer ends where an unreadable page begins, as closely
 * as its alignment allows; what is left on either side is filled with a known
 * byte.
 *
 *      | no access | A5 A5 ... A5 | bytes | A5 | no access |
 */

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_BYTE 0xa5

struct guarded {
    unsigned char *map;
    size_t map_bytes, page;
    unsigned char *data;
    size_t bytes;
};

/* align: a power of two up to a page. Contents: 0xff, NaNs to a float. */
static inline void *guarded_open(struct guarded *g, size_t bytes, size_t align)
{
    g->page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t padded = (bytes + align - 1) / align * align;
    const size_t inner = (padded + 64 + g->page - 1) / g->page * g->page;
    g->bytes = bytes;
    g->map_bytes = inner + 2 * g->page;
    g->map =
        mmap(NULL, g->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(g->map, MAP_FAILED);
    assert_int_equal(mprotect(g->map + g->page, inner, PROT_READ | PROT_WRITE),
                     0);
    g->data = g->map + g->page + inner - padded;
    memset(g->map + g->page, GUARD_BYTE, inner);
    memset(g->data, 0xff, bytes);
    return g->data;
}

/* Whether every byte around the buffer is as it was. */
static inline int guarded_intact(const struct guarded *g)
{
    const unsigned char *p = g->map + g->page;
    const unsigned char *end = g->map + g->map_bytes - g->page;
    for (; p < end; p++)
        if ((p < g->data || p >= g->data + g->bytes) && *p != GUARD_BYTE)
            return 0;
    return 1;
}

static inline void guarded_close(struct guarded *g)
{
    assert_true(guarded_intact(g));
    munmap(g->map, g->map_bytes);
}

#endif
