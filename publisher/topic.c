#include "publisher/topic.h"

static bool is_allowed(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* UTF-16 units count, as in Java: a character of four bytes is two of them. */
static void put_sanitized(struct buf *out, const char *text, size_t *units)
{
    for (const uint8_t *p = (const uint8_t *)text; *p != 0 && *units < TOPIC_BYTES_MAX; p++) {
        if ((*p & 0xc0) == 0x80)
            continue; /* inside a character that was replaced */
        buf_put_u8(out, is_allowed(*p) ? *p : '_');
        ++*units;
        if (*p >= 0xf0 && *units < TOPIC_BYTES_MAX) {
            buf_put_u8(out, '_');
            ++*units;
        }
    }
}

void topic_put(struct buf *out, const char *delimiter, const char *prefix, const char *database,
               const char *table)
{
    const char *const parts[] = { prefix, database, table };
    size_t            units = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts && parts[i] != NULL; i++) {
        if (i > 0)
            put_sanitized(out, delimiter, &units);
        put_sanitized(out, parts[i], &units);
    }
}
