#include "publisher/message.h"
#include <stdio.h>
#include <stdlib.h>

enum { COLLECTION_MEMBERS = 2, FAMILIES = 2 };
#define COMMON "io.debezium.connector.common."
#define TABLES "io.debezium.connector.schema."

struct messages {
    const struct encoding *key_encoding, *encoding;
    struct schema         *txn_key, *txn_value;
    struct schema         *beat_key, *beat_value;
    struct schema         *change_key[FAMILIES], *change_value[FAMILIES];
};

/* ---- schemas ------------------------------------------------------------------------------- */

static struct schema *one_member(const char *name, const char *member, enum schema_type type,
                                 struct err *e)
{
    struct schema *s = schema_new(SCHEMA_STRUCT, false, name, 1, e);

    if (s == NULL || schema_add_plain(s, member, type, false, e) == 0)
        return s;
    schema_free(s);
    return NULL;
}

/* Takes the items' schema over; NULL is a failure already told. */
static struct schema *array_of(struct schema *items, bool optional, struct err *e)
{
    struct schema *s = items != NULL ? schema_new(SCHEMA_ARRAY, optional, NULL, 0, e) : NULL;

    if (s == NULL) {
        schema_free(items);
        return NULL;
    }
    if (schema_add(s, "", items, e) == 0)
        return s;
    schema_free(s);
    return NULL;
}

static struct schema *texts(bool optional, struct err *e)
{
    return array_of(schema_new(SCHEMA_STRING, false, NULL, 0, e), optional, e);
}

static struct schema *filled(struct schema *s, int (*fill)(struct schema *s, struct err *e),
                             struct err    *e)
{
    if (s == NULL || fill(s, e) == 0)
        return s;
    schema_free(s);
    return NULL;
}

static int fill_collection(struct schema *s, struct err *e)
{
    TRY(schema_add_plain(s, "data_collection", SCHEMA_STRING, false, e));
    return schema_add_plain(s, "event_count", SCHEMA_INT64, false, e);
}

static int fill_transaction(struct schema *s, struct err *e)
{
    TRY(schema_add_plain(s, "status", SCHEMA_STRING, false, e));
    TRY(schema_add_plain(s, "id", SCHEMA_STRING, false, e));
    TRY(schema_add_plain(s, "event_count", SCHEMA_INT64, true, e));
    struct schema *collection =
        filled(schema_new(SCHEMA_STRUCT, true, "event.collection", 1, e), fill_collection, e);
    TRY(schema_add(s, "data_collections", array_of(collection, true, e), e));
    return schema_add_plain(s, "ts_ms", SCHEMA_INT64, false, e);
}

