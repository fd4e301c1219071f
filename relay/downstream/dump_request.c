#include "relay/downstream/dump_request.h"

#include <strings.h>

/* Shorter periods than this would be load without use. */
static const int64_t heartbeat_least_ns = 10000000;

static enum dump_checksum checksum_from(const struct query_session *vars)
{
    const char *said =
        query_variable_either(vars, "source_binlog_checksum", "master_binlog_checksum");
    if (said == NULL)
        return DUMP_CHECKSUM_UNAWARE;
    return strcasecmp(said, "CRC32") == 0 ? DUMP_CHECKSUM_CRC32 : DUMP_CHECKSUM_NONE;
}

static int64_t capability_from(const struct query_session *vars)
{
    uint64_t n = 0;
    if (!query_variable_number(vars, "mariadb_slave_capability", "mariadb_slave_capability", &n))
        return -1;
    return n < INT32_MAX ? (int64_t)n : INT32_MAX;
}

static int take_gtid_set(const struct command_dump *asked, const struct server_facts *facts,
                         struct dump_request *r, struct err *e)
{
    r->kind = DUMP_BY_GTID_SET;
    r->source_uuid = facts->server_uuid;
    if (strcasecmp(facts->gtid_mode, "ON") != 0)
        return err_set(e, E_PROTOCOL,
                       "The replication sender thread cannot start in AUTO_POSITION mode: this "
                       "server has GTID_MODE = %s instead of ON.",
                       facts->gtid_mode);
    return gtid_set_decode(&r->have, asked->gtid_bytes, e);
}

static int take_gtid_state(const struct query_session *vars, const char *state,
                           struct dump_request *r, struct err *e)
{
    uint64_t strict = 0;
    r->kind = DUMP_BY_GTID_STATE;
    r->strict =
        query_variable_number(vars, "slave_gtid_strict_mode", "slave_gtid_strict_mode", &strict) &&
        strict != 0;
    return gtid_state_parse(&r->state, slice_of_text(state), e);
}

static bool semi_sync_from(const struct query_session *vars)
{
    uint64_t n = 0;
    return query_variable_number(vars, "rpl_semi_sync_replica", "rpl_semi_sync_slave", &n) &&
           n != 0;
}

int dump_request_from(const struct command_dump *asked, const struct server_facts *facts,
                      const struct query_session *vars, uint32_t server_id,
                      struct dump_request *out, struct err *e)
{
    const char         *state = query_variable(vars, "slave_connect_state");
    bool                mariadb = facts->family == FAMILY_MARIADB;
    int                 result = 0;
    struct dump_request r = {
        .kind = DUMP_BY_POSITION,
        .family = facts->family,
        .version_number = facts->version_number,
        .server_id = server_id,
        .checksum = checksum_from(vars),
        .non_block = (asked->flags & DUMP_NON_BLOCK) != 0 || asked->server_id == 0,
        .capability = capability_from(vars),
        .file = asked->file,
        .position = asked->position,
        .source_uuid = "",
    };
    /* One bit with two meanings: only who never spoke of MariaDB's capabilities is MySQL. */
    r.heartbeat_v2 = (asked->flags & DUMP_HEARTBEAT_V2) != 0 && r.capability < 0;
    r.semi_sync = semi_sync_from(vars);
    r.copies = query_variable(vars, "binrelay_copies") != NULL ||
               (dump_request_heartbeat_ns(vars) == 0 &&
                query_variable_either(vars, "replica_uuid", "slave_uuid") == NULL);
    r.annotate = (asked->flags & DUMP_ANNOTATE_ROWS) != 0;
    if (asked->by_gtid_set)
        result = take_gtid_set(asked, facts, &r, e);
    else if (mariadb && state != NULL)
        result = take_gtid_state(vars, state, &r, e);
    if (result != 0) {
        dump_request_done(&r);
        return -1;
    }
    *out = r;
    return 0;
}

int64_t dump_request_heartbeat_ns(const struct query_session *vars)
{
    uint64_t n = 0;
    if (!query_variable_number(vars, "source_heartbeat_period", "master_heartbeat_period", &n) ||
        n == 0)
        return 0;
    if (n > INT64_MAX)
        return INT64_MAX;
    return (int64_t)n < heartbeat_least_ns ? heartbeat_least_ns : (int64_t)n;
}
