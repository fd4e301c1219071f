/*
 * A table as the publisher needs it: columns with name, type, signedness, charset, nullability; key
 * columns in key order; and what only a declaration tells: lengths, defaults, comments, indexes.
 *
 * Comes from TABLE_MAP's optional metadata where the stream has it (binlog_row_metadata=FULL), from
 * DDL in the stream (definition_ddl.h), from the catalog's history, or from the source. Whatever it
 * came from, TABLE_MAP's column types are the judge (definition_fits). Owned by who made it; one
 * thread at a time.
 *
 * Limits: TABLE_MAP tells neither column defaults, nor FLOAT(M,D) from FLOAT, nor MariaDB's UUID
 * from BINARY(16), nor BOOLEAN from TINYINT(1). A definition from DDL knows all of them, one from
 * the source all but BOOLEAN, which is a TINYINT(1) there.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/charset.h"
#include "protocol/table_map.h"

enum {
    DEFINITION_NAME_BYTES = 64 * 4 + 1,
    DEFINITION_COLUMNS_MAX = TABLE_MAP_COLUMNS_MAX,
    DEFINITION_MEMBERS_MAX = 65535,
};

/* What the type byte of a TABLE_MAP can't tell. */
enum definition_form {
    FORM_PLAIN = 0,
    FORM_FLOAT_SCALED, /* FLOAT(M,D): stored as FLOAT, but a double to Debezium */
    FORM_UUID,         /* MariaDB's UUID: stored as BINARY(16) */
    FORM_POINT,        /* POINT among the geometries; TABLE_MAP can tell it by metadata */
    FORM_BOOLEAN,      /* declared BOOL or BOOLEAN: stored as TINYINT, a boolean to Debezium */
    FORM_INET4,        /* MariaDB's addresses: stored as BINARY(4) and BINARY(16) */
    FORM_INET6,
    FORM_COUNT
};
const char *definition_form_name(enum definition_form form); /* in the text form */

struct definition_column {
    char                  name[DEFINITION_NAME_BYTES];
    uint8_t               type; /* as in struct table_map_column */
    bool                  is_unsigned;
    bool                  nullable;
    bool                  optional; /* to Debezium, which does not know all of a server's rules */
    enum definition_form  form;
    const struct charset *charset; /* of texts and members; NULL: not told, or no text */
    char                **members; /* of ENUM and SET, in UTF-8 */
    uint32_t              member_count;
    /* What only a declaration tells: NULL, -1 and false where there was none. */
    char   *type_name;     /* as Debezium names it: "BIGINT UNSIGNED", "VARCHAR" */
    int32_t length, scale; /* as declared: VARCHAR(length), DECIMAL(length,scale), TIME(length) */
    char   *charset_name;  /* declared or taken from the table, e.g. "utf8mb3"; of texts only */
    /* As Debezium has it: `42`, `it''s`, `1010` of b'1010', `TRUE`, `1970-01-01 00:00:00` of
       CURRENT_TIMESTAMP. NULL for DEFAULT NULL and for expressions, too. */
    char *default_text;
    char *comment;
    bool  has_default;           /* DEFAULT was there, and not NULL */
    bool  default_is_expression; /* or a function like CURRENT_TIMESTAMP */
    bool  is_generated;          /* GENERATED ALWAYS AS */
    bool  auto_increment;
    bool  advances; /* Debezium's `autoIncremented`: for MySQL ON UPDATE CURRENT_TIMESTAMP counts */
    bool  is_hidden; /* row_start and row_end of MariaDB's system versioning, declared by nobody */
    uint16_t key_part; /* while a statement is applied: place in the key from 1; 0: not in it */
    uint16_t origin;   /* the same: place before the statement from 1; 0: a new one */
};

struct definition {
    char                      database[DEFINITION_NAME_BYTES];
    char                      table[DEFINITION_NAME_BYTES];
    struct definition_column *columns;
    uint32_t                  column_count;
    uint16_t                 *key; /* column indexes in key order */
    uint32_t                  key_count;
    bool                      is_declared;    /* the fields of a declaration are filled */
    bool                      is_guessed;     /* its database's character set was not known */
    bool                      key_is_primary; /* and not a unique index taken for it */
    const struct charset     *charset;        /* of new columns; NULL: not told */
    char                     *charset_name;   /* as Debezium has it; NULL: not told */
    char                     *comment;
};

