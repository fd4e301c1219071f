#include "tests/unit/binlog_file.h"
#include <inttypes.h>
#include <string.h>
#include "protocol/gtid.h"

#define A "11111111-1111-1111-1111-111111111111"
#define B "22222222-2222-2222-2222-222222222222"

static struct gtid_set set_of(const char *text)
{
    struct gtid_set s = { 0 };
    struct err      e = { 0 };
    if (gtid_set_parse(&s, slice_of_text(text), &e) != 0)
        fail_msg("%s: %s", text, e.text);
    return s;
}

/* The invariant of the header: ascending, apart, counted, nothing empty. */
static void assert_sound(const struct gtid_set *s)
{
    size_t intervals = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct gtid_line *l = &s->lines[i];
        assert_true(l->count > 0);
        intervals += l->count;
        if (i > 0) {
            int order = memcmp(l[-1].uuid, l->uuid, UUID_BYTES);
            assert_true(order < 0 || (order == 0 && strcmp(l[-1].tag, l->tag) < 0));
        }
        for (size_t k = 0; k < l->count; k++) {
            assert_true(l->intervals[k].first >= 1);
            assert_true(l->intervals[k].first <= l->intervals[k].last);
            assert_true(k == 0 || l->intervals[k - 1].last + 1 < l->intervals[k].first);
        }
    }
    assert_int_equal(intervals, s->intervals);
}

static void assert_text(const struct gtid_set *s, const char *expected)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    gtid_set_put_text(s, &b, false);
    assert_string_equal(buf_text(&b), expected);
    buf_done(&b);
    assert_sound(s);
}

static void assert_parsed(const char *text, const char *expected)
{
    struct gtid_set s = set_of(text);
    assert_text(&s, expected);
    gtid_set_done(&s);
}

static void text_comes_back_in_order_and_joined(void **state)
{
    (void)state;
    assert_parsed("", "");
    assert_parsed(" \n", "");
    assert_parsed(A ":1", A ":1");
    assert_parsed(A ":1-5:7", A ":1-5:7");
    assert_parsed(A ":7:1-3:4:5", A ":1-5:7");
    assert_parsed(A ":1-10:3-4:2-12", A ":1-12");
    assert_parsed(B ":1," A ":2", A ":2," B ":1");
    assert_parsed(A ":5," B ":9," A ":1-4", A ":1-5," B ":9");
    assert_parsed(",, " A " : 1 - 3 : 5 ,\n" B ":1,", A ":1-3:5," B ":1");
    assert_parsed("AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE:1",
                  "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:1");
    assert_parsed(A ":9223372036854775806", A ":9223372036854775806");
}

static void tags_stand_behind_the_untagged_of_their_uuid(void **state)
{
    (void)state;
    assert_parsed(A ":1-3:tag:1-5:Tag2:7", A ":1-3:tag:1-5:tag2:7");
    assert_parsed(A ":tag:4", A ":tag:4");
    assert_parsed(A ":zebra:1:ape:2:3," A ":9", A ":9:ape:2-3:zebra:1");
    assert_parsed(A ":_:1", A ":_:1");
    assert_parsed(A ": tag : 4 - 5", A ":tag:4-5");
    assert_parsed(A ":abcdefghijklmnopqrstuvwxyz_01234:1", A ":abcdefghijklmnopqrstuvwxyz_01234:1");
}

static void what_is_no_set_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "x",
        A,
        A ":",
        A ":0",
        A ":5-3",
        A ":1-",
        A ":-1",
        A ":1:",
        A ":1 2",
        A ":1;" B ":1",
        A ":1" B ":1",
        A ":tag",
        A ":1:tag",
        A ":1:tag:other:2",
        A ":abcdefghijklmnopqrstuvwxyz_0123456:1", /* 33 */
        A ":t-g:1",
        A ":9223372036854775807",
        A ":18446744073709551617",
        A ":99999999999999999999999",
        "11111111-1111-1111-1111-11111111111:1",
        "11111111111111111111111111111111:1",
        "g1111111-1111-1111-1111-111111111111:1",
        "0-1-5",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct gtid_set s = set_of(B ":42");
        struct err      e = { 0 };
        if (gtid_set_parse(&s, slice_of_text(refused[i]), &e) == 0)
            fail_msg("taken: %s", refused[i]);
        assert_int_equal(e.kind, E_PROTOCOL);
        assert_text(&s, B ":42");
        gtid_set_done(&s);
    }
}

