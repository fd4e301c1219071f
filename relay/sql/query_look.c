#include "relay/sql/query_parts.h"

static void refuse(struct query_verdict *v, unsigned needs)
{
    /* Two reasons: only who has both rights may, and an administrator's is the larger one. */
    bool had = v->what == QUERY_REFUSED;
    if (had && (v->needs == 0 || v->needs == RIGHT_ADMIN))
        return;
    *v = (struct query_verdict){ .what = QUERY_REFUSED, .needs = needs };
}

/* ---- the whole statement ---- */

/* Functions that change something, each with the right that it needs; a name that ends in '_'
 * stands for all that begin so. */
static const struct {
    char     name[QUERY_SCAN_BYTES];
    unsigned needs;
} functions[] = {
    { "nextval", RIGHT_WRITE },   { "setval", RIGHT_WRITE },
    { "load_file", RIGHT_ADMIN }, { "sys_exec", RIGHT_ADMIN },
    { "sys_eval", RIGHT_ADMIN },  { "asynchronous_connection_failover_", RIGHT_ADMIN },
    { "audit_", RIGHT_ADMIN },    { "group_replication_", RIGHT_ADMIN },
    { "keyring_", RIGHT_ADMIN },  { "mysql_firewall_", RIGHT_ADMIN },
    { "service_", RIGHT_ADMIN },  { "version_tokens_", RIGHT_ADMIN },
};

static void look_at_function(const struct sql_token *name, struct query_verdict *v)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const char  *known = functions[i].name;
        size_t       n = strlen(known);
        struct slice part = name->body;
        if (known[n - 1] == '_' && part.len > n)
            part.len = n;
        if (sql_equal(part, known))
            refuse(v, functions[i].needs);
    }
}

/* Of those that look_at_pair() looks for: the same, wherever they stand. */
static const struct {
    char     name[QUERY_SCAN_BYTES];
    unsigned needs;
} other_words[] = {
    { "outfile", RIGHT_ADMIN },
    { "dumpfile", RIGHT_ADMIN },
    { "next", RIGHT_WRITE },
};

bool query_may_be_long(struct slice head, unsigned rights)
{
    struct sql s = sql_over(head);
    unsigned   needs = RIGHT_FORWARD;

    if (s.in_version_comment || s.version_comments > 0 || s.wild)
        return false; /* for another server it may begin with another word */
    if (!sql_match(&s, "SELECT")) {
        if (!sql_match(&s, "INSERT|REPLACE|UPDATE|DELETE"))
            return false;
        needs |= RIGHT_WRITE;
    }
    return (rights & needs) == needs;
}

static bool begins_with(const uint8_t *at, size_t bytes, const char *name)
{
    size_t n = strlen(name);
    return bytes >= n && sql_equal((struct slice){ at, n }, name);
}

static const char *find_word(const uint8_t *at, size_t bytes, unsigned rights)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if ((functions[i].needs & ~rights) != 0 && begins_with(at, bytes, functions[i].name))
            return functions[i].name;
    }
    for (size_t i = 0; i < sizeof other_words / sizeof other_words[0]; i++) {
        if ((other_words[i].needs & ~rights) != 0 && begins_with(at, bytes, other_words[i].name))
            return other_words[i].name;
    }
    return NULL;
}

