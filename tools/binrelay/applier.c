#include "tools/binrelay/applier.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "protocol/rows.h"
#include "protocol/inflate.h"
#include "protocol/payload.h"
#include "protocol/txn.h"
#include "storage/reader.h"
#include "tools/binrelay/load_data.h"
#include "tools/binrelay/script.h"
#include "tools/binrelay/sieve.h"

enum {
    EVENT_BYTES_MAX = 1 << 30,
    BLOCK_BYTES = 1024 * 1024,
    BATCH_BYTES = 64 * 1024, /* a packet is sent when so much has gathered at a transaction's end */
    SPLIT_BYTES = 1024 * 1024, /* and inside of one */
    MARKS_BYTES_MAX = 64 * 1024 * 1024,
    PRELUDE_BYTES_MAX = 1 << 30,
};

/* Which transaction a statement of a packet belongs to. */
struct mark {
    uint32_t    first; /* statement of the packet */
    store_pos   begin;
    store_pos   end; /* 0: not complete with this packet */
    bool        counts;
    struct gtid gtid;
};

/* Statements of one packet, and what they are. */
struct batch {
    struct buf text, marks;
    uint32_t   statements;
    uint16_t   expected; /* error that its one statement ended with at the source, too */
    bool       sent;
};

enum opened {
    NOT_OPENED,
    AS_TRANSACTION, /* BEGIN was said */
    AS_STATEMENT,   /* which commits by itself */
    AS_XA,
};

struct applier {
    const struct applier_wish *wish;
    const struct range        *range;
    struct applier_counts     *counts;
    struct reader             *reader;
    struct format              format; /* of the file */
    struct script              script; /* its text is the packet that is being made */
    struct buf                 marks;  /* of it */
    struct batch               away;   /* the packet that the server works on */
    struct sieve               sieve;
    struct load_data           load;
    struct buf                 hold, packed; /* an event in pieces; a compressed statement */
    struct buf                 prelude;      /* statements that wait for the one they are for */
    /* the transaction at hand */
    struct txn  txn;
    store_pos   begin;
    struct gtid gtid;
    uint32_t    time_s;
    bool        in_it, skipped, rolls_back, xa_ended;
    enum opened opened;
    struct buf  xid; /* MariaDB's XA: as SQL writes it */
};

/* ---- packets ---- */

static void place_of(const struct applier *a, store_pos at, char *into, size_t size)
{
    struct store_file f;
    struct err        ignored;

    if (store_file_by_ordinal(a->wish->store, store_pos_ordinal(at), &f, &ignored) != 0)
        f.name[0] = '\0';
    (void)snprintf(into, size, "%s:%" PRIu64, f.name, store_pos_offset(at));
}

static int failed_at(struct applier *a, uint32_t statement, struct err *e)
{
    struct mark m = { 0 };
    char        place[STORE_NAME_BYTES + 32], gtid[GTID_TEXT_BYTES];

    for (size_t i = 0; i < a->away.marks.len; i += sizeof m) {
        struct mark next;
        memcpy(&next, a->away.marks.ptr + i, sizeof next);
        if (next.first > statement)
            break;
        m = next;
    }
    if (m.begin == 0)
        return -1;
    if (m.begin > a->counts->done)
        a->counts->done = m.begin;
    place_of(a, m.begin, place, sizeof place);
    gtid_format(&m.gtid, gtid);
    int number = e->sys;
    (void)err_note(e, "stopped before the transaction at %s%s%s, all before it is done", place,
                   gtid[0] != '\0' ? ", " : "", gtid);
    e->sys = number;
    return -1;
}

static void count_done(struct applier *a, const struct buf *marks)
{
    struct mark m;

    for (size_t i = 0; i < marks->len; i += sizeof m) {
        memcpy(&m, marks->ptr + i, sizeof m);
        if (m.end == 0)
            continue;
        a->counts->done = m.end;
        a->counts->transactions += m.counts;
    }
}

static int wait_for_answers(struct applier *a, struct err *e)
{
    struct batch *b = &a->away;
    uint32_t      done = 0;

    if (!b->sent)
        return 0;
    b->sent = false;
    int result = target_wait(a->wish->target, b->statements, &done, e);
    if (result != 0 && b->expected != 0 && e->sys == b->expected) {
        *e = (struct err){ 0 };
        result = 0;
    } else if (result == 0 && b->expected != 0) {
        result =
            err_set(e, E_REFUSED, "a statement ended with error %u at the source, here it did not",
                    b->expected);
    }
    if (result != 0)
        return failed_at(a, done, e);
    count_done(a, &b->marks);
    return 0;
}

