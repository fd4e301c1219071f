/* binrelay purge: the oldest relay files are forgotten. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

/* "@SECONDS" for a time of day, which is UTC as everything that binrelay prints; any other text is
   handed over as it is. */
static bool put_place(const char *before, char *into, size_t room)
{
    static const char *const forms[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm   when = { 0 };
        const char *end = strptime(before, forms[i], &when);
        if (end != NULL && (*end == 0 || strcmp(end, "Z") == 0)) {
            (void)snprintf(into, room, "@%lld", (long long)timegm(&when));
            return true;
        }
    }
    return (size_t)snprintf(into, room, "%s", before) < room;
}

static int print_purge(struct slice lines, struct err *e)
{
    struct json_object *p = NULL;
    struct slice        line;
    char                files[TEXT_BYTES], bytes[TEXT_BYTES];

    if (!question_next_line(&lines, &line))
        return err_set(e, E_STOPPED, "the relay stopped before it answered");
    TRY(answer_parse(line, &p, e));
    (void)printf("%s %s, %s; the first one left is %s%s\n",
                 answer_flag(p, "dry") ? "would forget" : "forgot",
                 text_of_count(answer_uint(p, "files"), "file", files),
                 text_of_bytes(answer_uint(p, "bytes"), bytes), answer_text(p, "keep_from"),
                 answer_flag(p, "held") ? " (a consumer still needs it: see binrelay status)" : "");
    answer_free(p);
    return 0;
}

enum command_exit purge_command_run(const struct call *c, struct err *e)
{
    const char *before = call_option(c, "before");
    char        place[512];
    struct buf  lines;

    if (before == NULL || !put_place(before, place, sizeof place)) {
        (void)err_set(e, E_CONFIG,
                      "say what to forget: --before FILE, GTID or 'YYYY-MM-DD HH:MM:SS' (UTC)");
        return COMMAND_MISUSED;
    }
    const char *const ask[] = { "purge", place, call_option(c, "dry-run") != NULL ? "dry" : "run",
                                NULL };
    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask_one(&c->at, ask, &lines, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        result = print_purge(buf_slice(&lines), e);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
