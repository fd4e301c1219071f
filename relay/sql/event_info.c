#include "relay/sql/event_info.h"
#include <inttypes.h>
#include "protocol/gtid.h"
#include "protocol/table_map.h"

static bool mysql(const struct format *f, uint32_t from)
{
    return f->family == FAMILY_MYSQL && f->version_number >= from;
}

const char *event_info_name(const struct format *f, const struct event *ev)
{
    bool first = f->family == FAMILY_MYSQL && !mysql(f, 50600); /* knows one kind of rows */

    switch (ev->type) {
    case EVENT_WRITE_ROWS_V1:
        return first ? "Write_rows" : "Write_rows_v1";
    case EVENT_UPDATE_ROWS_V1:
        return first ? "Update_rows" : "Update_rows_v1";
    case EVENT_DELETE_ROWS_V1:
        return first ? "Delete_rows" : "Delete_rows_v1";
    case EVENT_RAND:
        return "RAND";
    case EVENT_USER_VAR:
        return "User var";
    case EVENT_ANONYMOUS_GTID:
        return "Anonymous_Gtid";
    case EVENT_MARIADB_GTID:
        return "Gtid";
    case EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1:
        return "Write_rows_compressed_v1";
    case EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1:
        return "Update_rows_compressed_v1";
    case EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1:
        return "Delete_rows_compressed_v1";
    default:
        return event_name(ev->type);
    }
}

/* ---- statements ---- */

/* How long the values of a query's status variables are; what is not here ends the reading. Source:
 * MySQL libbinlogevents statement_events.h. */
static bool skip_status(struct cursor *c, uint8_t code)
{
    static const uint8_t fixed[] = {
        [0] = 4,  [1] = 8,  [3] = 4,  [4] = 6,  [7] = 2,  [8] = 2, [9] = 8,
        [10] = 4, [13] = 3, [16] = 1, [18] = 2, [19] = 1, [20] = 1
    };
    enum { TIME_ZONE = 5, CATALOG = 6, INVOKER = 11, DATABASES = 12, DATABASES_MANY = 254 };

    if (code == TIME_ZONE || code == CATALOG) {
        cursor_skip(c, cursor_u8(c));
    } else if (code == INVOKER) {
        cursor_skip(c, cursor_u8(c));
        cursor_skip(c, cursor_u8(c));
    } else if (code == DATABASES) {
        uint8_t n = cursor_u8(c);
        for (uint8_t i = 0; n != DATABASES_MANY && i < n && !c->failed; i++)
            (void)cursor_until_zero(c);
    } else if (code < sizeof fixed && fixed[code] != 0) {
        cursor_skip(c, fixed[code]);
    } else {
        return false;
    }
    return !c->failed;
}

/* Of a DDL statement of MySQL 8.0 and later: the transaction that it is. */
static bool find_xid(struct slice status_vars, uint64_t *xid)
{
    enum { DDL_XID = 17 };
    struct cursor c = cursor_over(status_vars);

    while (c.left > 0) {
        uint8_t code = cursor_u8(&c);
        if (code == DDL_XID) {
            *xid = cursor_u64(&c);
            return !c.failed;
        }
        if (!skip_status(&c, code))
            return false;
    }
    return false;
}

static void put_query(const struct format *f, const struct event *ev, struct buf *out)
{
    enum { SUPPRESS_USE = 0x0008 };
    struct event_query q;
    struct err         ignored = { 0 };
    uint64_t           xid = 0;

    if (event_parse_query(ev, &q, &ignored) != 0)
        return;
    if (q.database.len > 0 && (ev->flags & SUPPRESS_USE) == 0) {
        buf_put_text(out, "use `");
        buf_put(out, q.database);
        buf_put_text(out, "`; ");
    }
    buf_put(out, q.text);
    if (mysql(f, 80000) && find_xid(q.status_vars, &xid))
        buf_printf(out, " /* xid=%" PRIu64 " */", xid);
}

