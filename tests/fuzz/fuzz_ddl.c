#include "publisher/tables/definitions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_change(void *arg, const struct schema_change *change, struct err *e)
{
    struct buf *out = arg;

    (void)e;
    assert(change->database != NULL && change->tables != NULL);
    buf_clear(out);
    if (change->table != NULL)
        definition_put_change("ALTER", change->database, change->table, change->definition, true,
                              out);
    if (change->definition != NULL) {
        struct definition *again = NULL;
        struct err         why = { 0 };
        buf_clear(out);
        definition_put_json(change->definition, out);
        assert(change->definition->key_count <= change->definition->column_count);
        if (definition_from_json(buf_slice(out), &again, &why) == 0)
            definition_free(again);
    }
    return 0;
}

/* A byte of flags, then statements parted by zero bytes, one after the other on the same tables. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct definitions_options o = { .strict = size > 0 && (data[0] & 16) != 0,
                                     .lower_names = size > 0 ? data[0] >> 5 & 1 : 0 };
    struct definitions        *ds = NULL;
    struct err                 e = { 0 };
    struct buf                 out;

    if (size == 0)
        return 0;
    buf_init(&out, 64 << 20);
    struct ddl_session session = {
        .family = (data[0] & 1) != 0 ? FAMILY_MARIADB : FAMILY_MYSQL,
        .version = 90704,
        .ansi_quotes = (data[0] & 2) != 0,
        .no_backslash_escapes = (data[0] & 4) != 0,
        .explicit_timestamp = (data[0] & 8) != 0,
        .server = charset_of_name("utf8mb4"),
    };
    assert(definitions_new(&o, &ds, &e) == 0);
    for (size_t at = 1, pos = 1; at < size; pos++) {
        const uint8_t *end = memchr(data + at, 0, size - at);
        size_t         n = end != NULL ? (size_t)(end - data) - at : size - at;
        struct ddl    *statement = NULL;
        bool           changed = false;
        assert(ddl_read(&session, (struct slice){ data + at, n }, &statement, &e) == 0);
        int result =
            definitions_apply(ds, statement, &session, "g", pos, on_change, &out, &changed, &e);
        assert(result == 0 || e.kind == E_LIMIT);
        ddl_free(statement);
        at += n + 1;
    }
    definitions_free(ds);
    buf_done(&out);
    return 0;
}
