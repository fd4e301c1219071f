#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/load_data.h"

static struct event event_of(uint8_t type, const struct buf *body)
{
    return (struct event){ .type = type, .body = buf_slice(body) };
}

static void block(struct load_data *l, uint8_t type, uint32_t number, const char *rows)
{
    struct buf body;
    struct err e = { 0 };

    buf_init(&body, 1024);
    buf_put_le(&body, number, 4);
    buf_put_text(&body, rows);
    struct event ev = event_of(type, &body);
    assert_int_equal(load_data_take(l, &ev, &e), 0);
    buf_done(&body);
}

/* "LOAD DATA" INFILE '/x' INTO " TABLE t": what is between 9 and 26 is the server's own file. */
static void put_statement(struct buf *body, uint32_t number, uint32_t from, uint32_t to,
                          uint8_t duplicates)
{
    buf_put_le(body, 1, 4);
    buf_put_le(body, 0, 4);
    buf_put_u8(body, 2);
    buf_put_le(body, 0, 2);
    buf_put_le(body, 0, 2);
    buf_put_le(body, number, 4);
    buf_put_le(body, from, 4);
    buf_put_le(body, to, 4);
    buf_put_u8(body, duplicates);
    buf_put(body, (struct slice){ (const uint8_t *)"db", 3 });
    buf_put_text(body, "LOAD DATA INFILE '/x' INTO TABLE t");
}

static int statement(struct load_data *l, uint32_t number, uint32_t to, uint8_t duplicates,
                     struct buf *text, struct slice *rows, struct err *e)
{
    struct buf         body;
    struct event_query q;

    buf_init(&body, 1024);
    put_statement(&body, number, 9, to, duplicates);
    struct event ev = event_of(EVENT_EXECUTE_LOAD_QUERY, &body);
    int          result = load_data_statement(l, &ev, &q, text, rows, e);
    buf_done(&body);
    return result;
}

static void blocks_of_several_files_become_statements_of_a_local_file(void **state)
{
    (void)state;
    struct load_data l;
    struct buf       text;
    struct slice     rows;
    struct err       e = { 0 };

    load_data_init(&l);
    buf_init(&text, 1024);
    block(&l, EVENT_BEGIN_LOAD_QUERY, 7, "1,1\n");
    block(&l, EVENT_BEGIN_LOAD_QUERY, 8, "9,9\n");
    block(&l, EVENT_APPEND_BLOCK, 7, "2,2\n");
    assert_int_equal(statement(&l, 7, 26, 2, &text, &rows, &e), 0);
    assert_string_equal(buf_text(&text), "LOAD DATA LOCAL INFILE 'binlog' REPLACE INTO TABLE t");
    assert_true(slice_equal(rows, slice_of_text("1,1\n2,2\n")));
    load_data_forget(&l);
    buf_clear(&text);
    assert_int_equal(statement(&l, 7, 26, 0, &text, &rows, &e), -1); /* it is gone */
    buf_clear(&text);
    assert_int_equal(statement(&l, 8, 26, 0, &text, &rows, &e), 0);
    assert_string_equal(buf_text(&text), "LOAD DATA LOCAL INFILE 'binlog' INTO TABLE t");
    buf_done(&text);
    load_data_done(&l);
}

static void a_place_outside_of_the_text_is_refused(void **state)
{
    (void)state;
    struct load_data l;
    struct buf       text;
    struct slice     rows;
    struct err       e = { 0 };

    load_data_init(&l);
    buf_init(&text, 1024);
    block(&l, EVENT_BEGIN_LOAD_QUERY, 7, "1,1\n");
    assert_int_equal(statement(&l, 7, 5, 0, &text, &rows, &e), -1);
    assert_int_equal(statement(&l, 7, 1000, 0, &text, &rows, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    buf_done(&text);
    load_data_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_several_files_become_statements_of_a_local_file),
        cmocka_unit_test(a_place_outside_of_the_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
