#include "protocol/payload.h"
#include "protocol/rows.h"
#include "tests/unit/binlog_file.h"

struct seen {
    uint32_t maps, events, images, columns;
};

/* Decodes every row of one event; the bytes are copied to a block of exactly their size. */
static int decode(const struct format *f, const struct event *ev, struct table_map **map,
                  struct seen *seen, struct err *e)
{
    static struct value values[TABLE_MAP_COLUMNS_MAX];
    struct buf          inflated;
    struct rows         rows;
    int                 result = 0;

    if (ev->type == EVENT_TABLE_MAP) {
        table_map_free(*map);
        *map = NULL;
        seen->maps++;
        return table_map_parse(f, ev, map, e);
    }
    if (!rows_is_event(ev->type) || *map == NULL)
        return 0;
    buf_init(&inflated, INFLATED_MAX);
    result = rows_parse(f, ev, &inflated, &rows, e);
    seen->events++;
    while (result == 0 && rows_more(&rows)) {
        result = rows_next_image(&rows, *map, false, values, e);
        if (result == 0 && rows.kind == ROWS_UPDATE)
            result = rows_next_image(&rows, *map, true, values, e);
        seen->images++;
        seen->columns += rows.column_count;
    }
    buf_done(&inflated);
    return result;
}

static struct seen decode_file(const char *path)
{
    struct binlog_file file = binlog_file_read(path);
    struct format      f = { .has_crc = true, .header_bytes = EVENT_HEADER_BYTES };
    struct table_map  *map = NULL;
    struct seen        seen = { 0 };
    struct event       ev;
    struct err         e = { 0 };

    while (binlog_file_next(&file, f.has_crc, &ev)) {
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            assert_int_equal(format_parse(ev.whole, &f, &e), 0);
        if (decode(&f, &ev, &map, &seen, &e) != 0)
            fail_msg("%s", e.text);
    }
    table_map_free(map);
    binlog_file_done(&file);
    return seen;
}

static void rows_of_every_version_decode(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint32_t    events;
    } files[] = {
        { "tests/golden/debezium/mysql-01_numeric.binlog", 7 },
        { "tests/golden/debezium/mysql-13_keys.binlog", 14 },
        { "tests/golden/debezium/mariadb-01_types.binlog", 5 },
        { "tests/golden/binlog/mariadb-10.11-compressed.binlog", 1 },
        { "tests/golden/binlog/mysql-5.5-statements.binlog", 1 },
        { "tests/golden/binlog/mysql-5.7-statements.binlog", 1 },
        { "tests/golden/binlog/mysql-8.0-statements.binlog", 1 },
        { "tests/golden/binlog/mariadb-10.2-statements.binlog", 1 },
        { "tests/golden/binlog/mariadb-11.8-statements.binlog", 1 },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct seen seen = decode_file(files[i].path);
        if (seen.events < files[i].events || seen.images < seen.events || seen.maps == 0)
            fail_msg("%s: %u events, %u rows", files[i].path, seen.events, seen.images);
    }
}

/* A copy of exactly `n` bytes, so that a sanitizer sees a read behind it. */
static void with_copy(const struct format *f, struct event ev, size_t n, size_t flip,
                      const struct table_map *map)
{
    struct err        e = { 0 };
    struct seen       seen = { 0 };
    struct table_map *none = NULL;
    uint8_t          *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, ev.body.ptr, n);
    if (flip < n)
        copy[flip] ^= 0xff;
    ev.body = (struct slice){ copy, n };
    if (ev.type == EVENT_TABLE_MAP) {
        if (decode(f, &ev, &none, &seen, &e) == 0)
            assert_true(none->column_count <= TABLE_MAP_COLUMNS_MAX);
        table_map_free(none);
    } else {
        struct table_map view = *map;
        none = &view;
        if (decode(f, &ev, &none, &seen, &e) != 0)
            assert_int_not_equal(e.kind, E_OK);
    }
    free(copy);
}

