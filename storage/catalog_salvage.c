#include "storage/catalog_salvage.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "storage/catalog_core.h"
#include "storage/catalog_format.h"

enum { COLUMNS_BYTES = 2048, SQL_BYTES = 2 * COLUMNS_BYTES + 256, KEPT_MAX = 1000 };

/* ---- is it sound? ---- */

static bool is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static int no_opinion(void *arg, const struct store_file *f, struct err *e)
{
    (void)arg;
    (void)f;
    (void)e;
    return 0;
}

/* The first thing that SQLite finds wrong, in *why; "" when it is content. */
static int check_pages(sqlite3 *db, const char *path, char why[ERR_TEXT_BYTES], struct err *e)
{
    sqlite3_stmt *st = NULL;

    why[0] = 0;
    int code = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &st, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(st);
    if (code == SQLITE_ROW) {
        const unsigned char *said = sqlite3_column_text(st, 0);
        if (said == NULL || strcmp((const char *)said, "ok") != 0)
            (void)snprintf(why, ERR_TEXT_BYTES, "%s", said != NULL ? (const char *)said : "?");
    } else if (is_damage(code)) {
        (void)snprintf(why, ERR_TEXT_BYTES, "%s", sqlite3_errmsg(db));
    }
    int result = code == SQLITE_ROW || is_damage(code) ? 0 : catalog_db_fail(db, path, "check", e);
    (void)sqlite3_finalize(st);
    return result;
}

static int examine_open(sqlite3 *db, const char *path, char why[ERR_TEXT_BYTES], struct err *e)
{
    int version;

    if (catalog_format_read(db, path, &version, e) != 0) {
        if (e->kind != E_CORRUPT)
            return -1;
        (void)snprintf(why, ERR_TEXT_BYTES, "%s", e->text);
        return 0;
    }
    TRY(catalog_format_check(path, version, (int)catalog_step_count, e));
    return check_pages(db, path, why, e);
}

/* Pages may be whole and still not ours. */
static int examine_tables(const char *folder, char why[ERR_TEXT_BYTES], struct err *e)
{
    struct catalog *c;
    uint32_t        rubbish;

    if (catalog_open(folder, false, &c, e) != 0) {
        if (e->kind == E_CONFIG || e->kind == E_FULL || e->kind == E_NOMEM)
            return -1;
        (void)snprintf(why, ERR_TEXT_BYTES, "%s", e->text);
        return 0;
    }
    if (catalog_each_sound_file(c, no_opinion, NULL, &rubbish, e) != 0)
        (void)snprintf(why, ERR_TEXT_BYTES, "%s", e->text);
    catalog_close(c);
    return 0;
}

int catalog_examine(const char *folder, bool *sound, char why[ERR_TEXT_BYTES], struct err *e)
{
    OWN_MEM char *path = NULL;
    sqlite3      *db = NULL;

    why[0] = 0;
    *sound = true;
    if (asprintf(&path, "%s/catalog.db", folder) < 0) {
        path = NULL;
        return err_set(e, E_NOMEM, "no memory to look at the catalog in %s", folder);
    }
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    int result;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        result = catalog_db_fail(db, path, "open", e);
    else
        result = examine_open(db, path, why, e);
    (void)sqlite3_close(db);
    if (result == 0 && why[0] == 0)
        result = examine_tables(folder, why, e);
    *sound = why[0] == 0;
    return result;
}

/* ---- aside ---- */

enum { PATH_BYTES_MAX = 64 * 1024 };

static int move(const char *from, const char *to, const char *ending, struct err *e)
{
    struct buf old;
    struct buf new;

    buf_init(&old, PATH_BYTES_MAX);
    buf_init(&new, PATH_BYTES_MAX);
    buf_printf(&old, "%s%s", from, ending);
    buf_printf(&new, "%s%s", to, ending);
    int result = buf_check(&old, "a path", e) + buf_check(&new, "a path", e);
    if (result == 0 && rename(buf_text(&old), buf_text(&new)) != 0 && errno != ENOENT)
        result = err_sys(e, "rename %s", buf_text(&old));
    buf_done(&old);
    buf_done(&new);
    return result == 0 ? 0 : -1;
}

