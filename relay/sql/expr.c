#include "relay/sql/expr.h"
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include "relay/upstream/binlogs.h"
#include "relay/sql/variables.h"
#include "relay/sql/wait.h"

enum { DEPTH_MAX = 8, ARGUMENTS_MAX = 8 };

/* ---- making values ---- */

static void begin(const struct expr *x, struct value *v, enum shape shape)
{
    *v = (struct value){ .shape = shape, .at = x->values->len };
}

static int end(const struct expr *x, struct value *v)
{
    struct err e = { 0 };

    if (buf_check(x->values, "the answer", &e) != 0)
        return expr_refuse_err(x->no, &e);
    v->bytes = x->values->len - v->at;
    return 0;
}

static int make_text(const struct expr *x, enum shape shape, const char *text, struct value *out)
{
    begin(x, out, shape);
    buf_put_text(x->values, text);
    return end(x, out);
}

static int make_number(const struct expr *x, enum shape shape, uint64_t number, struct value *out)
{
    begin(x, out, shape);
    buf_printf(x->values, "%" PRIu64, number);
    return end(x, out);
}

static int make_null(const struct expr *x, enum shape shape, struct value *out)
{
    begin(x, out, shape);
    out->is_null = true;
    return 0;
}

bool value_is_number(const struct value *v)
{
    switch (v->shape) {
    case SHAPE_INTEGER:
    case SHAPE_LOGICAL:
    case SHAPE_CONNECTION_ID:
    case SHAPE_UNIX_TIME:
    case SHAPE_COUNT:
    case SHAPE_MAYBE:
    case SHAPE_WAITED:
    case SHAPE_OF_NUMBER:
    case SHAPE_OF_SIGNED:
    case SHAPE_OF_FLAG:
    case SHAPE_SET_NUMBER:
        return true;
    default:
        return false;
    }
}

struct slice expr_text(const struct expr *x, const struct value *v)
{
    struct slice all = buf_slice(x->values);
    return v->bytes > 0 ? (struct slice){ all.ptr + v->at, v->bytes } : slice_empty();
}

