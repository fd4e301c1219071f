/* binrelay top: the relay live on a terminal, or look by look through a pipe. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/top_screen.h"

enum { INTERVAL_S = 2, INTERVAL_MAX_S = 3600, ROWS = 24, COLUMNS = 80 };

struct top {
    const struct call *call;
    int                interval_ms;
    bool               once, live; /* live: on a terminal */
    int                signal_fd;
    struct termios     kept;
    bool               raw; /* `kept` has to be put back */
    struct top_sample  samples[2];
    size_t             now; /* of the two */
    bool               any, two;
};

/* ---- the screen ---------------------------------------------------------------------------- */

static void screen_size(size_t *rows, size_t *columns)
{
    struct winsize w = { 0 };
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0;

    *rows = known ? w.ws_row : ROWS;
    *columns = known ? w.ws_col : COLUMNS;
}

/* Of a line as much as fits; what a terminal would take for an order is left out. */
static void put_clipped(struct buf *out, struct slice line, size_t columns)
{
    size_t used = 0;

    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.ptr[i];
        bool    inside = (c & 0xc0) == 0x80; /* of a character */
        bool    order =
            c < ' ' || c == 0x7f || (c == 0xc2 && i + 1 < line.len && line.ptr[i + 1] < 0xa0);
        used += !inside;
        if (used > columns)
            break;
        if (order && c == 0xc2)
            i++;
        buf_put_u8(out, order ? '?' : c);
    }
    buf_put_text(out, "\x1b[K\n");
}

/* All of it in one write, so that nothing flickers. */
static int draw(struct slice text, const char *foot, struct err *e)
{
    struct buf out;
    size_t     rows, columns, row = 1;

    screen_size(&rows, &columns);
    buf_init(&out, QUESTION_BYTES_MAX);
    buf_put_text(&out, "\x1b[H");
    while (text.len > 0 && row + 1 < rows) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t         n = end != NULL ? (size_t)(end - text.ptr) : text.len;
        put_clipped(&out, (struct slice){ text.ptr, n }, columns);
        n += end != NULL;
        text = (struct slice){ text.ptr + n, text.len - n };
        row++;
    }
    buf_put_text(&out, "\x1b[J\x1b[");
    buf_printf(&out, "%zu;1H\x1b[7m%.*s\x1b[0m", rows, (int)columns, foot);
    int result = buf_check(&out, "the screen", e);
    if (result == 0 && (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout) != 0))
        result = err_sys(e, "write to the terminal");
    buf_done(&out);
    return result;
}

static int begin_live(struct top *t, struct err *e)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGWINCH);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (t->signal_fd < 0)
        return err_sys(e, "wait for signals");
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &t->kept) == 0) {
        struct termios raw = t->kept;
        raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    (void)fputs("\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J", stdout);
    return 0;
}

static void end_live(struct top *t)
{
    if (t->signal_fd < 0)
        return;
    (void)fputs("\x1b[?25h\x1b[?1049l", stdout);
    (void)fflush(stdout);
    if (t->raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &t->kept);
    (void)close(t->signal_fd);
}

/* ---- looks --------------------------------------------------------------------------------- */

static int take(struct top *t, struct err *e)
{
    struct top_sample s;

    TRY(top_sample_take(&t->call->at, &s, e));
    t->now = 1 - t->now;
    top_sample_done(&t->samples[t->now]);
    t->samples[t->now] = s;
    t->two = t->any;
    t->any = true;
    return 0;
}

static struct top_pair pair_of(const struct top *t)
{
    return (struct top_pair){ t->two ? &t->samples[1 - t->now] : NULL, &t->samples[t->now] };
}

