/* What the operator is told of a consumer (relay/operator/control.h). Any thread. */
#pragma once
#include "relay/channel.h"

/* One object. What can't be found out, since the place is gone or has no GTIDs, is null. */
void control_put_consumer(struct channel *c, const struct config_channel *keys,
                          const struct consumer_info *x, struct buf *out);
