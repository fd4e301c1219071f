/*
 * How the relay introduces itself: as its source does, but for what a relay can't do.
 *
 * Any thread. Measured at real servers of each version; MySQL protocol documentation,
 * "Capabilities Flags".
 */
#pragma once
#include "protocol/handshake.h"
#include "relay/channel.h"
#include "relay/upstream/remembered.h"

/* What a server of the source's version offers, without what greeting.c gives a reason against. */
uint32_t greeting_capabilities(const struct server_facts *facts, bool tls);
/* The number of the source's default collation; `variables` may be NULL. */
uint8_t greeting_charset(const struct server_facts *facts, const struct remembered_list *variables);
