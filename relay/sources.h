/*
 * The servers that a channel may follow, in the order of the configuration, and which of them is
 * active.
 *
 * Owned by the channel; any thread. The settings behind the pointers belong to configurations that
 * outlive this (relay/reload.h keeps those that were ever handed over). Which one is active
 * outlives the process (in the catalog).
 */
#pragma once
#include "relay/config/config.h"
#include "storage/catalog.h"

/* One that is gone from the file may still be the active one, and then stands behind the others. */
enum { SOURCES_MAX = CONFIG_SOURCES_MAX + 1 };

struct sources;

/* The catalog must outlive it. The active one is that of before, if it is still configured, else
   the first one. */
MUST_CHECK int sources_new(const struct config *config, const struct config_channel *own,
                           struct catalog *catalog, struct sources **out, struct err *e);
void           sources_free(struct sources *s); /* accepts NULL */

/* From another reading of the file; the active one stays the same server. True: its settings have
   changed, sources_active() gives them. */
bool sources_reload(struct sources *s, const struct config *now);

const struct config_source *sources_active(struct sources *s);
/* E_CONFIG names those that there are. */
MUST_CHECK int sources_find(struct sources *s, const char *name, const struct config_source **out,
                            struct err *e);
/* All of them, in the order of the file; returns how many. */
size_t sources_list(struct sources *s, const struct config_source *out[SOURCES_MAX]);

/* The relay's server_id towards consumers: that of the source which was followed first, as long as
   any source has it. */
uint32_t sources_server_id(const struct sources *s);

struct sources_policy {
    enum failover_mode failover;
    uint32_t           after_s, fence_s;
    enum fork_policy   fork;
};
void sources_policy(struct sources *s, struct sources_policy *out);

/* The last change of the active source. */
struct sources_change {
    int64_t at_s; /* Unix time; 0: there was none */
    bool    by_itself;
    char    from[64];
};
void sources_last_change(struct sources *s, struct sources_change *out);

/* From now on this one is active, and, unless it fails, after a restart, too. */
MUST_CHECK int sources_activate(struct sources *s, const struct config_source *to, bool by_itself,
                                struct err *e);
