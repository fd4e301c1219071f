#include "relay/sql/variables.h"
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "relay/upstream/binlogs.h"

/* ---- values that are not constant ---- */

static int put_server_id(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)global, (void)e;
    buf_put_decimal(out, env->relay_server_id);
    return 0;
}

static int put_server_uuid(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)global, (void)e;
    buf_put_text(out, env->relay_uuid);
    return 0;
}

static int put_domain(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)global, (void)e;
    buf_put_decimal(out, env->facts->gtid_domain_id);
    return 0;
}

static int put_thread(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)global, (void)e;
    buf_put_decimal(out, env->thread_id);
    return 0;
}

static int put_autocommit(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)e;
    buf_put_text(out, global || env->session->autocommit ? "1" : "0");
    return 0;
}

static int put_hostname(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)env, (void)global;
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0)
        return err_sys(e, "the machine's name");
    buf_put_text(out, name);
    return 0;
}

static int put_zone(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)env, (void)global;
    struct tm local;
    time_t    now = time(NULL);
    if (localtime_r(&now, &local) == NULL)
        return err_sys(e, "the time zone");
    buf_put_text(out, local.tm_zone);
    return 0;
}

static int put_clock(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)env, (void)global, (void)e;
    enum { NS_PER_US = 1000 };
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    buf_printf(out, "%lld.%06ld", (long long)now.tv_sec, now.tv_nsec / NS_PER_US);
    return 0;
}

/* Servers print a line for each UUID of a set. */
static int put_gtids(int (*get)(const struct query_env *, struct gtids *, struct err *),
                     const struct query_env *env, struct buf *out, struct err *e)
{
    struct gtids g = { 0 };
    int          rc = get(env, &g, e);
    if (rc == 0 && env->facts->family == FAMILY_MYSQL)
        gtid_set_put_text(&g.set, out, true);
    else if (rc == 0)
        gtid_state_put_text(&g.state, out);
    gtids_done(&g);
    return rc;
}

static int executed(const struct query_env *env, struct gtids *out, struct err *e)
{
    return env->end != 0 ? binlogs_executed_at(env->store, env->end, out, e)
                         : binlogs_executed(env->store, out, e);
}

static int purged(const struct query_env *env, struct gtids *out, struct err *e)
{
    return binlogs_purged(env->store, out, e);
}

static int put_executed(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)global;
    return put_gtids(executed, env, out, e);
}

static int put_purged(const struct query_env *env, bool global, struct buf *out, struct err *e)
{
    (void)global;
    return put_gtids(purged, env, out, e);
}

/* ---- the table ---- */

#define EVER UINT32_MAX /* "until" of a variable that is still there */
#define ALL  0, EVER, 0, EVER
/* from which version on; NEVER for a family without it */
#define NEVER                 UINT32_MAX
#define SINCE(mysql, mariadb) mysql, EVER, mariadb, EVER
#define MYSQL(from, until)    from, until, NEVER, EVER
#define MARIADB(from, until)  NEVER, EVER, from, until

#define SPAN(mysql_from, mysql_until, mariadb_from, mariadb_until)                                 \
    mysql_from, mysql_until, mariadb_from, mariadb_until

#define GLOBAL_ VARIABLE_GLOBAL
#define BOTH    VARIABLE_BOTH
#define SESSION VARIABLE_SESSION

