#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>
#include "storage/catalog.h"
#include "tests/sim/fixture.h"

struct open_catalog {
    char            folder[128];
    struct catalog *c;
};

static void begin(struct open_catalog *o)
{
    struct err e = { 0 };
    fixture_folder(o->folder, sizeof o->folder);
    assert_int_equal(catalog_open(o->folder, false, &o->c, &e), 0);
}

static void reopen(struct open_catalog *o)
{
    struct err e = { 0 };
    catalog_close(o->c);
    assert_int_equal(catalog_open(o->folder, false, &o->c, &e), 0);
}

static void done(struct open_catalog *o)
{
    catalog_close(o->c);
    fixture_remove(o->folder);
}

static int check_row(void *arg, const struct store_file *f, struct err *e)
{
    uint32_t *count = arg;
    char      name[64];
    (void)e;
    ++*count;
    (void)snprintf(name, sizeof name, "bin.%06u", *count);
    assert_int_equal(f->ordinal, *count);
    assert_string_equal(f->name, name);
    assert_string_equal(f->source_file, "x.000001");
    assert_string_equal(f->source.name, "a");
    assert_string_equal(f->source.uuid, "uuid");
    assert_string_equal(f->source.version, "10.11");
    assert_int_equal(f->source.server_id, 4294967295u);
    assert_int_equal(f->source.family, FAMILY_MARIADB);
    assert_int_equal(f->epoch, 3);
    assert_int_equal(f->sealed, *count != 3);
    assert_int_equal(f->size, *count != 3 ? 1ull << 39 : 0);
    assert_int_equal(f->created_s, 7);
    assert_int_equal(f->last_s, 9);
    return 0;
}

static void rows_of_files_come_back_in_order(void **state)
{
    (void)state;
    struct open_catalog o;
    struct err          e = { 0 };
    uint32_t            count = 0;
    struct store_file   f = { .epoch = 3,
                              .size = 1ull << 39,
                              .created_s = 7,
                              .last_s = 9,
                              .source = { .name = "a",
                                          .uuid = "uuid",
                                          .version = "10.11",
                                          .server_id = 4294967295u,
                                          .family = FAMILY_MARIADB },
                              .source_file = "x.000001" };
    begin(&o);
    for (uint32_t i = 3; i >= 1; i--) {
        f.ordinal = i;
        f.sealed = i != 3;
        (void)snprintf(f.name, sizeof f.name, "bin.%06u", i);
        assert_int_equal(catalog_put_file(o.c, &f, &e), 0);
        assert_int_equal(catalog_put_file(o.c, &f, &e), 0); /* again: replaced */
    }
    reopen(&o);
    assert_int_equal(catalog_each_file(o.c, check_row, &count, &e), 0);
    assert_int_equal(count, 3);
    done(&o);
}

static int count_row(void *arg, const struct store_file *f, struct err *e)
{
    (void)f;
    (void)e;
    ++*(uint32_t *)arg;
    return 0;
}

static void several_rows_are_put_at_once(void **state)
{
    (void)state;
    struct open_catalog o;
    struct err          e = { 0 };
    uint32_t            count = 0;
    struct store_file   two[2] = { { .ordinal = 1, .name = "a" }, { .ordinal = 2, .name = "b" } };

    begin(&o);
    assert_int_equal(catalog_put_files(o.c, two, 2, &e), 0);
    reopen(&o);
    assert_int_equal(catalog_each_file(o.c, count_row, &count, &e), 0);
    assert_int_equal(count, 2);
    done(&o);
}

static void the_start_is_kept(void **state)
{
    (void)state;
    struct open_catalog o;
    struct err          e = { 0 };
    store_pos           at = 1;

    begin(&o);
    assert_int_equal(catalog_get_start(o.c, &at, &e), 0);
    assert_int_equal(at, 0);
    store_pos far = store_pos_at(STORE_ORDINAL_MAX, STORE_OFFSET_MAX);
    assert_int_equal(catalog_put_start(o.c, far, &e), 0);
    reopen(&o);
    assert_int_equal(catalog_get_start(o.c, &at, &e), 0);
    assert_int_equal(at, far);
    done(&o);
}

static void checkpoints_are_one_a_publisher(void **state)
{
    (void)state;
    struct open_catalog       o;
    struct err                e = { 0 };
    struct catalog_checkpoint in = { .next = 1, .sink_bytes = 2, .events = 3 };
    struct catalog_checkpoint got;

    begin(&o);
    assert_int_equal(catalog_get_checkpoint(o.c, "p", &got, &e), 0);
    assert_int_equal(catalog_put_checkpoint(o.c, "p", &in, &e), 0);
    in.next = 7;
    assert_int_equal(catalog_put_checkpoint(o.c, "p", &in, &e), 0);
    in.next = 9;
    assert_int_equal(catalog_put_checkpoint(o.c, "q", &in, &e), 0);
    reopen(&o);
    assert_int_equal(catalog_get_checkpoint(o.c, "p", &got, &e), 1);
    assert_int_equal(got.next, 7);
    assert_int_equal(got.sink_bytes, 2);
    assert_int_equal(got.events, 3);
    assert_int_equal(catalog_get_checkpoint(o.c, "r", &got, &e), 0);
    done(&o);
}

