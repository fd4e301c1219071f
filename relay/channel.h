/*
 * One stream: its source, its store, its publishers, and the threads that move it (ingest, syncer,
 * one per publisher).
 *
 * Made by channels.c; channel_start() begins the threads, channel_stop() ends them in order
 * (source, syncer, publishers) and can be called once. The functions that tell its state may be
 * called from any thread.
 */
#pragma once
#include "publisher/publisher.h"
#include "relay/config/config.h"
#include "relay/consumers.h"
#include "relay/sources.h"
#include "storage/store.h"

struct channel;
struct prober;
struct switchover;
struct remembered_list;

/* Opens the store, and what the configuration says of this channel. `config` must outlive it. */
MUST_CHECK int channel_new(const struct config *config, const struct config_channel *own,
                           struct channel **out, struct err *e);
MUST_CHECK int channel_start(struct channel *c, struct err *e);
/* Who waits for a change of the source waits no more; before all others that use it are stopped. */
void channel_stop_switching(struct channel *c);
void channel_stop(struct channel *c);
void channel_free(struct channel *c);

/* Sources from another reading of the configuration, which must outlive the channel. True: the
   active one's settings have changed, and the channel connects anew. */
bool            channel_reload_sources(struct channel *c, const struct config *now);
struct sources *channel_sources(struct channel *c);
/* Becomes readable when the channel stops, or goes over to another source: for connections to its
   servers. */
int            channel_interrupt_fd(struct channel *c);
struct prober *channel_prober(struct channel *c);
/* Its changes of the source, by command or by itself. */
struct switchover *channel_switchover(struct channel *c);
/* Who is told when another source is active, from the ingest thread; before channel_start(). */
void channel_on_source(struct channel *c,
                       void (*changed)(void *arg, const struct config_source *now), void *arg);

struct store     *channel_store(struct channel *c);
struct consumers *channel_consumers(struct channel *c);
/* Who is called when there are consumers to save (relay/consumers.h); before channel_start(). */
void        channel_on_consumers(struct channel *c, void (*wake)(void *arg), void *arg);
const char *channel_name(const struct channel *c);
/* The source that is followed now. */
const struct config_source *channel_source(const struct channel *c);

/* What the source said of itself at the last attach; kept in the catalog, so that it is known while
   the source is away. `known` is false before the first attach ever: then consumers can't be served
   yet. */
struct server_facts {
    bool               known;
    enum format_family family;
    char     version[FORMAT_VERSION_BYTES + 64]; /* select version(), e.g. "10.11.19-MariaDB-log" */
    uint32_t version_number;
    char     version_comment[128];
    uint32_t server_id; /* of the source */
    char     server_uuid[UUID_TEXT_BYTES + 1];
    char     binlog_checksum[16]; /* CRC32 or NONE */
    char     binlog_format[16];
    char     binlog_row_image[16];
    char     binlog_row_metadata[16]; /* "" where there is none */
    char     gtid_mode[24];           /* "" where there is none */
    uint32_t gtid_domain_id;
    char     log_bin[8];            /* "1" when it writes a binlog */
    char     log_bin_basename[256]; /* file names' base */
};
void channel_facts(struct channel *c, struct server_facts *out);
/* Its system variables (relay/upstream/remembered.h) as of then; NULL: not known. The caller
   releases the list. */
struct remembered_list *channel_variables(struct channel *c);

/* The relay's own identity towards consumers: stays the same whatever the source is. */
uint32_t    channel_server_id(const struct channel *c);
const char *channel_server_uuid(const struct channel *c);

enum channel_state {
    CHANNEL_CONNECTING,
    CHANNEL_FOLLOWING,
    CHANNEL_WAITING /* before the next attempt */,
    CHANNEL_STOPPED /* needs a person */
};
struct channel_status {
    enum channel_state state;
    char               source[64], address[300];
    char               problem[ERR_TEXT_BYTES]; /* last error, "" when there is none */
    int64_t            since_s;                 /* of the state, Unix time */
    char               source_file[256];        /* last received */
    uint64_t           source_offset;
    int64_t            last_event_s;   /* time of the last received event, at the source */
    int64_t            last_contact_s; /* last byte from the source, heartbeats too */
    bool               caught_up;      /* the source had nothing more to send */
    uint64_t           received_bytes, received_events;
    uint32_t           reconnects;
    uint32_t epoch; /* decided last since the start; its first file may not be there yet */
    bool     semi_sync_wanted; /* by the configuration */
    bool     semi_sync;        /* the source marks what it waits for */
    uint64_t acks;             /* sent */
    /* Of the configuration: */
    char user[128];
    bool tls, tls_verify;
    char tls_ca[256], tls_cert[256], tls_key[256];
};
void channel_status(struct channel *c, struct channel_status *out);

/* What of the source's settings will hurt some day, as of the last attach: sentences with their
 * cure. */
enum { CHANNEL_WARNINGS_MAX = 10, CHANNEL_WARNING_BYTES = 384 };
struct channel_warnings {
    size_t count;
    char   text[CHANNEL_WARNINGS_MAX][CHANNEL_WARNING_BYTES];
};
void   channel_warnings(struct channel *c, struct channel_warnings *out);
size_t channel_publisher_count(const struct channel *c);
void   channel_publisher_status(struct channel *c, size_t index, struct publisher_status *out);
/* E_CONFIG when there is none of that name. */
MUST_CHECK int channel_find_publisher(struct channel *c, const char *name, size_t *index,
                                      struct err *e);
MUST_CHECK int channel_publisher_order(struct channel *c, size_t index, enum publisher_order order,
                                       struct err *e);

/* As publisher_signal() and publisher_progress(). */
MUST_CHECK int channel_publisher_signal(struct channel *c, size_t index, struct signal *s,
                                        struct err *e);
void channel_publisher_progress(struct channel *c, size_t index, struct snapshot_progress *out);

/* A table's columns as the source has them now, as JSON text (publisher/tables/definition.h); asks
 * over a connection of its own. E_PURGED when there is no such table. */
MUST_CHECK int channel_define(struct channel *c, const char *database, const char *table,
                              struct buf *json, struct err *e);