static bool is_of_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Words that begin in `text` behind its first byte, the last ones only if they are whole. */
static const char *scan_words(struct slice text, unsigned rights)
{
    for (size_t i = 1; i < text.len; i++) {
        /* A digit may stand in front of one: a version comment's. */
        if (!is_of_word(text.ptr[i]) || is_of_word(text.ptr[i - 1]))
            continue;
        const char *found = find_word(text.ptr + i, text.len - i, rights);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static const char *scan_code(struct query_scan *s, struct slice piece)
{
    const char *found;

    /* Across the border of two pieces. */
    size_t few = piece.len < QUERY_SCAN_BYTES ? piece.len : QUERY_SCAN_BYTES;
    memcpy(s->kept + s->kept_bytes, piece.ptr, few);
    s->kept_bytes += few;
    found = scan_words((struct slice){ s->kept, s->kept_bytes }, s->rights);
    if (found == NULL)
        found = scan_words(piece, s->rights);
    if (piece.len > few) {
        memcpy(s->kept, piece.ptr + piece.len - QUERY_SCAN_BYTES, QUERY_SCAN_BYTES);
        s->kept_bytes = QUERY_SCAN_BYTES;
    } else if (s->kept_bytes > QUERY_SCAN_BYTES) {
        memmove(s->kept, s->kept + s->kept_bytes - QUERY_SCAN_BYTES, QUERY_SCAN_BYTES);
        s->kept_bytes = QUERY_SCAN_BYTES;
    }
    return found;
}

const char *query_scan(struct query_scan *s, struct slice piece)
{
    uint8_t     code[4096];
    const char *found = NULL;

    if ((~s->rights & (RIGHT_WRITE | RIGHT_ADMIN)) == 0)
        return NULL;
    for (size_t at = 0; found == NULL && at < piece.len; at += sizeof code) {
        size_t n = piece.len - at < sizeof code ? piece.len - at : sizeof code;
        code_mask_piece(&s->mask, (struct slice){ piece.ptr + at, n }, code);
        found = scan_code(s, (struct slice){ code, n });
    }
    return found;
}

static bool is_sign(const struct sql_token *t, char sign)
{
    return t->kind == SQL_SIGN && t->body.ptr[0] == (uint8_t)sign;
}

static bool is_word(const struct sql_token *t, const char *word)
{
    return t->kind == SQL_WORD && sql_equal(t->body, word);
}

/* `before` and `t` stand one behind the other; or `unsure`: there may be others between them, or
 * not. */
static void look_at_pair(const struct sql_token *before, const struct sql_token *t, bool unsure,
                         struct query_verdict *v)
{
    bool name = before->kind == SQL_WORD || before->kind == SQL_NAME;

    if (name && (unsure || is_sign(t, '(')))
        look_at_function(before, v);
    if ((unsure || is_word(before, "INTO")) && (is_word(t, "OUTFILE") || is_word(t, "DUMPFILE")))
        refuse(v, RIGHT_ADMIN);
    if (is_word(before, "NEXT") && (unsure || is_word(t, "VALUE")))
        refuse(v, RIGHT_WRITE);
}

/* A server that skips a comment which another one executes may begin with another word: only a
 * statement that lies in one such comment as a whole, or begins outside of them, begins alike. */
static bool begins_alike(struct slice text, enum sql_quotes quotes)
{
    struct sql s = sql_over_as(text, quotes);
    bool       inside = s.in_version_comment;

    if (!inside && s.version_comments > 0)
        return false; /* an empty one in front */
    if (!inside)
        return true;
    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        if (s.version_comments > 1 || (!s.in_version_comment && !is_sign(&s.now, ';')))
            return false;
    }
    return true;
}

static unsigned version_comments(struct sql s)
{
    while (s.now.kind != SQL_END && s.now.kind != SQL_BAD)
        sql_step(&s);
    return s.version_comments;
}

static bool has_version_comment(struct sql s)
{
    return version_comments(s) > 0;
}

void query_look_through(struct slice text, enum sql_quotes quotes, struct query_verdict *v)
{
    struct sql       s = sql_over_as(text, quotes);
    struct sql_token before = { .kind = SQL_END };
    bool             unsure = has_version_comment(s);

    if (!begins_alike(text, quotes))
        refuse(v, RIGHT_ADMIN);
    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        if (before.kind != SQL_END)
            look_at_pair(&before, &s.now, unsure, v);
        before = s.now;
    }
    if (s.wild)
        refuse(v, RIGHT_ADMIN);
}

/* ---- statements ---- */

/* Can the relay say it all itself? */
static bool can_answer(struct query *q, query_handler *handler)
{
    struct query look = *q;

    look.notes = (struct expr_notes){ .dry = true };
    look.needs = 0;
    buf_clear(&look.values);
    int rc = handler(&look, NULL);
    q->values = look.values; /* it may have grown */
    q->notes = look.notes;
    q->needs = look.needs;
    return rc == 0 || look.notes.settled;
}

void query_look_select(struct query *q, struct query_verdict *v)
{
    if (can_answer(q, query_select))
        *v = (struct query_verdict){ .what = QUERY_ANSWERED, .tie = q->notes.tie };
}