bool expr_number(const struct expr *x, const struct value *v, uint64_t *out)
{
    struct slice text = expr_text(x, v);
    uint64_t     n = 0;

    if (v->is_null || text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.ptr[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

int expr_refuse_err(struct sql_refusal *no, const struct err *e)
{
    return sql_refuse(no, 1105, "HY000", "binrelay: %s", e->text);
}

/* ---- functions ---- */

typedef int function(struct expr *x, const struct value *args, size_t count, struct value *out);

static int unix_timestamp(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)args, (void)count;
    return make_number(x, SHAPE_UNIX_TIME, (uint64_t)time(NULL), out);
}

/* "+05:30" in seconds; false for anything else: names of zones are the machine's business. */
static bool read_offset(const char *zone, long *out)
{
    enum { TEXT_BYTES = 6, HOUR_S = 3600, MINUTE_S = 60 };
    int hours;
    int minutes;

    if (strlen(zone) != TEXT_BYTES || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':')
        return false;
    for (size_t i = 1; i < TEXT_BYTES; i++) {
        if (i != 3 && (zone[i] < '0' || zone[i] > '9'))
            return false;
    }
    hours = (zone[1] - '0') * 10 + zone[2] - '0';
    minutes = (zone[4] - '0') * 10 + zone[5] - '0';
    *out = (hours * HOUR_S + minutes * MINUTE_S) * (zone[0] == '-' ? -1L : 1L);
    return true;
}

static int put_moment(struct expr *x, enum shape shape, const struct value *args, size_t count,
                      struct value *out)
{
    enum { DIGITS_MAX = 6, NANOSECOND_DIGITS = 9 };
    const char     *zone = query_setting_value(x->env->session, "time_zone");
    struct timespec now;
    struct tm       t = { 0 };
    uint64_t        digits = 0;
    long            offset = 0;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (shape != SHAPE_UTC && zone != NULL && read_offset(zone, &offset)) {
        now.tv_sec += offset;
        (void)gmtime_r(&now.tv_sec, &t);
    } else if (shape == SHAPE_UTC) {
        (void)gmtime_r(&now.tv_sec, &t);
    } else {
        (void)localtime_r(&now.tv_sec, &t);
    }
    if (count > 0 && (!expr_number(x, &args[0], &digits) || digits > DIGITS_MAX))
        return sql_refuse(x->no, 1426, "42000",
                          "Too-big precision specified for 'now'. Maximum is 6.");
    begin(x, out, shape);
    buf_printf(x->values, "%04d-%02d-%02d %02d:%02d:%02d", t.tm_year + 1900, t.tm_mon + 1,
               t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    bool old = x->env->facts->family == FAMILY_MYSQL && x->env->facts->version_number < 50600;
    out->decimals = old ? 0 : (uint8_t)digits;
    if (out->decimals > 0) {
        long part = now.tv_nsec;
        for (int i = NANOSECOND_DIGITS; i > out->decimals; i--)
            part /= 10;
        buf_printf(x->values, ".%0*ld", out->decimals, part);
    }
    return end(x, out);
}

static int now(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    return put_moment(x, SHAPE_NOW, args, count, out);
}

static int sysdate(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    return put_moment(x, SHAPE_SYSDATE, args, count, out);
}

static int utc_timestamp(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    return put_moment(x, SHAPE_UTC, args, count, out);
}

static int version(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)args, (void)count;
    return make_text(x, SHAPE_VERSION, x->env->facts->version, out);
}

static int connection_id(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)args, (void)count;
    return make_number(x, SHAPE_CONNECTION_ID, x->env->thread_id, out);
}

static int user(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)args, (void)count;
    begin(x, out, SHAPE_USER);
    buf_printf(x->values, "%s@%s", x->env->user, x->env->host);
    return end(x, out);
}

/* The account, by the one pattern of hosts that it has. */
static int current_user(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)args, (void)count;
    const char *hosts = x->env->hosts;

    if (hosts == NULL || strpbrk(hosts, ", ") != NULL)
        hosts = x->env->host;
    else if (*hosts == '\0' || strcmp(hosts, "*") == 0)
        hosts = "%";
    begin(x, out, SHAPE_USER);
    buf_printf(x->values, "%s@%s", x->env->user, hosts);
    return end(x, out);
}

static int database(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)args, (void)count;
    const char *name = x->env->session->database;
    return name[0] != 0 ? make_text(x, SHAPE_DATABASE, name, out)
                        : make_null(x, SHAPE_DATABASE, out);
}

static int concat(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    *out = (struct value){ .shape = SHAPE_JOINED, .at = x->values->len };
    for (size_t i = 0; i < count; i++) {
        if (args[i].is_null)
            return make_null(x, SHAPE_JOINED, out);
        struct slice text = expr_text(x, &args[i]);
        /* The text lies in the buffer that grows. */
        uint8_t *room = buf_extend(x->values, text.len);
        if (room != NULL && text.len > 0)
            memcpy(room, x->values->ptr + args[i].at, text.len);
    }
    return end(x, out);
}

static int read_set(struct expr *x, const struct value *v, struct gtid_set *into)
{
    struct err   e = { 0 };
    struct slice text = expr_text(x, v);

    if (gtid_set_parse(into, text, &e) == 0)
        return 0;
    if (e.kind == E_NOMEM)
        return expr_refuse_err(x->no, &e);
    return sql_refuse(x->no, 1772, "HY000", "Malformed GTID set specification '%.*s'.",
                      (int)(text.len < 200 ? text.len : 200), (const char *)text.ptr);
}

static int subset_of(struct expr *x, const struct value *args, struct gtid_set *part,
                     struct gtid_set *of, struct value *out)
{
    TRY(read_set(x, &args[0], part));
    TRY(read_set(x, &args[1], of));
    return make_number(x, SHAPE_COUNT, gtid_set_is_subset(part, of) ? 1 : 0, out);
}