/* All columns zeroed, no key yet; E_LIMIT for too many. */
MUST_CHECK int definition_new(struct slice database, struct slice table, uint32_t column_count,
                              struct definition **out, struct err *e);
void           definition_free(struct definition *d); /* accepts NULL */
void           definition_column_done(struct definition_column *c);
MUST_CHECK int definition_column_member(struct definition_column *c, struct slice member,
                                        struct err *e);
/* E_LIMIT for a name or a list of members that is too long. */
MUST_CHECK int definition_set_name(struct definition *d, uint32_t column, struct slice name,
                                   struct err *e);
MUST_CHECK int definition_add_member(struct definition *d, uint32_t column, struct slice member,
                                     struct err *e);

/* Replaces *into, which may be NULL, by a copy of `text`, which may be NULL. */
MUST_CHECK int definition_set_text(char **into, const char *text, struct err *e);
/* MariaDB puts a column with a hash behind all others for every unique key over long texts. It is
   in the stream, though nobody declared it and no statement shows it. */
bool definition_column_is_hash(const struct definition_column *c);
/* Adds what of these `map` has more than `d`; whether it can be these alone tells the other. */
bool           definition_lacks_hashes(const struct definition *d, const struct table_map *map);
MUST_CHECK int definition_add_hashes(struct definition *d, const struct table_map *map,
                                     struct err *e);

/* Gives the members of ENUM and SET from one column to the other. */
void definition_swap_members(struct definition_column *a, struct definition_column *b);

/* From TABLE_MAP's own metadata: 1 when it has names for all columns, 0 when not, -1 on errors. */
int definition_from_table_map(const struct table_map *map, struct definition **out, struct err *e);
/* Text form for the catalog and the control socket. */
MUST_CHECK int definition_from_json(struct slice json, struct definition **out, struct err *e);
void           definition_put_json(const struct definition *d, struct buf *out);

/*
 * Asks the source about a table by SHOW CREATE TABLE, which is read like DDL in the stream. The
 * asking itself is passed in (relay/ owns the connection, whose character set must be utf8mb4, and
 * whose sql_mode is changed), so that the SQL lives beside the reader of its answer. E_PURGED: no
 * such table, or not for this account.
 */
typedef int    definition_query(void *arg, const char *sql,
                                int (*row)(void *row_arg, uint32_t columns, const char *const *values,
                                        const unsigned long *lengths, struct err *e),
                                void *row_arg, struct err *e);
MUST_CHECK int definition_from_source(definition_query *query, void *arg, const char *database,
                                      const char *table, struct definition **out, struct err *e);

/* From what SHOW CREATE TABLE answered; E_PURGED for a view. */
struct ddl_session;
MUST_CHECK int definition_from_create(const struct ddl_session *session, struct slice text,
                                      const char *database, const char *table,
                                      struct definition **out, struct err *e);

/* Who wants to know all tables that the source has now. */
struct definition_taker {
    bool (*wants)(void *arg, const char *database, const char *table);
    int (*take)(void *arg, struct definition *d, struct err *e); /* takes it over */
    void *arg;
};
/* Tables that go meanwhile, or can't be read, are left out. */
MUST_CHECK int definition_each_from_source(definition_query *query, void *arg,
                                           const struct definition_taker *taker, struct err *e);
/* How a publisher gets them when it begins. */
typedef int definition_survey(void *arg, const struct definition_taker *taker, struct err *e);

/* How a publisher gets the JSON text of a table that the stream does not describe. E_PURGED: no
 * such table. */
typedef int definition_fetch(void *arg, const char *database, const char *table, struct buf *json,
                             struct err *e);

/* Same number of columns and compatible types? Says what differs. */
bool definition_fits(const struct definition *d, const struct table_map *map, char *why,
                     size_t why_bytes);

/* The element of a schema-change record's `tableChanges` as Debezium writes it:
   {"type":"CREATE","id":...,"table":{...}}. `d` NULL: a dropped table. */
void definition_put_change(const char *type, const char *database, const char *table,
                           const struct definition *d, bool with_comments, struct buf *out);
/* The column's type as JDBC and so Debezium numbers it; 1111 (OTHER) where nobody told. */
int definition_jdbc_type(const struct definition_column *column);

/* Takes over what the stream itself tells about the columns (nullability, signedness, charsets):
   it was so when the rows were written. `optional` stays what it was declared to be. E_CONFIG for a
   collation nobody told us about. */
MUST_CHECK int definition_refine(struct definition *d, const struct table_map *map, struct err *e);
