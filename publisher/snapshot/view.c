#include "publisher/snapshot/view.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    ER_DBACCESS_DENIED = 1044,
    ER_ACCESS_DENIED = 1045,
    ER_NEEDS_PRIVILEGE = 1227,
    TRIES_MAX = 2000,
    GTIDS_BYTES_MAX = 16 << 20,
    MYSQL_WITH_BACKUP_LOCK = 80000,
    MYSQL_WITH_BINARY_LOG_STATUS = 80200,
    STATUS_COLUMNS_MAX = 64,
};

/* ---- asking -------------------------------------------------------------------------------- */

static int run(struct select *s, const char *sql, struct err *e)
{
    char ignored[8];
    return select_text(s, sql, ignored, sizeof ignored, e);
}

static bool is_denied(const struct err *e)
{
    return e->kind == E_REFUSED && (e->sys == ER_NEEDS_PRIVILEGE || e->sys == ER_ACCESS_DENIED ||
                                    e->sys == ER_DBACCESS_DENIED);
}

static int ask_version(struct select *s, struct snapshot_view *v, struct err *e)
{
    char version[128];

    TRY(select_text(s, "SELECT VERSION()", version, sizeof version, e));
    v->family = strstr(version, "MariaDB") != NULL ? FAMILY_MARIADB : FAMILY_MYSQL;
    v->version = format_version_number(version);
    return 0;
}

static int take_number(struct slice text, uint64_t *out)
{
    struct cursor c = cursor_over(text);
    uint64_t      n = 0;

    if (text.len == 0 || text.len > 19)
        return -1;
    for (uint8_t digit; c.left > 0; n = n * 10 + digit) {
        digit = (uint8_t)(cursor_u8(&c) - '0');
        if (digit > 9)
            return -1;
    }
    *out = n;
    return 0;
}

static int no_place(const struct select *s, struct err *e)
{
    return err_set(e, E_CONFIG, "%s does not say where its binlog ends: is log_bin on there?",
                   select_address(s));
}

static int take_place(const struct select *s, struct slice file, struct slice offset,
                      struct snapshot_view *v, struct err *e)
{
    if (file.ptr == NULL || offset.ptr == NULL || file.len == 0 || file.len > STORE_NAME_BYTES ||
        take_number(offset, &v->offset) != 0)
        return no_place(s, e);
    memcpy(v->file, file.ptr, file.len);
    v->file[file.len] = 0;
    return 0;
}

/* File, position and, in the fifth column, the executed GTIDs. */
static int ask_status(struct select *s, struct snapshot_view *v, struct err *e)
{
    enum { GTIDS_COLUMN = 4 };
    struct slice values[STATUS_COLUMNS_MAX];
    uint32_t     columns = 0;
    bool         more = true, is_last = false, seen = false;
    int          result = 0;

    TRY(select_begin(s,
                     v->version >= MYSQL_WITH_BINARY_LOG_STATUS ? "SHOW BINARY LOG STATUS"
                                                                : "SHOW MASTER STATUS",
                     &columns, e));
    if (columns < 2 || columns > STATUS_COLUMNS_MAX)
        return no_place(s, e);
    buf_clear(&v->gtids);
    while (more) {
        TRY(select_next(s, values, &more, &is_last, e));
        if (!more)
            break;
        result = take_place(s, values[0], values[1], v, e);
        if (columns > GTIDS_COLUMN && values[GTIDS_COLUMN].ptr != NULL)
            buf_put(&v->gtids, values[GTIDS_COLUMN]);
        seen = true;
    }
    if (result != 0)
        return -1;
    return seen ? buf_check(&v->gtids, "executed GTIDs", e) : no_place(s, e);
}

/* Where MariaDB's transaction begins. */
static int ask_snapshot(struct select *s, struct snapshot_view *v, struct err *e)
{
    enum { NAME, VALUE, COLUMNS };
    struct slice values[COLUMNS];
    char         file[STORE_NAME_BYTES + 1] = "", offset[24] = "";
    uint32_t     columns = 0;
    bool         more = true, is_last = false;

    TRY(select_begin(s, "SHOW STATUS LIKE 'binlog_snapshot_%'", &columns, e));
    if (columns != COLUMNS)
        return no_place(s, e);
    while (more) {
        TRY(select_next(s, values, &more, &is_last, e));
        if (!more || values[NAME].ptr == NULL || values[VALUE].ptr == NULL)
            continue;
        struct slice name = values[NAME], value = values[VALUE];
        bool         is_file = name.len == 20 &&
                       strncasecmp((const char *)name.ptr, "binlog_snapshot_file", name.len) == 0;
        bool is_place = name.len == 24 && strncasecmp((const char *)name.ptr,
                                                      "binlog_snapshot_position", name.len) == 0;
        if (is_file || is_place)
            (void)snprintf(is_file ? file : offset, is_file ? sizeof file : sizeof offset, "%.*s",
                           (int)value.len, (const char *)value.ptr);
    }
    return take_place(s, slice_of_text(file), slice_of_text(offset), v, e);
}

/* ---- begun --------------------------------------------------------------------------------- */