/* With its log, which belongs to it by name; the -shm is made again by whoever opens it. */
static int move_all(const char *from, const char *to, struct err *e)
{
    TRY(move(from, to, "-wal", e));
    TRY(move(from, to, "-journal", e));
    TRY(move(from, to, "-shm", e));
    return move(from, to, "", e);
}

int catalog_set_aside(const char *folder, char **kept, struct err *e)
{
    OWN_MEM char *from = NULL;
    char         *to = NULL;

    if (asprintf(&from, "%s/catalog.db", folder) < 0 || asprintf(&to, "%s.damaged", from) < 0)
        return err_set(e, E_NOMEM, "no memory to repair the catalog");
    for (int i = 2; access(to, F_OK) == 0 && i < KEPT_MAX; i++) {
        free(to);
        if (asprintf(&to, "%s.damaged.%d", from, i) < 0)
            return err_set(e, E_NOMEM, "no memory to repair the catalog");
    }
    if (move_all(from, to, e) != 0) {
        free(to);
        return -1;
    }
    *kept = to;
    return 0;
}

/* ---- what can still be read ---- */

struct salvage {
    sqlite3 *db;
    sqlite3 *old; /* a connection of its own: its damage must not end the other's transaction */
    void (*did)(void *arg, const char *text);
    void *arg;
};

static bool has_column(sqlite3 *db, const char *table, const char *column)
{
    sqlite3_stmt *st = NULL;
    bool          has = false;

    if (sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_table_info(?) WHERE name = ?", -1, &st,
                           NULL) == SQLITE_OK) {
        (void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(st, 2, column, -1, SQLITE_STATIC);
        has = sqlite3_step(st) == SQLITE_ROW;
    }
    (void)sqlite3_finalize(st);
    return has;
}

/* The columns that both have, as a list; false when the old one lacks the table. */
static bool common_columns(const struct salvage *s, const char *table, char *list, int *count)
{
    sqlite3_stmt *st = NULL;
    size_t        at = 0;

    *count = 0;
    list[0] = 0;
    if (sqlite3_prepare_v2(s->db, "SELECT name FROM pragma_table_info(?)", -1, &st, NULL) ==
        SQLITE_OK) {
        (void)sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
        while (sqlite3_step(st) == SQLITE_ROW && at + 80 < COLUMNS_BYTES) {
            const char *name = (const char *)sqlite3_column_text(st, 0);
            if (!has_column(s->old, table, name))
                continue;
            int n =
                snprintf(list + at, COLUMNS_BYTES - at, "%s\"%.64s\"", *count > 0 ? "," : "", name);
            at += (size_t)n;
            ++*count;
        }
    }
    (void)sqlite3_finalize(st);
    return *count > 0;
}

/* From one end up to the damage; true when there was none. */
static bool copy_rows(const struct salvage *s, const char *table, const char *columns, int count,
                      const char *order, uint64_t *copied)
{
    char          sql[SQL_BYTES];
    char          marks[COLUMNS_BYTES] = "?";
    sqlite3_stmt *from = NULL;
    sqlite3_stmt *into = NULL;
    int           step = SQLITE_ERROR;

    for (int i = 1; i < count; i++)
        memcpy(&marks[2 * i - 1], ",?", 3);
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM \"%s\" %s", columns, table, order);
    if (sqlite3_prepare_v2(s->old, sql, -1, &from, NULL) == SQLITE_OK) {
        (void)snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO main.\"%s\" (%s) VALUES (%s)", table,
                       columns, marks);
        if (sqlite3_prepare_v2(s->db, sql, -1, &into, NULL) == SQLITE_OK) {
            while ((step = sqlite3_step(from)) == SQLITE_ROW) {
                for (int i = 0; i < count; i++)
                    (void)sqlite3_bind_value(into, i + 1, sqlite3_column_value(from, i));
                /* A row that breaks a rule of the table is damaged, too. */
                if (sqlite3_step(into) == SQLITE_DONE)
                    *copied += (uint64_t)sqlite3_changes(s->db);
                (void)sqlite3_reset(into);
            }
        }
    }
    (void)sqlite3_finalize(from);
    (void)sqlite3_finalize(into);
    return step == SQLITE_DONE;
}

