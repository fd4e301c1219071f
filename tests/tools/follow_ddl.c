/*
 * follow_ddl FILE...: what the DDL in binlog files makes of the tables, for tests that compare it
 * with what the server itself says. A line of JSON for each table that a statement names: `file`
 * and `end` (of the event), `database`, `table`, `definition` (null: not known, or no such table).
 */
#include "protocol/format.h"
#include "protocol/base/json.h"
#include "publisher/tables/definitions.h"
#include <stdio.h>
#include <stdlib.h>

struct following {
    struct definitions *ds;
    struct format       format;
    const char         *file;
    store_pos           pos;
    uint64_t            end;
    struct buf          line;
};

static int print_table(struct following *f, const char *database, const char *table, struct err *e)
{
    const struct definition *d = NULL;
    struct json              j = json_into(&f->line);
    int                      found = definitions_find(f->ds, database, table, f->pos + 1, &d, e);

    if (found < 0)
        return -1;
    buf_clear(&f->line);
    json_open_object(&j);
    json_name(&j, "file");
    json_text(&j, f->file);
    json_name(&j, "end");
    json_uint(&j, f->end);
    json_name(&j, "database");
    json_text(&j, database);
    json_name(&j, "table");
    json_text(&j, table);
    json_name(&j, "definition");
    if (found == 1) {
        struct buf text;
        buf_init(&text, 64 << 20);
        definition_put_json(d, &text);
        json_raw(&j, buf_slice(&text));
        buf_done(&text);
    } else {
        json_null(&j);
    }
    json_close_object(&j);
    TRY(buf_check(&f->line, "a definition", e));
    return puts(buf_text(&f->line)) >= 0 ? 0 : err_sys(e, "standard output");
}

static int print_tables(struct following *f, const struct ddl *s, const char *current,
                        struct err *e)
{
    for (uint32_t i = 0; i < s->table_count; i++)
        TRY(print_table(f, s->tables[i].database[0] != 0 ? s->tables[i].database : current,
                        s->tables[i].name, e));
    for (uint32_t i = 0; i < s->action_count; i++) {
        const struct ddl_name *to = &s->actions[i].table;
        if (s->actions[i].kind == DDL_RENAME_TO)
            TRY(print_table(f, to->database[0] != 0 ? to->database : current, to->name, e));
    }
    return 0;
}

static int on_query(struct following *f, const struct event *ev, struct err *e)
{
    struct event_query q;
    struct ddl_session session;
    struct ddl        *statement = NULL;
    char               current[DEFINITION_NAME_BYTES];
    bool               changed = false;

    TRY(event_parse_query(ev, &q, e));
    (void)snprintf(current, sizeof current, "%.*s", (int)q.database.len,
                   (const char *)q.database.ptr);
    ddl_session_of(&f->format, q.status_vars, &session);
    session.failed = q.error != 0;
    TRY(ddl_read(&session, q.text, &statement, e));
    int result =
        definitions_apply(f->ds, statement, &session, current, f->pos, NULL, NULL, &changed, e);
    if (result == 0)
        result = print_tables(f, statement, current, e);
    ddl_free(statement);
    return result;
}

static int follow_events(struct following *f, struct slice bytes, uint32_t ordinal, struct err *e)
{
    struct cursor c = cursor_over(bytes);

    cursor_skip(&c, BINLOG_MAGIC_BYTES);
    while (c.left > 0) {
        struct event head;
        struct event ev;
        uint64_t     offset = (uint64_t)(c.at - bytes.ptr);
        TRY(event_parse_head((struct slice){ c.at, c.left }, f->format.has_crc, &head, e));
        TRY(event_parse(cursor_slice(&c, head.length), f->format.has_crc, &ev, e));
        f->pos = store_pos_at(ordinal, offset);
        f->end = offset + ev.length;
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            TRY(format_parse(ev.whole, &f->format, e));
        else if (ev.type == EVENT_QUERY)
            TRY(on_query(f, &ev, e));
    }
    return 0;
}

static int read_whole(const char *path, struct buf *out, struct err *e)
{
    enum { BLOCK_BYTES = 1 << 20 };
    FILE  *in = fopen(path, "rb");
    size_t got = 1;

    if (in == NULL)
        return err_sys(e, "%s", path);
    while (got > 0) {
        uint8_t *to = buf_extend(out, BLOCK_BYTES);
        got = to != NULL ? fread(to, 1, BLOCK_BYTES, in) : 0;
        out->len -= to != NULL ? BLOCK_BYTES - got : 0;
    }
    (void)fclose(in);
    return buf_check(out, path, e);
}

static int follow_file(struct following *f, const char *path, uint32_t ordinal, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct buf  bytes;

    buf_init(&bytes, 1 << 30);
    f->file = slash != NULL ? slash + 1 : path;
    int result = read_whole(path, &bytes, e);
    if (result == 0)
        result = follow_events(f, buf_slice(&bytes), ordinal, e);
    buf_done(&bytes);
    return result;
}

int main(int argc, char **argv)
{
    struct definitions_options o = { 0 };
    struct following f = { .format = { .has_crc = true, .header_bytes = EVENT_HEADER_BYTES } };
    struct err       e = { 0 };

    buf_init(&f.line, 128 << 20);
    int result = definitions_new(&o, &f.ds, &e);
    for (int i = 1; i < argc && result == 0; i++)
        result = follow_file(&f, argv[i], (uint32_t)i, &e);
    definitions_free(f.ds);
    buf_done(&f.line);
    if (result != 0)
        (void)fprintf(stderr, "follow_ddl: %s\n", e.text);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