static void mark_here(struct applier *a, store_pos end)
{
    struct mark m = { .first = a->script.statements,
                      .begin = a->begin,
                      .end = end,
                      .counts = !a->skipped && a->opened != NOT_OPENED,
                      .gtid = a->gtid };
    if (end != 0 && a->marks.len >= sizeof m) { /* the same one, which is complete now */
        struct mark last;
        memcpy(&last, a->marks.ptr + a->marks.len - sizeof last, sizeof last);
        if (last.begin == m.begin) {
            m.first = last.first;
            a->marks.len -= sizeof last;
        }
    }
    buf_put(&a->marks, (struct slice){ (const uint8_t *)&m, sizeof m });
}

/* The packet that was made goes out once the one before is done; the next one is begun. */
static int send_packet(struct applier *a, uint16_t expected, struct slice load, struct err *e)
{
    struct script *s = &a->script;

    TRY(buf_check(&s->text, "a packet", e));
    TRY(buf_check(&a->marks, "the places of a packet", e));
    if (s->statements == 0)
        return 0;
    TRY(wait_for_answers(a, e));
    struct batch was = a->away;
    a->away = (struct batch){ .text = s->text,
                              .marks = a->marks,
                              .statements = s->statements,
                              .expected = expected,
                              .sent = true };
    s->text = was.text;
    a->marks = was.marks;
    buf_clear(&s->text);
    buf_clear(&a->marks);
    s->statements = 0;
    if (a->in_it)
        mark_here(a, 0);
    const struct target_facts *f = target_facts(a->wish->target);
    if (a->away.text.len + 1 > f->packet_bytes) {
        a->away.sent = false;
        (void)err_set(e, E_LIMIT,
                      "a packet of %zu bytes is needed: SET GLOBAL max_allowed_packet = %" PRIu64
                      " at the target, then go on",
                      a->away.text.len, (uint64_t)a->away.text.len * 2);
        return failed_at(a, 0, e);
    }
    return target_send(a->wish->target, buf_slice(&a->away.text), load, e);
}

/* A statement of a person, as its own packet: nobody can tell where in it a ';' would end it. */
static int send_alone(struct applier *a, struct slice text, uint16_t expected, struct slice load,
                      struct err *e)
{
    if (a->wish->target == NULL)
        return 0;
    TRY(send_packet(a, 0, slice_empty(), e));
    buf_put(&a->script.text, text);
    a->script.statements = 1;
    TRY(send_packet(a, expected, load, e));
    return load.len > 0 ? wait_for_answers(a, e) : 0;
}

/* ---- transactions ---- */

static void put_progress(struct applier *a, store_pos at, const char *state)
{
    const struct gtid none = { .kind = GTID_NONE };
    char              place[STORE_NAME_BYTES + 32];

    if (a->wish->progress_table == NULL)
        return;
    script_gtid(&a->script, &none);
    place_of(a, at, place, sizeof place);
    script_put(&a->script, "REPLACE INTO %s VALUES (1, '%s', '%s')", a->wish->progress_table, place,
               state);
}

static void put_gtid(struct applier *a)
{
    struct gtid none = { .kind = GTID_NONE };

    script_gtid(&a->script, a->wish->keep_gtids ? &a->gtid : &none);
}

static void open_as_transaction(struct applier *a)
{
    if (a->opened != NOT_OPENED)
        return;
    put_gtid(a);
    script_time(&a->script, a->time_s, 0);
    if (a->xid.len > 0) {
        put_progress(a, a->begin, "begun");
        script_put(&a->script, "XA START %s", buf_text(&a->xid));
    } else {
        script_put(&a->script, "BEGIN");
    }
    a->opened = a->xid.len > 0 ? AS_XA : AS_TRANSACTION;
}

/* One that can't be a part of a transaction with the table of progress: so it is said before. */
static void open_as(struct applier *a, enum opened how)
{
    if (a->opened != NOT_OPENED)
        return;
    put_progress(a, a->begin, "begun");
    put_gtid(a);
    a->opened = how;
}

