#include "tests/sim/binlog.h"
#include <stdio.h>
#include <stdlib.h>
#include "protocol/checksum.h"

const char binlog_uuid[] = "00112233-4455-6677-8899-aabbccddeeff";

static void start(struct binlog *b)
{
    buf_init(&b->bytes, (size_t)1 << 32);
    buf_put(&b->bytes, (struct slice){ binlog_magic, BINLOG_MAGIC_BYTES });
}

void binlog_begin(struct binlog *b, const struct binlog_style *style)
{
    *b = (struct binlog){ .style = *style, .time_s = 1700000000, .next_gtid = 1, .next_xid = 100 };
    if (b->style.server_id == 0)
        b->style.server_id = 1;
    start(b);
}

void binlog_begin_next(struct binlog *b, const struct binlog *before)
{
    *b = (struct binlog){ .style = before->style,
                          .time_s = before->time_s,
                          .next_gtid = before->next_gtid,
                          .next_xid = before->next_xid };
    start(b);
}

void binlog_done(struct binlog *b)
{
    buf_done(&b->bytes);
    free(b->ends);
    free(b->txn_ends);
    *b = (struct binlog){ 0 };
}

static void note(uint64_t **list, size_t *count, size_t *size, uint64_t value)
{
    if (*count == *size) {
        *size = *size != 0 ? *size * 2 : 64;
        *list = realloc(*list, *size * sizeof **list);
        assert(*list != NULL);
    }
    (*list)[(*count)++] = value;
}

static bool knows_checksums(const struct binlog *b)
{
    return !b->style.old;
}

/* The whole event; `inside` of a transaction decides about log_pos in MariaDB 11.4's manner. */
static void put_event(struct binlog *b, uint8_t type, uint16_t flags, struct slice body,
                      bool inside)
{
    bool     crc = b->style.crc || (type == EVENT_FORMAT_DESCRIPTION && knows_checksums(b));
    size_t   at = b->bytes.len;
    size_t   length = EVENT_HEADER_BYTES + body.len + (crc ? EVENT_CRC_BYTES : 0);
    uint32_t end = (uint32_t)(at + length);

    buf_put_le(&b->bytes, b->time_s, 4);
    buf_put_u8(&b->bytes, type);
    buf_put_le(&b->bytes, b->style.server_id, 4);
    buf_put_le(&b->bytes, length, 4);
    buf_put_le(&b->bytes, inside && b->style.no_position ? 0 : end, 4);
    buf_put_le(&b->bytes, flags, 2);
    buf_put(&b->bytes, body);
    if (crc) {
        struct slice all = { b->bytes.ptr + at, b->bytes.len - at };
        buf_put_le(&b->bytes, checksum_crc32(0, all), 4);
    }
    assert(b->bytes.failed == BUF_FINE);
    note(&b->ends, &b->count, &b->size, b->bytes.len);
}

void binlog_event(struct binlog *b, uint8_t type, uint16_t flags, struct slice body)
{
    put_event(b, type, flags, body, true);
}

/* Fixed parts of the event types, as the servers announce them. */
static const uint8_t post_header_mysql[] = {
    56, 13, 0, 8, 0, 18, 0, 4, 4,  4,  4,  18, 0,  0, 92, 0,  4, 26, 8,  0, 0,
    0,  8,  8, 8, 2, 0,  0, 0, 10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0,
};

