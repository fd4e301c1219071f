/* The newest events, framed once: whoever stands at the end gets from them exactly what it would
   have read for itself. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/downstream/dump.h"
#include "relay/downstream/tail.h"
#include "tests/sim/fixture.h"

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style old = { .family = FAMILY_MYSQL, .old = true };
static const struct binlog_style anonymous = { .family = FAMILY_MYSQL, .crc = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

enum { IN_MAX_BYTES = 64 * 1024 * 1024 };

struct consumer {
    struct dump *dump;
    uint8_t      sequence;
    struct buf   in;
    unsigned     shared; /* so often it got its bytes from the tail */
};

struct scene {
    struct fixture f;
    struct binlog  log;
    unsigned       file;
    struct tail   *tails[2];
};

static void scene_begin(struct scene *s, const struct binlog_style *style)
{
    struct err e = { 0 };
    fixture_begin(&s->f, NULL);
    binlog_begin(&s->log, style);
    binlog_format(&s->log);
    binlog_head(&s->log, "");
    binlog_transaction(&s->log, 100);
    fixture_file(&s->f, "bin.000001", &s->log);
    s->file = 1;
    for (int i = 0; i < 2; i++)
        assert_int_equal(tail_new(s->f.store, i != 0, &s->tails[i], &e), 0);
}

static void scene_done(struct scene *s)
{
    for (int i = 0; i < 2; i++)
        tail_free(s->tails[i]);
    fixture_done(&s->f);
    binlog_done(&s->log);
}

/* What was built behind the first `had` events is there now. */
static void publish(struct scene *s, size_t had)
{
    fixture_append(&s->f, &s->log, had, SIZE_MAX);
    fixture_publish(&s->f);
}

static void commit(struct scene *s, size_t bytes)
{
    size_t had = s->log.count;
    binlog_transaction(&s->log, bytes);
    publish(s, had);
}

static void next_file(struct scene *s)
{
    struct binlog next;
    char          name[32];
    size_t        had = s->log.count;
    (void)snprintf(name, sizeof name, "bin.%06u", ++s->file);
    binlog_rotate(&s->log, name);
    fixture_append(&s->f, &s->log, had, SIZE_MAX);
    binlog_begin_next(&next, &s->log);
    binlog_format(&next);
    binlog_head(&next, s->log.style.gtids ? binlog_gtids(&s->log) : "");
    binlog_done(&s->log);
    s->log = next;
    fixture_file(&s->f, name, &s->log);
}

static struct dump_request asking(const struct scene *s, enum dump_kind kind)
{
    bool is_maria = s->log.style.family == FAMILY_MARIADB;
    return (struct dump_request){
        .kind = kind,
        .family = s->log.style.family,
        .version_number = is_maria ? 101119 : 90704,
        .server_id = 4711,
        .checksum = DUMP_CHECKSUM_CRC32,
        .annotate = true,
        .capability = is_maria ? 4 : -1,
        .file = "",
        .position = 4,
        .source_uuid = "",
    };
}

static void attach(struct consumer *c, struct scene *s, struct dump_request *r)
{
    struct err e = { 0 };
    *c = (struct consumer){ .sequence = 1 };
    buf_init(&c->in, IN_MAX_BYTES);
    if (dump_open(s->f.store, r, &c->dump, &e) != 0)
        fail_msg("%s", e.text);
}

static void detach(struct consumer *c)
{
    dump_close(c->dump);
    buf_done(&c->in);
}

/* By itself; 0, or the error's kind. */
static enum err_kind read_alone(struct consumer *c)
{
    static uint8_t window[DUMP_OUT_BYTES];
    struct err     e = { 0 };
    enum dump_step step = DUMP_FULL;
    while (step == DUMP_FULL || step == DUMP_YIELD) {
        size_t filled = 0;
        int    result = dump_fill(c->dump, window, sizeof window, &filled, &c->sequence, &step, &e);
        buf_put(&c->in, (struct slice){ window, filled });
        if (result != 0)
            return e.kind;
    }
    return E_OK;
}

/* As a loop does it. */
static enum err_kind read_shared(struct consumer *c, struct scene *s)
{
    struct slice bytes;
    if (!dump_tail(c->dump, s->tails[dump_annotates(c->dump)], &c->sequence, &bytes))
        return read_alone(c);
    c->shared++;
    buf_put(&c->in, bytes);
    return E_OK;
}

static void assert_same(const struct consumer *a, const struct consumer *b)
{
    assert_int_equal(a->in.failed | b->in.failed, BUF_FINE);
    assert_int_equal(a->in.len, b->in.len);
    assert_memory_equal(a->in.ptr, b->in.ptr, a->in.len);
    assert_int_equal(a->sequence, b->sequence);
    assert_int_equal(dump_pos(a->dump), dump_pos(b->dump));
    assert_string_equal(dump_file(a->dump), dump_file(b->dump));
}