void query_look_do(struct query *q, struct query_verdict *v)
{
    if (can_answer(q, query_do))
        *v = (struct query_verdict){ .what = QUERY_ANSWERED };
}

/* Settings of one session that reach further: what is written is told to nobody, or under another
 * name. */
bool query_is_privileged(struct slice name)
{
    static const char *const names[] = {
        "binlog_format",
        "binlog_row_image",
        "debug",
        "debug_dbug",
        "gtid_domain_id",
        "gtid_next",
        "gtid_seq_no",
        "immediate_server_version",
        "original_commit_timestamp",
        "original_server_version",
        "pseudo_replica_mode",
        "pseudo_slave_mode",
        "require_row_format",
        "server_id",
        "skip_replication",
        "sql_log_bin",
        "wsrep_on",
    };
    enum expr_scope scope;
    struct slice    bare;

    if (!expr_split(name, &scope, &bare))
        return true; /* another scope: global, persist */
    if (scope == EXPR_OF_GLOBAL)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sql_equal(bare, names[i]))
            return true;
    }
    return false;
}

/* At the source it would be the password of the relay's own account: refused to everybody. */
static bool sets_own_password(struct sql s)
{
    bool begins = true; /* an item of the list */
    int  open = 0;

    while (s.now.kind != SQL_END && s.now.kind != SQL_BAD) {
        struct sql next = s;
        sql_step(&next);
        if (begins && is_word(&s.now, "PASSWORD") &&
            (is_sign(&next.now, '=') || is_sign(&next.now, ':')))
            return true;
        open += is_sign(&s.now, '(') - is_sign(&s.now, ')');
        begins = open == 0 && is_sign(&s.now, ',');
        s = next;
    }
    return false;
}

/* A list of which the relay understands a part only: is there anything but the session's own? */
static bool sets_more_than_the_session(const struct query *q)
{
    static const char *const words[] = { "GLOBAL", "PERSIST",  "PERSIST_ONLY", "PASSWORD",
                                         "ROLE",   "RESOURCE", "OPTION",       "STATEMENT" };
    struct sql               s = q->sql;

    struct sql_token before = { .kind = SQL_END };

    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        struct sql next = s;
        sql_step(&next);
        bool target = is_sign(&next.now, '=') || is_sign(&next.now, ':');
        bool name = s.now.kind == SQL_WORD || s.now.kind == SQL_NAME || s.now.kind == SQL_VARIABLE;
        if (name && target && query_is_privileged(s.now.body))
            return true;
        /* cache.key_buffer_size is global without saying so. */
        bool begins = before.kind == SQL_END || is_sign(&before, ',');
        if (begins && s.now.kind != SQL_USER && is_sign(&next.now, '.'))
            return true;
        /* @@`name`, @@global . name: nobody writes them so. */
        if (s.now.kind == SQL_VARIABLE &&
            (s.now.body.len == 0 || next.now.kind == SQL_NAME || is_sign(&next.now, '.')))
            return true;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (is_word(&s.now, words[i]) && !is_sign(&next.now, '('))
                return true;
        }
        before = s.now;
    }
    return false;
}

/* Behind SET STATEMENT: the settings up to FOR, then a statement of its own. */
static void look_at_wrapped(struct query *q, struct query_verdict *v)
{
    struct query settings = *q;
    unsigned     open = 0;

    while (q->sql.now.kind != SQL_END && q->sql.now.kind != SQL_BAD &&
           !(open == 0 && is_word(&q->sql.now, "FOR"))) {
        open += is_sign(&q->sql.now, '(') ? 1 : 0;
        open -= open > 0 && is_sign(&q->sql.now, ')') ? 1 : 0;
        sql_step(&q->sql);
    }
    settings.sql.end = q->sql.now.whole.ptr;
    if (!sql_take_word(&q->sql, "FOR") || q->wrapped)
        return; /* answered: with a syntax error */
    q->wrapped = true;
    query_look(q, v);
    if (sets_more_than_the_session(&settings))
        refuse(v, RIGHT_ADMIN);
}

