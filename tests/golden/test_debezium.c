/*
 * What the converter makes of a binlog file is what a real Debezium connector wrote while it read
 * the same binlog: topic, key and value byte for byte, apart from the connector's clock.
 *
 * tests/golden/debezium/CASE.binlog is a file of a real server (MySQL 9.7.4, MariaDB 10.11.19),
 * CASE.json the recorded output (connectors 3.6.1.Final and 3.5.0.Final, schemas.enable=false), one
 * event a line behind a line about the run. What is not compared stands in the tables below, with
 * the reason.
 */
#include "protocol/base/buf.h"
#include "publisher/convert.h"
#include "tests/unit/binlog_file.h"

enum { TEXT_MAX = 64 << 20, LINES_MAX = 1000 };

/* Recorded topics that are left out. */
static const struct left_out {
    const char *in_case, *topic, *why;
} left_out[] = {
    { "", "srv", "schema changes are not published yet" },
    { "mysql-07_transaction", "srv.transaction", "transaction metadata is not published yet" },
};

/* Tables of a binlog that the recording left out. */
static const char *const stop_mark_topic = "srv.g.zz_end";

/* Recorded texts that are taken for others. `to` NULL: the object behind it is taken for null. */
static const struct taken_for {
    const char *in_case, *from, *to, *why;
} taken_for[] = {
    { "mysql-01_numeric", "\"id\":4,\"c_bool\":true", "\"id\":4,\"c_bool\":2",
      "BOOLEAN is not written as one yet, here of 2" },
    { "mysql-01_numeric", "\"c_bool\":true", "\"c_bool\":1", "BOOLEAN is not written as one yet" },
    { "mysql-01_numeric", "\"c_bool\":false", "\"c_bool\":0", "the same" },
    { "mysql-07_transaction", "\"transaction\":{", NULL,
      "transaction metadata is not published yet" },
    { "mysql-04_json_geometry_vector", "3.0000001E10", "3.0E10",
      "Java before 19 does not always find the shortest text of a float" },
    { "mariadb-01_types", "\"c_bool\":true", "\"c_bool\":1", "BOOLEAN, as above" },
};

/* ---- JSON texts ---- */

/* The length of the JSON value at p. */
static size_t json_length(const char *p)
{
    size_t depth = 0;
    size_t i = 0;

    for (bool in_text = false;; i++) {
        assert_int_not_equal(p[i], 0);
        if (in_text) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_text = false;
        } else if (p[i] == '"') {
            in_text = true;
        } else if (p[i] == '{' || p[i] == '[') {
            depth++;
        } else if (depth > 0 && (p[i] == '}' || p[i] == ']')) {
            if (--depth == 0)
                return i + 1;
        } else if (depth == 0 && (p[i] == ',' || p[i] == '}' || p[i] == ']')) {
            return i;
        }
    }
}

static struct slice member(const char *object, const char *name)
{
    const char *p = object + 1;
    while (*p == '"') {
        size_t      name_length = json_length(p); /* up to the comma: the whole member */
        const char *value = p + strlen(name) + 3;
        if (strncmp(p + 1, name, strlen(name)) == 0 && p[strlen(name) + 1] == '"')
            return (struct slice){ (const uint8_t *)value, json_length(value) };
        p += name_length + 1;
    }
    fail_msg("no member %s in %.200s", name, object);
    return slice_empty();
}

/* Up to the envelope's own clocks. */
static size_t without_clocks(struct slice value)
{
    static const char mark[] = ",\"ts_ms\":";
    size_t            end = value.len;
    for (size_t i = 0; i + sizeof mark - 1 <= value.len; i++)
        if (memcmp(value.ptr + i, mark, sizeof mark - 1) == 0)
            end = i;
    return end;
}

