/* Answers that change what the daemon runs with (relay/operator/control.h says which). Any thread.
 */
#pragma once
#include "relay/operator/control_answer.h"

MUST_CHECK int control_answer_restart(const struct control_context *x,
                                      const struct control_request *r, char *const *words,
                                      struct buf *line, control_put *put, void *put_arg,
                                      struct err *e);
MUST_CHECK int control_answer_reload(const struct control_context *x,
                                     const struct control_request *r, char *const *words,
                                     struct buf *line, control_put *put, void *put_arg,
                                     struct err *e);
