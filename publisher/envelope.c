#include "publisher/envelope.h"
#include <stdlib.h>

#define SNAPSHOT_WORDS                                                                             \
    "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"

enum source_member {
    SOURCE_VERSION,
    SOURCE_CONNECTOR,
    SOURCE_NAME,
    SOURCE_TS_MS,
    SOURCE_SNAPSHOT,
    SOURCE_DB,
    SOURCE_SEQUENCE,
    SOURCE_TS_US,
    SOURCE_TS_NS,
    SOURCE_TABLE,
    SOURCE_SERVER_ID,
    SOURCE_GTID,
    SOURCE_FILE,
    SOURCE_POS,
    SOURCE_ROW,
    SOURCE_THREAD,
    SOURCE_QUERY,
    SOURCE_MEMBERS
};

/* clang-format off */
static const struct member {
    const char      *name;
    enum schema_type type;
    bool             optional;
} members[SOURCE_MEMBERS] = {
    [SOURCE_VERSION]   = { "version", SCHEMA_STRING, false },
    [SOURCE_CONNECTOR] = { "connector", SCHEMA_STRING, false },
    [SOURCE_NAME]      = { "name", SCHEMA_STRING, false },
    [SOURCE_TS_MS]     = { "ts_ms", SCHEMA_INT64, false },
    [SOURCE_SNAPSHOT]  = { "snapshot", SCHEMA_STRING, true },
    [SOURCE_DB]        = { "db", SCHEMA_STRING, false },
    [SOURCE_SEQUENCE]  = { "sequence", SCHEMA_STRING, true },
    [SOURCE_TS_US]     = { "ts_us", SCHEMA_INT64, true },
    [SOURCE_TS_NS]     = { "ts_ns", SCHEMA_INT64, true },
    [SOURCE_TABLE]     = { "table", SCHEMA_STRING, true },
    [SOURCE_SERVER_ID] = { "server_id", SCHEMA_INT64, false },
    [SOURCE_GTID]      = { "gtid", SCHEMA_STRING, true },
    [SOURCE_FILE]      = { "file", SCHEMA_STRING, false },
    [SOURCE_POS]       = { "pos", SCHEMA_INT64, false },
    [SOURCE_ROW]       = { "row", SCHEMA_INT32, false },
    [SOURCE_THREAD]    = { "thread", SCHEMA_INT64, true },
    [SOURCE_QUERY]     = { "query", SCHEMA_STRING, true },
};
/* clang-format on */

static const char *const snapshot_words[] = {
    [SNAPSHOT_FALSE] = "false",
    [SNAPSHOT_TRUE] = "true",
    [SNAPSHOT_FIRST] = "first",
    [SNAPSHOT_FIRST_IN_TABLE] = "first_in_data_collection",
    [SNAPSHOT_LAST_IN_TABLE] = "last_in_data_collection",
    [SNAPSHOT_LAST] = "last",
    [SNAPSHOT_INCREMENTAL] = "incremental",
};

const char *envelope_connector(enum format_family family)
{
    return family == FAMILY_MARIADB ? "mariadb" : "mysql";
}

static struct schema *snapshot_schema(struct err *e)
{
    struct cell    no = cell_string("false");
    struct schema *s = schema_new(SCHEMA_STRING, true, "io.debezium.data.Enum", 1, e);

    if (s != NULL && (schema_add_parameter(s, "allowed", SNAPSHOT_WORDS, e) != 0 ||
                      schema_set_fallback(s, &no, e) != 0)) {
        schema_free(s);
        return NULL;
    }
    return s;
}

static int fill_source(struct schema *s, struct err *e)
{
    for (size_t i = 0; i < SOURCE_MEMBERS; i++) {
        const struct member *m = &members[i];
        if (i == SOURCE_SNAPSHOT)
            TRY(schema_add(s, m->name, snapshot_schema(e), e));
        else
            TRY(schema_add_plain(s, m->name, m->type, m->optional, e));
    }
    return 0;
}

struct schema *envelope_source_schema(enum format_family family, struct err *e)
{
    struct schema *s = schema_new(SCHEMA_STRUCT, false,
                                  family == FAMILY_MARIADB ? "io.debezium.connector.mariadb.Source"
                                                           : "io.debezium.connector.mysql.Source",
                                  1, e);

    if (s == NULL || fill_source(s, e) == 0)
        return s;
    schema_free(s);
    return NULL;
}

struct schema *envelope_transaction_schema(struct err *e)
{
    struct schema *s = schema_new(SCHEMA_STRUCT, true, "event.block", 1, e);

    if (s == NULL || (schema_add_plain(s, "id", SCHEMA_STRING, false, e) == 0 &&
                      schema_add_plain(s, "total_order", SCHEMA_INT64, false, e) == 0 &&
                      schema_add_plain(s, "data_collection_order", SCHEMA_INT64, false, e) == 0))
        return s;
    schema_free(s);
    return NULL;
}

static int put_member(const struct encoding *n, const struct schema *schema, uint32_t index,
                      struct cell c, struct buf *out, struct err *e)
{
    n->kind->member(schema, index, out);
    return n->kind->put(n, schema->members[index].schema, &c, out, e);
}

int envelope_put_source_head(const struct encoding *n, const struct schema *schema,
                             const struct envelope_source *s, struct buf *out, struct err *e)
{
    const struct cell cells[SOURCE_ROW] = {
        [SOURCE_VERSION] = cell_string(s->family == FAMILY_MARIADB ? ENVELOPE_VERSION_MARIADB
                                                                   : ENVELOPE_VERSION_MYSQL),
        [SOURCE_CONNECTOR] = cell_string(envelope_connector(s->family)),
        [SOURCE_NAME] = cell_string(s->prefix),
        [SOURCE_TS_MS] = cell_integer(s->time_us / 1000),
        [SOURCE_SNAPSHOT] = cell_string(snapshot_words[s->snapshot]),
        [SOURCE_DB] = cell_string(s->database),
        [SOURCE_SEQUENCE] = cell_null(),
        [SOURCE_TS_US] = cell_integer(s->time_us),
        [SOURCE_TS_NS] = cell_integer(s->time_us * 1000),
        [SOURCE_TABLE] = cell_string(s->table),
        [SOURCE_SERVER_ID] = cell_integer(s->server_id),
        [SOURCE_GTID] = s->gtid[0] != 0 ? cell_string(s->gtid) : cell_null(),
        [SOURCE_FILE] = cell_string(s->file),
        [SOURCE_POS] = cell_integer((int64_t)s->position),
    };

    n->kind->open_struct(schema, out);
    for (uint32_t i = 0; i < SOURCE_ROW; i++)
        TRY(put_member(n, schema, i, cells[i], out, e));
    n->kind->member(schema, SOURCE_ROW, out);
    return 0;
}

int envelope_put_row(const struct encoding *n, const struct schema *schema, uint32_t row,
                     struct buf *out, struct err *e)
{
    struct cell c = cell_integer(row);
    return n->kind->put(n, schema->members[SOURCE_ROW].schema, &c, out, e);
}

int envelope_put_source_tail(const struct encoding *n, const struct schema *schema,
                             const struct envelope_source *s, struct buf *out, struct err *e)
{
    struct cell thread = s->has_thread ? cell_integer(s->thread_id) : cell_null();
    struct cell query = s->query.len > 0 ? cell_text(s->query) : cell_null();

    TRY(put_member(n, schema, SOURCE_THREAD, thread, out, e));
    TRY(put_member(n, schema, SOURCE_QUERY, query, out, e));
    n->kind->close_struct(schema, out);
    return 0;
}
