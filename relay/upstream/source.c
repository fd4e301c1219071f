#include "relay/upstream/source.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "protocol/command.h"
#include "relay/upstream/address.h"
#include "storage/catalog.h"
#include "storage/name.h"

/* Numbers of errors that say something about the server's version, or about our rights. */
enum {
    ER_UNKNOWN_VARIABLE = 1193,
    ER_NEEDS_PRIVILEGE = 1227,
    ER_ACCESS_DENIED = 1045,
    ER_TABLE_ACCESS_DENIED = 1142,
};
enum { QUERY_BYTES = 1024, FACTS_BYTES_MAX = 16 * 1024 };

static const char *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

/* In order, until one answers; what a server says of the login counts for all its addresses. */
static int connect_first(const struct config_source *source, const struct client_options *o,
                         struct client **out, struct err *e)
{
    const char    *list = source->host;
    struct address a;

    while (address_next(&list, source->port, &a, e) > 0) {
        struct client_options one = *o;
        one.host = a.host;
        one.port = a.port;
        if (client_connect(&one, out, e) == 0)
            return 0;
        if (e->kind != E_IO)
            return -1;
    }
    assert(e->kind != E_OK); /* an empty list is refused by the configuration */
    return -1;
}

static struct client_options options_of(const struct config_source *source, int interrupt_fd)
{
    return (struct client_options){
        .socket = text_or_null(source->socket),
        .user = source->user,
        .password = source->password,
        .tls = source->tls,
        .tls_ca = text_or_null(source->tls_ca),
        .tls_cert = text_or_null(source->tls_cert),
        .tls_key = text_or_null(source->tls_key),
        .compress = source->compress,
        .connect_timeout_s = source->connect_timeout,
        .read_timeout_s = source->read_timeout,
        .interrupt_fd = interrupt_fd,
    };
}

int source_connect(const struct config_source *source, int interrupt_fd, struct client **out,
                   struct err *e)
{
    struct client_options o = options_of(source, interrupt_fd);
    return o.socket != NULL ? client_connect(&o, out, e) : connect_first(source, &o, out, e);
}

int source_connect_to_forward(const struct config_source *source, const struct client_guise *guise,
                              int interrupt_fd, struct client **out, struct err *e)
{
    struct client_options o = options_of(source, interrupt_fd);

    if (text_or_null(source->forward_user) != NULL) {
        o.user = source->forward_user;
        o.password = source->forward_password;
    }
    o.guise = guise;
    o.compress = false;
    return o.socket != NULL ? client_connect(&o, out, e) : connect_first(source, &o, out, e);
}

static int prepare_to_read(struct client *c, struct err *e)
{
    static const char *const statements[] = {
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION sql_mode = ''",
        "SET SESSION character_set_results = NULL",
        "SET SESSION net_write_timeout = 600",
    };

    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        TRY(client_query(c, statements[i], NULL, NULL, e));
    return 0;
}

int source_connect_to_read(const struct config_source *source, int interrupt_fd,
                           struct client **out, struct err *e)
{
    struct client_options o = options_of(source, interrupt_fd);
    struct client        *c = NULL;

