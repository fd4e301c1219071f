/* binrelay offset: where a publisher is, for a Debezium connector that shall go on there. */
#include <inttypes.h>
#include <stdio.h>
#include "protocol/base/json.h"
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"

enum { PLACE_TEXT_BYTES = 512, BODY_BYTES_MAX = 64 << 20 };

/* One question, one line; the caller frees the answer. */
static int ask_one(const struct call *c, const char *const *words, struct json_object **out,
                   struct err *e)
{
    struct buf   lines;
    struct slice rest, line = slice_empty();

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask_one(&c->at, words, &lines, e);
    rest = buf_slice(&lines);
    if (result == 0 && !question_next_line(&rest, &line))
        result = err_set(e, E_STOPPED, "the relay stopped before it answered");
    if (result == 0)
        result = answer_parse(line, out, e);
    buf_done(&lines);
    return result;
}

/* What PATCH /connectors/NAME/offsets takes; between two transactions there is nothing to leave
   out. */
static void put_body(const char *server, struct json_object *place, struct buf *out)
{
    struct json j = json_into(out);
    const char *gtids = answer_text(place, "gtids");

    json_open_object(&j);
    json_name(&j, "offsets");
    json_open_array(&j);
    json_open_object(&j);
    json_name(&j, "partition");
    json_open_object(&j);
    json_name(&j, "server");
    json_text(&j, server);
    json_close_object(&j);
    json_name(&j, "offset");
    json_open_object(&j);
    json_name(&j, "file");
    json_text(&j, answer_text(place, "source_file"));
    json_name(&j, "pos");
    json_uint(&j, answer_uint(place, "source_offset"));
    if (*gtids != 0) {
        json_name(&j, "gtids");
        json_text(&j, gtids);
    }
    json_close_object(&j);
    json_close_object(&j);
    json_close_array(&j);
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

static int print_offset(const struct call *c, const char *server, struct json_object *publisher,
                        struct err *e)
{
    struct json_object *next = answer_member(publisher, "next"), *place = NULL;
    char                text[PLACE_TEXT_BYTES];
    struct buf          body;

    if (!answer_has(publisher, "next"))
        return err_set(e, E_PURGED, "publisher '%s' has not begun yet", c->operands[0]);
    (void)snprintf(text, sizeof text, "%s:%" PRIu64, answer_text(next, "file"),
                   answer_uint(next, "offset"));
    const char *const ask[] = { "map", text, NULL };
    TRY(ask_one(c, ask, &place, e));
    buf_init(&body, BODY_BYTES_MAX);
    put_body(server, place, &body);
    int result = buf_check(&body, "an offset", e);
    if (result == 0)
        (void)fwrite(buf_text(&body), 1, body.len, stdout);
    buf_done(&body);
    answer_free(place);
    return result;
}

enum command_exit offset_run(const struct call *c, struct err *e)
{
    const char         *server = call_option(c, "server");
    struct json_object *publisher = NULL;

    if (call_option(c, "for-debezium") == NULL || server == NULL || *server == 0) {
        (void)err_set(e, E_CONFIG,
                      "say what for: --for-debezium --server NAME, its connector's topic.prefix");
        return COMMAND_MISUSED;
    }
    const char *const ask[] = { "publisher", c->operands[0], "status", NULL };
    int               result = ask_one(c, ask, &publisher, e);
    if (result == 0)
        result = print_offset(c, server, publisher, e);
    answer_free(publisher);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
