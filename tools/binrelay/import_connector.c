/* binrelay import-connector */
#include "tools/binrelay/import_connector.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "publisher/foreign.h"
#include "publisher/options.h"
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"

enum { TEXT_BYTES_MAX = 16 << 20, LINE_BYTES_MAX = 190, READ_BYTES = 64 * 1024 };

struct import {
    struct options options; /* takes each value, to say what is wrong with it */
    struct buf    *out, *notes;
    unsigned       lost;
    const char    *name;
    struct err    *e;
    bool           failed;
};

/* ---- one property -------------------------------------------------------------------------- */

/* A line of the configuration has its bound: a long list goes on in more lines of the same key. */
static void put_list(struct buf *out, const char *name, const char *value)
{
    while (*value != '\0') {
        size_t length = 0, room = LINE_BYTES_MAX - strlen(name) - 3, end = 0;
        for (; value[length] != '\0'; length++) {
            bool is_comma = value[length] == ',' && (length == 0 || value[length - 1] != '\\');
            if (is_comma && (length <= room || end == 0))
                end = length;
            if (length > room && end != 0)
                break;
        }
        if ((length <= room || end == 0) && value[length] == '\0')
            end = length;
        buf_printf(out, "%s = %.*s\n", name, (int)end, value);
        value += end;
        value += *value == ',';
    }
}

static bool is_list(const char *name)
{
    for (size_t i = 0; i < option_key_count; i++)
        if (strcmp(option_keys[i].name, name) == 0)
            return option_keys[i].is_list;
    return false;
}

static void lose(struct import *m, const char *name, const char *why)
{
    buf_printf(m->notes, "%s can't be taken over: the publisher %s\n", name, why);
    m->lost++;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), t = strlen(tail);
    return n >= t && strcmp(text + n - t, tail) == 0;
}

static void take_foreign(struct import *m, const char *name, const char *value)
{
    const struct foreign *f = foreign_find(name);

    if (f == NULL)
        lose(m, name, "does not know it");
    else if (f->kind == FOREIGN_ELSEWHERE)
        buf_printf(m->notes, "%s belongs elsewhere: %s\n", name, f->note);
    else if ((f->kind == FOREIGN_REFUSED || f->kind == FOREIGN_ALTERING) &&
             !foreign_is_usual(name, value))
        lose(m, name, f->note);
}

