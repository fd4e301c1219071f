#include "tests/unit/binlog_file.h"
#include <string.h>
#include "protocol/txn.h"

static const struct format of_mysql = { .family = FAMILY_MYSQL };
static const struct format of_mariadb = { .family = FAMILY_MARIADB };

/* One event of a stream that a test writes down. */
struct step {
    uint8_t        type;
    const char    *text;  /* of a QUERY */
    uint8_t        flags; /* of a MariaDB GTID */
    enum txn_place place; /* what txn_feed() has to say */
};

enum { STEP_BYTES = 512 };

/* Into bytes[STEP_BYTES]; as a pointer, for GCC 11 miscounts what an array parameter is given. */
static struct event event_of(const struct step *s, uint8_t *bytes)
{
    struct buf   b;
    struct event ev;
    struct err   e = { 0 };

    buf_init(&b, STEP_BYTES);
    buf_put_le(&b, 1000 + s->type, 4);
    buf_put_u8(&b, s->type);
    for (size_t i = 0; i < 14; i++)
        buf_put_u8(&b, 0);
    switch (s->type) {
    case EVENT_QUERY:
        for (size_t i = 0; i < 14; i++)
            buf_put_u8(&b, 0);
        buf_put_text(&b, s->text);
        break;
    case EVENT_MARIADB_GTID:
        buf_put_le(&b, 5, 8);
        buf_put_le(&b, 0, 4);
        buf_put_u8(&b, s->flags);
        for (size_t i = 0; i < 12; i++)
            buf_put_u8(&b, 0);
        break;
    default:
        for (size_t i = 0; i < 60; i++)
            buf_put_u8(&b, 1);
    }
    assert_int_equal(buf_check(&b, "step", &e), 0);
    b.ptr[9] = (uint8_t)b.len;
    memcpy(bytes, b.ptr, b.len);
    if (event_parse((struct slice){ bytes, b.len }, false, &ev, &e) != 0)
        fail_msg("%s", e.text);
    buf_done(&b);
    return ev;
}

static struct txn follow(const struct format *f, const struct step *steps, size_t count)
{
    struct txn t;
    txn_reset(&t);
    for (size_t i = 0; i < count; i++) {
        uint8_t        bytes[STEP_BYTES];
        struct event   ev = event_of(&steps[i], bytes);
        enum txn_place place;
        struct err     e = { 0 };
        if (txn_feed(&t, f, &ev, &place, &e) != 0)
            fail_msg("step %zu (%s): %s", i, event_name(steps[i].type), e.text);
        if (place != steps[i].place)
            fail_msg("step %zu (%s): place %d, not %d", i, event_name(steps[i].type), (int)place,
                     (int)steps[i].place);
        assert_int_equal(t.open, place == TXN_OPENED || place == TXN_INSIDE);
    }
    return t;
}
#define FOLLOW(format, ...)                                                                        \
    follow(format, (const struct step[]){ __VA_ARGS__ },                                           \
           sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step))

#define QUERY(words, where)                                                                        \
    {                                                                                              \
        .type = EVENT_QUERY, .text = (words), .place = (where)                                     \
    }
#define EVENT(what, where)                                                                         \
    {                                                                                              \
        .type = EVENT_##what, .place = (where)                                                     \
    }
#define MARIA(fl, where)                                                                           \
    {                                                                                              \
        .type = EVENT_MARIADB_GTID, .flags = (fl), .place = (where)                                \
    }

static void a_gtid_opens_and_xid_or_commit_or_rollback_ends(void **state)
{
    (void)state;
    struct txn t = FOLLOW(
        &of_mysql, EVENT(FORMAT_DESCRIPTION, TXN_OUTSIDE), EVENT(PREVIOUS_GTIDS, TXN_OUTSIDE),
        EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE), EVENT(ROWS_QUERY, TXN_INSIDE),
        EVENT(TABLE_MAP, TXN_INSIDE), EVENT(WRITE_ROWS, TXN_INSIDE), EVENT(XID, TXN_CLOSED),
        EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE), EVENT(TABLE_MAP, TXN_INSIDE),
        EVENT(UPDATE_ROWS, TXN_INSIDE), QUERY("COMMIT", TXN_CLOSED),
        EVENT(ANONYMOUS_GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE),
        QUERY("insert into m values (1)", TXN_INSIDE), QUERY("ROLLBACK", TXN_CLOSED),
        EVENT(ROTATE, TXN_OUTSIDE));
    assert_false(t.open);
}

