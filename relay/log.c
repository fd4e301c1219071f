#include "relay/log.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static _Atomic(int) most_level = LOG_INFO;

void log_set_level(enum log_level most)
{
    atomic_store(&most_level, (int)most);
}

/* A line stays a line whatever a peer put into a name. */
static void tame(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = ' ';
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
    static const char *const names[] = { "error", "warn ", "info ", "debug" };
    char                     line[LINE_BYTES];
    struct timespec          now;
    struct tm                utc;
    va_list                  args;

    if ((int)level > atomic_load(&most_level))
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, sizeof line - used,
                             ".%03ldZ %s %s: ", now.tv_nsec / 1000000, names[level], area);
    va_start(args, fmt);
    int n = vsnprintf(line + used, sizeof line - used, fmt, args);
    va_end(args);
    size_t len = used + (n > 0 ? (size_t)n : 0);
    if (len > sizeof line - 1)
        len = sizeof line - 1;
    tame(line, len);
    line[len] = '\n';
    /* One write, so that lines of several threads don't mix; if stderr is gone nobody reads it. */
    (void)!write(STDERR_FILENO, line, len + 1);
}

void log_err(const char *area, const char *what, const struct err *e)
{
    log_write(LOG_ERROR, area, "%s: %s [%s]", what, e->text, err_kind_name(e->kind));
}
