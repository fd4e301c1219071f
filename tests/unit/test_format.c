#include "tests/unit/binlog_file.h"
#include <string.h>
#include "protocol/checksum.h"
#include "protocol/format.h"

static const char *const mysql_file = "tests/golden/binlog/mysql-9.7-gtid.binlog";
static const char *const mariadb_file = "tests/golden/binlog/mariadb-10.11-gtid.binlog";

/* A format description as a server of this version writes it; algorithm < 0: an old one without. */
static void put_format(struct buf *b, const char *version, size_t types, int algorithm)
{
    uint8_t text[FORMAT_VERSION_BYTES] = { 0 };
    memcpy(text, version, strlen(version));
    buf_put_le(b, 1700000000, 4);
    buf_put_u8(b, EVENT_FORMAT_DESCRIPTION);
    buf_put_le(b, 7, 4);
    buf_put_le(b, 19 + 57 + types + (algorithm >= 0 ? 5 : 0), 4);
    buf_put_le(b, 120, 4);
    buf_put_le(b, 0, 2);
    buf_put_le(b, 4, 2);
    buf_put(b, (struct slice){ text, sizeof text });
    buf_put_le(b, 1690000000, 4);
    buf_put_u8(b, 19);
    for (size_t i = 0; i < types; i++)
        buf_put_u8(b, (uint8_t)(i + 1));
    if (algorithm < 0)
        return;
    buf_put_u8(b, (uint8_t)algorithm);
    buf_put_le(b, checksum_crc32(0, buf_slice(b)), 4);
}

static int parse_made(const char *version, size_t types, int algorithm, struct format *out,
                      struct err *e)
{
    struct buf b;
    buf_init(&b, 4096);
    put_format(&b, version, types, algorithm);
    int rc = format_parse(buf_slice(&b), out, e);
    buf_done(&b);
    return rc;
}

static void real_servers_are_recognised(void **state)
{
    (void)state;
    struct format f;
    struct event  ev;
    struct err    e = { 0 };

    struct binlog_file my = binlog_file_read(mysql_file);
    assert_true(binlog_file_next(&my, true, &ev));
    assert_int_equal(format_parse(ev.whole, &f, &e), 0);
    assert_string_equal(f.server_version, "9.7.4-2");
    assert_int_equal(f.family, FAMILY_MYSQL);
    assert_int_equal(f.version_number, 90704);
    assert_int_equal(f.created_s, 0);
    assert_true(f.has_crc);
    assert_int_equal(f.header_bytes, 19);
    assert_int_equal(f.type_count, 42);
    assert_int_equal(f.post_header[EVENT_QUERY], 13);
    assert_int_equal(f.post_header[EVENT_GTID], 42);
    assert_int_equal(f.post_header[EVENT_GTID_TAGGED], 0);
    binlog_file_done(&my);

    struct binlog_file ma = binlog_file_read(mariadb_file);
    assert_true(binlog_file_next(&ma, true, &ev));
    assert_int_equal(format_parse(ev.whole, &f, &e), 0);
    assert_int_equal(f.family, FAMILY_MARIADB);
    assert_int_equal(f.version_number, 101119);
    assert_true(f.has_crc);
    assert_int_equal(f.type_count, 171);
    assert_int_equal(f.post_header[EVENT_MARIADB_GTID], 19);
    binlog_file_done(&ma);
}

static void files_of_every_version_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char        *path;
        enum format_family family;
        uint32_t           version;
        bool               has_crc;
    } files[] = {
        { "tests/golden/binlog/mysql-5.5-statements.binlog", FAMILY_MYSQL, 50534, false },
        { "tests/golden/binlog/mysql-5.6-statements.binlog", FAMILY_MYSQL, 50614, true },
        { "tests/golden/binlog/mysql-5.7-statements.binlog", FAMILY_MYSQL, 50722, true },
        { "tests/golden/binlog/mysql-8.0-statements.binlog", FAMILY_MYSQL, 80033, true },
        { "tests/golden/binlog/mysql-9.7-anonymous-nocrc.binlog", FAMILY_MYSQL, 90704, false },
        { "tests/golden/binlog/mariadb-10.2-statements.binlog", FAMILY_MARIADB, 100211, true },
        { "tests/golden/binlog/mariadb-11.8-statements.binlog", FAMILY_MARIADB, 110806, true },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct binlog_file in = binlog_file_read(files[i].path);
        struct event       ev;
        struct format      f;
        struct err         e = { 0 };
        assert_true(binlog_file_next(&in, true, &ev));
        if (format_parse(ev.whole, &f, &e) != 0)
            fail_msg("%s: %s", files[i].path, e.text);
        assert_int_equal(f.family, files[i].family);
        assert_int_equal(f.version_number, files[i].version);
        assert_int_equal(f.has_crc, files[i].has_crc);
        while (binlog_file_next(&in, f.has_crc, &ev))
            assert_true(!f.has_crc || event_verify(ev.whole, &e) == 0);
        binlog_file_done(&in);
    }
}

