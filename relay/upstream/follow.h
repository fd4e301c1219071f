/*
 * The ingest thread's life: connect, follow, and on an error say it once, wait, begin again exactly
 * where the held data ends.
 *
 * Owned by the channel. follow_run() is the thread's body; everything else may be called from any
 * thread.
 */
#pragma once
#include "relay/channel.h"
#include "relay/upstream/remembered.h"

struct follow;

/* `source` and `store` must outlive it. The facts of the last attach are read from the catalog.
   `publishes`: somebody needs rows whole. */
MUST_CHECK int follow_new(const struct config_source *source, struct store *store,
                          const char *relay_uuid, bool publishes, struct follow **out,
                          struct err *e);
void           follow_free(struct follow *f); /* accepts NULL */

/* Returns after follow_stop(), or when it takes a person to go on (the state says so). */
void follow_run(struct follow *f);
void follow_stop(struct follow *f);
/* As follow_stop(), but for a reason that status and log shall tell. */
void follow_fail(struct follow *f, const struct err *why);

/* Connects anew by other settings of the same source, which must outlive it. */
void follow_use(struct follow *f, const struct config_source *source);

/* NULL before the first attach; the caller releases it. */
struct remembered_list *follow_variables(struct follow *f);
void                    follow_facts(struct follow *f, struct server_facts *out);
void                    follow_status(struct follow *f, struct channel_status *out);
void                    follow_warnings(struct follow *f, struct channel_warnings *out);
/* Becomes readable at follow_stop(): for other connections to the source. */
int follow_interrupt_fd(const struct follow *f);
