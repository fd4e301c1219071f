#include "relay/operator/control_answer.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "protocol/base/json.h"
#include "protocol/base/version.h"
#include "relay/retention.h"
#include "relay/downstream/serve.h"
#include "relay/operator/control_consumers.h"
#include "relay/operator/control_json.h"
#include "relay/operator/control_map.h"
#include "relay/operator/control_place.h"
#include "relay/operator/control_reload.h"
#include "relay/operator/control_snapshot.h"
#include "relay/operator/control_sources.h"
#include "storage/locate.h"

/* ---- small parts --------------------------------------------------------------------------- */

static void put_lag(struct json *j, bool known, bool none, int64_t last_s)
{
    int64_t lag = (int64_t)time(NULL) - last_s;

    json_name(j, "lag_s");
    if (!known || (!none && last_s == 0))
        json_null(j);
    else
        json_int(j, none || lag < 0 ? 0 : lag); /* clocks differ */
}

int control_emit(struct buf *line, control_put *put, void *put_arg, struct err *e)
{
    buf_put_u8(line, '\n');
    TRY(buf_check(line, "an answer", e));
    return put(put_arg, buf_slice(line), e);
}

void control_answer_error(const struct err *why, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    put_text(&j, "error", why->text);
    put_text(&j, "kind", err_kind_name(why->kind));
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

void control_answer_published(struct store *s, store_pos at, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    put_pos(&j, "published", s, at);
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

/* ---- status -------------------------------------------------------------------------------- */

/* Received, and not yet to be seen by anyone. */
static uint64_t unpublished_bytes(struct store *s, const struct channel_status *c)
{
    struct store_file last;
    store_pos         end = store_published(s);

    if (!store_last_file(s, &last) || strcmp(last.source_file, c->source_file) != 0)
        return 0;
    uint64_t seen = store_pos_ordinal(end) == last.ordinal ? store_pos_offset(end) : 0;
    return c->source_offset > seen ? c->source_offset - seen : 0;
}

static void put_warnings(struct json *j, struct channel *channel)
{
    struct channel_warnings w;

    channel_warnings(channel, &w);
    json_name(j, "warnings");
    json_open_array(j);
    for (size_t i = 0; i < w.count; i++)
        json_text(j, w.text[i]);
    json_close_array(j);
}

static const char *const channel_states[] = {
    [CHANNEL_CONNECTING] = "connecting",
    [CHANNEL_FOLLOWING] = "following",
    [CHANNEL_WAITING] = "waiting",
    [CHANNEL_STOPPED] = "stopped",
};

static void put_source(struct json *j, struct channel *channel)
{
    struct channel_status c;
    struct server_facts   f;

    channel_status(channel, &c);
    channel_facts(channel, &f);
    json_name(j, "source");
    json_open_object(j);
    put_text(j, "name", c.source);
    put_text(j, "address", c.address);
    put_text(j, "state", channel_states[c.state]);
    put_uint(j, "since_s", (uint64_t)c.since_s);
    put_text_or_null(j, "problem", c.problem);
    put_text_or_null(j, "family", !f.known ? "" : f.family == FAMILY_MARIADB ? "mariadb" : "mysql");
    put_text_or_null(j, "version", f.version);
    put_uint_or_null(j, "server_id", f.server_id);
    put_text_or_null(j, "server_uuid", f.server_uuid);
    put_text_or_null(j, "file", c.source_file);
    put_uint_or_null(j, "offset", c.source_offset);
    put_bool(j, "caught_up", c.caught_up);
    put_lag(j, c.state == CHANNEL_FOLLOWING, c.caught_up, c.last_event_s);
    put_uint(j, "unpublished_bytes", unpublished_bytes(channel_store(channel), &c));
    put_time_or_null(j, "last_event_s", c.last_event_s);
    put_time_or_null(j, "last_contact_s", c.last_contact_s);
    put_uint(j, "received_bytes", c.received_bytes);
    put_uint(j, "received_events", c.received_events);
    put_uint(j, "reconnects", c.reconnects);
    put_text(j, "semi_sync", !c.semi_sync_wanted ? "off" : c.semi_sync ? "on" : "inactive");
    put_uint(j, "acks_sent", c.acks);
    control_put_change(j, channel);
    put_warnings(j, channel);
    json_close_object(j);
}

static int put_published(struct json *j, struct store *s, struct err *e)
{
    store_pos    end = store_published(s);
    struct gtids g = { 0 };

    json_name(j, "published");
    if (end == 0) {
        json_null(j);
        return 0;
    }
    TRY(store_gtids_published(s, &g, e));
    json_open_object(j);
    put_pos_fields(j, s, end);
    put_gtids(j, "gtids", &g);
    json_close_object(j);
    gtids_done(&g);
    return 0;
}

static void put_store(struct json *j, struct store *s, const struct store_sync *sync)
{
    struct store_file first, last, f;
    struct err        ignored;
    uint64_t          bytes = 0, free_bytes = 0;

    json_name(j, "store");
    json_open_object(j);
    put_uint(j, "files", store_file_count(s));
    bool any = store_first_file(s, &first) && store_last_file(s, &last);
    for (uint32_t o = any ? first.ordinal : 1; any && o <= last.ordinal; o++)
        if (store_file_by_ordinal(s, o, &f, &ignored) == 0)
            bytes += f.size;
    put_uint(j, "bytes", bytes);
    put_text_or_null(j, "first", any ? first.name : "");
    put_text_or_null(j, "last", any ? last.name : "");
    put_pos(j, "start", s, any ? store_start(s) : 0);
    put_text(j, "sync", sync->never ? "os" : sync->interval_ms != 0 ? "interval" : "commit");
    if (store_disk(s)->free_bytes(store_disk(s), &free_bytes, &ignored) == 0)
        put_uint(j, "free_bytes", free_bytes);
    json_close_object(j);
}

struct sessions {
    struct json *json;
    const char  *channel; /* NULL: of all */
};

static void put_session(void *arg, const struct serve_session *s)
{
    const struct sessions *to = arg;
    struct json           *j = to->json;

    if (to->channel != NULL && *s->channel != '\0' && strcmp(s->channel, to->channel) != 0)
        return;
    json_open_object(j);
    put_uint(j, "id", s->id);
    put_text(j, "user", s->user);
    put_text(j, "address", s->address);
    put_bool(j, "tls", s->tls);
    put_text_or_null(j, "channel", s->channel);
    put_text(j, "state", s->what);
    put_uint_or_null(j, "server_id", s->server_id);
    put_uint(j, "since_s", (uint64_t)s->since_s);
    put_text_or_null(j, "file", s->file);
    put_uint_or_null(j, "offset", s->offset);
    put_text_or_null(j, "acked_file", s->acked_file);
    put_uint_or_null(j, "acked_offset", s->acked_offset);
    put_uint(j, "sent_bytes", s->sent_bytes);
    json_close_object(j);
}

static void put_listeners(struct json *j, struct serve *serve)
{
    struct serve_listener l;

    serve_listener(serve, 0, &l);
    json_name(j, "listener");
    json_open_object(j);
    put_text(j, "address", l.address);
    put_uint(j, "port", l.port);
    json_close_object(j);
    json_name(j, "listeners");
    json_open_array(j);
    for (size_t i = 0; i < serve_listener_count(serve); i++) {
        serve_listener(serve, i, &l);
        json_open_object(j);
        put_text_or_null(j, "name", l.name);
        put_text(j, "address", l.address);
        put_uint(j, "port", l.port);
        put_text_or_null(j, "channel", l.channel);
        json_close_object(j);
    }
    json_close_array(j);
}

static void put_logins(struct json *j, struct serve *serve)
{
    struct serve_logins n;

    serve_logins(serve, &n);
    json_name(j, "logins");
    json_open_object(j);
    put_uint(j, "users", n.users);
    put_uint(j, "failed", n.failed);
    put_uint(j, "blocked", n.blocked);
    put_uint(j, "slowed_addresses", n.slowed_addresses);
    json_close_object(j);
}

static int put_sessions(struct json *j, struct serve *serve, const char *channel, struct err *e)
{
    struct sessions to = { j, channel };

    json_name(j, "sessions");
    json_open_array(j);
    TRY(serve_each_session(serve, put_session, &to, e));
    json_close_array(j);
    return 0;
}

/* Time that is left, by the server's guess of the rows and the rate so far; -1: nobody knows. */
static int64_t time_left_s(const struct snapshot_status *s, int64_t passed_s)
{
    if (!s->running || s->rows == 0 || passed_s <= 0 || s->rows_guessed <= s->rows)
        return -1;
    return (int64_t)((s->rows_guessed - s->rows) * (uint64_t)passed_s / s->rows);
}

static void put_snapshot(struct json *j, const struct snapshot_status *s)
{
    int64_t until_s = s->running ? (int64_t)time(NULL) : s->ended_s;
    int64_t passed_s = until_s - s->begun_s;

    json_open_object(j);
    json_name(j, "running");
    json_bool(j, s->running);
    put_text(j, "table", s->table);
    put_uint(j, "tables", s->tables);
    put_uint(j, "tables_done", s->tables_done);
    put_uint(j, "rows", s->rows);
    put_uint(j, "rows_guessed", s->rows_guessed);
    put_uint(j, "rows_per_s", passed_s > 0 ? s->rows / (uint64_t)passed_s : s->rows);
    put_uint(j, "bytes", s->bytes);
    put_time_or_null(j, "begun_s", s->begun_s);
    put_time_or_null(j, "ended_s", s->running ? 0 : s->ended_s);
    json_name(j, "left_s");
    if (time_left_s(s, passed_s) >= 0)
        json_uint(j, (uint64_t)time_left_s(s, passed_s));
    else
        json_null(j);
    json_close_object(j);
}

static void put_publisher(struct json *j, struct channel *channel, size_t index)
{
    static const char *const states[] = {
        [PUBLISHER_RUNNING] = "running", [PUBLISHER_IDLE] = "idle",
        [PUBLISHER_WAITING] = "waiting", [PUBLISHER_PAUSED] = "paused",
        [PUBLISHER_FAILED] = "failed",   [PUBLISHER_ENDED] = "ended",
    };
    struct publisher_status p;

    channel_publisher_status(channel, index, &p);
    json_open_object(j);
    put_text(j, "name", p.name);
    put_text(j, "state", states[p.state]);
    put_text_or_null(j, "problem", p.problem);
    json_name(j, "can_skip");
    json_bool(j, p.can_skip);
    put_pos(j, "next", channel_store(channel), p.next);
    put_uint(j, "events", p.events);
    put_time_or_null(j, "last_event_s", p.last_event_s);
    put_lag(j, p.state != PUBLISHER_FAILED && p.state != PUBLISHER_ENDED, p.state == PUBLISHER_IDLE,
            p.last_event_s);
    if (p.snapshot.begun_s != 0) {
        json_name(j, "snapshot");
        put_snapshot(j, &p.snapshot);
    }
    json_close_object(j);
}

static void put_publishers(struct json *j, struct channel *channel)
{
    json_name(j, "publishers");
    json_open_array(j);
    for (size_t i = 0; i < channel_publisher_count(channel); i++)
        put_publisher(j, channel, i);
    json_close_array(j);
}

/* What there is to say of a channel that is open. */
static int put_open_channel(struct json *j, const struct channel_slot *slot, struct err *e)
{
    struct channel *c = slot->channel;

    put_uint(j, "server_id", channel_server_id(c));
    put_text(j, "server_uuid", channel_server_uuid(c));
    put_source(j, c);
    TRY(put_published(j, channel_store(c), e));
    put_store(j, channel_store(c), &slot->config->sync);
    put_publishers(j, c);
    return 0;
}

static int put_channel(struct json *j, const struct channel_slot *slot, struct err *e)
{
    struct channel_status status = { 0 };

    if (slot->channel != NULL)
        channel_status(slot->channel, &status);
    json_open_object(j);
    put_text(j, "name", slot->config->name);
    put_text(j, "state", slot->channel != NULL ? channel_states[status.state] : "failed");
    put_text_or_null(j, "problem", slot->channel != NULL ? status.problem : slot->problem);
    put_text(j, "folder", slot->config->folder);
    if (slot->channel != NULL)
        TRY(put_open_channel(j, slot, e));
    json_close_object(j);
    return 0;
}

static int answer_status(const struct control_context *x, const struct control_request *r,
                         char *const *words, struct buf *line, control_put *put, void *put_arg,
                         struct err *e)
{
    const struct channels *all = x->channels;
    struct json            j = json_into(line);

    (void)words;
    json_open_object(&j);
    put_text(&j, "version", BINRELAY_VERSION);
    put_uint(&j, "pid", (uint64_t)getpid());
    put_uint(&j, "uptime_s", (uint64_t)((int64_t)time(NULL) - x->started_ms / 1000));
    put_uint(&j, "started_ms", (uint64_t)x->started_ms);
    put_text(&j, "config", x->config->path);
    put_text(&j, "data", x->config->relay.data);
    if (r->slot != NULL && r->slot->channel != NULL)
        TRY(put_open_channel(&j, r->slot, e));
    put_listeners(&j, x->serve);
    put_logins(&j, x->serve);
    TRY(put_sessions(&j, x->serve, r->slot != NULL ? r->slot->config->name : NULL, e));
    json_name(&j, "channels");
    json_open_array(&j);
    for (size_t i = 0; i < all->count; i++)
        if (r->slot == NULL || r->slot == &all->slots[i])
            TRY(put_channel(&j, &all->slots[i], e));
    json_close_array(&j);
    json_close_object(&j);
    return control_emit(line, put, put_arg, e);
}

/* ---- files --------------------------------------------------------------------------------- */

static int put_file_gtids(struct json *j, struct store *s, const struct store_file *f, bool is_last,
                          struct err *e)
{
    struct gtids before = { 0 }, after = { 0 };

    int rc = store_gtids_before(s, f->ordinal, &before, e);
    if (rc == 0)
        rc = is_last ? store_gtids_published(s, &after, e)
                     : store_gtids_before(s, f->ordinal + 1, &after, e);
    if (rc == 0) {
        put_gtids(j, "gtids_before", &before);
        put_gtids(j, "gtids_after", &after);
    }
    gtids_done(&before);
    gtids_done(&after);
    return rc;
}

static int put_file(struct store *s, const struct store_file *f, bool is_last, struct buf *line,
                    struct err *e)
{
    struct json j = json_into(line);

    json_open_object(&j);
    put_uint(&j, "ordinal", f->ordinal);
    put_text(&j, "name", f->name);
    put_uint(&j, "epoch", f->epoch);
    put_bool(&j, "sealed", f->sealed);
    put_uint(&j, "size", f->size);
    put_text(&j, "source", f->source.name);
    put_text(&j, "source_file", f->source_file);
    put_uint(&j, "source_server_id", f->source.server_id);
    put_text_or_null(&j, "source_server_uuid", f->source.uuid);
    put_text(&j, "source_version", f->source.version);
    put_time_or_null(&j, "first_s", f->created_s);
    put_time_or_null(&j, "last_s", f->last_s);
    TRY(put_file_gtids(&j, s, f, is_last, e));
    json_close_object(&j);
    return 0;
}

static int answer_files(const struct control_context *x, const struct control_request *r,
                        char *const *words, struct buf *line, control_put *put, void *put_arg,
                        struct err *e)
{
    struct channel   *c;
    struct store     *s;
    struct store_file first, last, f;

    (void)words;
    TRY(control_channel(x, r, &c, e));
    s = channel_store(c);
    if (!store_first_file(s, &first) || !store_last_file(s, &last))
        return 0;
    for (uint32_t o = first.ordinal; o <= last.ordinal; o++) {
        if (store_file_by_ordinal(s, o, &f, e) != 0)
            continue; /* forgotten meanwhile */
        buf_clear(line);
        TRY(put_file(s, &f, o == last.ordinal, line, e));
        TRY(control_emit(line, put, put_arg, e));
    }
    return 0;
}

/* ---- purge --------------------------------------------------------------------------------- */

/* The first file to be kept. */
static int find_keep(struct store *s, const char *before, uint32_t *out, struct err *e)
{
    struct gtid       g;
    struct store_file f;
    store_pos         begin, end;

    if (before[0] == '@') {
        int64_t since_s = strtoll(before + 1, NULL, 10);
        bool    more = store_first_file(s, &f);
        while (more && f.sealed && f.last_s != 0 && f.last_s < since_s)
            more = store_file_by_ordinal(s, f.ordinal + 1, &f, e) == 0;
        if (!more)
            return err_set(e, E_PURGED, "nothing is held yet");
        *out = f.ordinal;
        return 0;
    }
    if (gtid_parse(slice_of_text(before), &g)) {
        TRY(locate_gtid_one(s, &g, &begin, &end, e));
        *out = store_pos_ordinal(begin);
        return 0;
    }
    TRY(store_file_by_name(s, before, &f, e));
    *out = f.ordinal;
    return 0;
}

static int answer_purge(const struct control_context *x, const struct control_request *r,
                        char *const *words, struct buf *line, control_put *put, void *put_arg,
                        struct err *e)
{
    struct channel   *c;
    struct store     *s;
    struct json       j = json_into(line);
    struct purge_plan p;
    struct store_file f;
    uint32_t          keep;
    bool              dry = strcmp(words[2], "dry") == 0;

    if (!dry && strcmp(words[2], "run") != 0)
        return err_set(e, E_CONFIG, "purge is 'dry' or 'run', not '%.50s'", words[2]);
    TRY(control_channel(x, r, &c, e));
    s = channel_store(c);
    TRY(find_keep(s, words[1], &keep, e));
    TRY(retention_purge(x->retention, r->index, keep, dry, &p, e));
    TRY(store_file_by_ordinal(s, p.keep_from, &f, e));
    json_open_object(&j);
    put_uint(&j, "files", p.files);
    put_uint(&j, "bytes", p.bytes);
    put_text(&j, "keep_from", f.name);
    put_bool(&j, "held", p.held);
    put_bool(&j, "dry", dry);
    json_close_object(&j);
    return control_emit(line, put, put_arg, e);
}

/* ---- define -------------------------------------------------------------------------------- */

static int answer_define(const struct control_context *x, const struct control_request *r,
                         char *const *words, struct buf *line, control_put *put, void *put_arg,
                         struct err *e)
{
    struct channel *c;

    TRY(control_channel(x, r, &c, e));
    TRY(channel_define(c, words[1], words[2], line, e));
    return control_emit(line, put, put_arg, e);
}

/* ---- consumers ----------------------------------------------------------------------------- */

struct lines {
    struct channel              *channel;
    const struct config_channel *keys;
    struct buf                  *line;
    control_put                 *put;
    void                        *put_arg;
    int                          result;
    struct err                  *e;
};

static void put_consumer(void *arg, const struct consumer_info *x)
{
    struct lines *l = arg;

    if (l->result != 0)
        return;
    buf_clear(l->line);
    control_put_consumer(l->channel, l->keys, x, l->line);
    l->result = control_emit(l->line, l->put, l->put_arg, l->e);
}

static int answer_consumers(const struct control_context *x, const struct control_request *r,
                            char *const *words, struct buf *line, control_put *put, void *put_arg,
                            struct err *e)
{
    struct lines l = { .line = line, .put = put, .put_arg = put_arg, .e = e };

    (void)words;
    if (r->slot != NULL)
        TRY(control_channel(x, r, &l.channel, e));
    for (size_t i = 0; i < x->channels->count && l.result == 0; i++) {
        const struct channel_slot *slot = &x->channels->slots[i];
        if (slot->channel == NULL || (r->slot != NULL && r->slot != slot))
            continue;
        l.channel = slot->channel;
        l.keys = slot->config;
        TRY(consumers_each(channel_consumers(l.channel), put_consumer, &l, e));
    }
    return l.result;
}

static int answer_forget(const struct control_context *x, const struct control_request *r,
                         char *const *words, struct buf *line, control_put *put, void *put_arg,
                         struct err *e)
{
    struct channel *c;
    struct json     j = json_into(line);

    TRY(control_channel(x, r, &c, e));
    TRY(consumers_forget(channel_consumers(c), words[1], e));
    json_open_object(&j);
    put_text(&j, "forgot", words[1]);
    json_close_object(&j);
    return control_emit(line, put, put_arg, e);
}

/* ---- requests ------------------------------------------------------------------------------ */

enum { WORDS_MAX = 6 };

static int answer_publisher(const struct control_context *x, const struct control_request *r,
                            char *const *words, struct buf *line, control_put *put, void *put_arg,
                            struct err *e)
{
    static const struct {
        const char          *word;
        enum publisher_order order;
    } orders[] = {
        { "pause", PUBLISHER_PAUSE },
        { "resume", PUBLISHER_RESUME },
        { "retry", PUBLISHER_RETRY },
        { "skip", PUBLISHER_SKIP },
    };
    struct channel *c = NULL;
    struct json     j = json_into(line);
    size_t          index = 0, i = 0;

    TRY(control_channel(x, r, &c, e));
    TRY(channel_find_publisher(c, words[1], &index, e));
    while (i < sizeof orders / sizeof *orders && strcmp(orders[i].word, words[2]) != 0)
        i++;
    if (i < sizeof orders / sizeof *orders)
        TRY(channel_publisher_order(c, index, orders[i].order, e));
    else if (strcmp(words[2], "status") != 0)
        return err_set(e, E_CONFIG,
                       "a publisher knows status, pause, resume, retry and skip, not '%.40s'",
                       words[2]);
    put_publisher(&j, c, index);
    buf_put_u8(line, '\n');
    TRY(buf_check(line, "a publisher's status", e));
    return put(put_arg, buf_slice(line), e);
}

static const struct request {
    const char *name;
    size_t      operands;
    int (*answer)(const struct control_context *x, const struct control_request *r,
                  char *const *words, struct buf *line, control_put *put, void *put_arg,
                  struct err *e);
} requests[] = {
    { "status", 0, answer_status },           { "files", 0, answer_files },
    { "map", 1, control_answer_map },         { "purge", 2, answer_purge },
    { "define", 2, answer_define },           { "reload", 1, control_answer_reload },
    { "restart", 0, control_answer_restart }, { "consumers", 0, answer_consumers },
    { "forget", 1, answer_forget },           { "publisher", 2, answer_publisher },
    { "sources", 0, control_answer_sources }, { "epochs", 0, control_answer_epochs },
    { "switch", 4, control_answer_switch },   { "snapshot", 3, control_answer_snapshot },
};

static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t n = 0;

    while (n < WORDS_MAX) {
        words[n++] = line;
        line = strchr(line, '\t');
        if (line == NULL)
            break;
        *line++ = '\0';
    }
    return n;
}

int control_parse(const struct control_context *x, char *request, struct control_request *out,
                  struct err *e)
{
    static const char      prefix[] = "channel\t";
    struct control_request r = { .words = request };
    const char            *name = NULL;

    if (strncmp(request, prefix, sizeof prefix - 1) == 0) {
        name = request + sizeof prefix - 1;
        r.words = strchr(name, '\t');
        if (r.words == NULL)
            return err_set(e, E_PROTOCOL, "nothing is asked of the channel");
        *r.words++ = '\0';
    }
    if (name != NULL || x->channels->count == 1) {
        TRY(channels_find(x->channels, name, &r.index, e));
        r.slot = &x->channels->slots[r.index];
    }
    *out = r;
    return 0;
}

int control_channel(const struct control_context *x, const struct control_request *r,
                    struct channel **out, struct err *e)
{
    size_t index = r->index;

    if (r->slot == NULL)
        TRY(channels_find(x->channels, NULL, &index, e));
    const struct channel_slot *slot = &x->channels->slots[index];
    if (slot->channel == NULL)
        return err_set(e, E_STOPPED, "channel '%s' could not be opened: %s", slot->config->name,
                       slot->problem);
    *out = slot->channel;
    return 0;
}

int control_answer(const struct control_context *x, struct control_request *asked, control_put *put,
                   void *put_arg, struct err *e)
{
    char  *words[WORDS_MAX];
    size_t n = split(asked->words, words);

    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const struct request *r = &requests[i];
        if (strcmp(r->name, words[0]) != 0)
            continue;
        if (n != r->operands + 1)
            return err_set(e, E_PROTOCOL, "'%s' takes %zu words behind it, not %zu", r->name,
                           r->operands, n - 1);
        struct buf line;
        buf_init(&line, CONTROL_ANSWER_BYTES_MAX);
        int rc = r->answer(x, asked, words, &line, put, put_arg, e);
        buf_done(&line);
        return rc;
    }
    return err_set(e, E_PROTOCOL, "no such request: '%.100s'", words[0]);
}
