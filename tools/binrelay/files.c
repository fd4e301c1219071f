/* binrelay files: one row for each relay file. */
#include <inttypes.h>
#include <stdio.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/gtid_range.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/offline.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"
#include "tools/binrelay/view.h"

enum { RANGE_SHOWN = 120 };

static int read_offline(const struct folder *at, struct buf *out, struct err *e)
{
    struct view v;
    TRY(view_open(at, &v, e));
    int result = offline_files(v.store, out, e);
    view_close(&v);
    return result;
}

static int put_row(struct grid *g, struct json_object *f, struct err *e)
{
    char       size[TEXT_BYTES], first[TEXT_BYTES], last[TEXT_BYTES];
    struct buf range;

    grid_put(g, "%s", answer_text(f, "name"));
    grid_put(g, "%s:%s", answer_text(f, "source"), answer_text(f, "source_file"));
    grid_put(g, "%s", text_of_bytes(answer_uint(f, "size"), size));
    grid_put(g, "%s", answer_flag(f, "sealed") ? "closed" : "open");
    grid_put(g, "%s", text_of_time(answer_int(f, "first_s"), first));
    grid_put(g, "%s", text_of_time(answer_int(f, "last_s"), last));
    buf_init(&range, QUESTION_BYTES_MAX);
    int result =
        gtid_range_put(answer_text(f, "gtids_before"), answer_text(f, "gtids_after"), &range, e);
    if (result == 0)
        grid_put(g, "%.*s%s", RANGE_SHOWN, buf_text(&range), range.len > RANGE_SHOWN ? "..." : "");
    buf_done(&range);
    return result;
}

static int print_rows(struct slice lines, struct err *e)
{
    static const char *const titles[] = { "relay file",  "source file", ">size", "state",
                                          "first event", "last event",  "GTIDs" };
    struct grid              g;
    struct slice             line;
    int                      result = 0;

    if (lines.len == 0) {
        (void)puts("no files yet: the relay has received nothing so far");
        return 0;
    }
    grid_init(&g, titles, sizeof titles / sizeof titles[0]);
    while (result == 0 && question_next_line(&lines, &line)) {
        struct json_object *f = NULL;
        result = answer_parse(line, &f, e);
        if (result == 0)
            result = put_row(&g, f, e);
        answer_free(f);
    }
    if (result == 0)
        result = grid_print(&g, stdout, e);
    grid_done(&g);
    return result;
}

enum command_exit files_run(const struct call *c, struct err *e)
{
    static const char *const ask[] = { "files", NULL };
    struct buf               lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask(&c->at, ask, &lines, e);
    if (result != 0 && e->kind == E_STOPPED) {
        *e = (struct err){ 0 };
        buf_clear(&lines);
        result = read_offline(&c->at, &lines, e);
    }
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_rows(buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
