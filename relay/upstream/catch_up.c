#include "relay/upstream/catch_up.h"
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "relay/upstream/source.h"

enum { STATEMENT_BYTES_MAX = 64 * 1024 * 1024, WAIT_S = 2, STILL_ROUNDS = 2 };
enum { ER_NEEDS_PRIVILEGE = 1227, ER_ACCESS_DENIED = 1045 };

/* ---- words --------------------------------------------------------------------------------- */

static bool is_mysql(const struct catch_up *c, uint32_t at_least)
{
    return c->facts->family == FAMILY_MYSQL && c->facts->version_number >= at_least;
}

/* MySQL said master and slave until 8.0.22, MariaDB still does. */
static const char *word(const struct catch_up *c)
{
    return is_mysql(c, 80023) ? "REPLICA" : "SLAVE";
}

static const char *prefix(const struct catch_up *c)
{
    return is_mysql(c, 80023) ? "SOURCE" : "MASTER";
}

static void put_string(struct buf *out, const char *text)
{
    buf_put_u8(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            buf_put_u8(out, *text == '\'' ? (uint8_t)'\'' : (uint8_t)'\\');
        buf_put_u8(out, (uint8_t)*text);
    }
    buf_put_u8(out, '\'');
}

/* Quotes are doubled and backslashes escaped, which reads alike only where backslashes escape: the
   session that runs it says so before. */
static void put_change(const struct catch_up *c, const char *password, struct buf *out)
{
    const char *p = prefix(c);
    bool        mariadb = c->facts->family == FAMILY_MARIADB;

    buf_printf(out, "CHANGE %s TO %s_HOST = ", is_mysql(c, 80023) ? "REPLICATION SOURCE" : "MASTER",
               p);
    put_string(out, c->host);
    buf_printf(out, ", %s_PORT = %u, %s_USER = ", p, c->port, p);
    put_string(out, c->source->relay_user);
    buf_printf(out, ", %s_PASSWORD = ", p);
    put_string(out, password);
    buf_printf(out, ", %s_CONNECT_RETRY = 1, %s_SSL = %d", p, p, c->tls);
    if (mariadb && c->facts->version_number >= 110300)
        buf_printf(out, ", MASTER_SSL_VERIFY_SERVER_CERT = 0");
    if (is_mysql(c, 80004))
        buf_printf(out, ", GET_%s_PUBLIC_KEY = 1", p);
    if (c->gtids != NULL) {
        buf_put_text(out, mariadb ? ", MASTER_USE_GTID = slave_pos" : "");
        if (!mariadb)
            buf_printf(out, ", %s_AUTO_POSITION = 1", p);
        return;
    }
    if (mariadb)
        buf_put_text(out, ", MASTER_USE_GTID = no");
    else if (is_mysql(c, 50600))
        buf_printf(out, ", %s_AUTO_POSITION = 0", p);
    buf_printf(out, ", %s_LOG_FILE = ", p);
    put_string(out, c->from_file);
    buf_printf(out, ", %s_LOG_POS = %" PRIu64, p, c->from);
}

/* What it wrote as a primary itself counts as had. */
static const char own_gtids[] = "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos";

static bool wants_own_gtids(const struct catch_up *c)
{
    return c->gtids != NULL && c->facts->family == FAMILY_MARIADB;
}

/* The server waits, for WAIT_S at most. 0: it has all (or more); -1 or 1: not yet; NULL: its
   replication does not run. */
static void put_wait(const struct catch_up *c, int wait_s, struct buf *out)
{
    if (c->gtids == NULL)
        buf_put_text(out,
                     is_mysql(c, 80026) ? "SELECT SOURCE_POS_WAIT(" : "SELECT MASTER_POS_WAIT(");
    else if (c->facts->family == FAMILY_MARIADB)
        buf_put_text(out, "SELECT MASTER_GTID_WAIT(");
    else
        buf_put_text(out, is_mysql(c, 50705) ? "SELECT WAIT_FOR_EXECUTED_GTID_SET("
                                             : "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS(");
    put_string(out, c->gtids != NULL ? c->gtids : c->to_file);
    if (c->gtids == NULL)
        buf_printf(out, ", %" PRIu64, c->to);
    if (wait_s > 0)
        buf_printf(out, ", %d", wait_s);
    buf_put_text(out, ")");
}

void catch_up_put_statements(const struct catch_up *c, struct buf *out)
{
    buf_printf(out, "STOP %s;\n", word(c));
    if (wants_own_gtids(c))
        buf_printf(out, "%s;\n", own_gtids);
    put_change(c, "...", out);
    buf_printf(out, ";\nSTART %s;\n", word(c));
    put_wait(c, 0, out);
    buf_printf(out, ";\nSTOP %s;\nRESET %s ALL;\n", word(c), word(c));
}

/* ---- talking to the server ----------------------------------------------------------------- */

struct talk {
    const struct catch_up *what;
    struct client         *client;
    struct buf             sql;
};

