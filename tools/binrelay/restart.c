/* binrelay restart: the daemon ends in order and begins anew, while its listening sockets stay
 * open. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

enum { WAIT_MS = 60 * 1000, STEP_NS = 20000000 };

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* When the daemon that answers now began; 0: none answers. */
static int64_t started_ms(const struct call *c, struct err *e)
{
    static const char *const ask[] = { "status", NULL };
    struct json_object      *said = NULL;
    struct buf               text;
    int64_t                  started = 0;

    buf_init(&text, QUESTION_BYTES_MAX);
    if (question_ask_one(&c->at, ask, &text, e) == 0 &&
        answer_parse(buf_slice(&text), &said, e) == 0)
        started = answer_int(said, "started_ms");
    answer_free(said);
    buf_done(&text);
    return started;
}

static int wait_for_new(const struct call *c, int64_t old_ms, int64_t from_ms, struct err *e)
{
    const struct timespec step = { .tv_nsec = STEP_NS };
    struct err            last = { 0 };

    for (;;) {
        int64_t started = started_ms(c, &last);
        if (started != 0 && started != old_ms)
            return 0;
        if (now_ms() - from_ms > WAIT_MS)
            return err_set(e, E_STOPPED,
                           "the relay has not begun anew within %d s: its log tells why",
                           WAIT_MS / 1000);
        (void)nanosleep(&step, NULL);
    }
}

enum command_exit restart_run(const struct call *c, struct err *e)
{
    static const char *const ask[] = { "restart", NULL };
    struct buf               lines;
    int64_t                  from_ms = now_ms();
    int64_t                  old_ms = started_ms(c, e);

    if (old_ms == 0)
        return COMMAND_FAILED;
    buf_init(&lines, QUESTION_BYTES_MAX);
    int result = question_ask_one(&c->at, ask, &lines, e);
    if (result == 0)
        result = wait_for_new(c, old_ms, from_ms, e);
    if (result == 0 && c->json)
        (void)fwrite(buf_text(&lines), 1, lines.len, stdout);
    else if (result == 0)
        (void)printf("restarted, in %" PRId64 " ms\n", now_ms() - from_ms);
    buf_done(&lines);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
