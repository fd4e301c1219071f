#include "protocol/format.h"
#include "protocol/checksum.h"

enum {
    BINLOG_VERSION = 4,
    AT_LOG_POS = 13, /* in the event */
    AT_FLAGS = 17,
    AT_CREATED = EVENT_HEADER_BYTES + 2 + FORMAT_VERSION_BYTES,
    TAIL_BYTES = 1 + EVENT_CRC_BYTES, /* algorithm and checksum */
    ALGORITHM_NONE = 0,
    ALGORITHM_CRC32 = 1,
};

/* Since when a format description ends with algorithm and checksum. */
enum { MYSQL_CHECKSUM_VERSION = 50601, MARIADB_CHECKSUM_VERSION = 50300 };

static bool read_number(const char **at, uint32_t limit, uint32_t *out)
{
    uint32_t n = 0;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        n = n * 10 + (uint32_t)(**at - '0');
        if (n > limit)
            return false;
    }
    *out = n;
    return true;
}

uint32_t format_version_number(const char *server_version)
{
    static const char mysql_mask[] = "5.5.5-"; /* what MariaDB 10 puts before its own */
    const char       *at = server_version;
    uint32_t          major = 0;
    uint32_t          minor = 0;
    uint32_t          patch = 0;

    if (strncmp(at, mysql_mask, sizeof mysql_mask - 1) == 0 && strstr(at, "MariaDB") != NULL)
        at += sizeof mysql_mask - 1;
    if (!read_number(&at, 9999, &major) || *at++ != '.' || !read_number(&at, 99, &minor) ||
        *at++ != '.' || !read_number(&at, 99, &patch))
        return 0;
    return major * 10000 + minor * 100 + patch;
}

static enum format_family family_of(const char *version, size_t type_count)
{
    /* A server built with its own version text still has MariaDB's types, which begin at 160. */
    if (strstr(version, "MariaDB") != NULL || strstr(version, "-maria-") != NULL ||
        type_count >= EVENT_MARIADB_ANNOTATE_ROWS)
        return FAMILY_MARIADB;
    return FAMILY_MYSQL;
}

/* The event's parts. `types` still has the tail, if there is one. */
struct parts {
    char         version[FORMAT_VERSION_BYTES + 1];
    uint32_t     created_s;
    struct slice types;
};

static int split(struct slice whole, struct parts *out, struct err *e)
{
    struct event ev;

    TRY(event_parse(whole, false, &ev, e));
    if (ev.type != EVENT_FORMAT_DESCRIPTION)
        return err_set(e, E_PROTOCOL, "%s event where a format description was expected",
                       event_name(ev.type));
    struct cursor c = cursor_over(ev.body);
    uint16_t      binlog_version = cursor_u16(&c);
    struct slice  version = cursor_slice(&c, FORMAT_VERSION_BYTES);
    uint32_t      created_s = cursor_u32(&c);
    uint8_t       header_bytes = cursor_u8(&c);
    if (c.failed || binlog_version != BINLOG_VERSION)
        return err_set(e, E_PROTOCOL,
                       "binlog version %u: only version %d (MySQL 5.0 and later) is "
                       "understood",
                       binlog_version, BINLOG_VERSION);
    if (header_bytes != EVENT_HEADER_BYTES)
        return err_set(e, E_PROTOCOL, "format description: event headers of %u bytes, not %d",
                       header_bytes, EVENT_HEADER_BYTES);
    memcpy(out->version, version.ptr, version.len);
    out->version[FORMAT_VERSION_BYTES] = 0;
    out->created_s = created_s;
    out->types = cursor_rest(&c);
    return 0;
}

/* Whether the event ends with algorithm and checksum. Of a version text that nobody can read, the
   checksum itself tells. */
static bool has_tail(struct slice whole, const struct parts *p)
{
    uint32_t   number = format_version_number(p->version);
    struct err ignored;

    if (number == 0)
        return p->types.len >= TAIL_BYTES && event_verify(whole, &ignored) == 0;
    if (family_of(p->version, p->types.len) == FAMILY_MARIADB)
        return number >= MARIADB_CHECKSUM_VERSION;
    return number >= MYSQL_CHECKSUM_VERSION;
}

int format_parse(struct slice whole, struct format *out, struct err *e)
{
    struct parts p;
    uint8_t      algorithm = ALGORITHM_NONE;

    TRY(split(whole, &p, e));
    if (has_tail(whole, &p)) {
        if (p.types.len < TAIL_BYTES)
            return err_set(e, E_PROTOCOL, "format description of %s: no room for its checksum",
                           p.version);
        TRY(event_verify(whole, e));
        p.types.len -= TAIL_BYTES;
        algorithm = p.types.ptr[p.types.len];
    }
    if (algorithm != ALGORITHM_NONE && algorithm != ALGORITHM_CRC32)
        return err_set(e, E_PROTOCOL, "format description of %s: checksum algorithm %u is unknown",
                       p.version, algorithm);
    if (p.types.len > UINT8_MAX)
        return err_set(e, E_PROTOCOL, "format description of %s: %zu event types", p.version,
                       p.types.len);
    memset(out, 0, sizeof *out);
    memcpy(out->server_version, p.version, sizeof p.version);
    out->family = family_of(p.version, p.types.len);
    out->version_number = format_version_number(p.version);
    out->created_s = p.created_s;
    out->has_crc = algorithm == ALGORITHM_CRC32;
    out->header_bytes = EVENT_HEADER_BYTES;
    out->type_count = (uint8_t)p.types.len;
    /* The server's list begins with type 1. */
    memcpy(out->post_header + 1, p.types.ptr, p.types.len);
    return 0;
}

void format_put_resent(struct buf *out, struct slice whole, bool zero_log_pos, bool zero_created)
{
    struct parts p;
    struct err   e;
    int          failed = split(whole, &p, &e);
    assert(failed == 0); /* the caller parsed it */

    uint8_t *copy = buf_extend(out, whole.len);
    if (copy == NULL)
        return;
    memcpy(copy, whole.ptr, whole.len);
    if (zero_log_pos)
        memset(copy + AT_LOG_POS, 0, 4);
    if (zero_created)
        memset(copy + AT_CREATED, 0, 4);
    copy[AT_FLAGS] = (uint8_t)(copy[AT_FLAGS] & ~EVENT_FLAG_IN_USE);
    if (has_tail(whole, &p)) {
        size_t   covered = whole.len - EVENT_CRC_BYTES;
        uint32_t crc = htole32(checksum_crc32(0, (struct slice){ copy, covered }));
        memcpy(copy + covered, &crc, sizeof crc);
    }
}
