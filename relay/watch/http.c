#include "relay/watch/http.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <microhttpd.h>
#include "protocol/base/own.h"
#include "relay/channels.h"
#include "relay/downstream/serve.h"
#include "relay/log.h"
#include "relay/watch/metrics.h"
#include "relay/watch/overview.h"
#include "relay/watch/page.h"
#include "relay/watch/sampler.h"

enum {
    SOCKETS_MAX = 4,
    BACKLOG = 64,
    IDLE_S = 15,                  /* a connection on which nothing moves for so long ends */
    CONNECTION_BYTES = 32 * 1024, /* memory for a request's head and its answer's */
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    LOOP_WAIT_MS = 3000,
};

struct http {
    const struct config          *config;
    const struct control_context *context;
    struct overview_of            of;
    struct history               *history;
    struct sampler               *sampler;
    size_t                        count;
    struct MHD_Daemon            *daemons[SOCKETS_MAX]; /* one for each socket */
};

/* ---- answers ------------------------------------------------------------------------------- */

struct answer {
    unsigned    code;
    const char *type;
    struct buf  body;
};

static const char text_type[] = "text/plain; charset=utf-8";

/* What can't be answered is our own trouble, not the asker's. */
static void answer_error(struct answer *a, const struct err *e)
{
    a->code = MHD_HTTP_INTERNAL_SERVER_ERROR;
    a->type = text_type;
    buf_clear(&a->body);
    buf_printf(&a->body, "%s\n", e->text);
}

static void answer_metrics(struct http *h, struct answer *a)
{
    struct overview o;
    struct err      e = { 0 };

    if (overview_take(&h->of, &o, &e) != 0) {
        answer_error(a, &e);
        return;
    }
    a->type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_put(&o, &a->body);
    overview_done(&o);
}

/* The process answers, since this runs; so do its loops. */
static void answer_health(struct http *h, struct answer *a)
{
    if (serve_answers(h->of.serve, LOOP_WAIT_MS)) {
        buf_put_text(&a->body, "ok\n");
        return;
    }
    a->code = MHD_HTTP_SERVICE_UNAVAILABLE;
    buf_printf(&a->body, "a thread that serves consumers did not answer within %d ms\n",
               LOOP_WAIT_MS);
}

static void answer_ready(struct http *h, struct answer *a)
{
    struct overview o;
    struct err      e = { 0 };

    if (overview_take(&h->of, &o, &e) != 0) {
        answer_error(a, &e);
        return;
    }
    if (overview_ready(&o, &a->body))
        buf_put_text(&a->body, "ready\n");
    else
        a->code = MHD_HTTP_SERVICE_UNAVAILABLE;
    overview_done(&o);
}

static int take_line(void *arg, struct slice line, struct err *e)
{
    buf_put(arg, line);
    return buf_check(arg, "an answer", e);
}

/* The same as on the control socket. */
static void answer_status(struct http *h, struct answer *a)
{
    char                   words[] = "status";
    struct control_request r;
    struct err             e = { 0 };

    a->type = "application/json";
    if (control_parse(h->context, words, &r, &e) != 0 ||
        control_answer(h->context, &r, take_line, &a->body, &e) != 0)
        answer_error(a, &e);
}

static void answer_page(struct http *h, struct answer *a)
{
    struct overview o;
    struct err      e = { 0 };

    if (overview_take(&h->of, &o, &e) != 0) {
        answer_error(a, &e);
        return;
    }
    a->type = "text/html; charset=utf-8";
    page_put(&o, h->history, &a->body);
    overview_done(&o);
}

static const struct route {
    const char *path;
    void (*answer)(struct http *h, struct answer *a);
} routes[] = {
    { "/", answer_page },        { "/metrics", answer_metrics }, { "/healthz", answer_health },
    { "/readyz", answer_ready }, { "/status", answer_status },
};

static void answer_missing(struct answer *a)
{
    a->code = MHD_HTTP_NOT_FOUND;
    buf_put_text(&a->body, "there is nothing here; there is:");
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        buf_printf(&a->body, " %s", routes[i].path);
    buf_put_text(&a->body, "\n");
}

/* ---- requests ------------------------------------------------------------------------------ */