static void begin_transaction(struct applier *a, store_pos at, const struct event *ev)
{
    a->begin = at;
    a->gtid = (struct gtid){ .kind = GTID_NONE };
    a->in_it = true;
    a->skipped = a->rolls_back = a->xa_ended = false;
    a->opened = NOT_OPENED;
    a->time_s = ev->timestamp_s;
    a->sieve.table_count = 0;
    a->sieve.rows_taken = false;
    buf_clear(&a->prelude);
    buf_clear(&a->xid);
    buf_clear(&a->script.maps);
}

static bool target_has(const struct applier *a, const struct gtid *g)
{
    const struct target *t = a->wish->target;

    return g->kind == GTID_MYSQL && t != NULL && a->wish->keep_gtids &&
           gtids_contain(&target_facts(t)->executed, g);
}

static void take_gtid(struct applier *a)
{
    a->gtid = a->txn.current.gtid;
    if (a->gtid.kind == GTID_NONE)
        return;
    if (gtids_contain(&a->range->without, &a->gtid)) {
        a->skipped = true;
    } else if (target_has(a, &a->gtid)) {
        a->skipped = true;
        a->counts->held++;
    }
}

static void put_xid(struct buf *out, uint32_t format, struct slice global, struct slice branch)
{
    buf_put_text(out, "X'");
    for (size_t i = 0; i < global.len; i++)
        buf_printf(out, "%02x", global.ptr[i]);
    buf_put_text(out, "',X'");
    for (size_t i = 0; i < branch.len; i++)
        buf_printf(out, "%02x", branch.ptr[i]);
    buf_printf(out, "',%" PRIu32, format);
}

/* MariaDB's name of a distributed transaction stands in its GTID event. */
static void take_xid(struct applier *a, const struct event *ev)
{
    enum { NUMBER_DOMAIN_BYTES = 12, GROUP_COMMIT_ID = 2 };
    struct cursor c = cursor_over(ev->body);

    cursor_skip(&c, NUMBER_DOMAIN_BYTES);
    if ((cursor_u8(&c) & GROUP_COMMIT_ID) != 0)
        cursor_skip(&c, 8);
    uint32_t     format = cursor_u32(&c);
    uint8_t      global_bytes = cursor_u8(&c);
    uint8_t      branch_bytes = cursor_u8(&c);
    struct slice global = cursor_slice(&c, global_bytes);
    struct slice branch = cursor_slice(&c, branch_bytes);
    put_xid(&a->xid, format, global, branch);
}

static void close_transaction(struct applier *a, store_pos end)
{
    switch (a->opened) {
    case AS_TRANSACTION:
        put_progress(a, end, "");
        script_put(&a->script, a->rolls_back ? "ROLLBACK" : "COMMIT");
        break;
    case AS_XA:
    case AS_STATEMENT:
        put_progress(a, end, "");
        break;
    case NOT_OPENED:
        break;
    }
    a->counts->transactions += a->wish->target == NULL;
    a->counts->last_s = a->time_s;
    if (a->counts->first_s == 0)
        a->counts->first_s = a->time_s;
}

static int end_transaction(struct applier *a, store_pos end, struct err *e)
{
    bool keeps_empty =
        selection_is_all(a->wish->selection) || (a->wish->keep_empty && a->wish->keep_gtids);

    TRY(script_end_rows(&a->script, &a->format, e));
    if (!a->skipped && a->opened == NOT_OPENED && keeps_empty)
        open_as_transaction(a);
    if (!a->skipped && a->opened == NOT_OPENED)
        a->counts->left_out++;
    else if (!a->skipped)
        close_transaction(a, end);
    mark_here(a, end);
    a->in_it = false;
    if (a->wish->target == NULL) {
        a->counts->done = end;
        buf_clear(&a->script.text);
        buf_clear(&a->marks);
        a->script.statements = 0;
        return 0;
    }
    return a->script.text.len >= BATCH_BYTES ? send_packet(a, 0, slice_empty(), e) : 0;
}

/* ---- events of a transaction ---- */

/* What was held back for the statement that comes now. */
static int put_prelude(struct applier *a, struct err *e)
{
    struct slice left = buf_slice(&a->prelude);

    while (left.len > 0) {
        struct event ev;
        TRY(event_parse_head(left, false, &ev, e));
        TRY(script_prelude(&a->script, &ev, e));
        left.ptr += ev.length;
        left.len -= ev.length;
    }
    buf_clear(&a->prelude);
    return 0;
}