static int explain(struct err *e)
{
    int number = e->sys;

    if (e->kind == E_REFUSED && (number == ER_NEEDS_PRIVILEGE || number == ER_ACCESS_DENIED))
        (void)err_note(e, "admin_user may not change the replication there");
    return -1;
}

static int run(struct talk *t, const char *sql, struct err *e)
{
    return client_query(t->client, sql, NULL, NULL, e) == 0 ? 0 : explain(e);
}

static int run_word(struct talk *t, const char *before, const char *after, struct err *e)
{
    char sql[64];

    (void)snprintf(sql, sizeof sql, "%s %s%s", before, word(t->what), after);
    return run(t, sql, e);
}

static int tell(const struct talk *t, const char *sentence, struct err *e)
{
    return t->what->progress != NULL ? t->what->progress(t->what->arg, sentence, e) : 0;
}

/* Of SHOW REPLICA STATUS, whose first columns are the same in all versions. */
struct replica {
    bool     any;
    bool     io, sql; /* run */
    char     read_file[STORE_NAME_BYTES + 1], done_file[STORE_NAME_BYTES + 1];
    uint64_t read, done;
    char     error[ERR_TEXT_BYTES / 2];
};
enum {
    READ_FILE = 5,
    READ_POS = 6,
    DONE_FILE = 9,
    IO_RUNS = 10,
    SQL_RUNS = 11,
    LAST_ERROR = 19,
    DONE_POS = 21,
    LAST_IO_ERROR = 35,
};

static const char *column(uint32_t columns, const char *const *values, uint32_t index)
{
    return index < columns && values[index] != NULL ? values[index] : "";
}

static int take_replica(void *arg, uint32_t columns, const char *const *values,
                        const unsigned long *lengths, struct err *e)
{
    struct replica *r = arg;

    (void)lengths;
    (void)e;
    *r = (struct replica){ .any = true };
    r->io = strcmp(column(columns, values, IO_RUNS), "No") != 0;
    r->sql = strcmp(column(columns, values, SQL_RUNS), "No") != 0;
    (void)snprintf(r->read_file, sizeof r->read_file, "%s", column(columns, values, READ_FILE));
    (void)snprintf(r->done_file, sizeof r->done_file, "%s", column(columns, values, DONE_FILE));
    r->read = strtoull(column(columns, values, READ_POS), NULL, 10);
    r->done = strtoull(column(columns, values, DONE_POS), NULL, 10);
    const char *error = column(columns, values, LAST_ERROR);
    if (*error == '\0')
        error = column(columns, values, LAST_IO_ERROR);
    (void)snprintf(r->error, sizeof r->error, "%s", error);
    return 0;
}

static int ask_replica(struct talk *t, struct replica *out, struct err *e)
{
    char           sql[64];
    struct replica r = { 0 };

    (void)snprintf(sql, sizeof sql, "SHOW %s STATUS", word(t->what));
    if (client_query(t->client, sql, take_replica, &r, e) != 0)
        return explain(e);
    *out = r;
    return 0;
}

/* ---- what it had received from its former source ------------------------------------------- */

static bool has_done_all(const struct replica *r)
{
    return strcmp(r->read_file, r->done_file) == 0 && r->done >= r->read;
}

static int take_flag(void *arg, uint32_t columns, const char *const *values,
                     const unsigned long *lengths, struct err *e)
{
    (void)columns;
    (void)values;
    (void)lengths;
    (void)e;
    *(bool *)arg = true;
    return 0;
}

static int take_yes(void *arg, uint32_t columns, const char *const *values,
                    const unsigned long *lengths, struct err *e)
{
    (void)lengths;
    (void)e;
    *(bool *)arg = columns > 0 && values[0] != NULL && strcmp(values[0], "0") != 0;
    return 0;
}

/* A transaction that came only in part is never executed: then all that can be is. The statement
   gives the server's own time for the next question. */
static int has_read_all(struct talk *t, bool *out, struct err *e)
{
    char sql[160];
    bool idle = false, ignored = false;

    (void)snprintf(sql, sizeof sql, "SELECT SLEEP(%d)", WAIT_S / 2);
    TRY(client_query(t->client, sql, take_flag, &ignored, e));
    TRY(client_query(t->client,
                     "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'system "
                     "user' AND LOWER(state) LIKE '%has read all relay log%'",
                     take_yes, &idle, e));
    *out = idle;
    return 0;
}

static int apply_received(struct talk *t, struct err *e)
{
    struct replica r, before = { 0 };
    unsigned       still = 0;
    bool           idle = false;

    TRY(ask_replica(t, &r, e));
    if (!r.any || *r.read_file == '\0')
        return 0;
    TRY(run_word(t, "STOP", " IO_THREAD", e));
    TRY(run_word(t, "START", " SQL_THREAD", e));
    for (;;) {
        TRY(ask_replica(t, &r, e));
        if (!r.sql)
            return err_set(e, E_REFUSED,
                           "what it received from its former source can't be executed there: %s",
                           r.error);
        still = before.done == r.done && strcmp(before.done_file, r.done_file) == 0 ? still + 1 : 0;
        if (has_done_all(&r) || (idle && still >= STILL_ROUNDS))
            return 0;
        before = r;
        TRY(tell(t, "executes what it received from its former source", e));
        TRY(has_read_all(t, &idle, e));
    }
}

