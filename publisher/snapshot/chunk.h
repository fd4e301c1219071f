/*
 * The SQL of a chunk: the next rows of a table behind a key, in the order in which the server has
 * its keys.
 *
 * Keys are never compared here: each is read as a literal (KEY literals below), which is given back
 * to the server for the next chunk. So collations, whatever their order, stay the server's
 * business. A literal is ASCII and holds nothing that could end it.
 *
 *   SELECT columns..., keys... FROM `d`.`t`
 *   WHERE (condition) AND a >= A AND (a > A OR (a = A AND b > B)) AND NOT behind the last key
 *   ORDER BY a, b LIMIT n
 *
 * Plain functions; any thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "publisher/tables/definition.h"

enum { CHUNK_KEYS_MAX = 16, CHUNK_LITERAL_BYTES_MAX = 64 << 10 };

/* How a key's value is read and given back. */
enum chunk_form {
    CHUNK_NUMBER, /* digits; ENUM and SET by their number, which is their order */
    CHUNK_PLAIN,  /* '2026-01-02 03:04:05': times, UUIDs, addresses */
    CHUNK_BINARY, /* x'00FF' */
    CHUNK_TEXT,   /* _utf8mb4 x'C3A9' */
};

struct chunk_key {
    const struct definition *definition; /* outlives it */
    uint32_t                 count;
    uint16_t                 columns[CHUNK_KEYS_MAX];
    enum chunk_form          forms[CHUNK_KEYS_MAX];
};

/* By the table's key, or by `surrogate` (NULL or "": none), a column that is never NULL and whose
   values are unique. E_CONFIG says why a table can't be read in chunks, and what to do. */
MUST_CHECK int chunk_key_of(const struct definition *d, const char *surrogate,
                            struct chunk_key *out, struct err *e);

/* A value as the server gave it (chunk_put_key_columns), as a literal for the next question.
   E_PROTOCOL for bytes that no value of that form has. */
MUST_CHECK int chunk_put_literal(enum chunk_form form, struct slice value, struct buf *out,
                                 struct err *e);

/* "`a`, HEX(...)": what a row tells of its key, behind its own columns. */
void chunk_put_key_columns(const struct chunk_key *k, struct buf *sql);

struct chunk {
    const struct chunk_key *key;
    struct slice            columns;   /* of the rows, as SQL */
    const char             *condition; /* NULL: all rows */
    const char *const      *behind;    /* key->count literals; NULL: from the first row on */
    const char *const      *upto;      /* the last row that is wanted; NULL: all */
    uint32_t                rows;      /* at most */
};
/* Failure is the buffer's. */
void chunk_put_select(const struct chunk *c, struct buf *sql);
/* The key of the last row: one row, or none of an empty table. */
void chunk_put_last_key(const struct chunk_key *k, const char *condition, struct buf *sql);
/* `name` with its quotes. */
void chunk_put_name(const char *name, struct buf *sql);
