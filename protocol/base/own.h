/* Scope-owned things: released on every way out unless taken. */
#pragma once
#include <stdlib.h>
#include <unistd.h>

static inline void own_free(void *p)
{
    free(*(void **)p);
}
static inline void own_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

#define OWN_MEM __attribute__((cleanup(own_free)))
#define OWN_FD  __attribute__((cleanup(own_close)))

static inline int take_fd(int *fd)
{
    int kept = *fd;
    *fd = -1;
    return kept;
}
