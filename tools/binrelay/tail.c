/* binrelay tail: what passes through the relay, read from its files in this process. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "storage/catalog.h"
#include "storage/locate.h"
#include "storage/reader.h"
#include "tools/binrelay/change_line.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/event_line.h"
#include "storage/place.h"
#include "tools/binrelay/view.h"

enum {
    EVENT_BYTES_MAX =
        1024 * 1024 * 1024, /* a larger one can't be decoded; the protocol's own bound */
    OUT_BYTES = 64 * 1024,  /* lines are written when so much has gathered */
    OUT_BYTES_MAX = EVENT_BYTES_MAX,
};

struct tail {
    const struct call *call;
    bool               events;
    uint64_t           left;        /* lines until --count is reached */
    bool               reader_gone; /* of our output */
    struct options     options;
    struct view        view;
    struct reader     *reader;
    struct convert    *convert;
    struct buf         hold; /* an event that came in pieces */
    struct buf         out;
};

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

/* From here on the signals only come through while we wait; so none is missed between the look at
   `asked_to_end` and the wait. */
static void take_signals(sigset_t *while_waiting)
{
    struct sigaction act = { .sa_handler = on_signal };
    sigset_t         both;

    (void)sigemptyset(&both);
    (void)sigaddset(&both, SIGINT);
    (void)sigaddset(&both, SIGTERM);
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    (void)sigprocmask(SIG_BLOCK, &both, while_waiting);
    (void)sigdelset(while_waiting, SIGINT);
    (void)sigdelset(while_waiting, SIGTERM);
}

/* ---- output: whole lines, and the end of the reader's interest ---- */

static int write_out(struct tail *t, struct err *e)
{
    TRY(buf_check(&t->out, "line", e));
    size_t at = 0;
    while (at < t->out.len) {
        ssize_t n = write(STDOUT_FILENO, t->out.ptr + at, t->out.len - at);
        if (n < 0 && errno == EPIPE) {
            t->reader_gone = true;
            break;
        }
        if (n < 0 && errno != EINTR)
            return err_sys(e, "can't write");
        at += n > 0 ? (size_t)n : 0;
    }
    buf_clear(&t->out);
    return 0;
}

static int count_line(struct tail *t, struct err *e)
{
    t->left--;
    return t->out.len >= OUT_BYTES ? write_out(t, e) : 0;
}

static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    struct tail *t = arg;
    if (t->left == 0) /* of an event with more rows than were asked for */
        return 0;
    if (t->call->json)
        change_line_put_json(ev, &t->out);
    else
        TRY(change_line_put_text(ev, &t->out, e));
    return count_line(t, e);
}

/* A table that the binlog does not describe: the daemon asks the source. */
static int fetch_definition(void *arg, const char *database, const char *table, struct buf *json,
                            struct err *e)
{
    struct tail           *t = arg;
    const char *const      ask[] = { "define", database, table, NULL };
    struct control_client *c = NULL;
    struct slice           line;

    if (control_ask(t->call->at.data, t->call->at.channel, ask, &c, e) != 0)
        return err_note(e, "columns of %s.%s", database, table);
    int got = control_line(c, &line, e);
    if (got == 1)
        buf_put(json, line);
    else if (got == 0)
        (void)err_set(e, E_STOPPED, "the relay stopped before it told the columns of %s.%s",
                      database, table);
    control_close(c);
    TRY(got - 1);
    return buf_check(json, "table definition", e);
}

/* ---- reading ---- */

static int take_event(struct tail *t, const struct event *ev, store_pos pos, struct err *e)
{
    const struct format     *f = reader_format(t->reader);
    const struct store_file *file = reader_file(t->reader);
    bool                     between;

    if (!t->events)
        return convert_event(t->convert, f, file, pos, ev, &between, e);
    event_line_put(f, file, pos, ev, t->call->json, &t->out);
    return count_line(t, e);
}