static int gtid_subset(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    struct gtid_set part = { 0 };
    struct gtid_set of = { 0 };

    bool newer = x->env->facts->version_number >= 80000;
    if (args[0].is_null || args[1].is_null)
        return make_null(x, newer ? SHAPE_MAYBE : SHAPE_COUNT, out);
    int rc = subset_of(x, args, &part, &of, out);
    gtid_set_done(&part);
    gtid_set_done(&of);
    return rc;
}

static int difference_of(struct expr *x, const struct value *args, struct gtid_set *from,
                         struct gtid_set *what, struct value *out)
{
    struct err e = { 0 };

    TRY(read_set(x, &args[0], from));
    TRY(read_set(x, &args[1], what));
    if (gtid_set_subtract(from, what, &e) != 0)
        return expr_refuse_err(x->no, &e);
    begin(x, out, SHAPE_GTIDS);
    out->characters = (uint32_t)args[0].bytes;
    gtid_set_put_text(from, x->values, true);
    return end(x, out);
}

static int gtid_subtract(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    struct gtid_set from = { 0 };
    struct gtid_set what = { 0 };

    if (args[0].is_null || args[1].is_null)
        return make_null(x, SHAPE_GTIDS, out);
    int rc = difference_of(x, args, &from, &what, out);
    gtid_set_done(&from);
    gtid_set_done(&what);
    return rc;
}

/* '' for the place where a stream without a file begins; NULL for one that does not exist. */
static int binlog_gtid_pos(struct expr *x, const struct value *args, size_t count,
                           struct value *out)
{
    (void)count;
    char         file[STORE_NAME_BYTES + 1] = "";
    uint64_t     position = 0;
    struct slice name = expr_text(x, &args[0]);
    struct gtids g = { 0 };
    struct err   e = { 0 };

    if (args[0].is_null || name.len >= sizeof file || !expr_number(x, &args[1], &position))
        return make_null(x, SHAPE_GTID_POS, out);
    if (name.len == 0) {
        begin(x, out, SHAPE_GTID_POS);
        return end(x, out);
    }
    memcpy(file, name.ptr, name.len);
    int rc = binlogs_gtids_at(x->env->store, file, position, &g, &e);
    if (rc == 0) {
        begin(x, out, SHAPE_GTID_POS);
        gtid_state_put_text(&g.state, x->values);
        rc = end(x, out);
    } else if (e.kind == E_PURGED || e.kind == E_PROTOCOL || e.kind == E_LIMIT) {
        rc = make_null(x, SHAPE_GTID_POS, out);
    } else {
        rc = expr_refuse_err(x->no, &e);
    }
    gtids_done(&g);
    return rc;
}

/* The relay's own: what `binrelay map` tells, for clients. */
static int binrelay_map(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    char         asked[3 * STORE_NAME_BYTES] = "";
    struct slice text = expr_text(x, &args[0]);
    struct err   e = { 0 };

    if (args[0].is_null || text.len >= sizeof asked)
        return make_null(x, SHAPE_GTID_POS, out);
    memcpy(asked, text.ptr, text.len);
    begin(x, out, SHAPE_GTID_POS);
    if (binlogs_map(x->env->store, asked, x->values, &e) != 0)
        return expr_refuse_err(x->no, &e);
    return end(x, out);
}

/* ---- waiting for what is published ---- */

/* In seconds, with parts of them. False: not a number, which servers take for 0. */
static bool read_seconds(struct expr *x, const struct value *v, double *out)
{
    enum { TEXT_BYTES = 40 };
    char         text[TEXT_BYTES];
    struct slice given = expr_text(x, v);
    char        *end_of_number;

    *out = 0;
    if (v->is_null || given.len == 0 || given.len >= sizeof text)
        return false;
    memcpy(text, given.ptr, given.len);
    text[given.len] = '\0';
    *out = strtod(text, &end_of_number);
    return end_of_number != text && *out == *out;
}