static void every_version_says_whether_its_events_have_checksums(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        size_t      types;
        int         algorithm; /* -1: before there were checksums */
        bool        has_crc;
    } cases[] = {
        { "5.0.96-log", 27, -1, false },
        { "5.5.34-log", 27, -1, false },
        { "5.6.14-log", 35, 1, true },
        { "5.6.14-log", 35, 0, false },
        { "5.7.22-log", 38, 1, true },
        { "8.0.33", 41, 1, true },
        { "9.7.4-2", 42, 0, false },
        { "5.2.14-MariaDB-log", 27, -1, false },
        { "5.3.12-MariaDB", 163, 1, true },
        { "10.2.11-MariaDB-log", 171, 0, false },
        { "11.8.6-MariaDB-0+deb13u1-log", 171, 1, true },
        { "a server of our own", 42, 1, true },
        { "a server of our own", 27, -1, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct format f;
        struct err    e = { 0 };
        assert_int_equal(parse_made(cases[i].version, cases[i].types, cases[i].algorithm, &f, &e),
                         0);
        assert_string_equal(f.server_version, cases[i].version);
        assert_int_equal(f.has_crc, cases[i].has_crc);
        assert_int_equal(f.type_count, cases[i].types);
        assert_int_equal(f.post_header[0], 0);
        assert_int_equal(f.post_header[27], 27);
        assert_int_equal(f.created_s, 1690000000);
    }
}

static void a_server_with_its_own_version_text_keeps_its_family(void **state)
{
    (void)state;
    struct format f;
    struct err    e = { 0 };
    assert_int_equal(parse_made("10.11.19-ours", 171, 1, &f, &e), 0);
    assert_int_equal(f.family, FAMILY_MARIADB);
    assert_int_equal(parse_made("10.11.19-ours", 42, 1, &f, &e), 0);
    assert_int_equal(f.family, FAMILY_MYSQL);
}

