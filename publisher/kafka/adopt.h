/*
 * A Debezium connector's offset, read from the topic in which Kafka Connect keeps offsets.
 *
 * One thread. Source: Kafka Connect, "offset.storage.topic": key ["CONNECTOR",{"server":"..."}],
 * value {"file":"...","pos":4,"gtids":"...","event":2,"row":1}; the newest record counts.
 */
#pragma once
#include "publisher/adopt.h"
#include "protocol/base/buf.h"

/* Whether a record's key is the connector's. */
bool adopt_is_key(struct slice key, const char *connector);
/* E_PROTOCOL for what is no offset of a MySQL or MariaDB connector. */
MUST_CHECK int adopt_parse(struct slice value, struct adopt_offset *out, struct err *e);
