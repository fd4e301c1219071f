#include "protocol/base/json.h"
#include <string.h>

static void before_value(struct json *j)
{
    if (j->comma)
        buf_put_u8(j->out, ',');
    j->comma = true;
}

static void open_with(struct json *j, uint8_t bracket)
{
    before_value(j);
    buf_put_u8(j->out, bracket);
    j->comma = false;
}

static void close_with(struct json *j, uint8_t bracket)
{
    buf_put_u8(j->out, bracket);
    j->comma = true;
}

void json_open_object(struct json *j)
{
    open_with(j, '{');
}
void json_close_object(struct json *j)
{
    close_with(j, '}');
}
void json_open_array(struct json *j)
{
    open_with(j, '[');
}
void json_close_array(struct json *j)
{
    close_with(j, ']');
}

/*
 * Length of the UTF-8 sequence at s, and whether it is well-formed (RFC 3629: no surrogates, no
 * overlong forms). One that is not is as long as Java's decoder takes it to be when it writes one
 * U+FFFD for it: up to the first byte that can't belong to it, and all three of a surrogate.
 */
static size_t utf8_sequence(const uint8_t *s, size_t left, bool *valid)
{
    uint8_t lead = s[0];
    size_t  n = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;

    *valid = false;
    for (size_t i = 1; i < n; i++)
        if (i == left || (s[i] & 0xc0) != 0x80 ||
            (i == 1 && ((lead == 0xe0 && s[1] < 0xa0) || (lead == 0xf0 && s[1] < 0x90) ||
                        (lead == 0xf4 && s[1] > 0x8f))))
            return i;
    *valid = n > 0 && !(lead == 0xed && s[1] > 0x9f);
    return n > 0 ? n : 1;
}

static void put_escaped(struct buf *out, uint8_t c)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
    };

    if (c == '"' || c == '\\') {
        buf_put_u8(out, '\\');
        buf_put_u8(out, c);
    } else if (c < sizeof short_forms && short_forms[c] != 0) {
        buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)short_forms[c]);
    } else {
        buf_printf(out, "\\u%04X", c);
    }
}

/* A character outside of the first plane, of four bytes: Jackson writes both halves as escapes. */
static void put_surrogates(struct buf *out, const uint8_t *s)
{
    uint32_t c = ((uint32_t)(s[0] & 7) << 18 | (uint32_t)(s[1] & 63) << 12 |
                  (uint32_t)(s[2] & 63) << 6 | (s[3] & 63)) -
                 0x10000;
    buf_printf(out, "\\u%04X\\u%04X", 0xd800 | c >> 10, 0xdc00 | (c & 0x3ff));
}

/* How many characters need no second look: eight at a time, since most texts have nothing else. */
static size_t plain_length(const uint8_t *text, size_t length)
{
    const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
    size_t         i = 0;

    for (uint64_t word; length - i >= sizeof word; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
        uint64_t found = word | ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                         ((slash - ones) & ~slash);
        if ((found & high) != 0)
            break;
    }
    return i;
}

static void put_string(struct buf *out, struct slice text)
{
    size_t plain = 0; /* start of the run that is copied as it is */
    size_t i = plain_length(text.ptr, text.len);

    buf_put_u8(out, '"');
    while (i < text.len) {
        uint8_t c = text.ptr[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        bool   valid = false;
        size_t n = c >= 0x80 ? utf8_sequence(text.ptr + i, text.len - i, &valid) : 1;
        if (valid && n < 4) {
            i += n;
            continue;
        }
        buf_put(out, (struct slice){ text.ptr + plain, i - plain });
        if (valid)
            put_surrogates(out, text.ptr + i);
        else if (c >= 0x80)
            buf_put_text(out, "\xef\xbf\xbd");
        else
            put_escaped(out, c);
        i += n;
        plain = i;
    }
    buf_put(out, (struct slice){ text.ptr + plain, i - plain });
    buf_put_u8(out, '"');
}

void json_name_slice(struct json *j, struct slice name)
{
    before_value(j);
    put_string(j->out, name);
    buf_put_u8(j->out, ':');
    j->comma = false;
}

void json_name(struct json *j, const char *name)
{
    json_name_slice(j, slice_of_text(name));
}

void json_raw(struct json *j, struct slice value)
{
    before_value(j);
    buf_put(j->out, value);
}

void json_null(struct json *j)
{
    json_raw(j, slice_of_text("null"));
}

void json_bool(struct json *j, bool value)
{
    json_raw(j, slice_of_text(value ? "true" : "false"));
}

void json_int(struct json *j, int64_t value)
{
    before_value(j);
    buf_put_decimal(j->out, value);
}

void json_uint(struct json *j, uint64_t value)
{
    if (value <= INT64_MAX) {
        json_int(j, (int64_t)value);
        return;
    }
    before_value(j);
    buf_printf(j->out, "%llu", (unsigned long long)value);
}

void json_text_slice(struct json *j, struct slice text)
{
    before_value(j);
    put_string(j->out, text);
}

void json_text(struct json *j, const char *text)
{
    json_text_slice(j, slice_of_text(text));
}

size_t json_utf8_length(struct slice text)
{
    size_t length = 0;

    for (size_t i = 0; i < text.len;) {
        bool   valid = true;
        size_t n = 1;
        if (text.ptr[i] >= 0x80)
            n = utf8_sequence(text.ptr + i, text.len - i, &valid);
        length += valid ? n : 3;
        i += n;
    }
    return length;
}

void json_put_utf8(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len;) {
        bool   valid = true;
        size_t n = 1;
        if (text.ptr[i] >= 0x80)
            n = utf8_sequence(text.ptr + i, text.len - i, &valid);
        buf_put(out, valid ? (struct slice){ text.ptr + i, n } : slice_of_text("\xef\xbf\xbd"));
        i += n;
    }
}
