#include "tools/binrelay/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

const char *text_of_bytes(uint64_t bytes, char into[TEXT_BYTES])
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

    if (bytes < 1024) {
        (void)snprintf(into, TEXT_BYTES, "%" PRIu64 " B", bytes);
        return into;
    }
    /* What would be printed as 1024.0 of a unit is 1.0 of the next one. */
    double amount = (double)bytes / 1024;
    size_t unit = 0;
    while (amount >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
        amount /= 1024;
        unit++;
    }
    (void)snprintf(into, TEXT_BYTES, "%.1f %s", amount, units[unit]);
    return into;
}

const char *text_of_span(int64_t seconds, char into[TEXT_BYTES])
{
    int64_t s = seconds > 0 ? seconds : 0;

    if (s < 60)
        (void)snprintf(into, TEXT_BYTES, "%" PRId64 " s", s);
    else if (s < 3600)
        (void)snprintf(into, TEXT_BYTES, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(into, TEXT_BYTES, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
    else
        (void)snprintf(into, TEXT_BYTES, "%" PRId64 " d %" PRId64 " h", s / 86400,
                       s % 86400 / 3600);
    return into;
}

const char *text_of_time(int64_t time_s, char into[TEXT_BYTES])
{
    struct tm parts;
    time_t    t = (time_t)time_s;

    if (time_s == 0 || gmtime_r(&t, &parts) == NULL ||
        strftime(into, TEXT_BYTES, "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
        (void)snprintf(into, TEXT_BYTES, "-");
    return into;
}

const char *text_of_count(uint64_t count, const char *noun, char into[TEXT_BYTES])
{
    (void)snprintf(into, TEXT_BYTES, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
    return into;
}
