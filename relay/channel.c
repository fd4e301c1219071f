#include "relay/channel.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "protocol/select.h"
#include "publisher/kafka/kafka.h"
#include "publisher/snapshot/signal.h"
#include "relay/prober.h"
#include "relay/switchover.h"
#include "relay/upstream/follow.h"
#include "relay/upstream/source.h"
#include "storage/catalog.h"

static const char uuid_name[] = "relay.server_uuid"; /* in the catalog */

struct channel_publisher {
    struct publisher *publisher;
    const char       *name, *channel;
    pthread_t         thread;
    bool              runs;
};

struct channel {
    const struct config_channel *config;
    struct sources              *sources;
    struct disk                 *disk;
    struct store                *store;
    struct follow               *follow;
    struct landmarks            *landmarks;
    struct prober               *prober;
    struct switchover           *switchover;
    void (*source_changed)(void *arg, const struct config_source *now); /* NULL: nobody asks */
    void             *source_changed_arg;
    struct consumers *consumers;
    void (*consumers_wake)(void *arg); /* NULL: nobody saves them yet */
    void                     *consumers_arg;
    char                      server_uuid[UUID_TEXT_BYTES + 1];
    pthread_t                 ingest_thread, sync_thread, prober_thread;
    bool                      ingest_runs, sync_runs, prober_runs;
    struct channel_publisher *publishers;
    size_t                    publisher_count;
};

/* ---- the relay's own identity -------------------------------------------------------------- */

