#include "protocol/gtid.h"
#include <inttypes.h>
#include <stdio.h>
#include "protocol/varlen.h"

void gtid_uuid_format(const uint8_t uuid[UUID_BYTES], char *into)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < UUID_BYTES; i++) {
        *into++ = digits[uuid[i] >> 4];
        *into++ = digits[uuid[i] & 15];
        if (i == 3 || i == 5 || i == 7 || i == 9)
            *into++ = '-';
    }
    *into = 0;
}

void gtid_format(const struct gtid *g, char *into)
{
    switch (g->kind) {
    case GTID_MYSQL:
        gtid_uuid_format(g->uuid, into);
        (void)snprintf(into + UUID_TEXT_BYTES, GTID_TEXT_BYTES - UUID_TEXT_BYTES, ":%s%s%" PRIu64,
                       g->tag, g->tag[0] != 0 ? ":" : "", g->number);
        break;
    case GTID_MARIADB:
        (void)snprintf(into, GTID_TEXT_BYTES, "%" PRIu32 "-%" PRIu32 "-%" PRIu64, g->domain,
                       g->server_id, g->number);
        break;
    default:
        *into = 0;
    }
}

bool gtid_tag_read(struct slice text, char tag[GTID_TAG_BYTES + 1])
{
    if (text.len > GTID_TAG_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c - 'A' + 'a');
        if (!(c == '_' || (c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9')))
            return false;
        tag[i] = (char)c;
    }
    tag[text.len] = 0;
    return true;
}

/* ---- MySQL's GTID and ANONYMOUS_GTID ---- */

/*
 * The event has grown with every version, so each group of fields is read if it is there: logical
 * clock (5.7), commit times (8.0.1), length (8.0.2), server versions (8.0.14).
 */
static void read_mysql_tail(struct cursor *c, struct gtid_event *out)
{
    enum { LOGICAL_CLOCK = 2, CLOCK_BYTES = 1 + 8 + 8, TIME_BYTES = 7 };
    static const uint64_t original_follows = 1ull << 55;

    if (c->left < CLOCK_BYTES || cursor_u8(c) != LOGICAL_CLOCK)
        return;
    out->last_committed = (int64_t)cursor_u64(c);
    out->sequence_number = (int64_t)cursor_u64(c);
    if (c->left < TIME_BYTES)
        return;
    uint64_t time = cursor_le(c, TIME_BYTES);
    out->immediate_commit_us = time & ~original_follows;
    out->original_commit_us =
        (time & original_follows) != 0 ? cursor_le(c, TIME_BYTES) : out->immediate_commit_us;
    if (c->left == 0)
        return;
    out->transaction_length = cursor_lenenc(c);
}

static int read_mysql(const struct event *ev, struct gtid_event *out, struct err *e)
{
    struct cursor c = cursor_over(ev->body);

    cursor_skip(&c, 1); /* flags */
    struct slice uuid = cursor_slice(&c, UUID_BYTES);
    uint64_t     number = cursor_u64(&c);
    read_mysql_tail(&c, out);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "%s event: its fields do not fit in a body of %zu bytes",
                       event_name(ev->type), ev->body.len);
    if (ev->type == EVENT_ANONYMOUS_GTID)
        return 0;
    out->gtid.kind = GTID_MYSQL;
    out->gtid.number = number;
    memcpy(out->gtid.uuid, uuid.ptr, UUID_BYTES);
    return 0;
}

/* ---- MySQL's GTID_TAGGED ---- */

enum tagged_field {
    TAGGED_FLAGS,
    TAGGED_UUID,
    TAGGED_NUMBER,
    TAGGED_TAG,
    TAGGED_LAST_COMMITTED,
    TAGGED_SEQUENCE_NUMBER,
    TAGGED_IMMEDIATE_TIME,
    TAGGED_ORIGINAL_TIME, /* absent when it is the immediate one */
    TAGGED_LENGTH,
    TAGGED_IMMEDIATE_VERSION,
    TAGGED_ORIGINAL_VERSION,
    TAGGED_COMMIT_GROUP,
    TAGGED_FIELDS
};

static void read_tagged_field(struct cursor *c, enum tagged_field field, struct gtid_event *out)
{
    switch (field) {
    case TAGGED_UUID:
        /* An array of small integers, each in one or two bytes. */
        for (size_t i = 0; i < UUID_BYTES; i++)
            out->gtid.uuid[i] = (uint8_t)cursor_varlen(c);
        break;
    case TAGGED_NUMBER:
        out->gtid.number = (uint64_t)cursor_varlen_signed(c);
        break;
    case TAGGED_TAG: {
        uint64_t     bytes = cursor_varlen(c);
        struct slice tag = cursor_slice(c, bytes <= GTID_TAG_BYTES ? (size_t)bytes : SIZE_MAX);
        c->failed |= !gtid_tag_read(tag, out->gtid.tag);
        break;
    }
    case TAGGED_LAST_COMMITTED:
        out->last_committed = cursor_varlen_signed(c);
        break;
    case TAGGED_SEQUENCE_NUMBER:
        out->sequence_number = cursor_varlen_signed(c);
        break;
    case TAGGED_IMMEDIATE_TIME:
        out->immediate_commit_us = cursor_varlen(c);
        break;
    case TAGGED_ORIGINAL_TIME:
        out->original_commit_us = cursor_varlen(c);
        break;
    case TAGGED_LENGTH:
        out->transaction_length = cursor_varlen(c);
        break;
    default: /* flags, versions, commit group: nothing a relay needs */
        (void)cursor_varlen(c);
        break;
    }
}

static int read_tagged(const struct event *ev, struct gtid_event *out, struct err *e)
{
    enum { SERIALIZATION_VERSION = 1 };
    struct cursor c = cursor_over(ev->body);
    uint32_t      seen = 0;

    uint64_t version = cursor_varlen(&c);
    uint64_t size = cursor_varlen(&c); /* of the message, from its first byte */
    uint64_t last_needed = cursor_varlen(&c);
    if (c.failed || version != SERIALIZATION_VERSION || size > ev->body.len ||
        size < ev->body.len - c.left)
        return err_set(e, E_PROTOCOL,
                       "Gtid_tagged event: version %" PRIu64 " and size %" PRIu64
                       " in a body of %zu bytes",
                       version, size, ev->body.len);
    if (last_needed >= TAGGED_FIELDS)
        return err_set(e, E_PROTOCOL,
                       "Gtid_tagged event: field %" PRIu64 " must be understood and is not: the "
                       "server is newer than this relay knows",
                       last_needed);
    c.left -= ev->body.len - (size_t)size;
    while (c.left > 0 && !c.failed) {
        uint64_t field = cursor_varlen(&c);
        if (field >= TAGGED_FIELDS) /* from a newer server, and none that must be understood */
            break;
        read_tagged_field(&c, (enum tagged_field)field, out);
        seen |= 1u << field;
    }
    uint32_t needed = 1u << TAGGED_UUID | 1u << TAGGED_NUMBER | 1u << TAGGED_TAG;
    if (c.failed || (seen & needed) != needed)
        return err_set(e, E_PROTOCOL, "Gtid_tagged event: no UUID, tag and number in %zu bytes",
                       ev->body.len);
    if ((seen & 1u << TAGGED_ORIGINAL_TIME) == 0)
        out->original_commit_us = out->immediate_commit_us;
    out->gtid.kind = GTID_MYSQL;
    return 0;
}

/* ---- MariaDB ---- */

enum mariadb_flag {
    FL_STANDALONE = 1,
    FL_GROUP_COMMIT_ID = 2,
    FL_DDL = 32,
    FL_PREPARED_XA = 64,
    FL_COMPLETED_XA = 128,
};

enum mariadb_extra_flag {
    FL_EXTRA_MULTI_ENGINE = 1,
    FL_EXTRA_COMMIT_ALTER = 4,
    FL_EXTRA_ROLLBACK_ALTER = 8,
    FL_EXTRA_THREAD_ID = 16,
};

static int read_mariadb(const struct event *ev, struct gtid_event *out, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    struct gtid  *g = &out->gtid;

    g->kind = GTID_MARIADB;
    g->number = cursor_u64(&c);
    g->domain = cursor_u32(&c);
    g->server_id = ev->server_id;
    uint8_t flags = cursor_u8(&c);
    if ((flags & FL_GROUP_COMMIT_ID) != 0)
        cursor_skip(&c, 8);
    if ((flags & (FL_PREPARED_XA | FL_COMPLETED_XA)) != 0) {
        cursor_skip(&c, 4); /* format */
        size_t global_bytes = cursor_u8(&c);
        size_t branch_bytes = cursor_u8(&c);
        cursor_skip(&c, global_bytes + branch_bytes);
    }
    /* Older servers fill up to 19 bytes with zeros, which read as no extra flags. */
    uint8_t extra = c.left > 0 ? cursor_u8(&c) : 0;
    if ((extra & FL_EXTRA_MULTI_ENGINE) != 0)
        cursor_skip(&c, 1);
    if ((extra & (FL_EXTRA_COMMIT_ALTER | FL_EXTRA_ROLLBACK_ALTER)) != 0)
        cursor_skip(&c, 8);
    if ((extra & FL_EXTRA_THREAD_ID) != 0)
        out->thread_id = cursor_u32(&c);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "MariaDB_gtid event: its fields do not fit in %zu bytes",
                       ev->body.len);
    out->standalone = (flags & FL_STANDALONE) != 0;
    out->is_xa_prepare = (flags & FL_PREPARED_XA) != 0;
    out->is_ddl = (flags & FL_DDL) != 0;
    return 0;
}

