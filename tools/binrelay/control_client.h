/*
 * One question to a running daemon over the control socket in its data folder, and the lines of the
 * answer.
 *
 * The question is words joined by TABs on one line, each line of the answer is a JSON object; the
 * daemon closes the connection behind the last one. One thread owns a client; nothing is kept of a
 * line after the next call.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum {
    CONTROL_QUESTION_BYTES = 4096,           /* most the daemon reads of a question */
    CONTROL_ANSWER_BYTES = 64 * 1024 * 1024, /* most that we read of one line */
    CONTROL_WAIT_MS = 30 * 1000,             /* for a daemon that does not answer */
};

struct control_client;

/* E_STOPPED when no daemon runs there, saying how to start it. `channel` NULL: the only
   one, or all. `words` end with NULL. */
MUST_CHECK int control_ask(const char *folder, const char *channel, const char *const *words,
                           struct control_client **out, struct err *e);
void           control_close(struct control_client *c); /* accepts NULL */

/* The next line, without its newline: 1, 0 when the answer is over, -1 on errors, of which one may
   be the daemon's own (with its kind). Waits up to CONTROL_WAIT_MS. */
int control_line(struct control_client *c, struct slice *line, struct err *e);

/* For questions that are answered for ever: the socket to wait for, and whether a whole line is
   there (1), none yet (0), or the daemon has gone (-1, E_STOPPED). */
int control_fd(const struct control_client *c);
int control_look(struct control_client *c, struct slice *line, struct err *e);
