/*
 * Answers to the operator's requests, as JSON lines (relay/operator/control.h says which). Any
 * thread.
 */
#pragma once
#include "relay/operator/control.h"

struct control_context { /* what the answers are about; all borrowed */
    const struct config *config;
    struct channel      *channel;
    struct serve        *serve;
    struct retention    *retention;
    int64_t              started_s;
};

enum { CONTROL_ANSWER_BYTES_MAX = 64 * 1024 * 1024 };

/* Takes one finished line; -1 when the client is gone. */
typedef int control_put(void *arg, struct slice line, struct err *e);

/* `request` is one line without its newline; it is taken apart in place. Not for `follow`. */
MUST_CHECK int control_answer(const struct control_context *x, char *request, control_put *put,
                              void *put_arg, struct err *e);
void           control_answer_error(const struct err *why, struct buf *out);
/* {"published":...} and a newline. */
void control_answer_published(struct store *s, store_pos at, struct buf *out);
