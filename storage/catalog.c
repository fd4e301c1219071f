#include "storage/catalog.h"
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CATALOG_VERSION = 1, BUSY_MS = 5000 };

static const char *const schema =
    "CREATE TABLE file ("
    " ordinal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, sealed INTEGER NOT NULL,"
    " size INTEGER NOT NULL, created_s INTEGER NOT NULL, last_s INTEGER NOT NULL,"
    " name TEXT NOT NULL UNIQUE, source_file TEXT NOT NULL, source_name TEXT NOT NULL,"
    " source_uuid TEXT NOT NULL, source_server_id INTEGER NOT NULL, source_version TEXT NOT NULL,"
    " source_family INTEGER NOT NULL);"
    "CREATE TABLE start (one INTEGER PRIMARY KEY CHECK (one = 1), place INTEGER NOT NULL);"
    "CREATE TABLE checkpoint (publisher TEXT PRIMARY KEY, next INTEGER NOT NULL,"
    " sink_bytes INTEGER NOT NULL, events INTEGER NOT NULL);"
    "CREATE TABLE definition (db TEXT NOT NULL, tbl TEXT NOT NULL, since INTEGER NOT NULL,"
    " json TEXT NOT NULL, PRIMARY KEY (db, tbl, since)) WITHOUT ROWID;"
    "CREATE TABLE value (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