static void savepoints_do_not_end(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE),
                 QUERY("SAVEPOINT `s1`", TXN_INSIDE), EVENT(TABLE_MAP, TXN_INSIDE),
                 EVENT(WRITE_ROWS, TXN_INSIDE), QUERY("ROLLBACK TO `s1`", TXN_INSIDE),
                 QUERY("COMMIT AND CHAIN", TXN_INSIDE), EVENT(XID, TXN_CLOSED));
}

static void a_statement_without_begin_stands_alone(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("create table t (a int)", TXN_CLOSED),
                 EVENT(GTID, TXN_OPENED), EVENT(USER_VAR, TXN_INSIDE),
                 QUERY("create user u", TXN_CLOSED), EVENT(GTID, TXN_OPENED),
                 EVENT(INCIDENT, TXN_CLOSED), EVENT(INCIDENT, TXN_CLOSED));
}

static void a_table_made_from_a_select_is_one_transaction(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE),
                 QUERY("CREATE TABLE `t2` (`a` int) START TRANSACTION", TXN_INSIDE),
                 EVENT(TABLE_MAP, TXN_INSIDE), EVENT(WRITE_ROWS, TXN_INSIDE),
                 EVENT(XID, TXN_CLOSED));
    (void)FOLLOW(&of_mariadb, MARIA(0x28, TXN_OPENED),
                 QUERY("CREATE TABLE `t2` (`a` int)", TXN_INSIDE), EVENT(TABLE_MAP, TXN_INSIDE),
                 EVENT(WRITE_ROWS_V1, TXN_INSIDE), EVENT(XID, TXN_CLOSED));
}

static void a_compressed_transaction_is_one_event(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), EVENT(TRANSACTION_PAYLOAD, TXN_CLOSED),
                 EVENT(GTID, TXN_OPENED), QUERY("truncate table t", TXN_CLOSED));
}

static void servers_without_gtids_begin_by_themselves(void **state)
{
    (void)state;
    struct txn t = FOLLOW(
        &of_mysql, EVENT(FORMAT_DESCRIPTION, TXN_OUTSIDE), QUERY("create database g", TXN_CLOSED),
        QUERY("BEGIN", TXN_OPENED), EVENT(TABLE_MAP, TXN_INSIDE), EVENT(WRITE_ROWS_V1, TXN_INSIDE),
        EVENT(XID, TXN_CLOSED), QUERY("BEGIN", TXN_OPENED), EVENT(INTVAR, TXN_INSIDE),
        QUERY("insert into t values (null)", TXN_INSIDE), QUERY("COMMIT", TXN_CLOSED),
        /* statements on tables without transactions, as 5.1 writes them */
        EVENT(INTVAR, TXN_OPENED), EVENT(RAND, TXN_INSIDE), EVENT(USER_VAR, TXN_INSIDE),
        QUERY("insert into m values (null)", TXN_CLOSED), EVENT(BEGIN_LOAD_QUERY, TXN_OPENED),
        EVENT(APPEND_BLOCK, TXN_INSIDE), EVENT(EXECUTE_LOAD_QUERY, TXN_CLOSED),
        EVENT(BEGIN_LOAD_QUERY, TXN_OPENED), EVENT(DELETE_FILE, TXN_CLOSED),
        EVENT(STOP, TXN_OUTSIDE));
    assert_false(t.open);
}

static void load_data_inside_a_transaction_does_not_end_it(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE),
                 EVENT(BEGIN_LOAD_QUERY, TXN_INSIDE), EVENT(APPEND_BLOCK, TXN_INSIDE),
                 EVENT(EXECUTE_LOAD_QUERY, TXN_INSIDE), EVENT(XID, TXN_CLOSED));
}

