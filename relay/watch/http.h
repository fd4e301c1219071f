/*
 * The HTTP endpoint: /metrics, /healthz, /readyz, /status, and a page for people.
 *
 * One thread of libmicrohttpd serves all connections, another one takes samples for the page's
 * charts. Whoever connects is a stranger: only GET and HEAD without a body are answered, requests
 * and connections are bounded in size, number and time. Made, started and stopped by main;
 * everything handed over must live until http_stop().
 */
#pragma once
#include "relay/config/config.h"
#include "relay/operator/control_answer.h"

struct http;

/* Listens, and answers from then on. NULL in *out where the configuration says that it is not
   wanted, or, when it says nothing of it, where its port is taken (which is logged). E_CONFIG: the
   address or port can't be used. */
MUST_CHECK int http_start(const struct config *config, const struct control_context *context,
                          struct http **out, struct err *e);
void           http_stop(struct http *h); /* accepts NULL */