#define FIXED(name, type, scope, versions, value)                                                  \
    { name, VARIABLE_##type, scope, versions, value, 0, 0, NULL, QUERY_TIE_NONE, true },
/* The same, but it is the relay's own. */
#define OWNED(name, type, scope, versions, value)                                                  \
    { name, VARIABLE_##type, scope, versions, value, 0, 0, NULL, QUERY_TIE_NONE, false },
#define FACT(name, scope, versions, field)                                                         \
    { name,                                                                                        \
      VARIABLE_TEXT,                                                                               \
      scope,                                                                                       \
      versions,                                                                                    \
      NULL,                                                                                        \
      offsetof(struct server_facts, field),                                                        \
      sizeof((struct server_facts *)0)->field,                                                     \
      NULL,                                                                                        \
      QUERY_TIE_NONE,                                                                              \
      false },
#define ASKED(name, type, scope, versions, put)                                                    \
    { name, VARIABLE_##type, scope, versions, NULL, 0, 0, put, QUERY_TIE_NONE, false },
/* The place in the binlog, in GTIDs. */
#define PLACE(name, versions, put)                                                                 \
    { name, VARIABLE_TEXT, VARIABLE_GLOBAL, versions, NULL, 0, 0, put, QUERY_TIE_END, false },

/* Versions: MySQL and MariaDB manuals, "Server System Variables" and the pages on replication
   options. Values that only a client's driver looks at are a server's defaults. */
/* clang-format off */
static const struct variable variables[] = {
    FIXED("auto_increment_increment", NUMBER, BOTH,    ALL, "1")
    FIXED("auto_increment_offset",    NUMBER, BOTH,    ALL, "1")
    ASKED("autocommit",               FLAG,   BOTH,    ALL, put_autocommit)
    FACT ("binlog_checksum",                  GLOBAL_, ALL, binlog_checksum)
    FACT ("binlog_format",                    BOTH,    ALL, binlog_format)
    FACT ("binlog_row_image",                 BOTH,    ALL, binlog_row_image)
    FACT ("binlog_row_metadata",              GLOBAL_, ALL, binlog_row_metadata)
    FIXED("character_set_client",     TEXT,   BOTH,    ALL, "utf8mb4")
    FIXED("character_set_connection", TEXT,   BOTH,    ALL, "utf8mb4")
    FIXED("character_set_database",   TEXT,   BOTH,    ALL, "utf8mb4")
    FIXED("character_set_results",    TEXT,   BOTH,    ALL, "utf8mb4")
    FIXED("character_set_server",     TEXT,   BOTH,    ALL, "utf8mb4")
    FIXED("character_set_system",     TEXT,   GLOBAL_, ALL, "utf8")
    FIXED("collation_connection",     TEXT,   BOTH,    ALL, "utf8mb4_general_ci")
    FIXED("collation_database",       TEXT,   BOTH,    ALL, "utf8mb4_general_ci")
    FIXED("collation_server",         TEXT,   BOTH,    ALL, "utf8mb4_general_ci")
    OWNED("error_count",              NUMBER, SESSION, ALL, "0")
    FIXED("foreign_key_checks",       FLAG,   BOTH,    ALL, "1")
    FIXED("group_concat_max_len",     NUMBER, BOTH,    ALL, "1024")
    PLACE("gtid_binlog_pos",          MARIADB(100003, EVER), put_executed)
    PLACE("gtid_binlog_state",        MARIADB(100005, EVER), put_executed)
    PLACE("gtid_current_pos",         MARIADB(100003, EVER), put_executed)
    ASKED("gtid_domain_id",           NUMBER, BOTH,    MARIADB(100002, EVER), put_domain)
    PLACE("gtid_executed",            MYSQL(50605, EVER), put_executed)
    FACT ("gtid_mode",                        GLOBAL_, ALL, gtid_mode)
    PLACE("gtid_purged",              MYSQL(50605, EVER), put_purged)
    PLACE("gtid_slave_pos",           MARIADB(100002, EVER), put_executed)
    ASKED("hostname",                 TEXT,   GLOBAL_, ALL, put_hostname)
    FIXED("init_connect",             TEXT,   GLOBAL_, ALL, "")
    FIXED("innodb_lock_wait_timeout", NUMBER, BOTH,    ALL, "50")
    FIXED("interactive_timeout",      NUMBER, BOTH,    ALL, "28800")
    FIXED("license",                  TEXT,   GLOBAL_, ALL, "Apache-2.0")
    FIXED("lock_wait_timeout",        NUMBER, BOTH,    ALL, "31536000")
    OWNED("log_bin",                  FLAG,   GLOBAL_, ALL, "1")
    FACT ("log_bin_basename",                 GLOBAL_, SINCE(50602, 100100), log_bin_basename)
    OWNED("log_replica_updates",      FLAG,   GLOBAL_, MYSQL(80026, EVER), "1")
    OWNED("log_slave_updates",        FLAG,   GLOBAL_, ALL, "1")
    FIXED("lower_case_table_names",   NUMBER, GLOBAL_, ALL, "0")
    FIXED("max_allowed_packet",       NUMBER, BOTH,    ALL, "1073741824")
    FIXED("max_execution_time",       NUMBER, BOTH,    MYSQL(50708, EVER), "0")
    FIXED("max_statement_time",       DOUBLE,   BOTH,    MARIADB(100101, EVER), "0.000000")
    FIXED("net_buffer_length",        NUMBER, BOTH,    ALL, "16384")
    FIXED("net_read_timeout",         NUMBER, BOTH,    ALL, "30")
    FIXED("net_write_timeout",        NUMBER, BOTH,    ALL, "60")
    FIXED("performance_schema",       FLAG,   GLOBAL_, SINCE(50503, 50500), "0")
    OWNED("protocol_version",         NUMBER, GLOBAL_, ALL, "10")
    ASKED("pseudo_thread_id",         NUMBER, SESSION, ALL, put_thread)
    FIXED("query_cache_size",         NUMBER, GLOBAL_, SPAN(0, 80003, 0, EVER), "0")
    FIXED("query_cache_type",         TEXT,   BOTH,    SPAN(0, 80003, 0, EVER), "OFF")
    OWNED("read_only",                FLAG,   GLOBAL_, ALL, "1")
    OWNED("rpl_semi_sync_master_enabled", FLAG, GLOBAL_, ALL, "1")
    OWNED("rpl_semi_sync_source_enabled", FLAG, GLOBAL_, MYSQL(80026, EVER), "1")
    ASKED("server_id",                NUMBER, GLOBAL_, ALL, put_server_id)
    ASKED("server_uuid",              TEXT,   GLOBAL_, MYSQL(50600, EVER), put_server_uuid)
    FIXED("session_track_schema",     FLAG,   BOTH,    SINCE(50704, 100202), "1")
    FIXED("session_track_system_variables", TEXT, BOTH, SINCE(50704, 100202), "")
    FIXED("sql_auto_is_null",         FLAG,   BOTH,    ALL, "0")
    OWNED("sql_log_bin",              FLAG,   SESSION, ALL, "1")
    FIXED("sql_mode",                 TEXT,   BOTH,    ALL, "")
    FIXED("sql_notes",                FLAG,   BOTH,    ALL, "1")
    FIXED("sql_quote_show_create",    FLAG,   BOTH,    ALL, "1")
    FIXED("sql_safe_updates",         FLAG,   BOTH,    ALL, "0")
    FIXED("sql_select_limit",         NUMBER, BOTH,    ALL, "18446744073709551615")
    OWNED("super_read_only",          FLAG,   GLOBAL_, MYSQL(50708, EVER), "1")
    ASKED("system_time_zone",         TEXT,   GLOBAL_, ALL, put_zone)
    FIXED("time_zone",                TEXT,   BOTH,    ALL, "SYSTEM")
    ASKED("timestamp",                DOUBLE, SESSION, SINCE(50604, 0), put_clock)
    FIXED("transaction_isolation",    TEXT,   BOTH,    SINCE(50720, 110101), "REPEATABLE-READ")
    FIXED("transaction_read_only",    FLAG,   BOTH,    SINCE(50720, 110101), "0")
    FIXED("tx_isolation",             TEXT,   BOTH,    SPAN(0, 80003, 0, EVER), "REPEATABLE-READ")
    FIXED("tx_read_only",             FLAG,   BOTH,    SPAN(50605, 80003, 100000, EVER), "0")
    FIXED("unique_checks",            FLAG,   BOTH,    ALL, "1")
    FACT ("version",                          GLOBAL_, ALL, version)
    FACT ("version_comment",                  GLOBAL_, ALL, version_comment)
    FIXED("wait_timeout",             NUMBER, BOTH,    ALL, "28800")
    OWNED("warning_count",            NUMBER, SESSION, ALL, "0")
};
/* clang-format on */
enum { VARIABLE_COUNT = sizeof variables / sizeof variables[0] };

static const char *fact_of(const struct variable *v, const struct server_facts *facts)
{
    return (const char *)facts + v->fact_at;
}

static bool exists(const struct variable *v, const struct server_facts *facts)
{
    bool     mariadb = facts->family == FAMILY_MARIADB;
    uint32_t from = mariadb ? v->mariadb_from : v->mysql_from;
    uint32_t until = mariadb ? v->mariadb_until : v->mysql_until;

    /* What the source did not tell, it does not have. */
    if (v->fact_size > 0 && fact_of(v, facts)[0] == 0)
        return false;
    return facts->version_number >= from && facts->version_number < until;
}

static const struct variable *find(struct slice name)
{
    size_t low = 0;
    size_t high = VARIABLE_COUNT;

    if (memchr(name.ptr, 0, name.len) != NULL)
        return NULL;
    while (low < high) {
        size_t                 middle = (low + high) / 2;
        const struct variable *v = &variables[middle];
        int                    order = strncasecmp((const char *)name.ptr, v->name, name.len);
        if (order == 0 && v->name[name.len] == 0)
            return v;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Does the source have what is in the table? Where it told what it has, the versions count only for
   what speaks of the relay. */
static bool is_there(const struct variable *v, const struct query_env *env)
{
    if (env->variables != NULL && v->guessed)
        return remembered_find(env->variables, slice_of_text(v->name)) != NULL;
    return exists(v, env->facts);
}

static struct variable from_remembered(const struct remembered *r)
{
    static const enum variable_type types[] = { [REMEMBERED_TEXT] = VARIABLE_TEXT,
                                                [REMEMBERED_NUMBER] = VARIABLE_NUMBER,
                                                [REMEMBERED_DOUBLE] = VARIABLE_DOUBLE,
                                                [REMEMBERED_FLAG] = VARIABLE_FLAG };
    bool                            on = r->type == REMEMBERED_FLAG && strcmp(r->value, "ON") == 0;
    bool off = r->type == REMEMBERED_FLAG && strcmp(r->value, "OFF") == 0;
    return (struct variable){ .name = r->name,
                              .type = types[r->type],
                              .scope = r->session_only ? VARIABLE_SESSION : VARIABLE_BOTH,
                              .value = on    ? "1"
                                       : off ? "0"
                                             : r->value };
}

/* The table's row with the source's value, where it has told it. */
static void take_row(const struct variable *v, const struct query_env *env, struct variable *out)
{
    const struct remembered *r = remembered_find(env->variables, slice_of_text(v->name));

    *out = *v;
    if (v->guessed && r != NULL)
        out->value = from_remembered(r).value;
}

bool variable_is_known(struct slice name, const struct query_env *env)
{
    return find(name) != NULL || env->variables != NULL;
}

bool variable_find(struct slice name, const struct query_env *env, struct variable *out)
{
    const struct variable   *v = find(name);
    const struct remembered *r = remembered_find(env->variables, name);

    if (memchr(name.ptr, 0, name.len) != NULL)
        return false;
    if (v == NULL && r != NULL)
        *out = from_remembered(r);
    if (v == NULL)
        return r != NULL;
    if (!is_there(v, env))
        return false;
    take_row(v, env, out);
    return true;
}

/* Both lists ascend by name; a name that is in both is the table's. */
bool variable_next(struct variable_walk *w, const struct query_env *env, struct variable *out)
{
    while (w->own < VARIABLE_COUNT || w->remembered < remembered_count(env->variables)) {
        const struct variable   *v = w->own < VARIABLE_COUNT ? &variables[w->own] : NULL;
        const struct remembered *r = w->remembered < remembered_count(env->variables)
                                         ? remembered_at(env->variables, w->remembered)
                                         : NULL;
        int order = v == NULL ? 1 : r == NULL ? -1 : strcasecmp(v->name, r->name);
        w->own += order <= 0 ? 1 : 0;
        w->remembered += order >= 0 ? 1 : 0;
        if (order > 0) {
            assert(r != NULL);
            *out = from_remembered(r);
            return true;
        }
        assert(v != NULL);
        if (is_there(v, env)) {
            take_row(v, env, out);
            return true;
        }
    }
    return false;
}

enum shape variable_shape(const struct variable *v)
{
    static const enum shape shapes[] = {
        [VARIABLE_NUMBER] = SHAPE_OF_NUMBER, [VARIABLE_SIGNED] = SHAPE_OF_SIGNED,
        [VARIABLE_DOUBLE] = SHAPE_OF_DOUBLE, [VARIABLE_FLAG] = SHAPE_OF_FLAG,
        [VARIABLE_TEXT] = SHAPE_OF_TEXT,
    };
    return shapes[v->type];
}

const char *variable_warning(const struct variable *v, const struct server_facts *facts)
{
    static const struct {
        const char *name;
        uint32_t    from, until; /* MySQL's */
        const char *text;
    } deprecated[] = {
        { "binlog_format", 80034, EVER,
          "'@@binlog_format' is deprecated and will be removed in a future release." },
        { "tx_isolation", 50720, 80003,
          "'@@tx_isolation' is deprecated and will be removed in a future release. Please use "
          "'@@transaction_isolation' instead" },
        { "tx_read_only", 50720, 80003,
          "'@@tx_read_only' is deprecated and will be removed in a future release. Please use "
          "'@@transaction_read_only' instead" },
    };
    for (size_t i = 0; i < sizeof deprecated / sizeof deprecated[0]; i++) {
        if (facts->family == FAMILY_MYSQL && facts->version_number >= deprecated[i].from &&
            facts->version_number < deprecated[i].until && strcmp(v->name, deprecated[i].name) == 0)
            return deprecated[i].text;
    }
    return NULL;
}

/* ---- the character set of the session, by the collation of its results ---- */

static const char *session_charset(const struct variable *v, const struct query_env *env)
{
    static const struct {
        uint16_t    collation;
        const char *charset, *name, *uca1400;
    } known[] = {
        { 45, "utf8mb4", "utf8mb4_general_ci", "utf8mb4_uca1400_ai_ci" },
        { 46, "utf8mb4", "utf8mb4_bin", NULL },
        { 224, "utf8mb4", "utf8mb4_unicode_ci", NULL },
        { 255, "utf8mb4", "utf8mb4_0900_ai_ci", NULL },
        { 33, "utf8", "utf8_general_ci", "utf8mb3_uca1400_ai_ci" },
        { 83, "utf8", "utf8_bin", NULL },
        { 8, "latin1", "latin1_swedish_ci", NULL },
        { 63, "binary", "binary", NULL },
    };
    bool newer = env->facts->family == FAMILY_MARIADB && env->facts->version_number >= 110500;
    bool collation = strcmp(v->name, "collation_connection") == 0;
    bool charset = strcmp(v->name, "character_set_client") == 0 ||
                   strcmp(v->name, "character_set_connection") == 0 ||
                   strcmp(v->name, "character_set_results") == 0;

    for (size_t i = 0; (collation || charset) && i < sizeof known / sizeof known[0]; i++) {
        if (known[i].collation != env->session->collation)
            continue;
        if (collation && newer && known[i].uca1400 != NULL)
            return known[i].uca1400;
        return collation ? known[i].name : known[i].charset;
    }
    return NULL;
}

int variable_put(const struct variable *v, const struct query_env *env, bool global,
                 struct buf *out, struct err *e)
{
    if (v->put != NULL)
        return v->put(env, global, out, e);
    const char *own = global ? NULL : query_setting_value(env->session, v->name);
    if (own == NULL && !global)
        own = session_charset(v, env);
    if (own != NULL) {
        bool on = v->type == VARIABLE_FLAG && (strcasecmp(own, "ON") == 0);
        bool off = v->type == VARIABLE_FLAG && (strcasecmp(own, "OFF") == 0);
        buf_put_text(out, on ? "1" : off ? "0" : own);
        return 0;
    }
    if (v->fact_size == 0) {
        buf_put_text(out, v->value);
        return 0;
    }
    const char *fact = fact_of(v, env->facts);
    buf_put(out, (struct slice){ (const uint8_t *)fact, strnlen(fact, v->fact_size) });
    return 0;
}