static void a_definition_holds_from_its_place_on(void **state)
{
    (void)state;
    struct open_catalog o;
    struct err          e = { 0 };
    struct buf          text;

    begin(&o);
    buf_init(&text, 1000);
    assert_int_equal(catalog_put_definition(o.c, "d", "t", store_pos_at(1, 100), "first", &e), 0);
    assert_int_equal(catalog_put_definition(o.c, "d", "t", store_pos_at(2, 50), "second", &e), 0);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(1, 99), &text, &e), 0);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(1, 100), &text, &e), 1);
    assert_string_equal(buf_text(&text), "first");
    buf_clear(&text);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(2, 49), &text, &e), 1);
    assert_string_equal(buf_text(&text), "first");
    buf_clear(&text);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(9, 4), &text, &e), 1);
    assert_string_equal(buf_text(&text), "second");
    assert_int_equal(catalog_get_definition(o.c, "d", "u", store_pos_at(9, 4), &text, &e), 0);
    buf_done(&text);
    done(&o);
}

static void forgotten_files_take_the_definitions_that_were_replaced_with_them(void **state)
{
    (void)state;
    struct open_catalog o;
    struct err          e = { 0 };
    struct buf          text;

    begin(&o);
    buf_init(&text, 1000);
    assert_int_equal(catalog_put_definition(o.c, "d", "t", store_pos_at(1, 100), "first", &e), 0);
    assert_int_equal(catalog_put_definition(o.c, "d", "t", store_pos_at(2, 50), "second", &e), 0);
    assert_int_equal(catalog_put_definition(o.c, "d", "t", store_pos_at(4, 50), "third", &e), 0);
    assert_int_equal(catalog_put_definition(o.c, "d", "u", store_pos_at(1, 4), "old", &e), 0);
    assert_int_equal(catalog_forget_files(o.c, 3, &e), 0);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(2, 49), &text, &e), 0);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(3, 4), &text, &e), 1);
    assert_string_equal(buf_text(&text), "second");
    buf_clear(&text);
    assert_int_equal(catalog_get_definition(o.c, "d", "t", store_pos_at(5, 4), &text, &e), 1);
    assert_string_equal(buf_text(&text), "third");
    buf_clear(&text);
    assert_int_equal(catalog_get_definition(o.c, "d", "u", store_pos_at(3, 4), &text, &e), 1);
    assert_string_equal(buf_text(&text), "old");
    buf_done(&text);
    done(&o);
}

static int count_consumer(void *arg, const struct catalog_consumer *x, struct err *e)
{
    struct catalog_consumer *list = arg;
    (void)e;
    while (list->name[0] != 0)
        list++;
    *list = *x;
    return 0;
}

static void consumers_are_kept_until_they_are_forgotten(void **state)
{
    (void)state;
    struct open_catalog                  o;
    struct err                           e = { 0 };
    struct catalog_consumer              found[4] = { 0 };
    static const struct catalog_consumer two[] = {
        { .name = "repl/7",
          .user = "repl",
          .address = "127.0.0.1:1",
          .server_id = 4294967295u,
          .place = 5,
          .held = 4,
          .seen_s = 1700000000 },
        { .name = "3e11fa47-71ca-11e1-9e33-c80aa9429562",
          .user = "r",
          .uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562",
          .server_id = 1 },
    };
    begin(&o);
    assert_int_equal(catalog_put_consumers(o.c, two, 2, &e), 0);
    assert_int_equal(catalog_put_consumers(o.c, two, 1, &e), 0);
    reopen(&o);
    assert_int_equal(catalog_each_consumer(o.c, count_consumer, found, &e), 0);
    assert_string_equal(found[0].name, two[1].name);
    assert_string_equal(found[0].uuid, two[1].uuid);
    assert_memory_equal(&found[1], &two[0], sizeof two[0]);
    assert_int_equal(catalog_forget_consumer(o.c, "repl/7", &e), 0);
    memset(found, 0, sizeof found);
    assert_int_equal(catalog_each_consumer(o.c, count_consumer, found, &e), 0);
    assert_string_equal(found[0].name, two[1].name);
    assert_string_equal(found[1].name, "");
    done(&o);
}