static enum MHD_Result send_answer(struct MHD_Connection *c, struct answer *a)
{
    /* Nothing here may be kept, framed, guessed at, or load anything from elsewhere. */
    static const char *const headers[][2] = {
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Content-Security-Policy",
          "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'" },
    };
    uint8_t    nothing = 0;
    struct err e = { 0 };

    if (buf_check(&a->body, "an answer", &e) != 0)
        answer_error(a, &e);
    struct MHD_Response *r = MHD_create_response_from_buffer(
        a->body.len, a->body.len > 0 ? a->body.ptr : &nothing, MHD_RESPMEM_MUST_COPY);
    if (r == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        (void)MHD_add_response_header(r, headers[i][0], headers[i][1]);
    if (a->code == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(c, a->code, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **state)
{
    static char         seen;
    struct http        *h = arg;
    struct answer       a = { .code = MHD_HTTP_OK, .type = text_type };
    const struct route *route = NULL;

    (void)version;
    (void)upload;
    bool fits =
        strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    /* The head has come; a body may follow. An answer now ends the connection, one at the next call
       lets it go on. */
    if (fits && *state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_bytes != 0)
        return MHD_NO; /* nobody asks with a body: the connection ends */
    buf_init(&a.body, ANSWER_BYTES_MAX);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(routes[i].path, url) == 0)
            route = &routes[i];
    if (!fits) {
        a.code = MHD_HTTP_METHOD_NOT_ALLOWED;
        buf_put_text(&a.body, "only GET and HEAD are possible here\n");
    } else if (route != NULL) {
        route->answer(h, &a);
    } else {
        answer_missing(&a);
    }
    enum MHD_Result result = send_answer(c, &a);
    buf_done(&a.body);
    return result;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int open_socket(const struct addrinfo *a, int *out, struct err *e)
{
    int one = 1;

    OWN_FD int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return err_sys(e, "make a socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        return err_sys(e, "bind");
    if (listen(fd, BACKLOG) != 0)
        return err_sys(e, "listen");
    *out = take_fd(&fd);
    return 0;
}

static int serve_socket(struct http *h, const struct addrinfo *a, struct err *e)
{
    OWN_FD int fd = -1;

    TRY(open_socket(a, &fd, e));
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)h->config->http.max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_END);
    if (d == NULL)
        return err_set(e, E_IO, "can't start a thread for HTTP");
    (void)take_fd(&fd);
    h->daemons[h->count++] = d;
    return 0;
}

static int http_listen(struct http *h, struct err *e)
{
    const struct config_http *keys = &h->config->http;
    const struct addrinfo     hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                        .ai_socktype = SOCK_STREAM };
    struct addrinfo          *found = NULL;
    char                      service[8];
    struct err                why = { 0 };

    (void)snprintf(service, sizeof service, "%u", keys->port);
    int result = getaddrinfo(strcmp(keys->address, "*") == 0 ? NULL : keys->address, service,
                             &hints, &found);
    if (result != 0)
        return err_set(e, E_CONFIG, "[http] address '%s': %s", keys->address, gai_strerror(result));
    for (const struct addrinfo *a = found; a != NULL && h->count < SOCKETS_MAX; a = a->ai_next)
        if (serve_socket(h, a, &why) != 0)
            continue;
    freeaddrinfo(found);
    if (h->count > 0)
        return 0;
    return err_set(e, E_CONFIG,
                   "can't answer HTTP on '%s' port %u: %s; choose another [http] port, or set "
                   "'enabled = no' there",
                   keys->address, keys->port, why.text);
}

int http_start(const struct config *config, const struct control_context *context,
               struct http **out, struct err *e)
{
    if (!config->http.enabled) {
        *out = NULL;
        return 0;
    }
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL)
        return err_set(e, E_NOMEM, "no memory for HTTP");
    h->config = config;
    h->context = context;
    h->of = (struct overview_of){ .config = config,
                                  .channels = context->channels,
                                  .serve = context->serve,
                                  .started_ms = context->started_ms };
    if (history_new(&h->history, e) != 0) {
        http_stop(h);
        return -1;
    }
    if (http_listen(h, e) == 0) {
        if (sampler_start(&h->of, h->history, &h->sampler, e) != 0) {
            http_stop(h);
            return -1;
        }
        log_write(LOG_INFO, "http", "answering on %s port %u", config->http.address,
                  config->http.port);
        *out = h;
        return 0;
    }
    http_stop(h);
    /* Two relays on one machine, neither of which was told about HTTP, are no reason to fail. */
    if (config->has_http)
        return -1;
    log_write(LOG_WARNING, "http", "%s", e->text);
    *out = NULL;
    return 0;
}

void http_stop(struct http *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++)
        MHD_stop_daemon(h->daemons[i]);
    sampler_stop(h->sampler);
    history_free(h->history);
    free(h);
}