/* A random UUID (version 4, RFC 9562). */
static int make_uuid(char into[UUID_TEXT_BYTES + 1], struct err *e)
{
    uint8_t b[UUID_BYTES];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return err_sys(e, "read random bytes");
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    (void)snprintf(into, UUID_TEXT_BYTES + 1,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return 0;
}

static int load_uuid(struct channel *c, struct err *e)
{
    struct catalog *catalog = store_catalog(c->store);
    struct buf      text;

    buf_init(&text, sizeof c->server_uuid);
    int rc = catalog_get_value(catalog, uuid_name, &text, e);
    if (rc > 0 && text.len == UUID_TEXT_BYTES) {
        (void)snprintf(c->server_uuid, sizeof c->server_uuid, "%s", buf_text(&text));
        rc = 0;
    } else if (rc >= 0) {
        rc = make_uuid(c->server_uuid, e);
        if (rc == 0)
            rc = catalog_put_value(catalog, uuid_name, c->server_uuid, e);
    }
    buf_done(&text);
    return rc;
}

/* ---- making -------------------------------------------------------------------------------- */

static definition_fetch fetch_definition;
static int fetch_definition(void *arg, const char *database, const char *table, struct buf *json,
                            struct err *e)
{
    return channel_define(arg, database, table, json, e);
}

static definition_survey survey_definitions;

static void say_of_publisher(void *arg, const char *name, const char *sentence)
{
    (void)arg;
    log_write(LOG_WARNING, "publisher", "publisher '%s' %s", name, sentence);
}

static struct kafka_options kafka_options_of(const struct config_publisher *p)
{
    return (struct kafka_options){
        .settings = &p->kafka,
        .exactly_once = p->delivery == CONFIG_EXACTLY_ONCE,
        .batch_bytes = p->batch_bytes != 0 ? p->batch_bytes : UINT64_MAX,
        .batch_ms = p->batch_ms,
        .topic_prefix = p->options.topic_prefix,
        .checkpoint_topic = p->checkpoint_topic,
        .dead_letter_topic = p->dead_letter_topic,
        .topics = { .create = p->topic_creation,
                    .partitions = p->topic_partitions,
                    .replication = p->topic_replication },
    };
}

static int open_select(void *arg, int interrupt_fd, struct select **out, struct err *e)
{
    struct client *client = NULL;

    TRY(source_connect_to_read(channel_source(arg), interrupt_fd, &client, e));
    if (select_new(client, out, e) == 0)
        return 0;
    client_close(client);
    return -1;
}

static int add_publisher(struct channel *c, const struct config_publisher *p, struct err *e)
{
    const struct kafka_options kafka = kafka_options_of(p);
    struct publisher_options   o = {
          .name = p->name,
          .path = p->sink == CONFIG_SINK_FILE ? p->path : NULL,
          .from_newest = p->start.kind == ORIGIN_NEWEST,
          .adopt_topic = p->start.kind == ORIGIN_DEBEZIUM ? p->start.topic : NULL,
          .adopt_connector = p->start.connector,
          .convert = { .options = &p->options },
          .fetch = fetch_definition,
          .survey = survey_definitions,
          .fetch_arg = c,
          .source = { .open = open_select, .arg = c },
          .kafka = p->sink == CONFIG_SINK_KAFKA ? &kafka : NULL,
          .say = say_of_publisher,
    };
    struct channel_publisher *slot = &c->publishers[c->publisher_count];

    if (publisher_new(c->store, &o, &slot->publisher, e) != 0)
        return err_note(e, "publisher '%s'", p->name);
    slot->name = p->name;
    slot->channel = c->config->name;
    c->publisher_count++;
    return 0;
}

static int64_t unix_time(void)
{
    return (int64_t)time(NULL);
}

static void wake_for_consumers(void *arg)
{
    struct channel *c = arg;
    if (c->consumers_wake != NULL)
        c->consumers_wake(c->consumers_arg);
}

/* The server that is followed is another one: by command, by itself, or since the relay was killed
   in the middle of one of these. */
static void on_switched(void *arg)
{
    struct channel             *c = arg;
    const struct config_source *now = follow_source(c->follow);
    struct err                  e = { 0 };

    if (strcmp(now->name, sources_active(c->sources)->name) == 0) {
        switchover_wake(c->switchover);
        return;
    }
    if (sources_activate(c->sources, now, switchover_by_itself(c->switchover), &e) != 0)
        log_err("switch", "after the next start the former source is followed at first", &e);
    if (c->source_changed != NULL)
        c->source_changed(c->source_changed_arg, now);
    switchover_wake(c->switchover);
    prober_wake(c->prober);
}

static int fail_over(void *arg, const struct config_source *to, bool catch_up, struct err *e)
{
    const struct channel         *c = arg;
    const struct switchover_order o = {
        .to = to, .at = "", .catch_up = catch_up, .by_itself = true
    };
    return switchover_run(c->switchover, &o, NULL, NULL, e);
}

static int open_switchover(struct channel *c, const struct config *config, struct err *e)
{
    TRY(landmarks_new(&c->landmarks, e));
    const struct prober_options     p = { .sources = c->sources,
                                          .store = c->store,
                                          .channel = c,
                                          .landmarks = c->landmarks,
                                          .fail_over = fail_over,
                                          .arg = c };
    const struct switchover_options s = { .channel = c,
                                          .sources = c->sources,
                                          .store = c->store,
                                          .follow = c->follow,
                                          .landmarks = c->landmarks,
                                          .relay_uuid = c->server_uuid,
                                          .config = config };

    follow_landmarks(c->follow, c->landmarks);
    follow_policy(c->follow, c->config->fork);
    follow_on_switched(c->follow, on_switched, c);
    TRY(switchover_new(&s, &c->switchover, e));
    return prober_new(&p, &c->prober, e);
}

static int channel_open(struct channel *c, const struct config *config, struct err *e)
{
    size_t publishers = 0;

    for (size_t i = 0; i < config->publisher_count; i++)
        publishers += strcmp(config->publishers[i].channel, c->config->name) == 0;
    TRY(disk_real_new(c->config->folder, &c->disk, e));
    struct store_options o = {
        .folder = c->config->folder,
        .disk = c->disk,
        .sync = c->config->sync,
        .reserve_bytes = c->config->reserve,
    };
    TRY(store_open(&o, &c->store, e));
    TRY(load_uuid(c, e));
    TRY(sources_new(config, c->config, store_catalog(c->store), &c->sources, e));
    TRY(consumers_new(store_catalog(c->store), wake_for_consumers, c, unix_time, &c->consumers, e));
    TRY(follow_new(sources_active(c->sources), c->store, c->server_uuid, publishers > 0, &c->follow,
                   e));
    TRY(open_switchover(c, config, e));
    if (publishers == 0)
        return 0;
    c->publishers = calloc(publishers, sizeof *c->publishers);
    if (c->publishers == NULL)
        return err_set(e, E_NOMEM, "no memory for publishers");
    for (size_t i = 0; i < config->publisher_count; i++)
        if (strcmp(config->publishers[i].channel, c->config->name) == 0)
            TRY(add_publisher(c, &config->publishers[i], e));
    return 0;
}

int channel_new(const struct config *config, const struct config_channel *own, struct channel **out,
                struct err *e)
{
    struct channel *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for a channel");
    c->config = own;
    if (channel_open(c, config, e) != 0) {
        channel_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void channel_free(struct channel *c)
{
    if (c == NULL)
        return;
    assert(!c->ingest_runs && !c->sync_runs && !c->prober_runs);
    for (size_t i = 0; i < c->publisher_count; i++)
        publisher_free(c->publishers[i].publisher);
    free(c->publishers);
    prober_free(c->prober);
    switchover_free(c->switchover);
    landmarks_free(c->landmarks);
    follow_free(c->follow);
    sources_free(c->sources);
    consumers_free(c->consumers);
    store_close(c->store);
    if (c->disk != NULL)
        c->disk->free(c->disk);
    free(c);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void *ingest_main(void *arg)
{
    struct channel *c = arg;
    log_about(c->config->name);
    follow_run(c->follow);
    return NULL;
}

static void *prober_main(void *arg)
{
    struct channel *c = arg;
    log_about(c->config->name);
    prober_run(c->prober);
    return NULL;
}

static void *sync_main(void *arg)
{
    struct channel *c = arg;
    struct err      e = { 0 };
    int             rc;

    log_about(c->config->name);
    while ((rc = store_sync(c->store, &e)) == 0)
        continue;
    if (rc < 0) {
        /* What the kernel could not write it may have dropped: only a start afresh, which reads
           what is really there, makes this good. */
        (void)err_note(&e,
                       "channel '%s': received data can't be made safe on disk; look at the disk, "
                       "then restart the relay",
                       c->config->name);
        log_err("store", "stopped", &e);
        follow_fail(c->follow, &e);
    }
    return NULL;
}

static void *publisher_main(void *arg)
{
    struct channel_publisher *p = arg;
    struct err                e = { 0 };

    log_about(p->channel);
    while (publisher_run(p->publisher, &e) != 0) {
        (void)err_note(&e, "publisher '%s'", p->name);
        log_err("publisher", "stopped", &e);
        if (!publisher_await(p->publisher))
            break;
    }
    return NULL;
}

static int thread_start(pthread_t *thread, bool *runs, const char *name, void *(*body)(void *),
                        void *arg, struct err *e)
{
    errno = pthread_create(thread, NULL, body, arg);
    if (errno != 0)
        return err_sys(e, "start a thread");
    (void)pthread_setname_np(*thread, name);
    *runs = true;
    return 0;
}

int channel_start(struct channel *c, struct err *e)
{
    TRY(thread_start(&c->sync_thread, &c->sync_runs, "sync", sync_main, c, e));
    for (size_t i = 0; i < c->publisher_count; i++) {
        struct channel_publisher *p = &c->publishers[i];
        TRY(thread_start(&p->thread, &p->runs, "publish", publisher_main, p, e));
    }
    TRY(thread_start(&c->ingest_thread, &c->ingest_runs, "ingest", ingest_main, c, e));
    return thread_start(&c->prober_thread, &c->prober_runs, "prober", prober_main, c, e);
}

static void thread_join(pthread_t thread, bool *runs)
{
    if (*runs)
        (void)pthread_join(thread, NULL);
    *runs = false;
}

void channel_stop_switching(struct channel *c)
{
    switchover_stop(c->switchover);
}

void channel_stop(struct channel *c)
{
    struct err e = { 0 };

    if (consumers_save(c->consumers, &e) != 0)
        log_err("channel", "where consumers are was not saved; they are held for more", &e);
    channel_stop_switching(c);
    prober_stop(c->prober);
    follow_stop(c->follow);
    thread_join(c->prober_thread, &c->prober_runs);
    thread_join(c->ingest_thread, &c->ingest_runs);
    store_stop_sync(c->store);
    thread_join(c->sync_thread, &c->sync_runs);
    for (size_t i = 0; i < c->publisher_count; i++)
        publisher_stop(c->publishers[i].publisher);
    for (size_t i = 0; i < c->publisher_count; i++)
        thread_join(c->publishers[i].thread, &c->publishers[i].runs);
}

/* ---- what others ask ----------------------------------------------------------------------- */

struct store *channel_store(struct channel *c)
{
    return c->store;
}

struct consumers *channel_consumers(struct channel *c)
{
    return c->consumers;
}

void channel_on_consumers(struct channel *c, void (*wake)(void *arg), void *arg)
{
    c->consumers_wake = wake;
    c->consumers_arg = arg;
}

bool channel_reload_sources(struct channel *c, const struct config *now)
{
    struct sources_policy before, policy;

    sources_policy(c->sources, &before);
    bool changed = sources_reload(c->sources, now);
    sources_policy(c->sources, &policy);
    follow_policy(c->follow, policy.fork);
    /* One that has stopped at a fork may go on. */
    if (changed || policy.fork != before.fork)
        follow_use(c->follow, sources_active(c->sources));
    prober_wake(c->prober);
    return changed;
}

int channel_interrupt_fd(struct channel *c)
{
    return follow_interrupt_fd(c->follow);
}

struct sources *channel_sources(struct channel *c)
{
    return c->sources;
}

struct prober *channel_prober(struct channel *c)
{
    return c->prober;
}

struct switchover *channel_switchover(struct channel *c)
{
    return c->switchover;
}

void channel_on_source(struct channel *c,
                       void (*changed)(void *arg, const struct config_source *now), void *arg)
{
    c->source_changed = changed;
    c->source_changed_arg = arg;
}

const char *channel_name(const struct channel *c)
{
    return c->config->name;
}

const struct config_source *channel_source(const struct channel *c)
{
    return sources_active(c->sources);
}

uint32_t channel_server_id(const struct channel *c)
{
    return sources_server_id(c->sources);
}

const char *channel_server_uuid(const struct channel *c)
{
    return c->server_uuid;
}

void channel_facts(struct channel *c, struct server_facts *out)
{
    follow_facts(c->follow, out);
}

struct remembered_list *channel_variables(struct channel *c)
{
    return follow_variables(c->follow);
}

void channel_status(struct channel *c, struct channel_status *out)
{
    follow_status(c->follow, out);
}

void channel_warnings(struct channel *c, struct channel_warnings *out)
{
    follow_warnings(c->follow, out);
}

size_t channel_publisher_count(const struct channel *c)
{
    return c->publisher_count;
}

void channel_publisher_status(struct channel *c, size_t index, struct publisher_status *out)
{
    assert(index < c->publisher_count);
    publisher_status(c->publishers[index].publisher, out);
}

static definition_query query_source;
static int              query_source(void *arg, const char *sql,
                                     int (*row)(void *row_arg, uint32_t columns, const char *const *values,
                                   const unsigned long *lengths, struct err *e),
                                     void *row_arg, struct err *e)
{
    return client_query(arg, sql, row, row_arg, e);
}

static int survey_definitions(void *arg, const struct definition_taker *taker, struct err *e)
{
    struct channel *c = arg;
    struct client  *client = NULL;

    TRY(source_connect(channel_source(c), follow_interrupt_fd(c->follow), &client, e));
    int rc = definition_each_from_source(query_source, client, taker, e);
    client_close(client);
    return rc;
}

int channel_find_publisher(struct channel *c, const char *name, size_t *index, struct err *e)
{
    for (size_t i = 0; i < c->publisher_count; i++) {
        if (strcmp(c->publishers[i].name, name) == 0) {
            *index = i;
            return 0;
        }
    }
    return err_set(e, E_CONFIG, "channel '%s' has no publisher '%s'", c->config->name, name);
}

int channel_publisher_order(struct channel *c, size_t index, enum publisher_order order,
                            struct err *e)
{
    assert(index < c->publisher_count);
    return publisher_order(c->publishers[index].publisher, order, e);
}

int channel_publisher_signal(struct channel *c, size_t index, struct signal *s, struct err *e)
{
    assert(index < c->publisher_count);
    return publisher_signal(c->publishers[index].publisher, s, e);
}

void channel_publisher_progress(struct channel *c, size_t index, struct snapshot_progress *out)
{
    assert(index < c->publisher_count);
    publisher_progress(c->publishers[index].publisher, out);
}

int channel_define(struct channel *c, const char *database, const char *table, struct buf *json,
                   struct err *e)
{
    struct client     *client;
    struct definition *d = NULL;

    TRY(source_connect(channel_source(c), follow_interrupt_fd(c->follow), &client, e));
    int rc = definition_from_source(query_source, client, database, table, &d, e);
    client_close(client);
    if (rc != 0)
        return -1;
    definition_put_json(d, json);
    definition_free(d);
    return buf_check(json, "the definition of a table", e);
}