static void xa_of_mysql_is_prepared_in_one_and_finished_in_another(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("XA START X'7831',X'',1", TXN_INSIDE),
                 EVENT(TABLE_MAP, TXN_INSIDE), EVENT(WRITE_ROWS, TXN_INSIDE),
                 QUERY("XA END X'7831',X'',1", TXN_INSIDE), EVENT(XA_PREPARE, TXN_CLOSED),
                 EVENT(GTID, TXN_OPENED), QUERY("XA COMMIT X'7831',X'',1", TXN_CLOSED),
                 EVENT(GTID, TXN_OPENED), QUERY("XA ROLLBACK X'7832',X'',1", TXN_CLOSED),
                 /* without GTIDs, and one that ended before it was prepared */
                 QUERY("XA START X'78',X'',1", TXN_OPENED), EVENT(TABLE_MAP, TXN_INSIDE),
                 QUERY("XA END X'78',X'',1", TXN_INSIDE),
                 QUERY("XA ROLLBACK X'78',X'',1", TXN_CLOSED),
                 QUERY("XA COMMIT X'79',X'',1", TXN_CLOSED));
}

static void mariadb_groups_have_no_begin(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mariadb, EVENT(FORMAT_DESCRIPTION, TXN_OUTSIDE),
                 EVENT(MARIADB_GTID_LIST, TXN_OUTSIDE),
                 EVENT(MARIADB_BINLOG_CHECKPOINT, TXN_OUTSIDE), MARIA(0x0c, TXN_OPENED),
                 EVENT(MARIADB_ANNOTATE_ROWS, TXN_INSIDE), EVENT(TABLE_MAP, TXN_INSIDE),
                 EVENT(WRITE_ROWS_V1, TXN_INSIDE), EVENT(XID, TXN_CLOSED), MARIA(0x08, TXN_OPENED),
                 QUERY("insert into m values (5)", TXN_INSIDE), QUERY("COMMIT", TXN_CLOSED),
                 MARIA(0x0c, TXN_OPENED), QUERY("SAVEPOINT `s1`", TXN_INSIDE),
                 QUERY("ROLLBACK TO `s1`", TXN_INSIDE), QUERY("ROLLBACK", TXN_CLOSED),
                 MARIA(0x29, TXN_OPENED), QUERY("create table t (a int)", TXN_CLOSED),
                 MARIA(0x29, TXN_OPENED), EVENT(USER_VAR, TXN_INSIDE),
                 QUERY("create table t (a int)", TXN_CLOSED));
}

static void xa_of_mariadb_is_prepared_in_one_and_finished_in_another(void **state)
{
    (void)state;
    struct txn t =
        FOLLOW(&of_mariadb, MARIA(0x4c, TXN_OPENED), EVENT(MARIADB_ANNOTATE_ROWS, TXN_INSIDE),
               EVENT(TABLE_MAP, TXN_INSIDE), EVENT(WRITE_ROWS_V1, TXN_INSIDE),
               QUERY("XA END X'7831',X'',1", TXN_INSIDE), EVENT(XA_PREPARE, TXN_CLOSED),
               MARIA(0x8d, TXN_OPENED), QUERY("XA COMMIT X'7831',X'',1", TXN_CLOSED));
    assert_true(t.current.standalone);
}

static void a_compressed_query_never_commits(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mariadb, MARIA(0x0c, TXN_OPENED), EVENT(MARIADB_QUERY_COMPRESSED, TXN_INSIDE),
                 EVENT(MARIADB_WRITE_ROWS_COMPRESSED_V1, TXN_INSIDE), EVENT(XID, TXN_CLOSED),
                 MARIA(0x29, TXN_OPENED), EVENT(MARIADB_QUERY_COMPRESSED, TXN_CLOSED),
                 EVENT(MARIADB_QUERY_COMPRESSED, TXN_CLOSED));
}