/* Not yet: the statement is asked again when more was published, or its time is over. Without a
 * caller who can wait its time is over at once. `late` is the answer then. */
static int put_off(struct expr *x, double timeout_s, bool for_ever_at_zero, enum shape shape,
                   int late, struct value *out)
{
    static const double ns_per_s = 1e9, seconds_max = 1e9;
    struct query_wait  *w = x->env->wait;
    bool                for_ever = timeout_s < 0 || (timeout_s == 0 && for_ever_at_zero);

    if (w == NULL || w->over || (timeout_s == 0 && !for_ever_at_zero)) {
        begin(x, out, shape);
        buf_printf(x->values, "%d", late);
        return end(x, out);
    }
    w->waits = true;
    w->timeout_ns =
        for_ever || timeout_s > seconds_max ? INT64_MAX : (int64_t)(timeout_s * ns_per_s);
    return sql_refuse(x->no, 1317, "70100", "Query execution was interrupted");
}

static int refuse_arguments(struct expr *x, const char *of)
{
    bool dot = x->env->facts->version_number >= 50700;
    return sql_refuse(x->no, 1210, "HY000", "Incorrect arguments to %s%s", of, dot ? "." : "");
}

static int read_timeout(struct expr *x, const struct value *args, size_t count, size_t at,
                        const char *function_name, double *out)
{
    const struct server_facts *f = x->env->facts;
    bool                       mysql = f->family == FAMILY_MYSQL;

    *out = 0;
    if (count <= at)
        return 0;
    bool given = read_seconds(x, &args[at], out);
    bool newer = mysql && f->version_number >= 80000;
    if (mysql && f->version_number >= 50700 && (*out < 0 || (newer && !given && args[at].is_null)))
        return refuse_arguments(x, function_name);
    return 0;
}

static int wait_for_gtid_set(struct expr *x, const struct value *args, struct value *out)
{
    struct gtid_set  set = { 0 };
    struct err       e = { 0 };
    enum wait_result result = WAIT_NOT_YET;

    if (read_set(x, &args[0], &set) != 0)
        return -1;
    int rc = wait_for_set(x->env, &set, &result, &e);
    gtid_set_done(&set);
    if (rc != 0)
        return expr_refuse_err(x->no, &e);
    return result == WAIT_THERE ? make_number(x, SHAPE_MAYBE, 0, out) : 1;
}

/* 0: here; 1: not in time. */
static int wait_for_executed(struct expr *x, const struct value *args, size_t count,
                             struct value *out)
{
    double timeout_s;

    if (strcasecmp(x->env->facts->gtid_mode, "OFF") == 0)
        return sql_refuse(x->no, 3062, "HY000",
                          "Cannot use WAIT_FOR_EXECUTED_GTID_SET when GTID_MODE = OFF.");
    if (args[0].is_null)
        return sql_refuse(x->no, 1772, "HY000", "Malformed GTID set specification 'NULL'.");
    TRY(read_timeout(x, args, count, 1, "WAIT_FOR_EXECUTED_GTID_SET", &timeout_s));
    int rc = wait_for_gtid_set(x, args, out);
    return rc == 1 ? put_off(x, timeout_s, true, SHAPE_MAYBE, 1, out) : rc;
}

/* The relay is the replica of one source, by a channel without a name. */
static bool is_our_channel(struct expr *x, const struct value *args, size_t count, size_t at)
{
    return count <= at || expr_text(x, &args[at]).len == 0;
}

static int wait_until_applied(struct expr *x, const struct value *args, size_t count,
                              struct value *out)
{
    double timeout_s;