static void salvage_table(struct salvage *s, const char *table)
{
    char     columns[COLUMNS_BYTES];
    char     text[512];
    int      count;
    uint64_t copied = 0;

    if (!common_columns(s, table, columns, &count)) {
        (void)snprintf(text, sizeof text, "catalog.db: its table '%.64s' can't be read", table);
        s->did(s->arg, text);
        return;
    }
    bool whole = copy_rows(s, table, columns, count, "", &copied);
    if (!whole && !copy_rows(s, table, columns, count, "ORDER BY rowid DESC", &copied))
        (void)copy_rows(s, table, columns, count, "ORDER BY 1 DESC", &copied);
    if (whole && copied == 0)
        return;
    (void)snprintf(text, sizeof text, "catalog.db: %llu row%s of '%.64s' taken over%s",
                   (unsigned long long)copied, copied == 1 ? "" : "s", table,
                   whole ? "" : "; others could not be read");
    s->did(s->arg, text);
}

static int salvage_tables(struct salvage *s, const char *path, struct err *e)
{
    sqlite3_stmt *st = NULL;
    char          table[128];
    int           step = SQLITE_ERROR;

    if (sqlite3_prepare_v2(s->db,
                           "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND"
                           " name NOT LIKE 'sqlite_%'",
                           -1, &st, NULL) == SQLITE_OK)
        while ((step = sqlite3_step(st)) == SQLITE_ROW) {
            (void)snprintf(table, sizeof table, "%s", (const char *)sqlite3_column_text(st, 0));
            salvage_table(s, table);
        }
    (void)sqlite3_finalize(st);
    return step == SQLITE_DONE ? 0 : catalog_db_fail(s->db, path, "salvage", e);
}

int catalog_salvage(struct catalog *into, const char               *from,
                    void (*did)(void *arg, const char *text), void *arg, struct err *e)
{
    struct salvage s = { .db = into->db, .did = did, .arg = arg };
    int            version = 0;

    (void)pthread_mutex_lock(&into->mutex);
    int result = 0;
    if (sqlite3_open_v2(from, &s.old, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        result = catalog_db_fail(s.old, from, "open", e);
    if (result == 0)
        result = catalog_format_read(s.old, from, &version, e);
    if (result == 0)
        result = catalog_begin(into, e);
    if (result == 0)
        result = catalog_end(into, salvage_tables(&s, into->path, e), e);
    (void)sqlite3_close(s.old);
    (void)pthread_mutex_unlock(&into->mutex);
    if (result == 0 || e->kind != E_CORRUPT)
        return result;
    did(arg, "catalog.db: nothing of it can be read");
    return 0;
}

/* ---- rows of files ---- */

int catalog_each_sound_file(struct catalog *c,
                            int (*each)(void *arg, const struct store_file *f, struct err *e),
                            void *arg, uint32_t *rubbish, struct err *e)
{
    int  result = 0;
    bool more = true;

    *rubbish = 0;
    (void)pthread_mutex_lock(&c->mutex);
    while (result == 0 && more) {
        struct store_file f;
        struct err        senseless;
        result = catalog_step(c, EACH_FILE, &more, "read the files", e);
        if (result != 0 || !more)
            break;
        if (catalog_file_of_row(c, &f, &senseless) == 0)
            result = each(arg, &f, e);
        else
            ++*rubbish;
    }
    catalog_reset(c, EACH_FILE);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_replace_files(struct catalog *c, const struct store_file *files, size_t count,
                          struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    int result = catalog_begin(c, e);
    if (result == 0) {
        catalog_bind_int(c, FORGET_FILES, 1, INT64_MAX);
        result = catalog_run(c, FORGET_FILES, "forget files", e);
        for (size_t i = 0; i < count && result == 0; i++)
            result = catalog_put_row(c, &files[i], e);
        result = catalog_end(c, result, e);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}
