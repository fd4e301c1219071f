#include "tests/sim/travels.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };

enum { HEAD_EVENTS = 2 };

static size_t event_behind(const struct binlog *b, size_t txns)
{
    size_t i = 0;
    while (b->ends[i] != b->txn_ends[txns - 1])
        i++;
    return i + 1;
}

static void copy_behind(struct travels *t, const struct store_source *source, const char *file,
                        const struct binlog *b, size_t held)
{
    size_t     first = event_behind(b, held);
    uint64_t   from = b->ends[HEAD_EVENTS - 1];
    struct err e = { 0 };

    assert_int_equal(writer_begin_epoch(t->f.writer, source, file, &e), 0);
    fixture_append(&t->f, b, 0, HEAD_EVENTS);
    assert_int_equal(writer_skip(t->f.writer, b->ends[first - 1] - from, &e), 0);
    fixture_append(&t->f, b, first, SIZE_MAX);
    fixture_publish(&t->f);
}

void travels_make_file(struct binlog *b, const struct binlog *before, int txns)
{
    if (before != NULL)
        binlog_begin_next(b, before);
    else
        binlog_begin(b, &style);
    binlog_format(b);
    binlog_head(b, binlog_gtids(b));
    for (int i = 0; i < txns; i++)
        binlog_transaction(b, 100);
}

void travels_begin(struct travels *t)
{
    struct err e = { 0 };

    *t = (struct travels){ .source_a = fixture_source("a", style.family),
                           .source_b = fixture_source("b", style.family) };
    t->source_b.server_id = 2;
    t->source_b.uuid[0] = t->source_b.uuid[0] == 'b' ? 'c' : 'b';
    fixture_begin(&t->f, NULL);
    travels_make_file(&t->a1, NULL, 5);
    travels_make_file(&t->a2, &t->a1, 6);
    binlog_rotate(&t->a1, "bin.000002");
    travels_make_file(&t->b, &t->a1, 4);
    fixture_file(&t->f, "bin.000001", &t->a1);
    assert_int_equal(writer_begin_file(t->f.writer, &t->source_a, "bin.000002", 0, &e), 0);
    fixture_append(&t->f, &t->a2, 0, event_behind(&t->a2, 3));
    fixture_publish(&t->f);
    copy_behind(t, &t->source_b, "bin.000002", &t->b, 2);
    copy_behind(t, &t->source_a, "bin.000002", &t->a2, 5);
}

void travels_done(struct travels *t)
{
    binlog_done(&t->a1);
    binlog_done(&t->a2);
    binlog_done(&t->b);
    fixture_done(&t->f);
}