/* Old names of what is called otherwise now. */
static const char *today(const char *name)
{
    static const char *const names[][2] = {
        { "database.server.name", "topic.prefix" },
        { "database.whitelist", "database.include.list" },
        { "database.blacklist", "database.exclude.list" },
        { "table.whitelist", "table.include.list" },
        { "table.blacklist", "table.exclude.list" },
        { "column.whitelist", "column.include.list" },
        { "column.blacklist", "column.exclude.list" },
        { "database.history.store.only.captured.tables.ddl",
          "schema.history.internal.store.only.captured.tables.ddl" },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

static void put_key(struct import *m, const char *name, const char *value)
{
    if (strpbrk(value, "\r\n") != NULL || strstr(value, " ;") != NULL)
        lose(m, name, "can't be given a value with a line's end or ' ;' in it");
    else if (is_list(name))
        put_list(m->out, name, value);
    else if (strlen(name) + strlen(value) + 3 > LINE_BYTES_MAX)
        lose(m, name, "can't be given so long a value");
    else
        buf_printf(m->out, "%s = %s\n", name, value);
}

static void take_property(void *arg, const char *given, struct json_object *value)
{
    struct import *m = arg;
    const char    *name = today(given);
    struct buf     text;

    buf_init(&text, TEXT_BYTES_MAX);
    answer_put_plain(value, &text);
    if (m->failed || strcmp(name, "name") == 0) {
        buf_done(&text);
        return;
    }
    const char *plain = buf_text(&text);
    struct err  why = { 0 };
    if (options_set(&m->options, name, plain, &why) == 0) {
        put_key(m, name, plain);
    } else if (why.kind == E_PURGED) {
        take_foreign(m, given, plain);
    } else {
        m->failed = true;
        (void)err_set(m->e, E_CONFIG, "%s", why.text);
    }
    buf_done(&text);
}

/* ---- a whole configuration ----------------------------------------------------------------- */

/* A section's name has letters, digits, '_', '-' and '.' only. */
static void put_section(const char *name, struct buf *out)
{
    enum { NAME_BYTES_MAX = 63 };

    buf_put_text(out, "[publisher ");
    const char *end = name + strnlen(name, NAME_BYTES_MAX);
    for (const char *p = name; p < end; p++)
        buf_put_u8(out, isalnum((unsigned char)*p) || strchr("_-.", *p) != NULL ? (uint8_t)*p
                                                                                : (uint8_t)'-');
    buf_put_text(out, "]\nsink = file\npath = /var/lib/binrelay/changes.jsonl\n");
}

/* What Kafka Connect does unless it is told otherwise: a worker's converters put schemas in. */
static void put_converters(const struct import *m, struct json_object *config)
{
    static const char *const sides[] = { "key", "value" };

    for (size_t i = 0; i < 2; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s.converter.schemas.enable", sides[i]);
        if (!answer_has(config, name))
            buf_printf(m->notes,
                       "%s is not said in it: the worker's own setting counts there (true by "
                       "default), here it is false\n",
                       name);
    }
}

int import_connector(struct slice json, struct buf *out, struct buf *notes, unsigned *lost,
                     struct err *e)
{
    struct import       m = { .out = out, .notes = notes, .e = e };
    struct json_object *root = NULL;

    if (answer_parse(json, &root, e) != 0)
        return err_note(e, "a connector's configuration");
    struct json_object *config = answer_has(root, "config") ? answer_member(root, "config") : root;
    const char         *name = answer_text(root, "name");
    const char *class = answer_text(config, "connector.class");
    int result = options_init(&m.options, e);
    if (result == 0 && !ends_with(class, "MySqlConnector") && !ends_with(class, "MariaDbConnector"))
        result = err_set(e, E_CONFIG,
                         "connector.class is '%s': this is no configuration of Debezium's MySQL or "
                         "MariaDB connector",
                         class);
    if (result == 0) {
        put_section(*name != '\0' ? name : "imported", out);
        answer_each(config, take_property, &m);
        put_converters(&m, config);
        result = m.failed ? -1 : 0;
    }
    options_done(&m.options);
    answer_free(root);
    TRY(result);
    *lost = m.lost;
    TRY(buf_check(notes, "notes", e));
    return buf_check(out, "a publisher section", e);
}

/* ---- the command --------------------------------------------------------------------------- */

static int read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");

    if (f == NULL)
        return err_sys(e, "open '%s'", path);
    for (;;) {
        uint8_t *into = buf_extend(out, READ_BYTES);
        if (into == NULL)
            break;
        size_t got = fread(into, 1, READ_BYTES, f);
        out->len -= READ_BYTES - got;
        if (got == 0)
            break;
    }
    int result = ferror(f) ? err_sys(e, "read '%s'", path) : 0;
    if (f != stdin)
        (void)fclose(f);
    return result != 0 ? -1 : buf_check(out, path, e);
}

/* They stay with the section where the output is kept. */
static void put_comments(struct buf *notes, unsigned lost)
{
    const char *at = buf_text(notes);

    if (lost > 0)
        (void)printf("# %u propert%s of the connector can't be taken over.\n", lost,
                     lost == 1 ? "y" : "ies");
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        (void)printf("# %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
}

enum command_exit import_connector_run(const struct call *c, struct err *e)
{
    struct buf        json, out, notes;
    unsigned          lost = 0;
    enum command_exit code = COMMAND_FAILED;

    buf_init(&json, TEXT_BYTES_MAX);
    buf_init(&out, TEXT_BYTES_MAX);
    buf_init(&notes, TEXT_BYTES_MAX);
    if (read_file(c->operands[0], &json, e) == 0 &&
        import_connector(buf_slice(&json), &out, &notes, &lost, e) == 0) {
        put_comments(&notes, lost);
        (void)fputs(buf_text(&out), stdout);
        (void)fputs(buf_text(&notes), stderr);
        code = COMMAND_OK;
    }
    buf_done(&json);
    buf_done(&out);
    buf_done(&notes);
    return code;
}