enum statement {
    PUT_FILE,
    EACH_FILE,
    FORGET_FILES,
    PUT_START,
    GET_START,
    PUT_CHECKPOINT,
    GET_CHECKPOINT,
    PUT_DEFINITION,
    GET_DEFINITION,
    PUT_VALUE,
    GET_VALUE,
    BEGIN_WRITE,
    COMMIT,
    ROLLBACK,
    STATEMENTS
};

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): long statements, each in its own slot */
static const char *const statement_text[STATEMENTS] = {
    [PUT_FILE] = "INSERT OR REPLACE INTO file VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [EACH_FILE] = "SELECT ordinal, epoch, sealed, size, created_s, last_s, name, source_file,"
                  " source_name, source_uuid, source_server_id, source_version, source_family"
                  " FROM file ORDER BY ordinal",
    [FORGET_FILES] = "DELETE FROM file WHERE ordinal < ?",
    [PUT_START] = "INSERT OR REPLACE INTO start VALUES (1, ?)",
    [GET_START] = "SELECT place FROM start",
    [PUT_CHECKPOINT] = "INSERT OR REPLACE INTO checkpoint VALUES (?,?,?,?)",
    [GET_CHECKPOINT] = "SELECT next, sink_bytes, events FROM checkpoint WHERE publisher = ?",
    [PUT_DEFINITION] = "INSERT OR REPLACE INTO definition VALUES (?,?,?,?)",
    [GET_DEFINITION] = ("SELECT json FROM definition WHERE db = ? AND tbl = ? AND since <= ?"
                        " ORDER BY since DESC LIMIT 1"),
    [PUT_VALUE] = "INSERT OR REPLACE INTO value VALUES (?,?)",
    [GET_VALUE] = "SELECT value FROM value WHERE name = ?",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

struct catalog {
    sqlite3        *db;
    sqlite3_stmt   *statements[STATEMENTS];
    pthread_mutex_t mutex; /* one call at a time: the statements are shared */
    char           *path;
};

/* ---- opening ---- */

static int sql_fail(const struct catalog *c, struct err *e, const char *what)
{
    int           code = c->db != NULL ? sqlite3_extended_errcode(c->db) : SQLITE_NOMEM;
    enum err_kind kind = E_IO;

    if ((code & 0xff) == SQLITE_FULL)
        kind = E_FULL;
    else if ((code & 0xff) == SQLITE_NOMEM)
        kind = E_NOMEM;
    else if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        kind = E_CORRUPT;
    return err_set(e, kind, "catalog %s: %s: %s", c->path, what,
                   c->db != NULL ? sqlite3_errmsg(c->db) : "no memory");
}

static int run_text(struct catalog *c, const char *sql, struct err *e)
{
    if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(c, e, sql);
    return 0;
}

static int read_version(struct catalog *c, int *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int           version = -1;

    if (sqlite3_prepare_v2(c->db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        version = sqlite3_column_int(st, 0);
    (void)sqlite3_finalize(st);
    if (version < 0)
        return sql_fail(c, e, "read the version");
    *out = version;
    return 0;
}

/* An empty database becomes one of this version in one step, so a crash leaves none half made. */
static int make_schema(struct catalog *c, struct err *e)
{
    char version[64];
    TRY(run_text(c, "BEGIN IMMEDIATE", e));
    TRY(run_text(c, schema, e));
    (void)snprintf(version, sizeof version, "PRAGMA user_version = %d", CATALOG_VERSION);
    TRY(run_text(c, version, e));
    return run_text(c, "COMMIT", e);
}

static int set_up(struct catalog *c, bool readonly, struct err *e)
{
    int version = 0;

    (void)sqlite3_busy_timeout(c->db, BUSY_MS);
    TRY(read_version(c, &version, e));
    if (version > CATALOG_VERSION)
        return err_set(e, E_CONFIG,
                       "catalog %s has format version %d, this program knows up to %d: it was "
                       "written by a newer version, use that",
                       c->path, version, CATALOG_VERSION);
    if (!readonly) {
        TRY(run_text(c, "PRAGMA journal_mode = WAL", e));
        TRY(run_text(c, "PRAGMA synchronous = FULL", e));
        if (version == 0)
            TRY(make_schema(c, e));
    } else if (version == 0) {
        return err_set(e, E_PURGED, "catalog %s is empty: no store was made there yet", c->path);
    }
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(c->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &c->statements[i], NULL) != SQLITE_OK)
            return sql_fail(c, e, "prepare");
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
    int result = 0;
    if (sqlite3_open_v2(c->path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        result = sql_fail(c, e, "open");
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
    for (int i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(c->statements[i]);
    (void)sqlite3_close(c->db);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c->path);
    free(c);
}

/* ---- one statement ---- */

static void bind_int(sqlite3_stmt *st, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(st, at, (sqlite3_int64)value);
}

/* The text must stay until the statement was run. */
static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    (void)sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

/* Runs a statement without rows and makes it ready for the next time. */
static int run(struct catalog *c, enum statement which, const char *what, struct err *e)
{
    sqlite3_stmt *st = c->statements[which];
    int           result = sqlite3_step(st) == SQLITE_DONE ? 0 : sql_fail(c, e, what);
    (void)sqlite3_reset(st);
    (void)sqlite3_clear_bindings(st);
    return result;
}

/* ---- files ---- */

static int put_file(struct catalog *c, const struct store_file *f, struct err *e)
{
    sqlite3_stmt *st = c->statements[PUT_FILE];
    bind_int(st, 1, f->ordinal);
    bind_int(st, 2, f->epoch);
    bind_int(st, 3, f->sealed ? 1 : 0);
    bind_int(st, 4, f->sealed ? f->size : 0);
    bind_int(st, 5, (uint64_t)f->created_s);
    bind_int(st, 6, (uint64_t)f->last_s);
    bind_text(st, 7, f->name);
    bind_text(st, 8, f->source_file);
    bind_text(st, 9, f->source.name);
    bind_text(st, 10, f->source.uuid);
    bind_int(st, 11, f->source.server_id);
    bind_text(st, 12, f->source.version);
    bind_int(st, 13, f->source.family == FAMILY_MARIADB ? 1 : 0);
    return run(c, PUT_FILE, "store a file", e);
}

int catalog_put_files(struct catalog *c, const struct store_file *files, size_t count,
                      struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    int result = run(c, BEGIN_WRITE, "begin", e);
    if (result == 0) {
        for (size_t i = 0; i < count && result == 0; i++)
            result = put_file(c, &files[i], e);
        if (result == 0)
            result = run(c, COMMIT, "commit", e);
        if (result != 0) {
            struct err ignored;
            (void)run(c, ROLLBACK, "roll back", &ignored);
        }
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
    (void)sqlite3_bind_int64(c->statements[FORGET_FILES], 1, before);
    int result = run(c, FORGET_FILES, "forget files", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* False when the text does not fit: the row was not written by us. */
static bool column_text(sqlite3_stmt *st, int at, char *into, size_t room)
{
    const unsigned char *text = sqlite3_column_text(st, at);
    size_t               n = (size_t)sqlite3_column_bytes(st, at);
    if (text == NULL || n >= room)
        return false;
    memcpy(into, text, n);
    into[n] = 0;
    return true;
}

static int file_of_row(struct catalog *c, sqlite3_stmt *st, struct store_file *f, struct err *e)
{
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
    good = good && column_text(st, 6, f->name, sizeof f->name) &&
           column_text(st, 7, f->source_file, sizeof f->source_file) &&
           column_text(st, 8, f->source.name, sizeof f->source.name) &&
           column_text(st, 9, f->source.uuid, sizeof f->source.uuid);
    f->source.server_id = (uint32_t)sqlite3_column_int64(st, 10);
    good = good && column_text(st, 11, f->source.version, sizeof f->source.version);
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
    int result = 0;

    (void)pthread_mutex_lock(&c->mutex);
    sqlite3_stmt *st = c->statements[EACH_FILE];
    while (result == 0) {
        int step = sqlite3_step(st);
        if (step == SQLITE_DONE)
            break;
        if (step != SQLITE_ROW) {
            result = sql_fail(c, e, "read the files");
            break;
        }
        struct store_file f;
        result = file_of_row(c, st, &f, e);
        if (result == 0)
            result = each(arg, &f, e);
    }
    (void)sqlite3_reset(st);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_put_start(struct catalog *c, store_pos start, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    bind_int(c->statements[PUT_START], 1, start);
    int result = run(c, PUT_START, "store the start", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_start(struct catalog *c, store_pos *out, struct err *e)
{
    int result = 0;

    (void)pthread_mutex_lock(&c->mutex);
    sqlite3_stmt *st = c->statements[GET_START];
    int           step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        *out = (store_pos)sqlite3_column_int64(st, 0);
    else if (step == SQLITE_DONE)
        *out = 0;
    else
        result = sql_fail(c, e, "read the start");
    (void)sqlite3_reset(st);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* ---- checkpoints ---- */

int catalog_put_checkpoint(struct catalog *c, const char *publisher,
                           const struct catalog_checkpoint *p, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    sqlite3_stmt *st = c->statements[PUT_CHECKPOINT];
    bind_text(st, 1, publisher);
    bind_int(st, 2, p->next);
    bind_int(st, 3, p->sink_bytes);
    bind_int(st, 4, p->events);
    int result = run(c, PUT_CHECKPOINT, "store a checkpoint", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_checkpoint(struct catalog *c, const char *publisher, struct catalog_checkpoint *out,
                           struct err *e)
{
    int result;

    (void)pthread_mutex_lock(&c->mutex);
    sqlite3_stmt *st = c->statements[GET_CHECKPOINT];
    bind_text(st, 1, publisher);
    int step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        out->next = (store_pos)sqlite3_column_int64(st, 0);
        out->sink_bytes = (uint64_t)sqlite3_column_int64(st, 1);
        out->events = (uint64_t)sqlite3_column_int64(st, 2);
        result = 1;
    } else {
        result = step == SQLITE_DONE ? 0 : sql_fail(c, e, "read a checkpoint");
    }
    (void)sqlite3_reset(st);
    (void)sqlite3_clear_bindings(st);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* The one text of the row that the statement finds, and its end: 1, 0 without a row. */
static int take_text(struct catalog *c, enum statement which, const char *what, struct buf *out,
                     struct err *e)
{
    sqlite3_stmt *st = c->statements[which];
    int           result;

    int step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(st, 0);
        size_t               n = (size_t)sqlite3_column_bytes(st, 0);
        if (text != NULL)
            buf_put(out, (struct slice){ text, n });
        result = buf_check(out, what, e) == 0 ? 1 : -1;
    } else {
        result = step == SQLITE_DONE ? 0 : sql_fail(c, e, what);
    }
    (void)sqlite3_reset(st);
    (void)sqlite3_clear_bindings(st);
    return result;
}

/* ---- small named values ---- */

int catalog_put_value(struct catalog *c, const char *name, const char *value, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    bind_text(c->statements[PUT_VALUE], 1, name);
    bind_text(c->statements[PUT_VALUE], 2, value);
    int result = run(c, PUT_VALUE, "store a value", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_value(struct catalog *c, const char *name, struct buf *out, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    bind_text(c->statements[GET_VALUE], 1, name);
    int result = take_text(c, GET_VALUE, "read a value", out, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* ---- table definitions ---- */

int catalog_put_definition(struct catalog *c, const char *database, const char *table,
                           store_pos since, const char *json, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    sqlite3_stmt *st = c->statements[PUT_DEFINITION];
    bind_text(st, 1, database);
    bind_text(st, 2, table);
    bind_int(st, 3, since);
    bind_text(st, 4, json);
    int result = run(c, PUT_DEFINITION, "store a table definition", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_get_definition(struct catalog *c, const char *database, const char *table, store_pos at,
                           struct buf *out, struct err *e)
{
    sqlite3_stmt *st = c->statements[GET_DEFINITION];

    (void)pthread_mutex_lock(&c->mutex);
    bind_text(st, 1, database);
    bind_text(st, 2, table);
    bind_int(st, 3, at);
    int result = take_text(c, GET_DEFINITION, "read a table definition", out, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}
