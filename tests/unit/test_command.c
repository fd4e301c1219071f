#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/command.h"
#include "protocol/handshake.h"

#define BYTES(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

/* Every cut of a valid packet is refused or read without leaving it, and so is every flipped bit;
   copies of exact size let the sanitizer see a read past the end. */
static void torture(struct slice whole, int (*parse)(struct slice))
{
    uint8_t copy[1024];
    assert_true(whole.len <= sizeof copy);
    for (size_t n = 0; n <= whole.len; n++) {
        memcpy(copy + sizeof copy - n, whole.ptr, n);
        (void)parse((struct slice){ copy + sizeof copy - n, n });
    }
    for (size_t i = 0; i < whole.len * 8; i++) {
        uint8_t *at = copy + sizeof copy - whole.len;
        memcpy(at, whole.ptr, whole.len);
        at[i / 8] ^= (uint8_t)(1u << (i % 8));
        (void)parse((struct slice){ at, whole.len });
    }
}

/* ---- COM_QUERY ---- */

static int parse_query(struct slice payload)
{
    struct slice sql = { payload.ptr, 0 };
    struct err   e = { 0 };
    int          rc = command_parse_query(payload, CAP_QUERY_ATTRIBUTES, &sql, &e);
    if (rc == 0)
        assert_true(sql.len == 0 ||
                    (sql.ptr >= payload.ptr && sql.ptr + sql.len == payload.ptr + payload.len));
    return rc;
}

static void a_query_is_its_text(void **state)
{
    (void)state;
    struct slice sql;
    struct err   e = { 0 };
    assert_int_equal(command_parse_query(BYTES("\3SELECT 1"), 0, &sql, &e), 0);
    assert_int_equal(sql.len, 8);
    assert_memory_equal(sql.ptr, "SELECT 1", 8);
    assert_int_equal(command_parse_query(BYTES("\3"), 0, &sql, &e), 0);
    assert_int_equal(sql.len, 0);
    assert_int_equal(command_parse_query(BYTES(""), 0, &sql, &e), -1);
    assert_int_equal(command_parse_query(BYTES("\4SELECT 1"), 0, &sql, &e), -1);
}

static void query_attributes_in_front_are_skipped(void **state)
{
    (void)state;
    struct slice sql;
    struct err   e = { 0 };
    assert_int_equal(command_parse_query(BYTES("\3\0\1SELECT 1"), CAP_QUERY_ATTRIBUTES, &sql, &e),
                     0);
    assert_int_equal(sql.len, 8);
    /* Four attributes: text, a null, a number of 8 bytes, a date. */
    struct slice four = BYTES("\3\4\1\2\1"
                              "\xfe\0\1a"
                              "\xfe\0\1b"
                              "\x08\0\1c"
                              "\x0c\0\1d"
                              "\5hello"
                              "12345678"
                              "\4\xe9\x07\1\2"
                              "SELECT 1");
    assert_int_equal(command_parse_query(four, CAP_QUERY_ATTRIBUTES, &sql, &e), 0);
    assert_int_equal(sql.len, 8);
    assert_memory_equal(sql.ptr, "SELECT 1", 8);
    torture(four, parse_query);
}

static void query_attributes_that_claim_too_much_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse_query(BYTES("\3\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1SELECT 1")), -1);
    assert_int_equal(parse_query(BYTES("\3\xfd\xff\xff\xff\1SELECT 1")), -1);
    assert_int_equal(parse_query(BYTES("\3\1\2\0\1\3\0\0SELECT 1")), -1);
    assert_int_equal(parse_query(BYTES("\3\1\1\0\0\3\0\0SELECT 1")), -1);
}

/* ---- COM_REGISTER_SLAVE ---- */

static int parse_register(struct slice payload)
{
    struct command_register r;
    struct err              e = { 0 };
    int                     rc = command_parse_register(payload, &r, &e);
    if (rc == 0)
        assert_true(strlen(r.host) < sizeof r.host);
    return rc;
}

static void a_registration_is_read_and_its_password_is_not_kept(void **state)
{
    (void)state;
    struct command_register r;
    struct err              e = { 0 };
    struct slice            whole = BYTES("\x15\xad\x81\0\0\x0creplica-host\2ru\2rp\xad\x81"
                                                     "\0\0\0\0\0\0\0\0");
    assert_int_equal(command_parse_register(whole, &r, &e), 0);
    assert_int_equal(r.server_id, 33197);
    assert_string_equal(r.host, "replica-host");
    assert_int_equal(r.port, 33197);
    torture(whole, parse_register);
    for (size_t n = 0; n < 1 + 4 + 13 + 3 + 3 + 2; n++)
        assert_int_equal(parse_register((struct slice){ whole.ptr, n }), -1);
}

static void a_host_name_can_not_carry_control_characters_into_a_log(void **state)
{
    (void)state;
    struct command_register r;
    struct err              e = { 0 };
    assert_int_equal(command_parse_register(BYTES("\x15\1\0\0\0\5a\n\x1b\0z\0\0\xea\x0c\0\0\0\0"
                                                  "\0\0\0\0"),
                                            &r, &e),
                     0);
    assert_string_equal(r.host, "a???z");
    assert_int_equal(r.port, 3306);
}

/* ---- dumps ---- */

