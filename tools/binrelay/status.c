/* binrelay status: what the daemon says of itself, laid out for a person. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include "tools/binrelay/answer.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/question.h"
#include "tools/binrelay/text.h"

enum { GTIDS_SHOWN = 160, PLACE_BYTES = 320 };

static void row(const char *name, const char *fmt, ...) PRINTF_ARGS(2, 3);
static void row(const char *name, const char *fmt, ...)
{
    va_list args;
    (void)printf("%-12s", name);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)putchar('\n');
}

/* "binlog.000001:157", "-" where there is none. */
static const char *place_of(struct json_object *at, char into[PLACE_BYTES])
{
    const char *file = answer_text(at, "file");
    if (file[0] == '\0')
        (void)snprintf(into, PLACE_BYTES, "-");
    else
        (void)snprintf(into, PLACE_BYTES, "%s:%" PRIu64, file, answer_uint(at, "offset"));
    return into;
}

static void print_warnings(struct json_object *warnings)
{
    for (size_t i = 0; i < answer_count(warnings); i++)
        row("  warning", "%s", answer_item_text(warnings, i));
}

static void print_source(struct json_object *source)
{
    char        span[TEXT_BYTES], lag[TEXT_BYTES], place[PLACE_BYTES];
    const char *family = answer_text(source, "family");
    const char *state = answer_text(source, "state");
    int64_t     now = (int64_t)time(NULL);

    row("source", "%s at %s, %s for %s", answer_text(source, "name"),
        answer_text(source, "address"), state,
        text_of_span(now - answer_int(source, "since_s"), span));
    if (answer_has(source, "problem"))
        row("  problem", "%s", answer_text(source, "problem"));
    if (family[0] != '\0')
        row("  server", "%s %s, server_id %" PRIu64 "%s%s",
            strcmp(family, "mariadb") == 0 ? "MariaDB" : "MySQL", answer_text(source, "version"),
            answer_uint(source, "server_id"), answer_has(source, "server_uuid") ? ", uuid " : "",
            answer_text(source, "server_uuid"));
    row("  received", "up to %s, %" PRIu64 " events, %s since the start", place_of(source, place),
        answer_uint(source, "received_events"),
        text_of_bytes(answer_uint(source, "received_bytes"), span));
    if (answer_flag(source, "caught_up"))
        row("  lag", "none: all that the source has is received");
    else if (answer_has(source, "lag_s"))
        row("  lag", "%s", text_of_span(answer_int(source, "lag_s"), lag));
    else
        row("  lag", "unknown while not connected; last event of %s",
            text_of_time(answer_int(source, "last_event_s"), lag));
    if (answer_uint(source, "reconnects") > 0)
        row("  reconnects", "%" PRIu64, answer_uint(source, "reconnects"));
    const char *semi_sync = answer_text(source, "semi_sync");
    if (semi_sync[0] != '\0' && strcmp(semi_sync, "off") != 0)
        row("  semi-sync", "%s, %" PRIu64 " acknowledgements sent", semi_sync,
            answer_uint(source, "acks_sent"));
    if (answer_has(source, "last_switch")) {
        struct json_object *change = answer_member(source, "last_switch");
        row("  epoch", "%" PRIu64 ", since %s, when it took the place of %s%s",
            answer_uint(source, "epoch"), text_of_time(answer_int(change, "at_s"), span),
            answer_text(change, "from"),
            answer_flag(change, "by_itself") ? " by itself (failover = auto)" : "");
    }
    print_warnings(answer_member(source, "warnings"));
}

static void print_store(struct json_object *channel)
{
    struct json_object *published = answer_member(channel, "published");
    struct json_object *store = answer_member(channel, "store");
    const char         *gtids = answer_text(published, "gtids");
    char                place[PLACE_BYTES], bytes[TEXT_BYTES], room[TEXT_BYTES], count[TEXT_BYTES];

    row("published", "%s%s%s", place_of(published, place),
        answer_uint(answer_member(channel, "source"), "unpublished_bytes") > 0 ? ", not yet: " : "",
        answer_uint(answer_member(channel, "source"), "unpublished_bytes") > 0
            ? text_of_bytes(answer_uint(answer_member(channel, "source"), "unpublished_bytes"),
                            bytes)
            : "");
    if (gtids[0] != '\0')
        row("  GTIDs", "%.*s%s", GTIDS_SHOWN, gtids,
            strlen(gtids) > GTIDS_SHOWN ? "... (all of them: --json)" : "");
    row("store", "%s, %s%s%s%s%s; sync %s; %s free",
        text_of_count(answer_uint(store, "files"), "file", count),
        text_of_bytes(answer_uint(store, "bytes"), bytes), answer_has(store, "first") ? ", " : "",
        answer_text(store, "first"), answer_has(store, "first") ? " to " : "",
        answer_text(store, "last"), answer_text(store, "sync"),
        text_of_bytes(answer_uint(store, "free_bytes"), room));
}

