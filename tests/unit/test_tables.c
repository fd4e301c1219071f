#include "publisher/convert.h"
#include "tests/sim/fixture.h"
#include "tests/unit/binlog_file.h"

/* A MariaDB 10.2 tells no names: g.t is (a INT PRIMARY KEY, b VARCHAR(200) latin1). */
static const char *const silent = "tests/golden/binlog/mariadb-10.2-statements.binlog";
static const char *const making = "create table g.t";
static const char *const definition =
    "{\"database\":\"g\",\"table\":\"t\",\"columns\":["
    "{\"name\":\"a\",\"type\":3,\"unsigned\":false,\"nullable\":false,\"form\":\"plain\"},"
    "{\"name\":\"b\",\"type\":15,\"unsigned\":false,\"nullable\":true,\"form\":\"plain\","
    "\"charset\":\"latin1\"}],\"key\":[0]}";

struct source {
    const char   *json;
    enum err_kind refuses; /* E_OK: answers */
    unsigned      asked;
    unsigned      events;
    struct buf    first; /* value of the first change event */
};

static int on_fetch(void *arg, const char *database, const char *table, struct buf *json,
                    struct err *e)
{
    struct source *s = arg;

    assert_string_equal(database, "g");
    assert_string_equal(table, "t");
    s->asked++;
    if (s->refuses != E_OK)
        return err_set(e, s->refuses, "no");
    buf_put_text(json, s->json);
    return 0;
}

static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    struct source *s = arg;
    if (s->events++ == 0)
        buf_put(&s->first, ev->value);
    return buf_check(&s->first, "test", e);
}

/* The events of g.t from a place on through a new converter; the first error ends it. */
static int convert_from(uint64_t from, struct source *s, struct catalog *catalog, bool remember,
                        definition_fetch *fetch, struct err *e)
{
    struct options         options = { 0 };
    struct convert_options o = { .options = &options, .remember = remember };
    struct binlog_file     file = binlog_file_read(silent);
    struct store_file      relay_file = { .ordinal = 1, .name = "binlog.000001" };
    struct format          f = { .has_crc = true, .header_bytes = EVENT_HEADER_BYTES };
    struct convert        *c = NULL;
    struct event           ev;
    bool                   between = false;
    int                    result = 0;

    assert_int_equal(options_init(&options, e), 0);
    assert_int_equal(options_set(&options, "topic.prefix", "srv", e), 0);
    assert_int_equal(options_set(&options, "table.include.list", "g[.]t", e), 0);
    assert_int_equal(options_set(&options, "include.schema.changes", "false", e), 0);
    s->asked = s->events = 0;
    buf_clear(&s->first);
    assert_int_equal(convert_new(&o, catalog, fetch, s, on_change, s, &c, e), 0);
    while (result == 0) {
        uint64_t offset = (uint64_t)(file.at.at - file.bytes.ptr);
        if (!binlog_file_next(&file, f.has_crc, &ev))
            break;
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            assert_int_equal(format_parse(ev.whole, &f, e), 0);
        if (offset >= from)
            result = convert_event(c, &f, &relay_file, store_pos_at(1, offset), &ev, &between, e);
    }
    convert_free(c);
    options_done(&options);
    binlog_file_done(&file);
    return result;
}

/* Without the statement that makes the table. */
static int convert_all(struct source *s, struct catalog *catalog, bool remember,
                       definition_fetch *fetch, struct err *e)
{
    return convert_from(binlog_file_behind(silent, true, making), s, catalog, remember, fetch, e);
}

struct scene {
    struct fixture  f;
    struct catalog *catalog;
    struct source   source;
    struct err      e;
};

static int begin(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    fixture_begin(&s->f, NULL);
    s->catalog = store_catalog(s->f.store);
    s->source.json = definition;
    buf_init(&s->source.first, 1 << 20);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;
    fixture_done(&s->f);
    buf_done(&s->source.first);
    free(s);
    return 0;
}

static void a_table_that_the_stream_does_not_describe_is_asked_for(void **state)
{
    struct scene *s = *state;
    if (convert_all(&s->source, s->catalog, true, on_fetch, &s->e) != 0)
        fail_msg("%s", s->e.text);
    assert_true(s->source.asked >= 1);
    assert_true(s->source.events > 4);
    assert_non_null(strstr(buf_text(&s->source.first), "\"after\":{\"a\":1,\"b\":\"x\"}"));
}

static void a_table_that_the_stream_makes_needs_nobody_to_ask(void **state)
{
    struct scene *s = *state;
    if (convert_from(0, &s->source, s->catalog, true, NULL, &s->e) != 0)
        fail_msg("%s", s->e.text);
    assert_true(s->source.events > 4);
    assert_non_null(strstr(buf_text(&s->source.first), "\"after\":{\"a\":1,\"b\":\"x\"}"));
    /* And later, from a place behind its making, the catalog knows. */
    if (convert_all(&s->source, s->catalog, true, NULL, &s->e) != 0)
        fail_msg("%s", s->e.text);
    assert_non_null(strstr(buf_text(&s->source.first), "\"after\":{\"a\":1,\"b\":\"x\"}"));
}

static void what_was_asked_is_remembered_for_the_same_places(void **state)
{
    struct scene *s = *state;
    assert_int_equal(convert_all(&s->source, s->catalog, true, on_fetch, &s->e), 0);
    assert_int_equal(s->source.asked, 1);
    unsigned events = s->source.events;
    assert_int_equal(convert_all(&s->source, s->catalog, true, on_fetch, &s->e), 0);
    assert_int_equal(s->source.asked, 0);
    assert_int_equal(s->source.events, events);
}

static void without_leave_to_remember_the_catalog_is_only_read(void **state)
{
    struct scene *s = *state;
    assert_int_equal(convert_all(&s->source, s->catalog, false, on_fetch, &s->e), 0);
    assert_int_equal(convert_all(&s->source, s->catalog, true, on_fetch, &s->e), 0);
    assert_true(s->source.asked > 0); /* the first run left nothing behind */
    assert_int_equal(convert_all(&s->source, s->catalog, false, on_fetch, &s->e), 0);
    assert_int_equal(s->source.asked, 0);
}

static void a_table_that_changed_meanwhile_is_named(void **state)
{
    struct scene *s = *state;
    s->source.json =
        "{\"database\":\"g\",\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":3}],"
        "\"key\":[0]}";
    assert_int_equal(convert_all(&s->source, s->catalog, true, on_fetch, &s->e), -1);
    assert_int_equal(s->e.kind, E_CONFIG);
    assert_non_null(strstr(s->e.text, "g.t"));
    assert_non_null(strstr(s->e.text, "binlog.000001:"));
    assert_non_null(strstr(s->e.text, "it has 1 columns, the stream 2"));
}

static void nobody_to_ask_is_said(void **state)
{
    struct scene *s = *state;
    assert_int_equal(convert_all(&s->source, NULL, false, NULL, &s->e), -1);
    assert_non_null(strstr(s->e.text, "binlog_row_metadata=FULL"));
    s->source.refuses = E_PURGED;
    assert_int_equal(convert_all(&s->source, s->catalog, true, on_fetch, &s->e), -1);
    assert_int_equal(s->e.kind, E_PURGED);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_table_that_the_stream_does_not_describe_is_asked_for),
        PROMISE(a_table_that_the_stream_makes_needs_nobody_to_ask),
        PROMISE(what_was_asked_is_remembered_for_the_same_places),
        PROMISE(without_leave_to_remember_the_catalog_is_only_read),
        PROMISE(a_table_that_changed_meanwhile_is_named),
        PROMISE(nobody_to_ask_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