    if (args[0].is_null || !is_our_channel(x, args, count, 2))
        return make_null(x, SHAPE_MAYBE, out);
    TRY(read_timeout(x, args, count, 1, "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", &timeout_s));
    int rc = wait_for_gtid_set(x, args, out);
    return rc == 1 ? put_off(x, timeout_s, true, SHAPE_MAYBE, -1, out) : rc;
}

/* How often it had to wait; -1: not in time; NULL: it will never come. */
static int pos_wait(struct expr *x, const struct value *args, size_t count, struct value *out)
{
    double      timeout_s;
    uint64_t    offset = 0;
    const char *name =
        x->env->facts->version_number >= 80026 ? "SOURCE_POS_WAIT" : "MASTER_POS_WAIT";

    TRY(read_timeout(x, args, count, 2, name, &timeout_s));
    if (args[0].is_null || !expr_number(x, &args[1], &offset) || !is_our_channel(x, args, count, 3))
        return make_null(x, SHAPE_MAYBE, out);
    switch (wait_for_place(x->env, expr_text(x, &args[0]), offset)) {
    case WAIT_THERE:
        return make_number(x, SHAPE_MAYBE, x->env->wait != NULL ? x->env->wait->rises : 0, out);
    case WAIT_NEVER:
        return make_null(x, SHAPE_MAYBE, out);
    case WAIT_NOT_YET:
        break;
    }
    return put_off(x, timeout_s < 0 ? 0 : timeout_s, true, SHAPE_MAYBE, -1, out);
}

static int master_pos_wait(struct expr *x, const struct value *args, size_t count,
                           struct value *out)
{
    const struct server_facts *f = x->env->facts;

    if (f->family == FAMILY_MYSQL && f->version_number >= 80026)
        x->notes->warning = "'MASTER_POS_WAIT' is deprecated and will be removed in a future "
                            "release. Please use SOURCE_POS_WAIT instead";
    return pos_wait(x, args, count, out);
}

static int master_gtid_wait(struct expr *x, const struct value *args, size_t count,
                            struct value *out)
{
    struct gtid_state state = { 0 };
    struct err        e = { 0 };
    double            timeout_s = -1;
    enum wait_result  result = WAIT_NOT_YET;

    if (args[0].is_null)
        return make_null(x, SHAPE_NOT_WAITED, out);
    if (count > 1 && (!read_seconds(x, &args[1], &timeout_s) || timeout_s < 0))
        timeout_s = args[1].is_null || timeout_s < 0 ? -1 : 0;
    if (gtid_state_parse(&state, expr_text(x, &args[0]), &e) != 0)
        return sql_refuse(x->no, 1941, "HY000", "Could not parse GTID list");
    int rc = wait_for_state(x->env, &state, &result, &e);
    gtid_state_done(&state);
    if (rc != 0)
        return expr_refuse_err(x->no, &e);
    if (result == WAIT_THERE)
        return make_number(x, SHAPE_WAITED, 0, out);
    return put_off(x, timeout_s, false, SHAPE_WAITED, -1, out);
}

#define NEVER         UINT32_MAX
#define ALL           0, 0
#define MYSQL(from)   from, NEVER
#define MARIADB(from) NEVER, from

