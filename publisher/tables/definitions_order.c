#include "publisher/tables/definitions_order.h"
#include <stdlib.h>

/* One character of UTF-8; what is none counts byte by byte. */
static uint32_t next_character(const char **at)
{
    const uint8_t *p = (const uint8_t *)*at;
    size_t         more = p[0] >= 0xf0 ? 3 : (p[0] >= 0xe0 ? 2 : (p[0] >= 0xc0 ? 1 : 0));
    uint32_t c = more == 3 ? p[0] & 7u : (more == 2 ? p[0] & 15u : (more == 1 ? p[0] & 31u : p[0]));

    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *at += 1;
            return p[0];
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    *at += more + 1;
    return c;
}

/* String.hashCode() goes over UTF-16's units. */
static uint32_t hash_more(uint32_t hash, const char *text)
{
    enum { FIRST_PLANE = 0x10000, HIGH = 0xd800, LOW = 0xdc00 };
    while (*text != 0) {
        uint32_t c = next_character(&text);
        if (c >= FIRST_PLANE) {
            hash = hash * 31 + (HIGH + ((c - FIRST_PLANE) >> 10));
            c = LOW + ((c - FIRST_PLANE) & 0x3ff);
        }
        hash = hash * 31 + c;
    }
    return hash;
}

static uint32_t bucket_of(const struct table_names *t, uint32_t buckets)
{
    uint32_t h = hash_more(hash_more(hash_more(0, t->database), "."), t->table);
    return (h ^ h >> 16) & (buckets - 1);
}

static bool is_again(const struct table_names *names, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(names[k].database, names[i].database) == 0 &&
            strcmp(names[k].table, names[i].table) == 0)
            return true;
    return false;
}

void table_names_put(const struct table_names *names, uint32_t count, struct buf *out)
{
    enum { BUCKETS = 16, ORDERED_MAX = 1024 };
    uint32_t buckets = BUCKETS;
    size_t   from = out->len;

    /* A HashMap doubles when it is three quarters full. */
    while (count > buckets / 4 * 3)
        buckets *= 2;
    if (count > ORDERED_MAX) /* nobody drops so many at once; the order would cost too much */
        buckets = 1;
    for (uint32_t b = 0; b < buckets; b++) {
        for (uint32_t i = 0; i < count; i++) {
            if (buckets > 1 && (bucket_of(&names[i], buckets) != b || is_again(names, i)))
                continue;
            if (out->len > from)
                buf_put_u8(out, ',');
            buf_put_text(out, names[i].table);
        }
    }
}