static void put_line(struct buf *out, struct slice topic, struct slice key, struct slice value)
{
    buf_put(out, topic);
    buf_put_u8(out, ' ');
    buf_put(out, key);
    buf_put_u8(out, ' ');
    buf_put(out, (struct slice){ value.ptr, without_clocks(value) });
    buf_put_u8(out, '\n');
}

/* ---- what was recorded ---- */

static void put_taken(struct buf *out, const char *in_case, const char *line)
{
    while (*line != 0) {
        const struct taken_for *found = NULL;
        for (size_t i = 0; i < sizeof taken_for / sizeof *taken_for; i++)
            if (strcmp(taken_for[i].in_case, in_case) == 0 &&
                strncmp(line, taken_for[i].from, strlen(taken_for[i].from)) == 0)
                found = &taken_for[i];
        if (found == NULL) {
            buf_put_u8(out, (uint8_t)*line++);
        } else if (found->to != NULL) {
            buf_put_text(out, found->to);
            line += strlen(found->from);
        } else {
            size_t name = strlen(found->from) - 1;
            buf_put(out, (struct slice){ (const uint8_t *)line, name });
            buf_put_text(out, "null");
            line += name + json_length(line + name);
        }
    }
}

static bool is_left_out(const char *in_case, struct slice topic)
{
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if ((left_out[i].in_case[0] == 0 || strcmp(left_out[i].in_case, in_case) == 0) &&
            slice_equal(topic, slice_of_text(left_out[i].topic)))
            return true;
    return false;
}

static struct slice unquoted(struct slice text)
{
    assert_true(text.len >= 2);
    return (struct slice){ text.ptr + 1, text.len - 2 };
}

/* Fills the name of the binlog file too, which stands in the first line. */
static void read_recorded(const char *in_case, struct buf *out, char *binlog, size_t binlog_bytes)
{
    static char line[1 << 20];
    char        path[256];
    struct buf  taken;

    (void)snprintf(path, sizeof path, "tests/golden/debezium/%s.json", in_case);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s can't be opened", path);
    buf_init(&taken, TEXT_MAX);
    while (fgets(line, sizeof line, f) != NULL) {
        const char *name = strstr(line, "\"binlog_file\": \"");
        if (binlog[0] == 0 && name != NULL)
            (void)snprintf(binlog, binlog_bytes, "%.*s",
                           (int)strcspn(name + strlen("\"binlog_file\": \""), "\""),
                           name + strlen("\"binlog_file\": \""));
        if (strncmp(line, "{\"topic\":", 9) != 0)
            continue;
        buf_clear(&taken);
        put_taken(&taken, in_case, line);
        const char  *text = buf_text(&taken);
        struct slice topic = unquoted(member(text, "topic"));
        if (!is_left_out(in_case, topic))
            put_line(out, topic, member(text, "key"), member(text, "value"));
    }
    buf_done(&taken);
    assert_int_equal(fclose(f), 0);
}

/* ---- what is made ---- */

static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    static const struct slice null = { (const uint8_t *)"null", 4 };

    if (!slice_equal(ev->topic, slice_of_text(stop_mark_topic)))
        put_line(arg, ev->topic, ev->key.len > 0 ? ev->key : null,
                 ev->value.len > 0 ? ev->value : null);
    return buf_check(arg, "test output", e);
}

static void convert_file(const char *in_case, const char *binlog, struct buf *out)
{
    static const struct convert_options options = { .topic_prefix = "srv",
                                                    .database_include = "g,g2",
                                                    .tombstones = true };
    char                                path[256];
    struct store_file                   relay_file = { .ordinal = 1 };
    struct format                       format = { .has_crc = true, .header_bytes = 19 };
    struct convert                     *c = NULL;
    struct err                          e = { 0 };
    struct event                        ev;
    bool                                between = false;

    (void)snprintf(path, sizeof path, "tests/golden/debezium/%s.binlog", in_case);
    (void)snprintf(relay_file.name, sizeof relay_file.name, "%s", binlog);
    struct binlog_file file = binlog_file_read(path);
    if (convert_new(&options, NULL, NULL, NULL, on_change, out, &c, &e) != 0)
        fail_msg("%s", e.text);
    for (;;) {
        store_pos pos = store_pos_at(1, (uint64_t)(file.at.at - file.bytes.ptr));
        if (!binlog_file_next(&file, format.has_crc, &ev))
            break;
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            assert_int_equal(format_parse(ev.whole, &format, &e), 0);
        if (convert_event(c, &format, &relay_file, pos, &ev, &between, &e) != 0)
            fail_msg("%s", e.text);
    }
    assert_true(between);
    convert_free(c);
    binlog_file_done(&file);
}

