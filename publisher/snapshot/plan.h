/*
 * What a snapshot is about: the server's tables with their CREATE statements, and its databases, in
 * the order in which they are told and read.
 *
 * Owned by one publisher; read by its threads. Memory: the names and statements of all tables that
 * are not the system's.
 */
#pragma once
#include "publisher/snapshot/view.h"
#include "publisher/tables/definition.h"

struct snapshot_table {
    char    *database, *name, *create;
    uint64_t rows_guessed; /* by the server */
    bool     is_read;      /* its rows are wanted, too */
    bool     is_done;      /* they were read */
};
struct snapshot_database {
    char *name, *charset, *collation;
};
struct snapshot_plan {
    struct snapshot_table    *tables; /* by database and name */
    uint32_t                  table_count;
    struct snapshot_database *databases;
    uint32_t                  database_count;
    char                      charset[64], collation[64]; /* of the server */
    enum format_family        family;
    uint32_t                  version;
};

struct snapshot_choice {
    bool (*is_told)(void *arg, const char *database, const char *table);
    bool (*is_read)(void *arg, const char *database, const char *table);
    void *arg;
};

/* Tables that go meanwhile are left out. */
MUST_CHECK int snapshot_plan_read(struct snapshot_view *v, const struct snapshot_choice *choice,
                                  struct snapshot_plan *out, struct err *e);
void           snapshot_plan_done(struct snapshot_plan *p); /* accepts a zeroed one */
/* From its CREATE statement; freed by the caller. */
MUST_CHECK int snapshot_plan_define(const struct snapshot_plan *p, const struct snapshot_table *t,
                                    struct definition **out, struct err *e);