    o.compress = false;
    TRY(o.socket != NULL ? client_connect(&o, &c, e) : connect_first(source, &o, &c, e));
    if (prepare_to_read(c, e) != 0) {
        client_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

/* Adds to the source's error what has to be granted, where that is what it is about. */
static int explain_refusal(struct err *e)
{
    if (e->kind == E_REFUSED && (e->sys == ER_NEEDS_PRIVILEGE || e->sys == ER_TABLE_ACCESS_DENIED ||
                                 e->sys == ER_ACCESS_DENIED)) {
        int number = e->sys;
        (void)err_note(e,
                       "the account lacks rights; run there: GRANT REPLICATION SLAVE, REPLICATION "
                       "CLIENT, SELECT ON *.* TO the account of the [source] section");
        e->kind = E_AUTH;
        e->sys = number;
    }
    return -1;
}

int source_query(struct client *c, const char *sql,
                 int (*row)(void *arg, uint32_t columns, const char *const *values,
                            const unsigned long *lengths, struct err *e),
                 void *arg, struct err *e)
{
    return client_query(c, sql, row, arg, e) == 0 ? 0 : explain_refusal(e);
}

static int ask(struct client *c, const char *sql, char *into, size_t size, struct err *e)
{
    return client_query_text(c, sql, into, size, e) == 0 ? 0 : explain_refusal(e);
}

/* As ask(), but "" where this version knows no such thing. */
static int ask_if_known(struct client *c, const char *sql, char *into, size_t size, struct err *e)
{
    struct err why = { 0 };

    if (client_query_text(c, sql, into, size, &why) == 0)
        return 0;
    if (why.kind == E_REFUSED && why.sys == ER_UNKNOWN_VARIABLE) {
        *into = '\0';
        return 0;
    }
    *e = why;
    return explain_refusal(e);
}

/* ---- facts --------------------------------------------------------------------------------- */

/* clang-format off */
#define TEXT(name, member)   { name, offsetof(struct server_facts, member), \
                               sizeof((struct server_facts *)0)->member }
#define NUMBER(name, member) { name, offsetof(struct server_facts, member), 0 }
static const struct fact {
    const char *variable;
    size_t      at;
    size_t      size; /* 0: an uint32_t */
} facts_asked[] = {
    TEXT("version", version),
    TEXT("version_comment", version_comment),
    NUMBER("server_id", server_id),
    TEXT("server_uuid", server_uuid),
    TEXT("log_bin", log_bin),
    TEXT("log_bin_basename", log_bin_basename),
    TEXT("binlog_checksum", binlog_checksum),
    TEXT("binlog_format", binlog_format),
    TEXT("binlog_row_image", binlog_row_image),
    TEXT("binlog_row_metadata", binlog_row_metadata),
    TEXT("gtid_mode", gtid_mode),
    NUMBER("gtid_domain_id", gtid_domain_id),
};
/* clang-format on */
enum { FACT_COUNT = sizeof facts_asked / sizeof facts_asked[0], FACT_BYTES = 512 };

/* Cuts what is too long: none of these texts steers anything by its end. */
static void fact_put(struct server_facts *f, const struct fact *fact, const char *text)
{
    char *at = (char *)f + fact->at;

    if (fact->size > 0)
        (void)snprintf(at, fact->size, "%s", text);
    else
        *(uint32_t *)(void *)at = (uint32_t)strtoul(text, NULL, 10);
}

static void facts_complete(struct server_facts *f)
{
    f->known = true;
    f->version_number = format_version_number(f->version);
    f->family = strstr(f->version, "MariaDB") != NULL ? FAMILY_MARIADB : FAMILY_MYSQL;
}

int source_learn(struct client *c, struct server_facts *out, struct err *e)
{
    struct server_facts f = { 0 };
    char                sql[QUERY_BYTES], text[FACT_BYTES];

    for (size_t i = 0; i < FACT_COUNT; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT @@GLOBAL.%s", facts_asked[i].variable);
        TRY(ask_if_known(c, sql, text, sizeof text, e));
        fact_put(&f, &facts_asked[i], text);
    }
    facts_complete(&f);
    /* Proxies answer for @@version as they like; the text of version() is what clients see. */
    TRY(ask(c, "SELECT VERSION()", f.version, sizeof f.version, e));
    *out = f;
    return 0;
}

void source_facts_put(const struct server_facts *facts, struct buf *out)
{
    for (size_t i = 0; i < FACT_COUNT; i++) {
        const char *at = (const char *)facts + facts_asked[i].at;
        buf_printf(out, "%s=", facts_asked[i].variable);
        if (facts_asked[i].size == 0)
            buf_printf(out, "%" PRIu32 "\n", *(const uint32_t *)(const void *)at);
        else
            buf_printf(out, "%s\n", at);
    }
}

static const struct fact *fact_find(const char *name)
{
    for (size_t i = 0; i < FACT_COUNT; i++)
        if (strcmp(facts_asked[i].variable, name) == 0)
            return &facts_asked[i];
    return NULL;
}

int source_facts_parse(struct slice text, struct server_facts *out, struct err *e)
{
    struct server_facts f = { 0 };
    struct cursor       c = cursor_over(text);
    char                line[FACT_BYTES];

    while (c.left > 0) {
        const uint8_t *end = memchr(c.at, '\n', c.left);
        size_t         n = end != NULL ? (size_t)(end - c.at) : c.left;
        (void)snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1),
                       (const char *)c.at);
        cursor_skip(&c, end != NULL ? n + 1 : n);
        char *value = strchr(line, '=');
        if (value == NULL)
            return err_set(e, E_CORRUPT, "the catalog's facts of the source don't parse");
        *value++ = '\0';
        /* A name of another version of this program is no harm. */
        const struct fact *fact = fact_find(line);
        if (fact != NULL)
            fact_put(&f, fact, value);
    }
    facts_complete(&f);
    *out = f;
    return 0;
}

