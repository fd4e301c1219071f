#include "protocol/prepared.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/wire_type.h"

enum {
    HEAD_OK = 0x00,
    HEAD_EOF = 0xfe,
    HEAD_ERROR = 0xff,
    VALUE_NULL = 0xfb,
    COLUMNS_MAX = 4096,
    NUMBER_BYTES = 64, /* longest text of one */
};

/* ---- values of an execution ---- */

static size_t whole_bytes(unsigned type)
{
    switch (type) {
    case TYPE_TINY:
        return 1;
    case TYPE_SHORT:
    case TYPE_YEAR:
        return 2;
    case TYPE_LONG:
    case TYPE_INT24:
        return 4;
    case TYPE_LONGLONG:
        return 8;
    default:
        return 0;
    }
}

static void read_whole(struct cursor *c, size_t bytes, bool is_unsigned, struct buf *out)
{
    enum { BYTE_BITS = 8 };
    uint64_t n = cursor_le(c, bytes);
    unsigned unused = (unsigned)(BYTE_BITS * (sizeof n - bytes));

    if (is_unsigned)
        buf_printf(out, "%llu", (unsigned long long)n);
    else
        buf_put_decimal(out, (int64_t)(n << unused) >> unused);
}

static void read_real(struct cursor *c, unsigned type, struct buf *out)
{
    double value;

    if (type == TYPE_FLOAT) {
        uint32_t bits = cursor_u32(c);
        float    narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        value = (double)narrow;
    } else {
        uint64_t bits = cursor_u64(c);
        memcpy(&value, &bits, sizeof value);
    }
    buf_printf(out, "%.17g", value);
}

static void read_moment(struct cursor *c, unsigned type, struct buf *out)
{
    struct cursor m = cursor_over(cursor_slice(c, cursor_u8(c)));
    bool          has_clock = m.left > 4;
    bool          has_parts = m.left > 7;
    unsigned      year = m.left > 0 ? cursor_u16(&m) : 0;
    unsigned      month = year != 0 || m.left > 0 ? cursor_u8(&m) : 0;
    unsigned      day = cursor_u8(&m);

    buf_printf(out, "%04u-%02u-%02u", year, month, day);
    if (type == TYPE_DATE)
        return;
    unsigned hour = has_clock ? cursor_u8(&m) : 0;
    unsigned minute = has_clock ? cursor_u8(&m) : 0;
    unsigned second = has_clock ? cursor_u8(&m) : 0;
    buf_printf(out, " %02u:%02u:%02u", hour, minute, second);
    if (has_parts)
        buf_printf(out, ".%06u", cursor_u32(&m));
}

static void read_time(struct cursor *c, struct buf *out)
{
    enum { DAY_HOURS = 24 };
    struct cursor t = cursor_over(cursor_slice(c, cursor_u8(c)));
    bool          has_parts = t.left > 8;
    bool          minus = cursor_u8(&t) != 0;
    uint32_t      days = cursor_u32(&t);
    unsigned      hours = cursor_u8(&t);
    unsigned      minutes = cursor_u8(&t);
    unsigned      seconds = cursor_u8(&t);

    buf_printf(out, "%s%02llu:%02u:%02u", minus ? "-" : "",
               (unsigned long long)days * DAY_HOURS + hours, minutes, seconds);
    if (has_parts)
        buf_printf(out, ".%06u", cursor_u32(&t));
}

static void read_value(struct cursor *c, uint16_t type, struct buf *out, bool *is_number)
{
    unsigned kind = type & 0xff;
    size_t   bytes = whole_bytes(kind);

    *is_number = bytes > 0;
    if (bytes > 0)
        read_whole(c, bytes, (type & TYPE_IS_UNSIGNED) != 0, out);
    else if (kind == TYPE_FLOAT || kind == TYPE_DOUBLE)
        read_real(c, kind, out);
    else if (kind == TYPE_DATE || kind == TYPE_DATETIME || kind == TYPE_TIMESTAMP)
        read_moment(c, kind, out);
    else if (kind == TYPE_TIME)
        read_time(c, out);
    else
        buf_put(out, cursor_lenenc_slice(c));
}

static int malformed(struct err *e)
{
    return err_set(e, E_PROTOCOL, "a malformed execution of a prepared statement");
}

/* With query attributes the client counts itself, and names each value; what is beyond the
 * statement's own is an attribute. */
