#include "storage/catalog.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "storage/catalog_core.h"
#include "storage/catalog_format.h"
#include "storage/catalog_wal.h"

enum { BUSY_MS = 5000 };

static const char *const statement_text[] = {
#define STATEMENT(name, text) [name] = (text),
    CATALOG_STATEMENTS(STATEMENT)
#undef STATEMENT
};

/* ---- opening ---- */

int catalog_db_fail(sqlite3 *db, const char *path, const char *what, struct err *e)
{
    int           code = db != NULL ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    enum err_kind kind = E_IO;

    if ((code & 0xff) == SQLITE_FULL)
        kind = E_FULL;
    else if ((code & 0xff) == SQLITE_NOMEM)
        kind = E_NOMEM;
    else if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        kind = E_CORRUPT;
    return err_set(e, kind, "catalog %s: %s: %s", path, what,
                   db != NULL ? sqlite3_errmsg(db) : "no memory");
}

int catalog_fail(const struct catalog *c, const char *what, struct err *e)
{
    return catalog_db_fail(c->db, c->path, what, e);
}

static int run_text(struct catalog *c, const char *sql, struct err *e)
{
    if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return catalog_fail(c, sql, e);
    return 0;
}

/*
 * A process that was killed in a commit may have left it written but not synced, and SQLite takes
 * it as made. What is shown by it has to survive a power cut, too (I1, I5).
 */
static int make_safe(struct catalog *c, struct err *e)
{
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);
    /* Busy: somebody reads an older state; the log itself is synced all the same. */
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        return catalog_fail(c, "make what it holds safe", e);
    return 0;
}

static int set_up_writable(struct catalog *c, struct err *e)
{
    /* What is newer is not touched, not even by its journal's mode. */
    TRY(catalog_format_check(c->path, c->version, (int)catalog_step_count, e));
    TRY(run_text(c, "PRAGMA journal_mode = WAL", e));
    TRY(run_text(c, "PRAGMA synchronous = FULL", e));
    TRY(make_safe(c, e));
    TRY(catalog_format_bring_up(c->db, c->path, catalog_steps, catalog_step_count, e));
    c->version = (int)catalog_step_count;
    return 0;
}

static int set_up_readonly(struct catalog *c, struct err *e)
{
    if (c->version == 0)
        return err_set(e, E_PURGED, "catalog %s is empty: no store was made there yet", c->path);
    return catalog_format_check(c->path, c->version, (int)catalog_step_count, e);
}

static int set_up(struct catalog *c, bool readonly, struct err *e)
{
    (void)sqlite3_busy_timeout(c->db, BUSY_MS);
    TRY(catalog_format_read(c->db, c->path, &c->version, e));
    TRY(readonly ? set_up_readonly(c, e) : set_up_writable(c, e));
    for (int i = 0; i < CATALOG_STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(c->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &c->statements[i], NULL) != SQLITE_OK &&
            c->version == (int)catalog_step_count)
            return catalog_fail(c, "prepare", e);
    return 0;
}