/* Until there is something new: 0, or 1 when this is the end. */
static int wait_for_more(struct tail *t, const sigset_t *while_waiting, struct err *e)
{
    TRY(write_out(t, e));
    if (t->reader_gone)
        return 1;
    if (t->view.follow == NULL) {
        (void)fputs("binrelay tail: no relay runs here, so this is the end of what it holds\n",
                    stderr);
        return 1;
    }
    struct pollfd p[2] = { { .fd = control_fd(t->view.follow), .events = POLLIN },
                           { .fd = STDOUT_FILENO } }; /* its reader's going away is an event */
    if (ppoll(p, 2, NULL, while_waiting) < 0) {
        if (errno == EINTR)
            return asked_to_end ? 1 : 0;
        return err_sys(e, "can't wait for the relay");
    }
    if ((p[1].revents & (POLLERR | POLLHUP)) != 0)
        return 1;
    if (view_refresh(&t->view, e) != 0) {
        const struct store_file *file = reader_file(t->reader);
        return err_note(e, "read up to %s:%" PRIu64, file->name,
                        store_pos_offset(reader_pos(t->reader)));
    }
    return 0;
}

static bool signal_waits(void)
{
    sigset_t waiting;
    (void)sigpending(&waiting);
    return sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1;
}

static int follow(struct tail *t, const sigset_t *while_waiting, struct err *e)
{
    int ended = 0;
    while (t->left > 0 && !t->reader_gone && ended == 0 && !signal_waits()) {
        enum reader_step step;
        struct event     ev;
        store_pos        pos;

        TRY(reader_next_event(t->reader, &t->hold, &ev, &pos, &step, e));
        if (step == READER_PIECE) {
            TRY(take_event(t, &ev, pos, e));
            continue;
        }
        if (step == READER_FILE_DONE)
            TRY(reader_next_file(t->reader, &step, e));
        if (step == READER_AT_END)
            ended = wait_for_more(t, while_waiting, e);
    }
    return ended < 0 ? -1 : write_out(t, e);
}

/* ---- beginning ---- */

static int find_start(struct tail *t, const char *from, store_pos *out, struct err *e)
{
    struct store     *s = t->view.store;
    struct store_file first;
    struct place      p;
    store_pos         end;

    if (!store_first_file(s, &first))
        return err_set(e, E_PURGED, "the relay has received nothing so far");
    if (from == NULL || strcmp(from, "newest") == 0) {
        *out = store_published(s);
    } else if (strcmp(from, "oldest") == 0) {
        *out = store_start(s);
    } else {
        TRY(place_parse(from, &p, e));
        TRY(place_locate(s, &p, out, &end, e));
    }
    return 0;
}

static int open_and_follow(struct tail *t, const sigset_t *while_waiting, struct err *e)
{
    struct convert_options options = { .options = &t->options };
    store_pos              from;

    TRY(view_open(&t->call->at, &t->view, e));
    TRY(find_start(t, call_option(t->call, "from"), &from, e));
    TRY(reader_open(t->view.store, from, 0, &t->reader, e));
    if (!t->events)
        TRY(convert_new(&options, store_catalog(t->view.store), fetch_definition, t, on_change, t,
                        &t->convert, e));
    return follow(t, while_waiting, e);
}

static int read_options(struct tail *t, struct err *e)
{
    const char  *count = call_option(t->call, "count");
    const char  *from = call_option(t->call, "from");
    struct place p;

    t->events = call_option(t->call, "events") != NULL;
    if (t->events && call_option(t->call, "changes") != NULL)
        return err_set(e, E_CONFIG, "give --events or --changes, not both");
    if (count != NULL && (place_parse_number(count, &t->left) != 0 || t->left == 0))
        return err_set(e, E_CONFIG, "--count '%s' is not a number above zero", count);
    if (from != NULL && strcmp(from, "newest") != 0 && strcmp(from, "oldest") != 0)
        TRY(place_parse(from, &p, e));
    TRY(options_init(&t->options, e));
    TRY(options_set(&t->options, "topic.prefix", CHANGE_LINE_PREFIX, e));
    TRY(options_set(&t->options, "include.schema.changes", "false", e));
    if (call_option(t->call, "tables") != NULL)
        TRY(options_set(&t->options, "table.include.list", call_option(t->call, "tables"), e));
    return 0;
}

enum command_exit tail_run(const struct call *c, struct err *e)
{
    struct tail t = { .call = c, .left = UINT64_MAX };
    sigset_t    while_waiting;

    if (read_options(&t, e) != 0) {
        options_done(&t.options);
        return COMMAND_MISUSED;
    }
    take_signals(&while_waiting);
    buf_init(&t.hold, EVENT_BYTES_MAX);
    buf_init(&t.out, OUT_BYTES_MAX);
    int result = open_and_follow(&t, &while_waiting, e);
    convert_free(t.convert);
    reader_close(t.reader);
    view_close(&t.view);
    options_done(&t.options);
    buf_done(&t.hold);
    buf_done(&t.out);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
