/* A session as its client sees it: logins, commands, the stream, and whatever else arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/log.h"
#include "tests/sim/visitor.h"
#include "tests/sim/sim_disk.h"

static struct fixture fixture;
static struct binlog  binlog;

static int begin(void **state)
{
    (void)state;
    static const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
    log_set_level(LOG_ERROR);
    fixture_begin(&fixture, NULL);
    binlog_begin(&binlog, &style);
    binlog_format(&binlog);
    binlog_head(&binlog, "");
    for (size_t i = 0; i < 5; i++)
        binlog_transaction(&binlog, 100);
    fixture_file(&fixture, "bin.000001", &binlog);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_done(&fixture);
    binlog_done(&binlog);
    return 0;
}

static void ignore_wake(void *arg)
{
    (void)arg;
}

static void assert_ok(struct visitor *c)
{
    struct slice p;
    assert_true(visitor_take(c, &p));
    assert_int_equal(p.ptr[0], 0);
}

static void assert_error(struct visitor *c, unsigned number)
{
    struct slice p;
    assert_true(visitor_take(c, &p));
    assert_true(p.len > 3);
    assert_int_equal(p.ptr[0], 0xff);
    assert_int_equal(p.ptr[1] | p.ptr[2] << 8, number);
}

static void logged_in(struct visitor *c)
{
    visitor_begin(c);
    visitor_log_in(c, "u", "secret");
    assert_ok(c);
    assert_int_equal(c->session.state, AWAIT_COMMAND);
}

static void the_greeting_is_that_of_the_source(void **state)
{
    (void)state;
    static const struct {
        enum format_family family;
        const char        *version, *shown, *plugin;
        uint32_t           number;
    } cases[] = {
        { FAMILY_MYSQL, "9.7.4", "9.7.4", "caching_sha2_password", 90704 },
        { FAMILY_MYSQL, "5.7.22-log", "5.7.22-log", "mysql_native_password", 50722 },
        { FAMILY_MARIADB, "10.11.19-MariaDB-log", "5.5.5-10.11.19-MariaDB-log",
          "mysql_native_password", 101119 },
        { FAMILY_MARIADB, "11.8.6-MariaDB", "11.8.6-MariaDB", "mysql_native_password", 110806 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct visitor c;
        struct slice   p;
        visitor_world_begin(&c, fixture.store, cases[i].family);
        (void)snprintf(c.facts.version, sizeof c.facts.version, "%s", cases[i].version);
        c.facts.version_number = cases[i].number;
        visitor_begin(&c);
        assert_true(visitor_take(&c, &p));
        assert_int_equal(p.ptr[0], 10);
        assert_string_equal((const char *)p.ptr + 1, cases[i].shown);
        struct cursor at = cursor_over(p);
        cursor_skip(&at, 1 + strlen(cases[i].shown) + 1);
        assert_int_equal(cursor_u32(&at), c.session.entry.id);
        assert_memory_equal(p.ptr + p.len - strlen(cases[i].plugin) - 1, cases[i].plugin,
                            strlen(cases[i].plugin));
        visitor_done(&c);
        visitor_world_done(&c);
    }
}

static void without_a_source_there_is_no_greeting_but_a_reason(void **state)
{
    (void)state;
    struct visitor c;
    struct slice   p;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    c.facts.known = false;
    visitor_begin(&c);
    assert_true(visitor_take(&c, &p));
    assert_int_equal(p.ptr[0], 0xff);
    assert_int_equal(c.session.state, CLOSING);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void the_right_password_lets_in_and_the_wrong_one_does_not(void **state)
{
    (void)state;
    struct visitor c;
    visitor_world_begin(&c, fixture.store, FAMILY_MARIADB);
    logged_in(&c);
    visitor_done(&c);

    static const struct {
        const char *user, *password;
    } wrong[] = { { "u", "Secret" }, { "u", "" },     { "nobody", "secret" },
                  { "", "" },        { "free", "x" }, { "tls", "secret" } };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        visitor_begin(&c);
        visitor_log_in(&c, wrong[i].user, wrong[i].password);
        if (c.session.state == SLOWED)
            session_on_timeout(&c.session);
        assert_error(&c, 1045);
        assert_int_equal(c.session.state, CLOSING);
        visitor_command(&c, COM_PING, slice_empty()); /* nothing is answered any more */
        assert_int_equal(c.out.len, 0);
        visitor_done(&c);
    }
    visitor_begin(&c);
    visitor_log_in(&c, "free", "");
    assert_ok(&c);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void one_session_too_many_is_told_so(void **state)
{
    (void)state;
    struct visitor c;
    struct err     e = { 0 };
    struct slice   p;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    struct roster_entry others[4] = { 0 };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(roster_add(c.world.roster, &others[i], &e), 0);
    visitor_begin(&c);
    assert_true(visitor_take(&c, &p));
    assert_int_equal(p.ptr[0], 0xff);
    assert_int_equal(p.ptr[1] | p.ptr[2] << 8, 1040);
    visitor_done(&c);
    for (size_t i = 0; i < 4; i++)
        roster_remove(c.world.roster, &others[i]);
    visitor_world_done(&c);
}