/* Two that ask the same, one of which takes what is shared. */
struct pair {
    struct consumer alone, shared;
};

static void pair_attach(struct pair *p, struct scene *s, struct dump_request (*ask)(struct scene *))
{
    struct dump_request r = ask(s);
    attach(&p->alone, s, &r);
    r = ask(s);
    attach(&p->shared, s, &r);
    assert_int_equal(read_alone(&p->alone), E_OK);
    assert_int_equal(read_alone(&p->shared), E_OK);
}

static void pair_read(struct pair *p, struct scene *s)
{
    assert_int_equal(read_alone(&p->alone), E_OK);
    assert_int_equal(read_shared(&p->shared, s), E_OK);
    assert_same(&p->alone, &p->shared);
}

static void pair_detach(struct pair *p)
{
    detach(&p->alone);
    detach(&p->shared);
}

static struct dump_request by_position(struct scene *s)
{
    return asking(s, DUMP_BY_POSITION);
}

static struct dump_request without_annotations(struct scene *s)
{
    struct dump_request r = asking(s, DUMP_BY_POSITION);
    r.annotate = false;
    return r;
}

static struct dump_request by_gtid(struct scene *s)
{
    bool is_maria = s->log.style.family == FAMILY_MARIADB;
    return asking(s, is_maria ? DUMP_BY_GTID_STATE : DUMP_BY_GTID_SET);
}

/* It has what is the source's 4th transaction to come. */
static struct dump_request by_gtid_ahead(struct scene *s)
{
    struct dump_request r = asking(s, DUMP_BY_GTID_SET);
    struct err          e = { 0 };
    char                text[128];
    (void)snprintf(text, sizeof text, "%s:1,%s:5", binlog_uuid, binlog_uuid);
    assert_int_equal(gtid_set_parse(&r.have, slice_of_text(text), &e), 0);
    return r;
}

/* ---- promises ---- */

static void what_is_shared_is_what_each_would_have_read(void **state)
{
    (void)state;
    static const struct binlog_style *const styles[] = { &mysql, &old, &anonymous, &maria };
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        struct scene s;
        struct pair  pairs[4];
        size_t       count = styles[i]->gtids ? 4 : 2;
        scene_begin(&s, styles[i]);
        for (size_t k = 0; k < count; k++)
            pair_attach(&pairs[k], &s, k < 2 ? by_position : by_gtid);
        for (size_t step = 0; step < 60; step++) {
            if (step % 20 == 19)
                next_file(&s);
            for (size_t more = 0; more <= step % 3; more++)
                commit(&s, 10 + 37 * step);
            for (size_t k = 0; k < count; k++)
                if ((step + k) % 5 != 0) /* not all stand at the same place */
                    pair_read(&pairs[k], &s);
        }
        for (size_t k = 0; k < count; k++) {
            pair_read(&pairs[k], &s);
            assert_true(pairs[k].shared.shared > 30);
            pair_detach(&pairs[k]);
        }
        scene_done(&s);
    }
}

static void each_has_its_own_packet_numbers(void **state)
{
    (void)state;
    struct scene s;
    struct pair  early, late;
    scene_begin(&s, &mysql);
    pair_attach(&early, &s, by_position);
    for (int i = 0; i < 100; i++)
        commit(&s, 10);
    pair_read(&early, &s);
    pair_attach(&late, &s, by_position);
    commit(&s, 10);
    /* A heartbeat moves the numbers of one alone. */
    struct err e = { 0 };
    assert_int_equal(dump_heartbeat(late.alone.dump, &e), 0);
    assert_int_equal(dump_heartbeat(late.shared.dump, &e), 0);
    for (int i = 0; i < 300; i++) {
        pair_read(&early, &s);
        pair_read(&late, &s);
        assert_int_not_equal(early.alone.sequence, late.alone.sequence);
        commit(&s, 10);
    }
    assert_true(early.shared.shared > 290 && late.shared.shared > 290);
    pair_detach(&early);
    pair_detach(&late);
    scene_done(&s);
}

static void what_a_consumer_holds_is_left_out(void **state)
{
    (void)state;
    struct scene s;
    struct pair  p, all;
    scene_begin(&s, &mysql);
    pair_attach(&p, &s, by_gtid_ahead);
    pair_attach(&all, &s, by_gtid);
    size_t before = all.alone.in.len - p.alone.in.len;
    for (int i = 0; i < 8; i++) {
        commit(&s, 5000);
        pair_read(&p, &s);
        pair_read(&all, &s);
    }
    assert_true(p.shared.shared >= 5 && all.shared.shared == 8);
    size_t less = all.alone.in.len - p.alone.in.len - before;
    assert_true(less > 4500 && less < 5500); /* one of the eight */
    pair_detach(&p);
    pair_detach(&all);
    scene_done(&s);
}

