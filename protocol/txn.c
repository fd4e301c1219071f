#include "protocol/txn.h"

/* What a type means for the boundaries; one lookup settles nearly every event. */
enum role {
    ROLE_NEUTRAL = 0, /* changes nothing, wherever it stands */
    ROLE_FILE,        /* stands between transactions in a file that is whole */
    ROLE_GTID,
    ROLE_PART,      /* belongs to a transaction, opens one that has no GTID */
    ROLE_STATEMENT, /* ends a group that has not begun, else is part of it */
    ROLE_QUERY,     /* begins, ends or stands alone: its text tells */
    ROLE_END,
};

/* clang-format off */
static const uint8_t roles[256] = {
    [EVENT_QUERY]                             = ROLE_QUERY,
    [EVENT_STOP]                              = ROLE_FILE,
    [EVENT_ROTATE]                            = ROLE_FILE,
    [EVENT_INTVAR]                            = ROLE_PART,
    [EVENT_APPEND_BLOCK]                      = ROLE_PART,
    [EVENT_DELETE_FILE]                       = ROLE_STATEMENT, /* a LOAD DATA that failed */
    [EVENT_RAND]                              = ROLE_PART,
    [EVENT_USER_VAR]                          = ROLE_PART,
    [EVENT_FORMAT_DESCRIPTION]                = ROLE_FILE,
    [EVENT_XID]                               = ROLE_END,
    [EVENT_BEGIN_LOAD_QUERY]                  = ROLE_PART,
    [EVENT_EXECUTE_LOAD_QUERY]                = ROLE_STATEMENT,
    [EVENT_TABLE_MAP]                         = ROLE_PART,
    [EVENT_WRITE_ROWS_V1]                     = ROLE_PART,
    [EVENT_UPDATE_ROWS_V1]                    = ROLE_PART,
    [EVENT_DELETE_ROWS_V1]                    = ROLE_PART,
    [EVENT_INCIDENT]                          = ROLE_STATEMENT,
    [EVENT_ROWS_QUERY]                        = ROLE_PART,
    [EVENT_WRITE_ROWS]                        = ROLE_PART,
    [EVENT_UPDATE_ROWS]                       = ROLE_PART,
    [EVENT_DELETE_ROWS]                       = ROLE_PART,
    [EVENT_GTID]                              = ROLE_GTID,
    [EVENT_ANONYMOUS_GTID]                    = ROLE_GTID,
    [EVENT_PREVIOUS_GTIDS]                    = ROLE_FILE,
    [EVENT_XA_PREPARE]                        = ROLE_END,
    [EVENT_PARTIAL_UPDATE_ROWS]               = ROLE_PART,
    [EVENT_TRANSACTION_PAYLOAD]               = ROLE_END,
    [EVENT_GTID_TAGGED]                       = ROLE_GTID,
    [EVENT_MARIADB_ANNOTATE_ROWS]             = ROLE_PART,
    [EVENT_MARIADB_GTID]                      = ROLE_GTID,
    [EVENT_MARIADB_QUERY_COMPRESSED]          = ROLE_STATEMENT, /* never COMMIT: that is short */
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1]  = ROLE_PART,
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = ROLE_PART,
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = ROLE_PART,
};
/* clang-format on */

void txn_reset(struct txn *t)
{
    *t = (struct txn){ 0 };
}

static enum txn_place open_without_gtid(struct txn *t, const struct event *ev)
{
    *t = (struct txn){ .open = true, .first_timestamp_s = ev->timestamp_s };
    return TXN_OPENED;
}

static enum txn_place part(struct txn *t, const struct event *ev)
{
    return t->open ? TXN_INSIDE : open_without_gtid(t, ev);
}

static enum txn_place end(struct txn *t, const struct event *ev)
{
    (void)part(t, ev); /* it may be the first, too */
    t->open = t->begun = false;
    return TXN_CLOSED;
}

static enum txn_place statement(struct txn *t, const struct event *ev)
{
    return t->begun ? TXN_INSIDE : end(t, ev);
}

static int gtid(struct txn *t, const struct format *f, const struct event *ev, enum txn_place *out,
                struct err *e)
{
    struct gtid_event g;

    TRY(gtid_parse_event(f, ev, &g, e));
    *t = (struct txn){ .open = true,
                       .begun = g.gtid.kind == GTID_MARIADB && !g.standalone,
                       .current = g,
                       .first_timestamp_s = ev->timestamp_s };
    *out = TXN_OPENED;
    return 0;
}

static bool begins_with(struct slice text, const char *start)
{
    size_t n = strlen(start);
    return text.len >= n && memcmp(text.ptr, start, n) == 0;
}

/* Servers write these words themselves, so there is one spelling; "ROLLBACK TO `s`" is another
   statement. Of a text that was cut nothing can be said to be all of it. */
static bool is_exactly(const struct event *ev, struct slice text, const char *word)
{
    return ev->whole.len == ev->length && slice_equal(text, slice_of_text(word));
}

static int query(struct txn *t, const struct event *ev, enum txn_place *out, struct err *e)
{
    struct event_query q;

    TRY(event_parse_query(ev, &q, e));
    if (t->begun) {
        bool ends = is_exactly(ev, q.text, "COMMIT") || is_exactly(ev, q.text, "ROLLBACK") ||
                    begins_with(q.text, "XA COMMIT") || begins_with(q.text, "XA ROLLBACK");
        *out = ends ? end(t, ev) : TXN_INSIDE;
    } else if (is_exactly(ev, q.text, "BEGIN") || begins_with(q.text, "XA START")) {
        *out = part(t, ev);
        t->begun = true;
    } else {
        *out = end(t, ev);
    }
    return 0;
}

int txn_feed(struct txn *t, const struct format *f, const struct event *ev, enum txn_place *out,
             struct err *e)
{
    switch ((enum role)roles[ev->type]) {
    case ROLE_PART:
        *out = part(t, ev);
        return 0;
    case ROLE_END:
        *out = end(t, ev);
        return 0;
    case ROLE_STATEMENT:
        *out = statement(t, ev);
        return 0;
    case ROLE_QUERY:
        return query(t, ev, out, e);
    case ROLE_GTID:
        return gtid(t, f, ev, out, e);
    case ROLE_FILE:
        txn_reset(t);
        *out = TXN_OUTSIDE;
        return 0;
    case ROLE_NEUTRAL:
        *out = t->open ? TXN_INSIDE : TXN_OUTSIDE;
        return 0;
    }
    return 0;
}
