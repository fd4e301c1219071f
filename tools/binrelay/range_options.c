#include "tools/binrelay/range_options.h"
#include <inttypes.h>
#include <string.h>
#include "protocol/base/json.h"
#include "storage/locate.h"

enum { GTIDS_BYTES_MAX = 64 * 1024 * 1024 };

static bool selects(const char *option)
{
    static const char *const names[] = { "database", "table", "exclude-database", "exclude-table" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(option, names[i]) == 0)
            return true;
    return false;
}

int range_options_read(const struct call *c, struct range_options *out, struct err *e)
{
    const char *from = call_option(c, "from"), *to = call_option(c, "to");

    if (moment_parse(from != NULL ? from : "oldest", &out->from, e) != 0)
        return err_note(e, "--from");
    if (moment_parse(to != NULL ? to : "newest", &out->to, e) != 0)
        return err_note(e, "--to");
    for (size_t i = 0; i < c->given_count; i++)
        if (selects(c->given[i].name))
            TRY(selection_add(&out->selection, c->given[i].name, c->given[i].value, e));
    return 0;
}

void range_options_done(struct range_options *o)
{
    moment_done(&o->from);
    moment_done(&o->to);
}

int range_place(struct store *s, store_pos at, struct buf *out, struct err *e)
{
    struct store_file f;

    TRY(store_file_by_ordinal(s, store_pos_ordinal(at), &f, e));
    buf_clear(out);
    buf_printf(out, "%s:%" PRIu64, f.name, store_pos_offset(at));
    return buf_check(out, "a place", e);
}

static int put_side(struct store *s, const char *name, store_pos at, struct json *j, struct err *e)
{
    struct store_file f;
    struct gtids      g = { 0 };
    struct buf        text;

    TRY(store_file_by_ordinal(s, store_pos_ordinal(at), &f, e));
    TRY(locate_gtids_at(s, at, &g, e));
    buf_init(&text, GTIDS_BYTES_MAX);
    gtids_put_text(&g, &text);
    json_name(j, name);
    json_open_object(j);
    json_name(j, "file");
    json_text(j, f.name);
    json_name(j, "position");
    json_uint(j, store_pos_offset(at));
    json_name(j, "gtids");
    json_text(j, buf_text(&text));
    json_close_object(j);
    buf_done(&text);
    gtids_done(&g);
    return 0;
}

int range_put_json(struct store *s, const struct range *r, struct json *j, struct err *e)
{
    TRY(put_side(s, "begin", r->begin, j, e));
    return put_side(s, "end", r->end, j, e);
}
