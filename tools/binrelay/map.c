/* binrelay map: one place in all its coordinates. */
#include <inttypes.h>
#include <stdio.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/offline.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"
#include "tools/binrelay/view.h"

static int read_offline(const struct folder *at, const char *asked, const struct place *p,
                        struct buf *out, struct err *e)
{
    struct view v;
    TRY(view_open(at, &v, e));
    int result = offline_map(v.store, asked, p, out, e);
    view_close(&v);
    return result;
}

/* Only a running relay asks the others. */
static void print_elsewhere(struct json_object *m)
{
    struct json_object *all = answer_member(m, "elsewhere");

    for (size_t i = 0; i < answer_count(all); i++) {
        struct json_object *one = answer_item(all, i);
        (void)printf("also    %s:", answer_text(one, "source"));
        if (answer_has(one, "problem"))
            (void)printf(" not known: %s\n", answer_text(one, "problem"));
        else
            (void)printf("%s:%" PRIu64 "\n", answer_text(one, "file"), answer_uint(one, "offset"));
    }
}

static int print_map(struct slice lines, const struct place *p, struct err *e)
{
    struct json_object *m = NULL;
    struct slice        line;
    char                time[TEXT_BYTES];

    if (!question_next_line(&lines, &line))
        return err_set(e, E_STOPPED, "the relay stopped before it answered");
    TRY(answer_parse(line, &m, e));
    struct json_object *end = answer_member(m, "end");
    (void)printf("asked   %s\n", answer_text(m, "asked"));
    (void)printf("relay   %s:%" PRIu64, answer_text(m, "file"), answer_uint(m, "offset"));
    if (end != NULL)
        (void)printf("  to  %s:%" PRIu64, answer_text(end, "file"), answer_uint(end, "offset"));
    (void)printf("\nsource  %s:%s:%" PRIu64, answer_text(m, "source"),
                 answer_text(m, "source_file"), answer_uint(m, "source_offset"));
    if (end != NULL)
        (void)printf("  to  %s:%s:%" PRIu64, answer_text(m, "source"),
                     answer_text(m, "source_file"), answer_uint(end, "offset"));
    (void)printf("\nGTIDs   %s%s\n",
                 answer_text(m, "gtids")[0] != '\0' ? answer_text(m, "gtids") : "none",
                 p->is_gtid ? "  (before it)" : "  (up to here)");
    if (answer_int(m, "time_s") != 0)
        (void)printf("time    %s  (of what is next)\n",
                     text_of_time(answer_int(m, "time_s"), time));
    print_elsewhere(m);
    answer_free(m);
    return 0;
}

enum command_exit map_run(const struct call *c, struct err *e)
{
    const char       *asked = c->operands[0];
    const char *const ask[] = { "map", asked, NULL };
    struct place      p;
    struct buf        lines;

    if (place_parse(asked, &p, e) != 0)
        return COMMAND_MISUSED;
    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask_one(&c->at, ask, &lines, e);
    if (result != 0 && e->kind == E_STOPPED) {
        *e = (struct err){ 0 };
        buf_clear(&lines);
        result = read_offline(&c->at, asked, &p, &lines, e);
    }
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_map(buf_slice(&lines), &p, e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