static int keep_prelude(struct applier *a, const struct event *ev, struct err *e)
{
    size_t at = a->prelude.len;

    if (ev->type == EVENT_BEGIN_LOAD_QUERY || ev->type == EVENT_APPEND_BLOCK ||
        ev->type == EVENT_DELETE_FILE)
        return load_data_take(&a->load, ev, e);
    if (ev->type != EVENT_INTVAR && ev->type != EVENT_RAND && ev->type != EVENT_USER_VAR)
        return 0;
    /* Without its checksum. */
    buf_put(&a->prelude, (struct slice){ ev->whole.ptr, EVENT_HEADER_BYTES });
    buf_put(&a->prelude, ev->body);
    TRY(buf_check(&a->prelude, "what stands before a statement", e));
    uint32_t length = (uint32_t)(a->prelude.len - at);
    for (unsigned i = 0; i < 4; i++)
        a->prelude.ptr[at + 9 + i] = (uint8_t)(length >> 8 * i);
    return 0;
}

static bool is_word(struct slice text, const char *word)
{
    size_t n = strlen(word);
    return text.len >= n && memcmp(text.ptr, word, n) == 0;
}

/* Says by itself where a transaction begins, ends or goes back to. */
static int put_frame(struct applier *a, const struct event *ev, struct slice text, struct err *e)
{
    if (is_word(text, "XA ")) {
        open_as(a, AS_XA);
        a->xa_ended = is_word(text, "XA END");
        TRY(script_end_rows(&a->script, &a->format, e));
        script_time(&a->script, ev->timestamp_s, 0);
        return send_alone(a, text, 0, slice_empty(), e);
    }
    if (slice_equal(text, slice_of_text("ROLLBACK"))) {
        a->rolls_back = true;
    } else if (a->opened != NOT_OPENED && !is_word(text, "BEGIN") && !is_word(text, "COMMIT")) {
        TRY(script_end_rows(&a->script, &a->format, e)); /* savepoints */
        return send_alone(a, text, 0, slice_empty(), e);
    }
    return 0;
}

static void tell_statement(const struct applier *a, const struct event *ev,
                           const struct event_query *q)
{
    if (a->wish->on_statement != NULL)
        a->wish->on_statement(a->wish->arg, a->begin, &a->gtid, ev->timestamp_s, q->database,
                              q->text);
}

static int put_statement(struct applier *a, const struct event *ev, const struct event_query *q,
                         bool begun, struct slice load, struct err *e)
{
    if (begun)
        open_as_transaction(a);
    else
        open_as(a, AS_STATEMENT);
    TRY(script_end_rows(&a->script, &a->format, e));
    TRY(script_context(&a->script, ev, q, e));
    TRY(put_prelude(a, e));
    a->counts->statements++;
    tell_statement(a, ev, q);
    TRY(send_alone(a, q->text, q->error, load, e));
    /* It may have been the one that dropped the database, or made another. */
    a->script.database[0] = '\0';
    return 0;
}

static int apply_query(struct applier *a, const struct event *ev, bool begun,
                       enum sieve_verdict verdict, struct err *e)
{
    struct event_query q;

    TRY(event_parse_query(ev, &q, e));
    if (q.packed.len > 0) {
        TRY(inflate_field(q.packed, &a->packed, e));
        q.text = buf_slice(&a->packed);
    }
    if (verdict == SIEVE_FRAME)
        return put_frame(a, ev, q.text, e);
    return verdict == SIEVE_TAKE ? put_statement(a, ev, &q, begun, slice_empty(), e) : 0;
}

static int apply_load(struct applier *a, const struct event *ev, bool begun,
                      enum sieve_verdict verdict, struct err *e)
{
    struct event_query q;
    struct slice       rows;
    struct buf         text;

    buf_init(&text, EVENT_BYTES_MAX);
    int result = load_data_statement(&a->load, ev, &q, &text, &rows, e);
    q.text = buf_slice(&text);
    if (result == 0 && verdict == SIEVE_TAKE)
        result = put_statement(a, ev, &q, begun, rows, e);
    load_data_forget(&a->load);
    buf_done(&text);
    return result;
}

