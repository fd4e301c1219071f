/* When so much time will have passed, for waits by CLOCK_MONOTONIC: pthread_cond_timedwait(3). */
#pragma once
#include <stdint.h>
#include <time.h>

static inline struct timespec deadline_in_ms(int64_t ms)
{
    struct timespec until = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}
