#include "relay/downstream/dump_words.h"

#include <stdio.h>
#include "protocol/base/buf.h"

enum { FIRST_WITH_SOURCE = 80026, SET_TEXT_MAX_BYTES = 64 * 1024 };

static bool says_source(const struct dump_request *r)
{
    return r->family == FAMILY_MYSQL && r->version_number >= FIRST_WITH_SOURCE;
}

int dump_words_impossible(const struct dump_request *r, struct err *e)
{
    if (r->family == FAMILY_MARIADB)
        return err_set(e, E_PROTOCOL,
                       "Client requested master to start replication from impossible position");
    return err_set(e, E_PROTOCOL, "Client requested %s to start replication from position < 4",
                   says_source(r) ? "source" : "master");
}

static int past_end(const struct dump_request *r, struct err *e)
{
    if (r->family == FAMILY_MARIADB)
        return dump_words_impossible(r, e);
    return err_set(e, E_PROTOCOL,
                   "Client requested %s to start replication from position > file size",
                   says_source(r) ? "source" : "master");
}

int dump_words_position(struct store *s, const struct dump_request *r, const struct err *why,
                        struct err *e)
{
    struct store_file f;
    struct err        ignored = { 0 };
    if (why->kind == E_PURGED)
        return err_set(e, E_PURGED, "Could not find first log file name in binary log index file");
    if (why->kind != E_PROTOCOL) {
        *e = *why;
        return -1;
    }
    bool known = store_file_by_name(s, r->file, &f, &ignored) == 0;
    if (known && r->position > f.size)
        return past_end(r, e);
    unsigned long long at = r->position;
    return err_set(e, E_PROTOCOL,
                   "bogus data in log event; the first event '%.100s' at %llu, the last event read "
                   "from '%.100s' at 4, the last byte read from '%.100s' at %llu. (No event begins "
                   "at this position.)",
                   r->file, at, r->file, r->file, at);
}

/* GTIDs in front of the first held file that the consumer does not have. */
static int purged_set(struct store *s, const struct gtid_set *have, struct gtids *out,
                      struct err *e)
{
    struct store_file first;
    if (!store_first_file(s, &first))
        return 0;
    TRY(store_gtids_before(s, first.ordinal, out, e));
    return gtid_set_subtract(&out->set, have, e);
}

int dump_words_gtid_set(struct store *s, const struct dump_request *r, const struct err *why,
                        struct err *e)
{
    struct gtids missing = { 0 };
    struct buf   has, lacks;
    if (why->kind != E_PURGED || purged_set(s, &r->have, &missing, e) != 0 ||
        gtid_set_is_empty(&missing.set)) {
        gtids_done(&missing);
        *e = *why;
        return -1;
    }
    buf_init(&has, SET_TEXT_MAX_BYTES);
    buf_init(&lacks, SET_TEXT_MAX_BYTES);
    gtid_set_put_text(&r->have, &has, false);
    gtid_set_put_text(&missing.set, &lacks, false);
    bool source = says_source(r);
    (void)err_set(e, E_PURGED,
                  "Cannot replicate because the %s purged required binary logs. The GTID set sent "
                  "by the %s is '%.150s', and the missing transactions are '%.150s'. Take a new "
                  "copy of the data for this %s.",
                  source ? "source" : "master", source ? "replica" : "slave", buf_text(&has),
                  buf_text(&lacks), source ? "replica" : "slave");
    buf_done(&has);
    buf_done(&lacks);
    gtids_done(&missing);
    return -1;
}

int dump_words_ahead(const struct dump_request *r, const struct gtid_set *more, struct err *e)
{
    struct buf text;
    bool       source = says_source(r);
    buf_init(&text, SET_TEXT_MAX_BYTES);
    gtid_set_put_text(more, &text, false);
    (void)err_set(
        e, E_PURGED,
        "%s has more GTIDs than the %s has, using the %s's SERVER_UUID. It holds '%.150s' "
        "beyond what was received from there: the end of the %s's binary log was lost, "
        "or has not been relayed yet.",
        source ? "Replica" : "Slave", source ? "source" : "master", source ? "source" : "master",
        buf_text(&text), source ? "source" : "master");
    buf_done(&text);
    return -1;
}

int dump_words_checksum(const struct dump_request *r, struct err *e)
{
    return says_source(r)
               ? err_set(e, E_PROTOCOL,
                         "Replica can not handle replication events with the checksum that source "
                         "is configured to log")
               : err_set(e, E_PROTOCOL,
                         "Slave can not handle replication events with the checksum that master "
                         "is configured to log");
}

bool dump_words_uuid(const char *text, uint8_t into[UUID_BYTES])
{
    struct gtid_set one = { 0 };
    struct err      ignored = { 0 };
    char            first[UUID_TEXT_BYTES + sizeof ":1"];
    if (text == NULL || strlen(text) != UUID_TEXT_BYTES)
        return false;
    (void)snprintf(first, sizeof first, "%s:1", text);
    bool good = gtid_set_parse(&one, slice_of_text(first), &ignored) == 0 && one.count == 1;
    if (good)
        memcpy(into, one.lines[0].uuid, UUID_BYTES);
    gtid_set_done(&one);
    return good;
}
