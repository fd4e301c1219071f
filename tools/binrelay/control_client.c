#include "tools/binrelay/control_client.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "tools/binrelay/answer.h"

enum { READ_BYTES = 64 * 1024 };

struct control_client {
    int        fd;
    bool       ended; /* the daemon has closed it */
    size_t     taken; /* of `in`: handed out already */
    struct buf in;
};

static int not_running(const char *folder, struct err *e)
{
    return err_set(e, E_STOPPED,
                   "no relay runs on '%s': start it with 'binrelayd CONFIG', or with your system's "
                   "service manager",
                   folder);
}

static int connect_to(const char *folder, int *out, struct err *e)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int                n = snprintf(to.sun_path, sizeof to.sun_path, "%s/control.sock", folder);
    if (n < 0 || (size_t)n >= sizeof to.sun_path)
        return err_set(e, E_CONFIG,
                       "the path '%s/control.sock' is longer than a socket's may be (%zu bytes)",
                       folder, sizeof to.sun_path - 1);
    OWN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, "can't make a socket");
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return not_running(folder, e);
        if (errno == EACCES)
            return err_sys(e, "may not use '%s': run this as root or as the relay's user",
                           to.sun_path);
        return err_sys(e, "can't reach the relay at '%s'", to.sun_path);
    }
    *out = take_fd(&fd);
    return 0;
}

static int put_word(struct buf *line, const char *word, struct err *e)
{
    if (strpbrk(word, "\t\n") != NULL)
        return err_set(e, E_CONFIG, "a tab or line break can't be part of a name here");
    if (line->len > 0)
        buf_put_u8(line, '\t');
    buf_put_text(line, word);
    return 0;
}

static int put_question(struct buf *line, const char *channel, const char *const *words,
                        struct err *e)
{
    if (channel != NULL) {
        TRY(put_word(line, "channel", e));
        TRY(put_word(line, channel, e));
    }
    for (size_t i = 0; words[i] != NULL; i++)
        TRY(put_word(line, words[i], e));
    buf_put_u8(line, '\n');
    return buf_check(line, "question to the relay", e);
}

static int send_question(int fd, const char *channel, const char *const *words, struct err *e)
{
    struct buf line;

    buf_init(&line, CONTROL_QUESTION_BYTES);
    int result = put_question(&line, channel, words, e);
    if (result == 0 && send(fd, line.ptr, line.len, MSG_NOSIGNAL) != (ssize_t)line.len)
        result = err_sys(e, "can't ask the relay");
    buf_done(&line);
    return result;
}

int control_ask(const char *folder, const char *channel, const char *const *words,
                struct control_client **out, struct err *e)
{
    OWN_FD int fd = -1;
    TRY(connect_to(folder, &fd, e));
    TRY(send_question(fd, channel, words, e));
    struct control_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for a connection");
    c->fd = take_fd(&fd);
    buf_init(&c->in, CONTROL_ANSWER_BYTES);
    *out = c;
    return 0;
}

void control_close(struct control_client *c)
{
    if (c == NULL)
        return;
    (void)close(c->fd);
    buf_done(&c->in);
    free(c);
}

int control_fd(const struct control_client *c)
{
    return c->fd;
}

/* A line that is there already. */
static bool held_line(struct control_client *c, struct slice *line)
{
    if (c->taken >= c->in.len)
        return false;
    const uint8_t *begin = c->in.ptr + c->taken;
    const uint8_t *end = memchr(begin, '\n', c->in.len - c->taken);
    if (end == NULL)
        return false;
    *line = (struct slice){ begin, (size_t)(end - begin) };
    c->taken += line->len + 1;
    return true;
}

/* Reads what has come, without waiting; forgets the lines that were handed out. */
static int receive(struct control_client *c, struct err *e)
{
    if (c->taken > 0) {
        memmove(c->in.ptr, c->in.ptr + c->taken, c->in.len - c->taken);
        c->in.len -= c->taken;
        c->taken = 0;
    }
    size_t   before = c->in.len;
    uint8_t *into = buf_extend(&c->in, READ_BYTES);
    TRY(buf_check(&c->in, "answer of the relay", e));
    ssize_t n = recv(c->fd, into, READ_BYTES, MSG_DONTWAIT);
    c->in.len = before + (n > 0 ? (size_t)n : 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
        return err_sys(e, "can't read the relay's answer");
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        c->ended = true;
    return 0;
}

/* A line {"error":...,"kind":...} is the daemon's refusal. */
static int check_refusal(struct slice line, struct err *e)
{
    static const char start[] = "{\"error\":";
    if (line.len < sizeof start - 1 || memcmp(line.ptr, start, sizeof start - 1) != 0)
        return 0;
    struct json_object *said = NULL;
    TRY(answer_parse(line, &said, e));
    const char   *name = answer_text(said, "kind");
    enum err_kind kind = E_REFUSED;
    for (int k = E_OK + 1; k < E_KINDS; k++)
        if (strcmp(err_kind_name((enum err_kind)k), name) == 0)
            kind = (enum err_kind)k;
    (void)err_set(e, kind, "%s", answer_text(said, "error"));
    answer_free(said);
    return -1;
}

int control_line(struct control_client *c, struct slice *line, struct err *e)
{
    while (!held_line(c, line)) {
        if (c->ended && c->in.len > c->taken)
            return err_set(e, E_STOPPED, "the relay stopped in the middle of its answer");
        if (c->ended)
            return 0;
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        int           ready = poll(&p, 1, CONTROL_WAIT_MS);
        if (ready < 0 && errno != EINTR)
            return err_sys(e, "can't wait for the relay's answer");
        if (ready == 0)
            return err_set(e, E_IO, "the relay has not answered for %d s; its log may tell why",
                           CONTROL_WAIT_MS / 1000);
        TRY(receive(c, e));
    }
    TRY(check_refusal(*line, e));
    return 1;
}

int control_look(struct control_client *c, struct slice *line, struct err *e)
{
    if (!held_line(c, line)) {
        TRY(receive(c, e));
        if (!held_line(c, line))
            return c->ended ? err_set(e, E_STOPPED, "the relay has stopped") : 0;
    }
    TRY(check_refusal(*line, e));
    return 1;
}
