/* Answers about the sources of channels (relay/operator/control.h says which). Any thread. */
#pragma once
#include "protocol/base/json.h"
#include "relay/operator/control_answer.h"

/* Members of a channel's source: the epoch, and how it came to be followed. */
void control_put_change(struct json *j, struct channel *c);

MUST_CHECK int control_answer_sources(const struct control_context *x,
                                      const struct control_request *r, char *const *words,
                                      struct buf *line, control_put *put, void *put_arg,
                                      struct err *e);
MUST_CHECK int control_answer_epochs(const struct control_context *x,
                                     const struct control_request *r, char *const *words,
                                     struct buf *line, control_put *put, void *put_arg,
                                     struct err *e);
MUST_CHECK int control_answer_switch(const struct control_context *x,
                                     const struct control_request *r, char *const *words,
                                     struct buf *line, control_put *put, void *put_arg,
                                     struct err *e);