int catalog_open(const char *folder, bool readonly, struct catalog **out, struct err *e)
{
    struct catalog *c = calloc(1, sizeof *c);
    if (c == NULL || asprintf(&c->path, "%s/catalog.db", folder) < 0) {
        free(c);
        return err_set(e, E_NOMEM, "no memory for the catalog in %s", folder);
    }
    (void)pthread_mutex_init(&c->mutex, NULL);
    int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int result = readonly ? 0 : catalog_wal_renew(c->path, e);
    if (result == 0 &&
        sqlite3_open_v2(c->path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        result = catalog_fail(c, "open", e);
        if (c->db != NULL && sqlite3_system_errno(c->db) == ENOENT)
            result = err_set(e, E_PURGED, "there is no catalog %s", c->path);
    }
    if (result == 0)
        result = set_up(c, readonly, e);
    if (result != 0) {
        catalog_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

void catalog_close(struct catalog *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < CATALOG_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(c->statements[i]);
    (void)sqlite3_close(c->db);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c->path);
    free(c);
}

/* ---- one statement ---- */

void catalog_bind_int(struct catalog *c, enum catalog_statement which, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(c->statements[which], at, (sqlite3_int64)value);
}

void catalog_bind_text(struct catalog *c, enum catalog_statement which, int at, const char *text)
{
    (void)sqlite3_bind_text(c->statements[which], at, text, -1, SQLITE_STATIC);
}

int catalog_step(struct catalog *c, enum catalog_statement which, bool *more, const char *what,
                 struct err *e)
{
    if (c->statements[which] == NULL)
        return err_set(
            e, E_CONFIG,
            "catalog %s: %s: its format version is %d, and %d is needed: start binrelayd "
            "once, it brings it up",
            c->path, what, c->version, (int)catalog_step_count);
    int step = sqlite3_step(c->statements[which]);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return catalog_fail(c, what, e);
    *more = step == SQLITE_ROW;
    return 0;
}

void catalog_reset(struct catalog *c, enum catalog_statement which)
{
    (void)sqlite3_reset(c->statements[which]);
    (void)sqlite3_clear_bindings(c->statements[which]);
}

int catalog_run(struct catalog *c, enum catalog_statement which, const char *what, struct err *e)
{
    bool more = false;
    int  result = catalog_step(c, which, &more, what, e);
    assert(result != 0 || !more);
    catalog_reset(c, which);
    c->uncertain = c->uncertain || result != 0;
    return result;
}

int catalog_begin(struct catalog *c, struct err *e)
{
    return catalog_run(c, BEGIN_WRITE, "begin", e);
}

int catalog_end(struct catalog *c, int result, struct err *e)
{
    if (result == 0)
        result = catalog_run(c, COMMIT, "commit", e);
    if (result != 0)
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

int catalog_take_text(struct catalog *c, enum catalog_statement which, const char *what,
                      struct buf *out, struct err *e)
{
    bool found;
    int  result = catalog_step(c, which, &found, what, e);

    if (result == 0 && found) {
        const unsigned char *text = sqlite3_column_text(c->statements[which], 0);
        size_t               n = (size_t)sqlite3_column_bytes(c->statements[which], 0);
        if (text != NULL)
            buf_put(out, (struct slice){ text, n });
        result = buf_check(out, what, e) == 0 ? 1 : -1;
    }
    catalog_reset(c, which);
    return result;
}

bool catalog_column_text(struct catalog *c, enum catalog_statement which, int at, char *into,
                         size_t room)
{
    const unsigned char *text = sqlite3_column_text(c->statements[which], at);
    size_t               n = (size_t)sqlite3_column_bytes(c->statements[which], at);
    if (text == NULL || n >= room)
        return false;
    memcpy(into, text, n);
    into[n] = 0;
    return true;
}

/* ---- files ---- */

int catalog_put_row(struct catalog *c, const struct store_file *f, struct err *e)
{
    catalog_bind_int(c, PUT_FILE, 1, f->ordinal);
    catalog_bind_int(c, PUT_FILE, 2, f->epoch);
    catalog_bind_int(c, PUT_FILE, 3, f->sealed ? 1 : 0);
    catalog_bind_int(c, PUT_FILE, 4, f->sealed ? f->size : 0);
    catalog_bind_int(c, PUT_FILE, 5, (uint64_t)f->created_s);
    catalog_bind_int(c, PUT_FILE, 6, (uint64_t)f->last_s);
    catalog_bind_text(c, PUT_FILE, 7, f->name);
    catalog_bind_text(c, PUT_FILE, 8, f->source_file);
    catalog_bind_text(c, PUT_FILE, 9, f->source.name);
    catalog_bind_text(c, PUT_FILE, 10, f->source.uuid);
    catalog_bind_int(c, PUT_FILE, 11, f->source.server_id);
    catalog_bind_text(c, PUT_FILE, 12, f->source.version);
    catalog_bind_int(c, PUT_FILE, 13, f->source.family == FAMILY_MARIADB ? 1 : 0);
    return catalog_run(c, PUT_FILE, "store a file", e);
}

int catalog_put_files(struct catalog *c, const struct store_file *files, size_t count,
                      struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    int result = catalog_begin(c, e);
    if (result == 0) {
        for (size_t i = 0; i < count && result == 0; i++)
            result = catalog_put_row(c, &files[i], e);
        result = catalog_end(c, result, e);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_put_file(struct catalog *c, const struct store_file *f, struct err *e)
{
    return catalog_put_files(c, f, 1, e);
}

int catalog_forget_files(struct catalog *c, uint32_t before, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_int(c, FORGET_FILES, 1, before);
    int result = catalog_run(c, FORGET_FILES, "forget files", e);
    if (result == 0) {
        catalog_bind_int(c, FORGET_DEFINITIONS, 1, store_pos_at(before, 0));
        result = catalog_run(c, FORGET_DEFINITIONS, "forget table definitions", e);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_file_of_row(struct catalog *c, struct store_file *f, struct err *e)
{
    sqlite3_stmt *st = c->statements[EACH_FILE];
    sqlite3_int64 ordinal = sqlite3_column_int64(st, 0);
    sqlite3_int64 size = sqlite3_column_int64(st, 3);
    bool          good = ordinal >= 1 && ordinal <= STORE_ORDINAL_MAX && size >= 0 &&
                size <= (sqlite3_int64)STORE_OFFSET_MAX;

    *f = (struct store_file){ 0 };
    f->ordinal = (uint32_t)ordinal;
    f->epoch = (uint32_t)sqlite3_column_int64(st, 1);
    f->sealed = sqlite3_column_int(st, 2) != 0;
    f->size = (uint64_t)size;
    f->created_s = sqlite3_column_int64(st, 4);
    f->last_s = sqlite3_column_int64(st, 5);
    good = good && catalog_column_text(c, EACH_FILE, 6, f->name, sizeof f->name) &&
           catalog_column_text(c, EACH_FILE, 7, f->source_file, sizeof f->source_file) &&
           catalog_column_text(c, EACH_FILE, 8, f->source.name, sizeof f->source.name) &&
           catalog_column_text(c, EACH_FILE, 9, f->source.uuid, sizeof f->source.uuid);
    f->source.server_id = (uint32_t)sqlite3_column_int64(st, 10);
    good =
        good && catalog_column_text(c, EACH_FILE, 11, f->source.version, sizeof f->source.version);
    f->source.family = sqlite3_column_int(st, 12) == 1 ? FAMILY_MARIADB : FAMILY_MYSQL;
    if (!good)
        return err_set(e, E_CORRUPT, "catalog %s: the row of file %lld makes no sense", c->path,
                       (long long)ordinal);
    return 0;
}

int catalog_each_file(struct catalog *c,
                      int (*each)(void *arg, const struct store_file *f, struct err *e), void *arg,
                      struct err *e)
{
    int  result = 0;
    bool more = true;

    (void)pthread_mutex_lock(&c->mutex);
    while (result == 0 && more) {
        struct store_file f;
        result = catalog_step(c, EACH_FILE, &more, "read the files", e);
        if (result == 0 && more)
            result = catalog_file_of_row(c, &f, e);
        if (result == 0 && more)
            result = each(arg, &f, e);
    }
    catalog_reset(c, EACH_FILE);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_put_start(struct catalog *c, store_pos start, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_int(c, PUT_START, 1, start);
    int result = catalog_run(c, PUT_START, "store the start", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_start(struct catalog *c, store_pos *out, struct err *e)
{
    bool found;

    (void)pthread_mutex_lock(&c->mutex);
    int result = catalog_step(c, GET_START, &found, "read the start", e);
    if (result == 0)
        *out = found ? (store_pos)sqlite3_column_int64(c->statements[GET_START], 0) : 0;
    catalog_reset(c, GET_START);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* ---- checkpoints ---- */

int catalog_put_checkpoint(struct catalog *c, const char *publisher,
                           const struct catalog_checkpoint *p, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, PUT_CHECKPOINT, 1, publisher);
    catalog_bind_int(c, PUT_CHECKPOINT, 2, p->next);
    catalog_bind_int(c, PUT_CHECKPOINT, 3, p->sink_bytes);
    catalog_bind_int(c, PUT_CHECKPOINT, 4, p->events);
    catalog_bind_text(c, PUT_CHECKPOINT, 5, p->state != NULL ? p->state : "");
    int result = catalog_run(c, PUT_CHECKPOINT, "store a checkpoint", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_checkpoint(struct catalog *c, const char *publisher, struct catalog_checkpoint *out,
                           struct err *e)
{
    bool found;

    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, GET_CHECKPOINT, 1, publisher);
    int result = catalog_step(c, GET_CHECKPOINT, &found, "read a checkpoint", e);
    if (result == 0 && found) {
        sqlite3_stmt *st = c->statements[GET_CHECKPOINT];
        out->next = (store_pos)sqlite3_column_int64(st, 0);
        out->sink_bytes = (uint64_t)sqlite3_column_int64(st, 1);
        out->events = (uint64_t)sqlite3_column_int64(st, 2);
        result = 1;
    }
    catalog_reset(c, GET_CHECKPOINT);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_checkpoint_state(struct catalog *c, const char *publisher, struct buf *out,
                                 struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, GET_CHECKPOINT_STATE, 1, publisher);
    int result = catalog_take_text(c, GET_CHECKPOINT_STATE, "read a publisher's state", out, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* ---- small named values ---- */

static int put_value(struct catalog *c, const char *name, const char *value, struct err *e)
{
    catalog_bind_text(c, PUT_VALUE, 1, name);
    catalog_bind_text(c, PUT_VALUE, 2, value);
    return catalog_run(c, PUT_VALUE, "store a value", e);
}

/* The log of SQLite keeps what a failed commit wrote until the next one writes over it. */
int catalog_settle(struct catalog *c, struct err *e)
{
    int result = 0;

    (void)pthread_mutex_lock(&c->mutex);
    if (c->uncertain) {
        c->uncertain = false; /* put_value() says again */
        result = put_value(c, "settled", "", e);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_put_value(struct catalog *c, const char *name, const char *value, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    int result = put_value(c, name, value, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_value(struct catalog *c, const char *name, struct buf *out, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, GET_VALUE, 1, name);
    int result = catalog_take_text(c, GET_VALUE, "read a value", out, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* ---- table definitions ---- */

int catalog_put_definition(struct catalog *c, const char *database, const char *table,
                           store_pos since, const char *json, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, PUT_DEFINITION, 1, database);
    catalog_bind_text(c, PUT_DEFINITION, 2, table);
    catalog_bind_int(c, PUT_DEFINITION, 3, since);
    catalog_bind_text(c, PUT_DEFINITION, 4, json);
    int result = catalog_run(c, PUT_DEFINITION, "store a table definition", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_definition(struct catalog *c, const char *database, const char *table, store_pos at,
                           struct buf *out, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, GET_DEFINITION, 1, database);
    catalog_bind_text(c, GET_DEFINITION, 2, table);
    catalog_bind_int(c, GET_DEFINITION, 3, at);
    int result = catalog_take_text(c, GET_DEFINITION, "read a table definition", out, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}
