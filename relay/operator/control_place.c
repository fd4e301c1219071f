#include "relay/operator/control_place.h"
#include "relay/operator/control_answer.h"
#include "relay/operator/control_json.h"

void put_gtids(struct json *j, const char *name, const struct gtids *g)
{
    struct buf text;

    buf_init(&text, CONTROL_ANSWER_BYTES_MAX);
    gtids_put_text(g, &text);
    json_name(j, name);
    json_text_slice(j, buf_slice(&text));
    buf_done(&text);
}

void put_pos_fields(struct json *j, struct store *s, store_pos at)
{
    struct store_file f;
    struct err        ignored;

    put_uint(j, "ordinal", store_pos_ordinal(at));
    bool known = store_file_by_ordinal(s, store_pos_ordinal(at), &f, &ignored) == 0;
    put_text_or_null(j, "file", known ? f.name : "");
    put_uint(j, "offset", store_pos_offset(at));
}

void put_pos(struct json *j, const char *name, struct store *s, store_pos at)
{
    json_name(j, name);
    if (at == 0) {
        json_null(j);
        return;
    }
    json_open_object(j);
    put_pos_fields(j, s, at);
    json_close_object(j);
}