static void annotations_go_only_to_those_who_asked(void **state)
{
    (void)state;
    struct scene s;
    struct pair  with, without;
    scene_begin(&s, &maria);
    pair_attach(&with, &s, by_position);
    pair_attach(&without, &s, without_annotations);
    for (int i = 0; i < 10; i++) {
        size_t had = s.log.count;
        binlog_gtid(&s.log, false);
        binlog_event(&s.log, EVENT_MARIADB_ANNOTATE_ROWS, 0,
                     slice_of_text("INSERT INTO t VALUES (1)"));
        binlog_rows(&s.log, 50);
        binlog_xid(&s.log);
        publish(&s, had);
        pair_read(&with, &s);
        pair_read(&without, &s);
    }
    assert_true(with.shared.shared == 10 && without.shared.shared == 10);
    assert_true(with.shared.in.len > without.shared.in.len);
    pair_detach(&with);
    pair_detach(&without);
    scene_done(&s);
}

static void anonymous_transactions_are_refused_to_who_counts_by_gtids(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct dump_request r;
    scene_begin(&s, &mysql);
    r = by_gtid(&s);
    attach(&c, &s, &r);
    assert_int_equal(read_alone(&c), E_OK);
    size_t had = s.log.count;
    s.log.style.gtids = false;
    binlog_transaction(&s.log, 10);
    publish(&s, had);
    assert_int_equal(read_shared(&c, &s), E_PROTOCOL);
    assert_int_equal(c.shared, 0);
    detach(&c);
    scene_done(&s);
}

/* Also when many small ones lie between two looks, or one that is larger than all that is kept. */
static void who_is_far_behind_reads_alone(void **state)
{
    (void)state;
    static const size_t sizes[] = { TAIL_BYTES + 1, TAIL_BYTES / 2 + 1, TAIL_BYTES / 4 + 1 };
    struct scene        s;
    struct pair         near, far;
    scene_begin(&s, &mysql);
    pair_attach(&near, &s, by_position);
    pair_attach(&far, &s, by_position);
    commit(&s, 10);
    pair_read(&near, &s);
    for (size_t i = 0; i < 3; i++) {
        commit(&s, sizes[i]);
        commit(&s, 10);
        pair_read(&near, &s);
    }
    assert_int_equal(near.shared.shared, 1);
    for (size_t i = 0; i < 2000; i++) {
        commit(&s, 400);
        pair_read(&near, &s);
    }
    assert_int_equal(near.shared.shared, 2001);
    pair_read(&far, &s);
    assert_int_equal(far.shared.shared, 0);
    commit(&s, 10);
    pair_read(&far, &s);
    assert_int_equal(far.shared.shared, 1);
    pair_detach(&near);
    pair_detach(&far);
    scene_done(&s);
}

static void nothing_new_is_nothing(void **state)
{
    (void)state;
    struct scene s;
    struct pair  p;
    scene_begin(&s, &mysql);
    pair_attach(&p, &s, by_position);
    pair_read(&p, &s);
    pair_read(&p, &s);
    commit(&s, 10);
    pair_read(&p, &s);
    pair_read(&p, &s);
    assert_int_equal(p.shared.shared, 4);
    pair_detach(&p);
    scene_done(&s);
}

/* How many files the process has open. */
static unsigned open_files(void)
{
    DIR     *d = opendir("/proc/self/fd");
    unsigned count = 0;
    assert_non_null(d);
    while (readdir(d) != NULL)
        count++;
    (void)closedir(d);
    return count;
}

static void a_file_is_let_go_when_nobody_looks_any_more(void **state)
{
    (void)state;
    struct scene s;
    struct pair  p;
    scene_begin(&s, &mysql);
    pair_attach(&p, &s, by_position);
    commit(&s, 10);
    unsigned before = open_files();
    pair_read(&p, &s);
    assert_int_equal(open_files(), before + 1);
    tail_rest(s.tails[1]);
    assert_int_equal(open_files(), before + 1);
    tail_rest(s.tails[1]);
    assert_int_equal(open_files(), before);
    commit(&s, 10);
    pair_read(&p, &s);
    assert_int_equal(p.shared.shared, 2);
    pair_detach(&p);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shared_is_what_each_would_have_read),
        cmocka_unit_test(each_has_its_own_packet_numbers),
        cmocka_unit_test(what_a_consumer_holds_is_left_out),
        cmocka_unit_test(annotations_go_only_to_those_who_asked),
        cmocka_unit_test(anonymous_transactions_are_refused_to_who_counts_by_gtids),
        cmocka_unit_test(who_is_far_behind_reads_alone),
        cmocka_unit_test(nothing_new_is_nothing),
        cmocka_unit_test(a_file_is_let_go_when_nobody_looks_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
