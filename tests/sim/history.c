#include "tests/sim/history.h"
#include <stdio.h>
#include <string.h>
#include "storage/name.h"
#include "tests/sim/sim_disk.h"

static uint64_t below(uint64_t *random, uint64_t n)
{
    return sim_random(random) % n;
}

/* Mostly small ones; now and then one that does not fit a buffer. */
static size_t transaction_bytes(uint64_t *random)
{
    static const size_t sizes[] = { 20, 150, 150, 150, 1000, 1000, 9000, 30000 };
    uint64_t            dice = below(random, 1000);
    return dice == 0 ? 2500000 : dice < 4 ? 400000 : sizes[below(random, 8)];
}

static void fill(struct history_file *f, bool last, uint64_t *random)
{
    uint64_t count = below(random, 30);

    for (uint64_t i = 0; i < count; i++) {
        if (below(random, 10) == 0)
            binlog_ddl(&f->sent, "CREATE TABLE t (a INT)");
        else
            binlog_transaction(&f->sent, transaction_bytes(random));
    }
    buf_put(&f->expect, buf_slice(&f->sent.bytes));
    f->expect_size = f->expect.len;
    if (last)
        return;
    switch (below(random, 4)) {
    case 0: /* killed inside a transaction */
        binlog_gtid(&f->sent, false);
        binlog_rows(&f->sent, 3000);
        f->sent.next_gtid--;
        return;
    case 1:
        binlog_stop(&f->sent);
        buf_put(&f->expect, binlog_slice(&f->sent, f->sent.count - 1));
        break;
    default: {
        struct binlog ours = f->sent; /* the same ROTATE, to the relay's next name */
        ours.ends = ours.txn_ends = NULL;
        ours.size = ours.txn_size = ours.count = ours.txn_count = 0;
        buf_init(&ours.bytes, (size_t)1 << 32);
        buf_put(&ours.bytes, buf_slice(&f->sent.bytes));
        binlog_rotate(&ours, f[1].relay_name);
        buf_clear(&f->expect);
        buf_put(&f->expect, buf_slice(&ours.bytes));
        binlog_done(&ours);
        binlog_rotate(&f->sent, f[1].name);
        break;
    }
    }
    f->expect_size = f->expect.len;
}

static void name_files(struct history *h, uint64_t *random)
{
    unsigned long long number = 1 + below(random, 3) * 999998;
    const char        *stem = "mysql-bin";

    for (size_t i = 0; i < h->count + 1 && i < HISTORY_FILES_MAX; i++) {
        struct history_file *f = &h->files[i];
        (void)snprintf(f->name, sizeof f->name, "%s.%06llu", stem, number);
        if (i == 0) {
            (void)snprintf(f->relay_name, sizeof f->relay_name, "%s", f->name);
        } else {
            char next[STORE_NAME_BYTES + 1];
            name_next(h->files[i - 1].relay_name, next);
            (void)snprintf(f->relay_name, sizeof f->relay_name, "%.63s", next);
        }
        number++;
        if (below(random, 4) == 0) { /* names that are not ours, longer and shorter ones */
            stem = below(random, 2) == 0 ? "bin" : "another-binary-log";
            number += 9000;
        }
    }
}

void history_build(struct history *h, uint64_t *random)
{
    static const struct binlog_style styles[] = {
        { .family = FAMILY_MYSQL, .crc = true, .gtids = true },
        { .family = FAMILY_MYSQL, .crc = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true, .no_position = true },
        { .family = FAMILY_MYSQL, .gtids = true }, /* without checksums: */
        { .family = FAMILY_MARIADB, .gtids = true },
    };
    const struct binlog_style *style = &styles[below(random, 6)];

    *h = (struct history){ .source = { .server_id = 1, .family = style->family, .name = "a" } };
    if (style->family == FAMILY_MYSQL)
        (void)snprintf(h->source.uuid, sizeof h->source.uuid, "%s", binlog_uuid);
    (void)snprintf(h->source.version, sizeof h->source.version, "%s",
                   style->family == FAMILY_MYSQL ? "9.7.4" : "10.11.19-MariaDB-log");
    h->count = 1 + below(random, HISTORY_FILES_MAX - 1);
    name_files(h, random);
    for (size_t i = 0; i < h->count; i++) {
        struct history_file *f = &h->files[i];
        if (i == 0)
            binlog_begin(&f->sent, style);
        else
            binlog_begin_next(&f->sent, &h->files[i - 1].sent);
        buf_init(&f->expect, (size_t)1 << 32);
        binlog_format(&f->sent);
        binlog_head(&f->sent, binlog_gtids(&f->sent));
        fill(f, i + 1 == h->count, random);
    }
}

void history_done(struct history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        binlog_done(&h->files[i].sent);
        buf_done(&h->files[i].expect);
    }
}

size_t history_find(const struct history *h, const char *source_file)
{
    size_t i = 0;
    while (i < h->count && strcmp(h->files[i].name, source_file) != 0)
        i++;
    return i;
}

bool history_is_boundary(const struct history_file *f, uint64_t offset)
{
    if (offset <= f->sent.ends[1]) /* format description and head */
        return offset == f->sent.ends[0] || offset == f->sent.ends[1];
    for (size_t i = 0; i < f->sent.txn_count; i++)
        if (f->sent.txn_ends[i] == offset)
            return true;
    return offset == f->expect_size;
}

const char *history_gtids(const struct history_file *f, uint64_t offset)
{
    struct binlog as_of = f->sent;
    for (size_t i = f->sent.txn_count; i > 0 && f->sent.txn_ends[i - 1] > offset; i--)
        as_of.next_gtid--;
    return binlog_gtids(&as_of);
}