static const struct known_function {
    const char *name;
    uint32_t    mysql_from, mariadb_from; /* version_number */
    uint8_t     args_min, args_max;
    bool        bare; /* may be written without parentheses */
    function   *call; /* NULL: it is gone by then */
} functions[] = {
    /* clang-format off */
    { "BINLOG_GTID_POS",   MARIADB(100002), 2, 2, false, binlog_gtid_pos },
    { "BINRELAY_MAP",      ALL,             1, 1, false, binrelay_map },
    { "CONCAT",            ALL,             1, ARGUMENTS_MAX, false, concat },
    { "CONNECTION_ID",     ALL,             0, 0, false, connection_id },
    { "CURRENT_TIMESTAMP", ALL,             0, 1, true,  now },
    { "CURRENT_USER",      ALL,             0, 0, true,  current_user },
    { "DATABASE",          ALL,             0, 0, false, database },
    { "GTID_SUBSET",       MYSQL(50605),    2, 2, false, gtid_subset },
    { "GTID_SUBTRACT",     MYSQL(50605),    2, 2, false, gtid_subtract },
    { "LOCALTIME",         ALL,             0, 1, true,  now },
    { "LOCALTIMESTAMP",    ALL,             0, 1, true,  now },
    { "MASTER_GTID_WAIT",  MARIADB(100009), 1, 2, false, master_gtid_wait },
    { "MASTER_POS_WAIT",   50700, 100000,   2, 4, false, master_pos_wait },
    { "MASTER_POS_WAIT",   ALL,             2, 3, false, master_pos_wait },
    { "NOW",               ALL,             0, 1, false, now },
    { "SCHEMA",            ALL,             0, 0, false, database },
    { "SESSION_USER",      ALL,             0, 0, false, user },
    { "SOURCE_POS_WAIT",   MYSQL(80026),    2, 4, false, pos_wait },
    { "SYSDATE",           ALL,             0, 1, false, sysdate },
    { "SYSTEM_USER",       ALL,             0, 0, false, user },
    { "UNIX_TIMESTAMP",    ALL,             0, 0, false, unix_timestamp },
    { "USER",              ALL,             0, 0, false, user },
    { "UTC_TIMESTAMP",     ALL,             0, 1, true,  utc_timestamp },
    { "VERSION",           ALL,             0, 0, false, version },
    { "WAIT_FOR_EXECUTED_GTID_SET",        MYSQL(50705), 1, 2, false, wait_for_executed },
    { "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", MYSQL(80400), 1, 3, false, NULL },
    { "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", MYSQL(50700), 1, 3, false, wait_until_applied },
    { "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", MYSQL(50605), 1, 2, false, wait_until_applied },
    /* clang-format on */
};

/* Servers of another family or version have it, so that this one's error is known. */
static bool is_function(struct slice name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (sql_equal(name, functions[i].name))
            return true;
    }
    return false;
}

static const struct known_function *find_function(struct slice name, const struct server_facts *f)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        bool mariadb = f->family == FAMILY_MARIADB;
        if (f->version_number >= (mariadb ? functions[i].mariadb_from : functions[i].mysql_from) &&
            sql_equal(name, functions[i].name))
            return functions[i].call != NULL ? &functions[i] : NULL;
    }
    return NULL;
}

static int refuse_syntax(struct expr *x)
{
    return sql_refuse_syntax(x->no, x->sql, x->env->facts->family);
}

/* Servers take an unknown function for a stored one, and look for it in the current database. */
static int refuse_function(struct expr *x, struct slice name)
{
    const char *in = x->env->session->database;
    int         n = (int)(name.len < 64 ? name.len : 64);

    const struct server_facts *f = x->env->facts;

    x->notes->settled = is_function(name);
    if (in[0] == 0 && f->family == FAMILY_MYSQL && f->version_number >= 50700)
        return sql_refuse(x->no, 1046, "3D000", "No database selected");
    if (in[0] == 0)
        return sql_refuse(x->no, 1305, "42000", "FUNCTION %.*s does not exist", n,
                          (const char *)name.ptr);
    return sql_refuse(x->no, 1305, "42000", "FUNCTION %s.%.*s does not exist", in, n,
                      (const char *)name.ptr);
}

static int read_arguments(struct expr *x, struct value args[ARGUMENTS_MAX], size_t *count)
{
    *count = 0;
    if (sql_take_sign(x->sql, ')'))
        return 0;
    do {
        if (*count == ARGUMENTS_MAX)
            return refuse_syntax(x);
        TRY(expr_read(x, &args[*count]));
        ++*count;
    } while (sql_take_sign(x->sql, ','));
    return sql_take_sign(x->sql, ')') ? 0 : refuse_syntax(x);
}