static void what_belongs_to_no_transaction_leaves_it_as_it_is(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(HEARTBEAT, TXN_OUTSIDE), EVENT(GTID, TXN_OPENED),
                 EVENT(HEARTBEAT, TXN_INSIDE), QUERY("BEGIN", TXN_INSIDE),
                 EVENT(IGNORABLE, TXN_INSIDE), EVENT(HEARTBEAT_V2, TXN_INSIDE),
                 { .type = 37, .place = TXN_INSIDE }, { .type = 200, .place = TXN_INSIDE },
                 EVENT(XID, TXN_CLOSED), EVENT(IGNORABLE, TXN_OUTSIDE),
                 { .type = 200, .place = TXN_OUTSIDE });
    (void)FOLLOW(&of_mariadb, MARIA(0x0c, TXN_OPENED), EVENT(MARIADB_BINLOG_CHECKPOINT, TXN_INSIDE),
                 EVENT(MARIADB_GTID_LIST, TXN_INSIDE), EVENT(XID, TXN_CLOSED));
}

static void what_a_dead_source_left_open_is_given_up(void **state)
{
    (void)state;
    (void)FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE),
                 EVENT(TABLE_MAP, TXN_INSIDE), EVENT(FORMAT_DESCRIPTION, TXN_OUTSIDE),
                 EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE), EVENT(GTID, TXN_OPENED),
                 QUERY("create table t (a int)", TXN_CLOSED), EVENT(GTID, TXN_OPENED),
                 EVENT(ROTATE, TXN_OUTSIDE), QUERY("BEGIN", TXN_OPENED), EVENT(STOP, TXN_OUTSIDE),
                 QUERY("COMMIT", TXN_CLOSED));
    (void)FOLLOW(&of_mariadb, MARIA(0x0c, TXN_OPENED), MARIA(0x29, TXN_OPENED),
                 QUERY("create table t (a int)", TXN_CLOSED));
}

static void the_current_transaction_stays_named_after_its_end(void **state)
{
    (void)state;
    struct txn t = FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE),
                          EVENT(XID, TXN_CLOSED));
    assert_int_equal(t.current.gtid.kind, GTID_MYSQL);
    assert_true(t.current.gtid.number == 0x0101010101010101);
    assert_int_equal(t.first_timestamp_s, 1000 + EVENT_GTID);
    t = FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), EVENT(XID, TXN_CLOSED),
               QUERY("BEGIN", TXN_OPENED), EVENT(XID, TXN_CLOSED));
    assert_int_equal(t.current.gtid.kind, GTID_NONE); /* not the name of the one before */
    assert_int_equal(t.first_timestamp_s, 1000 + EVENT_QUERY);
}