static int apply_xa_prepare(struct applier *a, const struct event *ev, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    struct buf    xid;

    bool         one_phase = cursor_u8(&c) != 0;
    uint32_t     format = cursor_u32(&c);
    uint32_t     global_bytes = cursor_u32(&c), branch_bytes = cursor_u32(&c);
    struct slice global = cursor_slice(&c, global_bytes);
    struct slice branch = cursor_slice(&c, branch_bytes);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "an Xa_prepare event can't be read");
    open_as_transaction(a); /* MariaDB's, where it is empty */
    TRY(script_end_rows(&a->script, &a->format, e));
    buf_init(&xid, 4096);
    put_xid(&xid, format, global, branch);
    if (!a->xa_ended) /* some MariaDB don't say it */
        script_put(&a->script, "XA END %s", buf_text(&xid));
    if (one_phase)
        script_put(&a->script, "XA COMMIT %s ONE PHASE", buf_text(&xid));
    else
        script_put(&a->script, "XA PREPARE %s", buf_text(&xid));
    buf_done(&xid);
    return 0;
}

static int apply_rows(struct applier *a, const struct event *ev, bool has_crc,
                      enum sieve_verdict verdict, bool closes, struct err *e)
{
    if (verdict == SIEVE_TAKE) {
        open_as_transaction(a);
        a->counts->row_events += ev->type != EVENT_TABLE_MAP;
        TRY(script_rows(&a->script, &a->format, ev, has_crc, e));
        buf_clear(&a->prelude);
    }
    if (closes)
        TRY(script_end_rows(&a->script, &a->format, e));
    if (a->wish->target == NULL && a->script.text.len > SPLIT_BYTES) {
        buf_clear(&a->script.text);
        a->script.statements = 0;
    }
    return a->script.text.len >= SPLIT_BYTES ? send_packet(a, 0, slice_empty(), e) : 0;
}

static int apply_event(struct applier *a, const struct event *ev, bool has_crc, bool begun,
                       struct err *e)
{
    struct format      f = a->format;
    enum sieve_verdict verdict;
    bool               closes;

    f.has_crc = has_crc;
    TRY(sieve_event(&a->sieve, &f, ev, begun, &verdict, &closes, e));
    if (verdict == SIEVE_PRELUDE)
        return keep_prelude(a, ev, e);
    if (ev->type == EVENT_TABLE_MAP || rows_is_any_event(ev->type))
        return apply_rows(a, ev, has_crc, verdict, closes, e);
    switch (ev->type) {
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return apply_query(a, ev, begun, verdict, e);
    case EVENT_EXECUTE_LOAD_QUERY:
        return apply_load(a, ev, begun, verdict, e);
    case EVENT_XA_PREPARE:
        return apply_xa_prepare(a, ev, e);
    case EVENT_INCIDENT:
        return err_set(e, E_REFUSED,
                       "the source lost changes here (an INCIDENT event): make a new backup of it");
    default:
        return 0;
    }
}

static int apply_payload(struct applier *a, const struct event *ev, struct err *e)
{
    struct payload *p = NULL;
    bool            more = true;

    TRY(payload_open(ev, &p, e));
    int result = 0;
    while (result == 0 && more) {
        struct event in;
        result = payload_next(p, &in, &more, e);
        if (result == 0 && more)
            result = apply_event(a, &in, false, true, e);
    }
    payload_close(p);
    return result;
}

static bool is_gtid(uint8_t type)
{
    return type == EVENT_GTID || type == EVENT_ANONYMOUS_GTID || type == EVENT_GTID_TAGGED ||
           type == EVENT_MARIADB_GTID;
}

/* ---- the stream ---- */

static int take_event(struct applier *a, const struct event *ev, store_pos at, struct err *e)
{
    enum txn_place place;
    bool           begun = a->txn.open && a->txn.begun;

    if (ev->type == EVENT_FORMAT_DESCRIPTION) {
        a->format = *reader_format(a->reader);
        script_format(&a->script, ev->whole);
    }
    TRY(txn_feed(&a->txn, &a->format, ev, &place, e));
    if (place == TXN_OUTSIDE)
        return 0;
    if (!a->in_it) {
        begin_transaction(a, at, ev);
        if (is_gtid(ev->type))
            take_gtid(a);
        if (is_gtid(ev->type) && a->txn.current.is_xa_prepare)
            take_xid(a, ev);
        mark_here(a, 0);
    }
    if (ev->type == EVENT_XID || ev->type == EVENT_QUERY)
        a->time_s = ev->timestamp_s;
    if (!a->skipped && !is_gtid(ev->type))
        TRY(ev->type == EVENT_TRANSACTION_PAYLOAD
                ? apply_payload(a, ev, e)
                : apply_event(a, ev, a->format.has_crc, begun, e));
    if (place == TXN_CLOSED)
        TRY(end_transaction(a, at + ev->length, e));
    return 0;
}

