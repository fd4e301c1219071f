#include "relay/operator/control_map.h"
#include <string.h>
#include "relay/operator/control_json.h"
#include "relay/operator/control_place.h"
#include "relay/upstream/elsewhere.h"
#include "storage/locate.h"
#include "storage/place.h"
#include "storage/reader.h"

/* When what comes next was written; 0: nothing has come yet, or it does not say. */
static int time_behind(struct store *s, store_pos at, int64_t *out, struct err *e)
{
    struct reader      *r = NULL;
    struct reader_piece piece;
    enum reader_step    step;

    *out = 0;
    TRY(reader_open(s, at, 0, &r, e));
    int rc = reader_next(r, &piece, &step, e);
    if (rc == 0 && step == READER_PIECE)
        *out = piece.event.timestamp_s;
    reader_close(r);
    return rc;
}

/* The other servers of the channel are asked: each has the same transactions at places of its own.
 */
static void put_elsewhere(struct json *j, struct channel *c, const char *but,
                          const struct gtids *behind)
{
    const struct config_source *all[SOURCES_MAX];
    size_t                      count = sources_list(channel_sources(c), all);

    json_name(j, "elsewhere");
    json_open_array(j);
    for (size_t i = 0; i < count; i++) {
        struct elsewhere at = { 0 };
        struct err       why = { 0 };
        if (strcmp(all[i]->name, but) == 0)
            continue;
        int rc = elsewhere_find(all[i], behind, channel_interrupt_fd(c), &at, &why);
        json_open_object(j);
        put_text(j, "source", all[i]->name);
        put_text_or_null(j, "file", at.file);
        put_uint_or_null(j, "offset", at.offset);
        put_text_or_null(j, "problem", rc == 0 ? "" : why.text);
        json_close_object(j);
    }
    json_close_array(j);
}

int control_answer_map(const struct control_context *x, const struct control_request *r,
                       char *const *words, struct buf *line, control_put *put, void *put_arg,
                       struct err *e)
{
    struct channel   *c;
    struct store     *s;
    struct json       j = json_into(line);
    struct place      asked;
    struct store_file f;
    struct gtids      g = { 0 };
    store_pos         begin, end;
    int64_t           time_s;

    TRY(control_channel(x, r, &c, e));
    s = channel_store(c);
    TRY(place_parse(words[1], &asked, e));
    TRY(place_locate(s, &asked, &begin, &end, e));
    TRY(store_file_by_ordinal(s, store_pos_ordinal(begin), &f, e));
    TRY(time_behind(s, begin, &time_s, e));
    TRY(locate_gtids_at(s, begin, &g, e));
    json_open_object(&j);
    put_text(&j, "asked", words[1]);
    put_pos_fields(&j, s, begin);
    put_text(&j, "source", f.source.name);
    put_text(&j, "source_file", f.source_file);
    put_uint(&j, "source_offset", store_pos_offset(begin));
    put_gtids(&j, "gtids", &g);
    put_time_or_null(&j, "time_s", time_s);
    put_pos(&j, "end", s, end);
    put_elsewhere(&j, c, f.source.name, &g);
    json_close_object(&j);
    gtids_done(&g);
    return control_emit(line, put, put_arg, e);
}