static int show(struct top *t, struct err *e)
{
    struct top_pair p = pair_of(t);
    OWN_MEM char   *text = NULL;
    size_t          bytes = 0;

    if (t->call->json) {
        struct buf out;
        buf_init(&out, QUESTION_BYTES_MAX);
        top_put_json(&p, &out);
        int result = buf_check(&out, "a look", e);
        if (result == 0)
            (void)fwrite(out.ptr, 1, out.len, stdout);
        buf_done(&out);
        return result != 0 || fflush(stdout) == 0 ? result : err_sys(e, "write");
    }
    if (!t->live)
        return top_print(&p, stdout, e);
    FILE *into = open_memstream(&text, &bytes);
    if (into == NULL)
        return err_set(e, E_NOMEM, "no memory for the screen");
    int result = top_print(&p, into, e);
    if (fclose(into) != 0 && result == 0)
        result = err_set(e, E_NOMEM, "no memory for the screen");
    if (result == 0)
        result = draw((struct slice){ (uint8_t *)text, bytes }, " q quits ", e);
    return result;
}

enum wait { WAIT_OVER, WAIT_REDRAW, WAIT_QUIT };

/* For the next look's time, a key, or another size of the terminal. */
static enum wait wait_for(const struct top *t)
{
    struct pollfd           p[2] = { { .fd = t->signal_fd, .events = POLLIN },
                                     { .fd = t->raw ? STDIN_FILENO : -1, .events = POLLIN } };
    struct signalfd_siginfo signal_info;
    char                    key = 0;

    if (poll(p, 2, t->interval_ms) <= 0)
        return WAIT_OVER;
    if (p[0].revents != 0 &&
        read(t->signal_fd, &signal_info, sizeof signal_info) == sizeof signal_info)
        return signal_info.ssi_signo == SIGWINCH ? WAIT_REDRAW : WAIT_QUIT;
    if (p[1].revents != 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
        return WAIT_QUIT;
    return WAIT_OVER;
}

/* A relay that is away, as during a restart, may come back. */
static int look(struct top *t, struct err *e)
{
    struct err why = { 0 };

    if (take(t, &why) == 0)
        return show(t, e);
    if (!t->live || why.kind != E_STOPPED) {
        *e = why;
        return -1;
    }
    t->any = false;
    return draw(slice_of_text(why.text), " waiting for the relay; q quits ", e);
}

static int go_on(struct top *t, struct err *e)
{
    enum wait w = WAIT_OVER;

    while (w != WAIT_QUIT) {
        if (w == WAIT_REDRAW && t->any)
            TRY(show(t, e));
        else
            TRY(look(t, e));
        w = wait_for(t);
    }
    return 0;
}

/* Rates need two looks. */
static int look_once(struct top *t, struct err *e)
{
    TRY(take(t, e));
    (void)wait_for(t);
    TRY(take(t, e));
    return show(t, e);
}

static int parse_interval(const char *text, int *out_ms, struct err *e)
{
    char *end;
    long  seconds = strtol(text, &end, 10);

    if (end == text || *end != '\0' || seconds < 1 || seconds > INTERVAL_MAX_S)
        return err_set(e, E_CONFIG, "--interval is seconds from 1 to %d, not '%.20s'",
                       INTERVAL_MAX_S, text);
    *out_ms = (int)seconds * 1000;
    return 0;
}

enum command_exit top_run(const struct call *c, struct err *e)
{
    struct top  t = { .call = c, .interval_ms = INTERVAL_S * 1000, .signal_fd = -1 };
    const char *interval = call_option(c, "interval");

    if (interval != NULL && parse_interval(interval, &t.interval_ms, e) != 0)
        return COMMAND_MISUSED;
    t.once = call_option(c, "once") != NULL || (!c->json && !isatty(STDOUT_FILENO));
    t.live = !t.once && !c->json;
    int result = t.live ? begin_live(&t, e) : 0;
    if (result == 0)
        result = t.once ? look_once(&t, e) : go_on(&t, e);
    end_live(&t);
    top_sample_done(&t.samples[0]);
    top_sample_done(&t.samples[1]);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