int gtid_parse_event(const struct format *f, const struct event *ev, struct gtid_event *out,
                     struct err *e)
{
    struct gtid_event read = { 0 };
    bool              is_mariadb = ev->type == EVENT_MARIADB_GTID;

    if (is_mariadb != (f->family == FAMILY_MARIADB))
        return err_set(e, E_PROTOCOL, "%s event in a binlog of server version %s",
                       event_name(ev->type), f->server_version);
    switch (ev->type) {
    case EVENT_GTID:
    case EVENT_ANONYMOUS_GTID:
        TRY(read_mysql(ev, &read, e));
        break;
    case EVENT_GTID_TAGGED:
        TRY(read_tagged(ev, &read, e));
        break;
    case EVENT_MARIADB_GTID:
        TRY(read_mariadb(ev, &read, e));
        break;
    default:
        return err_set(e, E_PROTOCOL, "%s event where a GTID was expected", event_name(ev->type));
    }
    if (read.gtid.kind == GTID_MYSQL &&
        (read.gtid.number == 0 || read.gtid.number > GTID_NUMBER_MAX))
        return err_set(e, E_PROTOCOL, "%s event: transaction number %" PRIu64 " is out of range",
                       event_name(ev->type), read.gtid.number);
    *out = read;
    return 0;
}
