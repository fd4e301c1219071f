/* binrelay events: the change events of plain binlog files. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "publisher/encode/avro.h"
#include "protocol/base/json.h"
#include "publisher/convert.h"
#include "publisher/foreign.h"
#include "tools/binrelay/binlog_file.h"
#include "tools/binrelay/change_line.h"
#include "tools/binrelay/command.h"

enum { OUT_BYTES = 256 * 1024, KEPT_BYTES = 4 << 20 };
#define OUT_BYTES_MAX (9ull << 30)

/* Avro schemas have numbers as a registry of its own would give them: from 1 on. */
struct numbered {
    char  *text;
    size_t len;
};

/* A topic and how many records went there. */
struct counted {
    char    *topic;
    size_t   len;
    uint64_t events;
};

struct events {
    bool             counts;
    struct counted  *counted;
    uint32_t         counted_count, last; /* where the one before was counted */
    struct options   options;
    struct convert  *convert;
    struct buf       out;
    struct numbered *schemas;
    uint32_t         schema_count;
};

static int number_schema(void *arg, struct slice topic, bool is_key, const struct schema *root,
                         uint32_t *id, struct err *e)
{
    struct events *t = arg;
    struct slice   text = avro_text(root);

    (void)topic;
    (void)is_key;
    for (uint32_t i = 0; i < t->schema_count; i++) {
        if (t->schemas[i].len == text.len && memcmp(t->schemas[i].text, text.ptr, text.len) == 0) {
            *id = i + 1;
            return 0;
        }
    }
    struct numbered *grown = realloc(t->schemas, (t->schema_count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_NOMEM, "no memory for schemas");
    t->schemas = grown;
    struct numbered one = { .text = malloc(text.len + 1), .len = text.len };
    if (one.text == NULL)
        return err_set(e, E_NOMEM, "no memory for schemas");
    memcpy(one.text, text.ptr, text.len);
    t->schemas[t->schema_count++] = one;
    *id = t->schema_count;
    return 0;
}

static int write_out(struct events *t, struct err *e)
{
    size_t at = 0;

    TRY(buf_check(&t->out, "change events", e));
    while (at < t->out.len) {
        ssize_t n = write(STDOUT_FILENO, t->out.ptr + at, t->out.len - at);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "can't write");
        at += n > 0 ? (size_t)n : 0;
    }
    if (t->out.size > KEPT_BYTES)
        buf_done(&t->out);
    buf_clear(&t->out);
    return 0;
}

static bool is_of(const struct counted *c, struct slice topic)
{
    return c->len == topic.len && memcmp(c->topic, topic.ptr, topic.len) == 0;
}

static int count_record(struct events *t, struct slice topic, struct err *e)
{
    if (t->last >= t->counted_count || !is_of(&t->counted[t->last], topic))
        for (t->last = 0; t->last < t->counted_count; t->last++)
            if (is_of(&t->counted[t->last], topic))
                break;
    if (t->last == t->counted_count) {
        struct counted *grown = realloc(t->counted, (t->counted_count + 1) * sizeof *grown);
        if (grown == NULL)
            return err_set(e, E_NOMEM, "no memory for the topics");
        t->counted = grown;
        struct counted one = { .topic = malloc(topic.len + 1), .len = topic.len };
        if (one.topic == NULL)
            return err_set(e, E_NOMEM, "no memory for the topics");
        memcpy(one.topic, topic.ptr, topic.len);
        t->counted[t->counted_count++] = one;
    }
    t->counted[t->last].events++;
    return 0;
}

/* One line a topic, in the order in which they came. */
static void put_counts(struct events *t)
{
    for (uint32_t i = 0; i < t->counted_count; i++) {
        const struct counted *c = &t->counted[i];
        struct json           j = json_into(&t->out);
        json_open_object(&j);
        json_name(&j, "topic");
        json_text_slice(&j, (struct slice){ (const uint8_t *)c->topic, c->len });
        json_name(&j, "events");
        json_uint(&j, c->events);
        json_close_object(&j);
        buf_put_u8(&t->out, '\n');
    }
}

static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    struct events *t = arg;

    if (t->counts)
        return count_record(t, ev->topic, e);
    change_line_put_record(&t->options, ev, &t->out);
    return t->out.len >= OUT_BYTES ? write_out(t, e) : 0;
}

static void on_warning(void *arg, const struct err *why)
{
    (void)arg;
    (void)fprintf(stderr, "binrelay events: %s\n", why->text);
}

