#include "tools/binrelay/event_line.h"
#include <inttypes.h>
#include "protocol/base/json.h"
#include "protocol/gtid.h"
#include "protocol/table_map.h"
#include "tools/binrelay/text.h"

/* A set of GTIDs is the longest of all details. */
enum { DETAIL_BYTES_MAX = 16 * 1024 * 1024 };

/* Foreign text, as a rule a statement, on one line: line breaks and control characters become
   spaces, a long one is cut before a whole character. */
static void put_statement(struct buf *out, struct slice text)
{
    size_t shown = text.len;
    if (shown > EVENT_LINE_TEXT_BYTES) {
        shown = EVENT_LINE_TEXT_BYTES;
        while (shown > 0 && (text.ptr[shown] & 0xc0) == 0x80)
            shown--;
    }
    for (size_t i = 0; i < shown; i++)
        buf_put_u8(out, text.ptr[i] < ' ' || text.ptr[i] == 0x7f ? ' ' : text.ptr[i]);
    if (shown < text.len)
        buf_put_text(out, "...");
}

static void put_gtid(const struct format *f, const struct event *ev, struct buf *out)
{
    struct gtid_event g;
    struct err        ignored = { 0 };
    char              text[GTID_TEXT_BYTES];
    if (gtid_parse_event(f, ev, &g, &ignored) != 0)
        return;
    gtid_format(&g.gtid, text);
    buf_put_text(out, text);
}

static void put_gtids(const struct event *ev, struct buf *out)
{
    struct gtids g = { 0 };
    struct err   ignored = { 0 };
    if (gtids_take_event(&g, ev, &ignored) == 0)
        gtids_put_text(&g, out);
    gtids_done(&g);
}

static void put_query(const struct event *ev, struct buf *out)
{
    struct event_query q;
    struct err         ignored = { 0 };
    if (event_parse_query(ev, &q, &ignored) != 0)
        return;
    if (q.database.len > 0) {
        buf_put_text(out, "in ");
        put_statement(out, q.database);
        buf_put_text(out, ": ");
    }
    put_statement(out, q.text);
}

static void put_table(const struct format *f, const struct event *ev, struct buf *out)
{
    struct table_map *map = NULL;
    struct err        ignored = { 0 };
    if (table_map_parse(f, ev, &map, &ignored) != 0)
        return;
    put_statement(out, map->database);
    buf_put_u8(out, '.');
    put_statement(out, map->table);
    table_map_free(map);
}

/* What tells one event of a type from the next. An event that does not parse is shown without:
   `verify` is who judges. */
static void put_detail(const struct format *f, const struct event *ev, struct buf *out)
{
    struct err          ignored = { 0 };
    struct event_rotate rotate;

    switch (ev->type) {
    case EVENT_FORMAT_DESCRIPTION:
        put_statement(out, slice_of_text(f->server_version));
        break;
    case EVENT_ROTATE:
        if (event_parse_rotate(ev, &rotate, &ignored) != 0)
            break;
        buf_put_text(out, "to ");
        put_statement(out, slice_of_text(rotate.file));
        buf_printf(out, ":%" PRIu64, rotate.position);
        break;
    case EVENT_GTID:
    case EVENT_GTID_TAGGED:
    case EVENT_MARIADB_GTID:
        put_gtid(f, ev, out);
        break;
    case EVENT_PREVIOUS_GTIDS:
    case EVENT_MARIADB_GTID_LIST:
        put_gtids(ev, out);
        break;
    case EVENT_QUERY:
        put_query(ev, out);
        break;
    case EVENT_TABLE_MAP:
        put_table(f, ev, out);
        break;
    case EVENT_MARIADB_ANNOTATE_ROWS:
        put_statement(out, ev->body);
        break;
    case EVENT_ROWS_QUERY: /* a byte of length that is not to be believed, then the text */
        if (ev->body.len > 1)
            put_statement(out, (struct slice){ ev->body.ptr + 1, ev->body.len - 1 });
        break;
    default:
        break;
    }
}

static void put_json(const struct store_file *file, store_pos pos, const struct event *ev,
                     struct slice detail, struct buf *out)
{
    struct json j = json_into(out);
    json_open_object(&j);
    json_name(&j, "file");
    json_text(&j, file->name);
    json_name(&j, "offset");
    json_uint(&j, store_pos_offset(pos));
    json_name(&j, "time_s");
    json_uint(&j, ev->timestamp_s);
    json_name(&j, "type");
    json_text(&j, event_name(ev->type));
    json_name(&j, "type_number");
    json_uint(&j, ev->type);
    json_name(&j, "server_id");
    json_uint(&j, ev->server_id);
    json_name(&j, "bytes");
    json_uint(&j, ev->length);
    json_name(&j, "detail");
    json_text_slice(&j, detail);
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

void event_line_put(const struct format *f, const struct store_file *file, store_pos pos,
                    const struct event *ev, bool as_json, struct buf *out)
{
    char       when[TEXT_BYTES];
    struct buf detail;

    buf_init(&detail, DETAIL_BYTES_MAX);
    put_detail(f, ev, &detail);
    if (as_json)
        put_json(file, pos, ev, buf_slice(&detail), out);
    else
        buf_printf(out, "%s:%-10" PRIu64 " %-20s %-18s %7" PRIu32 " B  %s\n", file->name,
                   store_pos_offset(pos), text_of_time(ev->timestamp_s, when), event_name(ev->type),
                   ev->length, buf_text(&detail));
    buf_done(&detail);
}
