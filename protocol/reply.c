#include "protocol/reply.h"
#include <stdarg.h>
#include <stdio.h>
#include "protocol/handshake.h"

enum {
    HEAD_OK = 0x00,
    HEAD_NULL = 0xfb,
    HEAD_EOF = 0xfe,
    HEAD_ERROR = 0xff,
    COLUMN_FIXED_BYTES = 0x0c, /* length of a column's fixed fields */
};

static void put_ok_body(const struct reply *r, uint8_t head)
{
    buf_put_u8(r->out, head);
    buf_put_lenenc(r->out, 0); /* affected rows */
    buf_put_lenenc(r->out, 0); /* last insert id */
    buf_put_le(r->out, r->status, 2);
    buf_put_le(r->out, r->warnings, 2);
}

static void put_ok(struct reply *r, uint8_t head)
{
    struct packet p = packet_begin(r->out);

    put_ok_body(r, head);
    packet_end(&p, r->sequence);
}

void reply_ok(struct reply *r)
{
    put_ok(r, HEAD_OK);
}

void reply_ok_text(struct reply *r, const char *text)
{
    struct packet p = packet_begin(r->out);

    put_ok_body(r, HEAD_OK);
    buf_put_lenenc_slice(r->out, slice_of_text(text));
    packet_end(&p, r->sequence);
}

void reply_error(struct reply *r, uint16_t number, const char state[5], const char *fmt, ...)
{
    char          text[REPLY_ERROR_BYTES + 1];
    va_list       args;
    struct packet p = packet_begin(r->out);

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buf_put_u8(r->out, HEAD_ERROR);
    buf_put_le(r->out, number, 2);
    buf_put_u8(r->out, '#');
    buf_put(r->out, (struct slice){ (const uint8_t *)state, 5 });
    buf_put_text(r->out, text);
    packet_end(&p, r->sequence);
}

void reply_eof(struct reply *r)
{
    struct packet p = packet_begin(r->out);
    buf_put_u8(r->out, HEAD_EOF);
    buf_put_le(r->out, r->warnings, 2);
    buf_put_le(r->out, r->status, 2);
    packet_end(&p, r->sequence);
}

static void put_name(struct reply *r, const char *name)
{
    buf_put_lenenc_slice(r->out, name != NULL ? slice_of_text(name) : slice_empty());
}

static void put_column(struct reply *r, const struct reply_column *column)
{
    struct packet p = packet_begin(r->out);

    put_name(r, "def");
    put_name(r, column->schema);
    put_name(r, column->table);
    put_name(r, column->table);
    put_name(r, column->name);
    put_name(r, column->column);
    buf_put_u8(r->out, COLUMN_FIXED_BYTES);
    buf_put_le(r->out, column->charset, 2);
    buf_put_le(r->out, column->length, 4);
    buf_put_u8(r->out, (uint8_t)column->type);
    buf_put_le(r->out, column->flags, 2);
    buf_put_u8(r->out, column->decimals);
    buf_put_le(r->out, 0, 2);
    packet_end(&p, r->sequence);
}

void reply_columns(struct reply *r, const struct reply_column *columns, size_t count)
{
    assert(count > 0);
    struct packet p = packet_begin(r->out);
    buf_put_lenenc(r->out, count);
    packet_end(&p, r->sequence);
    for (size_t i = 0; i < count; i++)
        put_column(r, &columns[i]);
    if ((r->capabilities & CAP_DEPRECATE_EOF) == 0)
        reply_eof(r);
}

struct packet reply_row(struct reply *r)
{
    return packet_begin(r->out);
}

void reply_null(struct packet *row)
{
    buf_put_u8(row->out, HEAD_NULL);
}

void reply_text(struct packet *row, struct slice text)
{
    buf_put_lenenc_slice(row->out, text);
}

void reply_number(struct packet *row, uint64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    reply_text(row, slice_of_text(digits));
}

void reply_row_end(struct reply *r, struct packet *row)
{
    packet_end(row, r->sequence);
}

void reply_rows_end(struct reply *r)
{
    if ((r->capabilities & CAP_DEPRECATE_EOF) != 0)
        put_ok(r, HEAD_EOF);
    else
        reply_eof(r);
}
