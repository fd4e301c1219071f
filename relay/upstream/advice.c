#include "relay/upstream/advice.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 64, SHORT_RETENTION_S = 24 * 3600, GOOD_RETENTION_S = 3 * 24 * 3600 };

static void PRINTF_ARGS(2, 3) warn(struct channel_warnings *w, const char *fmt, ...)
{
    va_list args;

    if (w->count == CHANNEL_WARNINGS_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(w->text[w->count++], CHANNEL_WARNING_BYTES, fmt, args);
    va_end(args);
}

/* ---- settings ------------------------------------------------------------------------------ */

static void check_format(const struct server_facts *f, const struct advice_wishes *wishes,
                         struct channel_warnings *w)
{
    if (strcmp(f->binlog_format, "ROW") != 0 && f->binlog_format[0] != '\0')
        warn(w,
             "binlog_format is %s: changes written as statements can't be published, and may do "
             "something else on a replica; run there: SET GLOBAL binlog_format = 'ROW', and let "
             "sessions connect anew",
             f->binlog_format);
    if (strcmp(f->binlog_checksum, "NONE") == 0)
        warn(w, "binlog_checksum is NONE: damage on the way or on a disk is not noticed; run "
                "there: SET GLOBAL binlog_checksum = 'CRC32'");
    if (!wishes->publishes)
        return;
    if (strcmp(f->binlog_row_image, "FULL") != 0 && f->binlog_row_image[0] != '\0')
        warn(w,
             "binlog_row_image is %s: published changes lack the columns that did not change; run "
             "there: SET GLOBAL binlog_row_image = 'FULL', and let sessions connect anew",
             f->binlog_row_image);
    if (strcmp(f->binlog_row_metadata, "FULL") != 0 && f->binlog_row_metadata[0] != '\0')
        warn(w,
             "binlog_row_metadata is %s: names of columns are asked for at the source as they are "
             "now, not as they were at the change; run there: SET GLOBAL binlog_row_metadata = "
             "'FULL'",
             f->binlog_row_metadata);
}

/* "" where this version, or this account, does not know it. */
static int ask(struct client *c, const char *sql, char into[VALUE_BYTES], struct err *e)
{
    struct err why = { 0 };

    into[0] = '\0';
    if (client_query_text(c, sql, into, VALUE_BYTES, &why) == 0 || why.kind == E_REFUSED)
        return 0;
    *e = why;
    return -1;
}

static int check_retention(struct client *c, struct channel_warnings *w, struct err *e)
{
    char seconds[VALUE_BYTES], days[VALUE_BYTES], purge[VALUE_BYTES];

    TRY(ask(c, "SELECT @@GLOBAL.binlog_expire_logs_seconds", seconds, e));
    TRY(ask(c, "SELECT @@GLOBAL.expire_logs_days", days, e));
    TRY(ask(c, "SELECT @@GLOBAL.binlog_expire_logs_auto_purge", purge, e));
    /* 0 is for ever; where there are both, the seconds count unless they are 0. */
    double kept_s = strtod(seconds, NULL);
    if (kept_s <= 0)
        kept_s = strtod(days, NULL) * 24 * 3600;
    if (kept_s <= 0 || kept_s >= SHORT_RETENTION_S || strcmp(purge, "0") == 0)
        return 0;
    if (seconds[0] != '\0')
        warn(w,
             "the source keeps binlogs for %.0f s only: after a longer outage the relay can't go "
             "on; "
             "run there: SET GLOBAL binlog_expire_logs_seconds = %d",
             kept_s, GOOD_RETENTION_S);
    else
        warn(w,
             "the source keeps binlogs for %.0f s only: after a longer outage the relay can't go "
             "on; "
             "run there: SET GLOBAL expire_logs_days = %d",
             kept_s, GOOD_RETENTION_S / 86400);
    return 0;
}

/* ---- rights -------------------------------------------------------------------------------- */

/* Whether one of the rights between `list` and `end` is this one, of all columns or of some. */
static bool names(const char *list, const char *end, const char *right)
{
    size_t n = strlen(right);

    while (list < end) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        const char *stop = comma != NULL ? comma : end;
        size_t      length = (size_t)(stop - list);
        if (length >= n && memcmp(list, right, n) == 0 &&
            (length == n || strncmp(list + n, " (", 2) == 0))
            return true;
        list = stop + 1 + (comma != NULL && stop[1] == ' ');
    }
    return false;
}