/* NAME=VALUE. A connector's property that can't matter to what is in a file is said, and passed. */
static int take_setting(struct events *t, const char *setting, struct err *e)
{
    const char *equals = strchr(setting, '=');

    if (equals == NULL)
        return err_set(e, E_CONFIG, "--set '%s' is not of the form OPTION=VALUE", setting);
    char *name = strndup(setting, (size_t)(equals - setting));
    if (name == NULL)
        return err_set(e, E_NOMEM, "no memory for the options");
    int                   result = options_set(&t->options, name, equals + 1, e);
    const struct foreign *f = result != 0 && e->kind == E_PURGED ? foreign_find(name) : NULL;
    if (f != NULL && f->kind == FOREIGN_ALTERING && !foreign_is_usual(name, equals + 1)) {
        result = err_set(e, E_CONFIG, "%s can't be done: a publisher %s", name, f->note);
    } else if (f != NULL) {
        (void)fprintf(stderr, "binrelay events: %s has no meaning for a binlog file\n", name);
        *e = (struct err){ 0 };
        result = 0;
    } else if (result != 0 && e->kind == E_PURGED) {
        result =
            err_set(e, E_CONFIG, "there is no option '%s'; binrelay.conf(5) has them all", name);
    }
    free(name);
    return result;
}

static int take_settings(struct events *t, const struct call *c, struct err *e)
{
    TRY(options_init(&t->options, e));
    TRY(options_set(&t->options, "topic.prefix", CHANGE_LINE_PREFIX, e));
    for (size_t i = 0; i < c->given_count; i++)
        if (strcmp(c->given[i].name, "set") == 0)
            TRY(take_setting(t, c->given[i].value, e));
    if (call_option(c, "as") != NULL && c->operands[1] != NULL)
        return err_set(e, E_CONFIG, "--as gives one file its name: name one file");
    return options_check(&t->options, e);
}

static int convert_file(struct events *t, struct binlog_file *in, const struct store_file *file,
                        struct err *e)
{
    bool more = true, between = true;

    for (;;) {
        struct event ev;
        uint64_t     position = 0;
        TRY(binlog_file_next(in, &ev, &position, &more, e));
        if (!more && !between)
            return err_set(e, E_CORRUPT, "'%s' ends inside of a transaction", file->name);
        if (!more)
            return 0;
        TRY(convert_event(t->convert, binlog_file_format(in), file,
                          store_pos_at(file->ordinal, position), &ev, &between, e));
    }
}

static int read_file(struct events *t, const char *path, const char *name, uint32_t ordinal,
                     struct err *e)
{
    struct store_file   file = { .ordinal = ordinal };
    struct binlog_file *in = NULL;
    char               *copy = strdup(path);

    if (copy == NULL)
        return err_set(e, E_NOMEM, "no memory for a file's name");
    (void)snprintf(file.name, sizeof file.name, "%s", name != NULL ? name : basename(copy));
    free(copy);
    TRY(binlog_file_open(path, &in, e));
    int result = convert_file(t, in, &file, e);
    binlog_file_close(in);
    return result;
}

static int read_files(struct events *t, const struct call *c, struct err *e)
{
    struct convert_options options = { .options = &t->options,
                                       .counts_only = t->counts,
                                       .warn = on_warning,
                                       .registrar = { .find = number_schema, .arg = t } };
    int                    result = 0;

    TRY(convert_new(&options, NULL, NULL, NULL, on_change, t, &t->convert, e));
    for (size_t i = 0; result == 0 && c->operands[i] != NULL; i++)
        result = read_file(t, c->operands[i], call_option(c, "as"), (uint32_t)i + 1, e);
    struct err last = { 0 };
    put_counts(t);
    /* What came before an error is told, too; a reader that went away has what it wanted. */
    int written = write_out(t, result == 0 ? e : &last);
    if (written != 0 && (result == 0 ? e : &last)->sys == EPIPE)
        return 0;
    return result != 0 || written != 0 ? -1 : 0;
}

enum command_exit events_run(const struct call *c, struct err *e)
{
    struct events t = { .counts = call_option(c, "count") != NULL };

    buf_init(&t.out, OUT_BYTES_MAX);
    enum command_exit code = COMMAND_MISUSED;
    if (take_settings(&t, c, e) == 0)
        code = read_files(&t, c, e) == 0 ? COMMAND_OK : COMMAND_FAILED;
    convert_free(t.convert);
    options_done(&t.options);
    for (uint32_t i = 0; i < t.schema_count; i++)
        free(t.schemas[i].text);
    free(t.schemas);
    for (uint32_t i = 0; i < t.counted_count; i++)
        free(t.counted[i].topic);
    free(t.counted);
    buf_done(&t.out);
    return code;
}
