/*
 * A table as the publisher needs it: columns with name, type, signedness, charset, nullability; key
 * columns in key order.
 *
 * Comes from TABLE_MAP's optional metadata where the stream has it (binlog_row_metadata=FULL), else
 * from the catalog's history, else from the source. Whatever it came from, TABLE_MAP's column types
 * are the judge (definition_fits). Owned by who made it; one thread at a time.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/table_map.h"

enum { DEFINITION_NAME_BYTES = 64 * 4 + 1, DEFINITION_COLUMNS_MAX = 4096 };

struct definition_column {
    char     name[DEFINITION_NAME_BYTES];
    bool     is_unsigned;
    bool     nullable;
    uint16_t collation; /* 0: none or binary */
    char   **members;   /* of ENUM and SET, in UTF-8 */
    uint32_t member_count;
    uint8_t  type; /* real type of the field as in TABLE_MAP (ENUM, SET, GEOMETRY told apart) */
};

struct definition {
    char                      database[DEFINITION_NAME_BYTES];
    char                      table[DEFINITION_NAME_BYTES];
    struct definition_column *columns;
    uint32_t                  column_count;
    uint16_t                 *key; /* column indexes in key order */
    uint32_t                  key_count;
};

void definition_free(struct definition *d);

/* From TABLE_MAP's own metadata: 1 when it has names for all columns, 0 when not, -1 on errors. */
int definition_from_table_map(const struct table_map *map, struct definition **out, struct err *e);
/* Text form for the catalog and the control socket. */
MUST_CHECK int definition_from_json(struct slice json, struct definition **out, struct err *e);
void           definition_put_json(const struct definition *d, struct buf *out);

/*
 * Asks the source about a table: calls for the rows of information_schema and builds the JSON text
 * above. The asking itself is passed in (relay/ owns the connection), so that the SQL lives beside
 * the parser of its answer.
 */
typedef int    definition_query(void *arg, const char *sql,
                                int (*row)(void *row_arg, uint32_t columns, const char *const *values,
                                        const unsigned long *lengths, struct err *e),
                                void *row_arg, struct err *e);
MUST_CHECK int definition_from_source(definition_query *query, void *arg, const char *database,
                                      const char *table, struct definition **out, struct err *e);

/* How a publisher gets the JSON text of a table that the stream does not describe. E_PURGED: no
 * such table. */
typedef int definition_fetch(void *arg, const char *database, const char *table, struct buf *json,
                             struct err *e);

/* Same number of columns and compatible types? Says what differs. */
bool definition_fits(const struct definition *d, const struct table_map *map, char *why,
                     size_t why_bytes);
