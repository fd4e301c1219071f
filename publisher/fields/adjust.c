#include "publisher/fields/adjust.h"

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_fine(uint32_t c, enum option_adjustment mode, bool is_field, bool is_first)
{
    if (c == '_')
        return mode == ADJUSTMENT_AVRO;
    if (c == '.')
        return !is_field && !is_first;
    return is_letter(c) || (is_digit(c) && !is_first);
}

static void put_unit(struct buf *out, uint32_t c, enum option_adjustment mode, bool is_field,
                     bool is_first)
{
    if (is_fine(c, mode, is_field, is_first)) {
        buf_put_u8(out, (uint8_t)c);
    } else if (mode == ADJUSTMENT_AVRO_UNICODE) {
        buf_printf(out, c <= 0xff ? "_u%04x" : "_u%x", c);
    } else {
        buf_put_u8(out, '_');
        if (is_digit(c))
            buf_put_u8(out, (uint8_t)c);
    }
}

/* Broken bytes count as the replacement character. */
static uint32_t take_point(const uint8_t **at)
{
    const uint8_t *p = *at;
    uint32_t       c = p[0];
    int            more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

    c = more == 0 ? c : c & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *at = p + 1;
            return 0xfffd;
        }
        c = c << 6 | (p[i] & 63u);
    }
    *at = p + 1 + more;
    return c;
}

void adjust_put(struct buf *out, enum option_adjustment mode, bool is_field, const char *name)
{
    const uint8_t *at = (const uint8_t *)name;

    if (mode == ADJUSTMENT_NONE) {
        buf_put_text(out, name);
        return;
    }
    for (bool is_first = true; *at != 0; is_first = false) {
        uint32_t c = take_point(&at);
        if (c >= 0x10000) {
            put_unit(out, 0xd800 + ((c - 0x10000) >> 10), mode, is_field, is_first);
            put_unit(out, 0xdc00 + (c & 0x3ff), mode, is_field, false);
        } else {
            put_unit(out, c, mode, is_field, is_first);
        }
    }
}
