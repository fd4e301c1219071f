/* binrelay epochs: from which server binlogs came when, and how each was joined. */
#include <inttypes.h>
#include <stdio.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

static void put_row(struct grid *g, struct json_object *x)
{
    char time[TEXT_BYTES];

    grid_put(g, "%" PRIu64, answer_uint(x, "epoch"));
    grid_put(g, "%s", text_of_time(answer_int(x, "begun_s"), time));
    grid_put(g, "%s", answer_text(x, "source"));
    if (answer_has(x, "source_server_uuid"))
        grid_put(g, "%s", answer_text(x, "source_server_uuid"));
    else
        grid_put(g, "server_id %" PRIu64, answer_uint(x, "source_server_id"));
    grid_put(g, "%s", answer_text(x, "source_version"));
    grid_put(g, "%s", answer_text(x, "source_file"));
    grid_put(g, "%s", answer_has(x, "file") ? answer_text(x, "file") : "(gone)");
    grid_put(g, "%s%s", answer_text(x, "method"), answer_flag(x, "forked") ? ", a fork" : "");
}

static void print_named(struct json_object *x, const char *name, const char *words)
{
    if (answer_has(x, name))
        (void)printf("epoch %" PRIu64 ": %s: %s\n", answer_uint(x, "epoch"), words,
                     answer_text(x, name));
}

static void print_forks(struct json_object *x)
{
    print_named(x, "lacking", "consumers were given, and its source lacks");
    print_named(x, "errant", "its source had written while it lacked those");
    print_named(x, "lost", "its source had purged, and nobody was given");
}

static int each_line(struct slice lines, struct grid *g, struct err *e)
{
    struct slice line;

    while (question_next_line(&lines, &line)) {
        struct json_object *x = NULL;
        TRY(answer_parse(line, &x, e));
        if (g != NULL)
            put_row(g, x);
        else
            print_forks(x);
        answer_free(x);
    }
    return 0;
}

static int print_rows(struct slice lines, struct err *e)
{
    static const char *const titles[] = { ">epoch",  "begun",     "source",     "server",
                                          "version", "from file", "relay file", "joined by" };
    struct grid              g;

    if (lines.len == 0) {
        (void)puts("nothing was received so far");
        return 0;
    }
    grid_init(&g, titles, sizeof titles / sizeof titles[0]);
    int result = each_line(lines, &g, e);
    if (result == 0)
        result = grid_print(&g, stdout, e);
    grid_done(&g);
    return result == 0 ? each_line(lines, NULL, e) : result;
}

enum command_exit epochs_run(const struct call *c, struct err *e)
{
    static const char *const ask[] = { "epochs", NULL };
    struct buf               lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask(&c->at, ask, &lines, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_rows(buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
