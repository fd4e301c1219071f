#include "relay/forward/binlog_end.h"
#include <stdio.h>
#include <string.h>
#include "protocol/handshake.h"
#include "protocol/packet.h"

enum { MYSQL_WITH_BINARY_LOG_STATUS = 80200, DIGITS_MAX = 20 };

const char *binlog_end_question(const struct server_facts *facts)
{
    bool renamed =
        facts->family == FAMILY_MYSQL && facts->version_number >= MYSQL_WITH_BINARY_LOG_STATUS;
    return renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

static struct slice next_payload(struct cursor *c)
{
    struct slice head = cursor_slice(c, PACKET_HEADER_BYTES);
    return c->failed ? slice_empty() : cursor_slice(c, packet_payload_bytes(head.ptr));
}

static int senseless(struct err *e)
{
    return err_set(e, E_PROTOCOL,
                   "the source does not say where its binlog ends: is log_bin on there?");
}

static int parse_number(struct slice digits, uint64_t *out)
{
    uint64_t n = 0;

    if (digits.len == 0 || digits.len >= DIGITS_MAX)
        return -1;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)digits.ptr[i] - '0';
        if (digit > 9)
            return -1;
        n = n * 10 + digit;
    }
    *out = n;
    return 0;
}

int binlog_end_parse(struct slice packets, uint32_t capabilities, struct binlog_end *out,
                     struct err *e)
{
    struct cursor     c = cursor_over(packets);
    struct cursor     count = cursor_over(next_payload(&c));
    uint64_t          skip = cursor_lenenc(&count);
    struct binlog_end p = { 0 };

    if (count.failed || skip > UINT16_MAX)
        return senseless(e);
    skip += (capabilities & CAP_DEPRECATE_EOF) == 0 ? 1 : 0; /* the EOF behind the columns */
    while (skip-- > 0 && !c.failed)
        (void)next_payload(&c);
    struct cursor row = cursor_over(next_payload(&c));
    struct slice  file = cursor_lenenc_slice(&row);
    struct slice  offset = cursor_lenenc_slice(&row);
    if (row.failed || file.len == 0 || file.len > STORE_NAME_BYTES ||
        memchr(file.ptr, 0, file.len) != NULL || parse_number(offset, &p.offset) != 0)
        return senseless(e);
    memcpy(p.file, file.ptr, file.len);
    *out = p;
    return 0;
}

int binlog_end_find(struct store *s, const struct binlog_end *p, store_pos *out, struct err *e)
{
    struct store_file file;
    struct err        why = { 0 };

    *out = 0;
    if (p->offset > STORE_OFFSET_MAX)
        return err_set(e, E_PROTOCOL, "the source's binlog ends at an impossible offset");
    if (store_file_by_source(s, "", p->file, &file, &why) != 0) {
        if (why.kind == E_PURGED)
            return 0;
        *e = why;
        return -1;
    }
    store_pos at = store_pos_at(file.ordinal, p->offset);
    if (at <= store_published(s))
        *out = at;
    return 0;
}
