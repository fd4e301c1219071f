#include "storage/catalog_format.h"
#include <sqlite3.h>
#include <stdio.h>
#include "storage/catalog_core.h"

/* clang-format off */
const struct catalog_step catalog_steps[] = {
    { "files, checkpoints, definitions and values",
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
      "CREATE TABLE value (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;" },
    { "consumers",
      "CREATE TABLE consumer (name TEXT PRIMARY KEY, user TEXT NOT NULL, server_id INTEGER NOT NULL,"
      " uuid TEXT NOT NULL, address TEXT NOT NULL, place INTEGER NOT NULL, held INTEGER NOT NULL,"
      " seen_s INTEGER NOT NULL) WITHOUT ROWID;" },
    { "epochs",
      "CREATE TABLE epoch (epoch INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL,"
      " source_name TEXT NOT NULL, source_uuid TEXT NOT NULL, source_server_id INTEGER NOT NULL,"
      " source_version TEXT NOT NULL, source_family INTEGER NOT NULL, source_file TEXT NOT NULL,"
      " begun_s INTEGER NOT NULL, method TEXT NOT NULL, forked INTEGER NOT NULL,"
      " skipped TEXT NOT NULL, lacking TEXT NOT NULL, errant TEXT NOT NULL, lost TEXT NOT NULL);" },
    { "states of publishers",
      "ALTER TABLE checkpoint ADD COLUMN state TEXT NOT NULL DEFAULT '';" },
};
/* clang-format on */

const size_t catalog_step_count = sizeof catalog_steps / sizeof catalog_steps[0];

int catalog_format_read(sqlite3 *db, const char *path, int *version, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int           found = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        found = sqlite3_column_int(st, 0);
    (void)sqlite3_finalize(st);
    if (found < 0)
        return catalog_db_fail(db, path, "read the version", e);
    *version = found;
    return 0;
}

int catalog_format_check(const char *path, int version, int newest, struct err *e)
{
    if (version <= newest)
        return 0;
    return err_set(e, E_CONFIG,
                   "catalog %s has format version %d, this program knows up to %d: it was written "
                   "by a newer version of binrelay, use that one",
                   path, version, newest);
}

static int run_text(sqlite3 *db, const char *path, const char *sql, const char *what, struct err *e)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return catalog_db_fail(db, path, what, e);
    return 0;
}

/* In the transaction: what another process did meanwhile counts. */
static int take_step(sqlite3 *db, const char *path, const struct catalog_step *steps, size_t count,
                     int *version, struct err *e)
{
    char pragma[64];

    TRY(catalog_format_read(db, path, version, e));
    TRY(catalog_format_check(path, *version, (int)count, e));
    if (*version == (int)count)
        return 0;
    const struct catalog_step *step = &steps[*version];
    if (run_text(db, path, step->sql, step->what, e) != 0)
        return err_note(e, "bring it from format version %d to %d", *version, *version + 1);
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", ++*version);
    return run_text(db, path, pragma, "write the version", e);
}

int catalog_format_bring_up(sqlite3 *db, const char *path, const struct catalog_step *steps,
                            size_t count, struct err *e)
{
    int version = 0;

    TRY(catalog_format_read(db, path, &version, e));
    TRY(catalog_format_check(path, version, (int)count, e));
    while (version < (int)count) {
        TRY(run_text(db, path, "BEGIN IMMEDIATE", "begin", e));
        int result = take_step(db, path, steps, count, &version, e);
        if (result == 0)
            result = run_text(db, path, "COMMIT", "commit", e);
        if (result != 0) {
            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return -1;
        }
    }
    return 0;
}
