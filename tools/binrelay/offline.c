#include "tools/binrelay/offline.h"
#include "protocol/base/json.h"
#include "storage/locate.h"

enum { GTIDS_BYTES_MAX = 64 * 1024 * 1024 };

static void put_text_or_null(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    if (text[0] != '\0')
        json_text(j, text);
    else
        json_null(j);
}

static void put_time(struct json *j, const char *name, int64_t time_s)
{
    json_name(j, name);
    if (time_s != 0)
        json_int(j, time_s);
    else
        json_null(j);
}

static void put_text(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_text(j, text);
}

static void put_number(struct json *j, const char *name, uint64_t number)
{
    json_name(j, name);
    json_uint(j, number);
}

static int put_gtids(struct json *j, const char *name, const struct gtids *g, struct err *e)
{
    struct buf text;
    buf_init(&text, GTIDS_BYTES_MAX);
    gtids_put_text(g, &text);
    int result = buf_check(&text, "GTIDs", e);
    if (result == 0)
        put_text(j, name, buf_text(&text));
    buf_done(&text);
    return result;
}

static int put_file_gtids(struct store *s, const struct store_file *f, struct json *j,
                          struct err *e)
{
    struct gtids before = { 0 }, after = { 0 };
    int          result = store_gtids_before(s, f->ordinal, &before, e);
    if (result == 0)
        result = locate_gtids_at(s, store_pos_at(f->ordinal, f->size), &after, e);
    if (result == 0)
        result = put_gtids(j, "gtids_before", &before, e);
    if (result == 0)
        result = put_gtids(j, "gtids_after", &after, e);
    gtids_done(&before);
    gtids_done(&after);
    return result;
}

static int put_file(struct store *s, const struct store_file *f, struct buf *out, struct err *e)
{
    struct json j = json_into(out);
    json_open_object(&j);
    put_number(&j, "ordinal", f->ordinal);
    put_text(&j, "name", f->name);
    put_number(&j, "epoch", f->epoch);
    json_name(&j, "sealed");
    json_bool(&j, f->sealed);
    put_number(&j, "size", f->size);
    put_text(&j, "source", f->source.name);
    put_text(&j, "source_file", f->source_file);
    put_number(&j, "source_server_id", f->source.server_id);
    put_text_or_null(&j, "source_server_uuid", f->source.uuid);
    put_text(&j, "source_version", f->source.version);
    put_time(&j, "first_s", f->created_s);
    put_time(&j, "last_s", f->last_s);
    if (f->size > 0)
        TRY(put_file_gtids(s, f, &j, e));
    json_close_object(&j);
    buf_put_u8(out, '\n');
    return 0;
}

int offline_files(struct store *s, struct buf *out, struct err *e)
{
    struct store_file f, last;

    if (!store_first_file(s, &f) || !store_last_file(s, &last))
        return 0;
    for (uint32_t ordinal = f.ordinal; ordinal <= last.ordinal; ordinal++) {
        TRY(store_file_by_ordinal(s, ordinal, &f, e));
        TRY(put_file(s, &f, out, e));
    }
    return buf_check(out, "list of files", e);
}

static int put_end(struct store *s, store_pos end, struct json *j, struct err *e)
{
    struct store_file f;

    json_name(j, "end");
    if (end == 0) {
        json_null(j);
        return 0;
    }
    TRY(store_file_by_ordinal(s, store_pos_ordinal(end), &f, e));
    json_open_object(j);
    put_number(j, "ordinal", f.ordinal);
    put_text(j, "file", f.name);
    put_number(j, "offset", store_pos_offset(end));
    json_close_object(j);
    return 0;
}

int offline_map(struct store *s, const char *asked, const struct place *p, struct buf *out,
                struct err *e)
{
    struct store_file f;
    struct gtids      here = { 0 };
    store_pos         begin = 0, end = 0;
    struct json       j = json_into(out);

    TRY(place_locate(s, p, &begin, &end, e));
    TRY(store_file_by_ordinal(s, store_pos_ordinal(begin), &f, e));
    TRY(locate_gtids_at(s, begin, &here, e));
    json_open_object(&j);
    put_text(&j, "asked", asked);
    put_number(&j, "ordinal", f.ordinal);
    put_text(&j, "file", f.name);
    put_number(&j, "offset", store_pos_offset(begin));
    put_text(&j, "source", f.source.name);
    put_text(&j, "source_file", f.source_file);
    put_number(&j, "source_offset", store_pos_offset(begin));
    int result = put_gtids(&j, "gtids", &here, e);
    gtids_done(&here);
    TRY(result);
    TRY(put_end(s, end, &j, e));
    json_close_object(&j);
    buf_put_u8(out, '\n');
    return buf_check(out, "coordinates", e);
}
