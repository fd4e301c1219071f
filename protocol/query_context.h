/*
 * What a QUERY event tells of the session its statement ran in: its status variables.
 *
 * Plain data; slices point into the event. Any thread.
 * Source: MySQL libbinlogevents statement_events.h (Query_event, "Status variables"); MariaDB
 * sql/log_event.h.
 */
#pragma once
#include "protocol/event.h"

enum query_flag { /* of flags2 */
                  QUERY_AUTO_IS_NULL = 0x00004000,
                  QUERY_NO_FOREIGN_KEY_CHECKS = 0x04000000,
                  QUERY_RELAXED_UNIQUE_CHECKS = 0x08000000,
};

struct query_context {
    bool         has_flags2, has_sql_mode, has_auto_increment, has_charset, has_time_zone;
    bool         has_explicit_timestamp, has_require_primary_key, has_table_encryption;
    uint32_t     flags2;
    uint64_t     sql_mode;
    uint16_t     auto_increment_step, auto_increment_offset;
    uint16_t     client, connection, server; /* collations */
    struct slice time_zone;
    uint16_t     lc_time_names;                       /* 0, en_US, is what is not told */
    uint16_t     charset_database, utf8mb4_collation; /* 0: not told */
    uint32_t     microseconds;                        /* of the statement's time */
    bool         explicit_timestamp, require_primary_key, table_encryption;
};

/* What is not known ends the list, as servers read it. E_PROTOCOL when a known one is cut off. */
MUST_CHECK int query_context_read(struct slice status_vars, struct query_context *out,
                                  struct err *e);
