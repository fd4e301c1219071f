/* binrelay consumers: who is or was streamed, and what is held for them. */
#include <inttypes.h>
#include <stdio.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

static void put_number(struct grid *g, struct json_object *x, const char *name)
{
    if (answer_has(x, name))
        grid_put(g, "%" PRIu64, answer_uint(x, name));
    else
        grid_put(g, "-");
}

static void put_hold(struct grid *g, struct json_object *hold)
{
    char        bytes[TEXT_BYTES];
    const char *state = answer_text(hold, "state");

    (void)text_of_bytes(answer_uint(hold, "bytes"), bytes);
    if (strcmp(state, "lost") == 0)
        grid_put(g, "lost: its files are gone");
    else if (strcmp(state, "over") == 0)
        grid_put(g, "ended: over %s", answer_text(hold, "limit"));
    else if (strcmp(state, "kept") == 0 && answer_has(hold, "limit"))
        grid_put(g, "%s from %s, %" PRIu64 " %% of %s", bytes, answer_text(hold, "file"),
                 answer_uint(hold, "used_percent"), answer_text(hold, "limit"));
    else if (strcmp(state, "kept") == 0)
        grid_put(g, "%s from %s", bytes, answer_text(hold, "file"));
    else
        grid_put(g, "-");
}

static void put_row(struct grid *g, struct json_object *x)
{
    char span[TEXT_BYTES], bytes[TEXT_BYTES];

    grid_put(g, "%s", answer_text(x, "name"));
    grid_put(g, "%s", answer_text(x, "channel"));
    grid_put(g, "%s", answer_text(x, "user"));
    grid_put(g, "%" PRIu64, answer_uint(x, "server_id"));
    grid_put(g, "%s", answer_text(x, "address"));
    if (answer_flag(x, "connected"))
        grid_put(g, "connected");
    else
        grid_put(g, "away for %s",
                 text_of_span(answer_int(answer_member(x, "hold"), "away_s"), span));
    if (answer_has(x, "file"))
        grid_put(g, "%s:%" PRIu64, answer_text(x, "file"), answer_uint(x, "offset"));
    else
        grid_put(g, "-");
    grid_put(g, "%s",
             answer_has(x, "lag_bytes") ? text_of_bytes(answer_uint(x, "lag_bytes"), bytes) : "-");
    put_number(g, x, "lag_transactions");
    grid_put(g, "%s", answer_has(x, "lag_s") ? text_of_span(answer_int(x, "lag_s"), span) : "-");
    put_hold(g, answer_member(x, "hold"));
}

static int print_rows(struct slice lines, struct err *e)
{
    static const char *const titles[] = { "name",          "channel", "user",  ">server_id",
                                          "address",       "state",   "place", ">behind",
                                          ">transactions", ">lag",    "held" };
    struct grid              g;
    struct slice             line;
    int                      result = 0;

    if (lines.len == 0) {
        (void)puts("nobody was streamed so far");
        return 0;
    }
    grid_init(&g, titles, sizeof titles / sizeof titles[0]);
    while (result == 0 && question_next_line(&lines, &line)) {
        struct json_object *x = NULL;
        result = answer_parse(line, &x, e);
        if (result == 0)
            put_row(&g, x);
        answer_free(x);
    }
    if (result == 0)
        result = grid_print(&g, stdout, e);
    grid_done(&g);
    return result;
}

enum command_exit consumers_run(const struct call *c, struct err *e)
{
    const char       *forget = call_option(c, "forget");
    const char *const ask[] = { forget != NULL ? "forget" : "consumers", forget, NULL };
    struct buf        lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask(&c->at, ask, &lines, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0 && forget != NULL)
        (void)printf("forgot %s\n", forget);
    else if (result == 0)
        result = print_rows(buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