/* ---- rows ---- */

static void put_table(const struct format *f, const struct event *ev, struct buf *out)
{
    uint64_t     id;
    struct slice database;
    struct slice table;
    struct err   ignored = { 0 };

    if (table_map_peek(f, ev, &id, &database, &table, &ignored) != 0)
        return;
    buf_printf(out, "table_id: %" PRIu64 " (", id);
    buf_put(out, database);
    buf_put_u8(out, '.');
    buf_put(out, table);
    buf_put_u8(out, ')');
}

static void put_rows(const struct format *f, const struct event *ev, struct buf *out)
{
    enum { STATEMENT_END = 0x0001, SQL_FOREIGN_KEY = 0x0010 };
    struct cursor c = cursor_over(ev->body);
    uint64_t      id = cursor_u32(&c);
    id |= (uint64_t)cursor_u16(&c) << 32;
    uint16_t flags = cursor_u16(&c);

    if (c.failed)
        return;
    buf_printf(out, "table_id: %" PRIu64, id);
    if ((flags & STATEMENT_END) != 0)
        buf_put_text(out, " flags: STMT_END_F");
    if ((flags & SQL_FOREIGN_KEY) != 0 && mysql(f, 90000))
        buf_put_text(out, (flags & STATEMENT_END) != 0 ? " USE_SQL_FOREIGN_KEY_F"
                                                       : " flags: USE_SQL_FOREIGN_KEY_F");
}

/* ---- transactions ---- */

static void put_gtid(const struct format *f, const struct event *ev, struct buf *out)
{
    enum { GROUP_COMMIT_ID = 0x02, FLAGS_AT = 12 };
    struct gtid_event g;
    struct err        ignored = { 0 };
    char              text[GTID_TEXT_BYTES];

    if (ev->type == EVENT_ANONYMOUS_GTID) {
        buf_put_text(out, "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'");
        return;
    }
    if (gtid_parse_event(f, ev, &g, &ignored) != 0)
        return;
    gtid_format(&g.gtid, text);
    if (f->family == FAMILY_MYSQL) {
        buf_printf(out, "SET @@SESSION.GTID_NEXT= '%s'", text);
        return;
    }
    buf_printf(out, "%sGTID %s", g.standalone ? "" : "BEGIN ", text);
    struct cursor c = cursor_over(ev->body);
    cursor_skip(&c, FLAGS_AT);
    if ((cursor_u8(&c) & GROUP_COMMIT_ID) != 0) {
        uint64_t commit = cursor_u64(&c);
        if (!c.failed)
            buf_printf(out, " cid=%" PRIu64, commit);
    }
}

static void put_gtids(const struct event *ev, struct buf *out)
{
    struct gtids g = { 0 };
    struct err   ignored = { 0 };

    if (gtids_take_event(&g, ev, &ignored) == 0) {
        bool list = ev->type == EVENT_MARIADB_GTID_LIST;
        buf_put_text(out, list ? "[" : "");
        gtids_put_text(&g, out);
        buf_put_text(out, list ? "]" : "");
    }
    gtids_done(&g);
}

static void put_xid(const struct event *ev, struct buf *out)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      xid = cursor_u64(&c);
    if (!c.failed)
        buf_printf(out, "COMMIT /* xid=%" PRIu64 " */", xid);
}

/* ---- what a statement needs ---- */

static void put_intvar(const struct event *ev, struct buf *out)
{
    struct cursor c = cursor_over(ev->body);
    uint8_t       kind = cursor_u8(&c);
    uint64_t      value = cursor_u64(&c);
    if (!c.failed)
        buf_printf(out, "%s=%" PRIu64, kind == 1 ? "LAST_INSERT_ID" : "INSERT_ID", value);
}

