/* binrelay reload: the running relay reads its configuration, certificates and users again. */
#include <inttypes.h>
#include <stdio.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"

static void print_texts(struct json_object *array, const char *before)
{
    for (size_t i = 0; i < answer_count(array); i++)
        (void)printf("%s%s\n", before, answer_item_text(array, i));
}

static int print_reload(struct slice lines, struct err *e)
{
    struct json_object *r = NULL;
    struct slice        line;

    if (!question_next_line(&lines, &line))
        return err_set(e, E_STOPPED, "the relay stopped before it answered");
    TRY(answer_parse(line, &r, e));
    struct json_object *changed = answer_member(r, "changed");
    struct json_object *waiting = answer_member(r, "needs_restart");
    print_texts(answer_member(r, "warnings"), "warning: ");
    if (answer_count(changed) == 0 && answer_count(waiting) == 0)
        (void)puts("nothing has changed");
    print_texts(changed, "in force: ");
    print_texts(waiting, "needs a restart: ");
    answer_free(r);
    return 0;
}

enum command_exit reload_run(const struct call *c, struct err *e)
{
    static const char *const ask[] = { "reload", "all", NULL };
    struct buf               lines;

    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask(&c->at, ask, &lines, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_reload(buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
