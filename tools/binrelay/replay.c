/* binrelay replay: a range of the store, done again at a server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "protocol/base/json.h"
#include "storage/locate.h"
#include "tools/binrelay/applier.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/password.h"
#include "tools/binrelay/progress.h"
#include "tools/binrelay/range_options.h"
#include "tools/binrelay/script.h"
#include "tools/binrelay/text.h"
#include "tools/binrelay/view.h"

enum {
    ANSWER_BYTES_MAX = 256 * 1024 * 1024,
    SHOWN_BYTES = 200, /* of a statement */
    LISTED_MAX = 10000,
    DEFAULT_PORT = 3306,
    HOST_BYTES = 256,
    SQL_BYTES = 2048,
    PASSWORD_BYTES = 1024,
    CONNECT_S = 10,
    READ_S = 3600,
};

struct replay {
    const struct call    *call;
    struct range_options  options;
    struct view           view;
    struct range          range;
    struct target        *target; /* NULL: --dry-run */
    struct applier_wish   wish;
    struct applier_counts counts;
    struct progress       progress;
    char                  host[HOST_BYTES];
    uint32_t              port;
    enum client_tls       tls;
    char                  progress_table[SQL_BYTES / 4];
    struct buf            list; /* JSON of statements */
    struct json           json;
    uint64_t              listed;
};

/* ---- what was asked for ---- */

static int read_target(struct replay *r, struct err *e)
{
    const char *text = call_option(r->call, "target"), *socket = call_option(r->call, "socket");
    bool        dry = call_option(r->call, "dry-run") != NULL;

    r->port = DEFAULT_PORT;
    if (text == NULL || dry || socket != NULL) {
        if (text == NULL && socket == NULL && !dry)
            return err_set(e, E_CONFIG, "name the server by --target HOST[:PORT] or --socket PATH");
        if (text != NULL && socket != NULL)
            return err_set(e, E_CONFIG, "give --target or --socket, not both");
        return 0;
    }
    bool        in_brackets = text[0] == '[';
    const char *end = in_brackets ? strchr(text, ']') : strrchr(text, ':');
    const char *begin = text + in_brackets;
    if (!in_brackets && end != NULL && strchr(text, ':') != end)
        end = NULL; /* an address of IPv6 alone */
    size_t      n = end != NULL ? (size_t)(end - begin) : strlen(begin);
    const char *colon = end != NULL && in_brackets ? end + 1 : end;
    uint64_t    port = DEFAULT_PORT;
    if (n == 0 || n >= sizeof r->host || (in_brackets && end == NULL) ||
        (colon != NULL && *colon != '\0' &&
         (*colon != ':' || place_parse_number(colon + 1, &port) != 0 || port == 0 || port > 65535)))
        return err_set(e, E_CONFIG, "--target '%.200s' is not HOST or HOST:PORT", text);
    memcpy(r->host, begin, n);
    r->host[n] = '\0';
    r->port = (uint32_t)port;
    return 0;
}

static int read_tls(struct replay *r, struct err *e)
{
    static const struct {
        const char     *word;
        enum client_tls tls;
    } modes[] = { { "off", CLIENT_TLS_OFF },
                  { "preferred", CLIENT_TLS_PREFERRED },
                  { "required", CLIENT_TLS_REQUIRED },
                  { "verify-ca", CLIENT_TLS_VERIFY_CA },
                  { "verify-identity", CLIENT_TLS_VERIFY_IDENTITY } };
    const char *word = call_option(r->call, "tls");

    r->tls = CLIENT_TLS_PREFERRED;
    for (size_t i = 0; word != NULL && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].word, word) != 0)
            continue;
        r->tls = modes[i].tls;
        return 0;
    }
    return word == NULL ? 0
                        : err_set(e, E_CONFIG,
                                  "--tls '%.100s' is not off, preferred, required, verify-ca or "
                                  "verify-identity",
                                  word);
}

static int read_progress_table(struct replay *r, struct err *e)
{
    const char *name = call_option(r->call, "progress-table");
    const char *dot = name != NULL ? strchr(name, '.') : NULL;
    struct buf  quoted;

    if (name == NULL)
        return 0;
    if (dot == NULL || dot == name || dot[1] == '\0' || strlen(name) > 140)
        return err_set(e, E_CONFIG, "--progress-table '%.200s': give DATABASE.TABLE", name);
    buf_init(&quoted, sizeof r->progress_table - 1);
    script_put_name(&quoted, (struct slice){ (const uint8_t *)name, (size_t)(dot - name) });
    buf_put_u8(&quoted, '.');
    script_put_name(&quoted, slice_of_text(dot + 1));
    int result = buf_check(&quoted, "--progress-table", e);
    if (result == 0)
        (void)snprintf(r->progress_table, sizeof r->progress_table, "%s", buf_text(&quoted));
    buf_done(&quoted);
    return result;
}

