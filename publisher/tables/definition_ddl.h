/*
 * What a DDL statement makes of a table's definition.
 *
 * Plain functions on what the caller owns; any thread. Follows the servers: names in one ALTER
 * TABLE mean the columns as they were before it, AFTER those that it makes; CONVERT TO and a new
 * default character set hold for the columns added beside it. The key follows Debezium, which
 * takes the first unique index for the key of a table without a primary one and keeps it when that
 * index is dropped.
 */
#pragma once
#include "publisher/tables/ddl.h"
#include "publisher/tables/definition.h"

/* Default of a database's tables. */
struct definition_charset {
    const struct charset *charset; /* NULL: not known */
    char                  name[64];
};
/* From CHARACTER SET and COLLATE as written, each may be NULL; `otherwise` where they say nothing.
 */
struct definition_charset definition_charset_of(const char *charset, const char *collation,
                                                const struct definition_charset *otherwise);

/* E_CONFIG, saying which, for a type that nobody told us about. */
MUST_CHECK int definition_declare(const struct ddl *statement, const struct ddl_session *session,
                                  const char *database, const char *table,
                                  const struct definition_charset *defaults,
                                  struct definition **out, struct err *e);
/* Table and columns of a CREATE SEQUENCE. */
MUST_CHECK int definition_sequence(const char *database, const char *table, struct definition **out,
                                   struct err *e);
/* ALTER TABLE and CREATE INDEX, without the renaming of the table. E_CONFIG when the statement does
   not fit the definition; the definition is of no use then. */
MUST_CHECK int definition_alter(struct definition *d, const struct ddl *statement,
                                const struct ddl_session        *session,
                                const struct definition_charset *defaults, struct err *e);
MUST_CHECK int definition_copy(const struct definition *d, const char *database, const char *table,
                               struct definition **out, struct err *e);