static void a_broken_event_changes_nothing(void **state)
{
    (void)state;
    struct txn     t = FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE));
    struct txn     before = t;
    enum txn_place place = TXN_CLOSED;
    struct err     e = { 0 };
    uint8_t        bytes[STEP_BYTES];
    struct step    step = QUERY("COMMIT", TXN_CLOSED);
    struct event   ev = event_of(&step, bytes);
    ev.body.len = 12;
    assert_int_equal(txn_feed(&t, &of_mysql, &ev, &place, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_memory_equal(&t, &before, sizeof t);
    ev.type = EVENT_GTID;
    assert_int_equal(txn_feed(&t, &of_mysql, &ev, &place, &e), -1);
    assert_memory_equal(&t, &before, sizeof t);
}

static void the_head_of_a_long_query_is_enough_and_never_a_commit(void **state)
{
    (void)state;
    uint8_t        bytes[STEP_BYTES];
    struct step    step = QUERY("COMMIT and then something long", TXN_INSIDE);
    struct event   whole = event_of(&step, bytes);
    enum txn_place place;
    struct err     e = { 0 };
    for (size_t len = EVENT_HEADER_BYTES + 14; len <= whole.length; len++) {
        struct txn   t = FOLLOW(&of_mysql, EVENT(GTID, TXN_OPENED), QUERY("BEGIN", TXN_INSIDE));
        struct event head;
        assert_int_equal(event_parse_head((struct slice){ bytes, len }, false, &head, &e), 0);
        assert_int_equal(txn_feed(&t, &of_mysql, &head, &place, &e), 0);
        assert_int_equal(place, TXN_INSIDE);
    }
}

/* Every event of a real file. Gives the number of transactions; each ends where its GTID says. */
static unsigned follow_file(const char *path, const struct format *first_guess)
{
    struct binlog_file f = binlog_file_read(path);
    struct format      format = *first_guess;
    struct txn         t;
    struct event       ev;
    struct err         e = { 0 };
    uint64_t           start = 0;
    unsigned           closed = 0;
    txn_reset(&t);
    for (;;) {
        uint64_t       at = (uint64_t)(f.at.at - f.bytes.ptr);
        bool           was_open = t.open;
        enum txn_place place;
        if (!binlog_file_next(&f, format.has_crc, &ev))
            break;
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            assert_int_equal(format_parse(ev.whole, &format, &e), 0);
        if (txn_feed(&t, &format, &ev, &place, &e) != 0)
            fail_msg("%s at %d: %s", path, (int)at, e.text);
        switch (place) {
        case TXN_OUTSIDE:
            assert_false(was_open);
            break;
        case TXN_OPENED:
            assert_false(was_open);
            start = at;
            break;
        case TXN_INSIDE:
            assert_true(was_open);
            break;
        case TXN_CLOSED:
            /* With GTIDs each transaction has one in front, so none is a single event. */
            assert_true(was_open || format.version_number < 50600);
            closed++;
            if (t.current.transaction_length > 0)
                assert_int_equal(at + ev.length - start, t.current.transaction_length);
            break;
        }
    }
    assert_false(t.open);
    binlog_file_done(&f);
    return closed;
}

static void real_files_are_made_of_whole_transactions(void **state)
{
    (void)state;
    static const struct format none = { .has_crc = true };
    assert_int_equal(follow_file("tests/golden/binlog/mysql-9.7-statements.binlog", &none), 26);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-9.7-tagged.binlog", &none), 7);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-9.7-payload.binlog", &none), 4);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-9.7-anonymous-nocrc.binlog", &none), 7);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-8.0-statements.binlog", &none), 39);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-5.7-statements.binlog", &none), 36);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-5.6-statements.binlog", &none), 33);
    assert_int_equal(follow_file("tests/golden/binlog/mysql-5.5-statements.binlog", &none), 36);
    assert_int_equal(follow_file("tests/golden/binlog/mariadb-11.8-statements.binlog", &none), 39);
    assert_int_equal(follow_file("tests/golden/binlog/mariadb-10.2-statements.binlog", &none), 36);
    assert_int_equal(follow_file("tests/golden/binlog/mariadb-10.11-statements.binlog", &none), 29);
    assert_int_equal(follow_file("tests/golden/binlog/mariadb-10.11-compressed.binlog", &none), 5);
    assert_int_equal(follow_file("tests/golden/binlog/mariadb-10.11-gtid.binlog", &none), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gtid_opens_and_xid_or_commit_or_rollback_ends),
        cmocka_unit_test(savepoints_do_not_end),
        cmocka_unit_test(a_statement_without_begin_stands_alone),
        cmocka_unit_test(a_table_made_from_a_select_is_one_transaction),
        cmocka_unit_test(a_compressed_transaction_is_one_event),
        cmocka_unit_test(servers_without_gtids_begin_by_themselves),
        cmocka_unit_test(load_data_inside_a_transaction_does_not_end_it),
        cmocka_unit_test(xa_of_mysql_is_prepared_in_one_and_finished_in_another),
        cmocka_unit_test(mariadb_groups_have_no_begin),
        cmocka_unit_test(xa_of_mariadb_is_prepared_in_one_and_finished_in_another),
        cmocka_unit_test(a_compressed_query_never_commits),
        cmocka_unit_test(what_belongs_to_no_transaction_leaves_it_as_it_is),
        cmocka_unit_test(what_a_dead_source_left_open_is_given_up),
        cmocka_unit_test(the_current_transaction_stays_named_after_its_end),
        cmocka_unit_test(a_broken_event_changes_nothing),
        cmocka_unit_test(the_head_of_a_long_query_is_enough_and_never_a_commit),
        cmocka_unit_test(real_files_are_made_of_whole_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