/* ---- as the relay's replica ---------------------------------------------------------------- */

static int change(struct talk *t, struct err *e)
{
    struct replica r;

    TRY(run_word(t, "STOP", "", e));
    TRY(ask_replica(t, &r, e));
    /* Left from before, they would be mixed with the new ones, as channels' filters or delays. */
    if (r.any)
        TRY(run_word(t, "RESET", " ALL", e));
    if (wants_own_gtids(t->what))
        TRY(run(t, own_gtids, e));
    buf_clear(&t->sql);
    put_change(t->what, t->what->source->relay_password, &t->sql);
    TRY(buf_check(&t->sql, "a statement", e));
    struct err why = { 0 };
    if (client_query(t->client, buf_text(&t->sql), NULL, NULL, &why) != 0) {
        /* Its error quotes the statement, and so the password. */
        (void)explain(&why);
        char *asked = strstr(why.text, ", asked: ");
        if (asked != NULL)
            *asked = '\0';
        *e = why;
        return -1;
    }
    return run_word(t, "START", "", e);
}

static int take_answer(void *arg, uint32_t columns, const char *const *values,
                       const unsigned long *lengths, struct err *e)
{
    char *into = arg;

    (void)lengths;
    (void)e;
    (void)snprintf(into, 32, "%s", columns > 0 && values[0] != NULL ? values[0] : "");
    return 0;
}

/* Positions count transactions that were waited for; GTIDs say 0, and 1 or -1 for "not yet". */
static bool is_there(const struct catch_up *c, const char *answer)
{
    if (*answer == '\0')
        return false;
    return c->gtids != NULL
               ? strcmp(answer, "0") == 0 ||
                     (!is_mysql(c, 50705) && c->facts->family == FAMILY_MYSQL && answer[0] != '-')
               : answer[0] != '-';
}

static int wait_until_there(struct talk *t, struct err *e)
{
    char           answer[32];
    struct replica r;

    for (;;) {
        answer[0] = '\0';
        buf_clear(&t->sql);
        put_wait(t->what, WAIT_S, &t->sql);
        TRY(buf_check(&t->sql, "a statement", e));
        TRY(client_query(t->client, buf_text(&t->sql), take_answer, answer, e));
        if (is_there(t->what, answer))
            return 0;
        TRY(ask_replica(t, &r, e));
        if (!r.any || !r.io || !r.sql)
            return err_set(e, E_REFUSED, "its replication from the relay has stopped: %s",
                           r.any ? r.error : "somebody has taken it away");
        TRY(tell(t, *r.error != '\0' ? r.error : "fetches from the relay what it lacks", e));
    }
}

/* Also after an error; then that one is told. */
static int end_replication(struct talk *t, int rc, struct err *e)
{
    struct err why = { 0 };
    int        ended = run_word(t, "STOP", "", &why);

    if (ended == 0)
        ended = run_word(t, "RESET", " ALL", &why);
    if (rc == 0 && ended != 0)
        *e = why;
    return rc != 0 ? rc : ended;
}

static int replicate(struct talk *t, struct err *e)
{
    /* Where this is set, a backslash in a password would be one of its characters. */
    TRY(run(t, "SET SESSION sql_mode = REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', '')",
            e));
    TRY(apply_received(t, e));
    int rc = change(t, e);
    if (rc == 0)
        rc = wait_until_there(t, e);
    return end_replication(t, rc, e);
}

int catch_up_run(const struct catch_up *c, struct err *e)
{
    struct config_source admin = *c->source;
    struct talk          t = { .what = c };

    admin.user = admin.admin_user;
    admin.password = admin.admin_password;
    admin.compress = false;
    TRY(source_connect(&admin, c->interrupt_fd, &t.client, e));
    buf_init(&t.sql, STATEMENT_BYTES_MAX);
    int rc = replicate(&t, e);
    buf_done(&t.sql);
    client_close(t.client);
    return rc;
}

int catch_up_own_address(const struct config_source *source, int interrupt_fd, char *into,
                         size_t size, struct err *e)
{
    struct sockaddr_storage own = { 0 };
    socklen_t               bytes = sizeof own;
    struct client          *c;
    int                     rc = 0;

    TRY(source_connect(source, interrupt_fd, &c, e));
    rc = client_detach(c, e);
    if (rc == 0 && getsockname(client_fd(c), (struct sockaddr *)&own, &bytes) != 0)
        rc = err_sys(e, "find the relay's own address");
    client_close(c);
    TRY(rc);
    if (own.ss_family == AF_UNIX) {
        (void)snprintf(into, size, "127.0.0.1");
        return 0;
    }
    if (getnameinfo((struct sockaddr *)&own, bytes, into, (socklen_t)size, NULL, 0,
                    NI_NUMERICHOST) != 0)
        return err_set(e, E_CONFIG, "the relay's own address is not known: set relay_host");
    return 0;
}