static void what_is_no_format_description_is_refused(void **state)
{
    (void)state;
    struct format f = { .version_number = 7 };
    struct err    e = { 0 };
    struct buf    b;
    buf_init(&b, 4096);

    put_format(&b, "5.5.34-log", 27, -1);
    b.ptr[19] = 3; /* binlog version of MySQL 4.0 */
    assert_int_equal(format_parse(buf_slice(&b), &f, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    b.ptr[19] = 4;
    b.ptr[19 + 56] = 27; /* longer event headers */
    assert_int_equal(format_parse(buf_slice(&b), &f, &e), -1);
    b.ptr[19 + 56] = 19;
    assert_int_equal(format_parse(buf_slice(&b), &f, &e), 0);
    b.ptr[4] = EVENT_IGNORABLE;
    assert_int_equal(format_parse(buf_slice(&b), &f, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    buf_done(&b);

    f.version_number = 7;
    assert_int_equal(parse_made("8.0.33", 41, 2, &f, &e), -1); /* algorithm nobody knows */
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(parse_made("8.0.33", 300, 1, &f, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(parse_made("8.0.33", 3, -1, &f, &e), -1); /* no room for the checksum */
    assert_int_equal(f.version_number, 7);
}

static void every_cut_and_every_flipped_byte_is_refused(void **state)
{
    (void)state;
    struct binlog_file in = binlog_file_read(mysql_file);
    struct event       ev;
    struct format      f;
    struct err         e = { 0 };
    uint8_t            copy[512];
    assert_true(binlog_file_next(&in, true, &ev));
    assert_true(ev.whole.len <= sizeof copy);
    memcpy(copy, ev.whole.ptr, ev.whole.len);
    for (size_t len = 0; len < ev.whole.len; len++)
        assert_int_equal(format_parse((struct slice){ copy, len }, &f, &e), -1);
    for (size_t i = 0; i < ev.whole.len; i++) {
        copy[i] ^= 0x40;
        /* A version text with a flipped letter in it may be unreadable; then the checksum decides
           that there is none, and the event passes as one of an old server. */
        int rc = format_parse((struct slice){ copy, ev.whole.len }, &f, &e);
        assert_true(rc == -1 || !f.has_crc);
        copy[i] ^= 0x40;
    }
    binlog_file_done(&in);
}

static void the_resent_form_has_zeros_and_a_good_checksum(void **state)
{
    (void)state;
    static const char *const files[] = { mysql_file, mariadb_file };
    for (size_t i = 0; i < 2; i++) {
        struct binlog_file in = binlog_file_read(files[i]);
        struct event       ev;
        struct err         e = { 0 };
        struct buf         b;
        struct format      before;
        struct format      f;
        uint8_t            copy[512];
        buf_init(&b, 4096);
        assert_true(binlog_file_next(&in, true, &ev));
        assert_int_equal(format_parse(ev.whole, &before, &e), 0);

        format_put_resent(&b, ev.whole, false, false);
        assert_true(slice_equal(buf_slice(&b), ev.whole)); /* nothing asked, nothing changed */

        memcpy(copy, ev.whole.ptr, ev.whole.len);
        copy[17] |= EVENT_FLAG_IN_USE;
        buf_clear(&b);
        format_put_resent(&b, (struct slice){ copy, ev.whole.len }, false, false);
        assert_true(slice_equal(buf_slice(&b), ev.whole));

        buf_clear(&b);
        format_put_resent(&b, ev.whole, true, true);
        assert_int_equal(event_verify(buf_slice(&b), &e), 0);
        assert_int_equal(format_parse(buf_slice(&b), &f, &e), 0);
        assert_int_equal(event_parse(buf_slice(&b), true, &ev, &e), 0);
        assert_int_equal(ev.source_end, 0);
        assert_int_equal(f.created_s, 0);
        assert_string_equal(f.server_version, before.server_version);
        assert_memory_equal(f.post_header, before.post_header, sizeof f.post_header);
        buf_done(&b);
        binlog_file_done(&in);
    }
}

static size_t read_bytes(const char *path, uint8_t into[512])
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("%s can't be opened", path);
    size_t n = fread(into, 1, 512, in);
    assert_int_equal(fclose(in), 0);
    return n;
}

/* Recorded: the event in the file of a running server, and what the same server sent to a replica
   that asked for a place behind it (MariaDB: by GTID, too, from the start of the file). */
static void the_resent_form_is_that_of_real_servers(void **state)
{
    (void)state;
    static const struct {
        const char *file, *sent;
        bool        zero_log_pos;
    } cases[] = {
        { "mysql-9.7.file", "mysql-9.7.sent", true },
        { "mysql-5.6.file", "mysql-5.6.sent", true },
        { "mariadb-10.11.file", "mariadb-10.11.sent", true },
        { "mariadb-10.11.file", "mariadb-10.11.sent-gtid", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t    file[512];
        uint8_t    sent[512];
        char       path[128];
        struct buf b;
        buf_init(&b, 4096);
        (void)snprintf(path, sizeof path, "tests/golden/format/%s", cases[i].file);
        size_t file_bytes = read_bytes(path, file);
        (void)snprintf(path, sizeof path, "tests/golden/format/%s", cases[i].sent);
        size_t        sent_bytes = read_bytes(path, sent);
        struct format f;
        struct err    e = { 0 };
        assert_int_equal(format_parse((struct slice){ file, file_bytes }, &f, &e), 0);
        format_put_resent(&b, (struct slice){ file, file_bytes }, cases[i].zero_log_pos, true);
        assert_true(slice_equal(buf_slice(&b), (struct slice){ sent, sent_bytes }));
        buf_done(&b);
    }
}

static void a_resent_event_of_an_old_server_keeps_its_last_bytes(void **state)
{
    (void)state;
    struct buf old;
    struct buf b;
    buf_init(&old, 4096);
    buf_init(&b, 4096);
    put_format(&old, "5.5.34-log", 27, -1);
    format_put_resent(&b, buf_slice(&old), true, true);
    assert_int_equal(b.len, old.len);
    assert_memory_equal(b.ptr + 19 + 57, old.ptr + 19 + 57, 27);
    struct cursor c = cursor_over((struct slice){ b.ptr + 13, 4 });
    assert_int_equal(cursor_u32(&c), 0);
    c = cursor_over((struct slice){ b.ptr + 19 + 52, 4 });
    assert_int_equal(cursor_u32(&c), 0);
    buf_done(&old);
    buf_done(&b);
}

static void version_numbers_are_read_from_all_kinds_of_texts(void **state)
{
    (void)state;
    assert_int_equal(format_version_number("9.7.4-2"), 90704);
    assert_int_equal(format_version_number("8.0.33"), 80033);
    assert_int_equal(format_version_number("5.5.34-log"), 50534);
    assert_int_equal(format_version_number("5.5.5-log"), 50505);
    assert_int_equal(format_version_number("10.11.19-MariaDB-log"), 101119);
    assert_int_equal(format_version_number("5.5.5-10.11.19-MariaDB"), 101119);
    assert_int_equal(format_version_number("11.8.6-MariaDB-0+deb13u1"), 110806);
    assert_int_equal(format_version_number(""), 0);
    assert_int_equal(format_version_number("8.0"), 0);
    assert_int_equal(format_version_number("8.0."), 0);
    assert_int_equal(format_version_number("mysql-8.0.33"), 0);
    assert_int_equal(format_version_number("99999999999.1.1"), 0);
    assert_int_equal(format_version_number("8.100.1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_servers_are_recognised),
        cmocka_unit_test(files_of_every_version_are_recognised),
        cmocka_unit_test(every_version_says_whether_its_events_have_checksums),
        cmocka_unit_test(a_server_with_its_own_version_text_keeps_its_family),
        cmocka_unit_test(what_is_no_format_description_is_refused),
        cmocka_unit_test(every_cut_and_every_flipped_byte_is_refused),
        cmocka_unit_test(the_resent_form_has_zeros_and_a_good_checksum),
        cmocka_unit_test(the_resent_form_is_that_of_real_servers),
        cmocka_unit_test(a_resent_event_of_an_old_server_keeps_its_last_bytes),
        cmocka_unit_test(version_numbers_are_read_from_all_kinds_of_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