/* ---- the target ---- */

/* What the library of sources says to do is about their section of the configuration. */
static void cut_advice(struct err *e)
{
    char *advice = strstr(e->text, "; ");

    if (advice != NULL && strstr(advice, "[source]") != NULL)
        (void)snprintf(advice, sizeof e->text - (size_t)(advice - e->text),
                       "; check --target, --user, --password-file and --tls");
}

static int connect_target(struct replay *r, struct err *e)
{
    const struct call *c = r->call;
    const char        *user = call_option(c, "user");
    const char        *file = call_option(c, "password-file");
    struct buf         password;

    buf_init(&password, PASSWORD_BYTES);
    user = user != NULL ? user : "root";
    int result = 0;
    if (file != NULL || call_option(c, "socket") == NULL)
        result = password_read_once(file, user, &password, e);
    struct client_options o = { .host = r->host,
                                .port = r->port,
                                .socket = call_option(c, "socket"),
                                .user = user,
                                .password = buf_text(&password),
                                .tls = call_option(c, "socket") != NULL &&
                                               call_option(c, "tls") == NULL
                                           ? CLIENT_TLS_OFF
                                           : r->tls,
                                .tls_ca = call_option(c, "tls-ca"),
                                .tls_cert = call_option(c, "tls-cert"),
                                .tls_key = call_option(c, "tls-key"),
                                .connect_timeout_s = CONNECT_S,
                                .read_timeout_s = READ_S };
    if (result == 0) {
        result = target_open(&o, &r->target, e);
        cut_advice(e);
    }
    password_wipe(&password);
    return result;
}

/* The stream's newest file tells what wrote it. */
static int check_family(const struct replay *r, struct err *e)
{
    const struct target_facts *t = target_facts(r->target);
    struct format              f;

    TRY(store_format(r->view.store, store_pos_ordinal(r->range.begin), &f, e));
    if (f.family != t->family)
        return err_set(e, E_CONFIG,
                       "the binlog is of %s, and %s at %s can't read its row changes: choose a "
                       "target of the same family",
                       f.server_version, t->version, target_address(r->target));
    return 0;
}

static int set_up_session(struct replay *r, struct err *e)
{
    const struct target_facts *t = target_facts(r->target);
    bool                       skips = call_option(r->call, "skip-gtids") != NULL;
    char                       sql[SQL_BYTES];

    if (t->family == FAMILY_MARIADB && call_option(r->call, "skip-binlog") != NULL)
        skips = true;
    r->wish.keep_gtids = t->takes_gtids && !skips;
    r->wish.keep_empty = call_option(r->call, "keep-empty") != NULL;
    if (r->progress_table[0] != '\0' && r->wish.keep_gtids)
        return err_set(e, E_CONFIG,
                       "the target keeps the GTIDs, which tell its progress: leave out "
                       "--progress-table, or add --skip-gtids");
    if (t->family == FAMILY_MARIADB || t->version_number >= 50530)
        TRY(target_do(r->target, "SET @@SESSION.pseudo_slave_mode=1", e));
    if (r->progress_table[0] != '\0') {
        (void)snprintf(sql, sizeof sql,
                       "CREATE TABLE IF NOT EXISTS %s (id INT NOT NULL PRIMARY KEY, place "
                       "VARCHAR(300) NOT NULL, state VARCHAR(20) NOT NULL) ENGINE=InnoDB",
                       r->progress_table);
        TRY(target_do(r->target, sql, e));
        r->wish.progress_table = r->progress_table;
    }
    if (call_option(r->call, "skip-binlog") != NULL)
        TRY(target_do(r->target, "SET @@SESSION.sql_log_bin=0", e));
    return 0;
}

/* ---- going on ---- */

static int resume_by_table(struct replay *r, struct err *e)
{
    char         sql[SQL_BYTES], place[512], state[64];
    struct place p;
    store_pos    begin = 0, end = 0;

    (void)snprintf(sql, sizeof sql, "SELECT place FROM %s WHERE id = 1", r->progress_table);
    TRY(target_ask(r->target, sql, place, sizeof place, e));
    (void)snprintf(sql, sizeof sql, "SELECT state FROM %s WHERE id = 1", r->progress_table);
    TRY(target_ask(r->target, sql, state, sizeof state, e));
    if (place[0] == '\0')
        return 0; /* nothing was done yet */
    if (state[0] != '\0')
        return err_set(e, E_CONFIG,
                       "the statement at %s was begun when the replay before ended, and whether it "
                       "was done nobody can tell (it can't be a part of a transaction): look, then "
                       "begin there or behind it by --from, without --resume",
                       place);
    TRY(place_parse(place, &p, e));
    TRY(place_locate(r->view.store, &p, &begin, &end, e));
    if (begin > r->range.begin)
        r->range.begin = begin < r->range.end ? begin : r->range.end;
    return 0;
}