static void print_listeners(struct json_object *listeners)
{
    for (size_t i = 0; i < answer_count(listeners); i++) {
        struct json_object *l = answer_item(listeners, i);
        row("listener", "%s:%" PRIu64 "%s%s", answer_text(l, "address"), answer_uint(l, "port"),
            answer_has(l, "channel") ? ", channel " : "", answer_text(l, "channel"));
    }
}

/* Bytes between a consumer's place and the published end; false when its file is not known. */
static bool bytes_behind(struct slice files, const char *file, uint64_t offset, uint64_t *out)
{
    struct slice line;
    struct err   ignored = { 0 };
    uint64_t     behind = 0;
    bool         found = false;

    while (question_next_line(&files, &line)) {
        struct json_object *f = NULL;
        if (answer_parse(line, &f, &ignored) != 0)
            return false;
        uint64_t size = answer_uint(f, "size");
        if (found) {
            behind += size;
        } else if (strcmp(answer_text(f, "name"), file) == 0) {
            found = true;
            behind = size > offset ? size - offset : 0;
        }
        answer_free(f);
    }
    *out = behind;
    return found;
}

static bool is_of(struct json_object *session, const char *channel)
{
    return strcmp(answer_text(session, "channel"), channel) == 0;
}

/* Those of one channel; "" are those who have not logged in. */
static size_t count_of(struct json_object *sessions, const char *channel)
{
    size_t n = 0;
    for (size_t i = 0; i < answer_count(sessions); i++)
        n += is_of(answer_item(sessions, i), channel);
    return n;
}

static int print_consumers(struct json_object *sessions, const char *channel, struct slice files,
                           struct err *e)
{
    static const char *const titles[] = { "id",    "user",    "address", ">server_id",
                                          "place", ">behind", ">sent",   "state" };
    struct grid              g;
    char                     place[PLACE_BYTES], bytes[TEXT_BYTES], sent[TEXT_BYTES];

    (void)printf("\nconsumers: %zu\n", count_of(sessions, channel));
    if (count_of(sessions, channel) == 0)
        return 0;
    grid_init(&g, titles, sizeof titles / sizeof titles[0]);
    for (size_t i = 0; i < answer_count(sessions); i++) {
        struct json_object *s = answer_item(sessions, i);
        uint64_t            behind = 0;
        if (!is_of(s, channel))
            continue;
        bool known = answer_has(s, "file") &&
                     bytes_behind(files, answer_text(s, "file"), answer_uint(s, "offset"), &behind);
        grid_put(&g, "%" PRIu64, answer_uint(s, "id"));
        grid_put(&g, "%s", answer_text(s, "user"));
        grid_put(&g, "%s%s", answer_text(s, "address"), answer_flag(s, "tls") ? " (TLS)" : "");
        if (answer_has(s, "server_id"))
            grid_put(&g, "%" PRIu64, answer_uint(s, "server_id"));
        else
            grid_put(&g, "-");
        grid_put(&g, "%s", place_of(s, place));
        grid_put(&g, "%s", known ? text_of_bytes(behind, bytes) : "-");
        grid_put(&g, "%s", text_of_bytes(answer_uint(s, "sent_bytes"), sent));
        grid_put(&g, "%s", answer_text(s, "state"));
    }
    int result = grid_print(&g, stdout, e);
    grid_done(&g);
    return result;
}

static int print_publishers(struct json_object *publishers, struct err *e)
{
    static const char *const titles[] = { "name", "state", "next", ">events", ">lag", "problem" };
    struct grid              g;
    char                     place[PLACE_BYTES], lag[TEXT_BYTES];

    (void)printf("\npublishers: %zu\n", answer_count(publishers));
    if (answer_count(publishers) == 0)
        return 0;
    grid_init(&g, titles, sizeof titles / sizeof titles[0]);
    for (size_t i = 0; i < answer_count(publishers); i++) {
        struct json_object *p = answer_item(publishers, i);
        grid_put(&g, "%s", answer_text(p, "name"));
        grid_put(&g, "%s", answer_text(p, "state"));
        grid_put(&g, "%s", place_of(answer_member(p, "next"), place));
        grid_put(&g, "%" PRIu64, answer_uint(p, "events"));
        grid_put(&g, "%s",
                 answer_has(p, "lag_s") ? text_of_span(answer_int(p, "lag_s"), lag) : "-");
        grid_put(&g, "%s", answer_has(p, "problem") ? answer_text(p, "problem") : "-");
    }
    int result = grid_print(&g, stdout, e);
    grid_done(&g);
    return result;
}

