#include "tools/binrelay/question.h"
#include "tools/binrelay/control_client.h"

int question_ask(const struct folder *at, const char *const *words, struct buf *out, struct err *e)
{
    struct control_client *c = NULL;
    struct slice           line;
    int                    got;

    TRY(control_ask(at->data, at->channel, words, &c, e));
    while ((got = control_line(c, &line, e)) == 1) {
        buf_put(out, line);
        buf_put_u8(out, '\n');
    }
    control_close(c);
    TRY(got);
    return buf_check(out, "the relay's answer", e);
}

int question_ask_one(const struct folder *at, const char *const *words, struct buf *out,
                     struct err *e)
{
    size_t before = out->len;

    TRY(question_ask(at, words, out, e));
    return out->len > before ? 0 : err_set(e, E_STOPPED, "the relay stopped before it answered");
}

bool question_next_line(struct slice *rest, struct slice *line)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (end == NULL)
        return false;
    size_t bytes = (size_t)(end - rest->ptr);
    *line = (struct slice){ rest->ptr, bytes };
    *rest = (struct slice){ end + 1, rest->len - bytes - 1 };
    return true;
}
