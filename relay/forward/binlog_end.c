#include "relay/forward/binlog_end.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "storage/origin.h"

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

/* Over the columns, to the first row. */
static int skip_columns(struct cursor *c, uint32_t capabilities)
{
    struct cursor count = cursor_over(next_payload(c));
    uint64_t      skip = cursor_lenenc(&count);

    if (count.failed || skip > UINT16_MAX)
        return -1;
    skip += (capabilities & CAP_DEPRECATE_EOF) == 0 ? 1 : 0; /* the EOF behind the columns */
    while (skip-- > 0 && !c->failed)
        (void)next_payload(c);
    return c->failed ? -1 : 0;
}

static int take_file(struct slice name, struct binlog_end *out)
{
    if (name.len == 0 || name.len > STORE_NAME_BYTES || memchr(name.ptr, 0, name.len) != NULL)
        return -1;
    memcpy(out->file, name.ptr, name.len);
    out->file[name.len] = '\0';
    return 0;
}

int binlog_end_parse(struct slice packets, uint32_t capabilities, struct binlog_end *out,
                     struct err *e)
{
    struct cursor     c = cursor_over(packets);
    struct binlog_end p = { 0 };

    if (skip_columns(&c, capabilities) != 0)
        return senseless(e);
    struct cursor row = cursor_over(next_payload(&c));
    struct slice  file = cursor_lenenc_slice(&row);
    struct slice  offset = cursor_lenenc_slice(&row);
    if (row.failed || take_file(file, &p) != 0 || parse_number(offset, &p.offset) != 0)
        return senseless(e);
    *out = p;
    return 0;
}

static bool is_text(struct slice a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.ptr, b, a.len) == 0;
}

static const char file_name[] = "Binlog_snapshot_file",
                  position_name[] = "Binlog_snapshot_position";

int binlog_end_parse_snapshot(struct slice packets, uint32_t capabilities, struct binlog_end *out,
                              bool *found, struct err *e)
{
    struct cursor     c = cursor_over(packets);
    struct binlog_end p = { 0 };
    bool              has_position = false;

    if (skip_columns(&c, capabilities) != 0)
        return senseless(e);
    while (c.left > 0) {
        struct cursor row = cursor_over(next_payload(&c));
        struct slice  name = cursor_lenenc_slice(&row);
        struct slice  value = cursor_lenenc_slice(&row);
        if (row.failed || value.len == 0)
            continue; /* the end, or there is no snapshot */
        if (is_text(name, file_name) && take_file(value, &p) != 0)
            return senseless(e);
        if (is_text(name, position_name)) {
            if (parse_number(value, &p.offset) != 0)
                return senseless(e);
            has_position = true;
        }
    }
    *found = has_position && p.file[0] != '\0';
    *out = p;
    return 0;
}

void binlog_end_put_snapshot(struct slice packets, uint32_t capabilities, const char *file,
                             struct buf *out, uint8_t *sequence)
{
    struct cursor c = cursor_over(packets), rows = c;
    bool          fine = skip_columns(&rows, capabilities) == 0;

    while (c.left > 0 && !c.failed) {
        bool          is_row = fine && c.left <= rows.left;
        struct slice  payload = next_payload(&c);
        struct cursor row = cursor_over(payload);
        bool          names = is_row && is_text(cursor_lenenc_slice(&row), file_name);
        bool          replaces = names && cursor_lenenc_slice(&row).len > 0 && !row.failed;
        struct packet p = packet_begin(out);
        if (replaces) {
            buf_put_lenenc_slice(out, slice_of_text(file_name));
            buf_put_lenenc_slice(out, slice_of_text(file));
        } else {
            buf_put(out, payload);
        }
        packet_end(&p, sequence);
    }
}

int binlog_end_find(struct store *s, const struct binlog_end *p, store_pos *out, struct err *e)
{
    return origin_locate_now(s, p->file, p->offset, out, e);
}
