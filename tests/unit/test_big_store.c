/* What it costs to begin anywhere in a store of 10,000 files and 1 TiB, in calls and bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/locate.h"
#include "storage/reader.h"
#include "tests/sim/big_disk.h"
#include "tests/sim/fixture.h"

enum { FILES = 10000, READ_BOUND = 1024 * 1024, CALL_BOUND = 48, MEMORY_BOUND = 64 << 20 };

struct big {
    char            folder[128];
    struct big_disk disk;
    struct store   *store;
};

static void big_begin(struct big *b, enum format_family family)
{
    struct err      e = { 0 };
    struct catalog *catalog;

    fixture_folder(b->folder, sizeof b->folder);
    big_disk_init(&b->disk, family, FILES);
    assert_true((uint64_t)FILES * big_disk_size(&b->disk, 1) >= (uint64_t)1 << 40);
    assert_int_equal(catalog_open(b->folder, false, &catalog, &e), 0);
    big_disk_fill(&b->disk, catalog);
    catalog_close(catalog);
    b->disk.opens = b->disk.reads = b->disk.bytes = b->disk.sizes = 0;
    struct store_options o = { .folder = b->folder, .disk = &b->disk.disk };
    if (store_open(&o, &b->store, &e) != 0)
        fail_msg("%s", e.text);
}

static void big_done(struct big *b)
{
    store_close(b->store);
    big_disk_done(&b->disk);
    fixture_remove(b->folder);
}

static void count_from_here(struct big *b)
{
    b->disk.opens = b->disk.reads = b->disk.bytes = b->disk.sizes = 0;
}

static void check_cost(struct big *b, const char *what)
{
    print_message("%s: %llu files opened, %llu reads, %llu KiB\n", what,
                  (unsigned long long)b->disk.opens, (unsigned long long)b->disk.reads,
                  (unsigned long long)b->disk.bytes / 1024);
    assert_true(b->disk.bytes < READ_BOUND);
    assert_true(b->disk.opens < CALL_BOUND && b->disk.reads < CALL_BOUND);
}

/* Opens a reader there: what was read up to then counts. Then it has to read that transaction. */
static void begin_at(struct big *b, store_pos at, const char *what)
{
    struct err          e = { 0 };
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step;

    assert_int_equal(reader_open(b->store, at, 0, &r, &e), 0);
    check_cost(b, what);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    if (step == READER_PIECE)
        assert_int_equal(piece.pos, at);
    else
        assert_int_equal(at, store_published(b->store));
    reader_close(r);
}

/* Where the transaction of this number begins. */
static store_pos place_of(struct big *b, uint64_t number)
{
    uint32_t ordinal = (uint32_t)((number - 1) / BIG_FILE_TXNS) + 1;
    uint64_t i = (number - 1) % BIG_FILE_TXNS;
    return store_pos_at(ordinal, big_disk_first_txn(&b->disk, ordinal) + i * BIG_TXN_BYTES);
}

/* Transactions at the edges of files and of the store, on checkpoints and between them. */
static const uint64_t numbers[] = {
    1,
    2,
    BIG_FILE_TXNS - 1,
    BIG_FILE_TXNS,
    BIG_FILE_TXNS + 1,
    (uint64_t)BIG_FILE_TXNS * 1234 + 567,
    (uint64_t)BIG_FILE_TXNS * 5000 + 1679,
    (uint64_t)BIG_FILE_TXNS * 7777 + 4,
    (uint64_t)BIG_FILE_TXNS *(FILES - 1) + 1,
    (uint64_t)BIG_FILE_TXNS *FILES - 1,
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static void by_gtids(enum format_family family)
{
    struct big b;

    big_begin(&b, family);
    for (size_t i = 0; i < NUMBERS; i++) {
        struct err         e = { 0 };
        struct gtids       have = { 0 };
        struct locate_gtid found;
        char               text[128];

        big_disk_gtids(&b.disk, numbers[i] - 1, text);
        assert_int_equal(gtids_parse(&have, slice_of_text(text), &e), 0);
        count_from_here(&b);
        int result = family == FAMILY_MARIADB ? locate_gtid_state(b.store, &have.state, &found, &e)
                                              : locate_gtid_set(b.store, &have.set, &found, &e);
        if (result != 0)
            fail_msg("%s: %s", text, e.text);
        store_pos expected = place_of(&b, numbers[i]);
        assert_int_equal(found.first, expected);
        begin_at(&b, found.first, text);
        gtids_done(&have);
    }
    big_done(&b);
}

static void a_gtid_set_is_found_with_little_reading(void **state)
{
    (void)state;
    by_gtids(FAMILY_MYSQL);
}

static void a_gtid_state_is_found_with_little_reading(void **state)
{
    (void)state;
    by_gtids(FAMILY_MARIADB);
}

static void a_position_is_found_with_little_reading(void **state)
{
    struct big b;

    (void)state;
    big_begin(&b, FAMILY_MYSQL);
    for (size_t i = 0; i < NUMBERS; i++) {
        struct err e = { 0 };
        store_pos  at = place_of(&b, numbers[i]);
        store_pos  found;
        char       name[STORE_NAME_BYTES + 1];

        big_disk_name(store_pos_ordinal(at), name);
        count_from_here(&b);
        assert_int_equal(locate_position(b.store, name, store_pos_offset(at), &found, &e), 0);
        assert_int_equal(found, at);
        begin_at(&b, found, name);
    }
    big_done(&b);
}

static void a_time_is_found_with_little_reading(void **state)
{
    struct big b;

    (void)state;
    big_begin(&b, FAMILY_MARIADB);
    for (size_t i = 0; i < NUMBERS; i++) {
        struct err e = { 0 };
        store_pos  found;
        char       text[64];

        count_from_here(&b);
        assert_int_equal(locate_time(b.store, big_disk_time(numbers[i]), &found, &e), 0);
        assert_int_equal(found, place_of(&b, numbers[i]) + BIG_TXN_BYTES);
        (void)snprintf(text, sizeof text, "time %u", big_disk_time(numbers[i]));
        begin_at(&b, found, text);
    }
    big_done(&b);
}

/* A start asks each file's size once, and reads the end of the last one. */
static void a_start_reads_the_last_file_only(void **state)
{
    struct big b;

    (void)state;
    big_begin(&b, FAMILY_MYSQL);
    print_message("start: %llu files looked for, %llu opened, %llu reads, %llu KiB\n",
                  (unsigned long long)b.disk.sizes, (unsigned long long)b.disk.opens,
                  (unsigned long long)b.disk.reads, (unsigned long long)b.disk.bytes / 1024);
    assert_true(b.disk.sizes <= FILES + 1 && b.disk.opens < CALL_BOUND);
    assert_true(b.disk.reads < CALL_BOUND && b.disk.bytes < READ_BOUND);
    assert_true(store_published(b.store) == store_pos_at(FILES, big_disk_size(&b.disk, FILES)));
    assert_true(sizeof(struct store_file) * FILES * 2 < MEMORY_BOUND); /* the table may double */
    big_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gtid_set_is_found_with_little_reading),
        cmocka_unit_test(a_gtid_state_is_found_with_little_reading),
        cmocka_unit_test(a_position_is_found_with_little_reading),
        cmocka_unit_test(a_time_is_found_with_little_reading),
        cmocka_unit_test(a_start_reads_the_last_file_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