void query_look_set(struct query *q, struct query_verdict *v)
{
    if (q->env->facts->family == FAMILY_MARIADB && sql_take_word(&q->sql, "STATEMENT")) {
        look_at_wrapped(q, v);
        return;
    }
    if (sets_own_password(q->sql)) {
        *v = (struct query_verdict){ .what = QUERY_ANSWERED };
        return;
    }
    /* What a comment opens may hide a global setting from us alone. */
    if (can_answer(q, query_set) && !(has_version_comment(q->sql) && sets_more_than_the_session(q)))
        return;
    *v = (struct query_verdict){ .what = QUERY_FORWARDED };
    if (q->needs != 0 || sets_more_than_the_session(q))
        refuse(v, RIGHT_ADMIN);
}

void query_look_variables(struct query *q, struct query_verdict *v)
{
    if (can_answer(q, query_show_variables))
        *v = (struct query_verdict){ .what = QUERY_ANSWERED, .tie = q->notes.tie };
}

void query_look_status(struct query *q, struct query_verdict *v)
{
    if (can_answer(q, query_show_status))
        *v = (struct query_verdict){ .what = QUERY_ANSWERED };
}

/* What begins where a query may stand: WITH, parentheses. */
void query_look_parentheses(struct query *q, struct query_verdict *v)
{
    static const char *const reads[] = { "SELECT", "TABLE", "VALUES", "WITH" };
    static const char *const writes[] = { "INSERT", "UPDATE", "DELETE", "REPLACE" };

    while (sql_take_sign(&q->sql, '('))
        ;
    for (size_t i = 0; i < 4; i++) {
        if (is_word(&q->sql.now, reads[i])) {
            *v = (struct query_verdict){ .what = QUERY_FORWARDED };
            return;
        }
        if (is_word(&q->sql.now, writes[i])) {
            refuse(v, RIGHT_WRITE);
            return;
        }
    }
    refuse(v, RIGHT_ADMIN);
}

/* Stands on '(': steps behind its fellow. */
static bool skip_parentheses(struct sql *s)
{
    unsigned open = 0;

    do {
        if (s->now.kind == SQL_END || s->now.kind == SQL_BAD)
            return false;
        open += is_sign(&s->now, '(') ? 1 : 0;
        open -= is_sign(&s->now, ')') ? 1 : 0;
        sql_step(s);
    } while (open > 0);
    return true;
}

static bool skip_name(struct sql *s)
{
    if (s->now.kind != SQL_WORD && s->now.kind != SQL_NAME && s->now.kind != SQL_TEXT)
        return false;
    sql_step(s);
    return true;
}

/* name [(columns)] AS (query) [CYCLE columns RESTRICT] */
static bool skip_table_expression(struct sql *s)
{
    if (!skip_name(s))
        return false;
    if (is_sign(&s->now, '(') && !skip_parentheses(s))
        return false;
    if (!sql_take_word(s, "AS") || !is_sign(&s->now, '(') || !skip_parentheses(s))
        return false;
    if (sql_take_word(s, "CYCLE")) {
        do {
            if (!skip_name(s))
                return false;
        } while (sql_take_sign(s, ','));
        return sql_take_word(s, "RESTRICT");
    }
    return true;
}

void query_look_with(struct query *q, struct query_verdict *v)
{
    (void)sql_take_word(&q->sql, "RECURSIVE");
    do {
        if (q->sql.version_comments > 0 || !skip_table_expression(&q->sql)) {
            refuse(v, RIGHT_ADMIN);
            return;
        }
    } while (sql_take_sign(&q->sql, ','));
    query_look_parentheses(q, v);
}

/* EXPLAIN ANALYZE, MariaDB's ANALYZE: the statement runs. Without that word it never does, and DESC
 * may stand for SHOW COLUMNS. */
void query_look_explain(struct query *q, struct query_verdict *v)
{
    static const char *const verbs[] = { "SELECT", "TABLE",  "VALUES", "WITH",
                                         "INSERT", "UPDATE", "DELETE", "REPLACE" };
    bool                     runs = v->what == QUERY_REFUSED; /* the row ANALYZE itself */

    for (;; sql_step(&q->sql)) {
        const struct sql_token *t = &q->sql.now;
        if (t->kind == SQL_END || t->kind == SQL_BAD)
            return;
        runs = runs || is_word(t, "ANALYZE");
        bool verb = is_sign(t, '(');
        for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
            verb = verb || is_word(t, verbs[i]);
        if (verb)
            break;
    }
    if (!runs)
        return;
    if (q->sql.version_comments > 0) {
        refuse(v, RIGHT_ADMIN);
        return;
    }
    if (is_word(&q->sql.now, "TABLE"))
        return; /* ANALYZE TABLE: as the row says */
    query_look_parentheses(q, v);
    if (v->what == QUERY_FORWARDED && sql_take_word(&q->sql, "WITH"))
        query_look_with(q, v);
}

