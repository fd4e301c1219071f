#include "relay/watch/overview.h"
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "protocol/base/version.h"
#include "relay/downstream/serve.h"
#include "relay/hold.h"
#include "relay/lag.h"
#include "relay/prober.h"
#include "relay/upstream/remembered.h"
#include "storage/numbers.h"

/* ---- texts and lists ----------------------------------------------------------------------- */

struct overview_text {
    struct overview_text *next;
    char                  text[];
};

enum { PLACE_BYTES = STORE_NAME_BYTES + 32 };

/* A copy that lives as long as the overview; "" when there is no memory for it, which the caller
   sees from `failed`. */
struct look {
    const struct overview_of *of;
    struct overview          *o;
    bool                      failed; /* no memory */

    /* of the channel at hand */
    const struct channel_slot *slot;
    struct channel            *channel;
    struct store              *store;
    struct store_sizes         sizes;
    store_pos                  end;
    uint32_t                   held;     /* first file that somebody needs; 0: none */
    store_pos                  since_at; /* asked for last, and the answer */
    double                     since;
};

static const char *keep(struct look *l, const char *text)
{
    size_t                n = strlen(text) + 1;
    struct overview_text *t = n > 1 ? malloc(sizeof *t + n) : NULL;

    if (t == NULL) {
        l->failed |= n > 1;
        return "";
    }
    memcpy(t->text, text, n);
    t->next = l->o->texts;
    l->o->texts = t;
    /* cppcheck-suppress memleak ; reached through the list */
    return t->text;
}

/* One more item at the end of a list, zeroed; NULL without memory. */
static void *grow(struct look *l, void *items, size_t *count, size_t size)
{
    char *old;

    memcpy(&old, items, sizeof old);
    /* Doubled at powers of two, so that long lists are not copied each time. */
    if ((*count & (*count - 1)) == 0) {
        char *grown = realloc(old, (*count == 0 ? 1 : 2 * *count) * size);
        if (grown == NULL) {
            l->failed = true;
            return NULL;
        }
        memcpy(items, &grown, sizeof grown);
        old = grown;
    }
    memset(old + *count * size, 0, size);
    return old + (*count)++ * size;
}
#define GROW(l, list) grow(l, &(l)->o->list.items, &(l)->o->list.count, sizeof *(l)->o->list.items)

static const char *keep_place(struct look *l, store_pos at)
{
    struct store_file f;
    struct err        ignored;
    char              text[PLACE_BYTES];

    if (at == 0 || store_file_by_ordinal(l->store, store_pos_ordinal(at), &f, &ignored) != 0)
        return "";
    (void)snprintf(text, sizeof text, "%s:%" PRIu64, f.name, store_pos_offset(at));
    return keep(l, text);
}

/* ---- the process --------------------------------------------------------------------------- */

