/*
 * What SHOW BINLOG EVENTS says of an event, in the words of the server that wrote it.
 *
 * Any thread. An event that does not parse is shown without details: it is not the place to judge
 * it. Source: MySQL and MariaDB, the pack_info() functions of their events, seen at real servers.
 */
#pragma once
#include "protocol/event.h"
#include "protocol/format.h"

/* "Write_rows", which is type 23 for one server and 30 for another one. */
const char *event_info_name(const struct format *f, const struct event *ev);
/* Appends. `ev` may be the head of a larger event. */
void event_info_put(const struct format *f, const struct event *ev, struct buf *out);