static int read_types(struct cursor *c, bool named, size_t count, size_t sent,
                      uint16_t types[PREPARED_VALUES_MAX], uint16_t *extra, struct err *e)
{
    for (size_t i = 0; i < sent; i++) {
        uint16_t type = cursor_u16(c);
        if (named)
            (void)cursor_lenenc_slice(c);
        if (i < count)
            types[i] = type;
        else
            *extra = type;
    }
    return c->failed ? malformed(e) : 0;
}

int prepared_parse_execute(struct slice payload, uint32_t capabilities, size_t count,
                           uint16_t                  types[PREPARED_VALUES_MAX],
                           const struct slice *const sent[PREPARED_VALUES_MAX], struct buf *values,
                           struct prepared_execute *out, struct err *e)
{
    enum { COUNT_IS_THERE = 0x08, BITS = 8 };
    struct cursor c = cursor_over(payload);
    bool          attributes = (capabilities & CAP_QUERY_ATTRIBUTES) != 0;
    uint64_t      given = count;
    uint16_t      ignored = 0;

    assert(count <= PREPARED_VALUES_MAX);
    cursor_skip(&c, 1);
    *out =
        (struct prepared_execute){ .id = cursor_u32(&c), .flags = cursor_u8(&c), .count = count };
    cursor_skip(&c, 4); /* iterations: 1 */
    bool counted = attributes && (out->flags & COUNT_IS_THERE) != 0;
    if (attributes && (count > 0 || counted))
        given = cursor_lenenc(&c);
    if (c.failed || given < count || given > UINT16_MAX)
        return malformed(e);
    if (given == 0)
        return 0;
    struct slice nulls = cursor_slice(&c, (size_t)(given + BITS - 1) / BITS);
    if (cursor_u8(&c) != 0)
        TRY(read_types(&c, attributes, count, (size_t)given, types, &ignored, e));
    for (size_t i = 0; i < count && !c.failed; i++) {
        struct prepared_value *v = &out->values[i];
        v->at = values->len;
        if (sent[i] != NULL) {
            buf_put(values, *sent[i]);
        } else {
            v->is_null = (nulls.ptr[i / BITS] >> i % BITS & 1) != 0 || types[i] == TYPE_NULL;
            if (!v->is_null)
                read_value(&c, types[i], values, &v->is_number);
        }
        v->bytes = values->len - v->at;
    }
    if (c.failed)
        return malformed(e);
    return buf_check(values, "the values of a prepared statement", e);
}

/* ---- rows ---- */

static int senseless(struct err *e)
{
    return err_set(e, E_PROTOCOL, "this answer can't be given to a prepared statement");
}

/* Ended by a zero byte; -1 for one that is no number's. */
static int copy_number(struct slice text, char into[NUMBER_BYTES], struct err *e)
{
    if (text.len == 0 || text.len >= NUMBER_BYTES)
        return senseless(e);
    memcpy(into, text.ptr, text.len);
    into[text.len] = '\0';
    return 0;
}

static int put_whole(struct slice text, size_t bytes, struct buf *out, struct err *e)
{
    char  copy[NUMBER_BYTES];
    char *end;

    TRY(copy_number(text, copy, e));
    errno = 0;
    uint64_t n = copy[0] == '-' ? (uint64_t)strtoll(copy, &end, 10) : strtoull(copy, &end, 10);
    if (*end != '\0' || errno != 0)
        return senseless(e);
    buf_put_le(out, n, bytes);
    return 0;
}

static int put_real(struct slice text, bool narrow, struct buf *out, struct err *e)
{
    char     copy[NUMBER_BYTES];
    char    *end;
    uint64_t bits = 0;

    TRY(copy_number(text, copy, e));
    double wide = strtod(copy, &end);
    float  value = (float)wide;
    if (*end != '\0')
        return senseless(e);
    if (narrow)
        memcpy(&bits, &value, sizeof value);
    else
        memcpy(&bits, &wide, sizeof wide);
    buf_put_le(out, bits, narrow ? sizeof value : sizeof wide);
    return 0;
}

