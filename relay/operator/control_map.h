/* The answer that tells a place in all its coordinates (relay/operator/control.h). Any thread. */
#pragma once
#include "relay/operator/control_answer.h"

MUST_CHECK int control_answer_map(const struct control_context *x, const struct control_request *r,
                                  char *const *words, struct buf *line, control_put *put,
                                  void *put_arg, struct err *e);