/* The channel's files, for how far its consumers are behind; none of one that could not be opened.
 */
static int ask_files(const struct call *c, const char *channel, struct buf *files, struct err *e)
{
    static const char *const ask[] = { "files", NULL };
    char                     name[256];
    struct folder            at = c->at;

    (void)snprintf(name, sizeof name, "%s", channel);
    at.channel = name;
    buf_clear(files);
    return question_ask(&at, ask, files, e);
}

/* Nothing to see unless somebody failed. */
static void print_logins(struct json_object *logins)
{
    uint64_t failed = answer_uint(logins, "failed"), blocked = answer_uint(logins, "blocked");
    uint64_t slowed = answer_uint(logins, "slowed_addresses");

    if (failed == 0 && blocked == 0)
        return;
    row("logins",
        "%" PRIu64 " failed, %" PRIu64 " turned away for that; %" PRIu64 " %s answered late now",
        failed, blocked, slowed, slowed == 1 ? "address is" : "addresses are");
}

static void print_door(struct json_object *all)
{
    print_listeners(answer_member(all, "listeners"));
    print_logins(answer_member(all, "logins"));
}

static int print_channel(const struct call *c, struct json_object *all, struct json_object *channel,
                         struct buf *files, struct err *e)
{
    const char *name = answer_text(channel, "name");

    if (strcmp(answer_text(channel, "state"), "failed") == 0) {
        row("  problem", "%s", answer_text(channel, "problem"));
        row("  folder", "%s", answer_text(channel, "folder"));
        return 0;
    }
    TRY(ask_files(c, name, files, e));
    print_source(answer_member(channel, "source"));
    print_store(channel);
    row("served", "as server_id %" PRIu64, answer_uint(channel, "server_id"));
    if (answer_count(answer_member(all, "channels")) == 1)
        print_door(all);
    TRY(print_consumers(answer_member(all, "sessions"), name, buf_slice(files), e));
    return print_publishers(answer_member(channel, "publishers"), e);
}

static int print_status(const struct call *c, struct json_object *all, struct buf *files,
                        struct err *e)
{
    struct json_object *channels = answer_member(all, "channels");
    char                span[TEXT_BYTES];

    row("relay", "binrelay %s, pid %" PRIu64 ", up %s", answer_text(all, "version"),
        answer_uint(all, "pid"), text_of_span(answer_int(all, "uptime_s"), span));
    row("  config", "%s", answer_text(all, "config"));
    row("  data", "%s", answer_text(all, "data"));
    if (answer_count(channels) == 1)
        return print_channel(c, all, answer_item(channels, 0), files, e);
    print_door(all);
    for (size_t i = 0; i < answer_count(channels); i++) {
        struct json_object *channel = answer_item(channels, i);
        (void)putchar('\n');
        row("channel", "%s, %s", answer_text(channel, "name"), answer_text(channel, "state"));
        TRY(print_channel(c, all, channel, files, e));
    }
    if (count_of(answer_member(all, "sessions"), "") > 0)
        (void)printf("\nnot logged in yet: %zu\n", count_of(answer_member(all, "sessions"), ""));
    return 0;
}

static int ask_and_print(const struct call *c, struct buf *status, struct buf *files, struct err *e)
{
    static const char *const ask[] = { "status", NULL };
    struct json_object      *all = NULL;
    struct slice             line;

    TRY(question_ask_one(&c->at, ask, status, e));
    if (c->json) {
        (void)fwrite(status->ptr, 1, status->len, stdout);
        return 0;
    }
    struct slice rest = buf_slice(status);
    if (!question_next_line(&rest, &line))
        return err_set(e, E_STOPPED, "the relay stopped before it answered");
    TRY(answer_parse(line, &all, e));
    int result = print_status(c, all, files, e);
    answer_free(all);
    return result;
}

enum command_exit status_run(const struct call *c, struct err *e)
{
    struct buf status, files;
    buf_init(&status, QUESTION_BYTES_MAX);
    buf_init(&files, QUESTION_BYTES_MAX);
    int result = ask_and_print(c, &status, &files, e);
    buf_done(&status);
    buf_done(&files);
    return result == 0 ? COMMAND_OK : COMMAND_FAILED;
}