void advice_read_grant(const char *line, struct advice_rights *rights)
{
    static const char grant[] = "GRANT ";

    if (strncmp(line, grant, sizeof grant - 1) != 0)
        return;
    const char *list = line + sizeof grant - 1;
    const char *end = strstr(list, " ON ");
    if (end == NULL) { /* a role */
        *rights = (struct advice_rights){ true, true, true };
        return;
    }
    bool all = names(list, end, "ALL PRIVILEGES");
    bool everywhere = strncmp(end, " ON *.* ", 8) == 0;
    rights->read |= all || names(list, end, "SELECT");
    if (!everywhere)
        return;
    rights->follow |= all || names(list, end, "REPLICATION SLAVE");
    rights->look |=
        all || names(list, end, "REPLICATION CLIENT") || names(list, end, "BINLOG MONITOR");
}

static int take_grant(void *arg, uint32_t columns, const char *const *values,
                      const unsigned long *lengths, struct err *e)
{
    (void)lengths;
    (void)e;
    if (columns > 0 && values[0] != NULL)
        advice_read_grant(values[0], arg);
    return 0;
}

static int check_rights(struct client *c, const struct advice_wishes *wishes,
                        struct channel_warnings *w, struct err *e)
{
    struct advice_rights r = { 0 };
    struct err           why = { 0 };
    char                 missing[128], account[VALUE_BYTES * 3];

    if (client_query(c, "SHOW GRANTS FOR CURRENT_USER()", take_grant, &r, &why) != 0) {
        if (why.kind == E_REFUSED)
            return 0;
        *e = why;
        return -1;
    }
    bool read = r.read || !wishes->publishes;
    (void)snprintf(missing, sizeof missing, "%s%s%s", r.follow ? "" : ", REPLICATION SLAVE",
                   r.look ? "" : ", REPLICATION CLIENT", read ? "" : ", SELECT");
    if (missing[0] == '\0')
        return 0;
    if (client_query_text(c, "SELECT CURRENT_USER()", account, sizeof account, &why) != 0)
        (void)snprintf(account, sizeof account, "the relay's account");
    /* 'name@host' as the server says it, to be written as 'name'@'host'. */
    const char *at = strrchr(account, '@');
    int         name = at != NULL ? (int)(at - account) : (int)strlen(account);
    warn(w, "the relay's account lacks rights; run there: GRANT %s ON *.* TO '%.*s'@'%s'",
         missing + 2, name, account, at != NULL ? at + 1 : "%");
    return 0;
}

/* ---- semi-synchronous ---------------------------------------------------------------------- */

struct plugin {
    bool there, on;
};

static int take_plugin(void *arg, uint32_t columns, const char *const *values,
                       const unsigned long *lengths, struct err *e)
{
    struct plugin *p = arg;

    (void)lengths;
    (void)e;
    p->there = true;
    p->on |= columns > 1 && values[1] != NULL && strcmp(values[1], "ON") == 0;
    return 0;
}

static int check_semi_sync(struct client *c, const struct server_facts *facts,
                           struct channel_warnings *w, struct err *e)
{
    struct plugin p = { 0 };
    bool          renamed = facts->family == FAMILY_MYSQL && facts->version_number >= 80026;
    const char   *word = renamed ? "source" : "master";

    TRY(client_query(c,
                     "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                     "('rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled')",
                     take_plugin, &p, e));
    if (!p.there)
        warn(w,
             "semi_sync: the source's plugin is not installed, its commits don't wait for the "
             "relay; run there: INSTALL PLUGIN rpl_semi_sync_%s SONAME 'semisync_%s.so'",
             word, word);
    else if (!p.on)
        warn(w,
             "semi_sync: the source's side is off, its commits don't wait for the relay; run "
             "there: SET GLOBAL rpl_semi_sync_%s_enabled = ON",
             word);
    return 0;
}

int advice_collect(struct client *c, const struct server_facts *facts,
                   const struct advice_wishes *wishes, struct channel_warnings *out, struct err *e)
{
    struct channel_warnings w = { 0 };

    check_format(facts, wishes, &w);
    TRY(check_retention(c, &w, e));
    TRY(check_rights(c, wishes, &w, e));
    if (wishes->semi_sync)
        TRY(check_semi_sync(c, facts, &w, e));
    *out = w;
    return 0;
}
