/* binrelay publisher: one publisher's state, and orders to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

static void print_snapshot(struct json_object *s)
{
    char left[TEXT_BYTES];

    (void)printf("  snapshot %s: %" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " rows, %" PRIu64
                 " rows/s",
                 answer_flag(s, "running") ? "running" : "done", answer_uint(s, "tables_done"),
                 answer_uint(s, "tables"), answer_uint(s, "rows"), answer_uint(s, "rows_per_s"));
    if (answer_flag(s, "running"))
        (void)printf(", in %s", answer_text(s, "table"));
    if (answer_has(s, "left_s"))
        (void)printf(", about %s left", text_of_span(answer_int(s, "left_s"), left));
    (void)printf("\n");
}

static void print_status(struct json_object *p)
{
    struct json_object *next = answer_member(p, "next");
    char                lag[TEXT_BYTES];

    (void)printf("publisher %s: %s\n", answer_text(p, "name"), answer_text(p, "state"));
    if (answer_has(p, "problem"))
        (void)printf("  problem  %s\n", answer_text(p, "problem"));
    if (answer_has(p, "next"))
        (void)printf("  next     %s:%" PRIu64 "\n", answer_text(next, "file"),
                     answer_uint(next, "offset"));
    (void)printf("  events   %" PRIu64 "\n", answer_uint(p, "events"));
    if (answer_has(p, "lag_s"))
        (void)printf("  lag      %s\n", text_of_span(answer_int(p, "lag_s"), lag));
    if (answer_has(p, "snapshot"))
        print_snapshot(answer_member(p, "snapshot"));
}

static int print_answer(const char *order, struct slice lines, struct err *e)
{
    static const struct {
        const char *order, *sentence;
    } told[] = {
        { "pause", "is told to pause" },
        { "resume", "is told to go on" },
        { "retry", "is told to try again" },
        { "skip", "is told to leave the record out and to go on" },
    };
    struct json_object *p = NULL;
    struct slice        line;

    if (!question_next_line(&lines, &line))
        return err_set(e, E_STOPPED, "the relay stopped before it answered");
    TRY(answer_parse(line, &p, e));
    if (strcmp(order, "status") == 0)
        print_status(p);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(told[i].order, order) == 0)
            (void)printf("publisher %s %s\n", answer_text(p, "name"), told[i].sentence);
    answer_free(p);
    return 0;
}

enum command_exit publisher_command_run(const struct call *c, struct err *e)
{
    const char *const ask[] = { "publisher", c->operands[0], c->operands[1], NULL };
    struct buf        lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask_one(&c->at, ask, &lines, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_answer(c->operands[1], buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