static int parse_dump(struct slice payload)
{
    struct command_dump d;
    struct err          e = { 0 };
    int                 rc = command_parse_dump(payload, &d, &e);
    if (rc == 0) {
        assert_true(strlen(d.file) < sizeof d.file);
        assert_true(d.gtid_bytes.len <= payload.len);
    } else {
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    return rc;
}

static void dumps_by_position_of_the_recorded_clients_parse(void **state)
{
    (void)state;
    static const struct {
        struct slice payload;
        uint32_t     position;
        uint16_t     flags;
        uint32_t     server_id;
        const char  *file;
    } cases[] = {
        /* MySQL 9.7 replica */
        { BYTES("\x12\x9e\0\0\0\2\0\xad\x81\0\0binlog.000001"), 158, 2, 33197, "binlog.000001" },
        /* MariaDB replica by GTID, empty name */
        { BYTES("\x12\4\0\0\0\2\0\xba\x81\0\0"), 4, 2, 33210, "" },
        /* mysqlbinlog of one file: server_id 0 */
        { BYTES("\x12\4\0\0\0\1\0\0\0\0\0binlog.000002"), 4, 1, 0, "binlog.000002" },
        /* a name ended by a zero byte */
        { BYTES("\x12\4\0\0\0\0\0\1\0\0\0mysql-bin.000054\0"), 4, 0, 1, "mysql-bin.000054" },
        /* python-mysql-replication for MariaDB: three zero bytes are the empty name */
        { BYTES("\x12\4\0\0\0\1\0\1\0\0\0\0\0\0"), 4, 1, 1, "" },
        /* Java connector for MariaDB: position 0 */
        { BYTES("\x12\0\0\0\0\0\0\x64\x19\0\0"), 0, 0, 6500, "" },
        /* the largest position the command can carry */
        { BYTES("\x12\xff\xff\xff\xff\0\0\1\0\0\0b.1"), 0xffffffff, 0, 1, "b.1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command_dump d;
        struct err          e = { 0 };
        assert_int_equal(command_parse_dump(cases[i].payload, &d, &e), 0);
        assert_false(d.by_gtid_set);
        assert_int_equal(d.position, cases[i].position);
        assert_int_equal(d.flags, cases[i].flags);
        assert_int_equal(d.server_id, cases[i].server_id);
        assert_string_equal(d.file, cases[i].file);
        assert_int_equal(d.gtid_bytes.len, 0);
        torture(cases[i].payload, parse_dump);
    }
}

static void dumps_by_gtid_set_of_the_recorded_clients_parse(void **state)
{
    (void)state;
    static const struct {
        struct slice payload;
        uint64_t     position;
        uint16_t     flags;
        const char  *file;
        size_t       set_bytes;
    } cases[] = {
        /* MySQL 9.7 replica, nothing yet */
        { BYTES("\x1e\2\0\xad\x81\0\0\0\0\0\0\4\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0"), 4, 2, "",
          8 },
        /* one UUID, 1..6 with the end excluded */
        { BYTES("\x1e\6\0\xad\x81\0\0\0\0\0\0\4\0\0\0\0\0\0\0\x30\0\0\0"
                "\1\0\0\0\0\0\0\0ABCDEFGHIJKLMNOP\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\6\0\0\0\0\0\0"
                "\0"),
          4, 6, "", 48 },
        /* python: name of three zeros, flags 5 */
        { BYTES("\x1e\5\0\1\0\0\0\3\0\0\0\0\0\0\4\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0"), 4, 5,
          "", 8 },
        /* mysqlbinlog with --exclude-gtids sends a name */
        { BYTES("\x1e\1\0\0\0\0\0\x0d\0\0\0binlog.000002\4\0\0\0\0\0\0\0\x08\0\0\0"
                "\0\0\0\0\0\0\0\0"),
          4, 1, "binlog.000002", 8 },
        /* a position above 4 GiB */
        { BYTES("\x1e\0\0\1\0\0\0\0\0\0\0\4\0\0\0\1\0\0\0\0\0\0\0"), 0x100000004, 0, "", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command_dump d;
        struct err          e = { 0 };
        assert_int_equal(command_parse_dump(cases[i].payload, &d, &e), 0);
        assert_true(d.by_gtid_set);
        assert_true(d.position == cases[i].position);
        assert_int_equal(d.flags, cases[i].flags);
        assert_string_equal(d.file, cases[i].file);
        assert_int_equal(d.gtid_bytes.len, cases[i].set_bytes);
        for (size_t n = 0; n < cases[i].payload.len; n++)
            assert_int_equal(parse_dump((struct slice){ cases[i].payload.ptr, n }), -1);
        torture(cases[i].payload, parse_dump);
    }
}

static void a_file_name_that_no_file_can_have_is_refused(void **state)
{
    (void)state;
    uint8_t long_name[11 + 600] = { COM_BINLOG_DUMP, 4 };
    memset(long_name + 11, 'n', 600);
    assert_int_equal(parse_dump((struct slice){ long_name, 11 + 511 }), 0);
    assert_int_equal(parse_dump((struct slice){ long_name, 11 + 512 }), -1);
    assert_int_equal(parse_dump((struct slice){ long_name, sizeof long_name }), -1);
}

static void other_commands_are_no_dump(void **state)
{
    (void)state;
    assert_int_equal(parse_dump(BYTES("")), -1);
    assert_int_equal(parse_dump(BYTES("\x15\4\0\0\0\0\0\0\0\0\0")), -1);
    assert_int_equal(parse_register(BYTES("\x12\1\0\0\0\0\0\0\0\0")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_its_text),
        cmocka_unit_test(query_attributes_in_front_are_skipped),
        cmocka_unit_test(query_attributes_that_claim_too_much_are_refused),
        cmocka_unit_test(a_registration_is_read_and_its_password_is_not_kept),
        cmocka_unit_test(a_host_name_can_not_carry_control_characters_into_a_log),
        cmocka_unit_test(dumps_by_position_of_the_recorded_clients_parse),
        cmocka_unit_test(dumps_by_gtid_set_of_the_recorded_clients_parse),
        cmocka_unit_test(a_file_name_that_no_file_can_have_is_refused),
        cmocka_unit_test(other_commands_are_no_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
