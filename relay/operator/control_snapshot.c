#include "relay/operator/control_snapshot.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "publisher/snapshot/signal.h"
#include "relay/operator/control_json.h"

static void put_left(struct json *j, const struct snapshot_progress *p)
{
    bool known = p->active && !p->paused && p->rows_per_s > 0 && p->rows_guessed > p->rows;

    json_name(j, "left_s");
    if (known)
        json_uint(j, (p->rows_guessed - p->rows) / p->rows_per_s);
    else
        json_null(j);
}

static void put_progress(struct json *j, struct channel *c, size_t index)
{
    struct publisher_status  s;
    struct snapshot_progress p;

    channel_publisher_status(c, index, &s);
    channel_publisher_progress(c, index, &p);
    json_open_object(j);
    put_text(j, "publisher", s.name);
    json_name(j, "active");
    if (p.known)
        json_bool(j, p.active);
    else
        json_null(j);
    put_bool(j, "paused", p.paused);
    put_text_or_null(j, "table", p.table);
    put_uint(j, "tables_left", p.tables_left);
    put_uint(j, "tables_done", p.tables_done);
    put_uint(j, "rows", p.rows);
    put_uint_or_null(j, "rows_guessed", p.rows_guessed);
    put_uint(j, "rows_total", p.rows_total);
    put_uint(j, "rows_left_out", p.rows_left_out);
    put_uint(j, "chunks_again", p.chunks_again);
    put_uint(j, "rows_per_s", p.rows_per_s);
    put_uint(j, "chunk_rows", p.chunk_rows);
    put_left(j, &p);
    put_time_or_null(j, "begun_s", p.begun_s);
    put_text_or_null(j, "waits", p.waits);
    put_text_or_null(j, "problem", p.problem);
    json_close_object(j);
}

static int tell(struct channel *c, size_t index, struct buf *line, control_put *put, void *put_arg,
                struct err *e)
{
    struct json j = json_into(line);

    buf_clear(line);
    put_progress(&j, c, index);
    return control_emit(line, put, put_arg, e);
}

/* "-": the only one. */
static int find(struct channel *c, const char *name, size_t *index, struct err *e)
{
    *index = 0;
    if (strcmp(name, "-") != 0)
        return channel_find_publisher(c, name, index, e);
    if (channel_publisher_count(c) == 1)
        return 0;
    return err_set(e, E_CONFIG,
                   channel_publisher_count(c) == 0
                       ? "channel '%s' has no publisher"
                       : "channel '%s' has several publishers: name one (--publisher)",
                   channel_name(c));
}

static int order(struct channel *c, size_t index, const char *type, const char *data, struct err *e)
{
    struct timespec now = { 0 };
    char            id[64];
    struct signal   s;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(id, sizeof id, "ad-hoc-%lld",
                   (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    TRY(signal_read(slice_of_text(id), slice_of_text(type),
                    slice_of_text(strcmp(data, "-") != 0 ? data : ""), &s, e));
    if (s.kind != SIGNAL_OTHER)
        return channel_publisher_signal(c, index, &s, e);
    signal_done(&s);
    return err_set(e, E_CONFIG,
                   "a snapshot knows status, execute-snapshot, pause-snapshot, resume-snapshot and "
                   "stop-snapshot, not '%.40s'",
                   type);
}

int control_answer_snapshot(const struct control_context *x, const struct control_request *r,
                            char *const *words, struct buf *line, control_put *put, void *put_arg,
                            struct err *e)
{
    struct channel *c = NULL;
    size_t          index = 0;
    bool            is_status = strcmp(words[2], "status") == 0;

    TRY(control_channel(x, r, &c, e));
    if (is_status && strcmp(words[1], "-") == 0) {
        for (size_t i = 0; i < channel_publisher_count(c); i++)
            TRY(tell(c, i, line, put, put_arg, e));
        return 0;
    }
    TRY(find(c, words[1], &index, e));
    if (!is_status)
        TRY(order(c, index, words[2], words[3], e));
    return tell(c, index, line, put, put_arg, e);
}
