/*
 * The configuration, certificates and users read again while the daemon runs: on SIGHUP, and when
 * the operator's command asks.
 *
 * All of it takes effect or, when anything is wrong, nothing. What the tables of keys mark as
 * RELOAD is put in force; for what is marked as RECONNECT the source's connection is made anew, and
 * consumers notice nothing; what needs a restart is said, and goes on as it was started with. Made
 * by main; reload_all() and reload_users() from any thread, one at a time.
 */
#pragma once
#include "relay/config/config.h"
#include "relay/downstream/serve.h"

struct reload;

/* `start` is what the daemon was started with; all must outlive it, and it the threads of
   the channels. */
MUST_CHECK int reload_new(const struct config *start, const struct channels *channels,
                          struct serve *serve, struct reload **out, struct err *e);
void           reload_free(struct reload *r); /* accepts NULL */

/* What came of it: sentences, each ended by a newline. */
struct reload_report {
    struct buf changed, needs_restart, warnings;
};
void reload_report_init(struct reload_report *r);
void reload_report_done(struct reload_report *r);
/* Calls `each` for every sentence of one of them. */
void reload_report_each(const struct buf *sentences, void (*each)(void *arg, const char *sentence),
                        void             *arg);

/* As lines of the log. */
void reload_log(const struct reload_report *r);

/* E_CONFIG with the first thing that is wrong in the file. */
MUST_CHECK int reload_all(struct reload *r, struct reload_report *report, struct err *e);
/* The users file alone, by the configuration that is in force. */
MUST_CHECK int reload_users(struct reload *r, struct reload_report *report, struct err *e);
