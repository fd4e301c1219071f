#include "tests/sim/big_disk.h"
#include <stdio.h>
#include <stdlib.h>
#include "protocol/checksum.h"
#include "storage/name.h"
#include "storage/sidecar.h"
#include "tests/sim/fixture.h"

enum { BIG_TIME_S = 1700000000, TIME_AT = 0, LOG_POS_AT = 13, TEXT_BYTES = 128 };

struct disk_file {
    struct big_disk *disk;
    uint32_t         ordinal; /* 0: not a relay file */
    struct buf       bytes;   /* the head of a relay file, or all of a sidecar */
    struct buf       end;     /* a relay file's ROTATE */
};

void big_disk_name(uint32_t ordinal, char *into)
{
    (void)snprintf(into, STORE_NAME_BYTES + 1, "binlog.%06u", ordinal);
}

void big_disk_gtids(const struct big_disk *d, uint64_t last, char *into)
{
    into[0] = 0;
    if (last == 0)
        return;
    if (d->txn.style.family == FAMILY_MARIADB)
        (void)snprintf(into, TEXT_BYTES, "0-1-%llu", (unsigned long long)last);
    else
        (void)snprintf(into, TEXT_BYTES, "%s:1-%llu", binlog_uuid, (unsigned long long)last);
}

uint32_t big_disk_time(uint64_t number)
{
    return (uint32_t)(BIG_TIME_S + number);
}

static uint64_t numbers_before(uint32_t ordinal)
{
    return (uint64_t)(ordinal - 1) * BIG_FILE_TXNS;
}