/* MariaDB's binlog tells of each domain the last one; all before the last of them is done, since
   they were applied in the store's order. */
static int resume_by_state(struct replay *r, struct err *e)
{
    const struct gtid_state *state = &target_facts(r->target)->executed.state;

    for (size_t i = 0; i < state->count; i++) {
        store_pos  begin = 0, end = 0;
        struct err none = { 0 };
        if (locate_gtid_one(r->view.store, &state->entries[i], &begin, &end, &none) != 0) {
            if (none.kind == E_PURGED)
                continue;
            *e = none;
            return -1;
        }
        if (begin >= r->range.begin && end > r->range.begin)
            r->range.begin = end < r->range.end ? end : r->range.end;
    }
    return 0;
}

static int resume(struct replay *r, struct err *e)
{
    if (call_option(r->call, "resume") == NULL)
        return 0;
    if (r->wish.progress_table != NULL)
        return resume_by_table(r, e);
    if (!r->wish.keep_gtids)
        return err_set(
            e, E_CONFIG,
            "without GTIDs the target does not know what it was given: replay with "
            "--progress-table from the start, or give the place that was told by --from");
    return target_facts(r->target)->family == FAMILY_MARIADB ? resume_by_state(r, e) : 0;
}

/* ---- what is told ---- */

static void on_bytes(void *arg, uint64_t bytes, const char *file)
{
    struct replay *r = arg;
    progress_add(&r->progress, bytes, file);
}

static void put_shown(struct buf *out, struct slice text)
{
    size_t n = text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES;

    for (size_t i = 0; i < n; i++)
        buf_put_u8(out, text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
    if (n < text.len)
        buf_put_text(out, "...");
}

static void on_statement(void *arg, store_pos at, const struct gtid *g, uint32_t time_s,
                         struct slice database, struct slice text)
{
    struct replay *r = arg;
    struct buf     place, shown;
    struct err     ignored;
    char           gtid[GTID_TEXT_BYTES], when[TEXT_BYTES];

    if (r->listed++ >= LISTED_MAX)
        return;
    buf_init(&place, SQL_BYTES);
    buf_init(&shown, SQL_BYTES);
    gtid_format(g, gtid);
    if (range_place(r->view.store, at, &place, &ignored) == 0 && r->call->json) {
        struct json *j = &r->json;
        json_open_object(j);
        json_name(j, "place");
        json_text(j, buf_text(&place));
        json_name(j, "gtid");
        json_text(j, gtid);
        json_name(j, "time_s");
        json_uint(j, time_s);
        json_name(j, "database");
        json_text_slice(j, database);
        json_name(j, "statement");
        json_text_slice(j, text);
        json_close_object(j);
    } else {
        put_shown(&shown, text);
        progress_end(&r->progress);
        (void)printf("%s  %s%s%s  %.*s: %s\n", buf_text(&place), text_of_time(time_s, when),
                     gtid[0] != '\0' ? "  " : "", gtid, (int)database.len,
                     (const char *)database.ptr, buf_text(&shown));
    }
    buf_done(&place);
    buf_done(&shown);
}

static int print_json(struct replay *r, const struct err *failure, struct err *e)
{
    const struct applier_counts *n = &r->counts;
    struct buf                   out, place;
    struct json                  j = json_into(&out);

    json_close_array(&r->json);
    buf_init(&out, ANSWER_BYTES_MAX);
    buf_init(&place, SQL_BYTES);
    const struct {
        const char *name;
        uint64_t    value;
    } numbers[] = { { "transactions", n->transactions },
                    { "statements", n->statements },
                    { "row_events", n->row_events },
                    { "held_already", n->held },
                    { "left_out", n->left_out },
                    { "bytes", n->bytes },
                    { "first_s", n->first_s },
                    { "last_s", n->last_s },
                    { "ms", progress_elapsed_ms(&r->progress) } };
    json_open_object(&j);
    json_name(&j, "dry_run");
    json_bool(&j, r->target == NULL);
    int result = range_put_json(r->view.store, &r->range, &j, e);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_name(&j, numbers[i].name);
        json_uint(&j, numbers[i].value);
    }
    if (result == 0)
        result = range_place(r->view.store, n->done, &place, e);
    json_name(&j, "done_up_to");
    json_text(&j, buf_text(&place));
    json_name(&j, "stopped_by");
    if (failure->kind != E_OK)
        json_text(&j, failure->text);
    else
        json_null(&j);
    if (r->target == NULL) {
        json_name(&j, "list");
        json_raw(&j, buf_slice(&r->list));
    }
    json_close_object(&j);
    if (result == 0)
        result = buf_check(&out, "the result", e);
    if (result == 0)
        (void)puts(buf_text(&out));
    buf_done(&out);
    buf_done(&place);
    return result;
}

