/* The `snapshot` request of the control socket (relay/operator/control.h). Any thread. */
#pragma once
#include "relay/operator/control_answer.h"

MUST_CHECK int control_answer_snapshot(const struct control_context *x,
                                       const struct control_request *r, char *const *words,
                                       struct buf *line, control_put *put, void *put_arg,
                                       struct err *e);