static void commands_are_answered_and_unknown_ones_refused(void **state)
{
    (void)state;
    struct visitor c;
    struct slice   p;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    logged_in(&c);
    visitor_command(&c, COM_PING, slice_empty());
    assert_ok(&c);
    visitor_command(&c, COM_INIT_DB, slice_of_text("d"));
    assert_ok(&c);
    visitor_command(&c, COM_RESET_CONNECTION, slice_empty());
    assert_ok(&c);
    visitor_command(&c, COM_STATISTICS, slice_empty());
    assert_true(visitor_take(&c, &p));
    assert_memory_equal(p.ptr, "Uptime: ", 8);
    visitor_command(&c, COM_SET_OPTION, (struct slice){ (const uint8_t *)"\0", 2 });
    assert_true(visitor_take(&c, &p));
    assert_int_equal(p.ptr[0], 0xfe);
    visitor_command(&c, COM_STMT_PREPARE, slice_of_text("select 1"));
    assert_ok(&c);
    while (visitor_take(&c, &p))
        ;
    visitor_command(&c, COM_STMT_PREPARE, slice_of_text("show warnings"));
    assert_error(&c, 1295); /* asks for it again as COM_QUERY */
    visitor_command(&c, COM_STMT_PREPARE, slice_of_text("select * from d.t"));
    assert_error(&c, 1040); /* no connection may be made to this source */
    assert_int_equal(c.session.state, AWAIT_COMMAND);
    visitor_command(&c, COM_STMT_EXECUTE, slice_of_text("12345678"));
    assert_error(&c, 1243);
    visitor_command(&c, COM_STMT_CLOSE, slice_of_text("1234"));
    assert_false(visitor_take(&c, &p));
    visitor_command(&c, 0x05, slice_empty()); /* COM_CREATE_DB, gone long since */
    assert_error(&c, 1047);
    visitor_command(&c, COM_QUIT, slice_empty());
    assert_int_equal(c.session.state, GONE);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void take_all(struct visitor *c)
{
    struct slice p;
    while (visitor_take(c, &p))
        ;
}

/* The id of what was prepared. */
static void prepare(struct visitor *c, const char *sql, uint8_t id[4])
{
    struct slice p;

    visitor_command(c, COM_STMT_PREPARE, slice_of_text(sql));
    assert_true(visitor_take(c, &p));
    assert_int_equal(p.ptr[0], 0);
    memcpy(id, p.ptr + 1, 4);
    take_all(c);
}

static void command_on(struct visitor *c, uint8_t command, const uint8_t id[4], const char *more,
                       size_t bytes)
{
    uint8_t body[64];

    memcpy(body, id, 4);
    memcpy(body + 4, more, bytes);
    visitor_command(c, command, (struct slice){ body, 4 + bytes });
}

static void prepared_statements_are_kept_until_they_are_closed(void **state)
{
    (void)state;
    struct visitor c;
    struct slice   p;
    uint8_t        id[4], other[4];

    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    logged_in(&c);
    prepare(&c, "select ?, @@version", id);
    for (int i = 0; i < 2; i++) {
        command_on(&c, COM_STMT_LONG_DATA, id, "\0\0ab", 4);
        command_on(&c, COM_STMT_LONG_DATA, id, "\0\0cd", 4);
        command_on(&c, COM_STMT_EXECUTE, id, "\0\1\0\0\0\0\1\xfd\0", 9);
        assert_true(visitor_take(&c, &p));
        assert_int_equal(p.ptr[0], 2); /* columns */
        take_all(&c);
    }
    command_on(&c, COM_STMT_LONG_DATA, id, "\7\0ab", 4); /* there is no such parameter */
    command_on(&c, COM_STMT_EXECUTE, id, "\0\1\0\0\0\0\1\xfd\0\1x", 11);
    assert_error(&c, 1153);
    command_on(&c, COM_STMT_FETCH, id, "\1\0\0\0", 4);
    assert_error(&c, 1421);
    command_on(&c, COM_STMT_LONG_DATA, id, "\0\0ab", 4);
    command_on(&c, COM_STMT_RESET, id, "", 0);
    assert_ok(&c);
    command_on(&c, COM_STMT_CLOSE, id, "", 0);
    command_on(&c, COM_STMT_EXECUTE, id, "\0\1\0\0\0\0\1\xfd\0\1x", 11);
    assert_error(&c, 1243);
    for (int i = 0; i < 256; i++)
        prepare(&c, "select 1", other);
    visitor_command(&c, COM_STMT_PREPARE, slice_of_text("select 1"));
    assert_error(&c, 1461);
    command_on(&c, COM_STMT_CLOSE, other, "", 0);
    prepare(&c, "select 1", other);
    command_on(&c, COM_STMT_EXECUTE, other, "\0\1", 2);
    assert_error(&c, 1835); /* and it has lost count */
    assert_int_equal(c.session.state, CLOSING);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void a_packet_out_of_order_ends_the_session(void **state)
{
    (void)state;
    struct visitor c;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    logged_in(&c);
    session_on_packet(&c.session, 3, (struct slice){ (const uint8_t *)"\x0e", 1 });
    assert_error(&c, 1156);
    assert_int_equal(c.session.state, CLOSING);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void put_dump(struct buf *b, uint32_t position, uint16_t flags, uint32_t server_id,
                     const char *file)
{
    buf_init(b, 4096);
    buf_put_le(b, position, 4);
    buf_put_le(b, flags, 2);
    buf_put_le(b, server_id, 4);
    buf_put_text(b, file);
}

static void a_dump_streams_and_ends_as_asked(void **state)
{
    (void)state;
    struct visitor c;
    struct buf     b;
    enum dump_step step;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    logged_in(&c);
    visitor_query(&c, "SET @master_heartbeat_period = 2000000000, @source_heartbeat_period = "
                      "2000000000");
    assert_ok(&c);
    visitor_query(&c, "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'");
    assert_ok(&c);
    put_dump(&b, 4, DUMP_NON_BLOCK, 5, "bin.000001");
    visitor_command(&c, COM_BINLOG_DUMP, buf_slice(&b));
    buf_done(&b);
    assert_int_equal(c.session.state, STREAMING);
    assert_int_equal(c.session.heartbeat_ns, 2000000000);
    assert_int_equal(c.session.entry.server_id, 5);
    session_stream(&c.session, NULL, &step);
    assert_int_equal(step, DUMP_OVER);
    assert_int_equal(c.session.state, CLOSING);
    struct slice p;
    size_t       events = 0;
    while (visitor_take(&c, &p) && p.ptr[0] == 0)
        events++;
    assert_int_equal(events, binlog.count + 1);
    static const uint8_t eof[] = { 0xfe, 0, 0, 2, 0 };
    assert_int_equal(p.len, sizeof eof);
    assert_memory_equal(p.ptr, eof, sizeof eof);
    visitor_done(&c);

    logged_in(&c);
    put_dump(&b, 4, 0, 5, "bin.000009");
    visitor_command(&c, COM_BINLOG_DUMP, buf_slice(&b));
    buf_done(&b);
    assert_error(&c, 1236);
    assert_int_equal(c.session.state, CLOSING);
    visitor_done(&c);
    visitor_world_done(&c);
}

/* User "u" with or without a channel, at a listener with or without one. */
static void the_channel_is_the_users_or_the_listeners(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        int         gate;   /* -1: none */
        int         chosen; /* -1: refused */
        const char *says;
    } cases[] = {
        { "main", -1, 0, NULL },
        { "other", -1, 1, NULL },
        { "other", 1, 1, NULL },
        { "", 1, 1, NULL },
        { "", 0, 0, NULL },
        { "other", 0, -1, "this user's channel is 'other', and this port serves channel 'main'" },
        { "", -1, -1, "neither this user nor this port has a channel" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct visitor         c;
        struct session_channel two[2];
        struct slice           p;
        visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
        two[0] = two[1] = c.channel;
        two[1].name = "other";
        two[1].server_id = 4712;
        c.world.channels = two;
        c.world.channel_count = 2;
        c.gate.channel = cases[i].gate >= 0 ? &two[cases[i].gate] : NULL;
        visitor_user(&c, "u")->channel = cases[i].user;
        visitor_begin(&c);
        visitor_log_in(&c, "u", "secret");
        if (cases[i].chosen >= 0) {
            assert_ok(&c);
            assert_ptr_equal(c.session.channel, &two[cases[i].chosen]);
            assert_int_equal(c.session.entry.channel, cases[i].chosen);
        } else {
            assert_true(visitor_take(&c, &p));
            assert_int_equal(p.ptr[0], 0xff);
            assert_non_null(memmem(p.ptr, p.len, cases[i].says, strlen(cases[i].says)));
            assert_int_equal(c.session.state, CLOSING);
        }
        visitor_done(&c);
        visitor_world_done(&c);
    }
}

static void a_channel_that_is_away_refuses_its_own_only(void **state)
{
    (void)state;
    struct visitor         c;
    struct session_channel two[2];
    struct slice           p;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    two[0] = (struct session_channel){ .name = "gone" };
    two[1] = c.channel;
    c.world.channels = two;
    c.world.channel_count = 2;
    /* By the listener it is refused at once; by the user after the login. */
    c.gate.channel = &two[0];
    visitor_begin(&c);
    assert_true(visitor_take(&c, &p));
    assert_int_equal(p.ptr[0], 0xff);
    visitor_done(&c);
    struct user *u = visitor_user(&c, "u");
    c.gate.channel = NULL;
    u->channel = "gone";
    visitor_begin(&c);
    visitor_log_in(&c, "u", "secret");
    assert_true(visitor_take(&c, &p));
    assert_int_equal(p.ptr[0], 0xff);
    visitor_done(&c);
    u->channel = "main";
    visitor_begin(&c);
    visitor_log_in(&c, "u", "secret");
    assert_ok(&c);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void a_guesser_is_answered_later_and_later_and_then_not_at_all(void **state)
{
    (void)state;
    struct visitor        c;
    struct slice          p;
    struct penalty_counts n;
    visitor_world_begin(&c, fixture.store, FAMILY_MARIADB);
    static const char *const names[] = { "nobody", "u" }; /* both are told the same */
    for (uint32_t i = 0; i < 5; i++) {
        visitor_begin(&c);
        visitor_log_in(&c, names[i % 2], "wrong");
        if (i > 0) {
            assert_int_equal(c.session.state, SLOWED);
            assert_int_equal(session_wait_ms(&c.session), PENALTY_FIRST_MS << (i - 1));
            assert_false(visitor_take(&c, &p));
            visitor_command(&c, COM_PING, slice_empty()); /* does not help */
            assert_int_equal(c.session.state, SLOWED);
            session_on_timeout(&c.session);
        }
        assert_error(&c, 1045);
        assert_int_equal(c.session.state, CLOSING);
        visitor_done(&c);
    }
    penalty_counts(c.world.penalty, &n);
    assert_int_equal(n.failed, 5);
    /* The right password is not slowed down. */
    logged_in(&c);
    visitor_done(&c);
    for (int i = 0; i < PENALTY_WAITING_MAX; i++)
        assert_true(penalty_failed_ms(c.world.penalty, "127.0.0.1") > 0);
    visitor_begin(&c);
    assert_error(&c, 1129);
    assert_int_equal(c.session.state, CLOSING);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void a_user_comes_in_only_as_it_may(void **state)
{
    (void)state;
    static const struct tls_peer shop = { .subject = "/O=Shop/CN=u", .common_name = "u" },
                                 none = { .subject = "" };
    static const struct {
        const char *hosts, *certificate;
        int         tls; /* 1: without a certificate, 2: with one */
        bool        fits;
    } cases[] = {
        { "127.0.0.0/8", "no", 0, true },
        { "10.0.0.0/8", "no", 0, false },
        { "", "yes", 0, false },
        { "", "yes", 1, false },
        { "", "yes", 2, true },
        { "", "u", 2, true },
        { "", "v", 2, false },
        { "", "/O=Shop/CN=u", 2, true },
        { "", "/CN=u", 2, false },
        { "10.0.0.0/8", "yes", 2, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct visitor c;
        visitor_world_begin(&c, fixture.store, FAMILY_MARIADB);
        visitor_user(&c, "u")->hosts = cases[i].hosts;
        visitor_user(&c, "u")->require_certificate = cases[i].certificate;
        visitor_begin(&c);
        if (cases[i].tls > 0) {
            c.session.state = AWAIT_TLS;
            session_secured(&c.session, cases[i].tls == 2 ? &shop : &none);
        }
        visitor_log_in(&c, "u", "secret");
        if (cases[i].fits)
            assert_ok(&c);
        else
            assert_error(&c, 1045);
        visitor_done(&c);
        visitor_world_done(&c);
    }
}

static void a_users_connections_are_counted(void **state)
{
    (void)state;
    struct visitor c;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    struct user *u = visitor_user(&c, "u");
    u->max_connections = 2;
    u->live->connections = 1;
    logged_in(&c);
    assert_int_equal(u->live->connections, 2);
    visitor_done(&c);
    u->live->connections = 2;
    visitor_begin(&c);
    visitor_log_in(&c, "u", "secret");
    assert_error(&c, 1226);
    visitor_done(&c);
    assert_int_equal(u->live->connections, 2);
    visitor_world_done(&c);
}

static void sessions_of_users_that_are_gone_end_at_a_reload(void **state)
{
    (void)state;
    struct visitor c;
    struct err     e = { 0 };
    size_t         changed;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    logged_in(&c);
    struct config same = visitor_config(), fewer = same;
    assert_int_equal(users_reload(c.world.users, &same, &changed, &e), 0);
    session_on_reload(&c.session);
    assert_int_equal(c.session.state, AWAIT_COMMAND);
    assert_int_equal(c.session.user->live->connections, 1);
    fewer.users++; /* "u" is the first one */
    fewer.user_count--;
    assert_int_equal(users_reload(c.world.users, &fewer, &changed, &e), 0);
    assert_int_equal(changed, 1);
    session_on_reload(&c.session);
    assert_int_equal(c.session.state, GONE);
    visitor_done(&c);
    visitor_world_done(&c);
}

static void only_who_may_replicate_is_streamed(void **state)
{
    (void)state;
    struct visitor c;
    struct buf     b;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    visitor_begin(&c);
    visitor_log_in(&c, "free", "");
    assert_ok(&c);
    static const uint8_t commands[] = { COM_REGISTER_SLAVE, COM_BINLOG_DUMP };
    for (size_t i = 0; i < sizeof commands; i++) {
        put_dump(&b, 4, 0, 5, "bin.000001");
        visitor_command(&c, commands[i], buf_slice(&b));
        buf_done(&b);
        assert_error(&c, 1227);
        assert_int_equal(c.session.state, AWAIT_COMMAND);
    }
    visitor_done(&c);
    visitor_world_done(&c);
}

static void only_an_admin_ends_sessions_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        unsigned    error;
    } cases[] = { { "u", 1095 }, { "admin", 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct visitor       c;
        struct roster_entry  other = { .wake = ignore_wake };
        struct roster_change who = roster_no_change();
        struct err           e = { 0 };
        char                 kill[32];
        visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
        assert_int_equal(roster_add(c.world.roster, &other, &e), 0);
        who.user = "somebody";
        roster_describe(c.world.roster, &other, &who);
        visitor_begin(&c);
        visitor_log_in(&c, cases[i].user, "secret");
        assert_ok(&c);
        (void)snprintf(kill, sizeof kill, "KILL %u", other.id);
        visitor_query(&c, kill);
        if (cases[i].error != 0)
            assert_error(&c, cases[i].error);
        else
            assert_ok(&c);
        assert_int_equal(atomic_load(&other.end),
                         cases[i].error != 0 ? ROSTER_STAYS : ROSTER_KILLED);
        roster_remove(c.world.roster, &other);
        visitor_done(&c);
        visitor_world_done(&c);
    }
}

static void a_mariadb_replica_that_came_back_is_told_to_the_old_one(void **state)
{
    (void)state;
    struct visitor c;
    struct buf     b;
    visitor_world_begin(&c, fixture.store, FAMILY_MARIADB);
    logged_in(&c);
    visitor_query(&c, "SET @mariadb_slave_capability=4");
    assert_ok(&c);
    put_dump(&b, 4, 0, 5, "bin.000001");
    visitor_command(&c, COM_BINLOG_DUMP, buf_slice(&b));
    buf_done(&b);
    assert_int_equal(c.session.state, STREAMING);
    struct roster_entry  again = { 0 };
    struct roster_change who = roster_no_change();
    struct err           e = { 0 };
    assert_int_equal(roster_add(c.world.roster, &again, &e), 0);
    who.server_id = 5;
    roster_describe(c.world.roster, &again, &who);
    assert_int_equal(roster_supersede(c.world.roster, &again), 1);
    session_on_end(&c.session);
    assert_error(&c, 4052);
    roster_remove(c.world.roster, &again);
    visitor_done(&c);
    visitor_world_done(&c);
}

/* Whatever comes, the session answers, closes or goes; it never trips. */
static void garbage_is_survived_in_every_state(void **state)
{
    (void)state;
    uint64_t       seed = 1;
    struct visitor c;
    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[600];
        size_t  n = (size_t)(sim_random(&seed) % sizeof bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)sim_random(&seed);
        if (round % 3 != 0) {
            logged_in(&c);
            if (n > 0)
                bytes[0] = round % 3 == 1 ? COM_BINLOG_DUMP_GTID : bytes[0] % 0x20;
            c.sequence = 0;
        } else {
            visitor_begin(&c);
            struct slice greeting;
            (void)visitor_take(&c, &greeting);
        }
        visitor_send(&c, (struct slice){ bytes, n });
        if (c.session.state == STREAMING) {
            enum dump_step step;
            buf_clear(&c.out);
            session_stream(&c.session, NULL, &step);
        }
        visitor_done(&c);
    }
    visitor_world_done(&c);
}

static void a_login_cut_anywhere_is_refused(void **state)
{
    (void)state;
    /* user "free", no password */
    static const uint8_t whole[] = {
        0x05, 0xa2, 0x8a, 0x00, 0,   0,   0,   1,   33,  0,   0,   0,   0,   0,   0,
        0,    0,    0,    0,    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
        0,    0,    'f',  'r',  'e', 'e', 0,   0,   'm', 'y', 's', 'q', 'l', '_', 'n',
        'a',  't',  'i',  'v',  'e', '_', 'p', 'a', 's', 's', 'w', 'o', 'r', 'd', 0,
    };
    struct visitor c;
    struct slice   greeting;
    visitor_world_begin(&c, fixture.store, FAMILY_MARIADB);
    for (size_t n = 0; n <= sizeof whole; n++) {
        visitor_begin(&c);
        (void)visitor_take(&c, &greeting);
        uint8_t *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, whole, n);
        visitor_send(&c, (struct slice){ copy, n });
        free(copy);
        if (n == sizeof whole)
            assert_int_equal(c.session.state, AWAIT_COMMAND);
        else if (n < 38)
            assert_int_equal(c.session.state, CLOSING);
        visitor_done(&c);
    }
    visitor_world_done(&c);
}

static void a_command_that_goes_on_in_another_packet_is_no_command_of_the_relay(void **state)
{
    (void)state;
    static const struct {
        uint8_t     command;
        const char *text;
    } cases[] = { { COM_QUERY, "INSERT INTO t VALUES ('" },
                  { COM_QUERY, "SET @a = '" },
                  { COM_STMT_EXECUTE, "\1\1\1\1" },
                  { COM_PING, "" } };
    struct visitor c;
    struct buf     body;

    visitor_world_begin(&c, fixture.store, FAMILY_MYSQL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        logged_in(&c);
        buf_init(&body, PACKET_PAYLOAD_MAX);
        buf_put_text(&body, cases[i].text);
        size_t more = PACKET_PAYLOAD_MAX - 1 - body.len;
        memset(buf_extend(&body, more), 'x', more);
        visitor_command(&c, cases[i].command, buf_slice(&body));
        assert_error(&c, 1153);
        assert_int_equal(c.session.state, CLOSING);
        buf_done(&body);
        visitor_done(&c);
    }
    visitor_world_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_that_goes_on_in_another_packet_is_no_command_of_the_relay),
        cmocka_unit_test(the_greeting_is_that_of_the_source),
        cmocka_unit_test(without_a_source_there_is_no_greeting_but_a_reason),
        cmocka_unit_test(the_right_password_lets_in_and_the_wrong_one_does_not),
        cmocka_unit_test(one_session_too_many_is_told_so),
        cmocka_unit_test(commands_are_answered_and_unknown_ones_refused),
        cmocka_unit_test(prepared_statements_are_kept_until_they_are_closed),
        cmocka_unit_test(a_packet_out_of_order_ends_the_session),
        cmocka_unit_test(a_dump_streams_and_ends_as_asked),
        cmocka_unit_test(the_channel_is_the_users_or_the_listeners),
        cmocka_unit_test(a_channel_that_is_away_refuses_its_own_only),
        cmocka_unit_test(a_guesser_is_answered_later_and_later_and_then_not_at_all),
        cmocka_unit_test(a_user_comes_in_only_as_it_may),
        cmocka_unit_test(a_users_connections_are_counted),
        cmocka_unit_test(sessions_of_users_that_are_gone_end_at_a_reload),
        cmocka_unit_test(only_who_may_replicate_is_streamed),
        cmocka_unit_test(only_an_admin_ends_sessions_of_others),
        cmocka_unit_test(a_mariadb_replica_that_came_back_is_told_to_the_old_one),
        cmocka_unit_test(garbage_is_survived_in_every_state),
        cmocka_unit_test(a_login_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