static void newlines_part_uuids_as_servers_print_them(void **state)
{
    (void)state;
    struct gtid_set s = set_of(A ":1:x:2," B ":1");
    struct buf      b;
    buf_init(&b, 4096);
    gtid_set_put_text(&s, &b, true);
    assert_string_equal(buf_text(&b), A ":1:x:2,\n" B ":1");
    buf_done(&b);
    gtid_set_done(&s);
}

static void adding_keeps_intervals_apart(void **state)
{
    (void)state;
    static const struct {
        uint64_t    first, last;
        const char *after;
    } steps[] = {
        { 10, 10, A ":10" },
        { 11, 11, A ":10-11" },
        { 12, 20, A ":10-20" },
        { 30, 40, A ":10-20:30-40" },
        { 15, 17, A ":10-20:30-40" },
        { 50, 60, A ":10-20:30-40:50-60" },
        { 22, 28, A ":10-20:22-28:30-40:50-60" },
        { 21, 21, A ":10-28:30-40:50-60" },
        { 29, 49, A ":10-60" },
        { 1, 1, A ":1:10-60" },
        { 9, 9, A ":1:9-60" },
        { 62, 62, A ":1:9-60:62" },
        { 2, 61, A ":1-62" },
        { 1, 100, A ":1-100" },
    };
    struct gtid_set s = { 0 };
    struct err      e = { 0 };
    uint8_t         uuid[UUID_BYTES];
    memset(uuid, 0x11, sizeof uuid);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(gtid_set_add_range(&s, uuid, "", steps[i].first, steps[i].last, &e), 0);
        assert_text(&s, steps[i].after);
    }
    assert_int_equal(gtid_set_add_range(&s, uuid, "", 0, 1, &e), -1);
    assert_int_equal(gtid_set_add_range(&s, uuid, "", 5, 4, &e), -1);
    assert_int_equal(gtid_set_add_range(&s, uuid, "", 5, GTID_NUMBER_MAX + 1, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    memset(uuid, 0x33, sizeof uuid);
    assert_int_equal(gtid_set_add_range(&s, uuid, "", 0, 1, &e), -1); /* and leaves no line */
    assert_text(&s, A ":1-100");
    gtid_set_done(&s);
}

static void set_arithmetic_is_that_of_sets(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *sum, *difference;
        bool        b_in_a;
    } cases[] = {
        { "", "", "", "", true },
        { A ":1-5", "", A ":1-5", A ":1-5", true },
        { "", A ":1-5", A ":1-5", "", false },
        { A ":1-5", A ":1-5", A ":1-5", "", true },
        { A ":1-10", A ":3-4:6", A ":1-10", A ":1-2:5:7-10", true },
        { A ":1-10", A ":1:10", A ":1-10", A ":2-9", true },
        { A ":3-4:6", A ":1-10", A ":1-10", "", false },
        { A ":1-3:7-9", A ":3-7", A ":1-9", A ":1-2:8-9", false },
        { A ":1-3:7-9", A ":4-6", A ":1-9", A ":1-3:7-9", false },
        { A ":1-3:5-7:9-11", A ":2-10", A ":1-11", A ":1:11", false },
        { A ":1-9", B ":1-9", A ":1-9," B ":1-9", A ":1-9", false },
        { A ":1-9," B ":1", A ":2:4:6", A ":1-9," B ":1", A ":1:3:5:7-9," B ":1", true },
        { A ":1-5:t:1-5", A ":2:t:3", A ":1-5:t:1-5", A ":1:3-5:t:1-2:4-5", true },
        { A ":1-5", A ":t:3", A ":1-5:t:3", A ":1-5", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err      e = { 0 };
        struct gtid_set a = set_of(cases[i].a);
        struct gtid_set b = set_of(cases[i].b);
        struct gtid_set r = { 0 };
        assert_int_equal(gtid_set_copy(&r, &a, &e), 0);
        assert_true(gtid_set_equal(&r, &a));
        assert_int_equal(gtid_set_unite(&r, &b, &e), 0);
        assert_text(&r, cases[i].sum);
        assert_true(gtid_set_is_subset(&a, &r));
        assert_true(gtid_set_is_subset(&b, &r));
        assert_int_equal(gtid_set_copy(&r, &a, &e), 0);
        assert_int_equal(gtid_set_subtract(&r, &b, &e), 0);
        assert_text(&r, cases[i].difference);
        assert_int_equal(gtid_set_is_subset(&b, &a), cases[i].b_in_a);
        assert_int_equal(gtid_set_equal(&a, &b), strcmp(cases[i].a, cases[i].b) == 0);
        assert_int_equal(gtid_set_unite(&a, &a, &e), 0); /* with itself */
        assert_text(&a, cases[i].a);
        assert_int_equal(gtid_set_subtract(&a, &a, &e), 0);
        assert_true(gtid_set_is_empty(&a));
        gtid_set_done(&a);
        gtid_set_done(&b);
        gtid_set_done(&r);
    }
}

static void contains_asks_for_uuid_tag_and_number(void **state)
{
    (void)state;
    struct gtid_set s = set_of(A ":2-4:8:t:5");
    struct gtid     g = { .kind = GTID_MYSQL };
    memset(g.uuid, 0x11, sizeof g.uuid);
    for (g.number = 1; g.number < 12; g.number++)
        assert_int_equal(gtid_set_contains(&s, &g),
                         (g.number >= 2 && g.number <= 4) || g.number == 8);
    g.tag[0] = 't';
    g.number = 5;
    assert_true(gtid_set_contains(&s, &g));
    g.number = 2;
    assert_false(gtid_set_contains(&s, &g));
    g.uuid[0] = 0;
    assert_false(gtid_set_contains(&s, &g));
    assert_false(gtid_set_contains(&s, &(struct gtid){ .kind = GTID_NONE }));
    gtid_set_done(&s);
}

/* A set over two UUIDs and one tag as three rows of bits, to compare with. */
enum { BITS = 64, ROWS = 3 };
struct model {
    bool has[ROWS][BITS + 2];
};

static struct gtid model_gtid(unsigned row, uint64_t number)
{
    struct gtid g = { .kind = GTID_MYSQL, .number = number };
    memset(g.uuid, row == 2 ? 2 : 1, sizeof g.uuid);
    if (row == 1)
        g.tag[0] = 'x';
    return g;
}

static void assert_like(const struct gtid_set *s, const struct model *m)
{
    assert_sound(s);
    for (unsigned row = 0; row < ROWS; row++)
        for (uint64_t n = 1; n <= BITS; n++) {
            struct gtid g = model_gtid(row, n);
            assert_int_equal(gtid_set_contains(s, &g), m->has[row][n]);
        }
}

static void random_changes_agree_with_a_plain_model(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 20261;
    print_message("TEST_SEED=%u\n", seed);
    for (unsigned round = 0; round < 300; round++) {
        struct gtid_set sets[2] = { { 0 }, { 0 } };
        struct model    models[2] = { 0 };
        struct err      e = { 0 };
        for (unsigned step = 0; step < 40; step++) {
            unsigned    which = (unsigned)rand_r(&seed) % 2;
            unsigned    row = (unsigned)rand_r(&seed) % ROWS;
            uint64_t    first = 1 + (uint64_t)rand_r(&seed) % BITS;
            uint64_t    last = first + (uint64_t)rand_r(&seed) % 8;
            struct gtid g = model_gtid(row, first);
            last = last > BITS ? BITS : last;
            assert_int_equal(gtid_set_add_range(&sets[which], g.uuid, g.tag, first, last, &e), 0);
            for (uint64_t n = first; n <= last; n++)
                models[which].has[row][n] = true;
        }
        assert_like(&sets[0], &models[0]);
        bool inside = true;
        for (unsigned row = 0; row < ROWS; row++)
            for (unsigned n = 1; n <= BITS; n++)
                inside &= !models[1].has[row][n] || models[0].has[row][n];
        assert_int_equal(gtid_set_is_subset(&sets[1], &sets[0]), inside);

        bool subtract = rand_r(&seed) % 2 != 0;
        for (unsigned row = 0; row < ROWS; row++)
            for (unsigned n = 1; n <= BITS; n++)
                models[0].has[row][n] = subtract ? models[0].has[row][n] && !models[1].has[row][n]
                                                 : models[0].has[row][n] || models[1].has[row][n];
        assert_int_equal(subtract ? gtid_set_subtract(&sets[0], &sets[1], &e)
                                  : gtid_set_unite(&sets[0], &sets[1], &e),
                         0);
        assert_like(&sets[0], &models[0]);

        struct buf      text;
        struct gtid_set again = { 0 };
        buf_init(&text, 1 << 16);
        gtid_set_put_text(&sets[0], &text, true);
        assert_int_equal(gtid_set_parse(&again, buf_slice(&text), &e), 0);
        assert_true(gtid_set_equal(&again, &sets[0]));
        buf_clear(&text);
        gtid_set_encode(&sets[0], &text);
        assert_int_equal(gtid_set_decode(&again, buf_slice(&text), &e), 0);
        assert_true(gtid_set_equal(&again, &sets[0]));
        buf_done(&text);
        gtid_set_done(&again);
        gtid_set_done(&sets[0]);
        gtid_set_done(&sets[1]);
    }
}

/* Untagged "B:1,A:3-7" (a client's order), then the same in the tagged form with A's tag "t". */
static const uint8_t untagged_bytes[] = {
    2,    0,    0,    0,    0,    0,    0,    0,    0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
    0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 1,    0,    0,    0,    0,    0,
    0,    0,    1,    0,    0,    0,    0,    0,    0,    0,    2,    0,    0,    0,    0,
    0,    0,    0,    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
    0x11, 0x11, 0x11, 0x11, 1,    0,    0,    0,    0,    0,    0,    0,    3,    0,    0,
    0,    0,    0,    0,    0,    8,    0,    0,    0,    0,    0,    0,    0,
};
static const uint8_t tagged_bytes[] = {
    1,    2,    0,    0,    0,    0,    0,    1,    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 2,    't',  1,    0,    0,    0,    0,    0,
    0,    0,    3,    0,    0,    0,    0,    0,    0,    0,    8,    0,    0,    0,    0,    0,
    0,    0,    0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
    0x22, 0x22, 0,    1,    0,    0,    0,    0,    0,    0,    0,    1,    0,    0,    0,    0,
    0,    0,    0,    2,    0,    0,    0,    0,    0,    0,    0,
};

static void binary_sets_of_both_forms_decode_in_any_order(void **state)
{
    (void)state;
    struct gtid_set s = { 0 };
    struct err      e = { 0 };
    assert_int_equal(
        gtid_set_decode(&s, (struct slice){ untagged_bytes, sizeof untagged_bytes }, &e), 0);
    assert_text(&s, A ":3-7," B ":1");
    assert_int_equal(gtid_set_decode(&s, (struct slice){ tagged_bytes, sizeof tagged_bytes }, &e),
                     0);
    assert_text(&s, A ":t:3-7," B ":1");
    struct buf b;
    buf_init(&b, 4096);
    gtid_set_encode(&s, &b);
    assert_true(slice_equal(buf_slice(&b), (struct slice){ tagged_bytes, sizeof tagged_bytes }));
    buf_done(&b);
    gtid_set_done(&s);
}

static void every_cut_of_a_binary_set_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct gtid_set s = set_of(B ":42");
    struct err      e = { 0 };
    for (size_t len = 0; len < sizeof untagged_bytes; len++)
        assert_int_equal(gtid_set_decode(&s, (struct slice){ untagged_bytes, len }, &e), -1);
    for (size_t len = 0; len < sizeof tagged_bytes; len++)
        assert_int_equal(gtid_set_decode(&s, (struct slice){ tagged_bytes, len }, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    uint8_t longer[sizeof untagged_bytes + 1] = { 0 };
    memcpy(longer, untagged_bytes, sizeof untagged_bytes);
    assert_int_equal(gtid_set_decode(&s, (struct slice){ longer, sizeof longer }, &e), -1);
    longer[7] = 2; /* a form nobody told us about */
    assert_int_equal(gtid_set_decode(&s, (struct slice){ longer, sizeof untagged_bytes }, &e), -1);
    longer[7] = 0;
    longer[40] = 1; /* the end is exclusive: an empty interval */
    assert_int_equal(gtid_set_decode(&s, (struct slice){ longer, sizeof untagged_bytes }, &e), -1);
    longer[40] = 0;
    assert_int_equal(gtid_set_decode(&s, (struct slice){ longer, sizeof untagged_bytes }, &e), -1);
    assert_text(&s, B ":42");
    gtid_set_done(&s);
}

static void assert_previous(const char *path, unsigned skip, const char *expected)
{
    struct binlog_file f = binlog_file_read(path);
    struct event       ev;
    struct gtids       g = { 0 };
    struct err         e = { 0 };
    struct buf         b;
    bool               has_crc = strstr(path, "nocrc") == NULL;
    for (unsigned i = 0; i <= skip; i++)
        assert_true(binlog_file_next(&f, has_crc, &ev));
    assert_int_equal(gtids_take_event(&g, &ev, &e), 0);
    buf_init(&b, 4096);
    gtids_put_text(&g, &b);
    assert_string_equal(buf_text(&b), expected);
    if (ev.type == EVENT_PREVIOUS_GTIDS) {
        buf_clear(&b);
        gtid_set_encode(&g.set, &b);
        assert_true(slice_equal(buf_slice(&b), ev.body));
    }
    buf_done(&b);
    gtids_done(&g);
    binlog_file_done(&f);
}

static void what_real_files_begin_with_is_read_and_written_alike(void **state)
{
    (void)state;
    assert_previous("tests/golden/binlog/mysql-9.7-statements.binlog", 1, "");
    assert_previous("tests/golden/binlog/mysql-9.7-anonymous-nocrc.binlog", 1, "");
    assert_previous("tests/golden/binlog/mysql-9.7-tagged.binlog", 1,
                    "fd189116-e59d-11f1-bb15-02fc00000001:1-26");
    assert_previous("tests/golden/binlog/mysql-9.7-payload.binlog", 1,
                    "11111111-2222-3333-4444-555555555555:900000000000,"
                    "fd189116-e59d-11f1-bb15-02fc00000001:1-27"
                    ":a_tag_that_is_just_as_long_as_32:1:blue:1-3:red:500");
    assert_previous("tests/golden/binlog/mariadb-10.11-compressed.binlog", 1, "0-27487-29,7-99-2");
    assert_previous("tests/golden/binlog/mariadb-10.11-statements.binlog", 1, "");
    assert_previous("tests/golden/binlog/mariadb-10.11-statements.binlog", 2, "");
}

/* Every second number, so that each is an interval of its own. */
static void the_bound_holds_and_hostile_order_stays_cheap(void **state)
{
    (void)state;
    struct buf b;
    struct err e = { 0 };
    buf_init(&b, 64 << 20);
    buf_put_le(&b, 1, 8);
    buf_put(&b, (struct slice){ (const uint8_t *)"0123456789abcdef", UUID_BYTES });
    buf_put_le(&b, GTID_INTERVALS_MAX, 8);
    for (uint64_t i = GTID_INTERVALS_MAX; i > 0; i--) {
        buf_put_le(&b, i * 2, 8);
        buf_put_le(&b, i * 2 + 1, 8);
    }
    struct gtid_set s = { 0 };
    assert_int_equal(gtid_set_decode(&s, buf_slice(&b), &e), 0);
    assert_int_equal(s.intervals, GTID_INTERVALS_MAX);
    assert_sound(&s);

    const uint8_t *uuid = s.lines[0].uuid;
    uint8_t        other[UUID_BYTES] = { 0 };
    assert_int_equal(gtid_set_add_range(&s, uuid, "", 1, 2, &e), 0); /* none more */
    assert_int_equal(
        gtid_set_add_range(&s, uuid, "", 10 * GTID_INTERVALS_MAX, 10 * GTID_INTERVALS_MAX, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    assert_int_equal(gtid_set_add_range(&s, other, "", 1, 1, &e), -1);
    assert_int_equal(s.count, 1);
    struct gtid_set one = set_of(A ":1");
    assert_int_equal(gtid_set_unite(&s, &one, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    assert_int_equal(s.intervals, GTID_INTERVALS_MAX);
    gtid_set_done(&one);
    gtid_set_done(&s);

    buf_clear(&b);
    buf_put_le(&b, 1, 8);
    buf_put(&b, (struct slice){ (const uint8_t *)"0123456789abcdef", UUID_BYTES });
    buf_put_le(&b, GTID_INTERVALS_MAX + 1, 8);
    for (uint64_t i = 1; i <= GTID_INTERVALS_MAX + 1; i++) {
        buf_put_le(&b, i * 2, 8);
        buf_put_le(&b, i * 2 + 1, 8);
    }
    assert_int_equal(gtid_set_decode(&s, buf_slice(&b), &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    buf_done(&b);
}

/* One line for each interval, descending: each would be put in front of all the others. */
static void many_lines_in_the_worst_order_stay_cheap(void **state)
{
    (void)state;
    enum { LINES = 200000 };
    struct buf b;
    struct err e = { 0 };
    buf_init(&b, 64 << 20);
    buf_put_le(&b, LINES, 8);
    for (uint64_t i = LINES; i > 0; i--) {
        uint64_t name[2] = { htobe64(i), 0 };
        buf_put(&b, (struct slice){ (const uint8_t *)name, sizeof name });
        buf_put_le(&b, 1, 8);
        buf_put_le(&b, 1, 8);
        buf_put_le(&b, 2, 8);
    }
    struct gtid_set s = { 0 };
    assert_int_equal(gtid_set_decode(&s, buf_slice(&b), &e), 0);
    assert_int_equal(s.count, LINES);
    assert_sound(&s);
    gtid_set_done(&s);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_in_order_and_joined),
        cmocka_unit_test(tags_stand_behind_the_untagged_of_their_uuid),
        cmocka_unit_test(what_is_no_set_is_refused_and_changes_nothing),
        cmocka_unit_test(newlines_part_uuids_as_servers_print_them),
        cmocka_unit_test(adding_keeps_intervals_apart),
        cmocka_unit_test(set_arithmetic_is_that_of_sets),
        cmocka_unit_test(contains_asks_for_uuid_tag_and_number),
        cmocka_unit_test(random_changes_agree_with_a_plain_model),
        cmocka_unit_test(binary_sets_of_both_forms_decode_in_any_order),
        cmocka_unit_test(every_cut_of_a_binary_set_is_refused_and_changes_nothing),
        cmocka_unit_test(what_real_files_begin_with_is_read_and_written_alike),
        cmocka_unit_test(the_bound_holds_and_hostile_order_stays_cheap),
        cmocka_unit_test(many_lines_in_the_worst_order_stay_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