static int look_at_epoch(void *arg, const struct catalog_epoch *x, struct err *e)
{
    uint32_t *count = arg;
    (void)e;
    ++*count;
    assert_int_equal(x->epoch, *count);
    assert_int_equal(x->ordinal, *count * 10);
    assert_string_equal(x->source.name, *count == 1 ? "a" : "b");
    assert_string_equal(x->source.uuid, "00000000-0000-4000-8000-000000000001");
    assert_string_equal(x->source_file, "binlog.000017");
    assert_string_equal(x->method, "gtid");
    assert_string_equal(x->skipped, "held x:1-5\n");
    assert_string_equal(x->lacking, "mysql-bin.000003:4-200");
    assert_string_equal(x->errant, "");
    assert_string_equal(x->lost, "l");
    assert_int_equal(x->source.family, FAMILY_MARIADB);
    assert_int_equal(x->begun_s, 1234567890123);
    assert_true(x->forked);
    return 0;
}

static uint32_t epochs_of(struct catalog *c)
{
    struct err e = { 0 };
    uint32_t   count = 0;
    assert_int_equal(catalog_each_epoch(c, look_at_epoch, &count, &e), 0);
    return count;
}

static void an_epoch_makes_its_source_the_active_one(void **state)
{
    (void)state;
    struct open_catalog  o;
    struct err           e = { 0 };
    struct buf           active;
    struct catalog_epoch x = { .source = { .family = FAMILY_MARIADB, .server_id = 7 },
                               .begun_s = 1234567890123,
                               .method = "gtid",
                               .source_file = "binlog.000017",
                               .forked = true,
                               .skipped = "held x:1-5\n",
                               .lacking = "mysql-bin.000003:4-200",
                               .errant = "",
                               .lost = "l" };

    begin(&o);
    buf_init(&active, 100);
    (void)snprintf(x.source.uuid, sizeof x.source.uuid, "00000000-0000-4000-8000-000000000001");
    for (uint32_t i = 1; i <= 3; i++) {
        x.epoch = i;
        x.ordinal = i * 10;
        (void)snprintf(x.source.name, sizeof x.source.name, "%s", i == 1 ? "a" : "b");
        assert_int_equal(catalog_put_epoch(o.c, &x, &e), 0);
    }
    assert_int_equal(epochs_of(o.c), 3);
    assert_int_equal(catalog_get_value(o.c, CATALOG_ACTIVE_SOURCE, &active, &e), 1);
    assert_string_equal(buf_text(&active), "b");
    assert_int_equal(catalog_forget_epochs(o.c, 1, &e), 0);
    assert_int_equal(epochs_of(o.c), 1);
    buf_done(&active);
    done(&o);
}

/* Offset 60 of an SQLite file is its user_version, big-endian: file format, "Database header". */
static void a_catalog_of_a_newer_version_is_refused(void **state)
{
    (void)state;
    struct open_catalog  o;
    struct err           e = { 0 };
    char                 path[256];
    static const uint8_t newer[4] = { 0, 0, 0, 99 };

    begin(&o);
    catalog_close(o.c);
    (void)snprintf(path, sizeof path, "%s/catalog.db", o.folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, newer, sizeof newer, 60), sizeof newer);
    (void)close(fd);
    o.c = NULL;
    assert_int_equal(catalog_open(o.folder, false, &o.c, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "99"));
    fixture_remove(o.folder);
}

static void rubbish_is_no_catalog(void **state)
{
    (void)state;
    char            folder[128];
    char            path[256];
    struct err      e = { 0 };
    struct catalog *c;

    fixture_folder(folder, sizeof folder);
    (void)snprintf(path, sizeof path, "%s/catalog.db", folder);
    assert_int_equal(catalog_open(folder, true, &c, &e), -1);
    assert_int_equal(e.kind, E_PURGED); /* none is there to be read */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 200; i++)
        assert_int_equal(write(fd, "this is no database ", 20), 20);
    (void)close(fd);
    assert_int_equal(catalog_open(folder, false, &c, &e), -1);
    assert_int_equal(e.kind, E_CORRUPT);
    fixture_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_files_come_back_in_order),
        cmocka_unit_test(several_rows_are_put_at_once),
        cmocka_unit_test(the_start_is_kept),
        cmocka_unit_test(checkpoints_are_one_a_publisher),
        cmocka_unit_test(a_definition_holds_from_its_place_on),
        cmocka_unit_test(forgotten_files_take_the_definitions_that_were_replaced_with_them),
        cmocka_unit_test(consumers_are_kept_until_they_are_forgotten),
        cmocka_unit_test(an_epoch_makes_its_source_the_active_one),
        cmocka_unit_test(a_catalog_of_a_newer_version_is_refused),
        cmocka_unit_test(rubbish_is_no_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