void binlog_format(struct binlog *b)
{
    struct buf  body;
    bool        maria = b->style.family == FAMILY_MARIADB;
    const char *version = maria ? "10.11.19-MariaDB-log" : b->style.old ? "5.5.62-log" : "9.7.4";
    size_t      types = b->style.old ? 27 : sizeof post_header_mysql;

    buf_init(&body, 4096);
    buf_put_le(&body, 4, 2);
    uint8_t *name = buf_extend(&body, FORMAT_VERSION_BYTES);
    assert(name != NULL);
    memset(name, 0, FORMAT_VERSION_BYTES);
    memcpy(name, version, strlen(version));
    buf_put_le(&body, b->time_s, 4);
    buf_put_u8(&body, EVENT_HEADER_BYTES);
    buf_put(&body, (struct slice){ post_header_mysql, types });
    if (maria) /* up to 171, all without a fixed part but the few that have one */
        for (size_t type = types + 1; type <= 171; type++)
            buf_put_u8(&body, type == EVENT_MARIADB_GTID                ? 19
                              : type == EVENT_MARIADB_GTID_LIST         ? 4
                              : type == EVENT_MARIADB_BINLOG_CHECKPOINT ? 4
                              : type == EVENT_MARIADB_QUERY_COMPRESSED  ? 13
                                                                        : 0);
    if (knows_checksums(b))
        buf_put_u8(&body, b->style.crc ? 1 : 0);
    put_event(b, EVENT_FORMAT_DESCRIPTION, 0, buf_slice(&body), false);
    buf_done(&body);
}

void binlog_head(struct binlog *b, const char *text)
{
    struct buf   body;
    struct gtids g = { 0 };
    struct err   e = { 0 };

    if (b->style.old)
        return;
    int result = gtids_parse(&g, slice_of_text(text), &e);
    assert(result == 0);
    buf_init(&body, 1 << 20);
    if (b->style.family == FAMILY_MARIADB) {
        gtid_state_put_list_body(&g.state, &body);
        put_event(b, EVENT_MARIADB_GTID_LIST, 0, buf_slice(&body), false);
    } else {
        gtid_set_encode(&g.set, &body);
        put_event(b, EVENT_PREVIOUS_GTIDS, EVENT_FLAG_IGNORABLE, buf_slice(&body), false);
    }
    buf_done(&body);
    gtids_done(&g);
}

static void put_uuid(struct buf *out)
{
    for (const char *p = binlog_uuid; *p != 0;) {
        if (*p == '-') {
            p++;
            continue;
        }
        char pair[3] = { p[0], p[1], 0 };
        buf_put_u8(out, (uint8_t)strtoul(pair, NULL, 16));
        p += 2;
    }
}

void binlog_gtid(struct binlog *b, bool standalone)
{
    struct buf body;

    b->time_s++;
    if (b->style.old)
        return;
    buf_init(&body, 256);
    uint64_t number = b->next_gtid++;
    if (b->style.family == FAMILY_MARIADB) {
        buf_put_le(&body, number, 8);
        buf_put_le(&body, 0, 4);
        buf_put_u8(&body, standalone ? 1 | 32 : 4); /* FL_STANDALONE | FL_DDL, FL_TRANSACTIONAL */
        buf_put_le(&body, 0, 6);
        put_event(b, EVENT_MARIADB_GTID, 0, buf_slice(&body), true);
    } else {
        buf_put_u8(&body, 1);
        if (b->style.gtids) {
            put_uuid(&body);
            buf_put_le(&body, number, 8);
        } else {
            for (int i = 0; i < UUID_BYTES + 8; i++)
                buf_put_u8(&body, 0);
        }
        buf_put_u8(&body, 2); /* logical clock */
        buf_put_le(&body, number - 1, 8);
        buf_put_le(&body, number, 8);
        put_event(b, b->style.gtids ? EVENT_GTID : EVENT_ANONYMOUS_GTID, 0, buf_slice(&body), true);
    }
    buf_done(&body);
}

void binlog_query(struct binlog *b, const char *database, const char *text)
{
    struct buf body;

    buf_init(&body, 1 << 20);
    buf_put_le(&body, 7, 4); /* thread */
    buf_put_le(&body, 0, 4); /* seconds */
    buf_put_u8(&body, (uint8_t)strlen(database));
    buf_put_le(&body, 0, 2); /* error */
    buf_put_le(&body, 0, 2); /* status variables */
    buf_put_text(&body, database);
    buf_put_u8(&body, 0);
    buf_put_text(&body, text);
    put_event(b, EVENT_QUERY, 0, buf_slice(&body), true);
    buf_done(&body);
}

