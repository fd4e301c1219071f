/*
 * Answers to the operator's requests, as JSON lines (relay/operator/control.h says which). Any
 * thread.
 */
#pragma once
#include "relay/operator/control.h"

struct control_context { /* what the answers are about; all borrowed */
    const struct config *config;
    struct channels     *channels;
    struct serve        *serve;
    struct retention    *retention;
    struct reload       *reload;
    int64_t              started_ms; /* Unix time in milliseconds */
};

enum { CONTROL_ANSWER_BYTES_MAX = 64 * 1024 * 1024 };

/* Takes one finished line; -1 when the client is gone. */
typedef int control_put(void *arg, struct slice line, struct err *e);

/* What is asked for, behind the words "channel", NAME if they are there: *slot is the channel that
   is meant, NULL when none was named and there are several. E_CONFIG for an unknown name. */
struct control_request {
    char                      *words; /* in the request itself */
    const struct channel_slot *slot;
    size_t                     index; /* of the slot */
};
MUST_CHECK int control_parse(const struct control_context *x, char *request,
                             struct control_request *out, struct err *e);
/* The channel that a request is about: E_CONFIG when it has to be named, E_STOPPED when it could
   not be opened. */
MUST_CHECK int control_channel(const struct control_context *x, const struct control_request *r,
                               struct channel **out, struct err *e);

/* Not for `follow`. */
MUST_CHECK int control_answer(const struct control_context *x, struct control_request *r,
                              control_put *put, void *put_arg, struct err *e);
/* Adds the newline, and hands the line over. */
MUST_CHECK int control_emit(struct buf *line, control_put *put, void *put_arg, struct err *e);
void           control_answer_error(const struct err *why, struct buf *out);
/* {"published":...} and a newline. */
void control_answer_published(struct store *s, store_pos at, struct buf *out);