static void put_le(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* ---- what the files hold ---- */

static void make_head(const struct big_disk *d, uint32_t ordinal, struct buf *out)
{
    struct binlog b;
    char          text[TEXT_BYTES];

    binlog_begin(&b, &d->txn.style);
    b.time_s = big_disk_time(numbers_before(ordinal));
    binlog_format(&b);
    big_disk_gtids(d, numbers_before(ordinal), text);
    binlog_head(&b, text);
    buf_put(out, buf_slice(&b.bytes));
    binlog_done(&b);
}

static void make_end(const struct big_disk *d, uint32_t ordinal, uint64_t at, struct buf *out)
{
    struct binlog b;
    char          name[STORE_NAME_BYTES + 1];

    binlog_begin(&b, &d->txn.style);
    big_disk_name(ordinal + 1, name);
    binlog_rotate(&b, name);
    buf_put(out, binlog_slice(&b, 0));
    put_le(out->ptr + LOG_POS_AT, at + out->len, 4);
    size_t   length = out->len - EVENT_CRC_BYTES;
    uint32_t crc = checksum_crc32(0, (struct slice){ out->ptr, length });
    put_le(out->ptr + length, crc, EVENT_CRC_BYTES);
    binlog_done(&b);
}

uint64_t big_disk_first_txn(struct big_disk *d, uint32_t ordinal)
{
    struct buf head;

    buf_init(&head, 1 << 20);
    make_head(d, ordinal, &head);
    uint64_t size = head.len;
    buf_done(&head);
    return size;
}

uint64_t big_disk_size(struct big_disk *d, uint32_t ordinal)
{
    uint64_t   size = big_disk_first_txn(d, ordinal) + (uint64_t)BIG_FILE_TXNS * BIG_TXN_BYTES;
    struct buf end;

    if (ordinal == d->files)
        return size;
    buf_init(&end, 1 << 10);
    make_end(d, ordinal, size, &end);
    size += end.len;
    buf_done(&end);
    return size;
}

/* The transaction of this number as it stands at this offset. */
static const uint8_t *make_txn(struct big_disk *d, uint64_t number, uint64_t at)
{
    bool maria = d->txn.style.family == FAMILY_MARIADB;

    if (d->made_number == number && d->made_at == at)
        return d->made.ptr;
    buf_clear(&d->made);
    buf_put(&d->made, (struct slice){ d->txn.bytes.ptr + BINLOG_MAGIC_BYTES, BIG_TXN_BYTES });
    assert(buf_slice(&d->made).len == BIG_TXN_BYTES);
    put_le(d->made.ptr + EVENT_HEADER_BYTES + (maria ? 0 : 1 + UUID_BYTES), number, 8);
    size_t begin = 0;
    for (size_t i = 0; i < d->txn.count; i++) {
        size_t   end = (size_t)d->txn.ends[i] - BINLOG_MAGIC_BYTES;
        uint8_t *event = d->made.ptr + begin;
        size_t   length = end - begin - EVENT_CRC_BYTES;
        put_le(event + TIME_AT, big_disk_time(number), 4);
        put_le(event + LOG_POS_AT, at + end, 4);
        uint32_t crc = checksum_crc32(0, (struct slice){ event, length });
        put_le(event + length, crc, EVENT_CRC_BYTES);
        begin = end;
    }
    d->made_number = number;
    d->made_at = at;
    return d->made.ptr;
}

static struct store_file row(struct big_disk *d, uint32_t ordinal)
{
    struct store_file f = { .ordinal = ordinal,
                            .epoch = 1,
                            .sealed = ordinal < d->files,
                            .size = big_disk_size(d, ordinal),
                            .created_s = big_disk_time(numbers_before(ordinal)),
                            .last_s = big_disk_time(numbers_before(ordinal + 1)),
                            .source = fixture_source("a", d->txn.style.family) };

    big_disk_name(ordinal, f.name);
    big_disk_name(ordinal, f.source_file);
    return f;
}

static void make_sidecar(struct big_disk *d, uint32_t ordinal, struct buf *out)
{
    struct store_file     f = row(d, ordinal);
    struct sidecar_counts totals = { 0 };
    uint64_t              number = numbers_before(ordinal);
    uint64_t              first = big_disk_first_txn(d, ordinal);
    char                  text[TEXT_BYTES];
    bool                  maria = d->txn.style.family == FAMILY_MARIADB;

    big_disk_gtids(d, number, text);
    sidecar_put_head(out, &f, slice_of_text(text));
    sidecar_put_before(out, first, slice_of_text(text));
    for (uint32_t i = BIG_CHECKPOINT_TXNS; i <= BIG_FILE_TXNS; i += BIG_CHECKPOINT_TXNS) {
        struct sidecar_counts n = { .events = BIG_CHECKPOINT_TXNS * d->txn.count,
                                    .transactions = BIG_CHECKPOINT_TXNS,
                                    .first_s = big_disk_time(number + 1),
                                    .last_s = big_disk_time(number + BIG_CHECKPOINT_TXNS) };
        if (maria)
            big_disk_gtids(d, number + BIG_CHECKPOINT_TXNS, text);
        else
            (void)snprintf(text, sizeof text, "%s:%llu-%llu", binlog_uuid,
                           (unsigned long long)number + 1,
                           (unsigned long long)number + BIG_CHECKPOINT_TXNS);
        sidecar_put_checkpoint(out, first + (uint64_t)i * BIG_TXN_BYTES, &n, slice_of_text(text));
        sidecar_counts_add(&totals, &n);
        number += BIG_CHECKPOINT_TXNS;
    }
    big_disk_gtids(d, number, text);
    if (f.sealed)
        sidecar_put_footer(out, f.size, &totals, slice_of_text(text));
}

void big_disk_fill(struct big_disk *d, struct catalog *c)
{
    struct store_file *all = calloc(d->files, sizeof *all);
    struct err         e = { 0 };

    assert(all != NULL);
    for (uint32_t i = 0; i < d->files; i++)
        all[i] = row(d, i + 1);
    int result = catalog_put_files(c, all, d->files, &e);
    assert(result == 0);
    free(all);
}

/* ---- the table of functions ---- */

static int big_open(struct disk *disk, const char *name, bool writable, bool create,
                    struct disk_file **out, struct err *e)
{
    struct big_disk *d = (struct big_disk *)disk; /* its first member */
    unsigned         ordinal = 0;
    char             relay[STORE_NAME_BYTES + 1];
    char             sidecar[STORE_NAME_BYTES + 1];

    (void)writable;
    d->opens++;
    bool numbered = sscanf(name, "binlog.%6u", &ordinal) == 1;
    big_disk_name(ordinal, relay);
    name_sidecar(relay, sidecar);
    bool is_relay = strcmp(name, relay) == 0;
    if (!numbered || ordinal == 0 || ordinal > d->files ||
        (!is_relay && strcmp(name, sidecar) != 0)) {
        assert(!create);
        return err_set(e, E_PURGED, "there is no %s", name);
    }
    struct disk_file *f = calloc(1, sizeof *f);
    assert(f != NULL);
    f->disk = d;
    buf_init(&f->bytes, 1 << 24);
    buf_init(&f->end, 1 << 10);
    if (is_relay) {
        f->ordinal = ordinal;
        make_head(d, ordinal, &f->bytes);
        if (ordinal < d->files)
            make_end(d, ordinal, f->bytes.len + (uint64_t)BIG_FILE_TXNS * BIG_TXN_BYTES, &f->end);
    } else {
        make_sidecar(d, ordinal, &f->bytes);
    }
    *out = f;
    return 0;
}

static uint64_t size_of(const struct disk_file *f)
{
    return f->bytes.len + f->end.len +
           (f->ordinal != 0 ? (uint64_t)BIG_FILE_TXNS * BIG_TXN_BYTES : 0);
}

/* The bytes at hand from this offset on. */
static struct slice stretch(struct disk_file *f, uint64_t at)
{
    uint64_t txns_end = size_of(f) - f->end.len;

    if (at < f->bytes.len)
        return (struct slice){ f->bytes.ptr + at, f->bytes.len - (size_t)at };
    if (at >= txns_end)
        return (struct slice){ f->end.ptr + (at - txns_end), f->end.len - (size_t)(at - txns_end) };
    uint64_t       i = (at - f->bytes.len) / BIG_TXN_BYTES;
    uint64_t       begin = f->bytes.len + i * BIG_TXN_BYTES;
    const uint8_t *txn = make_txn(f->disk, numbers_before(f->ordinal) + i + 1, begin);
    return (struct slice){ txn + (at - begin), BIG_TXN_BYTES - (size_t)(at - begin) };
}

static int big_read(struct disk_file *f, uint64_t at, uint8_t *into, size_t n, size_t *got,
                    struct err *e)
{
    uint64_t size = size_of(f);

    (void)e;
    *got = 0;
    while (n > 0 && at < size) {
        struct slice have = stretch(f, at);
        size_t       step = have.len < n ? have.len : n;
        memcpy(into, have.ptr, step);
        into += step;
        at += step;
        n -= step;
        *got += step;
    }
    f->disk->reads++;
    f->disk->bytes += *got;
    return 0;
}

static int big_size(struct disk_file *f, uint64_t *out, struct err *e)
{
    (void)e;
    *out = size_of(f);
    return 0;
}

static int big_size_of(struct disk *disk, const char *name, uint64_t *out, struct err *e)
{
    struct big_disk *d = (struct big_disk *)disk; /* its first member */
    unsigned         ordinal = 0;

    d->sizes++;
    if (sscanf(name, "binlog.%6u", &ordinal) != 1 || ordinal == 0 || ordinal > d->files)
        return err_set(e, E_PURGED, "there is no %s", name);
    *out = big_disk_size(d, ordinal);
    return 0;
}

static int big_sync(struct disk_file *f, struct err *e)
{
    (void)f;
    (void)e;
    return 0;
}

static void big_close(struct disk_file *f)
{
    if (f == NULL)
        return;
    buf_done(&f->bytes);
    buf_done(&f->end);
    free(f);
}

void big_disk_init(struct big_disk *d, enum format_family family, uint32_t files)
{
    const struct binlog_style style = { .family = family, .crc = true, .gtids = true };
    enum { PROBE_BYTES = 1000 };

    *d = (struct big_disk){ .disk = { .open = big_open,
                                      .read = big_read,
                                      .size = big_size,
                                      .sync = big_sync,
                                      .close = big_close,
                                      .size_of = big_size_of },
                            .files = files };
    buf_init(&d->made, BIG_TXN_BYTES + 1);
    binlog_begin(&d->txn, &style);
    binlog_transaction(&d->txn, PROBE_BYTES);
    size_t beside = d->txn.bytes.len - BINLOG_MAGIC_BYTES - PROBE_BYTES;
    binlog_done(&d->txn);
    binlog_begin(&d->txn, &style);
    binlog_transaction(&d->txn, BIG_TXN_BYTES - beside);
}

void big_disk_done(struct big_disk *d)
{
    binlog_done(&d->txn);
    buf_done(&d->made);
}
