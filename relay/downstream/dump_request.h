/*
 * What a consumer wants, gathered from its dump command, from the user variables that it set before
 * and from the family of the stream. Used by the session.
 */
#pragma once
#include "protocol/command.h"
#include "relay/channel.h"
#include "relay/downstream/dump.h"
#include "relay/sql/query.h"

/* *out must be freed with dump_request_done(), or moved into a dump. Texts point into `asked`,
   `facts` and `vars`. E_PROTOCOL, with a text for the consumer, when it can't be served so. */
MUST_CHECK int dump_request_from(const struct command_dump *asked, const struct server_facts *facts,
                                 const struct query_session *vars, uint32_t server_id,
                                 struct dump_request *out, struct err *e);

/* @source_heartbeat_period, which is in nanoseconds; 0: none wanted. */
int64_t dump_request_heartbeat_ns(const struct query_session *vars);