static int begin(struct select *s, struct err *e)
{
    TRY(run(s, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", e));
    return run(s, "START TRANSACTION WITH CONSISTENT SNAPSHOT", e);
}

static int begin_all(struct snapshot_view *v, struct err *e)
{
    for (uint32_t i = 0; i < v->count; i++)
        TRY(begin(v->selects[i], e));
    return 0;
}

static bool is_same_place(const struct snapshot_view *a, const struct snapshot_view *b)
{
    return strcmp(a->file, b->file) == 0 && a->offset == b->offset;
}

static int open_mariadb(struct snapshot_view *v, struct err *e)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        bool same = true;
        TRY(begin_all(v, e));
        TRY(ask_snapshot(v->selects[0], v, e));
        for (uint32_t i = 1; same && i < v->count; i++) {
            struct snapshot_view other = { .offset = 0 };
            TRY(ask_snapshot(v->selects[i], &other, e));
            same = is_same_place(v, &other);
        }
        if (same)
            return 0;
    }
    return err_set(e, E_IO,
                   "%u transactions could not begin at the same place of a busy server: lower "
                   "snapshot.max.threads",
                   v->count);
}

static int lock(struct snapshot_view *v, uint64_t timeout_s, struct err *e)
{
    char sql[80];

    (void)snprintf(sql, sizeof sql, "SET SESSION lock_wait_timeout = %llu",
                   (unsigned long long)(timeout_s > 0 ? timeout_s : 1));
    TRY(run(v->locker, sql, e));
    if (v->version >= MYSQL_WITH_BACKUP_LOCK && v->family == FAMILY_MYSQL &&
        run(v->locker, "LOCK INSTANCE FOR BACKUP", e) != 0 && !is_denied(e))
        return -1;
    return run(v->locker, "FLUSH TABLES WITH READ LOCK", e);
}

static int open_locked(struct snapshot_view *v, uint64_t timeout_s, struct err *e)
{
    TRY(lock(v, timeout_s, e));
    TRY(begin_all(v, e));
    TRY(ask_status(v->locker, v, e));
    buf_clear(&v->gtids); /* under the lock there is no doubt */
    return v->keeps_lock ? 0 : run(v->locker, "UNLOCK TABLES", e);
}

static int open_between(struct snapshot_view *v, struct err *e)
{
    struct buf before;
    int        result = 0;
    bool       same = false;

    buf_init(&before, GTIDS_BYTES_MAX);
    for (int tries = 0; result == 0 && !same && tries < TRIES_MAX; tries++) {
        result = ask_status(v->selects[0], v, e);
        const struct snapshot_view was = *v;
        buf_clear(&before);
        buf_put(&before, buf_slice(&v->gtids));
        if (result == 0)
            result = begin_all(v, e);
        if (result == 0)
            result = ask_status(v->selects[0], v, e);
        same = result == 0 && strcmp(was.file, v->file) == 0 && was.offset == v->offset &&
               slice_equal(buf_slice(&before), buf_slice(&v->gtids));
    }
    if (result == 0)
        result = buf_check(&before, "executed GTIDs", e);
    bool has_gtids = v->gtids.len > 0;
    buf_done(&before);
    TRY(result);
    if (!has_gtids)
        return err_set(e, E_CONFIG,
                       "a snapshot needs the place of its view in the binlog: GRANT RELOAD ON *.* "
                       "(FLUSH_TABLES from MySQL 8.0.23 on) to the account of the [source] "
                       "section, or switch GTIDs on (gtid_mode), or read the tables by an "
                       "incremental snapshot, for which SELECT is enough");
    if (!same)
        return err_set(e, E_IO,
                       "without RELOAD a view can only begin in a moment without commits, and the "
                       "server had none; GRANT RELOAD ON *.* to the account of the [source] "
                       "section, or take an incremental snapshot");
    return 0;
}

static int open_view(const struct snapshot_view_options *o, struct snapshot_view *v, struct err *e)
{
    TRY(ask_version(v->selects[0], v, e));
    if (v->family == FAMILY_MARIADB && !o->keeps_lock)
        return open_mariadb(v, e);
    if (o->may_lock) {
        if (open_locked(v, o->lock_timeout_s, e) == 0)
            return 0;
        if (!is_denied(e) || o->keeps_lock)
            return -1;
    }
    return open_between(v, e);
}

int snapshot_view_open(const struct publisher_source *source, const struct snapshot_view_options *o,
                       struct snapshot_view *out, struct err *e)
{
    struct snapshot_view v = { .keeps_lock = o->keeps_lock };
    int                  result = 0;

    assert(o->connections >= 1 && o->connections <= SNAPSHOT_THREADS_MAX);
    buf_init(&v.gtids, GTIDS_BYTES_MAX);
    for (uint32_t i = 0; result == 0 && i < o->connections; i++) {
        result = source->open(source->arg, o->interrupt_fd, &v.selects[i], e);
        v.count += result == 0 ? 1 : 0;
    }
    if (result == 0)
        result = source->open(source->arg, o->interrupt_fd, &v.locker, e);
    if (result == 0)
        result = open_view(o, &v, e);
    if (result != 0) {
        snapshot_view_close(&v);
        return -1;
    }
    *out = v;
    return 0;
}

void snapshot_view_unlock(struct snapshot_view *v)
{
    if (v->keeps_lock)
        return;
    select_free(v->locker);
    v->locker = NULL;
}

void snapshot_view_close(struct snapshot_view *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        select_free(v->selects[i]);
    select_free(v->locker);
    buf_done(&v->gtids);
    *v = (struct snapshot_view){ .count = 0 };
}