int source_facts_load(struct catalog *catalog, struct server_facts *out, struct err *e)
{
    struct buf text;

    buf_init(&text, FACTS_BYTES_MAX);
    int rc = catalog_get_value(catalog, SOURCE_FACTS_NAME, &text, e);
    if (rc > 0 && source_facts_parse(buf_slice(&text), out, e) != 0)
        rc = -1;
    buf_done(&text);
    return rc;
}

bool source_is(const struct store_source *held, const struct server_facts *facts)
{
    if (strcmp(held->uuid, facts->server_uuid) != 0)
        return false;
    return *held->uuid != '\0' || held->server_id == facts->server_id;
}

int source_check(const struct config_source *source, const struct server_facts *facts,
                 const char *address, struct err *e)
{
    if (strcmp(facts->log_bin, "1") != 0 && strcmp(facts->log_bin, "ON") != 0)
        return err_set(e, E_CONFIG,
                       "%s writes no binlog: set log_bin in its configuration and restart it",
                       address);
    if (facts->server_id == source->server_id)
        return err_set(e, E_CONFIG,
                       "server_id %" PRIu32 " is the source's own: give the relay another one in "
                       "[source %s]",
                       facts->server_id, source->name);
    if (facts->server_id == 0)
        return err_set(e, E_CONFIG,
                       "%s has server_id 0, which means that it can't be a source: "
                       "set server_id there",
                       address);
    return 0;
}

/* ---- where to begin ------------------------------------------------------------------------ */

struct binlogs {
    const char *wanted; /* NULL: the first one */
    char        file[STORE_NAME_BYTES + 1];
    char        last[STORE_NAME_BYTES + 1]; /* the newest, wanted or not */
    uint64_t    bytes;
    bool        found;
};

static int take_binlog(void *arg, uint32_t columns, const char *const *values,
                       const unsigned long *lengths, struct err *e)
{
    struct binlogs *b = arg;

    (void)lengths;
    if (columns < 2 || values[0] == NULL || values[1] == NULL)
        return err_set(e, E_PROTOCOL, "SHOW BINARY LOGS answers with a row that makes no sense");
    if (strlen(values[0]) > STORE_NAME_BYTES || strchr(values[0], '/') != NULL)
        return err_set(e, E_PROTOCOL, "SHOW BINARY LOGS lists a file with an impossible name");
    (void)snprintf(b->last, sizeof b->last, "%s", values[0]);
    if (b->found || (b->wanted != NULL && strcmp(b->wanted, values[0]) != 0))
        return 0;
    (void)snprintf(b->file, sizeof b->file, "%s", values[0]);
    b->bytes = strtoull(values[1], NULL, 10);
    b->found = true;
    return 0;
}

