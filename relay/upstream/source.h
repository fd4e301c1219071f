/*
 * The server that is followed, seen as a replica sees it: who it is, whether it can be followed,
 * and how to ask for its binlogs. Used by the ingest thread, and for questions about tables by any.
 * Source: MySQL and MariaDB manuals (replication, system variables); recorded handshakes of
 * replicas.
 */
#pragma once
#include "relay/channel.h"

/* Logged in at the first of its addresses that answers; interrupt_fd as in protocol/client.h. */
MUST_CHECK int source_connect(const struct config_source *source, int interrupt_fd,
                              struct client **out, struct err *e);

/* The same with the account for forwarded statements; `guise` as in protocol/client.h. */
MUST_CHECK int source_connect_to_forward(const struct config_source *source,
                                         const struct client_guise *guise, int interrupt_fd,
                                         struct client **out, struct err *e);

/* For reading tables (protocol/select.h): texts of rows come as they are held, times in UTC. */
MUST_CHECK int source_connect_to_read(const struct config_source *source, int interrupt_fd,
                                      struct client **out, struct err *e);

/* Asks who it is. What a version does not know stays empty. */
MUST_CHECK int source_learn(struct client *c, struct server_facts *out, struct err *e);
/* E_CONFIG, saying what to set, when it can't be followed: no binlog, our own server_id. */
MUST_CHECK int source_check(const struct config_source *source, const struct server_facts *facts,
                            const char *address, struct err *e);

/* client_query(), with what has to be granted added to a refusal that is about that. */
MUST_CHECK int source_query(struct client *c, const char *sql,
                            int (*row)(void *arg, uint32_t columns, const char *const *values,
                                       const unsigned long *lengths, struct err *e),
                            void *arg, struct err *e);

/* Where a store that holds nothing begins. */
struct source_place {
    char     file[STORE_NAME_BYTES + 1];
    uint64_t position;
    uint64_t file_bytes; /* size of the file now */
};
/* E_CONFIG when there is no such file, or it is not that long. That an event begins there is not
 * known yet (ingest_probe). */
MUST_CHECK int source_find_start(struct client *c, const struct config_start *start,
                                 const struct server_facts *facts, struct source_place *out,
                                 struct err *e);

/* For a store that goes on: the source must still have the file. E_PURGED: it has only later ones;
   E_FORK: it has only earlier ones, so its binlogs were reset. */
MUST_CHECK int source_check_held(struct client *c, const char *file, struct err *e);

/* SHOW MASTER STATUS by its newer name where it has one. */
const char *source_status_statement(const struct server_facts *facts);

/* What makes the events come as they are in the file; for a dump that nobody shall know as a
   replica's. */
MUST_CHECK int source_prepare_copy(struct client *c, const struct server_facts *facts,
                                   struct err *e);
/* Everything a replica says before it asks for the dump; registers too. */
MUST_CHECK int source_prepare_dump(struct client *c, const struct config_source *source,
                                   const struct server_facts *facts, const char *relay_uuid,
                                   struct err *e);
/* After source_prepare_dump(): asks for semi-synchronous events; a source without the plugin is not
   asked. */
MUST_CHECK int source_ask_semi_sync(struct client *c, bool *asked, struct err *e);
/* The dump's flags for this family. */
uint16_t source_dump_flags(const struct server_facts *facts);

/* Facts as one text for the catalog, a line NAME=VALUE each, and back (E_CORRUPT). */
void           source_facts_put(const struct server_facts *facts, struct buf *out);
MUST_CHECK int source_facts_parse(struct slice text, struct server_facts *out, struct err *e);
/* Those of the last attach: 1 found, 0 none, -1 on errors. */
struct catalog;
#define SOURCE_FACTS_NAME "source.facts"
int source_facts_load(struct catalog *c, struct server_facts *out, struct err *e);

/* Is it the server that something was copied from? By UUID, where there is none by server_id. */
bool source_is(const struct store_source *held, const struct server_facts *facts);
