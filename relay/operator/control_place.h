/* Places of the store and GTIDs in the answers of the control socket. Any thread. */
#pragma once
#include "protocol/base/json.h"
#include "protocol/gtid.h"
#include "storage/store.h"

void put_gtids(struct json *j, const char *name, const struct gtids *g);
/* "ordinal", "file", "offset" of the object at hand. */
void put_pos_fields(struct json *j, struct store *s, store_pos at);
/* {"ordinal":1,"file":"binlog.000001","offset":157}; 0 is null. */
void put_pos(struct json *j, const char *name, struct store *s, store_pos at);