static int call(struct expr *x, const struct known_function *f, const struct value *args,
                size_t count, struct value *out)
{
    return x->notes->dry ? make_null(x, SHAPE_NULL, out) : f->call(x, args, count, out);
}

/* `name` was stepped over and a '(' too. */
static int read_call(struct expr *x, struct slice name, struct value *out)
{
    const struct known_function *f = find_function(name, x->env->facts);
    struct value                 args[ARGUMENTS_MAX];
    size_t                       count;

    if (f == NULL)
        return refuse_function(x, name);
    TRY(read_arguments(x, args, &count));
    if (count < f->args_min || count > f->args_max) {
        x->notes->settled = true;
        return sql_refuse(x->no, 1582, "42000",
                          "Incorrect parameter count in the call to native function '%s'", f->name);
    }
    return call(x, f, args, count, out);
}

/* ---- variables ---- */

bool expr_split(struct slice body, enum expr_scope *scope, struct slice *name)
{
    const uint8_t *dot = body.len > 0 ? memchr(body.ptr, '.', body.len) : NULL;
    struct slice   first = { body.ptr, dot != NULL ? (size_t)(dot - body.ptr) : 0 };

    if (dot == NULL) {
        *scope = EXPR_UNSAID;
        *name = body;
        return true;
    }
    *name = body;
    *scope = sql_equal(first, "global") ? EXPR_OF_GLOBAL : EXPR_OF_SESSION;
    if (*scope == EXPR_OF_SESSION && !sql_equal(first, "session") && !sql_equal(first, "local"))
        return false;
    *name = (struct slice){ dot + 1, body.len - first.len - 1 };
    return memchr(name->ptr, '.', name->len) == NULL;
}

static int check_scope(struct expr *x, const struct variable *v, enum expr_scope scope)
{
    x->notes->settled = true;
    if (scope == EXPR_OF_SESSION && v->scope == VARIABLE_GLOBAL)
        return sql_refuse(x->no, 1238, "HY000", "Variable '%s' is a GLOBAL variable", v->name);
    if (scope == EXPR_OF_GLOBAL && v->scope == VARIABLE_SESSION)
        return sql_refuse(x->no, 1238, "HY000", "Variable '%s' is a SESSION variable", v->name);
    x->notes->settled = false;
    return 0;
}

