/*
 * Reads a DDL statement: which tables and databases it changes and how. Knows CREATE, ALTER,
 * RENAME, DROP and TRUNCATE of tables, indexes and databases as MySQL 5.5 to 9.7 and MariaDB 10.2
 * to 11.8 take them, as far as columns, keys, charsets and comments go; everything else in such a
 * statement is skipped.
 *
 * No statement is an error: one that can't be read has the kind DDL_UNREADABLE and the tables that
 * were seen to be named. -1 is only for a lack of memory. What is read belongs to the `struct ddl`;
 * texts are UTF-8 and end with a zero byte. Bounds: memory is a small multiple of the statement's
 * length. One thread at a time. Source: MySQL manual "Data Definition Statements" and "Comments",
 * MariaDB knowledge base "Data Definition".
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/charset.h"
#include "protocol/format.h"

/* How the server read the statement: from the status variables of its QUERY event. */
struct ddl_session {
    enum format_family    family;
    uint32_t              version; /* 0: not known */
    bool                  ansi_quotes, no_backslash_escapes, oracle, real_as_float;
    bool                  explicit_timestamp; /* explicit_defaults_for_timestamp */
    bool                  failed; /* the statement ended with an error after a part of its work */
    const struct charset *client; /* of the statement's text; NULL: UTF-8 */
    const struct charset *server; /* default of new databases; NULL: not told */
};
void ddl_session_of(const struct format *f, struct slice status_vars, struct ddl_session *out);

enum ddl_kind {
    DDL_OTHER,      /* leaves tables and databases as they are */
    DDL_UNREADABLE, /* may change the named tables, or any if none is named */
    DDL_CREATE_TABLE,
    DDL_CREATE_SEQUENCE, /* MariaDB's: a table of known columns */
    DDL_ALTER_TABLE,
    DDL_RENAME_TABLE,
    DDL_DROP_TABLE,
    DDL_TRUNCATE_TABLE,
    DDL_CREATE_INDEX,
    DDL_DROP_INDEX,
    DDL_CREATE_DATABASE,
    DDL_ALTER_DATABASE,
    DDL_DROP_DATABASE,
    DDL_NOTICE, /* changes no table, but Debezium tells of it: FLUSH, events */
};

struct ddl_name {
    const char  *database; /* "": the current one */
    const char  *name;
    struct slice text; /* where it stands in the statement, with its quotes */
};

enum ddl_default_kind {
    DDL_DEFAULT_NONE,
    DDL_DEFAULT_NULL,
    DDL_DEFAULT_LITERAL,
    DDL_DEFAULT_NOW,
    DDL_DEFAULT_EXPRESSION
};
struct ddl_default {
    enum ddl_default_kind kind;
    const char           *text; /* of a literal, as struct definition_column has it */
};

enum ddl_null { DDL_NULL_UNSAID, DDL_NULL_YES, DDL_NULL_NO };

struct ddl_column {
    const char        *name;
    const char        *type;          /* words in capitals without attributes: "DOUBLE PRECISION" */
    int32_t            length, scale; /* -1: not given */
    bool               is_unsigned, is_signed, zerofill, binary, byte;
    const char        *charset;   /* NULL: not given; "" for DEFAULT */
    const char        *collation; /* NULL: not given */
    const char       **members;   /* of ENUM and SET */
    uint32_t           member_count;
    enum ddl_null      null;
    struct ddl_default dflt;
    const char        *comment;
    bool               is_required; /* by what is written last: NOT NULL, NULL or PRIMARY KEY */
    bool               on_update, auto_increment, is_primary, is_unique, is_generated;
    bool               is_row_time; /* GENERATED ALWAYS AS ROW START or END */
};

enum ddl_key_kind { DDL_KEY_OTHER, DDL_KEY_PRIMARY, DDL_KEY_UNIQUE };
struct ddl_key {
    enum ddl_key_kind kind;
    const char      **columns; /* NULL in it: an expression */
    uint32_t          column_count;
};

enum ddl_place { DDL_PLACE_LAST, DDL_PLACE_FIRST, DDL_PLACE_AFTER };

enum ddl_action_kind {
    DDL_ADD_COLUMN,    /* column, place, after */
    DDL_CHANGE_COLUMN, /* name, column, place, after; MODIFY names the same one twice */
    DDL_DROP_COLUMN,   /* name */
    DDL_RENAME_COLUMN, /* name, to */
    DDL_SET_DEFAULT,   /* name, dflt; DDL_DEFAULT_NONE to drop it */
    DDL_ADD_KEY,       /* key */
    DDL_DROP_PRIMARY,
    DDL_RENAME_TO,   /* table */
    DDL_CONVERT,     /* name: charset, "" for DEFAULT; to: collation or NULL */
    DDL_SET_CHARSET, /* the same for new columns */
    DDL_SET_COMMENT, /* name: the text */
    DDL_ADD_SYSTEM_VERSIONING,
    DDL_DROP_SYSTEM_VERSIONING,
};
struct ddl_action {
    enum ddl_action_kind kind;
    bool                 if_exists; /* IF EXISTS or IF NOT EXISTS */
    bool                 renames;   /* CHANGE, not MODIFY */
    enum ddl_place       place;
    const char          *name, *to, *after;
    struct ddl_column   *column;
    struct ddl_key      *key;
    struct ddl_default   dflt;
    struct ddl_name      table;
};

struct ddl {
    enum ddl_kind    kind;
    bool             if_exists; /* IF EXISTS or IF NOT EXISTS */
    bool             or_replace, is_unique_index, is_sequence;
    struct ddl_name *tables; /* RENAME: pairs of old and new; LIKE: behind the new one its model */
    uint32_t         table_count;
    bool             is_like;
    struct ddl_action *actions; /* of CREATE TABLE, ALTER TABLE, CREATE and DROP INDEX */
    uint32_t           action_count;
    const char        *database; /* of the statements about databases; "": the current one */
    const char        *charset, *collation; /* of a database: NULL where not given */
    struct slice       text;       /* of the statement, in UTF-8; tables' texts are in it */
    struct slice       index_text; /* CREATE UNIQUE INDEX from its second word on */
    struct ddl_chunk  *chunks;     /* what all of it lies in */
};

MUST_CHECK int ddl_read(const struct ddl_session *session, struct slice statement, struct ddl **out,
                        struct err *e);
void           ddl_free(struct ddl *d); /* accepts NULL */
