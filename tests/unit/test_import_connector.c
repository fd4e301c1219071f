#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/import_connector.h"

struct made {
    struct buf out, notes;
    unsigned   lost;
    struct err e;
    int        result;
};

static void make(struct made *m, const char *json)
{
    m->lost = 0;
    m->e = (struct err){ 0 };
    buf_init(&m->out, 1 << 20);
    buf_init(&m->notes, 1 << 20);
    m->result = import_connector(slice_of_text(json), &m->out, &m->notes, &m->lost, &m->e);
}

static void done(struct made *m)
{
    buf_done(&m->out);
    buf_done(&m->notes);
}

#define CLASS "\"connector.class\":\"io.debezium.connector.mysql.MySqlConnector\","

static void options_carry_over_with_their_names(void **state)
{
    (void)state;
    struct made m;
    make(&m, "{\"name\":\"a b\",\"config\":{" CLASS "\"topic.prefix\":\"shop\","
             "\"heartbeat.interval.ms\":5000,\"tombstones.on.delete\":false,"
             "\"database.server.name\":\"old\",\"column.truncate.to.9.chars\":\"a.b.c\"}}");
    assert_int_equal(m.result, 0);
    assert_int_equal(m.lost, 0);
    assert_non_null(strstr(buf_text(&m.out), "[publisher a-b]\n"));
    assert_non_null(strstr(buf_text(&m.out), "\ntopic.prefix = shop\n"));
    assert_non_null(strstr(buf_text(&m.out), "\nheartbeat.interval.ms = 5000\n"));
    assert_non_null(strstr(buf_text(&m.out), "\ntombstones.on.delete = false\n"));
    assert_non_null(strstr(buf_text(&m.out), "\ntopic.prefix = old\n"));
    assert_non_null(strstr(buf_text(&m.out), "\ncolumn.truncate.to.9.chars = a.b.c\n"));
    done(&m);
}

static void what_can_not_be_done_is_said_by_its_name(void **state)
{
    (void)state;
    struct made m;
    make(&m, "{" CLASS "\"snapshot.mode\":\"initial\",\"transforms\":\"unwrap\",\"odd\":1,"
             "\"database.password\":\"secret\",\"tasks.max\":\"1\"}");
    assert_int_equal(m.result, 0);
    assert_int_equal(m.lost, 2);
    const char *notes = buf_text(&m.notes);
    assert_null(strstr(notes, "snapshot.mode"));
    assert_non_null(strstr(buf_text(&m.out), "\nsnapshot.mode = initial\n"));
    assert_non_null(strstr(notes, "transforms can't"));
    assert_non_null(strstr(notes, "odd can't"));
    assert_non_null(strstr(notes, "[source NAME]"));
    assert_null(strstr(notes, "secret"));
    assert_null(strstr(notes, "tasks.max"));
    done(&m);
}

static void a_mode_that_is_done_anyway_is_no_loss(void **state)
{
    (void)state;
    struct made m;
    make(&m, "{" CLASS "\"snapshot.mode\":\"no_data\","
             "\"value.converter\":\"org.apache.kafka.connect.json.JsonConverter\"}");
    assert_int_equal(m.result, 0);
    assert_int_equal(m.lost, 0);
    done(&m);
}

/* A line of the configuration file holds 198 bytes. */
static void long_lists_go_on_in_more_lines(void **state)
{
    (void)state;
    char        json[4096];
    char        list[2048] = "";
    size_t      n = 0;
    struct made m;
    for (int i = 0; i < 60; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%sshop\\\\.table_%02d", i > 0 ? "," : "",
                              i);
    (void)snprintf(json, sizeof json, "{" CLASS "\"table.include.list\":\"%s\"}", list);
    make(&m, json);
    assert_int_equal(m.result, 0);
    unsigned tables = 0;
    for (const char *at = buf_text(&m.out); *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strcspn(at, "\n") < 198);
        for (const char *t = at; t < at + strcspn(at, "\n"); t++)
            tables += strncmp(t, "shop\\.table_", 12) == 0;
    }
    assert_int_equal(tables, 60);
    done(&m);
}

static void what_is_no_connector_or_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "[]", "{",
        "{\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\"}",
        "{" CLASS "\"decimal.handling.mode\":\"often\"}"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct made m;
        make(&m, wrong[i]);
        assert_int_equal(m.result, -1);
        assert_true(m.e.text[0] != '\0');
        done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_carry_over_with_their_names),
        cmocka_unit_test(what_can_not_be_done_is_said_by_its_name),
        cmocka_unit_test(a_mode_that_is_done_anyway_is_no_loss),
        cmocka_unit_test(long_lists_go_on_in_more_lines),
        cmocka_unit_test(what_is_no_connector_or_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
