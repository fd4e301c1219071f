#include "protocol/command.h"
#include "protocol/handshake.h"
#include "protocol/wire_type.h"

enum {
    QUERY_ATTRIBUTES_MAX = 65535, /* more can't be bound in any server */
    REGISTER_TEXT_MAX = 255,
};

static void skip_value(struct cursor *c, uint8_t type)
{
    switch (type) {
    case TYPE_NULL:
        break;
    case TYPE_TINY:
    case TYPE_BOOL:
        cursor_skip(c, 1);
        break;
    case TYPE_SHORT:
    case TYPE_YEAR:
        cursor_skip(c, 2);
        break;
    case TYPE_LONG:
    case TYPE_INT24:
    case TYPE_FLOAT:
        cursor_skip(c, 4);
        break;
    case TYPE_LONGLONG:
    case TYPE_DOUBLE:
        cursor_skip(c, 8);
        break;
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_DATETIME:
    case TYPE_TIMESTAMP: {
        uint8_t n = cursor_u8(c);
        cursor_skip(c, n);
        break;
    }
    default:
        (void)cursor_lenenc_slice(c);
    }
}

/* Names and types come first, all values behind them: two cursors walk side by side. */
static void skip_attributes(struct cursor *c)
{
    uint64_t count = cursor_lenenc(c);
    uint64_t sets = cursor_lenenc(c);

    if (count == 0 || c->failed)
        return;
    if (count > QUERY_ATTRIBUTES_MAX || sets != 1) {
        c->failed = true;
        return;
    }
    const uint8_t *nulls = cursor_take(c, (size_t)(count + 7) / 8);
    if (cursor_u8(c) != 1 || nulls == NULL) { /* types are always sent along with attributes */
        c->failed = true;
        return;
    }
    struct cursor types = *c;
    for (uint64_t i = 0; i < count && !c->failed; i++) {
        cursor_skip(c, 2);
        (void)cursor_lenenc_slice(c);
    }
    for (uint64_t i = 0; i < count && !c->failed; i++) {
        uint16_t type = cursor_u16(&types);
        (void)cursor_lenenc_slice(&types);
        if ((nulls[i / 8] >> (i % 8) & 1) == 0)
            skip_value(c, (uint8_t)type);
    }
}

int command_parse_query(struct slice payload, uint32_t capabilities, struct slice *sql,
                        struct err *e)
{
    struct cursor c = cursor_over(payload);

    if (cursor_u8(&c) != COM_QUERY || c.failed)
        return err_set(e, E_PROTOCOL, "no query command");
    if ((capabilities & CAP_QUERY_ATTRIBUTES) != 0)
        skip_attributes(&c);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "query of %zu bytes: its attributes are cut or garbled",
                       payload.len);
    *sql = cursor_rest(&c);
    return 0;
}

int command_parse_register(struct slice payload, struct command_register *out, struct err *e)
{
    struct cursor           c = cursor_over(payload);
    struct command_register r = { 0 };

    uint8_t command = cursor_u8(&c);
    r.server_id = cursor_u32(&c);
    uint8_t      n = cursor_u8(&c);
    struct slice host = cursor_slice(&c, n);
    n = cursor_u8(&c);
    cursor_skip(&c, n); /* user */
    n = cursor_u8(&c);
    cursor_skip(&c, n); /* password */
    r.port = cursor_u16(&c);
    if (c.failed || command != COM_REGISTER_SLAVE)
        return err_set(e, E_PROTOCOL, "replica registration of %zu bytes is cut or garbled",
                       payload.len);
    _Static_assert(sizeof r.host > REGISTER_TEXT_MAX, "one byte of length always fits");
    for (size_t i = 0; i < host.len; i++)
        r.host[i] = (char)(host.ptr[i] >= 0x20 && host.ptr[i] < 0x7f ? host.ptr[i] : '?');
    *out = r;
    return 0;
}

/* Servers take the name as a C string: it ends at a zero byte or with the packet. A name of zero
 * bytes alone is the empty one. */
static int take_file(struct command_dump *d, struct slice name, struct err *e)
{
    const uint8_t *zero = name.len > 0 ? memchr(name.ptr, 0, name.len) : NULL;
    size_t         n = zero != NULL ? (size_t)(zero - name.ptr) : name.len;

    if (n >= sizeof d->file)
        return err_set(e, E_PROTOCOL, "dump request: file name of %zu bytes", n);
    memcpy(d->file, name.ptr, n);
    return 0;
}

static int parse_dump_by_position(struct cursor *c, struct command_dump *d, struct err *e)
{
    d->position = cursor_u32(c);
    d->flags = cursor_u16(c);
    d->server_id = cursor_u32(c);
    return take_file(d, cursor_rest(c), e);
}

static int parse_dump_by_gtids(struct cursor *c, struct command_dump *d, struct err *e)
{
    d->by_gtid_set = true;
    d->flags = cursor_u16(c);
    d->server_id = cursor_u32(c);
    uint32_t name_bytes = cursor_u32(c);
    TRY(take_file(d, cursor_slice(c, name_bytes), e));
    d->position = cursor_u64(c);
    uint32_t set_bytes = cursor_u32(c);
    d->gtid_bytes = cursor_slice(c, set_bytes);
    return 0;
}

int command_parse_dump(struct slice payload, struct command_dump *out, struct err *e)
{
    struct cursor       c = cursor_over(payload);
    struct command_dump d = { .gtid_bytes = slice_empty() };

    switch (cursor_u8(&c)) {
    case COM_BINLOG_DUMP:
        TRY(parse_dump_by_position(&c, &d, e));
        break;
    case COM_BINLOG_DUMP_GTID:
        TRY(parse_dump_by_gtids(&c, &d, e));
        break;
    default:
        return err_set(e, E_PROTOCOL, "no dump command");
    }
    if (c.failed)
        return err_set(e, E_PROTOCOL, "dump request of %zu bytes is cut or garbled", payload.len);
    *out = d;
    return 0;
}
