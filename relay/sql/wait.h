/*
 * What statements wait for: transactions and places that are to be published here. Nothing blocks;
 * each asks once, and who gets "not yet" asks again after the published end has risen. Any thread.
 * Source: MySQL manual, "Position-Based Synchronization Functions" and "Functions Used with Global
 * Transaction Identifiers"; MariaDB knowledge base, MASTER_GTID_WAIT.
 */
#pragma once
#include "relay/sql/query.h"

enum wait_result {
    WAIT_THERE,
    WAIT_NOT_YET,
    WAIT_NEVER, /* a file of another name, or nothing comes any more */
};

/* Are all of a set's transactions here? */
MUST_CHECK int wait_for_set(const struct query_env *env, const struct gtid_set *set,
                            enum wait_result *out, struct err *e);
/* MariaDB: is each domain's place reached? */
MUST_CHECK int wait_for_state(const struct query_env *env, const struct gtid_state *state,
                              enum wait_result *out, struct err *e);
/* A place as the source names it, or else as the relay does. */
enum wait_result wait_for_place(const struct query_env *env, struct slice file, uint64_t offset);
