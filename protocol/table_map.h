/*
 * TABLE_MAP: which table and which column types the rows events behind it have, with the optional
 * metadata of MySQL 8.0.1 and MariaDB 10.5 (signedness, charsets, names, ENUM and SET members, key,
 * visibility).
 *
 * Owns its memory (the columns and a copy of the texts); one thread at a time. Bounds: columns by
 * TABLE_MAP_COLUMNS_MAX, everything else by the event's own length.
 * Source: MySQL libbinlogevents rows_event.h (Table_map_event); MariaDB sql/log_event.h. That YEAR
 * counts as a number in the signedness bits, and that MariaDB counts GEOMETRY among the columns
 * with a charset, was seen in binlogs of MySQL 9.7 and MariaDB 10.11.
 */
#pragma once
#include "protocol/event.h"
#include "protocol/format.h"

enum field_type {
    FIELD_DECIMAL = 0,
    FIELD_TINY = 1,
    FIELD_SHORT = 2,
    FIELD_LONG = 3,
    FIELD_FLOAT = 4,
    FIELD_DOUBLE = 5,
    FIELD_NULL = 6,
    FIELD_TIMESTAMP = 7,
    FIELD_LONGLONG = 8,
    FIELD_INT24 = 9,
    FIELD_DATE = 10,
    FIELD_TIME = 11,
    FIELD_DATETIME = 12,
    FIELD_YEAR = 13,
    FIELD_NEWDATE = 14,
    FIELD_VARCHAR = 15,
    FIELD_BIT = 16,
    FIELD_TIMESTAMP2 = 17,
    FIELD_DATETIME2 = 18,
    FIELD_TIME2 = 19,
    FIELD_MARIADB_BLOB_COMPRESSED = 140,
    FIELD_MARIADB_VARCHAR_COMPRESSED = 141,
    FIELD_VECTOR = 242,
    FIELD_JSON = 245,
    FIELD_NEWDECIMAL = 246,
    FIELD_ENUM = 247,
    FIELD_SET = 248,
    FIELD_TINY_BLOB = 249,
    FIELD_MEDIUM_BLOB = 250,
    FIELD_LONG_BLOB = 251,
    FIELD_BLOB = 252,
    FIELD_VAR_STRING = 253,
    FIELD_STRING = 254,
    FIELD_GEOMETRY = 255,
};

enum { TABLE_MAP_COLUMNS_MAX = 4096 };

struct table_map_column {
    uint8_t  type; /* real type: STRING's metadata is unpacked into ENUM, SET or STRING */
    uint16_t meta; /* length, precision << 8 | scale, fraction digits, pack length, number of bits,
                      bytes of the length prefix, as the type demands */
    bool         nullable;
    bool         is_unsigned; /* when has_signedness */
    uint16_t     collation;   /* 0 when not told */
    struct slice name;        /* empty when not told */
    struct slice members;     /* ENUM, SET: lenenc count, then lenenc texts; empty when not told */
    uint8_t      geometry;    /* geometry type when told */
};

struct table_map {
    uint64_t                 table_id;
    struct slice             database, table;
    uint32_t                 column_count;
    struct table_map_column *columns;
    bool                     has_signedness, has_charsets, has_names, has_key;
    uint32_t                 key_count;
    uint16_t                *key;  /* column indexes */
    struct slice             body; /* the event's body: two maps with equal bodies are equal */
    uint8_t                 *own;  /* copy of the event's body, what the slices point into */
};

MUST_CHECK int table_map_parse(const struct format *f, const struct event *ev,
                               struct table_map **out, struct err *e);
void           table_map_free(struct table_map *m); /* accepts NULL */

/* Only which table it is: cheap, and works for tables whose types nobody knows. The slices point
   into the event. */
MUST_CHECK int table_map_peek(const struct format *f, const struct event *ev, uint64_t *table_id,
                              struct slice *database, struct slice *table, struct err *e);

/* "VARCHAR"; "unknown" for a type nobody told us about. */
const char *field_type_name(uint8_t type);
