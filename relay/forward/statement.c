#include "relay/forward/statement.h"
#include "protocol/packet.h"
#include "relay/sql/sql.h"

/* Behind SET STATEMENT ... FOR, which MariaDB puts around others. */
static struct sql unwrap(struct slice text)
{
    struct sql s = sql_over(text);
    struct sql look = s;

    if (!sql_match(&look, "SET STATEMENT"))
        return s;
    while (look.now.kind != SQL_END && look.now.kind != SQL_BAD) {
        if (sql_take_word(&look, "FOR"))
            return look;
        sql_step(&look);
    }
    return s;
}

bool statement_leaves_something(struct slice text)
{
    struct sql s = unwrap(text);
    bool       selects = sql_match(&s, "SELECT|WITH|TABLE|VALUES");

    if (!selects && !sql_match(&s, "SHOW|DESC|DESCRIBE|EXPLAIN|CHECKSUM|HELP|USE|COMMIT|ROLLBACK|"
                                   "BEGIN|START|INSERT|UPDATE|DELETE|REPLACE"))
        return true;
    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        bool sets = s.now.kind == SQL_SIGN && s.now.body.ptr[0] == ':';
        if (sets || sql_is_name(&s.now, "GET_LOCK") || (selects && sql_is_name(&s.now, "INTO")))
            return true;
    }
    return false;
}

bool statement_lifts_read_only(struct slice text)
{
    struct sql s = unwrap(text);
    bool       sets = sql_is_name(&s.now, "SET") || sql_is_name(&s.now, "START");
    bool       runs = sql_is_name(&s.now, "PREPARE") || sql_is_name(&s.now, "EXECUTE");
    bool       lifts = false;

    for (; !lifts && s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        struct slice body = s.now.body;
        if (sets && (sql_is_name(&s.now, "WRITE") ||
                     (body.len > 0 && sql_like(slice_of_text("%read_only%"), body))))
            return true;
        if (runs && s.now.kind == SQL_TEXT) {
            struct buf inner;
            buf_init(&inner, PACKET_PAYLOAD_MAX);
            sql_put_text(&s.now, &inner);
            lifts = inner.failed != BUF_FINE || statement_lifts_read_only(buf_slice(&inner));
            buf_done(&inner);
        }
    }
    return lifts;
}

bool statement_asks_settings(struct slice text)
{
    static const char *const ours[] = { "%gtid%",      "%binlog%",        "%log_bin%",
                                        "%server_id%", "%server_uuid%",   "connection_id",
                                        "user",        "%_user",          "hostname",
                                        "port",        "%pseudo_thread%", "%semi_sync%",
                                        "%_pos_wait" };
    struct sql               s = unwrap(text);

    if (!sql_match(&s, "SELECT") &&
        !(sql_match(&s, "SHOW [GLOBAL|SESSION|LOCAL] VARIABLES") && !sql_at_end(&s)))
        return false;
    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            if (s.now.body.len > 0 && sql_like(slice_of_text(ours[i]), s.now.body))
                return false;
        }
    }
    return true;
}

bool statement_asks_snapshot(struct slice text)
{
    struct sql   sql = unwrap(text);
    struct slice name = slice_of_text("binlog_snapshot_file");

    if (!sql_match(&sql, "SHOW [GLOBAL|SESSION|LOCAL] STATUS"))
        return false;
    if (sql_at_end(&sql))
        return true; /* among all others */
    for (; sql.now.kind != SQL_END && sql.now.kind != SQL_BAD; sql_step(&sql)) {
        struct slice body = sql.now.body;
        if (body.len > 0 && (sql_like(slice_of_text("binlog%snapshot%"), body) ||
                             (sql.now.kind == SQL_TEXT && sql_like(body, name))))
            return true;
    }
    return false;
}