static void put_rand(const struct event *ev, struct buf *out)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      first = cursor_u64(&c);
    uint64_t      second = cursor_u64(&c);
    if (!c.failed)
        buf_printf(out, "rand_seed1=%" PRIu64 ",rand_seed2=%" PRIu64, first, second);
}

/* Texts as bytes, which are the same in every character set. */
static void put_user_var(const struct event *ev, struct buf *out)
{
    enum { INT_RESULT = 2 };
    struct cursor c = cursor_over(ev->body);
    struct slice  name = cursor_slice(&c, cursor_u32(&c));
    bool          is_null = cursor_u8(&c) != 0;

    if (c.failed)
        return;
    buf_put_text(out, "@`");
    buf_put(out, name);
    buf_put_text(out, "`=");
    if (is_null) {
        buf_put_text(out, "NULL");
        return;
    }
    uint8_t type = cursor_u8(&c);
    cursor_skip(&c, 4);
    uint32_t n = cursor_u32(&c);
    if (type == INT_RESULT) {
        buf_printf(out, "%" PRId64, (int64_t)cursor_u64(&c));
        return;
    }
    struct slice bytes = cursor_slice(&c, n);
    buf_put_text(out, "0x");
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(out, "%02X", bytes.ptr[i]);
}

static void put_rotate(const struct event *ev, struct buf *out)
{
    struct event_rotate r;
    struct err          ignored = { 0 };
    if (event_parse_rotate(ev, &r, &ignored) == 0)
        buf_printf(out, "%s;pos=%" PRIu64, r.file, r.position);
}

static void put_checkpoint(const struct event *ev, struct buf *out)
{
    struct cursor c = cursor_over(ev->body);
    struct slice  name = cursor_slice(&c, cursor_u32(&c));
    if (!c.failed)
        buf_put(out, name);
}

void event_info_put(const struct format *f, const struct event *ev, struct buf *out)
{
    switch (ev->type) {
    case EVENT_FORMAT_DESCRIPTION:
        buf_printf(out, "Server ver: %s, Binlog ver: 4", f->server_version);
        break;
    case EVENT_ROTATE:
        put_rotate(ev, out);
        break;
    case EVENT_QUERY:
        put_query(f, ev, out);
        break;
    case EVENT_GTID:
    case EVENT_ANONYMOUS_GTID:
    case EVENT_GTID_TAGGED:
    case EVENT_MARIADB_GTID:
        put_gtid(f, ev, out);
        break;
    case EVENT_PREVIOUS_GTIDS:
    case EVENT_MARIADB_GTID_LIST:
        put_gtids(ev, out);
        break;
    case EVENT_XID:
        put_xid(ev, out);
        break;
    case EVENT_TABLE_MAP:
        put_table(f, ev, out);
        break;
    case EVENT_WRITE_ROWS:
    case EVENT_UPDATE_ROWS:
    case EVENT_DELETE_ROWS:
    case EVENT_PARTIAL_UPDATE_ROWS:
    case EVENT_WRITE_ROWS_V1:
    case EVENT_UPDATE_ROWS_V1:
    case EVENT_DELETE_ROWS_V1:
    case EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1:
    case EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1:
    case EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1:
        put_rows(f, ev, out);
        break;
    case EVENT_MARIADB_ANNOTATE_ROWS:
        buf_put(out, ev->body);
        break;
    case EVENT_ROWS_QUERY: /* a byte of length that is not to be believed, then the text */
        buf_put_text(out, "# ");
        if (ev->body.len > 1)
            buf_put(out, (struct slice){ ev->body.ptr + 1, ev->body.len - 1 });
        break;
    case EVENT_MARIADB_BINLOG_CHECKPOINT:
        put_checkpoint(ev, out);
        break;
    case EVENT_INTVAR:
        put_intvar(ev, out);
        break;
    case EVENT_RAND:
        put_rand(ev, out);
        break;
    case EVENT_USER_VAR:
        put_user_var(ev, out);
        break;
    default:
        break;
    }
}