static void same_lines(struct buf *recorded, struct buf *made)
{
    const char *a = buf_text(recorded);
    const char *b = buf_text(made);
    unsigned    line = 1;

    assert_true(recorded->len > 0);
    while (*a != 0 || *b != 0) {
        size_t na = strcspn(a, "\n");
        size_t nb = strcspn(b, "\n");
        if (na != nb || memcmp(a, b, na) != 0) {
            size_t same = 0;
            while (same < na && same < nb && a[same] == b[same])
                same++;
            fail_msg("event %u differs at %zu\nrecorded ... %.*s\nmade     ... %.*s\nrecorded: "
                     "%.*s\nmade: %.*s",
                     line, same, (int)(na - same < 80 ? na - same : 80), a + same,
                     (int)(nb - same < 80 ? nb - same : 80), b + same, (int)na, a, (int)nb, b);
        }
        a += na + (a[na] != 0);
        b += nb + (b[nb] != 0);
        line++;
    }
}

static void compare(const char *in_case)
{
    char       binlog[256] = "";
    struct buf recorded;
    struct buf made;

    buf_init(&recorded, TEXT_MAX);
    buf_init(&made, TEXT_MAX);
    read_recorded(in_case, &recorded, binlog, sizeof binlog);
    convert_file(in_case, binlog, &made);
    same_lines(&recorded, &made);
    buf_done(&recorded);
    buf_done(&made);
}

/* clang-format off */
#define CASE(function, name) static void function(void **state) { (void)state; compare(name); }
CASE(mysql_numbers_come_as_debezium_writes_them, "mysql-01_numeric")
CASE(mysql_times_come_as_debezium_writes_them, "mysql-02_temporal")
CASE(mysql_texts_and_binaries_come_as_debezium_writes_them, "mysql-03_string_binary")
CASE(mysql_documents_and_geometries_come_as_debezium_writes_them, "mysql-04_json_geometry_vector")
CASE(mysql_changes_and_tombstones_come_in_debeziums_order, "mysql-05_dml_pk")
CASE(mysql_transactions_of_several_tables_keep_their_order, "mysql-07_transaction")
CASE(mysql_keys_are_the_ones_debezium_chooses, "mysql-13_keys")
CASE(mariadb_types_come_as_debezium_writes_them, "mariadb-01_types")
CASE(mariadb_changes_and_transactions_come_as_debezium_writes_them, "mariadb-02_dml_txn")
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mysql_numbers_come_as_debezium_writes_them),
        cmocka_unit_test(mysql_times_come_as_debezium_writes_them),
        cmocka_unit_test(mysql_texts_and_binaries_come_as_debezium_writes_them),
        cmocka_unit_test(mysql_documents_and_geometries_come_as_debezium_writes_them),
        cmocka_unit_test(mysql_changes_and_tombstones_come_in_debeziums_order),
        cmocka_unit_test(mysql_transactions_of_several_tables_keep_their_order),
        cmocka_unit_test(mysql_keys_are_the_ones_debezium_chooses),
        cmocka_unit_test(mariadb_types_come_as_debezium_writes_them),
        cmocka_unit_test(mariadb_changes_and_transactions_come_as_debezium_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