static int read_system_variable(struct expr *x, struct slice body, struct value *out)
{
    enum expr_scope scope;
    struct slice    name;
    struct err      e = { 0 };

    if (body.len == 0)
        return refuse_syntax(x);
    struct variable v;
    if (!expr_split(body, &scope, &name) || !variable_find(name, x->env, &v)) {
        x->notes->settled = variable_is_known(name, x->env);
        return sql_refuse(x->no, 1193, "HY000", "Unknown system variable '%.*s'",
                          (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
    }
    TRY(check_scope(x, &v, scope));
    if (!x->notes->dry && variable_warning(&v, x->env->facts) != NULL)
        x->notes->warning = variable_warning(&v, x->env->facts);
    if (v.tie != QUERY_TIE_NONE)
        x->notes->tie = v.tie;
    if (x->notes->dry)
        return make_null(x, SHAPE_NULL, out);
    begin(x, out, variable_shape(&v));
    if (variable_put(&v, x->env, scope == EXPR_OF_GLOBAL, x->values, &e) != 0)
        return expr_refuse_err(x->no, &e);
    return end(x, out);
}

static int read_user_variable(struct expr *x, const struct sql_token *t, struct value *out)
{
    begin(x, out, SHAPE_NULL);
    sql_put_text(t, x->values);
    TRY(end(x, out));
    struct slice name = expr_text(x, out);
    for (size_t i = 0; i < x->env->session->variable_count; i++) {
        const struct query_variable *v = &x->env->session->variables[i];
        if (sql_equal(name, v->name))
            return make_text(x, v->is_number ? SHAPE_SET_NUMBER : SHAPE_SET_TEXT, v->value, out);
    }
    return make_null(x, SHAPE_NEVER_SET, out);
}

/* ---- expressions ---- */

static int read_number(struct expr *x, struct value *out)
{
    bool minus = sql_take_sign(x->sql, '-');

    if (!minus)
        (void)sql_take_sign(x->sql, '+');
    if (x->sql->now.kind != SQL_NUMBER)
        return refuse_syntax(x);
    struct slice   digits = x->sql->now.body;
    const uint8_t *point = memchr(digits.ptr, '.', digits.len);
    begin(x, out, point == NULL ? SHAPE_INTEGER : SHAPE_DECIMAL);
    if (point != NULL)
        out->decimals = (uint8_t)(digits.ptr + digits.len - point - 1);
    if (minus)
        buf_put_u8(x->values, '-');
    if (minus && point == NULL)
        out->decimals = 1;
    buf_put(x->values, digits);
    sql_step(x->sql);
    return end(x, out);
}

static int read_word(struct expr *x, struct value *out)
{
    struct slice name = x->sql->now.body;
    sql_step(x->sql);
    if (sql_take_sign(x->sql, '('))
        return read_call(x, name, out);
    if (sql_equal(name, "NULL"))
        return make_null(x, SHAPE_NULL, out);
    if (sql_equal(name, "TRUE") || sql_equal(name, "FALSE"))
        return make_number(x, SHAPE_LOGICAL, sql_equal(name, "TRUE") ? 1 : 0, out);
    const struct known_function *f = find_function(name, x->env->facts);
    if (f != NULL && f->bare)
        return call(x, f, NULL, 0, out);
    return sql_refuse(x->no, 1054, "42S22", "Unknown column '%.*s' in 'field list'",
                      (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
}

/* '?': the next value of those that came with the execution. */
static int read_parameter(struct expr *x, struct value *out)
{
    const struct query_parameters *p = x->env->parameters;
    size_t                         i = x->notes->parameters;

    if (p == NULL || (!p->unknown && i >= p->count))
        return refuse_syntax(x);
    sql_step(x->sql);
    x->notes->parameters++;
    if (p->unknown)
        return make_text(x, SHAPE_TEXT, "", out);
    if (p->list[i].is_null)
        return make_null(x, SHAPE_NULL, out);
    begin(x, out, p->list[i].is_number ? SHAPE_INTEGER : SHAPE_TEXT);
    buf_put(x->values, p->list[i].text);
    return end(x, out);
}

static int read_one(struct expr *x, struct value *out)
{
    struct sql_token t = x->sql->now;

    switch (t.kind) {
    case SQL_TEXT:
        sql_step(x->sql);
        begin(x, out, SHAPE_TEXT);
        sql_put_text(&t, x->values);
        return end(x, out);
    case SQL_USER:
        sql_step(x->sql);
        return read_user_variable(x, &t, out);
    case SQL_VARIABLE:
        sql_step(x->sql);
        return read_system_variable(x, t.body, out);
    case SQL_WORD:
        return read_word(x, out);
    case SQL_NUMBER:
        return read_number(x, out);
    case SQL_SIGN:
        if (t.body.ptr[0] == '?')
            return read_parameter(x, out);
        if (!sql_take_sign(x->sql, '('))
            return t.body.ptr[0] == '-' || t.body.ptr[0] == '+' ? read_number(x, out)
                                                                : refuse_syntax(x);
        TRY(expr_read(x, out));
        return sql_take_sign(x->sql, ')') ? 0 : refuse_syntax(x);
    default:
        return refuse_syntax(x);
    }
}

/* Calls itself through functions and parentheses only as deep as DEPTH_MAX. */
int expr_read(struct expr *x, struct value *out)
{
    if (x->depth == DEPTH_MAX)
        return sql_refuse(x->no, 1064, "42000", "binrelay: the expression is nested too deep");
    x->depth++;
    int rc = read_one(x, out);
    x->depth--;
    return rc;
}
