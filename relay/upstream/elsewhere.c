#include "relay/upstream/elsewhere.h"
#include <stdio.h>
#include "relay/upstream/health.h"
#include "relay/upstream/peer.h"
#include "relay/upstream/peer_scan.h"

enum { SET_BYTES_MAX = 64 << 20 };

struct search {
    const struct gtids *behind;
    struct gtids        have; /* behind the place, so far */
    uint64_t            offset;
};

static bool is_within(const struct gtids *part, const struct gtids *all)
{
    for (size_t i = 0; i < part->state.count; i++)
        if (!gtids_contain(all, &part->state.entries[i]))
            return false;
    return gtid_set_is_subset(&part->set, &all->set);
}

/* Of a domain the last one counts. */
static int take_listed(void *arg, const struct gtid *g, struct err *e)
{
    return gtids_add(arg, g, e);
}

static int ask_before(struct peer *p, size_t index, struct gtids *out, struct err *e)
{
    struct buf text;

    buf_init(&text, SET_BYTES_MAX);
    int rc = peer_gtids_before(p, &p->files[index], &text, e);
    if (rc == 0 && p->facts.family == FAMILY_MARIADB)
        rc = peer_each_listed(buf_slice(&text), take_listed, out, e);
    else if (rc == 0)
        rc = gtids_parse(out, buf_slice(&text), e);
    buf_done(&text);
    return rc;
}

/* The newest file before which nothing is but what is behind the place: what files begin with only
   grows, so halving finds it. */
static int find_file(struct peer *p, struct search *s, size_t *out, struct err *e)
{
    size_t good = 0, bad = p->file_count;
    bool   found = false;

    while (good < bad) {
        struct gtids before = { 0 };
        size_t       at = good + (bad - good) / 2;
        if (ask_before(p, at, &before, e) != 0) {
            gtids_done(&before);
            return -1;
        }
        bool fits = is_within(&before, s->behind);
        if (fits) {
            gtids_done(&s->have);
            s->have = before;
            found = true;
            good = at + 1;
        } else {
            gtids_done(&before);
            bad = at;
        }
    }
    if (!found)
        return err_set(e, E_PURGED, "its oldest binlog, %.100s, begins behind this place",
                       p->files[0].name);
    *out = good - 1;
    return 0;
}

static int each_transaction(void *arg, const char *file, const struct look_txn *t, bool *enough,
                            struct err *e)
{
    struct search *s = arg;

    (void)file;
    if (t->gtid.kind == GTID_NONE)
        return err_set(e, E_REFUSED, "it has transactions without a GTID there");
    *enough = !gtids_contain(s->behind, &t->gtid);
    s->offset = *enough ? t->from : t->to;
    return *enough ? 0 : gtids_add(&s->have, &t->gtid, e);
}

static int search(struct peer *p, struct search *s, struct elsewhere *out, struct err *e)
{
    size_t index;

    TRY(peer_list(p, e));
    TRY(find_file(p, s, &index, e));
    struct peer_scan scan = {
        .file = p->files[index].name, .one_file = true, .each = each_transaction, .arg = s
    };
    s->offset = BINLOG_MAGIC_BYTES;
    TRY(peer_scan(p, &scan, e));
    if (!is_within(s->behind, &s->have))
        return err_set(e, E_REFUSED,
                       "it lacks some of the transactions that are before this place, or has them "
                       "in another order");
    memcpy(out->file, p->files[index].name, sizeof out->file);
    out->offset = s->offset;
    return 0;
}

int elsewhere_find(const struct config_source *source, const struct gtids *behind, int interrupt_fd,
                   struct elsewhere *out, struct err *e)
{
    struct health_subject impatient;
    struct peer           peer = { 0 };
    struct search         s = { .behind = behind };

    if (gtids_is_empty(behind))
        return err_set(e, E_CONFIG, "without GTIDs other servers' places are not looked for");
    health_subject_init(&impatient, source);
    int rc = peer_open(&impatient.impatient, interrupt_fd, &peer, e);
    if (rc == 0)
        rc = search(&peer, &s, out, e);
    peer_close(&peer);
    gtids_done(&s.have);
    health_subject_done(&impatient);
    return rc;
}