static double count_entries(const char *folder)
{
    DIR   *d = opendir(folder);
    double n = 0;

    if (d == NULL)
        return NAN;
    for (const struct dirent *x = readdir(d); x != NULL; x = readdir(d))
        n += x->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void look_at_memory(struct overview_process *p)
{
    unsigned long long pages = 0, resident = 0;
    double             page = (double)sysconf(_SC_PAGESIZE);
    FILE              *f = fopen("/proc/self/statm", "re");

    p->virtual_bytes = p->resident_bytes = NAN;
    if (f == NULL)
        return;
    /* NOLINTNEXTLINE(cert-err34-c) ; the kernel writes numbers */
    if (fscanf(f, "%llu %llu", &pages, &resident) == 2) {
        p->virtual_bytes = (double)pages * page;
        p->resident_bytes = (double)resident * page;
    }
    (void)fclose(f);
}

static void count_session(void *arg, const struct serve_session *s)
{
    struct overview_process *p = arg;
    p->sessions++;
    p->streams += s->streaming;
}

static int look_at_process(struct look *l, struct err *e)
{
    struct overview_process *p = GROW(l, process);
    struct overview_info    *info = GROW(l, info);
    struct rusage            used;
    struct rlimit            files;
    struct serve_logins      logins;

    if (p == NULL || info == NULL)
        return err_set(e, E_NOMEM, "no memory for an overview");
    info->label[0] = BINRELAY_VERSION;
    p->started_ms = l->of->started_ms;
    if (getrusage(RUSAGE_SELF, &used) == 0)
        p->cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                   (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    look_at_memory(p);
    p->open_fds = count_entries("/proc/self/fd");
    p->threads = count_entries("/proc/self/task");
    p->max_fds = getrlimit(RLIMIT_NOFILE, &files) == 0 ? (double)files.rlim_cur : NAN;
    serve_logins(l->of->serve, &logins);
    p->logins_failed = logins.failed;
    p->logins_blocked = logins.blocked;
    p->slowed_addresses = logins.slowed_addresses;
    p->users = logins.users;
    return serve_each_session(l->of->serve, count_session, p, e);
}

/* ---- the source ---------------------------------------------------------------------------- */

double overview_source_lag(const struct channel_status *s, int64_t heartbeat_s, int64_t started_s,
                           int64_t now_s)
{
    int64_t heard_s = s->last_contact_s != 0 ? s->last_contact_s : started_s;
    int64_t silence_s = now_s > heard_s ? now_s - heard_s : 0;

    if (s->state != CHANNEL_FOLLOWING)
        return (double)silence_s;
    if (!s->caught_up && s->last_event_s != 0)
        return now_s > s->last_event_s ? (double)(now_s - s->last_event_s) : 0; /* clocks differ */
    return silence_s <= heartbeat_s + 1 ? 0 : (double)silence_s;
}

static const char *const channel_states[] = {
    [CHANNEL_CONNECTING] = "connecting",
    [CHANNEL_FOLLOWING] = "following",
    [CHANNEL_WAITING] = "waiting",
    [CHANNEL_STOPPED] = "stopped",
};
static const char failed_state[] = "failed";

static const char *keep_server(struct look *l, const struct server_facts *f)
{
    char text[sizeof f->version + 16];

    if (!f->known)
        return "";
    (void)snprintf(text, sizeof text, "%s %s", f->family == FAMILY_MARIADB ? "MariaDB" : "MySQL",
                   f->version);
    return keep(l, text);
}

/* MariaDB marks events for whoever asked, also while its side is switched off. So what its variable
   said at the last attach counts, too, until it has waited for an acknowledgement after all. */
static bool commits_wait(struct channel *c, const struct channel_status *s)
{
    struct remembered_list  *variables = channel_variables(c);
    const struct remembered *v =
        remembered_find(variables, slice_of_text("rpl_semi_sync_master_enabled"));

    if (v == NULL)
        v = remembered_find(variables, slice_of_text("rpl_semi_sync_source_enabled"));
    bool off = v != NULL && strcmp(v->value, "OFF") == 0;
    remembered_release(variables);
    return s->semi_sync && (!off || s->acks > 0);
}

static void look_at_source(struct look *l, const struct channel_status *s)
{
    struct overview_source     *x = GROW(l, sources);
    const struct config_source *keys = channel_source(l->channel);
    struct server_facts         facts;
    struct channel_warnings     warnings;

    if (x == NULL)
        return;
    channel_facts(l->channel, &facts);
    channel_warnings(l->channel, &warnings);
    x->channel = x->label[0] = l->slot->config->name;
    x->name = x->label[1] = keep(l, s->source);
    x->address = keep(l, s->address);
    x->state = channel_states[s->state];
    x->problem = keep(l, s->problem);
    x->server = keep_server(l, &facts);
    x->file = keep(l, s->source_file);
    x->offset = s->source_offset;
    x->since_s = s->since_s;
    x->following = s->state == CHANNEL_FOLLOWING;
    x->caught_up = s->caught_up;
    x->lag_s = overview_source_lag(s, keys->heartbeat, l->of->started_ms / 1000, l->o->now_s);
    int64_t heard_s = s->last_contact_s != 0 ? s->last_contact_s : l->of->started_ms / 1000;
    x->silence_s = l->o->now_s > heard_s ? (double)(l->o->now_s - heard_s) : 0;
    x->last_event_s = s->last_event_s;
    x->last_contact_s = s->last_contact_s;
    x->received_bytes = s->received_bytes;
    x->received_events = s->received_events;
    x->reconnects = s->reconnects;
    x->semi_sync_wanted = s->semi_sync_wanted;
    x->semi_sync = commits_wait(l->channel, s);
    x->acks = s->acks;
    x->warnings = warnings.count;
}

static void look_at_candidate(void *arg, const struct config_source *source, const struct health *h)
{
    struct look               *l = arg;
    struct overview_candidate *x = GROW(l, candidates);

    if (x == NULL)
        return;
    x->channel = x->label[0] = l->slot->config->name;
    x->name = x->label[1] = keep(l, source->name);
    x->address = keep(l, h->address[0] != '\0' ? h->address : source->host);
    x->server = keep_server(l, &h->facts);
    x->problem = keep(l, h->problem);
    x->active = source == channel_source(l->channel);
    x->looked = h->looked_s != 0;
    x->answers = h->answers;
    x->ready = h->answers && h->problem[0] == '\0' &&
               (h->standing == HEALTH_EVEN || h->standing == HEALTH_UNKNOWN);
    x->lacking = x->active || h->standing == HEALTH_UNKNOWN ? NAN : (double)h->lacking;
}

/* ---- consumers and publishers ---------------------------------------------------------------- */

/* Age of what somebody at this place has not got. Many consumers are at the same one. */
static double lag_of(struct look *l, store_pos at)
{
    struct err ignored;
    int64_t    since_s = 0;

    if (at >= l->end)
        return 0;
    if (at != l->since_at) {
        l->since_at = at;
        l->since = lag_since(l->store, at, &since_s, &ignored) == 0 ? (double)since_s : NAN;
    }
    double now = (double)l->o->now_s;
    return isnan(l->since) ? NAN : now > l->since ? now - l->since : 0;
}

static void note_hold(struct look *l, const struct hold *h)
{
    if (h->state == HOLD_KEPT && (l->held == 0 || h->ordinal < l->held))
        l->held = h->ordinal;
}

static uint64_t bytes_from_file(const struct look *l, store_pos at)
{
    return store_sizes_between(&l->sizes, store_pos_at(store_pos_ordinal(at), 0),
                               store_pos_at(STORE_ORDINAL_MAX, 0));
}

static void look_at_consumer(void *arg, const struct consumer_info *c)
{
    struct look              *l = arg;
    struct overview_consumer *x = GROW(l, consumers);
    struct hold               h;
    struct holder             who = { .from = c->needs };

    if (x == NULL)
        return;
    if (!c->connected)
        who.away_s = l->o->now_s > c->row.seen_s ? l->o->now_s - c->row.seen_s : 1;
    uint64_t bytes = c->needs != 0 ? bytes_from_file(l, c->needs) : 0;
    hold_judge(l->store, l->slot->config, &who, bytes, l->o->now_s, &h);
    note_hold(l, &h);
    x->channel = x->label[0] = l->slot->config->name;
    x->name = x->label[1] = keep(l, c->row.name);
    x->user = x->label[2] = keep(l, c->row.user);
    x->address = keep(l, c->row.address);
    x->place = keep_place(l, c->row.place);
    x->connected = c->connected;
    x->held = h.state != HOLD_LOST;
    x->seen_s = c->row.seen_s;
    bool there = store_sizes_hold(&l->sizes, c->row.place);
    x->lag_bytes = there ? (double)store_sizes_between(&l->sizes, c->row.place, l->end) : NAN;
    x->lag_s = there ? lag_of(l, c->row.place) : NAN;
    x->hold_bytes = h.bytes;
    x->hold_percent = h.used_percent;
    x->hold_limit = h.limit;
}

static const char *const publisher_states[] = {
    [PUBLISHER_RUNNING] = "running", [PUBLISHER_IDLE] = "idle",     [PUBLISHER_WAITING] = "waiting",
    [PUBLISHER_PAUSED] = "paused",   [PUBLISHER_FAILED] = "failed", [PUBLISHER_ENDED] = "ended",
};
enum { PUBLISHER_STATES = sizeof publisher_states / sizeof publisher_states[0] };

static const char *sink_of(const struct config *c, const char *publisher)
{
    for (size_t i = 0; i < c->publisher_count; i++)
        if (strcmp(c->publishers[i].name, publisher) == 0)
            return c->publishers[i].sink == CONFIG_SINK_KAFKA    ? "kafka"
                   : c->publishers[i].sink == CONFIG_SINK_STDOUT ? "stdout"
                                                                 : "file";
    return "";
}

static void look_at_snapshot(struct look *l, size_t index, struct overview_publisher *x)
{
    struct snapshot_progress s;

    channel_publisher_progress(l->channel, index, &s);
    x->snapshot_table = keep(l, s.table);
    x->snapshot_active = s.active;
    x->snapshot_paused = s.paused;
    x->snapshot_tables_left = s.tables_left;
    x->snapshot_rows = s.rows;
    x->snapshot_rows_guessed = s.rows_guessed;
    x->snapshot_rows_total = s.rows_total;
    x->snapshot_chunks_again = s.chunks_again;
}

static void look_at_publisher(struct look *l, size_t index)
{
    struct overview_publisher *x = GROW(l, publishers);
    struct publisher_status    p;
    struct hold                h;

    if (x == NULL)
        return;
    channel_publisher_status(l->channel, index, &p);
    const struct holder who = { .from = p.next };
    hold_judge(l->store, l->slot->config, &who, 0, l->o->now_s, &h);
    note_hold(l, &h);
    x->channel = x->label[0] = l->slot->config->name;
    x->name = x->label[1] = keep(l, p.name);
    x->sink = x->label[2] = sink_of(l->of->config, p.name);
    x->state = publisher_states[p.state];
    x->problem = keep(l, p.problem);
    x->place = keep_place(l, p.next);
    x->events = p.events;
    x->last_event_s = p.last_event_s;
    bool all = p.state == PUBLISHER_IDLE;
    bool there = store_sizes_hold(&l->sizes, p.next);
    x->lag_bytes = all ? 0 : there ? (double)store_sizes_between(&l->sizes, p.next, l->end) : NAN;
    x->lag_s = all ? 0 : there ? lag_of(l, p.next) : NAN;
    look_at_snapshot(l, index, x);
    for (size_t i = 0; i < PUBLISHER_STATES; i++) {
        struct overview_state *s = GROW(l, publisher_states);
        if (s != NULL)
            *s = (struct overview_state){ { x->channel, x->name, publisher_states[i] },
                                          i == (size_t)p.state };
    }
}

/* ---- channels ------------------------------------------------------------------------------ */

static int look_at_epoch(void *arg, const struct catalog_epoch *row, struct err *e)
{
    struct look           *l = arg;
    struct overview_epoch *x = GROW(l, epochs);
    struct store_file      f;
    struct err             ignored;

    if (x == NULL)
        return err_set(e, E_NOMEM, "no memory for an overview");
    bool held = store_file_by_ordinal(l->store, row->ordinal, &f, &ignored) == 0;
    x->channel = l->slot->config->name;
    x->source = keep(l, row->source.name);
    x->method = keep(l, row->method);
    x->file = keep(l, held ? f.name : "");
    x->epoch = row->epoch;
    x->begun_s = row->begun_s;
    x->forked = row->forked;
    return 0;
}

static void put_numbers(struct look *l, struct overview_channel *x)
{
    const struct config_channel *keys = l->slot->config;
    struct store_numbers         n;
    struct err                   ignored;

    store_numbers(l->store, &n);
    x->files = n.files;
    x->bytes = n.bytes;
    x->oldest_s = n.oldest_s;
    x->newest_s = n.newest_s;
    x->syncs = n.syncs;
    x->sync_us = n.sync_us;
    x->purged_files = n.purged_files;
    x->purged_bytes = n.purged_bytes;
    x->index_opens = n.index_opens;
    x->index_rebuilds = n.index_rebuilds;
    x->free_known =
        store_disk(l->store)->free_bytes(store_disk(l->store), &x->free_bytes, &ignored) == 0;
    x->reserve_bytes = keys->reserve;
    x->keep_bytes = keys->keep_bytes;
    x->keep_age_s = keys->keep_age;
}

/* Received, and not yet to be seen by anyone. */
static uint64_t unpublished(const struct look *l, const struct channel_status *s)
{
    struct store_file last;

    if (!store_last_file(l->store, &last) || strcmp(last.source_file, s->source_file) != 0)
        return 0;
    uint64_t seen = store_pos_ordinal(l->end) == last.ordinal ? store_pos_offset(l->end) : 0;
    return s->source_offset > seen ? s->source_offset - seen : 0;
}

static int look_inside(struct look *l, struct overview_channel *x, struct err *e)
{
    struct overview      *o = l->o;
    struct channel_status s;
    size_t                consumers = o->consumers.count, epochs = o->epochs.count;

    l->store = channel_store(l->channel);
    l->end = store_published(l->store);
    l->held = 0;
    l->since_at = 0;
    l->since = NAN;
    TRY(store_sizes(l->store, &l->sizes, e));
    channel_status(l->channel, &s);
    x->server_id = channel_server_id(l->channel);
    x->published = keep_place(l, l->end);
    x->unpublished_bytes = unpublished(l, &s);
    put_numbers(l, x);
    look_at_source(l, &s);
    prober_each_known(channel_prober(l->channel), look_at_candidate, l);
    for (size_t i = 0; i < channel_publisher_count(l->channel); i++)
        look_at_publisher(l, i);
    TRY(consumers_each(channel_consumers(l->channel), look_at_consumer, l, e));
    x->consumers = o->consumers.count - consumers;
    for (size_t i = consumers; i < o->consumers.count; i++)
        x->connected += o->consumers.items[i].connected;
    if (l->held != 0)
        x->held_bytes = bytes_from_file(l, store_pos_at(l->held, 0));
    TRY(catalog_each_epoch(store_catalog(l->store), look_at_epoch, l, e));
    for (size_t i = epochs; i < o->epochs.count; i++) {
        x->epoch = o->epochs.items[i].epoch;
        x->forks += o->epochs.items[i].forked;
    }
    return 0;
}

static void put_channel_states(struct look *l, const struct overview_channel *x)
{
    for (size_t i = 0; i <= sizeof channel_states / sizeof channel_states[0]; i++) {
        const char *name =
            i < sizeof channel_states / sizeof channel_states[0] ? channel_states[i] : failed_state;
        struct overview_state *s = GROW(l, channel_states);
        if (s != NULL)
            *s = (struct overview_state){ { x->name, name }, strcmp(name, x->state) == 0 };
    }
}

static int look_at_channel(struct look *l, struct err *e)
{
    struct overview_channel *x = GROW(l, channels);
    struct channel_status    s = { 0 };

    if (x == NULL)
        return err_set(e, E_NOMEM, "no memory for an overview");
    l->channel = l->slot->channel;
    if (l->channel != NULL)
        channel_status(l->channel, &s);
    x->name = x->label[0] = l->slot->config->name;
    x->open = l->channel != NULL;
    x->following = x->open && s.state == CHANNEL_FOLLOWING;
    x->state = x->open ? channel_states[s.state] : failed_state;
    x->problem = keep(l, x->open ? s.problem : l->slot->problem);
    x->published = "";
    put_channel_states(l, x);
    if (!x->open)
        return 0;
    int result = look_inside(l, x, e);
    store_sizes_done(&l->sizes);
    return result;
}

/* ---- all of it ----------------------------------------------------------------------------- */

int overview_take(const struct overview_of *of, struct overview *out, struct err *e)
{
    struct overview o = { 0 };
    struct look     l = { .of = of, .o = &o };
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    o.now_s = now.tv_sec;
    o.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    int result = look_at_process(&l, e);
    for (size_t i = 0; i < of->channels->count && result == 0; i++) {
        l.slot = &of->channels->slots[i];
        result = look_at_channel(&l, e);
    }
    if (result == 0 && l.failed)
        result = err_set(e, E_NOMEM, "no memory for an overview");
    if (result != 0) {
        overview_done(&o);
        return -1;
    }
    *out = o;
    return 0;
}

void overview_done(struct overview *o)
{
    while (o->texts != NULL) {
        struct overview_text *next = o->texts->next;
        free(o->texts);
        o->texts = next;
    }
    free(o->info.items);
    free(o->process.items);
    free(o->channels.items);
    free(o->sources.items);
    free(o->candidates.items);
    free(o->consumers.items);
    free(o->publishers.items);
    free(o->channel_states.items);
    free(o->publisher_states.items);
    free(o->epochs.items);
    *o = (struct overview){ 0 };
}

bool overview_ready(const struct overview *o, struct buf *why)
{
    bool ready = true;

    for (size_t i = 0; i < o->channels.count; i++) {
        const struct overview_channel *c = &o->channels.items[i];
        if (c->open && c->following)
            continue;
        ready = false;
        buf_printf(why, "channel '%s' is %s%s%s\n", c->name, c->state,
                   *c->problem != '\0' ? ": " : "", c->problem);
    }
    return ready;
}