/* BEGIN: a block of statements would go on. */
void query_look_end(struct query *q, struct query_verdict *v)
{
    if (!sql_at_end(&q->sql))
        refuse(v, RIGHT_ADMIN);
}

/* LOCK TABLES: a lock for writing holds up everybody. */
void query_look_lock(struct query *q, struct query_verdict *v)
{
    struct sql s = q->sql;
    for (; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        if (is_word(&s.now, "WRITE") || is_word(&s.now, "EXCLUSIVE"))
            refuse(v, RIGHT_WRITE);
    }
}

/* FLUSH TABLES ... WITH READ LOCK and FLUSH LOCAL TABLES write nothing to the binlog. FLUSH TABLES
 * alone does, but changes nothing, and mysqldump begins with it; all else is an administrator's. */
void query_look_flush(struct query *q, struct query_verdict *v)
{
    bool inside = q->sql.in_version_comment;
    bool local = sql_match(&q->sql, "LOCAL|NO_WRITE_TO_BINLOG");
    bool locks = false;
    /* mysqldump's FLUSH (LOCAL) TABLES: one word in one comment, the others outside. */
    bool one_word = inside && local && !q->sql.in_version_comment;

    if (!sql_match(&q->sql, "TABLE|TABLES"))
        return;
    if (version_comments(q->sql) > (one_word ? 1 : 0))
        return;
    for (struct sql s = q->sql; s.now.kind != SQL_END && s.now.kind != SQL_BAD; sql_step(&s)) {
        struct sql look = s;
        if (sql_match(&look, "WITH READ LOCK") || sql_match(&look, "FOR EXPORT"))
            locks = true;
    }
    if (local || locks || sql_at_end(&q->sql))
        *v = (struct query_verdict){ .what = QUERY_FORWARDED };
}

/* Where the source would tell of itself: its binlogs, its place. */
static bool speaks_of_the_relay(struct slice text, enum query_tie tie)
{
    struct sql s = sql_over(text);

    if (tie == QUERY_TIE_END)
        return true;
    return sql_match(&s, "SHOW") &&
           !sql_match(&s, "[GLOBAL|SESSION|LOCAL] VARIABLES|STATUS|WARNINGS|ERRORS");
}

/* What a text says that is to be run. One in a variable may say anything. */
void query_look_immediate(struct query *q, struct query_verdict *v)
{
    struct buf       text;
    struct err       e = { 0 };
    struct sql_token t = q->sql.now;
    sql_step(&q->sql);
    bool alone = sql_at_end(&q->sql) || is_word(&q->sql.now, "USING");
    /* What escapes resolve to depends on sql_mode; so do the ends of the text. */
    bool sure = t.kind == SQL_TEXT && memchr(t.body.ptr, '\\', t.body.len) == NULL;
    if (!alone || !sure || q->sql.version_comments > 0) {
        refuse(v, RIGHT_ADMIN);
        return;
    }
    buf_init(&text, t.body.len + 1);
    sql_put_text(&t, &text);
    if (buf_check(&text, "the statement", &e) != 0) {
        refuse(v, RIGHT_ADMIN);
    } else {
        query_classify(q->env, buf_slice(&text), v);
        enum query_tie tie = v->tie;
        v->tie = QUERY_TIE_NONE;
        if (v->what == QUERY_ANSWERED && speaks_of_the_relay(buf_slice(&text), tie))
            *v = (struct query_verdict){ .what = QUERY_REFUSED };
        else if (v->what == QUERY_ANSWERED)
            v->what = QUERY_FORWARDED;
    }
    buf_done(&text);
}

void query_look_prepare(struct query *q, struct query_verdict *v)
{
    if (skip_name(&q->sql) && sql_take_word(&q->sql, "FROM"))
        query_look_immediate(q, v);
    else
        refuse(v, RIGHT_ADMIN);
}