/* "2026-11-21 11:30:00.123456" and shorter ones. */
static int put_moment(struct slice text, struct buf *out, struct err *e)
{
    enum { PARTS_MAX = 6 };
    char     copy[NUMBER_BYTES];
    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, parts = 0;
    int      digits_at = 0, ended_at = 0;

    TRY(copy_number(text, copy, e));
    int n = sscanf(copy, "%4u-%2u-%2u %2u:%2u:%2u.%n%6u%n", &year, &month, &day, &hour, &minute,
                   &second, &digits_at, &parts, &ended_at);
    if (n < 3)
        return senseless(e);
    for (int i = ended_at - digits_at; n > 6 && i < PARTS_MAX; i++)
        parts *= 10;
    bool clock = n > 3 && (hour | minute | second | parts) != 0;
    buf_put_u8(out, (uint8_t)(parts != 0 ? 11 : clock ? 7 : 4));
    buf_put_le(out, year, 2);
    buf_put_u8(out, (uint8_t)month);
    buf_put_u8(out, (uint8_t)day);
    if (clock) {
        buf_put_u8(out, (uint8_t)hour);
        buf_put_u8(out, (uint8_t)minute);
        buf_put_u8(out, (uint8_t)second);
    }
    if (parts != 0)
        buf_put_le(out, parts, 4);
    return 0;
}

static int put_value(uint8_t type, struct slice text, struct buf *out, struct err *e)
{
    size_t bytes = whole_bytes(type);

    if (bytes > 0)
        return put_whole(text, bytes, out, e);
    switch (type) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return put_real(text, type == TYPE_FLOAT, out, e);
    case TYPE_TIMESTAMP:
    case TYPE_DATE:
    case TYPE_DATETIME:
        return put_moment(text, out, e);
    case TYPE_TIME: /* nothing that is answered here has one */
        return senseless(e);
    default:
        buf_put_lenenc_slice(out, text);
        return 0;
    }
}

static int put_row(struct slice row, const uint8_t *types, size_t count, struct buf *out,
                   struct err *e)
{
    enum { BITS = 8, OFFSET = 2 };
    struct cursor c = cursor_over(row);
    size_t        at = out->len + 1;
    size_t        bitmap = (count + OFFSET + BITS - 1) / BITS;

    uint8_t *head = buf_extend(out, 1 + bitmap);
    if (head == NULL)
        return buf_check(out, "the answer", e);
    memset(head, 0, 1 + bitmap);
    for (size_t i = 0; i < count; i++) {
        if (c.left > 0 && *c.at == VALUE_NULL) {
            cursor_skip(&c, 1);
            size_t bit = i + OFFSET;
            out->ptr[at + bit / BITS] |= (uint8_t)(1 << bit % BITS);
            continue;
        }
        struct slice text = cursor_lenenc_slice(&c);
        if (c.failed)
            return senseless(e);
        TRY(put_value(types[i], text, out, e));
    }
    if (c.left > 0)
        return senseless(e);
    return buf_check(out, "the answer", e);
}

/* ---- a whole answer ---- */

/* The next packet; its number goes with it. */
static struct slice next_packet(struct cursor *c, uint8_t *sequence)
{
    uint32_t bytes = cursor_u24(c);
    *sequence = cursor_u8(c);
    return cursor_slice(c, bytes);
}

static void pass(struct slice payload, uint8_t sequence, struct buf *out)
{
    struct packet p = packet_begin(out);
    buf_put(out, payload);
    packet_end(&p, &sequence);
}

static uint8_t type_in(struct slice definition)
{
    enum { NAMES = 6, IN_FRONT = 1 + 2 + 4 };
    struct cursor c = cursor_over(definition);

    for (int i = 0; i < NAMES; i++)
        (void)cursor_lenenc_slice(&c);
    cursor_skip(&c, IN_FRONT);
    return cursor_u8(&c);
}

/* The head of a result, up to the rows. */
static int pass_columns(struct cursor *c, uint64_t count, bool with_eof, uint8_t *types,
                        struct buf *out, struct err *e)
{
    uint8_t sequence;

    for (uint64_t i = 0; i < count; i++) {
        struct slice definition = next_packet(c, &sequence);
        types[i] = type_in(definition);
        pass(definition, sequence, out);
    }
    if (with_eof) {
        struct slice end = next_packet(c, &sequence);
        pass(end, sequence, out);
    }
    return c->failed ? senseless(e) : 0;
}