static int print_text(struct replay *r, struct err *e)
{
    const struct applier_counts *n = &r->counts;
    struct buf                   begin, end;
    char txns[TEXT_BYTES], statements[TEXT_BYTES], bytes[TEXT_BYTES], first[TEXT_BYTES],
        last[TEXT_BYTES], spent[TEXT_BYTES];
    uint64_t ms = progress_elapsed_ms(&r->progress);

    buf_init(&begin, SQL_BYTES);
    buf_init(&end, SQL_BYTES);
    int result = range_place(r->view.store, r->range.begin, &begin, e);
    if (result == 0)
        result = range_place(r->view.store, n->done, &end, e);
    if (result == 0)
        (void)printf("%s %s to %s: %s with %s and %" PRIu64 " row events, %s, of %s to %s\n",
                     r->target == NULL ? "would do" : "done:", buf_text(&begin), buf_text(&end),
                     text_of_count(n->transactions, "transaction", txns),
                     text_of_count(n->statements, "statement", statements), n->row_events,
                     text_of_bytes(n->bytes, bytes), text_of_time(n->first_s, first),
                     text_of_time(n->last_s, last));
    if (result == 0 && n->held + n->left_out > 0)
        (void)printf("%" PRIu64 " transactions were at the target already, %" PRIu64
                     " were left out\n",
                     n->held, n->left_out);
    if (result == 0 && r->target != NULL)
        (void)printf("in %s, %" PRIu64 " transactions a second\n",
                     text_of_span((int64_t)(ms + 500) / 1000, spent),
                     n->transactions * 1000 / (ms > 0 ? ms : 1));
    buf_done(&begin);
    buf_done(&end);
    return result;
}

/* ---- all of it ---- */

static int prepare(struct replay *r, struct err *e)
{
    uint64_t bytes = 0;

    TRY(view_open(&r->call->at, &r->view, e));
    TRY(range_locate(r->view.store, &r->options.from, &r->options.to, &r->range, e));
    if (r->range.from_first && !r->call->json)
        (void)fputs("binrelay replay: nothing is held from before --from; begins at the oldest\n",
                    stderr);
    r->wish = (struct applier_wish){ .store = r->view.store,
                                     .selection = &r->options.selection,
                                     .keep_gtids = true,
                                     .on_bytes = on_bytes,
                                     .arg = r };
    if (call_option(r->call, "dry-run") != NULL) {
        r->wish.on_statement = on_statement;
    } else {
        TRY(connect_target(r, e));
        TRY(check_family(r, e));
        TRY(set_up_session(r, e));
        TRY(resume(r, e));
        r->wish.target = r->target;
    }
    if (r->range.begin != r->range.end)
        TRY(range_bytes(r->view.store, &r->range, &bytes, e));
    progress_begin(&r->progress, bytes, r->call->json);
    return 0;
}

static int run(struct replay *r, struct err *e)
{
    struct err told = { 0 };

    TRY(prepare(r, e));
    int result = applier_run(&r->wish, &r->range, &r->counts, e);
    progress_end(&r->progress);
    int printed = 0;
    if (r->call->json)
        printed = print_json(r, result != 0 ? e : &told, &told);
    else if (result == 0)
        printed = print_text(r, &told);
    if (result == 0 && printed != 0)
        *e = told;
    if (result != 0 && r->call->json) { /* the result says it */
        (void)fflush(stdout);
        (void)fprintf(stderr, "binrelay replay: %s\n", e->text);
        e->kind = E_OK;
    }
    return result == 0 && printed == 0 ? 0 : -1;
}

enum command_exit replay_run(const struct call *c, struct err *e)
{
    struct replay *r = calloc(1, sizeof *r);

    if (r == NULL) {
        (void)err_set(e, E_NOMEM, "no memory to replay");
        return COMMAND_FAILED;
    }
    r->call = c;
    buf_init(&r->list, ANSWER_BYTES_MAX);
    r->json = json_into(&r->list);
    json_open_array(&r->json);
    enum command_exit code = COMMAND_MISUSED;
    if (range_options_read(c, &r->options, e) == 0 && read_target(r, e) == 0 &&
        read_tls(r, e) == 0 && read_progress_table(r, e) == 0)
        code = run(r, e) == 0 ? COMMAND_OK : COMMAND_FAILED;
    target_close(r->target);
    range_done(&r->range);
    view_close(&r->view);
    range_options_done(&r->options);
    buf_done(&r->list);
    free(r);
    return code;
}
