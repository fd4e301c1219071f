/*
 * Inside of the catalog, for storage/catalog*.c alone: one file for each kind of row. A new kind
 * needs a step in storage/catalog_format.c, its statements in storage/catalog_statements.h, and
 * functions that take the mutex around one statement (or around BEGIN_WRITE ... COMMIT).
 */
#pragma once
#include <pthread.h>
#include "storage/catalog.h"
#include "storage/catalog_statements.h"

struct sqlite3;
struct sqlite3_stmt;

enum catalog_statement {
#define STATEMENT(name, text) name,
    CATALOG_STATEMENTS(STATEMENT)
#undef STATEMENT
        CATALOG_STATEMENT_COUNT
};

struct catalog {
    struct sqlite3 *db;
    /* NULL: opened for reading only, and too old to have the statement's table. */
    struct sqlite3_stmt *statements[CATALOG_STATEMENT_COUNT];
    pthread_mutex_t      mutex; /* one call at a time: the statements are shared */
    char                *path;
    int                  version;
    bool                 uncertain; /* a write failed, and may yet come back: catalog_settle() */
};

/* What SQLite says of its last call, as an error of ours. Both return -1. */
int catalog_db_fail(struct sqlite3 *db, const char *path, const char *what, struct err *e);
int catalog_fail(const struct catalog *c, const char *what, struct err *e);

/* The text must stay until the statement was run. */
void catalog_bind_text(struct catalog *c, enum catalog_statement which, int at, const char *text);
void catalog_bind_int(struct catalog *c, enum catalog_statement which, int at, uint64_t value);

/* Runs a statement without rows and makes it ready for the next time. */
MUST_CHECK int catalog_run(struct catalog *c, enum catalog_statement which, const char *what,
                           struct err *e);
/* The next row of a statement: *more false at its end. After the last row that is wanted, and
   after errors, catalog_reset(). */
MUST_CHECK int catalog_step(struct catalog *c, enum catalog_statement which, bool *more,
                            const char *what, struct err *e);
void           catalog_reset(struct catalog *c, enum catalog_statement which);
/* Several statements as one: catalog_end() commits when `result` is 0, else takes all back, and
   returns what became of it. */
MUST_CHECK int catalog_begin(struct catalog *c, struct err *e);
MUST_CHECK int catalog_end(struct catalog *c, int result, struct err *e);
/* Runs it for the first column of its one row, a text: 1 found (added to *out), 0 none. */
int catalog_take_text(struct catalog *c, enum catalog_statement which, const char *what,
                      struct buf *out, struct err *e);
/* False when the text does not fit: the row was not written by us. */
bool catalog_column_text(struct catalog *c, enum catalog_statement which, int at, char *into,
                         size_t room);

/* Of files: the row that EACH_FILE stands at (E_CORRUPT when it makes no sense), and a row written,
   inside of whatever transaction there is. */
MUST_CHECK int catalog_file_of_row(struct catalog *c, struct store_file *f, struct err *e);
MUST_CHECK int catalog_put_row(struct catalog *c, const struct store_file *f, struct err *e);