static int pass_result(struct cursor *c, struct slice first, uint8_t sequence,
                       uint32_t capabilities, struct buf *out, struct err *e)
{
    struct cursor head = cursor_over(first);
    uint64_t      count = cursor_lenenc(&head);
    uint8_t       types[COLUMNS_MAX];
    bool          with_eof = (capabilities & CAP_DEPRECATE_EOF) == 0;

    if (head.failed || count == 0 || count > COLUMNS_MAX)
        return senseless(e);
    pass(first, sequence, out);
    TRY(pass_columns(c, count, with_eof, types, out, e));
    while (c->left > 0) {
        struct slice payload = next_packet(c, &sequence);
        if (c->failed || payload.len == PACKET_PAYLOAD_MAX)
            return senseless(e);
        if (c->left == 0) {
            if (payload.len == 0 || (payload.ptr[0] != HEAD_EOF && payload.ptr[0] != HEAD_ERROR))
                return senseless(e);
            pass(payload, sequence, out);
            return buf_check(out, "the answer", e);
        }
        struct packet row = packet_begin(out);
        TRY(put_row(payload, types, (size_t)count, out, e));
        packet_end(&row, &sequence);
    }
    return senseless(e);
}

int prepared_put_binary(struct slice packets, uint32_t capabilities, struct buf *out, struct err *e)
{
    struct cursor c = cursor_over(packets);
    uint8_t       sequence;
    struct slice  first = next_packet(&c, &sequence);

    if (c.failed || first.len == 0)
        return senseless(e);
    if (first.ptr[0] != HEAD_OK && first.ptr[0] != HEAD_ERROR)
        return pass_result(&c, first, sequence, capabilities, out, e);
    pass(first, sequence, out);
    return c.left == 0 ? buf_check(out, "the answer", e) : senseless(e);
}

/* ---- the answer to COM_STMT_PREPARE ---- */

static void put_eof(const struct prepared_ok *ok, struct buf *out, uint8_t *sequence)
{
    if ((ok->capabilities & CAP_DEPRECATE_EOF) != 0)
        return;
    struct packet p = packet_begin(out);
    buf_put_u8(out, HEAD_EOF);
    buf_put_le(out, ok->warnings, 2);
    buf_put_le(out, ok->status, 2);
    packet_end(&p, sequence);
}

static void put_parameter(struct buf *out, uint8_t *sequence)
{
    enum { FIXED_BYTES = 0x0c, DECIMALS_OF_TEXT = 31 };
    struct packet p = packet_begin(out);

    buf_put_lenenc_slice(out, slice_of_text("def"));
    for (int i = 0; i < 3; i++)
        buf_put_lenenc(out, 0);
    buf_put_lenenc_slice(out, slice_of_text("?"));
    buf_put_lenenc(out, 0);
    buf_put_u8(out, FIXED_BYTES);
    buf_put_le(out, REPLY_CHARSET_BINARY, 2);
    buf_put_le(out, 0, 4);
    buf_put_u8(out, REPLY_VAR_STRING);
    buf_put_le(out, REPLY_BINARY, 2);
    buf_put_u8(out, DECIMALS_OF_TEXT);
    buf_put_le(out, 0, 2);
    packet_end(&p, sequence);
}

static int count_columns(struct cursor *c, uint64_t *out, struct err *e)
{
    uint8_t       ignored;
    struct slice  first = next_packet(c, &ignored);
    struct cursor head = cursor_over(first);

    *out = cursor_lenenc(&head);
    return c->failed || head.failed || *out > COLUMNS_MAX ? senseless(e) : 0;
}

int prepared_put_ok(const struct prepared_ok *ok, struct buf *out, uint8_t *sequence, struct err *e)
{
    struct cursor c = cursor_over(ok->definitions);
    uint64_t      columns = 0;
    uint8_t       ignored;

    if (ok->definitions.len > 0)
        TRY(count_columns(&c, &columns, e));
    struct packet p = packet_begin(out);
    buf_put_u8(out, HEAD_OK);
    buf_put_le(out, ok->id, 4);
    buf_put_le(out, columns, 2);
    buf_put_le(out, ok->parameters, 2);
    buf_put_u8(out, 0);
    buf_put_le(out, ok->warnings, 2);
    packet_end(&p, sequence);
    for (size_t i = 0; i < ok->parameters; i++)
        put_parameter(out, sequence);
    if (ok->parameters > 0)
        put_eof(ok, out, sequence);
    for (uint64_t i = 0; i < columns; i++) {
        struct slice definition = next_packet(&c, &ignored);
        pass(definition, (*sequence)++, out);
    }
    if (columns > 0)
        put_eof(ok, out, sequence);
    return c.failed ? senseless(e) : buf_check(out, "the answer", e);
}