static int fill_column(struct schema *s, struct err *e)
{
    static const struct {
        const char      *name;
        enum schema_type type;
        bool             optional;
    } members[] = {
        { "name", SCHEMA_STRING, false },
        { "jdbcType", SCHEMA_INT32, false },
        { "nativeType", SCHEMA_INT32, true },
        { "typeName", SCHEMA_STRING, false },
        { "typeExpression", SCHEMA_STRING, true },
        { "charsetName", SCHEMA_STRING, true },
        { "length", SCHEMA_INT32, true },
        { "scale", SCHEMA_INT32, true },
        { "position", SCHEMA_INT32, false },
        { "optional", SCHEMA_BOOLEAN, true },
        { "autoIncremented", SCHEMA_BOOLEAN, true },
        { "generated", SCHEMA_BOOLEAN, true },
        { "comment", SCHEMA_STRING, true },
        { "defaultValueExpression", SCHEMA_STRING, true },
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        TRY(schema_add_plain(s, members[i].name, members[i].type, members[i].optional, e));
    return schema_add(s, "enumValues", texts(true, e), e);
}

static int fill_table(struct schema *s, struct err *e)
{
    TRY(schema_add_plain(s, "defaultCharsetName", SCHEMA_STRING, true, e));
    TRY(schema_add(s, "primaryKeyColumnNames", texts(true, e), e));
    struct schema *column =
        filled(schema_new(SCHEMA_STRUCT, false, TABLES "Column", 1, e), fill_column, e);
    TRY(schema_add(s, "columns", array_of(column, false, e), e));
    return schema_add_plain(s, "comment", SCHEMA_STRING, true, e);
}

static int fill_change(struct schema *s, struct err *e)
{
    TRY(schema_add_plain(s, "type", SCHEMA_STRING, false, e));
    TRY(schema_add_plain(s, "id", SCHEMA_STRING, false, e));
    return schema_add(s, "table",
                      filled(schema_new(SCHEMA_STRUCT, true, TABLES "Table", 1, e), fill_table, e),
                      e);
}

static int fill_schema_change(struct schema *s, struct err *e)
{
    TRY(schema_add_plain(s, "ts_ms", SCHEMA_INT64, false, e));
    TRY(schema_add_plain(s, "databaseName", SCHEMA_STRING, true, e));
    TRY(schema_add_plain(s, "schemaName", SCHEMA_STRING, true, e));
    TRY(schema_add_plain(s, "ddl", SCHEMA_STRING, true, e));
    struct schema *change =
        filled(schema_new(SCHEMA_STRUCT, false, TABLES "Change", 1, e), fill_change, e);
    return schema_add(s, "tableChanges", array_of(change, false, e), e);
}

static int make_schema_change(struct messages *m, enum format_family family, struct schema *source,
                              struct err *e)
{
    char name[80];

    (void)snprintf(name, sizeof name, "io.debezium.connector.%s.SchemaChangeKey",
                   envelope_connector(family));
    m->change_key[family] = one_member(name, "databaseName", SCHEMA_STRING, e);
    (void)snprintf(name, sizeof name, "io.debezium.connector.%s.SchemaChangeValue",
                   envelope_connector(family));
    m->change_value[family] = schema_new(SCHEMA_STRUCT, false, name, 1, e);
    if (m->change_key[family] == NULL || m->change_value[family] == NULL)
        return -1;
    TRY(schema_borrow(m->change_value[family], "source", source, e));
    TRY(fill_schema_change(m->change_value[family], e));
    TRY(m->key_encoding->kind->prepare(m->key_encoding, m->change_key[family], e));
    return m->encoding->kind->prepare(m->encoding, m->change_value[family], e);
}

static int make(struct messages *m, struct schema *const source[2], struct err *e)
{
    m->txn_key = one_member(COMMON "TransactionMetadataKey", "id", SCHEMA_STRING, e);
    m->txn_value = filled(schema_new(SCHEMA_STRUCT, false, COMMON "TransactionMetadataValue", 1, e),
                          fill_transaction, e);
    m->beat_key = one_member(COMMON "ServerNameKey", "serverName", SCHEMA_STRING, e);
    m->beat_value = one_member(COMMON "Heartbeat", "ts_ms", SCHEMA_INT64, e);
    enum { MADE = 4 };
    struct schema *const made[MADE] = { m->txn_key, m->txn_value, m->beat_key, m->beat_value };
    for (size_t i = 0; i < MADE; i++) {
        if (made[i] == NULL)
            return -1;
        const struct encoding *n = i % 2 == 0 ? m->key_encoding : m->encoding;
        TRY(n->kind->prepare(n, made[i], e));
    }
    TRY(make_schema_change(m, FAMILY_MYSQL, source[FAMILY_MYSQL], e));
    return make_schema_change(m, FAMILY_MARIADB, source[FAMILY_MARIADB], e);
}

int messages_new(const struct encoding *of_keys, const struct encoding *of_values,
                 struct schema *const source[2], struct messages **out, struct err *e)
{
    struct messages *m = calloc(1, sizeof *m);

    if (m == NULL)
        return err_set(e, E_NOMEM, "no memory for schemas");
    m->key_encoding = of_keys;
    m->encoding = of_values;
    if (make(m, source, e) != 0) {
        messages_free(m);
        return -1;
    }
    *out = m;
    return 0;
}

void messages_free(struct messages *m)
{
    if (m == NULL)
        return;
    schema_free(m->txn_key);
    schema_free(m->txn_value);
    schema_free(m->beat_key);
    schema_free(m->beat_value);
    for (int i = 0; i < FAMILIES; i++) {
        schema_free(m->change_key[i]);
        schema_free(m->change_value[i]);
    }
    free(m);
}

/* ---- records ------------------------------------------------------------------------------- */

static int put_one(const struct messages *m, const struct schema *s, bool is_key, struct cell cell,
                   struct buf *out, struct err *e)
{
    struct cell list = cell_list(&cell, 1);
    return encoding_put(is_key ? m->key_encoding : m->encoding, s, is_key, &list, out, e);
}

void messages_schemas(const struct messages *m, enum message_kind kind, enum format_family family,
                      struct schema **key, struct schema **value)
{
    *key = kind == MESSAGE_TRANSACTION ? m->txn_key
           : kind == MESSAGE_HEARTBEAT ? m->beat_key
                                       : m->change_key[family];
    *value = kind == MESSAGE_TRANSACTION ? m->txn_value
             : kind == MESSAGE_HEARTBEAT ? m->beat_value
                                         : m->change_value[family];
}

static int put_end(const struct messages *m, const struct message_transaction *t,
                   struct cell cells[5], struct buf *value, struct err *e)
{
    uint32_t     count = t->collection_count;
    struct cell *items = calloc(count + 1, sizeof *items);
    struct cell(*pairs)[COLLECTION_MEMBERS] = calloc(count + 1, sizeof *pairs);
    int result = -1;

    if (items == NULL || pairs == NULL) {
        (void)err_set(e, E_NOMEM, "no memory for a transaction's tables");
    } else {
        for (uint32_t i = 0; i < count; i++) {
            pairs[i][0] = cell_string(t->collections[i].name);
            pairs[i][1] = cell_integer((int64_t)t->collections[i].events);
            items[i] = cell_list(pairs[i], COLLECTION_MEMBERS);
        }
        cells[2] = cell_integer((int64_t)t->events);
        cells[3] = cell_list(items, count);
        struct cell list = cell_list(cells, 5);
        result = encoding_put(m->encoding, m->txn_value, false, &list, value, e);
    }
    free(items);
    free(pairs);
    return result;
}

int messages_put_transaction(const struct messages *m, const struct message_transaction *t,
                             struct buf *key, struct buf *value, struct err *e)
{
    struct cell cells[5] = { cell_string(t->is_end ? "END" : "BEGIN"), cell_string(t->id),
                             cell_null(), cell_null(), cell_integer(t->time_ms) };

    TRY(put_one(m, m->txn_key, true, cell_string(t->id), key, e));
    if (t->is_end)
        return put_end(m, t, cells, value, e);
    struct cell list = cell_list(cells, 5);
    return encoding_put(m->encoding, m->txn_value, false, &list, value, e);
}

int messages_put_heartbeat(const struct messages *m, const char *prefix, int64_t time_ms,
                           struct buf *key, struct buf *value, struct err *e)
{
    TRY(put_one(m, m->beat_key, true, cell_string(prefix), key, e));
    return put_one(m, m->beat_value, false, cell_integer(time_ms), value, e);
}

int messages_put_schema_change(const struct messages *m, const struct message_schema_change *c,
                               struct buf *key, struct buf *value, struct err *e)
{
    struct cell cells[] = {
        { .kind = CELL_ENCODED, .bytes = c->source },
        cell_integer(c->time_ms),
        cell_string(c->database),
        cell_null(),
        cell_text(c->ddl),
        { .kind = CELL_JSON, .bytes = c->changes },
    };
    struct cell list = cell_list(cells, sizeof cells / sizeof *cells);

    TRY(put_one(m, m->change_key[c->family], true, cell_string(c->database), key, e));
    return encoding_put(m->encoding, m->change_value[c->family], false, &list, value, e);
}
