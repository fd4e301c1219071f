#include "tools/binrelay/gtid_range.h"
#include "protocol/gtid.h"

/* The first of a domain is the one that follows the last before the file; its server_id is not
   known, where the domain was written by several servers: then the number alone is shown. */
static void put_domain(const struct gtid *last, const struct gtid *before, struct buf *out)
{
    char     text[GTID_TEXT_BYTES];
    uint64_t first = before != NULL ? before->number + 1 : 1;

    gtid_format(last, text);
    buf_put_text(out, out->len > 0 ? "," : "");
    if (first < last->number && (before == NULL || before->server_id == last->server_id)) {
        char        begin[GTID_TEXT_BYTES];
        struct gtid g = *last;
        g.number = first;
        gtid_format(&g, begin);
        buf_printf(out, "%s..", begin);
    } else if (first < last->number) {
        buf_put_text(out, "..");
    }
    buf_put_text(out, text);
}

static int put_range(struct gtids *before, struct gtids *after, struct buf *out, struct err *e)
{
    TRY(gtid_set_subtract(&after->set, &before->set, e));
    gtid_set_put_text(&after->set, out, false);
    for (size_t i = 0; i < after->state.count; i++) {
        const struct gtid *last = &after->state.entries[i];
        const struct gtid *was = gtid_state_get(&before->state, last->domain);
        if (was == NULL || was->number != last->number || was->server_id != last->server_id)
            put_domain(last, was, out);
    }
    if (out->len == 0)
        buf_put_text(out, "-");
    return buf_check(out, "GTIDs", e);
}

int gtid_range_put(const char *before, const char *after, struct buf *out, struct err *e)
{
    struct gtids b = { 0 }, a = { 0 };
    int          result = gtids_parse(&b, slice_of_text(before), e);

    buf_clear(out);
    if (result == 0)
        result = gtids_parse(&a, slice_of_text(after), e);
    if (result == 0)
        result = put_range(&b, &a, out, e);
    gtids_done(&b);
    gtids_done(&a);
    return result;
}
