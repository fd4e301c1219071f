/* binrelay sources: every server that may be followed, and how it stands. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

/* What it would mean to go over to it now. */
static void put_readiness(struct grid *g, struct json_object *x)
{
    const char *state = answer_text(x, "state");
    uint64_t    lacking = answer_uint(x, "lacking"), ahead = answer_uint(x, "ahead");

    if (strcmp(state, "active") == 0)
        grid_put(g, "followed%s%s", answer_has(x, "problem") ? ": " : "",
                 answer_text(x, "problem"));
    else if (strcmp(state, "ready") == 0)
        grid_put(g, "ready%s", ahead > 0 ? ", has more than the relay" : "");
    else if (strcmp(state, "behind") == 0)
        grid_put(g, "behind: lacks %" PRIu64 " transactions that the relay holds%s", lacking,
                 answer_flag(x, "catch_up") ? " (--catch-up)" : "");
    else if (strcmp(state, "purged") == 0)
        grid_put(g, "has purged binlogs that the relay lacks");
    else if (strcmp(state, "unknown") == 0)
        grid_put(g, "no GTIDs to compare: binrelay switch %s --dry-run", answer_text(x, "name"));
    else if (strcmp(state, "unseen") == 0)
        grid_put(g, "not looked at yet");
    else
        grid_put(g, "%s: %s", state, answer_text(x, "problem"));
}

static void put_row(struct grid *g, struct json_object *x)
{
    char    span[TEXT_BYTES];
    int64_t looked_s = answer_int(x, "looked_s");

    grid_put(g, "%s%s", answer_flag(x, "active") ? "* " : "  ", answer_text(x, "name"));
    grid_put(g, "%s", answer_text(x, "channel"));
    grid_put(g, "%s", answer_text(x, "address"));
    grid_put(g, "%s", answer_has(x, "version") ? answer_text(x, "version") : "-");
    if (answer_has(x, "read_only"))
        grid_put(g, "%s", answer_flag(x, "read_only") ? "read only" : "writable");
    else
        grid_put(g, "-");
    if (answer_has(x, "file"))
        grid_put(g, "%s:%" PRIu64, answer_text(x, "file"), answer_uint(x, "offset"));
    else
        grid_put(g, "-");
    grid_put(g, "%s", looked_s > 0 ? text_of_span((int64_t)time(NULL) - looked_s, span) : "-");
    put_readiness(g, x);
}

static int print_rows(struct slice lines, struct err *e)
{
    static const char *const titles[] = { "  source", "channel", "address", "version",
                                          "writes",   "place",   ">seen",   "state" };
    struct grid              g;
    struct slice             line;
    int                      result = 0;

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

enum command_exit sources_run(const struct call *c, struct err *e)
{
    static const char *const ask[] = { "sources", NULL };
    struct buf               lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask_one(&c->at, ask, &lines, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_rows(buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