const char *source_status_statement(const struct server_facts *facts)
{
    bool renamed = facts->family == FAMILY_MYSQL && facts->version_number >= 80200;
    return renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

int source_find_start(struct client *c, const struct config_start *start,
                      const struct server_facts *facts, struct source_place *out, struct err *e)
{
    struct binlogs b = { .wanted = start->kind == START_AT ? start->file : NULL };

    if (start->kind == START_NEWEST)
        /* File and position, in the same places as name and size of SHOW BINARY LOGS. */
        TRY(source_query(c, source_status_statement(facts), take_binlog, &b, e));
    else
        TRY(source_query(c, "SHOW BINARY LOGS", take_binlog, &b, e));
    if (!b.found && start->kind == START_AT)
        return err_set(e, E_CONFIG,
                       "start = %s:%" PRIu64
                       ": the source has no such binlog (any more); SHOW BINARY LOGS "
                       "there lists what it has",
                       start->file, start->position);
    if (!b.found)
        return err_set(e, E_CONFIG, "the source has no binlog");
    struct source_place place = { .file_bytes = b.bytes, .position = BINLOG_MAGIC_BYTES };
    memcpy(place.file, b.file, sizeof place.file);
    if (start->kind == START_NEWEST)
        place.position = b.bytes;
    if (start->kind == START_AT)
        place.position = start->position;
    if (place.position > b.bytes)
        return err_set(e, E_CONFIG, "start = %s:%" PRIu64 ": the file has only %" PRIu64 " bytes",
                       start->file, start->position, b.bytes);
    *out = place;
    return 0;
}

int source_check_held(struct client *c, const char *file, struct err *e)
{
    struct binlogs b = { .wanted = file };

    TRY(source_query(c, "SHOW BINARY LOGS", take_binlog, &b, e));
    if (b.found)
        return 0;
    TRY(name_check(file, e));
    if (*b.last != '\0' && name_check(b.last, e) == 0 && name_is_before(b.last, file))
        return err_set(e, E_FORK,
                       "the source's binlogs were reset, or it was restored from a backup: it has "
                       "none later than '%s', but is held up to '%s'; begin with an empty data "
                       "folder",
                       b.last, file);
    return err_set(
        e, E_PURGED,
        "the source does not have this file (any more): %s; SHOW BINARY LOGS there lists what it "
        "has",
        file);
}

/* ---- the dump ------------------------------------------------------------------------------ */

static int tell_if_known(struct client *c, const char *sql, struct err *e)
{
    char ignored[FACT_BYTES];
    return ask_if_known(c, sql, ignored, sizeof ignored, e);
}

int source_prepare_copy(struct client *c, const struct server_facts *facts, struct err *e)
{
    TRY(tell_if_known(c,
                      "SET @master_binlog_checksum = @@global.binlog_checksum, "
                      "@source_binlog_checksum = @@global.binlog_checksum",
                      e));
    if (facts->family == FAMILY_MARIADB)
        TRY(tell_if_known(c, "SET @mariadb_slave_capability = 4", e));
    return 0;
}

int source_prepare_dump(struct client *c, const struct config_source *source,
                        const struct server_facts *facts, const char *relay_uuid, struct err *e)
{
    char     sql[QUERY_BYTES], host[256] = "";
    uint64_t period_ns = (uint64_t)source->heartbeat * 1000000000u;

    /* Both spellings, since each version reads only one of them; and to a relay as the source, that
       its holes shall be copied. */
    (void)snprintf(sql, sizeof sql,
                   "SET @master_heartbeat_period = %" PRIu64 ", @source_heartbeat_period = %" PRIu64
                   ", @binrelay_copies = 1",
                   period_ns, period_ns);
    TRY(tell_if_known(c, sql, e));
    TRY(source_prepare_copy(c, facts, e));
    if (facts->family != FAMILY_MARIADB) {
        (void)snprintf(sql, sizeof sql, "SET @slave_uuid = '%s', @replica_uuid = '%s'", relay_uuid,
                       relay_uuid);
        TRY(tell_if_known(c, sql, e));
    }
    if (gethostname(host, 60) != 0)
        host[0] = '\0'; /* only shown in SHOW REPLICAS */
    if (client_register(c, source->server_id, host, 0, e) != 0)
        return explain_refusal(e);
    return 0;
}

static int see_row(void *arg, uint32_t columns, const char *const *values,
                   const unsigned long *lengths, struct err *e)
{
    bool *seen = arg;

    (void)columns;
    (void)values;
    (void)lengths;
    (void)e;
    *seen = true;
    return 0;
}

int source_ask_semi_sync(struct client *c, bool *asked, struct err *e)
{
    bool there = false;

    TRY(client_query(c,
                     "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                     "('rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled')",
                     see_row, &there, e));
    /* Asked for where it is off too, as it may be switched on during the dump. */
    if (there)
        TRY(client_query(c, "SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1", NULL, NULL,
                         e));
    *asked = there;
    return 0;
}

uint16_t source_dump_flags(const struct server_facts *facts)
{
    /* The same bit asks MySQL for another form of heartbeat. */
    return facts->family == FAMILY_MARIADB ? DUMP_ANNOTATE_ROWS : 0;
}