static int read_all(struct applier *a, struct err *e)
{
    while (reader_pos(a->reader) < a->range->end) {
        enum reader_step step;
        struct event     ev;
        store_pos        at;

        TRY(reader_next_event(a->reader, &a->hold, &ev, &at, &step, e));
        if (step == READER_FILE_DONE)
            TRY(reader_next_file(a->reader, &step, e));
        else if (step == READER_PIECE) {
            if (take_event(a, &ev, at, e) != 0) {
                char place[STORE_NAME_BYTES + 32];
                place_of(a, at, place, sizeof place);
                return e->kind == E_REFUSED ? -1 : err_note(e, "the event at %s", place);
            }
            a->counts->bytes += ev.length;
            a->wish->on_bytes(a->wish->arg, ev.length, reader_file(a->reader)->name);
        }
        if (step == READER_AT_END)
            break;
    }
    if (a->wish->target != NULL) {
        TRY(send_packet(a, 0, slice_empty(), e));
        TRY(wait_for_answers(a, e));
        count_done(a, &a->marks); /* of what needed no packet of its own any more */
    }
    a->counts->done = a->range->end;
    return 0;
}

/* A stream that begins inside of a file is told its format all the same. */
static int begin_format(struct applier *a, struct err *e)
{
    struct reader   *head = NULL;
    struct event     ev;
    enum reader_step step;
    store_pos        at;

    if (store_pos_offset(a->range->begin) == BINLOG_MAGIC_BYTES)
        return 0;
    store_pos start = store_pos_at(store_pos_ordinal(a->range->begin), BINLOG_MAGIC_BYTES);
    TRY(reader_open(a->wish->store, start, 0, &head, e));
    int result = reader_next_event(head, &a->hold, &ev, &at, &step, e);
    if (result == 0 && step == READER_PIECE) {
        a->format = *reader_format(head);
        script_format(&a->script, ev.whole);
    }
    reader_close(head);
    return result;
}

static void init(struct applier *a)
{
    const struct target       *t = a->wish->target;
    const struct target_facts *f = t != NULL ? target_facts(t) : NULL;

    script_init(&a->script, f != NULL ? f->family : FAMILY_MYSQL, f != NULL ? f->version_number : 0,
                f != NULL ? f->packet_bytes : UINT32_MAX);
    sieve_init(&a->sieve, a->wish->selection);
    load_data_init(&a->load);
    buf_init(&a->marks, MARKS_BYTES_MAX);
    buf_init(&a->away.text, EVENT_BYTES_MAX);
    buf_init(&a->away.marks, MARKS_BYTES_MAX);
    buf_init(&a->hold, EVENT_BYTES_MAX);
    buf_init(&a->packed, INFLATED_MAX);
    buf_init(&a->prelude, PRELUDE_BYTES_MAX);
    buf_init(&a->xid, 4096);
    txn_reset(&a->txn);
}

static void done(struct applier *a)
{
    reader_close(a->reader);
    script_done(&a->script);
    sieve_done(&a->sieve);
    load_data_done(&a->load);
    buf_done(&a->marks);
    buf_done(&a->away.text);
    buf_done(&a->away.marks);
    buf_done(&a->hold);
    buf_done(&a->packed);
    buf_done(&a->prelude);
    buf_done(&a->xid);
}

int applier_run(const struct applier_wish *w, const struct range *r, struct applier_counts *counts,
                struct err *e)
{
    struct applier *a = calloc(1, sizeof *a);

    if (a == NULL)
        return err_set(e, E_NOMEM, "no memory to replay");
    a->wish = w;
    a->range = r;
    a->counts = counts;
    *counts = (struct applier_counts){ .done = r->begin };
    init(a);
    int result = begin_format(a, e);
    if (result == 0)
        result = reader_open(w->store, r->begin, BLOCK_BYTES, &a->reader, e);
    if (result == 0)
        result = read_all(a, e);
    done(a);
    free(a);
    return result;
}
