#include "tools/binrelay/progress.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tools/binrelay/text.h"

enum { BAR_CELLS = 24, BAR_PAUSE_MS = 100, LINE_PAUSE_MS = 5000, STATE_BYTES = 160 };

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, uint64_t total, bool silent)
{
    *p = (struct progress){ .total = total, .silent = silent, .begun_ms = now_ms() };
    p->bar = !silent && isatty(STDERR_FILENO) == 1;
    p->next_ms = p->begun_ms + (p->bar ? 0 : LINE_PAUSE_MS);
}

uint64_t progress_elapsed_ms(const struct progress *p)
{
    return (uint64_t)(now_ms() - p->begun_ms);
}

/* "37%  1.2 GiB of 3.3 GiB  210.0 MiB/s  10 s left" */
static void describe(const struct progress *p, char into[STATE_BYTES])
{
    char     done[TEXT_BYTES], total[TEXT_BYTES], rate[TEXT_BYTES], left[TEXT_BYTES];
    uint64_t elapsed_ms = progress_elapsed_ms(p);
    double   part = p->total > 0 ? (double)p->done / (double)p->total : 1;
    double   per_s = (double)p->done * 1000 / (double)(elapsed_ms > 0 ? elapsed_ms : 1);
    double   left_s = per_s > 0 ? (double)(p->total - p->done) / per_s : 0;

    (void)snprintf(into, STATE_BYTES, "%3d%%  %s of %s  %s/s  %s left", (int)(part * 100),
                   text_of_bytes(p->done, done), text_of_bytes(p->total, total),
                   text_of_bytes((uint64_t)per_s, rate),
                   text_of_span((int64_t)(left_s + 0.5), left));
}

static void draw(struct progress *p, const char *what)
{
    char   bar[BAR_CELLS + 1], state[STATE_BYTES];
    double part = p->total > 0 ? (double)p->done / (double)p->total : 1;

    describe(p, state);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', part >= 1 ? BAR_CELLS : (size_t)(part * BAR_CELLS));
    bar[BAR_CELLS] = '\0';
    (void)fprintf(stderr, "\r\033[K[%s] %s  %s", bar, state, what);
    (void)fflush(stderr);
    p->drawn = true;
}

void progress_line(struct progress *p, const char *what)
{
    char state[STATE_BYTES];

    if (p->silent || p->bar)
        return;
    describe(p, state);
    (void)fprintf(stderr, "%s  %s\n", state, what);
    p->next_ms = now_ms() + LINE_PAUSE_MS;
}

void progress_add(struct progress *p, uint64_t bytes, const char *what)
{
    p->done = bytes < p->total - p->done ? p->done + bytes : p->total;
    if (p->silent || now_ms() < p->next_ms)
        return;
    if (p->bar) {
        draw(p, what);
        p->next_ms = now_ms() + BAR_PAUSE_MS;
    } else {
        progress_line(p, what);
    }
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        (void)fputs("\r\033[K", stderr);
    p->drawn = false;
}
