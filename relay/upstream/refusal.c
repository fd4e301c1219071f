#include "relay/upstream/refusal.h"
#include <stdio.h>
#include <string.h>

enum { SAID_BYTES = 390 };

/* What 1236's texts mean, as MySQL and MariaDB of all versions put them. */
static const struct refusal {
    const char   *part;
    enum err_kind kind;
    const char   *advice;
} refusals[] = {
    { "Could not find first log file name", E_PURGED,
      "the source does not have this file (any more); SHOW BINARY LOGS there lists what it has" },
    { "purged required binary logs", E_PURGED, "the source has deleted binlogs that are needed" },
    { "position > file size", E_FORK,
      "its binlog is shorter than what the relay holds of it; " REFUSAL_FORK_ADVICE },
    { "impossible position", E_FORK,
      "its binlog is shorter than what the relay holds of it; " REFUSAL_FORK_ADVICE },
    { "same server_uuid", E_REFUSED,
      "another replica uses the same server_id or server_uuid: give the relay a server_id of its "
      "own in the [source] section" },
    { "same server_id", E_REFUSED,
      "another replica uses the same server_id: give the relay one of its own in the [source] "
      "section" },
    { "slave with the same", E_REFUSED,
      "another replica uses the same server_id: give the relay one of its own in the [source] "
      "section" },
    { "Cannot replicate anonymous transaction", E_REFUSED,
      "it has transactions without GTID, which it does not send while its gtid_mode is ON; run "
      "there: SET GLOBAL gtid_mode = ON_PERMISSIVE, and set it back when the relay has caught up" },
    { "bogus data in log event", E_CORRUPT, "its binlog is damaged" },
    { "max_allowed_packet", E_REFUSED,
      "raise max_allowed_packet there, or look for damage in its binlog" },
};

/* After the 0xff: number, SQL state behind a '#' (some servers leave it out), text. */
static unsigned take_apart(struct slice payload, char said[SAID_BYTES])
{
    struct cursor c = cursor_over(payload);
    unsigned      number = cursor_u16(&c);

    if (!c.failed && c.left >= 6 && *c.at == '#')
        cursor_skip(&c, 6);
    struct slice text = cursor_rest(&c);
    (void)snprintf(said, SAID_BYTES, "%.*s", (int)(text.len < SAID_BYTES ? text.len : SAID_BYTES),
                   (const char *)text.ptr);
    return number;
}

bool refusal_is_of_place(struct slice payload)
{
    char said[SAID_BYTES];

    (void)take_apart(payload, said);
    return strstr(said, "bogus data") != NULL || strstr(said, "log event entry exceeded") != NULL;
}

int refusal_set(struct slice payload, struct err *e)
{
    char                  said[SAID_BYTES];
    unsigned              number = take_apart(payload, said);
    const struct refusal *r = NULL;
    for (size_t n = 0; n < sizeof refusals / sizeof refusals[0] && r == NULL; n++)
        if (strstr(said, refusals[n].part) != NULL)
            r = &refusals[n];
    (void)err_set(e, r != NULL ? r->kind : E_REFUSED, "the source ended the dump: %s%s%.250s (%u)",
                  r != NULL ? r->advice : "", r != NULL ? "; it said: " : "", said, number);
    e->sys = (int)number;
    return -1;
}