static void every_truncation_and_every_flipped_byte_is_survived(void **state)
{
    (void)state;
    static const char *const files[] = { "tests/golden/debezium/mysql-03_string_binary.binlog",
                                         "tests/golden/debezium/mariadb-01_types.binlog",
                                         "tests/golden/binlog/mariadb-10.11-compressed.binlog" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct binlog_file file = binlog_file_read(files[i]);
        struct format      f = { .has_crc = true, .header_bytes = EVENT_HEADER_BYTES };
        struct table_map  *map = NULL;
        struct seen        seen = { 0 };
        struct event       ev;
        struct err         e = { 0 };
        while (binlog_file_next(&file, f.has_crc, &ev)) {
            if (ev.type == EVENT_FORMAT_DESCRIPTION)
                assert_int_equal(format_parse(ev.whole, &f, &e), 0);
            if (ev.type != EVENT_TABLE_MAP && (!rows_is_event(ev.type) || map == NULL))
                continue;
            for (size_t n = 0; n <= ev.body.len; n++) {
                with_copy(&f, ev, n, SIZE_MAX, map);
                with_copy(&f, ev, ev.body.len, n, map);
            }
            assert_int_equal(decode(&f, &ev, &map, &seen, &e), 0);
        }
        table_map_free(map);
        binlog_file_done(&file);
    }
}

static void a_compressed_transaction_gives_its_events(void **state)
{
    (void)state;
    struct binlog_file file = binlog_file_read("tests/golden/binlog/mysql-9.7-payload.binlog");
    struct format      f = { .has_crc = true, .header_bytes = EVENT_HEADER_BYTES };
    struct event       ev;
    struct err         e = { 0 };
    uint32_t           payloads = 0;

    while (binlog_file_next(&file, f.has_crc, &ev)) {
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            assert_int_equal(format_parse(ev.whole, &f, &e), 0);
        if (ev.type != EVENT_TRANSACTION_PAYLOAD)
            continue;
        struct payload   *p = NULL;
        struct event      inner;
        struct table_map *map = NULL;
        struct seen       seen = { 0 };
        uint8_t           last = 0;
        bool              more = true;
        assert_int_equal(payload_open(&ev, &p, &e), 0);
        for (;;) {
            if (payload_next(p, &inner, &more, &e) != 0)
                fail_msg("%s", e.text);
            if (!more)
                break;
            last = inner.type;
            assert_int_equal(decode(&f, &inner, &map, &seen, &e), 0);
        }
        assert_int_equal(last, EVENT_XID);
        assert_true(seen.images > 0);
        table_map_free(map);
        payload_close(p);
        payloads++;
    }
    assert_true(payloads > 0);
    binlog_file_done(&file);
}

static void a_cut_payload_is_refused(void **state)
{
    (void)state;
    struct binlog_file file = binlog_file_read("tests/golden/binlog/mysql-9.7-payload.binlog");
    struct event       ev;
    struct err         e = { 0 };

    while (binlog_file_next(&file, true, &ev)) {
        if (ev.type != EVENT_TRANSACTION_PAYLOAD)
            continue;
        for (size_t n = 0; n < ev.body.len; n++) {
            struct event    cut = ev;
            struct payload *p = NULL;
            struct event    inner;
            bool            more = true;
            uint8_t         last = 0;
            cut.body.len = n;
            if (payload_open(&cut, &p, &e) != 0)
                continue;
            while (payload_next(p, &inner, &more, &e) == 0 && more)
                last = inner.type;
            payload_close(p);
            assert_int_not_equal(last, EVENT_XID);
        }
    }
    binlog_file_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_version_decode),
        cmocka_unit_test(every_truncation_and_every_flipped_byte_is_survived),
        cmocka_unit_test(a_compressed_transaction_gives_its_events),
        cmocka_unit_test(a_cut_payload_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