void binlog_rows(struct binlog *b, size_t bytes)
{
    struct buf body;

    buf_init(&body, bytes + 4096);
    buf_put_le(&body, 42, 6);
    buf_put_le(&body, 1, 2);
    buf_put_u8(&body, 1);
    buf_put_text(&body, "d");
    buf_put_u8(&body, 0);
    buf_put_u8(&body, 1);
    buf_put_text(&body, "t");
    buf_put_u8(&body, 0);
    buf_put_u8(&body, 1); /* one column, */
    buf_put_u8(&body, 3); /* INT, */
    buf_put_u8(&body, 0); /* no metadata, */
    buf_put_u8(&body, 0); /* not nullable */
    put_event(b, EVENT_TABLE_MAP, 0, buf_slice(&body), true);
    buf_clear(&body);
    buf_put_le(&body, 42, 6);
    buf_put_le(&body, 1, 2);
    if (b->style.family == FAMILY_MYSQL && !b->style.old)
        buf_put_le(&body, 2, 2);
    buf_put_u8(&body, 1);
    buf_put_u8(&body, 0xff);
    for (size_t i = 0; i < bytes; i++)
        buf_put_u8(&body, (uint8_t)(i * 7 + b->time_s));
    put_event(b,
              b->style.family == FAMILY_MYSQL && !b->style.old ? EVENT_WRITE_ROWS
                                                               : EVENT_WRITE_ROWS_V1,
              0, buf_slice(&body), true);
    buf_done(&body);
}

void binlog_xid(struct binlog *b)
{
    struct buf body;

    buf_init(&body, 16);
    buf_put_le(&body, b->next_xid++, 8);
    put_event(b, EVENT_XID, 0, buf_slice(&body), true);
    note(&b->txn_ends, &b->txn_count, &b->txn_size, b->bytes.len);
    buf_done(&body);
}

void binlog_rotate(struct binlog *b, const char *next_file)
{
    struct buf body;

    buf_init(&body, 512);
    buf_put_le(&body, 4, 8);
    buf_put_text(&body, next_file);
    put_event(b, EVENT_ROTATE, 0, buf_slice(&body), false);
    buf_done(&body);
}

void binlog_stop(struct binlog *b)
{
    put_event(b, EVENT_STOP, 0, slice_empty(), false);
}

void binlog_transaction(struct binlog *b, size_t bytes)
{
    binlog_gtid(b, false);
    /* MariaDB's GTID event stands for BEGIN. */
    if (b->style.family == FAMILY_MYSQL)
        binlog_query(b, "d", "BEGIN");
    binlog_rows(b, bytes);
    binlog_xid(b);
}

void binlog_ddl(struct binlog *b, const char *text)
{
    binlog_gtid(b, true);
    binlog_query(b, "d", text);
    note(&b->txn_ends, &b->txn_count, &b->txn_size, b->bytes.len);
}

struct slice binlog_slice(const struct binlog *b, size_t index)
{
    assert(index < b->count);
    uint64_t from = index == 0 ? BINLOG_MAGIC_BYTES : b->ends[index - 1];
    return (struct slice){ b->bytes.ptr + from, (size_t)(b->ends[index] - from) };
}

const char *binlog_gtids(const struct binlog *b)
{
    static _Thread_local char text[128];

    text[0] = 0;
    if (b->next_gtid == 1 || b->style.old || (b->style.family == FAMILY_MYSQL && !b->style.gtids))
        return text;
    unsigned long long last = b->next_gtid - 1;
    if (b->style.family == FAMILY_MARIADB)
        (void)snprintf(text, sizeof text, "0-%u-%llu", b->style.server_id, last);
    else if (last == 1)
        (void)snprintf(text, sizeof text, "%s:1", binlog_uuid);
    else
        (void)snprintf(text, sizeof text, "%s:1-%llu", binlog_uuid, last);
    return text;
}
